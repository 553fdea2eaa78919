"""Cumulative incidence of one event while others compete."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.survival import checked_times

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incidence:
    """Aalen-Johansen curves at the K distinct times of any event, for C causes.

    `times` (K,), `at_risk` (K,) just before; `events`, `cumulative` (share with that event up to and including the
    time) and its standard error `se` are (K, C).
    """

    times: Array
    at_risk: Array
    events: Array
    cumulative: Array
    se: Array

    def at(self, time: float, cause: int) -> tuple[float, float]:
        """Return the cumulative incidence of a cause (1..C) at a time, and its standard error."""
        past = int((self.times <= time).sum())
        if past == 0:
            return 0.0, 0.0
        return float(self.cumulative[past - 1, cause - 1]), float(self.se[past - 1, cause - 1])


def cumulative_incidence(time: ArrayLike, cause: ArrayLike, *, n_causes: int) -> Incidence:
    """Return the cumulative incidence of causes 1..n_causes; `cause` (n,) is 0 where follow-up ended without any.

    F_c(t) = sum over u <= t of S(u-) d_c(u) / Y(u): Aalen & Johansen (1978). Standard errors by the infinitesimal
    jackknife: the root of the sum of squares of each family's influence. Raises ValueError for bad times or causes.
    """
    c = np.asarray(cause, dtype=float)
    t, d = checked_times(time, (c > 0).astype(float) if np.isin(c, range(n_causes + 1)).all() else c)
    times = np.unique(t[d == 1])
    at_risk = (t[:, None] >= times).sum(axis=0).astype(float)
    own = (t[:, None] == times)[..., None] & (c[:, None, None] == np.arange(1, n_causes + 1))
    events = own.sum(axis=0).astype(float)
    hazard = events / at_risk[:, None]
    before = np.cumprod(np.append(1.0, 1 - hazard.sum(axis=1)))[: len(times)]
    influence = _influence(own, t[:, None] >= times, at_risk=at_risk, hazard=hazard, before=before)
    return Incidence(
        times=times,
        at_risk=at_risk,
        events=events,
        cumulative=np.cumsum(before[:, None] * hazard, axis=0),
        se=np.sqrt((influence**2).sum(axis=0)),
    )


def _influence(
    own: NDArray[np.bool_], present: NDArray[np.bool_], *, at_risk: Array, hazard: Array, before: Array
) -> Array:
    """Derivative of F by the weight of each family, (n, K, C): through the hazards and through S just before."""
    excess = (own - present[..., None] * hazard) / at_risk[:, None]
    left = 1 - hazard.sum(axis=1)
    log_survival = -np.cumsum(np.divide(excess.sum(axis=2), left, out=np.zeros_like(excess[..., 0]), where=left > 0), 1)
    earlier = np.concatenate([np.zeros((len(own), 1)), log_survival[:, :-1]], axis=1)
    return np.asarray(np.cumsum(before[:, None] * (excess + earlier[..., None] * hazard), axis=1))
