"""Interaction rated from video: change between two waves within each arm, and the difference in change.

The first video is taken after the programme began: it is no baseline, and change within an arm is no effect.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from mtb_eval.analysis.care_effect import FAILURES, Row, attempt, base_row, estimate_row
from mtb_eval.analysis.model_data import ModelData, pooled_sd
from mtb_eval.analysis.row_table import ESTIMATE
from mtb_eval.analysis.verdicts import sign_of
from mtb_eval.data.families import Study
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.estimate import Estimate
from mtb_eval.inference.ols import ols
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.study import Outcome, Plan

CHANGE_COLUMNS = (
    "column",
    "arm",
    "n",
    "mean_from",
    "mean_to",
    *ESTIMATE,
    "std",
    "warning",
)
DIFFERENCE = "difference in change"


def change(study: Study, plan: Plan) -> pd.DataFrame:
    """Return the paired mean change by rated scale and arm: CR2 by municipality, Satterthwaite df.

    `std` is the change in SDs of the first wave (pooled over arms), positive is better.
    """
    rows = [row for outcome in rated_outcomes(plan) for row in _arms(study, plan, outcome)]
    return pd.DataFrame(rows, columns=list(CHANGE_COLUMNS))


def difference_rows(study: Study, plan: Plan) -> Iterator[Row]:
    """Yield the difference in change between the arms (MTB minus usual care), unadjusted, CR2, per rated scale."""
    for outcome in rated_outcomes(plan):
        data = paired(study, plan, outcome)
        base = {**base_row(data, outcome), "estimand": DIFFERENCE, "estimator": "change"}
        yield from attempt(base, data, _difference, plan.level)


def rated_outcomes(plan: Plan) -> list[Outcome]:
    """Return the video outcomes at the later of the two waves."""
    rule = plan.interaction
    return [o for o in plan.outcomes if rule and o.sample == "video" and o.wave == rule.to_wave]


def paired(study: Study, plan: Plan, outcome: Outcome) -> ModelData:
    """Return change as the outcome of families filmed at both waves."""
    first, last = _both(study, plan, outcome)
    gain = last - first
    kept = np.isfinite(gain)
    n = int(kept.sum())
    return ModelData(
        y=gain[kept],
        mtb=study.families["mtb"].to_numpy(dtype=float)[kept],
        municipality=study.families["municipality"].to_numpy(dtype=str)[kept],
        covariates=np.empty((n, 0)),
        names=(),
        calendar=np.empty((n, 0)),
        rows=np.flatnonzero(kept),
        dropped=(),
    )


def _both(study: Study, plan: Plan, outcome: Outcome) -> tuple[np.ndarray, np.ndarray]:
    rule = plan.interaction
    if rule is None:
        raise ValueError("the plan declares no interaction waves")
    families = study.families
    pair = [f"{outcome.column}_{w}" for w in (rule.from_wave, rule.to_wave)]
    first, last = (families[c].to_numpy(dtype=float) if c in families else np.full(len(families), np.nan) for c in pair)
    return first, last


def _difference(data: ModelData, level: float) -> Iterator[Row]:
    x = np.column_stack([np.ones_like(data.y), data.mtb])
    fit = ols(cross_products(x, data.y, data.municipality))
    yield estimate_row(cluster_robust(fit, np.array([0.0, 1.0]), kind="CR2", level=level))


def _arms(study: Study, plan: Plan, outcome: Outcome) -> Iterator[dict[str, object]]:
    first, last = _both(study, plan, outcome)
    mtb = study.families["mtb"].to_numpy(dtype=float)
    sd = pooled_sd(first[np.isfinite(first)], mtb[np.isfinite(first)])
    data = paired(study, plan, outcome)
    for arm, code in (("mtb", 1.0), ("control", 0.0)):
        own = data.mtb == code
        here = replace(data, y=data.y[own], municipality=data.municipality[own], mtb=data.mtb[own])
        at = data.rows[own]
        means = {
            "column": outcome.column,
            "arm": arm,
            "n": int(own.sum()),
            "mean_from": float(first[at].mean()) if own.any() else math.nan,
            "mean_to": float(last[at].mean()) if own.any() else math.nan,
        }
        yield {**means, **_mean_change(here, plan.level, sign_of(outcome.better) / sd)}


def _mean_change(data: ModelData, level: float, sign: float) -> dict[str, object]:
    nothing = dict.fromkeys((*ESTIMATE, "std"), math.nan)
    if data.n_clusters < 2:
        return {**nothing, "warning": "fewer than two municipalities have families filmed at both waves"}
    try:
        e = _intercept(data, level)
    except FAILURES as failure:
        return {**nothing, "warning": str(failure)}
    row = estimate_row(e)
    row.pop("method")
    return {**row, "std": sign * float(e.estimate)}


def _intercept(data: ModelData, level: float) -> Estimate:
    x = np.ones((len(data.y), 1))
    return cluster_robust(ols(cross_products(x, data.y, data.municipality)), np.ones(1), kind="CR2", level=level)
