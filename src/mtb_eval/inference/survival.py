"""Time to an event: Kaplan-Meier, restricted mean time, log-rank.

Every function takes the time of each family (n,) and whether the event ended it (1) or follow-up did (0). Rows count
as independent unless clusters are given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from mtb_eval.inference.estimate import Estimate, t_estimate
from mtb_eval.inference.grouping import codes_of

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalCurve:
    """A Kaplan-Meier curve at its K distinct event times; every field is (K,).

    `at_risk` families just before each time, `events` at it, `survival` after it.
    """

    times: Array
    at_risk: Array
    events: Array
    survival: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRank:
    """The log-rank test: events of the first arm seen and expected under equal hazards, variance, z and p."""

    observed: float
    expected: float
    variance: float
    z: float
    p: float


def kaplan_meier(time: ArrayLike, event: ArrayLike) -> SurvivalCurve:
    """Return the product-limit curve; S(t) = prod (1 - d/Y). Raises ValueError for bad times or events.

    Kaplan & Meier (1958), doi 10.1080/01621459.1958.10501452.
    """
    t, d = checked_times(time, event)
    times = np.unique(t[d == 1])
    at_risk = (t[:, None] >= times).sum(axis=0).astype(float)
    events = ((t[:, None] == times) & (d[:, None] == 1)).sum(axis=0).astype(float)
    return SurvivalCurve(
        times=times, at_risk=at_risk, events=events, survival=np.cumprod(1 - events / np.maximum(at_risk, 1))
    )


def restricted_mean(time: ArrayLike, event: ArrayLike, *, until: float, level: float = 0.95) -> Estimate:
    """Return the mean time to the event, at most `until`: the area under the curve, in the unit of `time`.

    Variance sum over event times of (area from there to `until`)^2 d / (Y (Y - d)), normal interval: Royston & Parmar
    (2013), doi 10.1186/1471-2288-13-152. Raises ValueError if no one was followed to `until`.
    """
    area, variance = _area(time, event, until)
    return t_estimate(
        np.asarray(area),
        np.sqrt(np.asarray(variance)),
        df=np.inf,
        method=f"restricted mean to {until:g}, Greenwood, z",
        level=level,
        warning="" if variance > 0 else "no event: the restricted mean has no standard error",
    )


def restricted_mean_difference(
    time: ArrayLike,
    event: ArrayLike,
    first: ArrayLike,
    *,
    until: float,
    cluster: ArrayLike | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return the difference in restricted mean time, arm where `first` (n,) is 1 minus the other.

    Without `cluster` the variance is the sum of the two Greenwood variances, normal interval. With it, each family's
    influence on the difference is summed within clusters (infinitesimal jackknife, factor G/(G-1)), t on G - 1.
    Raises ValueError for an arm without families or not followed to `until`, and for fewer than two clusters.
    """
    t, d = checked_times(time, event)
    arms = arm_rows(first, len(t))
    parts = [_area(t[a], d[a], until) for a in arms]
    difference = parts[0][0] - parts[1][0]
    if cluster is None:
        variance, df, how = parts[0][1] + parts[1][1], np.inf, "Greenwood, z"
    else:
        own = np.zeros(len(t))
        for sign, a in zip((1, -1), arms, strict=True):
            own[a] = sign * restricted_mean_influence(t[a], d[a], until)
        variance, df, how = *clustered_variance(own, cluster), "infinitesimal jackknife by cluster, t(G-1)"
    return t_estimate(
        np.asarray(difference),
        np.sqrt(np.asarray(variance)),
        df=df,
        method=f"restricted mean to {until:g}, {how}",
        level=level,
        warning="" if variance > 0 else "no event: the difference has no standard error",
    )


def restricted_mean_influence(time: ArrayLike, event: ArrayLike, until: float) -> Array:
    """Return the derivative of the restricted mean by the weight of each family, (n,); they sum to 0.

    A family moves ln S by -(dN_i - Y_i dN/Y) / (Y - dN) at each event time.
    """
    t, d = checked_times(time, event)
    curve = kaplan_meier(t, d)
    rest = _rest_of_area(curve, until)
    left = curve.at_risk - curve.events
    own = (t[:, None] == curve.times) & (d[:, None] == 1)
    excess = own - (t[:, None] >= curve.times) * (curve.events / curve.at_risk)
    return np.asarray(-excess @ np.divide(rest, left, out=np.zeros_like(rest), where=left > 0))


def clustered_variance(influence: Array, cluster: ArrayLike) -> tuple[float, float]:
    """Return the variance of an estimate from its influences (n,) summed within clusters, and its df G - 1.

    G/(G-1) times the sum of squares of the cluster sums. Raises ValueError for fewer than two clusters.
    """
    codes, labels = codes_of(cluster)
    g = len(labels)
    if g < 2:
        raise ValueError(f"cluster-robust inference needs at least 2 clusters, found {g}")
    return float(g / (g - 1) * (np.bincount(codes, weights=influence) ** 2).sum()), float(g - 1)


def log_rank(time: ArrayLike, event: ArrayLike, first: ArrayLike, stratum: ArrayLike | None = None) -> LogRank:
    """Return the log-rank test of equal hazards in the arm where `first` (n,) is 1 and the other, summed over strata.

    Hypergeometric variance at each event time: Mantel (1966); Peto & Peto (1972), doi 10.2307/2344317. NaN where
    the variance is 0. Raises ValueError for bad rows and an arm without families.
    """
    t, d = checked_times(time, event)
    arm = np.zeros(len(t))
    arm[arm_rows(first, len(t))[0]] = 1.0
    parts = [_one_log_rank(t[s], d[s], arm[s]) for s in _strata(stratum, len(t))]
    observed, expected, variance = (float(sum(p[k] for p in parts)) for k in range(3))
    z = (observed - expected) / np.sqrt(variance) if variance > 0 else np.nan
    return LogRank(
        observed=observed, expected=expected, variance=variance, z=float(z), p=float(2 * stats.norm.sf(abs(z)))
    )


def log_rank_scores(time: ArrayLike, event: ArrayLike, stratum: ArrayLike | None = None) -> Array:
    """Return each family's event minus its expected number under one common hazard, (n,); they sum to 0 by stratum.

    Their sum over an arm is the log-rank test's observed minus expected, so they are what a permutation test permutes.
    """
    t, d = checked_times(time, event)
    scores = np.empty(len(t))
    for s in _strata(stratum, len(t)):
        curve = kaplan_meier(t[s], d[s])
        scores[s] = d[s] - (t[s][:, None] >= curve.times) @ (curve.events / curve.at_risk)
    return scores


def checked_times(time: ArrayLike, event: ArrayLike) -> tuple[Array, Array]:
    """Return times and events (n,) as floats; raises ValueError for none, missing or negative times, other events."""
    t, d = np.asarray(time, dtype=float), np.asarray(event, dtype=float)
    if t.ndim != 1 or t.shape != d.shape or not t.size:
        raise ValueError(f"times and events need one value for each family, found shapes {t.shape} and {d.shape}")
    bad = int((~np.isfinite(t) | (t < 0) | ~np.isin(d, (0.0, 1.0))).sum())
    if bad:
        raise ValueError(f"{bad} families have a missing or negative time, or an event other than 0 or 1")
    return t, d


def arm_rows(first: ArrayLike, n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows where `first` (n,) is 1 and where it is 0; raises ValueError if either has none."""
    arm = np.asarray(first, dtype=float)
    rows = np.flatnonzero(arm == 1), np.flatnonzero(arm == 0)
    if arm.shape != (n,) or len(rows[0]) + len(rows[1]) != n or not all(len(r) for r in rows):
        raise ValueError(f"both arms need families, and each of the {n} families an arm that is 0 or 1")
    return rows


def _strata(stratum: ArrayLike | None, n: int) -> list[NDArray[np.intp]]:
    if stratum is None:
        return [np.arange(n)]
    codes, labels = codes_of(stratum, what="stratum")
    return [np.flatnonzero(codes == k) for k in range(len(labels))]


def _area(time: ArrayLike, event: ArrayLike, until: float) -> tuple[float, float]:
    t, d = checked_times(time, event)
    curve = kaplan_meier(t, d)
    if t.max() < until and not (len(curve.survival) and curve.survival[-1] == 0):
        raise ValueError(f"no family was followed to {until:g}: the restricted mean to there is not defined")
    times, survival = _steps_to(curve, until)
    area = float(np.diff(np.append(times, until)) @ survival)
    rest, left = _rest_of_area(curve, until), curve.at_risk - curve.events
    weight = np.divide(curve.events, curve.at_risk * left, out=np.zeros_like(left), where=left > 0)
    return area, float(rest**2 @ weight)


def _steps_to(curve: SurvivalCurve, until: float) -> tuple[Array, Array]:
    """Start of each step up to `until`, and survival on it."""
    inside = curve.times < until
    return np.append(0.0, curve.times[inside]), np.append(1.0, curve.survival[inside])


def _rest_of_area(curve: SurvivalCurve, until: float) -> Array:
    """Area under the curve from each event time to `until`, (K,)."""
    ends = np.minimum(np.append(curve.times[1:], np.inf), until)
    pieces = curve.survival * np.maximum(ends - curve.times, 0.0)
    return np.asarray(np.cumsum(pieces[::-1])[::-1])


def _one_log_rank(t: Array, d: Array, arm: Array) -> tuple[float, float, float]:
    curve = kaplan_meier(t, d)
    mine = ((t[:, None] >= curve.times) & (arm[:, None] == 1)).sum(axis=0)
    share = mine / curve.at_risk
    spread = (curve.at_risk - curve.events) / np.maximum(curve.at_risk - 1, 1)
    return float(d @ arm), float(share @ curve.events), float((curve.events * share * (1 - share)) @ spread)
