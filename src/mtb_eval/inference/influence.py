"""What each cluster contributes to a contrast under the leverage adjustments CR0, CR2 and CR3.

The contribution of cluster g is q_g'r_g, with r_g its residuals and q_g = A_g W_g X_g (X'WX)^-1 c. All q_g lie in the
span of a few columns M_g, q_g = M_g k_g, so that M_g'M_g and M_g'r_g suffice: without weights M_g = U_g, the
orthonormalised design; with weights M_g = [U_g, W_g U_g]. The working model is independent errors of one variance.

Bell & McCaffrey (2002), Survey Methodology 28; Pustejovsky & Tipton (2018), doi:10.1080/07350015.2016.1247004.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.ols import LeastSquares, loading, share_spectrum, times

Array = NDArray[np.float64]
Adjustment = Literal["CR0", "CR2", "CR3"]

SINGULAR = 1e-9
"""Eigenvalues of a cluster's leverage this near 1 are 1: the cluster alone determines that direction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """Contributions of clusters to a contrast, and their covariance under the working model with variance 1.

    `scores` (..., G) = q_g'r_g; `weights` (..., G, m) = k_g in q_g = M_g k_g; `reach` (..., G, m) = M_g'q_g, so that
    q_g'q_g = k_g'reach_g. The covariance of the contributions of g and h is
    [g = h] q_g'q_g - reach_g' `metric` reach_h; `metric` is (..., m, m).
    Design parts lack batch axes if the design does.
    """

    scores: Array
    weights: Array
    reach: Array
    metric: Array

    @property
    def own(self) -> Array:
        """The squared length q_g'q_g, (..., G)."""
        return np.asarray(np.sum(self.weights * self.reach, axis=-1))


def influence(fit: LeastSquares, contrast: ArrayLike, adjustment: Adjustment) -> Influence:
    """Return the contributions of clusters to a contrast (p,) or (..., p) of the coefficients of X.

    CR0: A_g = I. CR2: A_g = the symmetric inverse root of the working covariance of r_g, with directions that the
    cluster alone determines left out. CR3: A_g = (I - H_gg)^-1; NaN if the contrast is not estimable without g,
    while other directions that g alone determines (its own dummy) are left out, as if the data were demeaned.
    Raises ValueError for CR2 and CR3 when absorbed effects cross the clusters.
    """
    if adjustment != "CR0":
        refuse_crossed(fit, adjustment)
    target = loading(fit, contrast)[..., None, :]
    if fit.cross.weighted and adjustment == "CR2":
        refuse_without_working_model(fit, adjustment)
    if fit.cross.xx0 is not None:
        return _weighted(fit, target, adjustment)
    if adjustment == "CR0":
        weights = np.broadcast_to(target, target.shape[:-2] + fit.shares.shape[-3:-1])
    else:
        weights = leverage_function(fit, target, adjustment)
    scores = np.sum(weights * fit.scores, axis=-1)
    return Influence(scores=scores, weights=weights, reach=times(fit.shares, weights), metric=np.eye(weights.shape[-1]))


def leverage_function(fit: LeastSquares, target: Array, adjustment: Adjustment) -> Array:
    """Return f(T_g) applied to `target` (..., 1, p), with T_g a cluster's share: (1 - t)^-1/2 or (1 - t)^-1.

    Eigenvalues of 1 get 0 instead. For CR3 the result is NaN where the target has a part in such a direction.
    """
    parts, free = _parts(fit, target)
    power = 0.5 if adjustment == "CR2" else 1.0
    factor = np.where(free, np.where(free, 1.0 - share_spectrum(fit)[0], 1.0) ** -power, 0.0)
    if adjustment == "CR3":
        factor = np.where(_alone(target, parts, free)[..., None], np.nan, factor)
    return times(share_spectrum(fit)[1], factor * parts)


def decides_alone(fit: LeastSquares, contrast: ArrayLike) -> NDArray[np.bool_]:
    """Tell for each cluster, (..., G), whether a contrast (..., p) cannot be estimated without it."""
    target = loading(fit, contrast)[..., None, :]
    return _alone(target, *_parts(fit, target))


def _parts(fit: LeastSquares, target: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return the target along the eigenvectors of each share, and which of these other clusters determine too."""
    values, vectors = share_spectrum(fit)
    return (target[..., None, :] @ vectors)[..., 0, :], 1.0 - values > SINGULAR


def _alone(target: Array, parts: Array, free: NDArray[np.bool_]) -> NDArray[np.bool_]:
    size = np.linalg.norm(target, axis=-1, keepdims=True)
    return np.asarray(np.any(~free & (np.abs(parts) > 1e-6 * size), axis=-1))


def refuse_crossed(fit: LeastSquares, method: str) -> None:
    """Raise ValueError if absorbed effects cross the clusters, so that leverage cannot be told from the sums."""
    if fit.cross.absorbed and not fit.cross.nested:
        raise ValueError(
            f"{method} is not available when an absorbed factor crosses the clusters: use columns of dummies instead"
        )


def refuse_without_working_model(fit: LeastSquares, method: str) -> None:
    """Raise ValueError if the sums do not give the covariance of residuals under independent errors."""
    refuse_crossed(fit, method)
    if fit.cross.weighted and fit.cross.xx0 is None:
        raise ValueError(f"{method} is not available for weights with absorbed effects: use columns of dummies instead")


def _weighted(fit: LeastSquares, target: Array, adjustment: Adjustment) -> Influence:
    """Return the contributions under weights: M_g = [s U_g, W_g U_g / s], s balancing the two blocks."""
    plain, squared, plain_scores = _weight_moments(fit)
    scale = np.sqrt(_trace(squared.sum(axis=-3)) / _trace(plain.sum(axis=-3)))[..., None, None, None]
    gram = _blocks(plain * scale, fit.shares, squared / scale)
    eye = np.broadcast_to(np.eye(target.shape[-1]), squared.shape[:-3] + squared.shape[-2:])
    metric = _blocks(-squared.sum(axis=-3) / scale[..., 0], eye, np.zeros_like(eye))
    root = np.sqrt(scale[..., 0])
    scores = np.concatenate(np.broadcast_arrays(plain_scores * root, fit.scores / root), axis=-1)
    aimed = leverage_function(fit, target, "CR3") if adjustment == "CR3" else target
    aimed = np.broadcast_to(aimed * root, np.broadcast_shapes(aimed.shape, plain.shape[:-1]))
    weights = np.concatenate([np.zeros_like(aimed), aimed], axis=-1)
    if adjustment == "CR2":
        weights = _weighted_cr2(gram, metric, weights)
    own_scores = np.sum(weights * scores, axis=-1)
    return Influence(scores=own_scores, weights=weights, reach=times(gram, weights), metric=metric)


def _weighted_cr2(gram: Array, metric: Array, weights: Array) -> Array:
    """Return the k with M_g k = A_g M_g `weights`, where A_g = (I - M_g metric M_g')^-1/2.

    With the orthonormal basis Q of M_g, M_g = Q H', A_g acts on Q as the inverse root of I - H' metric H.
    """
    values, vectors = np.linalg.eigh(gram)
    present = values > 1e-12 * np.max(values, axis=-1, keepdims=True, initial=1e-300)
    length = np.sqrt(np.where(present, values, 0.0))
    half = vectors * length[..., None, :]
    inner = np.eye(gram.shape[-1]) - half.swapaxes(-1, -2) @ metric[..., None, :, :] @ half
    gap, axes = np.linalg.eigh(inner)
    free = gap > SINGULAR
    factor = np.where(free, np.where(free, gap, 1.0) ** -0.5, 0.0)
    on_basis = times(half.swapaxes(-1, -2), weights)
    turned = times(axes, factor * times(axes.swapaxes(-1, -2), on_basis))
    return times(vectors, np.where(present, turned / np.where(present, length, 1.0), 0.0))


def _weight_moments(fit: LeastSquares) -> tuple[Array, Array, Array]:
    """Return U_g'U_g, U_g'W_g W_g U_g and U_g'r_g."""
    cross = fit.cross
    xx0, xx2, xy0 = (np.asarray(v) for v in (cross.xx0, cross.xx2, cross.xy0))
    root = fit.root[..., None, :, :]
    shift = (fit.z_coefficients - cross.offset)[..., None, :]
    plain_scores = (xy0 - times(xx0, shift)) @ fit.root
    return _inside(root, xx0), _inside(root, xx2), plain_scores


def _inside(root: Array, matrix: Array) -> Array:
    return np.asarray(root.swapaxes(-1, -2) @ matrix @ root)


def _blocks(first: Array, cross: Array, last: Array) -> Array:
    return np.concatenate([np.concatenate([first, cross], axis=-1), np.concatenate([cross, last], axis=-1)], axis=-2)


def _trace(matrix: Array) -> Array:
    return np.asarray(np.trace(matrix, axis1=-2, axis2=-1))
