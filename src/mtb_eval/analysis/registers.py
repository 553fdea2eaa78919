"""The two sources of placements held against each other by family, as counts only."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa

from mtb_eval.analysis.care_effect import Row
from mtb_eval.analysis.placements_data import (
    REGISTER,
    REGISTRATION,
    placement_outcome,
)
from mtb_eval.analysis.row_table import row_table
from mtb_eval.data.families import Study
from mtb_eval.data.registers import all_spells, is_placement, register_spells
from mtb_eval.study import Outcome, Plan

Array = NDArray[np.float64]

AGREEMENT_COLUMNS = (
    "arm",
    "n",
    "both",
    "only_registration",
    "only_register",
    "neither",
    "unknown",
    "agreement",
    "kappa",
    "kappa_low",
    "kappa_high",
    "days_between",
    "warning",
)
EXTRACT_COLUMNS = ("what", "n")


def agreement(sources: Mapping[str, Study], plan: Plan) -> pd.DataFrame:
    """Return how far registration and register agree on who was placed before the plan's age; empty without both.

    One row for all and one by arm: families in both, in one only, in neither, and unknown in one; share of agreement
    and Cohen's kappa with its large-sample interval (Cohen 1960, doi 10.1177/001316446002000104; NaN where only one
    answer occurs); `days_between`: median absolute difference of the first day among families in both. `sources`
    holds the study as each source has it (`by_source`).
    """
    outcome = placement_outcome(plan)
    if outcome is None or len(sources) < 2:
        return row_table([], AGREEMENT_COLUMNS)
    return row_table(_agreement(sources[REGISTRATION], sources[REGISTER], outcome, plan.level), AGREEMENT_COLUMNS)


def extract(study: Study, sources: Mapping[str, Study], plan: Plan) -> pd.DataFrame:
    """Return what a register extract holds and what became of it; columns what, n; empty without an extract."""
    events = study.register_events
    if "paragraph" not in events:
        return row_table([], EXTRACT_COLUMNS)
    spells, kept = all_spells(events, plan), register_spells(events, study.families, plan)
    outcome = placement_outcome(plan)
    early = sources[REGISTER].families[outcome.variable].sum() if outcome else math.nan
    rows = {
        "events": len(events),
        "preventive measures, not counted": int((~is_placement(events)).sum()),
        "events of placement": int(is_placement(events).sum()),
        "placements after merging": len(spells),
        "begun before birth, left out": len(spells) - len(kept),
        "children ever placed": kept["family_id"].nunique(),
        "children placed before the age limit": early,
    }
    return row_table([{"what": what, "n": float(n)} for what, n in rows.items()], EXTRACT_COLUMNS)


def _agreement(registration: Study, register: Study, outcome: Outcome, level: float) -> Iterator[Row]:
    one, two = (s.families[outcome.variable].to_numpy(dtype=float) for s in (registration, register))
    mtb = registration.families["mtb"].to_numpy(dtype=float)
    days = _days_between(registration, register)
    for arm, here in (("all", np.full(len(mtb), True)), ("mtb", mtb == 1), ("control", mtb == 0)):
        yield {"arm": arm, **_counts(one[here], two[here], days[here], level)}


def _counts(one: Array, two: Array, days: Array, level: float) -> Row:
    known = np.isfinite(one) & np.isfinite(two)
    a, b = one[known] == 1, two[known] == 1
    cells = [int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum()), int((~a & ~b).sum())]
    kappa, low, high, warning = _kappa(cells, level)
    both = days[known][a & b]
    return {
        "n": float(len(one)),
        **dict(zip(("both", "only_registration", "only_register", "neither"), map(float, cells), strict=True)),
        "unknown": float((~known).sum()),
        "agreement": (cells[0] + cells[3]) / sum(cells) if sum(cells) else math.nan,
        "kappa": kappa,
        "kappa_low": low,
        "kappa_high": high,
        "days_between": float(np.nanmedian(both)) if np.isfinite(both).any() else math.nan,
        "warning": warning,
    }


def _kappa(cells: list[int], level: float) -> tuple[float, float, float, str]:
    square = np.array([[cells[0], cells[1]], [cells[2], cells[3]]], dtype=float)
    if max(cells[0], cells[3]) == square.sum():
        return math.nan, math.nan, math.nan, "only one answer occurs: kappa is not defined"
    if square[0, 1] == square[1, 0] == 0:
        return 1.0, math.nan, math.nan, "full agreement: kappa has no interval"
    if not (square.sum(axis=0) * square.sum(axis=1)).all():
        return 0.0, math.nan, math.nan, "one source has only one answer: kappa has no interval"
    found = cohens_kappa(square)
    half = float(stats.norm.ppf(0.5 + level / 2) * found.std_kappa)
    return float(found.kappa), float(found.kappa) - half, min(1.0, float(found.kappa) + half), ""


def _days_between(registration: Study, register: Study) -> Array:
    ids = registration.families["family_id"]
    starts = [s.placements.astype({"placed_on": "datetime64[us]"}) for s in (registration, register)]
    one, two = (s.groupby("family_id")["placed_on"].min().reindex(ids).to_numpy() for s in starts)
    return np.where(np.isnat(one) | np.isnat(two), np.nan, np.abs((one - two) / np.timedelta64(1, "D")))
