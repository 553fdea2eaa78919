"""On request: does the effect of care received depend on something measured before birth?

Ten municipalities carry few such questions; one that was not declared beforehand describes, it does not test.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import CARE, Row, estimate_row, wild_row
from mtb_eval.analysis.design_rows import Build, joined
from mtb_eval.analysis.model_data import ModelData, dummies, model_data, stack
from mtb_eval.analysis.trust_rows import MODEL_COLUMNS, frame, model_base, model_rows
from mtb_eval.data.families import Study
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.ols import ols
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.inference.wild import wild_bootstrap
from mtb_eval.study import Outcome, Plan

Array = NDArray[np.float64]


def interaction_effect(study: Study, plan: Plan, outcome: Outcome, column: str) -> pd.DataFrame:
    """Return how the effect on an outcome varies with a column measured before birth, as model rows.

    The primary model with the column and MTB times the column; families that miss it are left out. Rows: the effect at
    two values of the column (0 and 1 where it has only these, else one SD under and over its mean), and their
    difference, the interaction; each CR2 with Satterthwaite df and WCR31. Raises KeyError for a column that the
    families table does not have, or that is neither a covariate, in the baseline table nor of a wave before birth.
    """
    _check(study, plan, column)
    z = study.families[column].to_numpy(dtype=float)
    data = model_data(study, plan, outcome, among=np.isfinite(z))
    z = z[data.rows]
    low, high = _values(z)
    base = model_base(data, outcome, estimand=CARE, estimator=f"by {column}")
    at = {
        f"{CARE}, {column} = {low:g}": np.array([1.0, low]),
        f"{CARE}, {column} = {high:g}": np.array([1.0, high]),
        f"difference of these effects: {column} = {high:g} less {low:g}": np.array([0.0, high - low]),
    }
    rows = [
        row
        for estimand, weights in at.items()
        for row in model_rows({**base, "estimand": estimand}, data, _builder(z, weights, column), plan.level)
    ]
    return frame(rows, MODEL_COLUMNS)


def _check(study: Study, plan: Plan, column: str) -> None:
    if column not in study.families:
        raise KeyError(f"the families table has no column {column!r}")
    declared = {c.column for c in (*plan.covariates, *plan.baseline_table)} | {o.baseline for o in plan.outcomes}
    before = tuple(f"_{wave.id}" for wave in plan.waves if wave.months == 0)
    if column not in declared and not column.endswith(before):
        raise KeyError(f"the plan does not say that {column!r} was measured before birth: name a measure that was")


def _values(z: Array) -> tuple[float, float]:
    if set(np.unique(z)) <= {0.0, 1.0}:
        return 0.0, 1.0
    mean, sd = (float(f(z)) if len(z) > 1 else np.nan for f in (np.mean, lambda v: np.std(v, ddof=1)))
    return mean - sd, mean + sd


def _builder(z: Array, weights: Array, column: str) -> Build:
    def build(data: ModelData, level: float) -> Iterator[Row]:
        if len(np.unique(z)) < 2:
            raise ValueError(f"{column} does not vary among the families with this outcome")
        others = [name != column for name in data.names]
        x = stack(data.mtb, data.mtb * z, z, dummies(data.municipality), data.calendar, data.covariates[:, others])
        fit = ols(cross_products(x, data.y, data.municipality), collinear="drop")
        contrast = np.concatenate([weights, np.zeros(x.shape[1] - 2)])
        for row in (
            estimate_row(cluster_robust(fit, contrast, kind="CR2", level=level)),
            wild_row(wild_bootstrap(fit, contrast, variant="wcr31", level=level)),
        ):
            yield {**row, "warning": joined("not declared beforehand: it describes", str(row["warning"]))}

    return build
