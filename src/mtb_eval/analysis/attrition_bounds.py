"""Bounds on the effect without a model of the missing values: Lee's trimming, Manski's worst case."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtb_eval.analysis.attrition_case import NOTHING_MISSING, Case, design_columns, scale_of
from mtb_eval.analysis.care_effect import FAILURES, Row, names_of
from mtb_eval.analysis.verdicts import sign_of
from mtb_eval.inference.bounds import imbens_manski, lee_weights, worst_case
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.ols import ols
from mtb_eval.inference.sandwich import satterthwaite_df, standard_error
from mtb_eval.study import Plan

Array = NDArray[np.float64]
Pair = tuple[float, float]

BOUND_COLUMNS = (
    *("outcome", "family", "wave", "bound", "model", "method", "lower", "upper", "se_lower", "se_upper", "df"),
    *("ci_low", "ci_high", "std_lower", "std_upper", "std_low", "std_high"),
    *("trimmed_arm", "trimmed_share", "n_mtb", "n_control", "n_clusters", "warning", "error"),
)
RAW, ADJUSTED = "difference in means", "primary model"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Selected:
    """Responders' rows for Lee's bounds: design (n, p), MTB first, outcome, arm, municipality; all families' arm,
    municipality and whether the outcome is known (N,). `adjusted`: trim residuals of the model, not the outcome itself.
    """

    x: Array
    y: Array
    mtb: Array
    town: NDArray[np.str_]
    all_mtb: Array
    all_town: NDArray[np.str_]
    known: NDArray[np.bool_]
    adjusted: bool


def bound_rows(case: Case, plan: Plan) -> Iterator[Row]:
    """Yield Lee's and Manski's bounds, on the difference in means and in the primary model; BOUND_COLUMNS.

    Lee: response is whether the outcome is known (for an outcome asked of some: asked and known, his own case). In the
    primary model the arm that responds more is trimmed by its residuals, which assumes that its effect and response
    do not vary with the covariates. Standard errors: jackknife over municipalities, response and trimming redone.
    Manski: binary outcomes and scales with a declared span, missing values at its ends. Intervals:
    Imbens-Manski with t.
    """
    for model in (RAW, ADJUSTED):
        yield _attempted(case, "lee", model, lambda m=model: _lee(case, m))  # type: ignore[misc]
    span = _span(case, plan)
    if span is not None:
        for model in (RAW, ADJUSTED):
            yield _attempted(case, "manski", model, lambda m=model: _manski(case, m, span))  # type: ignore[misc]


def _attempted(case: Case, bound: str, model: str, build: Callable[[], Mapping[str, object]]) -> Row:
    data, outcome = case.complete, case.outcome
    base: Row = {
        **{**names_of(outcome), "bound": bound, "model": model},
        **{"n_mtb": float(data.mtb.sum()), "n_control": float((1 - data.mtb).sum()), "n_clusters": data.n_clusters},
    }
    if not case.lacking:
        return {**base, "warning": NOTHING_MISSING}
    if not 0 < data.mtb.sum() < len(data.mtb):
        return {**base, "error": "all families with this outcome are of one arm"}
    try:
        found = {**base, **build()}
    except FAILURES as failure:
        return {**base, "error": str(failure)}
    scale = sign_of(outcome.better) / data.sd
    for raw, std in (
        (("lower", "upper"), ("std_lower", "std_upper")),
        (("ci_low", "ci_high"), ("std_low", "std_high")),
    ):
        ends = sorted(scale * float(found[k]) for k in raw)  # type: ignore[arg-type]
        found |= dict(zip(std, ends, strict=True))
    return found


def _lee(case: Case, model: str) -> Row:
    selected = _selected(case, adjusted=model == ADJUSTED)
    bounds = _trimmed(selected)
    towns = np.unique(selected.town)
    each = np.array([_trimmed(_without(selected, t)) for t in towns])
    factor = (len(towns) - 1) / len(towns)
    se = np.sqrt(factor * np.sum((each - np.array(bounds)) ** 2, axis=0))
    fit = ols(cross_products(selected.x, selected.y, selected.town), collinear="drop")
    df = float(satterthwaite_df(fit, np.eye(selected.x.shape[1])[0], "CV3"))
    share = _response(selected)
    row = _interval(bounds, (float(se[0]), float(se[1])), df, case.level)
    lost = "" if np.isfinite(each).all() else "without one of the municipalities the effect cannot be estimated"
    return {
        **row,
        "warning": lost,
        "method": f"jackknife over municipalities, Imbens-Manski interval, t({df:.1f})",
        "trimmed_arm": "mtb" if share[0] >= share[1] else "control",
        "trimmed_share": 1 - min(share) / max(share),
    }


def _selected(case: Case, *, adjusted: bool) -> _Selected:
    data, everyone = case.complete, case.everyone
    return _Selected(
        x=design_columns(data) if adjusted else np.column_stack([data.mtb, np.ones_like(data.mtb)]),
        y=data.y,
        mtb=data.mtb,
        town=data.municipality,
        all_mtb=everyone.mtb,
        all_town=everyone.municipality,
        known=np.isin(everyone.rows, data.rows),
        adjusted=adjusted,
    )


def _without(s: _Selected, town: str) -> _Selected:
    here, there = s.town != town, s.all_town != town
    return _Selected(
        x=s.x[here],
        y=s.y[here],
        mtb=s.mtb[here],
        town=s.town[here],
        all_mtb=s.all_mtb[there],
        all_town=s.all_town[there],
        known=s.known[there],
        adjusted=s.adjusted,
    )


def _trimmed(s: _Selected) -> Pair:
    """Return the estimates with the lowest and with the highest values of the trimmed arm left out in turn."""
    trimmed_on = s.y
    if s.adjusted:
        trimmed_on = s.y - s.x @ np.linalg.lstsq(s.x, s.y, rcond=1e-10)[0]
    if not (s.mtb > 0).any() or (s.mtb > 0).all():
        return float("nan"), float("nan")
    lower, upper = (_effect(s.x, s.y, w) for w in lee_weights(trimmed_on, s.mtb, _response(s)))
    return lower, upper


def _response(s: _Selected) -> Pair:
    first, second = (float(s.known[s.all_mtb == arm].mean()) for arm in (1.0, 0.0))
    return first, second


def _effect(x: Array, y: Array, weights: Array) -> float:
    """Return the weighted coefficient of the first column, NaN where the others determine that column."""
    root = np.sqrt(weights)
    own, others = root * x[:, 0], root[:, None] * x[:, 1:]
    rest = own - others @ np.linalg.lstsq(others, own, rcond=1e-10)[0]
    size = float(rest @ rest)
    return float(rest @ (root * y)) / size if size > 1e-10 * float(own @ own) else float("nan")


def _manski(case: Case, model: str, span: Pair) -> Row:
    everyone = case.everyone
    values, asked = case.values[everyone.rows], case.asked[everyone.rows]
    inside = ~(asked == 0)
    if model == ADJUSTED and np.isnan(asked).any():
        raise ValueError(
            "of whom the outcome is asked is unknown for those lost: bounds for the difference in means only"
        )
    x = design_columns(everyone) if model == ADJUSTED else np.column_stack([everyone.mtb, np.ones_like(everyone.mtb)])
    x, values, town = x[inside], values[inside], everyone.municipality[inside]
    others = np.delete(x, 0, axis=1)
    slopes = x[:, 0] - others @ np.linalg.lstsq(others, x[:, 0], rcond=1e-10)[0]
    filled = np.stack(worst_case(values, slopes, span))
    fit = ols(cross_products(x, filled, town), collinear="drop")
    contrast = np.eye(x.shape[1])[0]
    lower, upper = (float(slopes @ y / (slopes @ slopes)) for y in filled)
    se = standard_error(fit, contrast, "CR2")
    df = float(satterthwaite_df(fit, contrast, "CR2"))
    row = _interval((lower, upper), (float(se[0]), float(se[1])), df, case.level)
    low, high = (f"{v:g}" for v in span)
    return {**row, "method": f"missing values at {low} or {high}, CR2, Imbens-Manski interval, t({df:.1f})"}


def _interval(bounds: Pair, se: Pair, df: float, level: float) -> Row:
    low, high = imbens_manski(bounds, se, df, level)
    names = ("lower", "upper", "se_lower", "se_upper", "df", "ci_low", "ci_high")
    return dict(zip(names, (*bounds, *se, df, low, high), strict=True))


def _span(case: Case, plan: Plan) -> Pair | None:
    if case.outcome.kind == "binary":
        return 0.0, 1.0
    found = scale_of(plan, case.outcome)
    return (found[1].low, found[1].high) if found else None
