"""The effect with responders weighted by the inverse of their chance to respond."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mtb_eval.analysis.attrition_case import Case, design_columns
from mtb_eval.analysis.attrition_chain import Background
from mtb_eval.analysis.care_effect import Row, estimate_row, primary_design
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.estimate import t_estimate
from mtb_eval.inference.leverage import leave_one_out
from mtb_eval.inference.ols import ols
from mtb_eval.inference.response_weights import effective_size, response_weights, ridge_logit
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.study import AttritionRule

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

ARM_SD = 5.0
"""Prior SD of the arms' log-odds of response: flat for any share, finite if an arm responds in full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseModel:
    """The logit of response: columns (n, p) of n families, prior SD (p,), and their arm (n,)."""

    x: Array
    prior_sd: Array
    mtb: Array


def response_model(behind: Background, mtb: Array, rule: AttritionRule) -> ResponseModel:
    """Return the model: in each arm a level and slopes of its own for the baseline columns, in SD."""
    baseline = behind.columns[:, [bool(name) for name in behind.names]]
    inside = np.column_stack([np.ones(len(mtb)), baseline])
    prior = np.concatenate([[ARM_SD], np.full(baseline.shape[1], rule.response_sd)])
    x = np.column_stack([mtb[:, None] * inside, (1 - mtb)[:, None] * inside])
    return ResponseModel(x=x, prior_sd=np.concatenate([prior, prior]), mtb=mtb)


def weighted_rows(case: Case, model: ResponseModel, rule: AttritionRule) -> Iterator[Row]:
    """Yield the weighted primary model twice: CR2 with the weights taken as known, and a jackknife that refits them.

    The jackknife leaves out one municipality at a time and estimates response, weights and effect anew;
    se^2 = (G - 1) / G sum (b_g - b)^2, with t(G - 1).
    """
    data = case.complete
    weights = _weights(case, model, rule, np.ones((1, len(case.values)), dtype=bool))[0]
    kept = f"stabilised, cut at {rule.trim:.0%}; effective families {effective_size(weights):.0f}"
    cross = cross_products(design_columns(data), data.y, data.municipality, weights=weights)
    contrast = primary_design(data).contrast
    fit = ols(cross, collinear="drop")
    known = cluster_robust(fit, contrast, kind="CR2", level=case.level)
    yield {**estimate_row(known), "analysis": "ipw", "method": f"weights taken as known ({kept}), {known.method}"}
    estimates = _without_each(case, model, rule)
    estimates = np.where(np.isnan(leave_one_out(fit, contrast)), np.nan, estimates)
    g = len(estimates)
    spread = np.sqrt((g - 1) / g * np.sum((estimates - known.estimate) ** 2))
    name = f"weights refitted without each municipality ({kept}), jackknife, t(G-1)"
    again = t_estimate(known.estimate, spread, df=g - 1, method=name, level=case.level)
    yield {**estimate_row(again), "analysis": "ipw_jackknife"}


def _weights(case: Case, model: ResponseModel, rule: AttritionRule, used: Flags) -> list[Array]:
    """Return the complete cases' weights for each set of families used (B, n); families that are not get 0."""
    responded = case.responded
    slopes = ridge_logit(model.x, responded.astype(float), model.prior_sd, used=used)
    found = []
    for rows, b in zip(used, slopes, strict=True):
        chance = special.expit(model.x[rows] @ b)
        weights = np.zeros(len(rows))
        weights[rows] = response_weights(chance, responded[rows], model.mtb[rows], trim=rule.trim)
        found.append(weights[case.complete.rows])
    return found


def _without_each(case: Case, model: ResponseModel, rule: AttritionRule) -> Array:
    """Return the weighted estimate without each municipality of the complete cases, weights refitted, (G,)."""
    data, x = case.complete, design_columns(case.complete)
    where = np.full(len(case.values), "", dtype=object)
    where[case.everyone.rows] = case.everyone.municipality
    labels = np.unique(data.municipality)
    used = np.array([where != label for label in labels])
    estimates = []
    for weights in _weights(case, model, rule, used):
        root = np.sqrt(weights)
        estimates.append(np.linalg.lstsq(root[:, None] * x, root * data.y, rcond=1e-10)[0][0])
    return np.array(estimates)
