"""Two proportions: risk difference and risk ratio with score intervals that stay sound at small counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from mtb_eval.inference.estimate import Estimate, t_estimate
from mtb_eval.inference.grouping import codes_of

Array = NDArray[np.float64]
Difference = Literal["miettinen-nurminen", "mee", "newcombe", "agresti-caffo", "wald"]
Ratio = Literal["miettinen-nurminen", "koopman", "wald"]

_BISECTIONS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Events and families by arm; every field is an integer array of the batch shape (..., ), which may be ().

    Effects are those of the first arm against the second: differences first - second, ratios first / second.
    In exact tests a batch of shape (K,) holds K strata.
    """

    events_first: NDArray[np.int64]
    n_first: NDArray[np.int64]
    events_second: NDArray[np.int64]
    n_second: NDArray[np.int64]

    def swapped(self) -> Counts:
        """The same counts with the arms exchanged."""
        return Counts(
            events_first=self.events_second,
            n_first=self.n_second,
            events_second=self.events_first,
            n_second=self.n_first,
        )


def counts(*, events_first: ArrayLike, n_first: ArrayLike, events_second: ArrayLike, n_second: ArrayLike) -> Counts:
    """Return checked counts, broadcast to one shape.

    Raises ValueError for counts that are not whole, negative, or above their number of families.
    """
    given = [np.asarray(v, dtype=float) for v in (events_first, n_first, events_second, n_second)]
    x1, n1, x2, n2 = np.broadcast_arrays(*given)
    bad = sum(int((~(np.isfinite(v) & (v == np.floor(v)) & (v >= 0))).sum()) for v in (x1, n1, x2, n2))
    if bad:
        raise ValueError(f"counts must be whole numbers of 0 or more, found {bad} that are not")
    above = int(((x1 > n1) | (x2 > n2)).sum())
    if above:
        raise ValueError(f"{above} tables have more events than families in an arm")
    a, b, c, d = (v.astype(np.int64) for v in (x1, n1, x2, n2))
    return Counts(events_first=a, n_first=b, events_second=c, n_second=d)


def two_arms(event: ArrayLike, first: ArrayLike) -> Counts:
    """Return the counts of a 0/1 `event` (n,) in the arm where `first` (n,) is 1 and in the other arm.

    Raises ValueError for values other than 0 and 1.
    """
    one = two_arms_by_stratum(event, first, np.zeros(len(np.asarray(event))))
    fields = (one.events_first, one.n_first, one.events_second, one.n_second)
    a, b, c, d = (v[0] for v in fields)
    return counts(events_first=a, n_first=b, events_second=c, n_second=d)


def two_arms_by_stratum(event: ArrayLike, first: ArrayLike, stratum: ArrayLike) -> Counts:
    """Return the counts (K,) of `event` (n,) by arm `first` (n,) in each of the K values of `stratum` (n,).

    Strata are in sorted order; one without families in an arm is kept. Raises ValueError for values other than
    0 and 1 and for missing strata.
    """
    y, arm = np.asarray(event, dtype=float), np.asarray(first, dtype=float)
    bad = int((~np.isin(y, (0, 1)) | ~np.isin(arm, (0, 1))).sum())
    if bad:
        raise ValueError(f"event and arm must be 0 or 1, found {bad} rows that are not")
    codes, labels = codes_of(stratum, what="stratum")
    total = [np.bincount(codes, weights=w, minlength=len(labels)) for w in (y * arm, arm, y * (1 - arm), 1 - arm)]
    return counts(events_first=total[0], n_first=total[1], events_second=total[2], n_second=total[3])


def risk_difference(table: Counts, method: Difference = "miettinen-nurminen", level: float = 0.95) -> Estimate:
    """Return the risk difference, first arm minus second, with interval and p by `method`.

    "miettinen-nurminen": score interval with variance factor N/(N-1), doi 10.1002/sim.4780040211; "mee":
    the same without the factor, Mee (1984), Biometrics 40, 1175-1176; "newcombe": from two Wilson intervals,
    doi 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I, with the score p; "agresti-caffo":
    Wald after one event and one non-event more in each arm; "wald". Score methods have no standard error (NaN).
    Raises ValueError for an arm without families.
    """
    _refuse_empty(table)
    if method == "wald":
        return _wald_difference(table, 0.0, level, "risk difference, Wald interval")
    if method == "agresti-caffo":
        adjusted = _wald_difference(table, 1.0, level, "risk difference, Agresti-Caffo interval")
        return replace(adjusted, estimate=_risks(table)[0] - _risks(table)[1])
    if method == "newcombe":
        return _newcombe(table, level)
    return _score_difference(table, method, level)


def risk_ratio(table: Counts, method: Ratio = "miettinen-nurminen", level: float = 0.95) -> Estimate:
    """Return the risk ratio, first arm over second, with interval and p by `method`.

    "miettinen-nurminen": score interval with variance factor N/(N-1), doi 10.1002/sim.4780040211; "koopman":
    the same without the factor, doi 10.2307/2531405; both hold with empty cells (0 events in the second arm
    give an infinite ratio and upper limit; none in either a NaN ratio and the interval (0, inf)). "wald": on
    the log scale, `se` is that of the log, NaN with an empty cell. Score methods have no standard error (NaN).
    Raises ValueError for an arm without families.
    """
    _refuse_empty(table)
    if method == "wald":
        return _wald_ratio(table, level)
    factor = _factor(table) if method == "miettinen-nurminen" else np.ones(table.n_first.shape)
    p1, p2 = _risks(table)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, centre = np.divide(p1, p2), np.where(p1 + p2 > 0, p1 / (p1 + p2), 0.5)
    z2 = stats.norm.ppf(0.5 + level / 2) ** 2

    def outside(t: Array) -> NDArray[np.bool_]:
        return _ratio_excess(table, t, z2 * factor) > 0

    low = _limit(outside, centre, np.zeros_like(centre))
    high = _limit(outside, centre, np.ones_like(centre))
    with np.errstate(divide="ignore"):
        ends = low / (1 - low), np.divide(high, 1 - high)
    name = f"risk ratio, {_name(method)} score interval"
    return _scored(ratio, ends, _score_p(table, factor), name, _no_events(table))


def _refuse_empty(table: Counts) -> None:
    empty = int(((table.n_first == 0) | (table.n_second == 0)).sum())
    if empty:
        raise ValueError(f"{empty} tables have an arm without families; there is no risk to compare")


def _risks(table: Counts) -> tuple[Array, Array]:
    return table.events_first / table.n_first, table.events_second / table.n_second


def _factor(table: Counts) -> Array:
    n = (table.n_first + table.n_second).astype(float)
    return np.asarray(n / (n - 1))


def _name(method: str) -> str:
    return "-".join(part.capitalize() for part in method.split("-"))


def _scored(estimate: Array, ends: tuple[Array, Array], p: Array, method: str, warning: str = "") -> Estimate:
    return Estimate(
        estimate=estimate,
        se=np.full(estimate.shape, np.nan),
        df=np.full(estimate.shape, np.inf),
        ci_low=ends[0],
        ci_high=ends[1],
        p=p,
        method=method,
        warning=warning,
    )


def _no_events(table: Counts) -> str:
    n = int(((table.events_first == 0) & (table.events_second == 0)).sum())
    return f"{n} tables without any event: their ratio is not defined" if n else ""


def _score_p(table: Counts, factor: Array) -> Array:
    """The score test of equal risks: Pearson's chi-square, divided by the variance factor. 1 without events."""
    p1, p2 = _risks(table)
    n1, n2 = table.n_first, table.n_second
    pooled = (table.events_first + table.events_second) / (n1 + n2)
    variance = pooled * (1 - pooled) * (1 / n1 + 1 / n2) * factor
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(variance > 0, (p1 - p2) / np.sqrt(variance), 0.0)
    return np.asarray(2 * stats.norm.sf(np.abs(z)))


def _limit(outside: Callable[[Array], NDArray[np.bool_]], inside: Array, end: Array) -> Array:
    """Bisect from a point inside the interval to the end of the scale; the end itself where it is inside."""
    near, far = inside.copy(), end.copy()
    ends_inside = ~outside(end)
    for _ in range(_BISECTIONS):
        middle = (near + far) / 2
        out = outside(middle)
        near, far = np.where(out, near, middle), np.where(out, middle, far)
    return np.where(ends_inside, end, (near + far) / 2)


def _score_difference(table: Counts, method: Difference, level: float) -> Estimate:
    factor = _factor(table) if method == "miettinen-nurminen" else np.ones(table.n_first.shape)
    p1, p2 = _risks(table)
    difference = np.asarray(p1 - p2)
    z2 = stats.norm.ppf(0.5 + level / 2) ** 2

    def outside(delta: Array) -> NDArray[np.bool_]:
        r1, r2 = _constrained_difference(table, delta)
        variance = (r1 * (1 - r1) / table.n_first + r2 * (1 - r2) / table.n_second) * factor
        return np.asarray((difference - delta) ** 2 > z2 * variance)

    ends = tuple(_limit(outside, difference, np.full_like(difference, e)) for e in (-1.0, 1.0))
    name = f"risk difference, {_name(method)} score interval"
    return _scored(difference, (ends[0], ends[1]), _score_p(table, factor), name)


def _constrained_difference(table: Counts, delta: Array) -> tuple[Array, Array]:
    """Maximum-likelihood risks under first - second = delta: the middle root of Miettinen & Nurminen's cubic."""
    x1, n1, x2, n2 = table.events_first, table.n_first, table.events_second, table.n_second
    n = n1 + n2
    c2 = ((n1 + 2 * n2) * delta - n - x1 - x2) / (3 * n)
    c1 = ((n2 * delta - n - 2 * x2) * delta + x1 + x2) / n
    c0 = x2 * delta * (1 - delta) / n
    q = c2**3 - c1 * c2 / 2 + c0 / 2
    radius = np.sign(q) * np.sqrt(np.maximum(c2**2 - c1 / 3, 0.0))
    cube = np.where(radius == 0, 1.0, radius**3)
    angle = (np.pi + np.arccos(np.clip(q / cube, -1.0, 1.0))) / 3
    second = np.clip(2 * radius * np.cos(angle) - c2, np.maximum(0.0, -delta), np.minimum(1.0, 1 - delta))
    return np.clip(second + delta, 0.0, 1.0), second


def _ratio_excess(table: Counts, t: Array, z2: Array) -> Array:
    """Squared score minus its bound at the ratio t/(1-t), in a form that holds for t from 0 to 1."""
    x1, n1, x2, n2 = table.events_first, table.n_first, table.events_second, table.n_second
    p1, p2 = _risks(table)
    b = (n1 + x2) * t + (x1 + n2) * (1 - t)
    root = np.sqrt(np.maximum(b**2 - 4 * (n1 + n2) * (x1 + x2) * t * (1 - t), 0.0))
    share = 2 * (x1 + x2) / (b + root)
    r1, r2 = np.minimum(share * t, 1.0), np.minimum(share * (1 - t), 1.0)
    variance = (1 - t) ** 2 * r1 * (1 - r1) / n1 + t**2 * r2 * (1 - r2) / n2
    return np.asarray(((1 - t) * p1 - t * p2) ** 2 - z2 * variance)


def _newcombe(table: Counts, level: float) -> Estimate:
    z = float(stats.norm.ppf(0.5 + level / 2))
    p1, p2 = _risks(table)
    low1, high1 = _wilson(table.events_first, table.n_first, z)
    low2, high2 = _wilson(table.events_second, table.n_second, z)
    d = p1 - p2
    low = d - np.sqrt((p1 - low1) ** 2 + (high2 - p2) ** 2)
    high = d + np.sqrt((high1 - p1) ** 2 + (p2 - low2) ** 2)
    p = _score_p(table, np.ones(table.n_first.shape))
    return _scored(np.asarray(d), (low, high), p, "risk difference, Newcombe interval, score p")


def _wilson(x: NDArray[np.int64], n: NDArray[np.int64], z: float) -> tuple[Array, Array]:
    p = x / n
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    middle = p + z**2 / (2 * n)
    return (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)


def _wald_difference(table: Counts, added: float, level: float, method: str) -> Estimate:
    n1, n2 = table.n_first + 2 * added, table.n_second + 2 * added
    p1, p2 = (table.events_first + added) / n1, (table.events_second + added) / n2
    se = np.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)
    return t_estimate(p1 - p2, se, df=np.inf, method=method, level=level, warning=_no_wald(se <= 0))


def _wald_ratio(table: Counts, level: float) -> Estimate:
    p1, p2 = _risks(table)
    empty = (table.events_first == 0) | (table.events_second == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.asarray(np.divide(p1, p2))
        se = np.sqrt((1 - p1) / table.events_first + (1 - p2) / table.events_second)
    usable = ~empty & (se > 0)
    e = t_estimate(
        np.log(np.where(usable, ratio, 1.0)),
        np.where(usable, se, np.nan),
        df=np.inf,
        method="risk ratio, Wald interval of the log",
        level=level,
        warning=_no_wald(~usable),
    )
    return replace(e, estimate=ratio, ci_low=np.exp(e.ci_low), ci_high=np.exp(e.ci_high))


def _no_wald(unusable: NDArray[np.bool_]) -> str:
    n = int(unusable.sum())
    return f"{n} tables have no Wald interval (an arm has no events or only events)" if n else ""
