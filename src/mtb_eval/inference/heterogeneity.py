r"""How much estimates of several clusters differ beyond their errors: Cochran's Q, tau, prediction interval.

The model is e ~ N(mu 1, V + tau^2 I) with V (k, k) the covariance of the errors, which need not be diagonal (estimates
that share covariates are correlated). With S = V + tau^2 I and P = S^-1 - S^-1 1 (1'S^-1 1)^-1 1'S^-1:
  Q(tau) = e'Pe, Cochran's Q at tau = 0;
  DerSimonian-Laird: tau^2 = max(0, (Q(0) - (k - 1)) / tr P(0));
  REML: the maximum of -(log|S| + log 1'S^-1 1 + e'Pe) / 2;
  interval of tau: Q(tau) between the chi-squared quantiles on k - 1 df (Viechtbauer 2007, doi 10.1002/sim.2514);
  prediction interval of a new cluster's effect: t on k - 2 df (Higgins, Thompson & Spiegelhalter 2009,
  doi 10.1111/j.1467-985X.2008.00552.x).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

Array = NDArray[np.float64]

_GRID = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Heterogeneity:
    """Spread of k effects: Cochran's `q` with its `p`; `tau` by REML with interval, `tau_dl` by DerSimonian-Laird.

    `mean` with `se` and the prediction interval are at the REML tau (NaN for k = 2); `i_squared` = max(0, 1 - (k-1)/Q).
    """

    k: int
    q: float
    p: float
    i_squared: float
    tau: float
    tau_low: float
    tau_high: float
    tau_dl: float
    mean: float
    se: float
    prediction_low: float
    prediction_high: float


def heterogeneity(
    estimates: ArrayLike, covariance: ArrayLike, *, df: float = np.inf, level: float = 0.95
) -> Heterogeneity:
    """Return the spread of `estimates` (k,) whose errors have `covariance` (k, k) or variances (k,).

    `df`: residual degrees of freedom behind the covariance if it is an estimated multiple of a known matrix; then
    Q / (k - 1) is referred to F(k - 1, df), exact under normal errors, else Q to chi-squared.
    Raises ValueError with fewer than two estimates, values that are not finite, or a covariance of less than full rank.
    """
    e, v = _checked(estimates, covariance)
    k = len(e)
    q = _q(e, v, 0.0)
    tau2 = _reml(e, v)
    weights = np.linalg.inv(v + tau2 * np.eye(k))
    total = float(weights.sum())
    mean, se = float(weights.sum(axis=0) @ e) / total, total**-0.5
    half = float(stats.t.ppf(0.5 + level / 2, k - 2)) * (tau2 + se**2) ** 0.5 if k > 2 else np.nan
    low, high = _interval(e, v, level)
    return Heterogeneity(
        k=k,
        q=q,
        p=float(stats.f.sf(q / (k - 1), k - 1, df) if np.isfinite(df) else stats.chi2.sf(q, k - 1)),
        i_squared=max(0.0, 1 - (k - 1) / q) if q > 0 else 0.0,
        tau=tau2**0.5,
        tau_low=low**0.5,
        tau_high=high**0.5,
        tau_dl=max(0.0, (q - (k - 1)) / float(np.trace(_p(v, 0.0)))) ** 0.5,
        mean=mean,
        se=se,
        prediction_low=mean - half,
        prediction_high=mean + half,
    )


def _checked(estimates: ArrayLike, covariance: ArrayLike) -> tuple[Array, Array]:
    e, v = np.asarray(estimates, dtype=float), np.asarray(covariance, dtype=float)
    v = np.diag(v) if v.ndim == 1 else v
    if e.ndim != 1 or v.shape != (e.size, e.size) or e.size < 2:
        raise ValueError(f"the spread of effects needs 2 or more and their covariance, got {e.shape} and {v.shape}")
    if not (np.isfinite(e).all() and np.isfinite(v).all()):
        raise ValueError("an effect or its variance is not finite: leave it out")
    if np.linalg.eigvalsh(v)[0] <= 1e-12 * np.trace(v):
        raise ValueError("the covariance of the effects is not of full rank")
    return e, v


def _p(v: Array, tau2: float) -> Array:
    w = np.linalg.inv(v + tau2 * np.eye(len(v)))
    row = w.sum(axis=0)
    return np.asarray(w - np.outer(row, row) / row.sum())


def _q(e: Array, v: Array, tau2: float) -> float:
    return float(e @ _p(v, tau2) @ e)


def _likelihood(tau2: Array, e: Array, v: Array) -> Array:
    """Return the restricted log-likelihood, up to a constant, at each of `tau2` (n,)."""
    s = v + tau2[:, None, None] * np.eye(len(v))
    w = np.linalg.inv(s)
    row = w.sum(axis=-1)
    total = row.sum(axis=-1)
    q = (w @ e) @ e - (row @ e) ** 2 / total
    return np.asarray(-(np.linalg.slogdet(s)[1] + np.log(total) + q) / 2)


def _reml(e: Array, v: Array) -> float:
    """The best of a grid from 0, then the root of the score beside it: the likelihood may have two tops."""
    most = 4 * (float(np.var(e)) + float(np.trace(v)) / len(e))
    grid = most * np.linspace(0.0, 1.0, _GRID) ** 2
    best = int(np.argmax(_likelihood(grid, e, v)))
    low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, _GRID - 1)])
    if _score(low, e, v) <= 0:
        return low
    return float(optimize.brentq(_score, low, high, args=(e, v), xtol=1e-15 * most, rtol=1e-14))


def _score(tau2: float, e: Array, v: Array) -> float:
    """Twice the derivative of the restricted log-likelihood: e'PPe - tr P."""
    p = _p(v, tau2)
    return float(np.sum((p @ e) ** 2) - np.trace(p))


def _interval(e: Array, v: Array, level: float) -> tuple[float, float]:
    """Return tau^2 where Q falls to the upper and to the lower quantile of chi-squared; 0 where it is never so high."""
    ends = [float(stats.chi2.ppf(0.5 + side * level / 2, len(e) - 1)) for side in (1, -1)]
    return _crossing(e, v, ends[0]), _crossing(e, v, ends[1])


def _crossing(e: Array, v: Array, value: float) -> float:
    if _q(e, v, 0.0) <= value:
        return 0.0
    far = float(np.trace(v))
    while _q(e, v, far) > value:
        far *= 2
    return float(optimize.brentq(lambda tau2: _q(e, v, tau2) - value, 0.0, far, xtol=1e-14 * far))
