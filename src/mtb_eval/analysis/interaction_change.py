"""Difference in change between the arms: what it could have shown, and with families weighted for being filmed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mtb_eval.analysis.attrition_chain import background
from mtb_eval.analysis.attrition_weights import ResponseModel, response_model
from mtb_eval.analysis.care_effect import Row, attempt, base_row, estimate_row
from mtb_eval.analysis.design_rows import completed, joined
from mtb_eval.analysis.interaction import paired, rated_outcomes
from mtb_eval.analysis.model_data import ModelData, pooled_sd
from mtb_eval.analysis.row_table import ESTIMATE
from mtb_eval.analysis.verdicts import sign_of, smallest_detectable
from mtb_eval.data.families import Study
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.ols import ols
from mtb_eval.inference.response_weights import effective_size, response_weights, ridge_logit
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.study import AttritionRule, Outcome, Plan

Array = NDArray[np.float64]

CHANGE_WEIGHT_COLUMNS = (
    *("outcome", "family", "wave", "measure", "analysis", "method", *ESTIMATE),
    *("standardised", "std_low", "std_high", "mde", "n_mtb", "n_control", "n_effective", "n_clusters"),
    *("warning", "error"),
)
MEASURES = {"change, MTB": (1.0, 1.0), "change, usual care": (1.0, 0.0), "difference in change": (0.0, 1.0)}
WEIGHTED = (
    "weighted by the inverse chance of being filmed at both waves (logit with normal priors on arm, baseline and "
    "their products); weights taken as known"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    """What predicts being filmed, families in the order of the families table; `model` is None without a rule."""

    model: ResponseModel | None
    rule: AttritionRule | None


def change_weight_rows(study: Study, plan: Plan) -> Iterator[Row]:
    """Yield change in each arm and its difference, complete and weighted for response, per rated scale.

    CR2 by municipality, Satterthwaite df. Standardised by the SD of the first wave pooled within arms, positive is
    better. `mde`: smallest change or difference found with 80 % power at this se and df, in the same SD.
    `n_effective`: Kish's number of families behind the weighted row.
    """
    chances = _chances(study, plan)
    for outcome in rated_outcomes(plan):
        data, sd = paired(study, plan, outcome), _first_sd(study, plan, outcome)
        base: Row = {**base_row(data, outcome), "analysis": "complete", "n_effective": float(len(data.y))}
        base["sign"] = sign_of(outcome.better) / sd if sd > 0 else math.nan
        yield from _rows(base, data, np.ones(len(data.y)), plan.level)
        if chances.model is not None and len(data.y):
            weights = _weights(chances, data)
            weighted = {**base, "analysis": "weighted", "n_effective": effective_size(weights)}
            yield from _rows(weighted, data, weights, plan.level)


def _chances(study: Study, plan: Plan) -> Chances:
    rule = plan.attrition
    if rule is None or not rated_outcomes(plan):
        return Chances(model=None, rule=None)
    mtb = study.families["mtb"].to_numpy(dtype=float)
    return Chances(model=response_model(background(study, plan, rule), mtb, rule), rule=rule)


def _first_sd(study: Study, plan: Plan, outcome: Outcome) -> float:
    column = f"{outcome.column}_{plan.interaction.from_wave}" if plan.interaction else ""
    if column not in study.families:
        return math.nan
    x = study.families[column].to_numpy(dtype=float)
    seen = np.isfinite(x)
    return pooled_sd(x[seen], study.families["mtb"].to_numpy(dtype=float)[seen])


def _weights(chances: Chances, data: ModelData) -> Array:
    """Return the weights (n,) of families filmed at both waves."""
    model, rule = chances.model, chances.rule
    if model is None or rule is None:
        return np.ones(len(data.y))
    responded = np.zeros(len(model.mtb), dtype=bool)
    responded[data.rows] = True
    slopes = ridge_logit(model.x, responded.astype(float), model.prior_sd)
    return response_weights(special.expit(model.x @ slopes), responded, model.mtb, trim=rule.trim)[data.rows]


def _rows(base: Row, data: ModelData, weights: Array, level: float) -> Iterator[Row]:
    for measure, contrast in MEASURES.items():

        def build(d: ModelData, at: float, contrast: tuple[float, float] = contrast) -> Iterator[Row]:
            x = np.column_stack([np.ones_like(d.y), d.mtb])
            fit = ols(cross_products(x, d.y, d.municipality, weights=weights))
            yield estimate_row(cluster_robust(fit, np.array(contrast), level=at))

        row = attempt({**base, "measure": measure}, data, build, level)[0]
        row.pop("standardised", None)
        yield _finished(row, base, level)


def _finished(row: Row, base: Row, level: float) -> Row:
    scale = float(base["sign"])  # type: ignore[arg-type]
    full = completed({**row, "scale": scale})
    se, df = (float(full.get(k, math.nan)) for k in ("se", "df"))  # type: ignore[arg-type]
    note = WEIGHTED if base["analysis"] == "weighted" else ""
    mde = smallest_detectable(se * abs(scale), df, level=level)
    return {**full, "mde": mde, "warning": joined(str(full["warning"]), note)}
