"""An effect without forbidden comparisons: the untreated outcome is learnt from controls only and subtracted.

Borusyak, Jaravel & Spiess (2024), doi 10.1093/restud/rdae007: fit y = W g on the controls, predict each MTB family's
outcome without MTB, and average what is left. Each MTB family that can be predicted counts alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import Row, estimate_row
from mtb_eval.analysis.design_rows import ESTIMATE_COLUMNS, Build, attempted, joined, shared, table
from mtb_eval.analysis.model_data import ModelData, dummies, model_data, stack
from mtb_eval.data.families import Study
from mtb_eval.inference.estimate import t_estimate
from mtb_eval.study import Plan

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

AS_PRIMARY = "as in the primary model"
SPARSE = "municipality and linear calendar time"
METHOD = "imputation from controls, jackknife over municipalities, t(G-1)"
IMPUTATION_COLUMNS = (
    *ESTIMATE_COLUMNS[:4],
    "model",
    *ESTIMATE_COLUMNS[4:14],
    "n_imputed",
    "n_unpredicted",
    "n_municipalities_unpredicted",
    "n_beyond",
    "df_untreated",
    *ESTIMATE_COLUMNS[14:],
)
FEW_DF = 10
OUTSIDE = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class Imputed:
    """The average of y minus its prediction over the treated rows that can be predicted (`known`, (n,))."""

    estimate: float
    known: Flags
    df_untreated: int


def staggered_imputation(study: Study, plan: Plan) -> pd.DataFrame:
    """Return the imputation estimate of the average effect on MTB families, by outcome and model of the untreated.

    Models: the columns of the primary model, or municipality effects and calendar time as a line. `n_imputed` MTB
    families could be predicted and `n_unpredicted` could not (in `n_municipalities_unpredicted` municipalities, for
    want of a control there); `n_beyond` of the predicted were recruited before the first or after the last control,
    where the calendar is extrapolated. `df_untreated`: residual degrees of freedom of the model among controls. The
    standard error is the jackknife over municipalities, sqrt((G-1)/G sum (t_(g) - t)^2), on G - 1 df.
    """
    years = study.families["calendar_years"].to_numpy(dtype=float)
    rows: list[Row] = []
    for outcome in plan.outcomes:
        data = model_data(study, plan, outcome)
        base = {**shared(data, outcome, data.sd), "analysis": "imputation estimator"}
        when = years[data.rows]
        models = {AS_PRIMARY: stack(data.calendar, data.covariates), SPARSE: stack(when)}
        for model, columns in models.items():
            w = stack(dummies(data.municipality), columns)
            rows += attempted({**base, "model": model}, data, _builder(w, when), plan.level)
    return table(rows, IMPUTATION_COLUMNS)


def impute(y: Array, treated: Array, w: Array) -> Imputed:
    """Return the imputation estimate for outcome `y` (n,), `treated` (n,) and columns `w` (n, k) of the untreated.

    A treated row can be predicted if its columns are a combination of those of untreated rows; the estimate is NaN if
    none can.
    """
    free = treated == 0
    scale = np.maximum(np.abs(w).max(axis=0, initial=0.0), np.finfo(float).tiny)
    _, size, axes = np.linalg.svd(w[free] / scale, full_matrices=False)
    axes = axes[size > OUTSIDE * size.max(initial=0.0)]
    beta = np.linalg.lstsq((w[free] / scale) @ axes.T, y[free], rcond=None)[0]
    seen = (w / scale) @ axes.T
    outside = np.linalg.norm(w / scale - seen @ axes, axis=1)
    known = ~free & (outside <= OUTSIDE * np.linalg.norm(w / scale, axis=1))
    gap = (y - seen @ beta)[known]
    return Imputed(
        estimate=float(gap.mean()) if len(gap) else math.nan,
        known=known,
        df_untreated=int(free.sum()) - len(axes),
    )


def jackknife_se(y: Array, treated: Array, w: Array, cluster: NDArray[np.str_]) -> float:
    """Return the jackknife standard error over clusters of the imputation estimate; NaN if one cannot be left out."""
    labels = np.unique(cluster)
    whole = impute(y, treated, w).estimate
    parts = np.array([_without(cluster != g, y, treated, w) for g in labels])
    return float(np.sqrt((len(labels) - 1) / len(labels) * np.sum((parts - whole) ** 2)))


def _without(kept: Flags, y: Array, treated: Array, w: Array) -> float:
    if not (treated[kept] == 0).any():
        return math.nan
    return impute(y[kept], treated[kept], w[kept]).estimate


def _builder(w: Array, when: Array) -> Build:
    def build(data: ModelData, level: float) -> Iterator[Row]:
        found = impute(data.y, data.mtb, w)
        if not found.known.any():
            raise ValueError("no MTB family can be predicted from controls: none has a control in its municipality")
        lost = (data.mtb == 1) & ~found.known
        control = when[data.mtb == 0]
        beyond = found.known & ((when < control.min()) | (when > control.max()))
        se = jackknife_se(data.y, data.mtb, w, data.municipality)
        estimate = t_estimate(
            np.asarray(found.estimate), np.asarray(se), df=data.n_clusters - 1.0, method=METHOD, level=level
        )
        yield {
            **estimate_row(estimate),
            "n_imputed": float(found.known.sum()),
            "n_unpredicted": float(lost.sum()),
            "n_municipalities_unpredicted": float(len(np.unique(data.municipality[lost]))),
            "n_beyond": float(beyond.sum()),
            "df_untreated": float(found.df_untreated),
            "warning": _warning(found, int(lost.sum()), se),
        }

    return build


def _warning(found: Imputed, n_lost: int, se: float) -> str:
    few = f"only {found.df_untreated} degrees of freedom among controls: the prediction is hardly determined"
    lost = f"{n_lost} MTB families cannot be predicted and are left out"
    none = "without one of the municipalities nothing can be predicted: no standard error"
    return joined(
        few if found.df_untreated < FEW_DF else "",
        lost if n_lost else "",
        none if math.isnan(se) else "",
    )
