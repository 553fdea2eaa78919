"""Cluster-robust standard errors, their degrees of freedom, and rows of inference for any contrast.

| kind | what it is |
|---|---|
| CR0 | sum of squared contributions of clusters |
| CR1 | CR0 times G / (G - 1) |
| CR1S | CR0 times G / (G - 1) times (N - 1) / (N - k), as Stata |
| CR1p | CR0 times G / (G - k) |
| CR2 | bias-reduced: Bell & McCaffrey (2002); Pustejovsky & Tipton (2018), doi:10.1080/07350015.2016.1247004 |
| CR3 | (I - H_gg)^-1 on the residuals, no further factor, as clubSandwich |
| CV3 | jackknife around the estimate, CR3 times (G - 1) / G: MacKinnon et al. (2023), doi:10.1002/jae.2969 |
| CV3J | the same around the mean of the estimates without one cluster |

N rows, G clusters with rows, k columns and absorbed effects.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.estimate import Estimate, t_estimate
from mtb_eval.inference.influence import (
    Adjustment,
    Influence,
    decides_alone,
    influence,
    refuse_without_working_model,
)
from mtb_eval.inference.ols import LeastSquares, contrast_estimate, each_column, loading, times, warning_of
from mtb_eval.inference.saddlepoint import saddlepoint_critical, saddlepoint_p

Array = NDArray[np.float64]
Kind = Literal["CR0", "CR1", "CR1S", "CR1p", "CR2", "CR3", "CV3", "CV3J"]
Reference = Literal["satterthwaite", "saddlepoint", "G-1", "z"]

MOST_CLUSTERS = 2000
ROUNDING = 1e-18
"""Share of the variance under independent errors below which the contributions of clusters are rounding, thus 0."""
ADJUSTMENT: dict[Kind, Adjustment] = {
    "CR0": "CR0",
    "CR1": "CR0",
    "CR1S": "CR0",
    "CR1p": "CR0",
    "CR2": "CR2",
    "CR3": "CR3",
    "CV3": "CR3",
    "CV3J": "CR3",
}


def cluster_robust(
    fit: LeastSquares,
    contrast: ArrayLike,
    *,
    kind: Kind = "CR2",
    reference: Reference | float = "satterthwaite",
    level: float = 0.95,
) -> Estimate:
    """Return estimate, standard error, df, interval and p of a contrast of the coefficients of X.

    `contrast` (p,) or (..., p), leading axes broadcasting with the batch. `reference`: t with Satterthwaite df
    (Bell & McCaffrey 2002), the saddlepoint approximation (McCaffrey & Bell 2006; no df), t with G - 1, the normal,
    or t with the df given. Raises ValueError if there is one cluster only, for all outcomes.
    """
    part = influence(fit, contrast, ADJUSTMENT[kind])
    se = np.sqrt(_variance(fit, contrast, part, kind))
    estimate = contrast_estimate(fit, contrast)
    warning = warning_of(fit) or _warning(fit, contrast, kind, se)
    if reference == "saddlepoint":
        row = t_estimate(estimate, se, df=np.nan, method=f"{kind}, saddlepoint", level=level, warning=warning)
        return _saddlepoint(fit, row, part, kind, level)
    df, name = _reference(fit, part, kind, reference)
    return t_estimate(estimate, se, df=df, method=f"{kind}, {name}", level=level, warning=warning)


def standard_error(fit: LeastSquares, contrast: ArrayLike, kind: Kind) -> Array:
    """Return the cluster-robust standard error (...) of a contrast (..., p)."""
    part = influence(fit, contrast, ADJUSTMENT[kind])
    return np.asarray(np.sqrt(_variance(fit, contrast, part, kind)))


def covariance(fit: LeastSquares, kind: Kind) -> Array:
    """Return the cluster-robust covariance (..., p, p) of the coefficients of X."""
    return cluster_covariance(fit, influence(fit, each_column(fit), ADJUSTMENT[kind]), kind)


def cluster_covariance(fit: LeastSquares, part: Influence, kind: Kind) -> Array:
    """Return the covariance (..., q, q) of q contrasts from their contributions, with scores (q, ..., G)."""
    centred = np.moveaxis(part.scores - _centre(fit, part.scores, kind), 0, -2)
    return np.asarray(_factor(fit, kind)[..., None, None] * (centred @ centred.swapaxes(-1, -2)))


def satterthwaite_df(fit: LeastSquares, contrast: ArrayLike, kind: Kind) -> Array:
    """Return (tr P)^2 / tr(P^2), P the covariance of the contributions under independent errors of one variance.

    Shape (...) of the contrast and of the batch of the design. Factors common to all clusters (CR0, CR1, CR1S, CR1p)
    do not change it. Pustejovsky & Tipton (2018), equation 11.
    """
    return _df(fit, influence(fit, contrast, ADJUSTMENT[kind]), kind)


def contribution_covariance(fit: LeastSquares, part: Influence, kind: Kind) -> Array:
    """Return P (..., G, G), the covariance of the contributions of clusters under the working model."""
    own, reach = part.own, part.reach
    matrix = own[..., None] * np.eye(own.shape[-1]) - reach @ part.metric @ reach.swapaxes(-1, -2)
    if kind != "CV3J":
        return np.asarray(matrix)
    present = _present(fit)
    centring = present[..., None] * (np.eye(present.shape[-1]) - present[..., None, :] / _count(present)[..., None])
    return np.asarray(centring @ matrix @ centring)


def require_clusters(fit: LeastSquares, method: str) -> None:
    """Raise ValueError if no entry of the batch has two clusters."""
    if not (fit.n_clusters > 1).any():
        raise ValueError(f"{method} needs at least 2 clusters, there is {int(np.max(fit.n_clusters))}")


def _variance(fit: LeastSquares, contrast: ArrayLike, part: Influence, kind: Kind) -> Array:
    centred = part.scores - _centre(fit, part.scores, kind)
    total = np.sum(centred**2, axis=-1)
    classical = np.sum(loading(fit, contrast) ** 2, axis=-1) * fit.rss / np.maximum(fit.n_rows, 1)
    return np.asarray(_factor(fit, kind) * np.where(total <= ROUNDING * classical, 0.0, total))


def _centre(fit: LeastSquares, scores: Array, kind: Kind) -> Array | float:
    """Return what is subtracted from each contribution: for CV3J their mean, over clusters that have rows."""
    if kind != "CV3J":
        return 0.0
    present = _present(fit)
    return np.asarray(present * np.sum(scores, axis=-1, keepdims=True) / _count(present))


def _present(fit: LeastSquares) -> Array:
    """Return 1 for clusters with rows, 0 for those without, (..., G)."""
    return np.asarray(fit.cross.n > 0, dtype=float)


def _count(present: Array) -> Array:
    return np.asarray(np.maximum(present.sum(axis=-1, keepdims=True), 1.0))


def _factor(fit: LeastSquares, kind: Kind) -> Array:
    """Return the factor (...) on the sum of squares; NaN with one cluster, and for CR1p with no more than k."""
    require_clusters(fit, kind)
    g, n, k = (np.asarray(v, dtype=float) for v in (fit.n_clusters, fit.n_rows, fit.rank))
    top, bottom = {
        "CR1": (g, g - 1),
        "CR1S": (g * (n - 1), (g - 1) * (n - k)),
        "CR1p": (g, g - k),
        "CV3": (g - 1, g),
        "CV3J": (g - 1, g),
    }.get(kind, (np.ones_like(g), np.ones_like(g)))
    valid = (g > 1) & (bottom > 0)
    return np.where(valid, top / np.where(valid, bottom, 1.0), np.nan)


def _df(fit: LeastSquares, part: Influence, kind: Kind) -> Array:
    refuse_without_working_model(fit, "a Satterthwaite df")
    require_clusters(fit, "a Satterthwaite df")
    own, reach = part.own, part.reach
    turned = reach @ part.metric
    small = reach.swapaxes(-1, -2) @ turned
    both = np.sum(reach * turned, axis=-1)
    trace = np.sum(own - both, axis=-1)
    trace_square = np.sum(own * (own - 2 * both), axis=-1) + np.sum(small * small.swapaxes(-1, -2), (-1, -2))
    if kind == "CV3J":
        # tr(CP) and tr(CPCP) for the centring C, from P applied to the indicator of clusters with rows.
        applied = own - times(turned, reach.sum(axis=-2))
        g = _count(_present(fit))[..., 0]
        mean = applied.sum(axis=-1) / g
        trace, trace_square = trace - mean, trace_square - 2 * np.sum(applied**2, axis=-1) / g + mean**2
    positive = trace_square > 0
    return np.where(positive, trace**2 / np.where(positive, trace_square, 1.0), np.nan)


def _reference(
    fit: LeastSquares, part: Influence, kind: Kind, reference: Reference | float
) -> tuple[Array | float, str]:
    """Return the df of the reference distribution and its name."""
    if reference == "satterthwaite":
        return _df(fit, part, kind), "Satterthwaite t"
    if reference == "G-1":
        return np.asarray(fit.n_clusters - 1, dtype=float), "t(G-1)"
    if reference == "z":
        return np.inf, "z"
    if isinstance(reference, int | float) and reference > 0:
        return float(reference), f"t({reference:g})"
    raise ValueError(f"unknown reference {reference!r}: use satterthwaite, saddlepoint, G-1, z or a positive df")


def _saddlepoint(fit: LeastSquares, row: Estimate, part: Influence, kind: Kind, level: float) -> Estimate:
    """Return the row with p and interval from the saddlepoint approximation."""
    refuse_without_working_model(fit, "a saddlepoint p")
    if fit.cross.n_clusters > MOST_CLUSTERS:
        raise ValueError(f"a saddlepoint p is meant for few clusters, at most {MOST_CLUSTERS}: use satterthwaite")
    matrix = contribution_covariance(fit, part, kind)
    known = np.asarray(np.isfinite(matrix).all(axis=(-1, -2)))
    values = np.linalg.eigvalsh(np.where(known[..., None, None], matrix, 0.0))
    values = np.where(known[..., None], values, np.nan)
    usable = np.isfinite(row.se) & (row.se > 0)
    se = np.where(usable, row.se, np.nan)
    half = saddlepoint_critical(level, values) * se
    p = saddlepoint_p(row.estimate / se, values)
    return replace(row, p=p, ci_low=row.estimate - half, ci_high=row.estimate + half)


def _warning(fit: LeastSquares, contrast: ArrayLike, kind: Kind, se: Array) -> str:
    """Return a sentence if estimates have no standard error, or one that misses a cluster; else an empty one."""
    lost = int(np.count_nonzero(~(se > 0)))
    alone = 0
    if ADJUSTMENT[kind] != "CR0":
        alone = int(np.count_nonzero(decides_alone(fit, contrast).any(axis=-1)))
    if kind == "CR2" and alone and not lost:
        return "the contrast cannot be estimated without one of the clusters: CR2 misses the variance of that cluster"
    if not lost:
        return ""
    if (fit.n_clusters < 2).any():
        why = "there are fewer than 2 clusters"
    elif kind == "CR1p" and (fit.n_clusters <= fit.rank).any():
        why = "there are no more clusters than columns"
    elif alone:
        why = "the contrast cannot be estimated without one of the clusters"
    else:
        why = "the residuals of each cluster sum to zero in it"
    return f"{kind} gives no standard error for {lost} of {se.size} estimates: {why}"
