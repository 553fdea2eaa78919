"""Profile-likelihood intervals for the variance ratio and the intraclass correlation of a random-intercept model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mtb_eval.inference.estimate import Estimate
from mtb_eval.inference.mixed import Mixed
from mtb_eval.inference.mixed_profile import (
    Profile,
    chunks,
    criterion,
    criterion_on_grid,
    increasing_root,
    profile_of,
    slope_and_curvature,
    v_grid,
)

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def variance_ratio_interval(m: Mixed, *, level: float = 0.95) -> Estimate:
    """Return theta = var_cluster / var_residual with its profile-likelihood interval; se and df are NaN.

    The interval runs over all theta >= 0 whose -2 log-likelihood (of REML or ML, as fitted) lies at most the
    chi-squared(1) quantile above the minimum; it starts at 0 where 0 is among them, and a gap in the set is closed.
    p tests theta = 0 by the likelihood ratio against the even mixture of chi-squared 0 and 1: Self and Liang (1987,
    doi 10.2307/2289471), an approximation that is conservative with few clusters.
    """
    profile = profile_of(m.form, columns=m.cross.n_columns, reml=m.reml)
    theta = m.theta.reshape(-1)
    known = np.isfinite(theta)
    at = np.where(known, theta, 0.0)
    parts = [_limits(profile.rows(piece), at[piece], level) for piece in chunks(profile)]
    low, high = (np.where(known, np.concatenate(side), np.nan) for side in zip(*parts, strict=True))
    ratio = np.maximum(-criterion(profile, at), 0.0)
    p = np.where(known, np.where(at > 0, stats.chi2.sf(ratio, 1) / 2, 1.0), np.nan)
    nothing = np.full(m.theta.shape, np.nan)
    return Estimate(
        estimate=m.theta,
        se=nothing,
        df=nothing,
        ci_low=low.reshape(m.theta.shape),
        ci_high=high.reshape(m.theta.shape),
        p=p.reshape(m.theta.shape),
        method=f"profile likelihood ({'REML' if m.reml else 'ML'}), p from the even mixture of chi-squared 0 and 1",
        warning=m.warning,
    )


def icc_interval(m: Mixed, *, level: float = 0.95) -> Estimate:
    """Return the intraclass correlation theta / (1 + theta) with its profile-likelihood interval."""
    ratio = variance_ratio_interval(m, level=level)
    return replace(ratio, estimate=m.icc, ci_low=_icc(ratio.ci_low), ci_high=_icc(ratio.ci_high))


def _icc(theta: Array) -> Array:
    """Return theta / (1 + theta), 1 at infinity."""
    return np.divide(theta, 1 + theta, out=np.ones(theta.shape), where=~np.isinf(theta))


def _limits(profile: Profile, theta: Array, level: float) -> tuple[Array, Array]:
    """Return the lowest and highest theta (B,) at which the criterion is the quantile above that at `theta`."""
    top = criterion(profile, theta) + stats.chi2.ppf(level, 1)
    grid, v_hat = v_grid(), np.log1p(profile.kappa * theta)
    accepted = criterion_on_grid(profile, profile.theta(grid)) <= top[:, None]
    some = accepted.any(-1)
    first = np.where(some, np.minimum(grid[accepted.argmax(-1)], v_hat), v_hat)
    last = np.where(some, np.maximum(grid[grid.size - 1 - accepted[:, ::-1].argmax(-1)], v_hat), v_hat)
    below = np.searchsorted(grid, first, side="left") - 1
    above = np.searchsorted(grid, last, side="right")
    low, high = np.zeros(theta.shape), np.full(theta.shape, np.inf)
    inner, outer = below >= 0, above < grid.size
    low[inner] = _crossing(profile.rows(np.flatnonzero(inner)), top[inner], first[inner], grid[below[inner]])
    high[outer] = _crossing(profile.rows(np.flatnonzero(outer)), top[outer], last[outer], grid[above[outer]])
    return low, high


def _crossing(profile: Profile, top: Array, inside: Array, outside: Array) -> Array:
    """Return the theta between v = inside, where the criterion is below `top`, and v = outside, where it is above."""
    sign = np.sign(outside - inside)

    def excess(away: Array) -> tuple[Array, Array]:
        v = inside + sign * away
        slope, _ = slope_and_curvature(profile, v)
        return criterion(profile, profile.theta(v)) - top, sign * slope

    return profile.theta(inside + sign * increasing_root(excess, np.zeros(top.shape), np.abs(outside - inside)))
