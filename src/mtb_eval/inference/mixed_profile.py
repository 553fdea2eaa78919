"""The profiled criterion of a random-intercept model in the variance ratio, and its global minimum.

For theta = var_cluster / var_residual >= 0 and up to a constant,
    f(theta) = m log R(theta) + sum mult log(1 + theta h),   R(theta) = rss - sum theta q^2 / (1 + theta d),
with m = n - p and h = d for REML, m = n and h = n_g for ML. In v = log(1 + kappa theta), kappa >= max d, f is analytic
for |Im v| < pi and its slope is a sum of logistic curves of unit width: a grid in v with a step far below 1 sees
every minimum, and a safeguarded Newton iteration within its cell finds it to the last digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mtb_eval.inference.mixed_spectral import Spectral

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

STEP = 0.125  # of the grid in v
V_MAX = 28.0  # beyond it the residual variance is below 1e-12 of the cluster variance times the cluster size
CHUNK = 2**20  # doubles held at a time
SETTLED = 1e-10  # relative Newton step after which, by its quadratic convergence, only rounding is left
MAX_ITERATIONS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The terms of f for B entries: `d`, `h` (K,) or (B, K), `mult` (K,), `q2` (B, K), `rss` (B,), `m` (B,).

    `kappa`, the largest cluster size of all entries, is the scale of theta in v = log(1 + kappa theta).
    """

    d: Array
    h: Array
    mult: Array
    q2: Array
    rss: Array
    m: Array
    kappa: float

    def rows(self, rows: slice | Counts) -> Profile:
        """Return the profile of some of the entries."""
        d, h = (a[rows] if a.ndim > 1 else a for a in (self.d, self.h))
        return replace(self, d=d, h=h, q2=self.q2[rows], rss=self.rss[rows], m=self.m[rows])

    def theta(self, v: Array) -> Array:
        """Return theta at v = log(1 + kappa theta)."""
        return np.expm1(v) / self.kappa


def profile_of(form: Spectral, *, columns: int, reml: bool) -> Profile:
    """Return the profile of all entries of `form` in one flat batch; `columns` is p."""
    batch = form.fault.shape
    h, lost = (form.d, columns) if reml else (form.n, 0)
    return Profile(
        d=_flat(form.d, batch),
        h=_flat(h, batch),
        mult=form.mult,
        q2=np.broadcast_to(form.q**2, (*batch, form.q.shape[-1])).reshape(-1, form.q.shape[-1]),
        rss=np.broadcast_to(form.rss, batch).reshape(-1),
        m=np.broadcast_to(np.maximum(form.rows - lost, 1.0), batch).reshape(-1),
        kappa=max(float(form.n.max(initial=0.0)), 1.0),
    )


def criterion(profile: Profile, theta: Array) -> Array:
    """Return f(theta) - f(0) for one theta (B,) per entry."""
    th = theta[:, None]
    share = np.sum(profile.q2 * th / (1 + th * profile.d), -1) / profile.rss
    return np.asarray(profile.m * np.log1p(-share) + np.sum(profile.mult * np.log1p(th * profile.h), -1))


def criterion_on_grid(profile: Profile, theta: Array) -> Array:
    """Return f(theta) - f(0) for every theta (T,), (B, T)."""
    share = _project(profile.q2, theta / (1 + profile.d[..., None] * theta)) / profile.rss[:, None]
    rising = (profile.mult[:, None] * np.log1p(profile.h[..., None] * theta)).sum(-2)
    return np.asarray(profile.m[:, None] * np.log1p(-share) + rising)


def v_grid() -> Array:
    """Return the values of v, 0 first, between which the criterion is followed."""
    return np.arange(0.0, V_MAX + STEP, STEP)


def profile_minimum(profile: Profile) -> tuple[Array, Counts]:
    """Return the theta (B,) of the lowest minimum of f, 0 included, and how many local minima (B,) there are.

    NaN where f still falls at the end of the grid.
    """
    parts = [_minimum(profile.rows(piece)) for piece in chunks(profile)]
    return np.concatenate([theta for theta, _ in parts]), np.concatenate([count for _, count in parts])


def chunks(profile: Profile) -> Iterator[slice]:
    """Yield slices of the entries that keep arrays on the grid within CHUNK numbers."""
    per_entry = v_grid().size * (profile.q2.shape[-1] if profile.d.ndim > 1 or profile.h.ndim > 1 else 1)
    step = max(1, CHUNK // per_entry)
    for start in range(0, profile.rss.size, step):
        yield slice(start, start + step)


def increasing_root(function: Callable[[Array], tuple[Array, Array]], low: Array, high: Array) -> Array:
    """Return the zero (B,) within [low, high] of a `function` that gives its values and slopes, below 0 at `low`.

    Newton's iteration; where it leaves the bracket, which every value narrows, the bracket is halved.
    """
    a, b, v = low, high, (low + high) / 2
    settled = np.zeros(v.shape, dtype=bool)
    for _ in range(MAX_ITERATIONS):
        value, slope = function(v)
        a, b = np.where(value < 0, v, a), np.where(value < 0, b, v)
        step = np.divide(value, slope, out=np.full(v.shape, np.inf), where=slope > 0)
        near = (np.abs(step) <= SETTLED * v) | (b - a <= SETTLED**1.5 * b)
        inside = (v - step > a) & (v - step < b)
        v = np.where(settled, v, np.where(inside | near, np.clip(v - step, a, b), (a + b) / 2))
        settled |= near
        if settled.all():
            break
    return v


def slope_and_curvature(profile: Profile, v: Array) -> tuple[Array, Array]:
    """Return the first and second derivative of f in v, (B,) each."""
    theta, stretch = profile.theta(v)[:, None], np.exp(v) / profile.kappa
    a = 1 / (1 + theta * profile.d)
    hb = profile.h / (1 + theta * profile.h)
    q2a2 = profile.q2 * a**2
    r = profile.rss - np.sum(profile.q2 * theta * a, -1)
    drop = q2a2.sum(-1) / r
    first = np.sum(profile.mult * hb, -1) - profile.m * drop
    second = profile.m * (2 * np.sum(q2a2 * profile.d * a, -1) / r - drop**2) - np.sum(profile.mult * hb**2, -1)
    return first * stretch, second * stretch**2 + first * stretch


def _minimum(profile: Profile) -> tuple[Array, Counts]:
    v = v_grid()
    slope = _slope_on_grid(profile, profile.theta(v))
    entry, cell = np.nonzero((slope[:, :-1] < 0) & (slope[:, 1:] >= 0))
    within = profile.rows(entry)
    root = increasing_root(lambda x: slope_and_curvature(within, x), v[cell], v[cell + 1])
    at_zero = np.flatnonzero(slope[:, 0] >= 0)
    entry = np.concatenate([at_zero, entry])
    theta = np.concatenate([np.zeros(at_zero.size), profile.theta(root)])
    order = np.lexsort((criterion(profile.rows(entry), theta), entry))
    found, first = np.unique(entry[order], return_index=True)
    best = np.full(profile.rss.size, np.nan)
    best[found] = theta[order][first]
    return np.where(slope[:, -1] > 0, best, np.nan), np.bincount(entry, minlength=best.size)


def _slope_on_grid(profile: Profile, theta: Array) -> Array:
    """Return the slope of f in theta, (B, T)."""
    a = 1 / (1 + profile.d[..., None] * theta)
    r = profile.rss[:, None] - _project(profile.q2, theta * a)
    falling = profile.m[:, None] * _project(profile.q2, a**2) / r
    rising = (profile.mult[:, None] * profile.h[..., None] / (1 + profile.h[..., None] * theta)).sum(-2)
    return np.asarray(rising - falling)


def _project(q2: Array, weight: Array) -> Array:
    """Return the sum over K of q2 (B, K) times weight (K, T) or (B, K, T)."""
    return np.asarray(q2 @ weight if weight.ndim == 2 else (q2[:, None, :] @ weight)[:, 0, :])


def _flat(a: Array, batch: tuple[int, ...]) -> Array:
    """Return a (..., K) as (B, K), or as it is where it has no batch axis."""
    return a if a.ndim == 1 else np.broadcast_to(a, (*batch, a.shape[-1])).reshape(-1, a.shape[-1])
