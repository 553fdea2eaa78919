"""Ordered outcomes by proportional odds: one instrument item is no measurement on an equal scale."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mtb_eval.analysis.binary_models import with_fallback
from mtb_eval.analysis.care_effect import Row, estimate_row
from mtb_eval.analysis.design_rows import joined
from mtb_eval.analysis.model_data import ModelData, model_data
from mtb_eval.analysis.trust_rows import model_base
from mtb_eval.data.families import Study
from mtb_eval.inference.estimating_equations import robust_estimate
from mtb_eval.inference.ordinal import proportional_odds
from mtb_eval.study import Plan

Array = NDArray[np.float64]

ODDS_RATIO = "care received, odds ratio of a higher category"
FEW = 5


def ordinal_rows(study: Study, plan: Plan) -> Iterator[Row]:
    """Yield, for each ordered outcome, the log odds ratio of a higher category by the proportional-odds model.

    Columns of the primary model, CR2 of the multinomial estimating equations with Satterthwaite df; simpler models
    where these separate the categories.
    """
    for outcome in plan.outcomes:
        if outcome.kind == "ordinal":
            data = model_data(study, plan, outcome)
            base = model_base(data, outcome, estimand=ODDS_RATIO, estimator="proportional odds")
            yield from with_fallback(base, data, _fit, outcome, plan.level)


def _fit(data: ModelData, x: Array, level: float) -> Row:
    """The first column of x is a constant, which the thresholds replace; then MTB comes first."""
    equations = proportional_odds(x[:, 1:], data.y, data.municipality)
    contrast = np.eye(len(equations.coefficients))[0]
    e = robust_estimate(equations, contrast, method="proportional odds, log odds ratio", level=level)
    row = estimate_row(e)
    return {**row, "warning": joined(str(row["warning"]), _sparse(data.y)), "log_scale": True}


def _sparse(y: Array) -> str:
    _, counts = np.unique(y, return_counts=True)
    few = int((counts < FEW).sum())
    return f"sparse categories (under {FEW} families): {few}" if few else ""
