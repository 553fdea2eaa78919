"""The saddlepoint reference distribution of a robust t statistic.

McCaffrey & Bell (2006), Statistics in Medicine 25, doi:10.1002/sim.2502.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Array = NDArray[np.float64]

STEPS = 64
NEAR = 5e-3


def saddlepoint_p(t: ArrayLike, eigenvalues: ArrayLike) -> Array:
    """Return the two-sided p (...) of robust t statistics (...).

    `eigenvalues` (..., G) are those of the covariance of the contributions of clusters under the working model: the
    robust variance is then a sum of chi-squared variables with these weights, independent of the estimate, and
    p = P(Z^2 > t^2 sum w_i C_i) with w_i their shares. Lugannani & Rice (1980) approximation. NaN gives NaN.
    """
    share = _shares(eigenvalues)
    square = np.asarray(t, dtype=float) ** 2
    square, share = np.broadcast_arrays(square[..., None], share)
    known = np.isfinite(square).all(axis=-1) & np.isfinite(share).all(axis=-1)
    position = _position(np.where(known, square[..., 0], 1.0), np.where(known[..., None], share, 1.0))
    p = _tail(position, np.where(known[..., None], share, 1.0))
    return np.where(known, np.where(square[..., 0] == 0, 1.0, p), np.nan)


def saddlepoint_critical(level: float, eigenvalues: ArrayLike) -> Array:
    """Return the t (...) whose two-sided saddlepoint p is 1 - `level`, for an interval of that coverage.

    Raises ValueError for a level below 0.7, where the interval would lie inside one standard error.
    """
    if not 0.7 <= level < 1:
        raise ValueError(f"the level of a saddlepoint interval must lie in 0.7..1, not at {level}")
    share = _shares(eigenvalues)
    known = np.asarray(np.isfinite(share).all(axis=-1))
    share = np.where(known[..., None], share, 1.0)
    low, high = np.full(share.shape[:-1], -7.0), np.full(share.shape[:-1], 40.0)
    for _ in range(STEPS):
        middle = (low + high) / 2
        above = _tail(np.exp(middle), share) > 1 - level
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(known, np.sqrt(_square_at(np.exp(low), share)), np.nan)


def _shares(eigenvalues: ArrayLike) -> Array:
    values = np.maximum(np.asarray(eigenvalues, dtype=float), 0.0)
    total = values.sum(axis=-1, keepdims=True)
    return np.where(total > 0, values, np.nan) / np.where(total > 0, total, 1.0)


def _square_at(a: Array, share: Array) -> Array:
    """Return the t^2 whose saddlepoint s gives a = s t^2: the equation for s, solved for t^2 instead."""
    return np.asarray(2 * a + 1 / np.sum(share / (1 + 2 * share * a[..., None]), axis=-1))


def _position(square: Array, share: Array) -> Array:
    """Return the a at which `_square_at` equals t^2; it increases in a, so bisection finds it."""
    low = np.where(square >= 1, 0.0, -0.5 / np.max(share, axis=-1))
    high = np.where(square >= 1, (square - 1) / 2, 0.0)
    for _ in range(STEPS):
        middle = (low + high) / 2
        below = _square_at(middle, share) < square
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray((low + high) / 2)


def _tail(a: Array, share: Array) -> Array:
    """Return p at a; near a = 0 both terms of the formula diverge, and a cubic through its neighbours is used."""
    near = np.abs(a) < NEAR / 5
    p = _lugannani_rice(np.where(near, NEAR, a), share)
    if not near.any():
        return p
    nodes = NEAR * np.array([-2.0, -1.0, 1.0, 2.0])
    cubic = np.zeros_like(a)
    for j, node in enumerate(nodes):
        others = np.delete(nodes, j)
        weight = np.prod((a[..., None] - others) / (node - others), axis=-1)
        cubic = cubic + weight * _lugannani_rice(np.full_like(a, node), share)
    return np.where(near, cubic, p)


def _lugannani_rice(a: Array, share: Array) -> Array:
    square = _square_at(a, share)
    positive = square > 1e-300
    s = a / np.where(positive, square, 1.0)
    stretch = 1 + 2 * share * a[..., None]
    log_sum = np.log1p(-2 * s) + np.sum(np.log1p(2 * share * a[..., None]), axis=-1)
    r = np.sign(s) * np.sqrt(np.maximum(log_sum, 0.0))
    curvature = 1 / (1 - 2 * s) ** 2 + square**2 * np.sum((share / stretch) ** 2, axis=-1)
    u = s * np.sqrt(2 * curvature)
    density = np.exp(-(r**2) / 2) / np.sqrt(2 * np.pi)
    p = special.ndtr(-r) + density * (1 / np.where(u != 0, u, 1.0) - 1 / np.where(r != 0, r, 1.0))
    return np.where(positive & (r != 0), p, 1.0)
