"""Exact tests of two proportions: conditional (one table or strata) and unconditional (Boschloo, Barnard)."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from mtb_eval.inference.counts import Counts
from mtb_eval.inference.estimate import Estimate

Array = NDArray[np.float64]
Alternative = Literal["two-sided", "less", "greater"]

_TIE = 1e-7
_GRID = 1001
_PEAKS = 3
_MAX_LOG_ODDS = 500.0


def conditional_p(table: Counts, alternative: Alternative = "two-sided", *, mid: bool = False) -> float:
    """Return the exact p of no effect, given the margins: Fisher's test, or its stratified form.

    A `table` of shape () or (1,) is Fisher's exact test. With shape (K,) the sum of first-arm events over the K
    strata is compared with its distribution under equal odds within each stratum, the convolution of K
    hypergeometric distributions. Two-sided: all sums no more probable than the observed (ties within 1e-7
    relative). `mid` subtracts half of the probability of the observed sum.
    """
    support, weights, observed = _distribution(table)
    at = int(observed - support[0])
    if alternative == "two-sided":
        p = weights[weights <= weights[at] * (1 + _TIE)].sum()
    else:
        p = weights[: at + 1].sum() if alternative == "less" else weights[at:].sum()
    return float(min(1.0, p) - (weights[at] / 2 if mid else 0.0))


def conditional_odds_ratio(table: Counts, level: float = 0.95) -> Estimate:
    """Return the common odds ratio (first arm over second) with its exact interval and Fisher's p.

    Conditional maximum likelihood given the margins of each stratum; the interval puts at most (1 - level)/2 in
    either tail (Cornfield, Clopper-Pearson form), while p adds probabilities, so the two may disagree near the
    edge. An extreme table gives 0 or inf; strata without information give NaN, the interval (0, inf), p 1.
    """
    support, weights, observed = _distribution(table)
    tail = (1 - level) / 2
    known = len(support) > 1
    low, high = (_tail_odds(support, weights, observed, tail, sign) for sign in (1, -1))
    kind = "Fisher's exact test" if table.n_first.size == 1 else f"exact test in {table.n_first.size} strata"
    return Estimate(
        estimate=np.array(_conditional_maximum(support, weights, observed) if known else np.nan),
        se=np.array(np.nan),
        df=np.array(np.inf),
        ci_low=np.array(low),
        ci_high=np.array(high),
        p=np.array(conditional_p(table)),
        method=f"conditional odds ratio, exact interval by tails, p by probability ({kind})",
        warning="" if known else "the margins leave one possible table: it holds no information",
    )


def boschloo(table: Counts, alternative: Alternative = "two-sided") -> float:
    """Return Boschloo's exact unconditional p of equal risks.

    The one-sided p is the largest chance, over a common risk, of a table with a one-sided Fisher p no larger than
    the observed; the two-sided p is twice the smaller of the two, at most 1 (as SciPy does; other programs order
    tables by the two-sided Fisher p). Boschloo (1970), doi 10.1111/j.1467-9574.1970.tb00104.x.
    """
    if alternative == "two-sided":
        return min(1.0, 2 * min(boschloo(table, "less"), boschloo(table, "greater")))
    if alternative == "greater":
        return boschloo(table.swapped(), "less")
    x1, n1, x2, n2 = _cells(table)
    fisher = _fisher_less(n1, n2)
    return _largest_chance(fisher <= fisher[x1, x2] * (1 + _TIE), n1, n2)


def barnard(table: Counts) -> float:
    """Return Barnard's exact unconditional two-sided p of equal risks, tables ordered by the pooled |z|.

    Barnard (1945), doi 10.1038/156177a0; ordering by Suissa & Shuster (1985), doi 10.2307/2981892.
    """
    x1, n1, x2, n2 = _cells(table)
    a, b = np.arange(n1 + 1)[:, None], np.arange(n2 + 1)[None, :]
    pooled = (a + b) / (n1 + n2)
    variance = pooled * (1 - pooled) * (1 / n1 + 1 / n2)
    z = np.abs(a / n1 - b / n2) / np.sqrt(np.where(variance > 0, variance, 1.0))
    return _largest_chance(z >= z[x1, x2] * (1 - _TIE), n1, n2)


def _cells(table: Counts) -> tuple[int, int, int, int]:
    if table.n_first.size != 1:
        raise ValueError(f"this test takes one table, found {table.n_first.size}; use conditional_p for strata")
    fields = (table.events_first, table.n_first, table.events_second, table.n_second)
    x1, n1, x2, n2 = (int(f.item()) for f in fields)
    if n1 == 0 or n2 == 0:
        raise ValueError("the table has an arm without families; there is no risk to compare")
    return x1, n1, x2, n2


def _distribution(table: Counts) -> tuple[Array, Array, int]:
    """Possible sums of first-arm events, their probabilities under equal odds, and the observed sum."""
    fields = (table.events_first, table.n_first, table.events_second, table.n_second)
    strata = list(zip(*(np.atleast_1d(f) for f in fields), strict=True))
    parts = [_hypergeometric(int(a), int(n1), int(b), int(n2)) for a, n1, b, n2 in strata]
    low = sum(start for start, _ in parts)
    weights = reduce(np.convolve, [w for _, w in parts])
    support = low + np.arange(len(weights), dtype=float)
    return support, weights, int(table.events_first.sum())


def _hypergeometric(x1: int, n1: int, x2: int, n2: int) -> tuple[int, Array]:
    events = x1 + x2
    k = np.arange(max(0, events - n2), min(n1, events) + 1)
    log = _log_choose(n1, k) + _log_choose(n2, events - k) - _log_choose(n1 + n2, np.array([events]))
    weights = np.exp(log)
    return int(k[0]), weights / weights.sum()


def _log_choose(n: int, k: NDArray[np.int64]) -> Array:
    return np.asarray(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))


def _tilted(support: Array, weights: Array, log_odds: float) -> Array:
    """The distribution at another odds ratio: weights times odds^t."""
    with np.errstate(divide="ignore"):
        log = np.log(weights) + log_odds * (support - support[0])
    tilted = np.exp(log - log.max())
    return np.asarray(tilted / tilted.sum())


def _conditional_maximum(support: Array, weights: Array, observed: int) -> float:
    """The odds ratio at which the expected sum is the observed one."""
    if observed in (support[0], support[-1]):
        return 0.0 if observed == support[0] else np.inf
    return _solved(lambda b: float(_tilted(support, weights, b) @ support) - observed)


def _tail_odds(support: Array, weights: Array, observed: int, tail: float, sign: int) -> float:
    """The odds ratio at which the tail beyond the observed sum (upper for sign 1) has probability `tail`."""
    if observed == (support[0] if sign > 0 else support[-1]):
        return 0.0 if sign > 0 else np.inf
    beyond = sign * support >= sign * observed
    return _solved(lambda b: float(_tilted(support, weights, b)[beyond].sum()) - tail)


def _solved(equation: Callable[[float], float]) -> float:
    return float(np.exp(optimize.brentq(equation, -_MAX_LOG_ODDS, _MAX_LOG_ODDS, xtol=1e-13, rtol=1e-15)))


def _fisher_less(n1: int, n2: int) -> Array:
    """One-sided Fisher p (few first-arm events) of every table (n1 + 1, n2 + 1)."""
    p = np.empty((n1 + 1, n2 + 1))
    for events in range(n1 + n2 + 1):
        first = max(0, events - n2)
        weights = _hypergeometric(first, n1, events - first, n2)[1]
        k = first + np.arange(len(weights))
        p[k, events - k] = np.minimum(np.cumsum(weights), 1.0)
    return p


def _largest_chance(region: NDArray[np.bool_], n1: int, n2: int) -> float:
    """The largest probability of `region` (n1 + 1, n2 + 1) over a common risk: a grid, then its best peaks."""

    def chance(risk: Array) -> Array:
        first = stats.binom.pmf(np.arange(n1 + 1), n1, risk[:, None])
        second = stats.binom.pmf(np.arange(n2 + 1), n2, risk[:, None])
        return np.asarray(np.einsum("ra,ra->r", first @ region, second))

    grid = np.linspace(0, 1, _GRID)
    values = chance(grid)
    best = float(values.max())
    peaks = np.flatnonzero((values[1:-1] > values[:-2]) & (values[1:-1] >= values[2:])) + 1
    for i in peaks[np.argsort(-values[peaks], kind="stable")][:_PEAKS]:
        peak = optimize.minimize_scalar(
            lambda r: -float(chance(np.array([r]))[0]),
            bounds=(grid[i - 1], grid[i + 1]),
            method="bounded",
            options={"xatol": 1e-9},
        )
        best = max(best, -float(peak.fun))
    return min(1.0, best)
