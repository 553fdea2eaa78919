"""Dose by a landmark: visits counted until one age, outcomes later, among families still in care at that age.

Whoever left, moved or had the child placed early could not reach many visits: counting visits to the end makes a high
dose partly the mark of having stayed (immortal time). Counting them to the landmark, and leaving out families that
were gone by then in both arms, removes this part; reasons that make families stay at the landmark remain.
Anderson, Cain & Gelber (1983), doi:10.1200/JCO.1983.1.11.710.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from mtb_eval.analysis.care_effect import Row, estimate_row, wild_row
from mtb_eval.analysis.dose_contrasts import WEIGHTS, group_contrast, group_fit
from mtb_eval.analysis.dose_data import (
    COUNTED,
    ESTIMATED,
    NAMED,
    Array,
    DoseData,
    Flags,
    adjusted_columns,
    dose_data,
    frame,
    tried,
)
from mtb_eval.analysis.model_data import stack
from mtb_eval.analysis.received import DAYS_PER_MONTH, at_threshold, birthday, retained
from mtb_eval.data.families import Study
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.ols import ols
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.inference.wild import wild_bootstrap
from mtb_eval.study import Outcome, Plan

RATE = "one visit a month more"
LANDMARK_COLUMNS = (*NAMED, *ESTIMATED, "n_gone_mtb", "n_gone_control", *COUNTED)


def landmark(study: Study, plan: Plan, outcomes: list[Outcome]) -> pd.DataFrame:
    """Return the dose contrasts by the landmark, and the difference that goes with one visit a month more in MTB.

    High are families with the declared number of visits by the landmark. `n_gone_mtb`, `n_gone_control`: families with
    the outcome that were not in care, or placed, at the landmark and are left out.
    """
    rule, detail = plan.dose, plan.dose_detail
    if rule is None or detail is None:
        return frame([], LANDMARK_COLUMNS)
    there = _still_there(study, rule.landmark_months)
    counted = visits_by(study, rule.landmark_months)
    by_landmark = replace(rule, threshold=detail.landmark_visits)
    rows: list[Row] = []
    for outcome in outcomes:
        whole = dose_data(study, plan, outcome, rule)
        dose = dose_data(study, plan, outcome, rule, among=there & np.isfinite(counted))
        visits = counted[dose.data.rows]
        high = at_threshold(visits, by_landmark) & dose.mtb
        dose = replace(dose, visits=visits, high=high, low=dose.mtb & ~high)
        gone = ~there[whole.data.rows]
        lost = {"n_gone_mtb": float((gone & whole.mtb).sum()), "n_gone_control": float((gone & ~whole.mtb).sum())}
        late = plan.wave(outcome.wave).months > rule.landmark_months
        problem = "" if late else "the outcome was measured before the landmark"
        rows += [{**row, **lost} for row in _rows(study, dose, rule.landmark_months, (problem, detail.fewest))]
    return frame(rows, LANDMARK_COLUMNS)


def visits_by(study: Study, months: int) -> Array:
    """Return held visits (families,) until each child was `months` old; 0 in usual care, NaN without a dated log."""
    families, log = study.families, study.visits
    control = families["mtb"].to_numpy(dtype=float) == 0
    if not {"family_id", "visited_on"} <= set(log) or not len(log):
        return np.where(control, 0.0, np.nan)
    held = log[log["status"] != "cancelled"] if "status" in log else log
    until = held["family_id"].map(families.set_index("family_id")["born_on"]) + pd.DateOffset(months=months)
    counts = held[held["visited_on"] < until]["family_id"].value_counts()
    n = families["family_id"].map(counts).fillna(0.0).to_numpy(dtype=float)
    return np.where(control, 0.0, np.where(families["born_on"].isna(), np.nan, n))


def _still_there(study: Study, months: int) -> Flags:
    """Return which families had neither left nor had the child placed when it was `months` old, (families,)."""
    families = study.families
    placed = pd.Series(False, index=families.index)
    if {"family_id", "placed_on"} <= set(study.placements):
        first = study.placements.groupby("family_id")["placed_on"].min()
        placed = families["family_id"].map(first) < birthday(families["born_on"], months)
    return np.asarray(retained(families, months) & ~placed.to_numpy(dtype=bool))


def _rows(study: Study, dose: DoseData, months: int, limits: tuple[str, int]) -> Iterator[Row]:
    problem, fewest = limits
    base = dose.base(f"landmark at {months} months")
    for contrast in WEIGHTS:
        why = problem or dose.lacking(contrast, fewest=fewest)
        yield from tried({**base, "contrast": contrast}, why, partial(_contrast, dose, contrast))
    why = problem or dose.problem()
    yield from tried({**base, "contrast": RATE}, why, partial(_rate, study, dose, months))


def _contrast(dose: DoseData, contrast: str) -> Iterator[Row]:
    fit = group_fit(dose)
    weights = group_contrast(dose, contrast, fit.cross.n_columns)
    yield estimate_row(cluster_robust(fit, weights, kind="CR2", level=dose.level))
    yield wild_row(wild_bootstrap(fit, weights, variant="wcr31", level=None))


def _rate(study: Study, dose: DoseData, months: int) -> Iterator[Row]:
    families = study.families.iloc[dose.data.rows]
    at_risk = birthday(families["born_on"], months) - families["recruited_on"]
    rate = dose.visits / (at_risk.dt.days.to_numpy(dtype=float) / DAYS_PER_MONTH)
    if not np.isfinite(rate[dose.mtb]).all():
        raise ValueError("the time at risk until the landmark is not known for every MTB family")
    centred = np.where(dose.mtb, rate - rate[dose.mtb].mean(), 0.0)
    x = stack(centred, dose.data.mtb, adjusted_columns(dose.data))
    fit = ols(cross_products(x, dose.data.y, dose.data.municipality), collinear="drop")
    yield estimate_row(cluster_robust(fit, np.eye(x.shape[1])[0], kind="CR2", level=dose.level))
