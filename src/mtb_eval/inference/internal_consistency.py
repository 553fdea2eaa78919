"""How well the items of a scale hang together: Cronbach's alpha and McDonald's omega."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

Array = NDArray[np.float64]

SMALLEST_UNIQUE = 1e-6
"""Share of an item's variance under which its own part counts as none (a Heywood case)."""


def cronbach_alpha(items: Array, *, level: float = 0.95) -> tuple[float, float, float]:
    """Return alpha and its interval from complete answers (n, k): k / (k - 1) (1 - sum of variances / variance of sum).

    Cronbach (1951), doi 10.1007/BF02310555; interval from F with n - 1 and (n - 1)(k - 1) df: Feldt (1965),
    doi 10.1007/BF02289499. Raises ValueError with fewer than 2 items or 3 rows, or if the sum does not vary.
    """
    n, k = items.shape
    if k < 2 or n < 3:
        raise ValueError(f"alpha needs 2 items and 3 complete answers, found {k} and {n}")
    total = float(np.var(items.sum(axis=1), ddof=1))
    if total <= 0:
        raise ValueError("the sum of the items does not vary")
    alpha = k / (k - 1) * (1 - float(np.var(items, axis=0, ddof=1).sum()) / total)
    df = n - 1, (n - 1) * (k - 1)
    low, high = (1 - (1 - alpha) * float(stats.f.ppf(q, *df)) for q in (0.5 + level / 2, 0.5 - level / 2))
    return alpha, low, high


def omega(items: Array) -> float:
    """Return McDonald's omega of complete answers (n, k): (sum l)^2 / ((sum l)^2 + sum of own variances), one factor.

    Loadings minimise the squared residual correlations (unweighted least squares) and are put back on the items'
    units. McDonald (1999), Test Theory. Raises ValueError with fewer than 3 items, an item that does not vary, or an
    item with no variance of its own (then one factor does not fit).
    """
    n, k = items.shape
    if k < 3 or n <= k:
        raise ValueError(f"omega needs 3 items and more complete answers than items, found {k} and {n}")
    sd = items.std(axis=0, ddof=1)
    if (sd <= 0).any():
        raise ValueError(f"{int((sd <= 0).sum())} items do not vary")
    loading = _one_factor(np.asarray(np.corrcoef(items, rowvar=False)))
    own = 1 - loading**2
    if own.min() < SMALLEST_UNIQUE:
        raise ValueError(f"{int((own < SMALLEST_UNIQUE).sum())} items have no variance of their own: no one-factor fit")
    common = float(np.sum(sd * loading)) ** 2
    return common / (common + float(np.sum(sd**2 * own)))


def _one_factor(r: Array) -> Array:
    """Return loadings (k,) that minimise the sum of squared off-diagonal residuals of a correlation matrix."""
    values, vectors = np.linalg.eigh(r)
    start = vectors[:, -1] * np.sqrt(values[-1]) * 0.8

    def loss(load: Array) -> tuple[float, Array]:
        gap = r - np.outer(load, load)
        np.fill_diagonal(gap, 0.0)
        return float(np.sum(gap**2)), -4 * gap @ load

    bounds = [(-1.0, 1.0)] * len(r)
    found = optimize.minimize(loss, start, jac=True, bounds=bounds, options={"maxiter": 500, "ftol": 1e-14})
    if not found.success:
        raise ValueError("the one-factor model did not converge")
    load = np.asarray(found.x, dtype=float)
    return load if load.sum() >= 0 else -load
