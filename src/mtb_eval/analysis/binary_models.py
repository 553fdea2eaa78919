"""Outcomes with two values by their own models: logit on the probability scale, modified Poisson for the risk ratio."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import CARE, Row, asked_of, estimate_row
from mtb_eval.analysis.design_rows import Build, joined
from mtb_eval.analysis.model_data import ModelData, dummies, model_data, stack
from mtb_eval.analysis.trust_rows import model_base, model_rows
from mtb_eval.data.families import Study
from mtb_eval.inference.estimating_equations import robust_estimate
from mtb_eval.inference.glm import glm
from mtb_eval.inference.marginal import marginal_estimate
from mtb_eval.study import Outcome, Plan

Array = NDArray[np.float64]
Fit = Callable[[ModelData, Array, float], Row]
Columns = Callable[[ModelData], Array]

RISK_RATIO = "care received, risk ratio"
TREATED = 1


def binary_rows(study: Study, plan: Plan) -> Iterator[Row]:
    """Yield, for each outcome with two values, the logit's average risk difference and the log risk ratio.

    Columns of the primary model (municipality dummies, calendar spline, covariates), CR2 with Satterthwaite df. Where
    these separate events from the others there is no estimate: that row says so, and one of a simpler model follows.
    """
    for outcome in plan.outcomes:
        if outcome.kind == "binary":
            data = model_data(study, plan, outcome)
            yield from outcome_models(data, outcome, plan.level)


def outcome_models(data: ModelData, outcome: Outcome, level: float) -> Iterator[Row]:
    """Yield the rows of one outcome: logit, then modified Poisson."""
    models: tuple[tuple[str, str, Fit], ...] = (
        (CARE, "logit", _logit),
        (RISK_RATIO, "modified Poisson", _poisson),
    )
    for estimand, estimator, fit in models:
        base = model_base(data, outcome, estimand=estimand, estimator=estimator)
        yield from with_fallback(base, data, fit, outcome, level)


def with_fallback(base: Row, data: ModelData, fit: Fit, outcome: Outcome, level: float) -> Iterator[Row]:
    """Yield the row of the fullest model and, as long as models fail, those of the simpler ones."""
    for columns, name, note in DESIGNS:
        build = _builder(fit, columns, name, joined(asked_of(outcome), note))
        for row in model_rows(base, data, build, level):
            failed = bool(row.get("error"))
            yield {**row, "method": f"not estimated, {name}"} if failed else row
        if not failed:
            return


def model_columns(data: ModelData) -> Array:
    """Return constant, MTB, municipality dummies but the first, calendar spline, covariates, (n, p)."""
    return stack(np.ones_like(data.y), data.mtb, dummies(data.municipality)[:, 1:], data.calendar, data.covariates)


def columns_without_municipality(data: ModelData) -> Array:
    """Return constant, MTB, calendar spline and covariates, (n, p)."""
    return stack(np.ones_like(data.y), data.mtb, data.calendar, data.covariates)


def care_alone(data: ModelData) -> Array:
    """Return constant and MTB, (n, 2)."""
    return stack(np.ones_like(data.y), data.mtb)


DESIGNS: tuple[tuple[Columns, str, str], ...] = (
    (model_columns, "with municipality dummies", ""),
    (
        columns_without_municipality,
        "without municipality dummies",
        "municipality is not adjusted for, unlike in the primary model",
    ),
    (care_alone, "unadjusted", "neither municipality nor calendar time nor covariates are adjusted for"),
)


def _builder(fit: Fit, columns: Columns, name: str, note: str) -> Build:
    def build(data: ModelData, level: float) -> Iterator[Row]:
        row = fit(data, columns(data), level)
        yield {**row, "method": f"{row['method']}, {name}", "warning": joined(note, str(row["warning"]))}

    return build


def _logit(data: ModelData, x: Array, level: float) -> Row:
    equations = glm(x, data.y, data.municipality, family="logit")
    return estimate_row(marginal_estimate(equations, x, column=TREATED, level=level))


def _poisson(data: ModelData, x: Array, level: float) -> Row:
    equations = glm(x, data.y, data.municipality, family="poisson")
    e = robust_estimate(equations, np.eye(x.shape[1])[TREATED], method="modified Poisson, log risk ratio", level=level)
    return {**estimate_row(e), "log_scale": True}
