"""What another count of the same events may show: tests of every possible table, and the chance of each table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, special, stats

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_TIE = 1e-7
_RISK_NODES, _SHARE_NODES = 60, 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """Chances over the tables a later count may give; they refer to p of a two-sided test at given bounds.

    `significant`, `tendency`: p below the bound and more events (in relation) in the second arm, `tendency` excluding
    the former; `opposite`: p below the first bound the other way; `neither`: the rest. Events are expected numbers.
    """

    significant: float
    tendency: float
    opposite: float
    neither: float
    events_first: float
    events_second: float


def fisher_p_values(n_first: int, n_second: int) -> Array:
    """Return Fisher's two-sided p of every table of two arms, (n_first + 1, n_second + 1), by events.

    Probabilities of all tables with the same margins that are no more probable (ties within 1e-7 relative).
    """
    p = np.empty((n_first + 1, n_second + 1))
    first, second = _log_choose(n_first), _log_choose(n_second)
    for events in range(n_first + n_second + 1):
        k = np.arange(max(0, events - n_second), min(n_first, events) + 1)
        log = first[k] + second[events - k]
        weights = np.exp(log - log.max())
        weights /= weights.sum()
        ordered = np.sort(weights)
        below = np.searchsorted(ordered, weights * (1 + _TIE), side="right")
        p[k, events - k] = np.minimum(np.cumsum(ordered)[below - 1], 1.0)
    return p


def pearson_p_values(n_first: int, n_second: int) -> Array:
    """Return the p of Pearson's chi-square without correction of every table, (n_first + 1, n_second + 1); 1 at 0."""
    a, b = np.arange(n_first + 1)[:, None], np.arange(n_second + 1)[None, :]
    pooled = (a + b) / (n_first + n_second)
    variance = pooled * (1 - pooled) * (1 / n_first + 1 / n_second)
    z = (a / n_first - b / n_second) / np.sqrt(np.where(variance > 0, variance, 1.0))
    return np.asarray(2 * stats.norm.sf(np.abs(z)))


def confirmation(p: Array, chance: Array, *, significant: float, tendency: float) -> Confirmation:
    """Return the chances of each verdict when a later table has the distribution `chance`.

    `p` and `chance` (n_first + 1, n_second + 1): a test's p and the probability of every table, by events.
    """
    n1, n2 = p.shape[0] - 1, p.shape[1] - 1
    a, b = np.arange(n1 + 1)[:, None], np.arange(n2 + 1)[None, :]
    more = b * n1 > a * n2
    hit = float(chance[(p < significant) & more].sum())
    near = float(chance[(p >= significant) & (p < tendency) & more].sum())
    opposite = float(chance[(p < significant) & ~more].sum())
    return Confirmation(
        significant=hit,
        tendency=near,
        opposite=opposite,
        neither=max(0.0, 1.0 - hit - near - opposite),
        events_first=float(chance.sum(axis=1) @ a[:, 0]),
        events_second=float(chance.sum(axis=0) @ b[0]),
    )


def new_events(events: int, n: int, *, prior: tuple[float, float], among: int | None = None, spans: float = 1) -> Array:
    """Return the distribution of events among `among` (default `n`) other families of the same risk, (among + 1,).

    Beta(`prior`) risk given `events` of `n`. With `spans` = 1 this is the beta-binomial; otherwise the risk over
    `spans` times as long, 1 - (1 - risk)^spans, at a constant hazard, by Gauss-Jacobi quadrature.
    """
    m = n if among is None else among
    if spans == 1:
        return np.asarray(stats.betabinom.pmf(np.arange(m + 1), m, prior[0] + events, prior[1] + n - events))
    risk, weight = _beta_nodes(prior[0] + events, prior[1] + n - events, _RISK_NODES)
    longer = -np.expm1(spans * np.log1p(-risk))
    return np.asarray(weight @ _binomial(m, longer))


def new_events_together(events: int, n: int, *, prior: tuple[float, float], arms: tuple[int, int]) -> Array:
    """Return the joint distribution of events among two arms of other families with one common risk.

    Shape (arms[0] + 1, arms[1] + 1); Beta(`prior`) risk given `events` of `n`, by Gauss-Jacobi quadrature.
    """
    risk, weight = _beta_nodes(prior[0] + events, prior[1] + n - events, _RISK_NODES + sum(arms) // 2)
    first, second = (_binomial(m, risk) for m in arms)
    return np.asarray((weight[:, None] * first).T @ second)


def recounted(
    events: int,
    n: int,
    *,
    prior: tuple[float, float],
    registered: tuple[float, float],
    confirmed: tuple[float, float],
) -> Array:
    """Return the distribution of events in a complete count of the same `n` families, (n + 1,).

    Of the `events` registered now each is confirmed, with a Beta(`confirmed`) share; of the true events a
    Beta(`registered`) share was registered, so that a family without one has an event with probability
    q = r (1 - s) / (1 - r s), r the risk (Beta(`prior`)) and s that share, both weighted by their likelihood
    (r s)^events (1 - r s)^(n - events).
    """
    r, wr = _beta_nodes(*prior, _RISK_NODES + n // 2)
    s, ws = _beta_nodes(*registered, _SHARE_NODES)
    seen = r[:, None] * s
    log = events * np.log(seen) + (n - events) * np.log1p(-seen)
    weight = (wr[:, None] * ws * np.exp(log - log.max())).ravel()
    q = (r[:, None] * (1 - s) / (1 - seen)).ravel()
    missed = weight / weight.sum() @ _binomial(n - events, q)
    kept = stats.betabinom.pmf(np.arange(events + 1), events, *confirmed)
    return np.convolve(missed, kept)


def _beta_nodes(a: float, b: float, n: int) -> tuple[Array, Array]:
    """Nodes in (0, 1) and weights (sum 1) of Gauss quadrature for a Beta(a, b) density.

    Eigenvalues and first components of the Jacobi matrix: Golub & Welsch (1969), doi 10.1090/S0025-5718-69-99647-1.
    """
    k, total = np.arange(1, n), a + b
    step = 2 * k + total - 2
    middle = np.append((a - b) / total, (a - b) * (total - 2) / (step * (step + 2)))
    below = np.where(k == 1, 1.0, step - 1)
    squared = 4 * k * (k + b - 1) * (k + a - 1) * (k + total - 2) / (step**2 * (step + 1) * below)
    squared[0] = 4 * a * b / (total**2 * (total + 1))
    x, vectors = linalg.eigh_tridiagonal(middle, np.sqrt(squared))
    return np.asarray((1 + x) / 2), np.asarray(vectors[0] ** 2)


def _binomial(n: int, q: Array) -> Array:
    """Chances (nodes, n + 1) of 0..n events at each probability `q` (nodes,) in (0, 1)."""
    k = np.arange(n + 1)
    return np.asarray(np.exp(_log_choose(n) + k * np.log(q)[:, None] + (n - k) * np.log1p(-q)[:, None]))


def _log_choose(n: int) -> Array:
    k = np.arange(n + 1)
    return np.asarray(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))
