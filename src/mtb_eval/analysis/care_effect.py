"""The effect of care received on one outcome: the replica mixed model, the primary model and its sensitivity panel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtb_eval.analysis.model_data import ModelData, dummies, stack
from mtb_eval.analysis.verdicts import per_sd
from mtb_eval.inference.cluster_level import arm_means, paired_t, unpaired_t
from mtb_eval.inference.cross import Cross, cross_products
from mtb_eval.inference.estimate import Estimate
from mtb_eval.inference.estimating_equations import robust_estimate
from mtb_eval.inference.gee import Correlation, gee
from mtb_eval.inference.kenward_roger import kenward_roger
from mtb_eval.inference.mixed import fit_mixed, mixed_satterthwaite, mixed_z
from mtb_eval.inference.ols import ols
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.inference.wild import WildResult, wild_bootstrap
from mtb_eval.study import Outcome

Array = NDArray[np.float64]
Row = dict[str, object]

CARE = "care received"
FAILURES = (ValueError, np.linalg.LinAlgError, FloatingPointError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A model's cross-products and the contrast (p,) that is its effect."""

    cross: Cross
    contrast: Array


def replica_design(data: ModelData) -> Design:
    """Return the replica's design: intercept, MTB, baseline score and covariates (the municipality is random)."""
    x = stack(np.ones_like(data.y), data.mtb, data.covariates)
    return Design(cross=cross_products(x, data.y, data.municipality), contrast=_picks(x, 1))


def primary_design(data: ModelData) -> Design:
    """Return the primary design: MTB, municipality dummies, calendar spline, baseline score and covariates."""
    x = stack(data.mtb, dummies(data.municipality), data.calendar, data.covariates)
    return Design(cross=cross_products(x, data.y, data.municipality), contrast=_picks(x, 0))


def care_rows(data: ModelData, outcome: Outcome, level: float) -> Iterator[Row]:
    """Yield the effect-table rows of one outcome: replica, primary, sensitivity; a failure is a row with its error."""
    base = base_row(data, outcome)
    for estimator, build in (("replica", _replica), ("primary", primary_rows), ("sensitivity", _sensitivity)):
        for row in attempt({**base, "estimand": CARE, "estimator": estimator}, data, build, level):
            yield {**row, "warning": "; ".join(filter(None, (asked_of(outcome), str(row.get("warning", "")))))}


def asked_of(outcome: Outcome) -> str:
    """Return a warning that an outcome is asked of some families only, decided after recruitment, or ""."""
    if outcome.population is None:
        return ""
    return f"only among families of the population {outcome.population}, which the programme may have changed"


def primary_rows(data: ModelData, level: float) -> Iterator[Row]:
    """Yield the rows of the primary model: CR2 with Satterthwaite df, then WCR31 on all sign draws."""
    design = primary_design(data)
    fit = ols(design.cross, collinear="drop")
    yield estimate_row(cluster_robust(fit, design.contrast, kind="CR2", level=level))
    yield wild_row(wild_bootstrap(fit, design.contrast, variant="wcr31", level=level))


def names_of(outcome: Outcome) -> Row:
    """Return an outcome's name, family and wave as the first columns of a row."""
    return {"outcome": outcome.id, "family": outcome.family, "wave": outcome.wave}


def base_row(data: ModelData, outcome: Outcome) -> Row:
    """Return what every row of an outcome shares: names and the numbers of families and municipalities."""
    return {
        **names_of(outcome),
        "n_mtb": float(data.mtb.sum()),
        "n_control": float((1 - data.mtb).sum()),
        "n_clusters": float(data.n_clusters),
        "sign": per_sd(outcome.better, data.sd),
    }


def attempt(
    base: Mapping[str, object],
    data: ModelData,
    build: Callable[[ModelData, float], Iterator[Row]],
    level: float,
) -> list[Row]:
    """Return the rows that `build` makes for `data`, each on top of `base`, or one row with the error."""
    problem = unusable(data)
    try:
        rows = [] if problem else list(build(data, level))
    except FAILURES as failure:
        problem, rows = str(failure), []
    if problem:
        return [finished({**base, "method": "not estimated", "error": problem})]
    return [finished({**base, **row}) for row in rows]


def unusable(data: ModelData) -> str:
    """Return why no comparison of the arms can be made with these families, or ""."""
    if len(data.y) == 0:
        return "no family has this outcome"
    if not 0 < data.mtb.sum() < len(data.mtb):
        return "all families with this outcome are of one arm"
    if data.n_clusters < 2:
        return "all families with this outcome are in one municipality"
    return "" if len(np.unique(data.y)) > 1 else "the outcome does not vary"


def finished(row: Mapping[str, object]) -> Row:
    """Return a row with its standardised estimate (estimate times `sign`), without the column `sign`."""
    sign, estimate = row.get("sign", np.nan), row.get("estimate", np.nan)
    rest = {k: v for k, v in row.items() if k != "sign"}
    return {**rest, "standardised": float(sign) * float(estimate)}  # type: ignore[arg-type]


def estimate_row(e: Estimate, *, method: str = "") -> Row:
    """Return an Estimate as columns of the effect table."""
    return {
        "method": method or e.method,
        "estimate": float(e.estimate),
        "se": float(e.se),
        "df": float(e.df),
        "ci_low": float(e.ci_low),
        "ci_high": float(e.ci_high),
        "p": float(e.p),
        "warning": e.warning,
    }


def wild_row(w: WildResult) -> Row:
    """Return a wild bootstrap result as columns of the effect table; it has no df."""
    return {
        "method": w.method,
        "estimate": float(w.estimate),
        "se": float(w.se),
        "ci_low": float(w.ci_low),
        "ci_high": float(w.ci_high),
        "p": float(w.p),
        "warning": w.warning,
    }


def _replica(data: ModelData, level: float) -> Iterator[Row]:
    design = replica_design(data)
    fitted = fit_mixed(design.cross)
    for test in (kenward_roger, mixed_satterthwaite, mixed_z):
        yield estimate_row(test(fitted, design.contrast, level=level))


def _sensitivity(data: ModelData, level: float) -> Iterator[Row]:
    design = primary_design(data)
    fit = ols(design.cross, collinear="drop")
    for kind in ("CR1", "CR3", "CV3"):
        yield estimate_row(cluster_robust(fit, design.contrast, kind=kind, reference="G-1", level=level))
    for variant in ("wcr11", "wcr13", "wcr33"):
        yield wild_row(wild_bootstrap(fit, design.contrast, variant=variant, level=level))
    yield from _or_reason("two-stage cluster means", _two_stage, data, level)
    yield from _or_reason("GEE, exchangeable", _gee, data, level)


def _or_reason(method: str, build: Callable[[ModelData, float], Row], data: ModelData, level: float) -> Iterator[Row]:
    """Yield the row, or one with the reason why this analysis alone cannot be made."""
    try:
        yield build(data, level)
    except FAILURES as failure:
        yield {"method": method, "error": str(failure)}


def _two_stage(data: ModelData, level: float) -> Row:
    """Residuals from a model without care received, averaged by municipality and arm."""
    x = stack(np.ones_like(data.y), data.calendar, data.covariates)
    means = arm_means(data.y, data.mtb, data.municipality, covariates=x)
    row = estimate_row((paired_t if means.paired.any() else unpaired_t)(means, level=level))
    left = float(np.var(data.mtb - x @ np.linalg.lstsq(x, data.mtb, rcond=None)[0]) / np.var(data.mtb))
    pulled = f"covariates that track care received take {1 - left:.0%} of it with them, the estimate is pulled to 0"
    return {**row, "warning": "; ".join(filter(None, (str(row["warning"]), pulled)))}


def _gee(data: ModelData, level: float) -> Row:
    """The replica's columns and calendar time, families of a municipality equally correlated."""
    x = stack(np.ones_like(data.y), data.mtb, data.calendar, data.covariates)
    correlation: Correlation = "exchangeable"
    try:
        fit = gee(x, data.y, data.municipality)
        warning = fit.warning
    except ValueError as failure:
        correlation, warning = "independence", f"independence was used: {failure}"
        fit = gee(x, data.y, data.municipality, correlation=correlation)
    e = robust_estimate(fit.equations, _picks(x, 1), kind="CR3", reference="G-1", level=level)
    return {**estimate_row(e, method=f"GEE, {correlation}, {e.method}"), "warning": warning}


def _picks(x: Array, column: int) -> Array:
    return np.asarray(np.eye(x.shape[1])[column])
