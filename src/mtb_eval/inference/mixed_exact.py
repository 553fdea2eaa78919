"""The exact interval of the intraclass correlation: any value of it is tested by an F test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from mtb_eval.inference.estimate import Estimate
from mtb_eval.inference.mixed import Mixed
from mtb_eval.inference.mixed_spectral import within_rss

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One outcome: eigenvalues d (K,), q^2 / d (K,), clusters with a free mean, mean square within and its df."""

    d: Array
    squares: Array
    n_free: float
    within: float
    df: float

    def f(self, icc: float) -> float:
        """Return F, mean square between over within, at a true correlation; it falls from icc = 0 to 0 at icc = 1."""
        spread = self.squares * (1 - icc) / (1 - icc + icc * self.d)
        return float(np.sum(spread)) / self.n_free / self.within

    def icc_at(self, quantile: float) -> float:
        """Return the correlation at which F is `quantile`; 0 if F is below it everywhere."""
        if self.f(0.0) <= quantile:
            return 0.0
        return float(optimize.brentq(lambda icc: self.f(icc) - quantile, 0.0, 1.0, xtol=1e-14))


def exact_icc(m: Mixed, *, level: float = 0.95) -> Estimate:
    """Return the intraclass correlation of a fitted model with its exact interval; se is NaN, df those within clusters.

    With normal cluster effects and errors, F = [sum q^2 / (d (1 + theta d)) / K] / mean square within clusters follows
    F(K, df) at the true theta = icc / (1 - icc), with K clusters whose mean is free, and falls as theta grows. The
    interval holds every icc in [0, 1] that neither tail rejects at (1 - level) / 2: [0, 0] where rows of a cluster
    are less alike than chance would make them. `p` tests icc = 0 against more. All fields have the batch shape (...).
    Harville and Fenech (1985), Biometrics 41, 137-152.
    """
    shape = m.theta.shape
    low, high, p, df = (np.full(shape, np.nan) for _ in range(4))
    for at in np.ndindex(shape):
        if np.isfinite(m.theta[at]):
            part = _part(m, at)
            upper, lower = stats.f.ppf([0.5 + level / 2, 0.5 - level / 2], part.n_free, part.df)
            low[at], high[at] = part.icc_at(float(upper)), part.icc_at(float(lower))
            p[at], df[at] = stats.f.sf(part.f(0.0), part.n_free, part.df), part.df
    return Estimate(
        estimate=m.icc,
        se=np.full(shape, np.nan),
        df=df,
        ci_low=low,
        ci_high=high,
        p=p,
        method=f"random intercept, {'REML' if m.reml else 'ML'}, exact F interval",
        warning=m.warning,
    )


def _part(m: Mixed, at: tuple[int, ...]) -> _Part:
    form, shape = m.form, m.theta.shape
    d, q = (np.broadcast_to(a, (*shape, a.shape[-1]))[at] for a in (form.d, form.q))
    rss, rows = (float(np.broadcast_to(a, shape)[at]) for a in (form.rss, form.rows))
    free = d > 0
    n_free = float(form.mult[free].sum())
    df = rows - m.cross.n_columns - n_free
    within = float(within_rss(d, q, np.asarray(rss))) / df
    return _Part(d=d[free], squares=q[free] ** 2 / d[free], n_free=n_free, within=within, df=df)
