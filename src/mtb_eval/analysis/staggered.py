"""Training in waves: which families the primary estimate weighs negatively, and an estimate that has no such weights.

With a linear model of the untreated outcome W g and effects t_i that differ between MTB families, the coefficient of
care received has the expectation sum_i w_i t_i over MTB families, with w_i = D~_i / sum_{MTB} D~ and D~ the residual of
care received on W: the weights sum to 1, but late families of municipalities trained early may have w_i < 0.
de Chaisemartin & D'Haultfoeuille (2020), doi 10.1257/aer.20181169.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import Row
from mtb_eval.analysis.decomposition import family_weights
from mtb_eval.analysis.decomposition_sources import half_year
from mtb_eval.analysis.design_rows import Build, attempted, shared, table, without_unit
from mtb_eval.analysis.model_data import ModelData, dummies, model_data, stack
from mtb_eval.data.families import Study
from mtb_eval.study import Plan

Array = NDArray[np.float64]
Texts = NDArray[np.str_]

PRIMARY = "primary model"
HALF_YEARS = "municipality and half-year effects"
EQUAL = 1e-12
WEIGHT_COLUMNS = (
    "outcome",
    "family",
    "wave",
    "analysis",
    "model",
    "method",
    "estimate",
    "standardised",
    "n_families",
    "n_negative",
    "share_negative",
    "n_cells",
    "n_cells_negative",
    "share_cells_negative",
    "negative_sum",
    "smallest_sd",
    "smallest_sd_std",
    "n_mtb",
    "n_control",
    "n_clusters",
    "warning",
    "error",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectWeights:
    """The weights (n treated,) of the effects of treated families in one coefficient, sum 1, and their cells.

    `cell_weights` (C,) are their sums within cells of treated families, `cell_sizes` (C,) the families there.
    """

    estimate: float
    weights: Array
    cell_weights: Array
    cell_sizes: Array

    @property
    def smallest_sd(self) -> float:
        """The smallest standard deviation of effects between cells at which the average effect may be 0.

        |estimate| over the standard deviation of w_c, the cell's weight over its share of the treated families: de
        Chaisemartin & D'Haultfoeuille (2020), corollary 1 (i). Infinite where all weights are equal.
        """
        share = self.cell_sizes / self.cell_sizes.sum()
        spread = float(np.sqrt(np.sum(share * (self.cell_weights / share - 1) ** 2)))
        return abs(self.estimate) / spread if spread > EQUAL else math.inf


def staggered_weights(study: Study, plan: Plan) -> pd.DataFrame:
    """Return how the effects of MTB families are weighed, by outcome and model.

    Models: the primary one, and municipality and half-year effects without covariates. `estimate` is the coefficient
    of care received (raw, MTB minus usual care); of `n_families` MTB families `n_negative`, and of `n_cells` cells
    municipality x half-year with one `n_cells_negative`, are weighed negatively; `negative_sum` adds up the negative
    weights of families (all weights sum to 1); `smallest_sd` is the least standard deviation of effects between cells
    with which an average effect of 0 would give this estimate (`_std`: in standard deviations of the outcome).
    """
    periods = half_year(study.families)
    rows: list[Row] = []
    for outcome in plan.outcomes:
        data = model_data(study, plan, outcome)
        base = {**shared(data, outcome, data.sd), "analysis": "weights of effects"}
        for model, columns in MODELS.items():
            build = _builder(columns(data, periods[data.rows]), periods[data.rows], data.sd)
            rows += attempted({**base, "model": model}, data, build, plan.level)
    return table(without_unit(rows, WEIGHT_COLUMNS), WEIGHT_COLUMNS)


def effect_weights(y: Array, treated: Array, w: Array, cell: Texts) -> EffectWeights:
    """Return the weights of treated families' effects in the coefficient of `treated` (n,) beside `w` (n, k).

    Raises ValueError if `treated` is a combination of the columns of w.
    """
    weights = family_weights(treated, w)
    mine = treated == 1
    labels, codes = np.unique(cell[mine], return_inverse=True)
    return EffectWeights(
        estimate=float(weights @ y),
        weights=weights[mine],
        cell_weights=np.asarray(np.bincount(codes, weights[mine], minlength=len(labels)), dtype=float),
        cell_sizes=np.bincount(codes, minlength=len(labels)).astype(float),
    )


def _primary_columns(data: ModelData, _: Texts) -> Array:
    return stack(dummies(data.municipality), data.calendar, data.covariates)


def _half_year_columns(data: ModelData, period: Texts) -> Array:
    return stack(dummies(data.municipality), dummies(period))


MODELS: dict[str, Callable[[ModelData, Texts], Array]] = {PRIMARY: _primary_columns, HALF_YEARS: _half_year_columns}


def _builder(w: Array, period: Texts, sd: float) -> Build:
    def build(data: ModelData, _: float) -> Iterator[Row]:
        cell = np.char.add(np.char.add(data.municipality, " "), period)
        found = effect_weights(data.y, data.mtb, w, cell)
        negative, cells = found.weights < -EQUAL, found.cell_weights < -EQUAL
        yield {
            "method": "OLS, no inference",
            "estimate": found.estimate,
            "n_families": float(len(negative)),
            "n_negative": float(negative.sum()),
            "share_negative": float(negative.mean()),
            "n_cells": float(len(cells)),
            "n_cells_negative": float(cells.sum()),
            "share_cells_negative": float(cells.mean()),
            "negative_sum": float(found.weights[negative].sum()),
            "smallest_sd": found.smallest_sd,
            "smallest_sd_std": found.smallest_sd / sd if sd > 0 else math.nan,
        }

    return build
