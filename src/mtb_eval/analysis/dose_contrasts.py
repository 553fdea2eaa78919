"""The published comparison: families with many visits and with few against usual care, and with each other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from mtb_eval.analysis.care_effect import FAILURES, Row, base_row, estimate_row, finished, wild_row
from mtb_eval.analysis.design_rows import completed
from mtb_eval.analysis.dose_data import (
    COUNTED,
    DIFFERENCE,
    ESTIMATED,
    HIGH,
    LOW,
    NAMED,
    Array,
    DoseData,
    adjusted_columns,
    dose_data,
    frame,
)
from mtb_eval.analysis.model_data import ModelData, model_data, stack
from mtb_eval.analysis.verdicts import sign_of
from mtb_eval.data.families import Study
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.evalue import e_value
from mtb_eval.inference.ols import LeastSquares, ols, with_spectrum
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.inference.wild import wild_bootstrap
from mtb_eval.study import DoseRule, Outcome, Plan

WEIGHTS = {HIGH: (1.0, 0.0), LOW: (0.0, 1.0), DIFFERENCE: (1.0, -1.0)}
CONTRAST_COLUMNS = (*NAMED, *ESTIMATED, "e_value", "e_value_limit", *COUNTED)
REPLICATED = "replicated contrasts"
RISK_RATIO_PER_SD = 0.91


def dose_rows(study: Study, plan: Plan) -> Iterator[Row]:
    """Yield, for each outcome of the dose families, high and low dose against usual care and high against low.

    One model holds all three: high, low, municipality dummies, calendar spline, covariates; CR2 with Satterthwaite df
    and the exact restricted wild bootstrap (WCR31). Families whose visits are not known are left out.
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
    """Yield the three contrasts of one outcome under `rule` as rows of the effect table, two methods each."""
    dose = dose_data(study, plan, outcome, rule)
    base = {**base_row(dose.data, outcome), "estimator": "dose"}
    for contrast, rows in _by_contrast(dose).items():
        yield from (finished({**base, "estimand": f"dose: {contrast}", **row}) for row in rows)


def replicated(doses: list[DoseData]) -> pd.DataFrame:
    """Return the three contrasts of each outcome, two methods each, with E-values.

    An E-value is the risk ratio that unmeasured reasons would need with both the dose and the outcome to explain the
    estimate (or the nearer limit) away: RR = exp(.91 d). VanderWeele & Ding (2017), doi 10.7326/M16-2607.
    """
    rows = [
        _with_e_values(completed({**dose.base(REPLICATED), "contrast": contrast, **row}))
        for dose in doses
        for contrast, rows in _by_contrast(dose).items()
        for row in rows
    ]
    return frame(rows, CONTRAST_COLUMNS)


def group_fit(dose: DoseData) -> LeastSquares:
    """Return the fit of the model with the indicators of high and low (those that occur) in its first columns."""
    groups = [g.astype(float) for g in (dose.high, dose.low) if g.any()]
    x = stack(*groups, adjusted_columns(dose.data))
    return with_spectrum(ols(cross_products(x, dose.data.y, dose.data.municipality), collinear="drop"))


def group_contrast(dose: DoseData, contrast: str, n_columns: int) -> Array:
    """Return the contrast (n_columns,) on the columns of `group_fit`."""
    weights = [w for g, w in zip((dose.high, dose.low), WEIGHTS[contrast], strict=True) if g.any()]
    return np.concatenate([weights, np.zeros(n_columns - len(weights))])


def dose_bins(study: Study, plan: Plan, *, width: int = 15) -> pd.DataFrame:
    """Return means of the dose outcomes by visits in classes of `width`, and of usual care (low and high NaN).

    `std` is against the usual-care mean in pooled SDs, positive favours MTB, with the plan's interval for the class
    mean alone (families taken as independent: a description).
    """
    rows = [row for o in dose_outcomes(plan) for row in _bins(study, plan, o, width)]
    return pd.DataFrame(rows, columns=["outcome", "low", "high", "n", "mean", "std", "std_low", "std_high"])


def _by_contrast(dose: DoseData) -> dict[str, list[Row]]:
    """Return for each contrast its rows by two methods, or one row that says why there is none."""
    fits: list[LeastSquares] = []
    found: dict[str, list[Row]] = {}
    for contrast in WEIGHTS:
        problem = dose.lacking(contrast)
        try:
            if not problem:
                fits = fits or [group_fit(dose)]
                found[contrast] = list(_two_methods(dose, fits[0], contrast))
        except FAILURES as failure:
            problem = str(failure)
        if problem:
            found[contrast] = [{"method": "not estimated", "error": problem}]
    return found


def _two_methods(dose: DoseData, fit: LeastSquares, contrast: str) -> Iterator[Row]:
    weights = group_contrast(dose, contrast, fit.cross.n_columns)
    yield estimate_row(cluster_robust(fit, weights, kind="CR2", level=dose.level))
    yield wild_row(wild_bootstrap(fit, weights, variant="wcr31", level=dose.level))


def _with_e_values(row: Row) -> Row:
    ratios = [np.exp(RISK_RATIO_PER_SD * float(row[c])) for c in ("standardised", "std_low", "std_high")]  # type: ignore[arg-type]
    found = e_value(*ratios)
    return {**row, "e_value": float(found.estimate), "e_value_limit": float(found.limit)}


def _bins(study: Study, plan: Plan, outcome: Outcome, width: int) -> Iterator[tuple[object, ...]]:
    data = model_data(study, plan, outcome)
    if not 0 < data.mtb.sum() < len(data.mtb):
        return
    n_visits = study.families["n_visits"].to_numpy(dtype=float)[data.rows]
    if not np.isfinite(n_visits).any():
        return
    control, sign = data.y[data.mtb == 0], sign_of(outcome.better) / data.sd
    yield outcome.id, np.nan, np.nan, *_mean_row(control, control.mean(), sign, plan.level)
    yield from _classes(outcome, data, n_visits, (width, sign, plan.level))


def _classes(
    outcome: Outcome, data: ModelData, n_visits: Array, look: tuple[int, float, float]
) -> Iterator[tuple[object, ...]]:
    width, sign, level = look
    reference = float(data.y[data.mtb == 0].mean())
    top = int(np.nanmax(n_visits)) // width + 1
    for low in range(0, top * width, width):
        there = data.y[(data.mtb == 1) & (n_visits >= low) & (n_visits < low + width)]
        if len(there):
            yield outcome.id, float(low), float(low + width), *_mean_row(there, reference, sign, level)


def _mean_row(y: Array, reference: float, sign: float, level: float) -> tuple[int, float, float, float, float]:
    n, mean = len(y), float(y.mean())
    half = stats.t.ppf(0.5 + level / 2, n - 1) * y.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
    ends = sorted((sign * (mean - half - reference), sign * (mean + half - reference)))
    return n, mean, sign * (mean - reference), float(ends[0]), float(ends[1])
