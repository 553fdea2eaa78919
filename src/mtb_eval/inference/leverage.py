"""How much each cluster decides: leverage, effective number of clusters, estimates without one cluster.

MacKinnon, Nielsen & Webb (2023), "Leverage, influence, and the jackknife in clustered regression models",
doi:10.1177/1536867X231212433.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.influence import leverage_function, refuse_crossed
from mtb_eval.inference.ols import LeastSquares, contrast_estimate, loading

Array = NDArray[np.float64]


def leverage(fit: LeastSquares) -> Array:
    """Return the trace of H_gg of each cluster, (..., G); the sum is the number of columns not absorbed."""
    return np.asarray(np.trace(fit.shares, axis1=-2, axis2=-1))


def partial_leverage(fit: LeastSquares, contrast: ArrayLike) -> Array:
    """Return the share of each cluster in the information on a contrast (..., p): (..., G), sum 1.

    For one column it is the cluster's share in the sum of squares of that column after the others are partialled out.
    """
    target = loading(fit, contrast)[..., None, :]
    shares = np.sum(target * (fit.shares @ target[..., None])[..., 0], axis=-1)
    return np.asarray(shares / np.sum(target**2, axis=-1))


def partial_leverage_cov(fit: LeastSquares, contrast: ArrayLike) -> Array:
    """Return the coefficient of variation (...) of partial leverage over clusters with rows, with divisor G - 1."""
    g = fit.n_clusters.astype(float)
    squares = np.sum(partial_leverage(fit, contrast) ** 2, axis=-1)
    return np.asarray(np.sqrt(np.maximum(g * squares - 1, 0.0) * g / np.where(g > 1, g - 1, np.nan)))


def effective_clusters(fit: LeastSquares, contrast: ArrayLike, *, rho: float = 1.0) -> Array:
    """Return the effective number of clusters G* (...) of Carter, Schnepel & Steigerwald (2017) for a contrast.

    G* = G / (1 + CV^2), CV the coefficient of variation (divisor G) over clusters of a'X_g' R X_g a, where
    a = (X'X)^-1 c and R has 1 on and `rho` off its diagonal. Their feasible choice is rho = 1; with rho = 0 it is the
    variation of partial leverage. NaN if that is 0 in all clusters, as for rho = 1 after demeaning by cluster.
    doi:10.1162/REST_a_00639. Raises ValueError for weighted fits unless rho = 0, and if rho is not in 0..1.
    """
    if not 0.0 <= rho <= 1.0:
        raise ValueError(f"rho must lie in 0..1, not at {rho}")
    if fit.cross.weighted and rho > 0:
        raise ValueError("the effective number of clusters with rho above 0 is not available for weighted fits")
    target = loading(fit, contrast)[..., None, :]
    independent = np.sum(target * (fit.shares @ target[..., None])[..., 0], axis=-1)
    together = np.sum(target * (fit.cross.x1 @ fit.root), axis=-1) ** 2
    return _effective((1 - rho) * independent + rho * np.where(together > 1e-20 * independent, together, 0.0))


def effective_clusters_by_size(fit: LeastSquares) -> Array:
    """Return the simple effective number of clusters (...): G / (1 + CV^2) of cluster sizes, (sum n)^2 / sum n^2."""
    return _effective(np.asarray(fit.cross.n, dtype=float))


def leave_one_out(fit: LeastSquares, contrast: ArrayLike) -> Array:
    """Return the estimate of a contrast without each cluster in turn, (..., G).

    NaN for clusters without rows, and where the contrast cannot be estimated without the cluster. Raises ValueError if
    absorbed effects cross the clusters.
    """
    refuse_crossed(fit, "leaving one cluster out")
    left_out = leverage_function(fit, loading(fit, contrast)[..., None, :], "CR3")
    change = np.sum(left_out * fit.scores, axis=-1)
    return np.where(fit.cross.n > 0, contrast_estimate(fit, contrast)[..., None] - change, np.nan)


def _effective(information: Array) -> Array:
    """Return (sum v)^2 / sum v^2, which is G / (1 + CV^2); NaN if every v is 0."""
    squares = np.sum(information**2, axis=-1)
    return np.where(squares > 0, np.sum(information, axis=-1) ** 2 / np.where(squares > 0, squares, 1.0), np.nan)
