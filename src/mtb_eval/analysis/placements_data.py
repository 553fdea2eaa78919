"""Families as the placement analyses see them: placed or not, when, in which block, and rows of their tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import FAILURES, Row
from mtb_eval.analysis.decomposition_sources import half_year
from mtb_eval.analysis.placements import time_to_placement
from mtb_eval.analysis.received import DAYS_PER_MONTH
from mtb_eval.analysis.row_table import ESTIMATE
from mtb_eval.data.assemble import placed
from mtb_eval.data.families import Study
from mtb_eval.data.registers import register_spells
from mtb_eval.inference.counts import Counts, two_arms
from mtb_eval.inference.estimate import Estimate
from mtb_eval.study import Outcome, Plan

Array = NDArray[np.float64]
Labels = NDArray[np.str_]

REGISTRATION, REGISTER = "registration", "register"
TEST_COLUMNS = (
    "source",
    "outcome",
    "analysis",
    "measure",
    "code",
    "method",
    *ESTIMATE,
    "standardised",
    "std_low",
    "std_high",
    "n_mtb_events",
    "n_mtb",
    "n_control_events",
    "n_control",
    "n_clusters",
    "n_free",
    "warning",
    "error",
)
NO_DATA = "no source tells which families' children were placed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """The n families of whom it is known whether the child was placed before the plan's age.

    `event` 1 if placed, `mtb`, `covariates` (n, k) with `names`, `municipality` and `block` (municipality and
    half-year of recruitment); `months` from birth to the placement or to `until`; `leaving` (n,) months at which
    registration may have ended for a competing reason (inf: not).
    """

    event: Array
    mtb: Array
    municipality: Labels
    block: Labels
    covariates: Array
    names: tuple[str, ...]
    months: Array
    leaving: Array
    until: float

    @property
    def counts(self) -> Counts:
        """Placements and families, MTB first."""
        return two_arms(self.event, self.mtb)

    @property
    def n_clusters(self) -> int:
        """Number of municipalities."""
        return len(set(self.municipality.tolist()))


def placement_outcome(plan: Plan) -> Outcome | None:
    """Return the outcome that holds placements, or None where the plan has none."""
    rule = plan.placements
    return next((o for o in plan.outcomes if rule and o.id == rule.outcome), None)


def by_source(study: Study, plan: Plan) -> Iterator[tuple[str, Study]]:
    """Yield each source of placements with the study as that source has it: registration, then the register."""
    if study.placements_from != "nothing":
        yield (REGISTRATION if study.placements_from == "registration" else REGISTER), study
    if study.placements_from == "registration" and "paragraph" in study.register_events:
        yield REGISTER, register_study(study, plan)


def register_study(study: Study, plan: Plan) -> Study:
    """Return the study with placements as the register extract has them; those begun before birth are left out."""
    spells = register_spells(study.register_events, study.families, plan)
    outcome = placement_outcome(plan)
    families = study.families
    if outcome is not None:
        indexed = families.set_index("family_id", drop=False)
        families = families.assign(**{outcome.variable: placed(indexed, spells, plan).to_numpy()})
    return replace(study, families=families, placements=spells, placements_from="register")


def placed_families(study: Study, plan: Plan, outcome: Outcome) -> Placed:
    """Return the families whose status is known; `study.placements` gives the times."""
    families = study.families
    known = families[np.isfinite(families[outcome.variable].to_numpy(dtype=float))]
    until = plan.placements.months if plan.placements else plan.waves[-1].months
    months, _ = time_to_placement(known, study.placements, until)
    names = _names(plan, families)
    place = known["municipality"].to_numpy(dtype=str)
    return Placed(
        event=known[outcome.variable].to_numpy(dtype=float),
        mtb=known["mtb"].to_numpy(dtype=float),
        municipality=place,
        block=np.array([f"{m} {h}" for m, h in zip(place, half_year(known), strict=True)], dtype=str),
        covariates=_filled(known, families, names),
        names=names,
        months=months,
        leaving=_leaving(known, plan),
        until=float(until),
    )


def attempted(base: Mapping[str, object], builds: Iterable[tuple[str, Callable[[], Iterable[Row]]]]) -> Iterator[Row]:
    """Yield the rows of each named analysis on top of `base`; one that cannot be computed is a row with its error."""
    for analysis, build in builds:
        try:
            rows = list(build())
        except FAILURES as failure:
            rows = [{"measure": analysis, "method": "not estimated", "error": str(failure)}]
        for row in rows:
            yield {**base, "analysis": analysis, **row}


def coded(code: str, row: Row) -> Row:
    """Return a row with the short name by which the report knows it."""
    return {**row, "code": code}


def as_row(measure: str, e: Estimate, *, method: str = "", warning: str = "") -> Row:
    """Return an Estimate as columns of the table of tests."""
    numbers = {k: float(getattr(e, k)) for k in ESTIMATE}
    return {"measure": measure, "method": method or e.method, **numbers, "warning": warning or e.warning}


def as_ratio(measure: str, e: Estimate, *, method: str = "", warning: str = "") -> Row:
    """Return the exponential of an Estimate on the log scale; `se` stays that of the log."""
    row = as_row(measure, e, method=f"{method or e.method}; se of the log", warning=warning)
    return {**row, **{k: math.exp(float(getattr(e, k))) for k in ("estimate", "ci_low", "ci_high")}}


def _names(plan: Plan, families: pd.DataFrame) -> tuple[str, ...]:
    declared = plan.placements_detail.covariates if plan.placements_detail else ()
    return tuple(n for n in declared if n in families)


def _filled(known: pd.DataFrame, families: pd.DataFrame, names: tuple[str, ...]) -> Array:
    """Return covariates in standard units of all families; a missing one is their mean."""
    columns = []
    for name in names:
        everyone = families[name].to_numpy(dtype=float)
        spread = float(np.nanstd(everyone))
        centred = (known[name].to_numpy(dtype=float) - np.nanmean(everyone)) / (spread if spread > 0 else 1.0)
        columns.append(np.where(np.isfinite(centred), centred, 0.0))
    return np.column_stack(columns) if columns else np.empty((len(known), 0))


def _leaving(known: pd.DataFrame, plan: Plan) -> Array:
    """Return months from birth to leaving for a reason after which a placement may not be registered; inf if none."""
    reasons = plan.placements_detail.competing if plan.placements_detail else ()
    if "left_on" not in known or "left_reason" not in known:
        return np.full(len(known), math.inf)
    months = (known["left_on"] - known["born_on"]).dt.days / DAYS_PER_MONTH
    there = known["left_reason"].isin(reasons) & months.notna()
    return np.asarray(np.where(there, np.maximum(months.to_numpy(dtype=float), 0.01), math.inf))
