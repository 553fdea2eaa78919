"""Rubin's rules with few-cluster degrees of freedom, and the same for imputations that are shifted afterwards.

Rubin (1987), doi:10.1002/9780470316696; Barnard & Rubin (1999), Biometrika 86, 948-955, doi:10.1093/biomet/86.4.948.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.estimate import Estimate, t_estimate

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """Estimates pooled over m imputations; every field has the batch shape (...).

    `within` mean variance, `between` variance of the estimates, `total` = within + (1 + 1/m) between,
    `df` (Barnard & Rubin), `lost` the share of the total variance that is due to missing values (lambda),
    `fmi` the fraction of missing information ((r + 2 / (df + 3)) / (r + 1), r the relative increase).
    """

    estimate: Array
    within: Array
    between: Array
    total: Array
    df: Array
    lost: Array
    fmi: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftedPool:
    """What pooling needs when k shifts may be added to the imputed values, in closed form.

    With v = (1, shifts): the pooled estimate is v'q with q `mean` (k+1,), the within variance v'Uv with U `within`
    (k+1, k+1), the between variance v'Bv with B `between` (k+1, k+1). `m` imputations; `df_complete` as in `pool`.
    """

    mean: Array
    within: Array
    between: Array
    m: int
    df_complete: float


def pool(estimates: ArrayLike, variances: ArrayLike, df_complete: ArrayLike = np.inf) -> Pooled:
    """Return the pooled estimate of m imputations, the first axis of `estimates` and `variances` (m, ...).

    `df_complete` (...) is the df that the complete data would have: here the Satterthwaite df of CR2.
    Raises ValueError with fewer than two imputations or shapes that differ.
    """
    q, u = np.asarray(estimates, dtype=float), np.asarray(variances, dtype=float)
    if q.shape != u.shape or q.ndim == 0 or q.shape[0] < 2:
        raise ValueError(f"estimates have shape {q.shape} and variances {u.shape}: give the same, at least (2, ...)")
    return _pooled(q.mean(axis=0), u.mean(axis=0), q.var(axis=0, ddof=1), q.shape[0], df_complete)


def shifted_pool(estimates: Array, contributions: Array, df_complete: float) -> ShiftedPool:
    """Return what `pool_at` needs from m imputations of y and k shift directions.

    `estimates` (m, k+1): of y, then of each direction d (the imputed values of y + shift d move by shift). An
    estimate and the contributions of clusters to it, `contributions` (m, k+1, G), are linear in y, so those of shifted
    data are sums; the variance of one imputation is the sum of squares of the contributions.
    """
    m = estimates.shape[0]
    within = (contributions @ contributions.swapaxes(-1, -2)).mean(axis=0)
    between = np.atleast_2d(np.cov(estimates, rowvar=False, ddof=1))
    return ShiftedPool(mean=estimates.mean(axis=0), within=within, between=between, m=m, df_complete=float(df_complete))


def pool_at(pool: ShiftedPool, shifts: ArrayLike) -> Pooled:
    """Return the pooled estimates when the imputed values are moved by `shifts` (..., k)."""
    s = np.asarray(shifts, dtype=float)
    v = np.concatenate([np.ones((*s.shape[:-1], 1)), s], axis=-1)
    return _pooled(v @ pool.mean, _form(pool.within, v), _form(pool.between, v), pool.m, pool.df_complete)


def pooled_estimate(pooled: Pooled, *, method: str, level: float = 0.95, warning: str = "") -> Estimate:
    """Return the test of 0 and the interval from Student's t with the Barnard-Rubin df."""
    return t_estimate(pooled.estimate, np.sqrt(pooled.total), df=pooled.df, method=method, level=level, warning=warning)


def barnard_rubin_df(lost: ArrayLike, m: int, df_complete: ArrayLike = np.inf) -> Array:
    """Return the df of a pooled estimate: 1 / (1/old + 1/observed).

    old = (m - 1) / lost^2 and observed = (nu + 1) / (nu + 3) nu (1 - lost), nu = `df_complete`, where `lost` is the
    share of the total variance between imputations (Barnard & Rubin 1999). A share of 0 gives old = inf.
    """
    share, nu = np.broadcast_arrays(np.asarray(lost, dtype=float), np.asarray(df_complete, dtype=float))
    finite = np.isfinite(nu)
    safe = np.where(finite, nu, 1.0)
    rate = share**2 / (m - 1)
    observed = (safe + 1) / (safe + 3) * safe * (1 - share)
    with np.errstate(divide="ignore"):
        return np.asarray(1.0 / (rate + np.where(finite, 1.0 / observed, 0.0)))


def _pooled(mean: Array, within: Array, between: Array, m: int, df_complete: ArrayLike) -> Pooled:
    extra = (1 + 1 / m) * between
    total = within + extra
    positive = total > 0
    lost = np.where(positive, extra / np.where(positive, total, 1.0), np.nan)
    df = barnard_rubin_df(lost, m, df_complete)
    with np.errstate(divide="ignore", invalid="ignore"):
        increase = np.where(within > 0, extra / within, np.inf)
        fmi = np.where(within > 0, (increase + 2 / (df + 3)) / (increase + 1), 1.0)
    return Pooled(estimate=mean, within=within, between=between, total=total, df=df, lost=lost, fmi=fmi)


def _form(matrix: Array, v: Array) -> Array:
    return np.asarray(np.sum(v * (v @ matrix), axis=-1))
