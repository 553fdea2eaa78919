"""Cluster scores of the wild bootstrap: everything that its draws need, from cross-products alone.

The coefficients are expressed in coordinates in which X'X is the identity and the tested contrast is (a multiple
of) the first one. There, with U_g the share of cluster g (sum U_g = I), w_g = U_g e1 and x = c'b - r,
  restricted scores          s_g(x)  = s_g + w_g x,   s_g the unrestricted residual scores ("1" as first digit);
  leave-one-cluster-out ones T_g s_g(x), T_g = I + U_g[:, 2:] (I - U_g[2:, 2:])^+ [0 I]                     ("3");
  coefficient of a draw v    sum_h v_h s_h1(x);
  its variance               m sum_g (q_g'(v_g s_g - U_g sum_h v_h s_h))^2,
with q_g = e1 and m = G/(G-1) (N-1)/(N-k) ("1" as second digit, CR1S), or q_g = (I - U_g)^+ e1 and m = (G-1)/G
("3", the jackknife CV3). Both are linear in v and affine in x, which is what `WildScores` holds.

The generalised inverse leaves a direction that only cluster g identifies (its own dummy) at its full-sample value, so
cluster dummies give the same bootstrap as demeaning by cluster.

MacKinnon, Nielsen and Webb (2023, doi 10.1002/jae.2969); Roodman, MacKinnon, Nielsen and Webb (2019,
doi 10.1177/1536867X19830877).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.cross import Cross
from mtb_eval.inference.influence import SINGULAR, refuse_crossed
from mtb_eval.inference.ols import LeastSquares, contrast_estimate, loading, ols, times, warning_of

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Variant = Literal["wcr11", "wcr13", "wcr31", "wcr33", "wcu11", "wcu13", "wcu31", "wcu33"]

VARIANTS: tuple[Variant, ...] = ("wcr11", "wcr13", "wcr31", "wcr33", "wcu11", "wcu13", "wcu31", "wcu33")
ROUNDING = 1e-12
"""A standard error this small beside the size of the outcome is rounding: the clusters' scores vanish."""
_BLOCK = 2**21


@dataclass(frozen=True, slots=True, kw_only=True)
class WildScores:
    """A contrast, its standard error, and what the wild bootstrap of it needs, for any batch `...`.

    With x = `estimate` - r for the null value r, a draw with weights v (S,) has the statistic
    (`numerator` + `numerator_x` x)'v / |(`residual` + `residual_x` x) v|; the observed one is x / `se`.
    `estimate`, `se` (...); numerators (..., S); residuals (..., G, S): G clusters, S of them or of sub-clusters drawn.
    `n_clusters` (...) counts clusters that hold rows. `warning` is empty or one sentence.
    """

    estimate: Array
    se: Array
    numerator: Array
    numerator_x: Array
    residual: Array
    residual_x: Array
    n_clusters: Array
    variant: Variant
    warning: str = ""


class _Coordinates(NamedTuple):
    """Shares U (..., S, p, p) and residual scores (..., S, p), where `scale` times the first axis is the contrast."""

    scale: Array
    shares: Array
    scores: Array
    usable: Flags


def wild_scores(
    model: Cross | LeastSquares,
    contrast: ArrayLike,
    *,
    variant: Variant = "wcr31",
    parent: ArrayLike | None = None,
) -> WildScores:
    """Return the scores for the contrast (p,) of the coefficients, for every outcome in `model`.

    `parent` (S,), for weights drawn by sub-cluster: `model` is by sub-cluster, `parent` gives the cluster 0..G-1 of
    each, and standard errors and leave-one-out scores are by cluster. Raises ValueError for an unknown variant, a
    contrast or `parent` of the wrong length, or one cluster only; and what `ols` raises. A fit that is not usable,
    and for "x3" a contrast that one cluster alone identifies, give NaN and a warning.
    """
    if variant not in VARIANTS:
        raise ValueError(f"Unknown wild bootstrap variant {variant!r}: choose one of {', '.join(VARIANTS)}.")
    fit = model if isinstance(model, LeastSquares) else ols(model)
    if "3" in variant:
        refuse_crossed(fit, variant.upper())
    c = _checked_contrast(fit, contrast)
    member = _membership(fit.cross, parent)
    parts = [_block_scores(block, c, variant, member) for block in _blocks(fit)]
    return _joined(parts, _warning(parts, fit, variant))


def _checked_contrast(fit: LeastSquares, contrast: ArrayLike) -> Array:
    c = np.asarray(contrast, dtype=float)
    if c.shape != (fit.cross.n_columns,) or not np.isfinite(c).all() or not c.any():
        raise ValueError(
            f"The contrast must hold {fit.cross.n_columns} finite numbers, not all 0, one per column of the design; "
            f"its shape is {c.shape}."
        )
    return c


def _membership(cross: Cross, parent: ArrayLike | None) -> Array:
    """Indicator (G, S) of the cluster of each drawn unit."""
    units = cross.n_clusters
    cluster = np.arange(units) if parent is None else np.asarray(parent)
    if cluster.shape != (units,) or not np.issubdtype(cluster.dtype, np.integer) or cluster.min(initial=0) < 0:
        raise ValueError(f"`parent` must give the cluster number, from 0, of each of the {units} sub-clusters.")
    n_clusters = int(cluster.max(initial=0)) + 1
    if n_clusters < 2:
        raise ValueError("The wild cluster bootstrap needs at least 2 clusters, got 1.")
    return np.asarray(cluster == np.arange(n_clusters)[:, None], dtype=float)


def _blocks(fit: LeastSquares) -> list[LeastSquares]:
    """Cut the first batch axis so that one block's arrays stay small."""
    batch = fit.cross.batch
    if not batch:
        return [fit]
    per_row = int(np.prod(batch[1:])) * fit.cross.n_clusters * max(fit.cross.n_columns**2, fit.cross.n_clusters)
    rows = max(1, _BLOCK // max(per_row, 1))
    return [_rows(fit, slice(i, i + rows)) for i in range(0, batch[0], rows)] or [fit]


def _rows(fit: LeastSquares, rows: slice) -> LeastSquares:
    batch = fit.cross.batch

    def cut(a: Array, core: int) -> Array:
        batched = a.ndim - core == len(batch) and a.shape[0] == batch[0]
        return a[rows] if batched else a

    sums = {"xx": 3, "xy": 2, "yy": 1, "n": 1, "x1": 2, "y1": 1, "offset": 1}
    used: dict[str, Any] = {name: cut(getattr(fit.cross, name), core) for name, core in sums.items()}
    cross = replace(fit.cross, **used, w1=None, xx0=None, xx2=None, xy0=None)
    parts = {"z_coefficients": 1, "root": 2, "shares": 3, "scores": 2, "rss": 0, "aliased": 1}
    parts |= dict.fromkeys(("n_rows", "n_clusters", "rank", "usable"), 0)
    mine: dict[str, Any] = {name: cut(getattr(fit, name), core) for name, core in parts.items()}
    return replace(fit, cross=cross, spectrum=None, **mine)


def _joined(parts: list[WildScores], warning: str) -> WildScores:
    if len(parts) == 1:
        return replace(parts[0], warning=warning)
    names = ("estimate", "se", "numerator", "numerator_x", "residual", "residual_x", "n_clusters")
    joined: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return replace(parts[0], **joined, warning=warning)


def _block_scores(fit: LeastSquares, contrast: Array, variant: Variant, member: Array) -> WildScores:
    at = _coordinates(fit, contrast)
    shares = _by_cluster(at.shares, member)
    weight = _variance_weights(shares, variant)
    score, score_x = _bootstrap_scores(at, shares, variant, member)
    factor, n_clusters = _factor(fit, variant, member)
    root = np.sqrt(factor)
    unit = at.scale * root
    se = np.abs(unit) * np.linalg.norm((weight * (member @ at.scores)).sum(axis=-1), axis=-1)
    size_of_y = np.sqrt(fit.rss + (fit.z_coefficients**2).sum(axis=-1))
    vanishing = se <= ROUNDING * np.abs(at.scale) * size_of_y
    shape = np.broadcast_shapes(se.shape, fit.cross.batch)
    return WildScores(
        estimate=np.broadcast_to(contrast_estimate(fit, contrast), shape),
        se=np.broadcast_to(np.where(at.usable & ~vanishing, se, np.nan), shape),
        numerator=_full(at.scale[..., None] * score[..., 0], shape, 1),
        numerator_x=_full(score_x[..., 0], shape, 1),
        residual=_full(unit[..., None, None] * _residual_map(weight, shares, score, member), shape, 2),
        residual_x=_full(root[..., None, None] * _residual_map(weight, shares, score_x, member), shape, 2),
        n_clusters=np.broadcast_to(n_clusters, shape),
        variant=variant,
    )


def _full(a: Array, batch: tuple[int, ...], core: int) -> Array:
    return np.broadcast_to(a, batch + a.shape[a.ndim - core :])


def _coordinates(fit: LeastSquares, contrast: Array) -> _Coordinates:
    """Reflect (Householder) the orthonormal coordinates of the fit so that the contrast lies on the first axis."""
    loaded = loading(fit, contrast)
    usable = ~np.isnan(loaded).any(axis=-1)
    e1 = np.eye(loaded.shape[-1])[0]
    a = np.where(np.asarray(usable)[..., None], loaded, e1)
    length = np.linalg.norm(a, axis=-1)
    scale = np.where(a[..., 0] > 0, -length, length)
    h = a - scale[..., None] * e1
    h = h / np.linalg.norm(h, axis=-1, keepdims=True)
    turn = np.eye(e1.size) - 2.0 * h[..., :, None] * h[..., None, :]
    shares = turn[..., None, :, :] @ fit.shares @ turn[..., None, :, :]
    return _Coordinates(scale=scale, shares=shares, scores=fit.scores @ turn, usable=np.asarray(usable))


def _by_cluster(units: Array, member: Array) -> Array:
    one_to_one = member.shape[0] == member.shape[1] and bool((np.diag(member) == 1).all())
    return units if one_to_one else np.einsum("gs,...sij->...gij", member, units)


def _spread(by_cluster: Array, member: Array) -> Array:
    """Give each drawn unit the row (..., p) of its cluster."""
    return by_cluster[..., member.argmax(axis=0), :]


def _variance_weights(shares: Array, variant: Variant) -> Array:
    """q_g (..., G, p) of the variance; NaN if without some cluster the contrast cannot be estimated."""
    e1 = np.eye(shares.shape[-1])[0]
    if variant.endswith("1"):
        return np.broadcast_to(e1, shares.shape[:-1])
    weight = _residual_inverse(shares)[..., 0]
    back = weight - times(shares, weight)
    lost = (np.abs(back - e1) > 1e-6).any(axis=(-2, -1), keepdims=True)
    return np.where(lost, np.nan, weight)


def _residual_inverse(shares: Array) -> Array:
    """Generalised inverse of I - U_g, without the directions that cluster g alone identifies (eigenvalue 1 of U_g)."""
    values, vectors = np.linalg.eigh(shares)
    kept = values < 1.0 - SINGULAR
    inverse = np.where(kept, 1.0 / np.where(kept, 1.0 - values, 1.0), 0.0)
    return np.asarray((vectors * inverse[..., None, :]) @ np.swapaxes(vectors, -1, -2))


def _bootstrap_scores(at: _Coordinates, shares: Array, variant: Variant, member: Array) -> tuple[Array, Array]:
    """Scores (..., S, p) that the weights multiply, and their slope in the first coordinate less its null value."""
    restricted = variant.startswith("wcr")
    slope = at.shares[..., 0] if restricted else np.zeros_like(at.shares[..., 0])
    if variant[3] == "1":
        return at.scores, slope
    first = 1 if restricted else 0
    inverse = _residual_inverse(shares[..., first:, first:])

    def left_out(scores: Array) -> Array:
        shift = times(inverse, member @ scores[..., first:])
        return np.asarray(scores + times(at.shares[..., first:], _spread(shift, member)))

    return left_out(at.scores), left_out(slope)


def _factor(fit: LeastSquares, variant: Variant, member: Array) -> tuple[Array, Array]:
    """Small-sample factor m and the number of clusters that hold rows."""
    n_clusters = np.count_nonzero(fit.cross.n @ member.T > 0, axis=-1).astype(float)
    if variant.endswith("3"):
        return np.asarray((n_clusters - 1) / np.maximum(n_clusters, 1)), n_clusters
    df = fit.n_rows - fit.rank
    usable = (df > 0) & (n_clusters > 1)
    ratio = n_clusters * (fit.n_rows - 1) / np.where(usable, (n_clusters - 1) * df, 1.0)
    return np.where(usable, ratio, np.nan), n_clusters


def _residual_map(weight: Array, shares: Array, scores: Array, member: Array) -> Array:
    """K (..., G, S) with K v = q_g'(sum of v_h s_h in cluster g - U_g sum_h v_h s_h)."""
    own = member * (_spread(weight, member) * scores).sum(axis=-1)[..., None, :]
    return np.asarray(own - times(shares, weight) @ np.swapaxes(scores, -1, -2))


def _warning(parts: list[WildScores], fit: LeastSquares, variant: Variant) -> str:
    if text := warning_of(fit):
        return text
    missing = sum(int(np.count_nonzero(np.isnan(part.se))) for part in parts)
    total = sum(part.se.size for part in parts)
    if missing:
        return (
            f"{variant.upper()} is NaN for {missing} of {total} outcomes: the clusters' scores vanish, "
            "or without one cluster the contrast cannot be estimated"
        )
    return ""
