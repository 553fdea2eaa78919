"""Dose at the declared number of visits: replicated contrasts and the test of the difference between doses.

Visits happen after recruitment and are not randomised: a family that was placed, moved or left cannot reach the
threshold. The contrasts describe; they carry no causal claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from scipy import stats

from mtb_eval.analysis.care_effect import Row, attempt, base_row, estimate_row, wild_row
from mtb_eval.analysis.model_data import ModelData, dummies, model_data, stack
from mtb_eval.analysis.received import at_threshold
from mtb_eval.analysis.verdicts import sign_of
from mtb_eval.data.families import Study
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.ols import ols
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.inference.wild import wild_bootstrap
from mtb_eval.study import DoseRule, Outcome, Plan

CONTRASTS = {
    "dose: high v usual care": (1.0, 0.0),
    "dose: low v usual care": (0.0, 1.0),
    "dose: high v low": (1.0, -1.0),
}


def dose_rows(study: Study, plan: Plan) -> Iterator[Row]:
    """Yield, for each outcome of the dose families, high and low dose against usual care and high against low.

    One model holds all three: high, low, municipality dummies, calendar spline, covariates; CR2 with Satterthwaite df
    and the exact restricted wild bootstrap (WCR31).
    """
    if plan.dose is None:
        return
    for outcome in dose_outcomes(plan):
        yield from contrast_rows(study, plan, outcome, plan.dose)


def dose_outcomes(plan: Plan) -> list[Outcome]:
    """Return the outcomes of the dose families at the last wave."""
    families = plan.dose.families if plan.dose else ()
    return [o for o in plan.outcomes if o.family in families and o.wave == plan.waves[-1].id]


def contrast_rows(study: Study, plan: Plan, outcome: Outcome, rule: DoseRule) -> Iterator[Row]:
    """Yield the three contrasts of one outcome under `rule`, two methods each."""
    data = model_data(study, plan, outcome)
    n_visits = study.families["n_visits"].to_numpy(dtype=float)[data.rows]
    high = at_threshold(n_visits, rule) & (data.mtb == 1)
    low = (data.mtb == 1) & ~high
    base = base_row(data, outcome)
    for estimand, weights in CONTRASTS.items():
        yield from attempt(
            {**base, "estimand": estimand, "estimator": "dose"}, data, _builder(high, low, weights), plan.level
        )


def dose_bins(study: Study, plan: Plan, *, width: int = 15) -> pd.DataFrame:
    """Return means of the dose outcomes by visits in classes of `width`, and of usual care (low and high NaN).

    `std` is against the usual-care mean in pooled SDs, positive favours MTB, with the plan's interval for the class
    mean alone (families taken as independent: a description).
    """
    rows = [row for o in dose_outcomes(plan) for row in _bins(study, plan, o, width)]
    return pd.DataFrame(rows, columns=["outcome", "low", "high", "n", "mean", "std", "std_low", "std_high"])


def _builder(
    high: np.ndarray, low: np.ndarray, weights: tuple[float, float]
) -> Callable[[ModelData, float], Iterator[Row]]:
    def build(data: ModelData, level: float) -> Iterator[Row]:
        if not high.any() or not low.any():
            raise ValueError(f"no family with {'high' if not high.any() else 'low'} dose has this outcome")
        x = stack(high, low, dummies(data.municipality), data.calendar, data.covariates)
        cross = cross_products(x, data.y, data.municipality)
        contrast = np.concatenate([weights, np.zeros(x.shape[1] - 2)])
        yield estimate_row(cluster_robust(ols(cross, collinear="drop"), contrast, kind="CR2", level=level))
        yield wild_row(wild_bootstrap(cross, contrast, variant="wcr31", level=level))

    return build


def _bins(study: Study, plan: Plan, outcome: Outcome, width: int) -> Iterator[tuple[object, ...]]:
    data = model_data(study, plan, outcome)
    if not 0 < data.mtb.sum() < len(data.mtb):
        return
    n_visits = study.families["n_visits"].to_numpy(dtype=float)[data.rows]
    control, sign = data.y[data.mtb == 0], sign_of(outcome.better) / data.sd
    yield outcome.id, np.nan, np.nan, *_mean_row(control, control.mean(), sign, plan.level)
    top = int(n_visits.max()) // width + 1
    for low in range(0, top * width, width):
        there = data.y[(data.mtb == 1) & (n_visits >= low) & (n_visits < low + width)]
        if len(there):
            yield outcome.id, float(low), float(low + width), *_mean_row(there, control.mean(), sign, plan.level)


def _mean_row(y: np.ndarray, reference: float, sign: float, level: float) -> tuple[int, float, float, float, float]:
    n, mean = len(y), float(y.mean())
    half = stats.t.ppf(0.5 + level / 2, n - 1) * y.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
    ends = sorted((sign * (mean - half - reference), sign * (mean + half - reference)))
    return n, mean, sign * (mean - reference), float(ends[0]), float(ends[1])
