"""Permutation tests within strata: arms among families, or shares of the arm among blocks of families.

p counts draws at least as far from the mean over permutations as the observed statistic (ties within a relative
1e-9), with the observed one among them: (1 + count) / (1 + draws), Davison & Hinkley (1997, section 4.2). Valid if
under no effect every permutation within strata was equally likely; the strata are what is held to be exchangeable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.grouping import codes_of

Array = NDArray[np.float64]
Rows = list[NDArray[np.intp]]

_TIE = 1e-9
_ENTRIES = 2**22


@dataclass(frozen=True, slots=True, kw_only=True)
class Permutation:
    """A permutation test: `statistic` minus its mean over permutations `centre`; `n_free` strata could vary."""

    statistic: float
    centre: float
    p: float
    n_draws: int
    n_strata: int
    n_free: int


def permuted_arms(
    scores: ArrayLike, first: ArrayLike, stratum: ArrayLike, *, n_draws: int, rng: np.random.Generator
) -> Permutation:
    """Return the test of the sum of `scores` (n,) in the arm where `first` (n,) is 1, arms permuted within strata.

    With log-rank scores it is the permutation log-rank test. NaN p where no stratum has both arms and scores that
    differ. Raises ValueError for bad rows.
    """
    s, arm, groups = _checked(scores, first, stratum)
    bad = int((~np.isin(arm, (0.0, 1.0))).sum())
    if bad:
        raise ValueError(f"the arm must be 0 or 1, found {bad} rows that are not")
    free = [g for g in groups if 0 < arm[g].sum() < len(g) and np.ptp(s[g]) > 0]
    centre = float(sum(arm[g].sum() * s[g].mean() for g in groups))
    drawn = np.zeros(n_draws)
    for g in free:
        size = int(arm[g].sum())
        for part in _parts(n_draws, len(g)):
            drawn[part] += _shuffled(s[g] - s[g].mean(), part, rng)[:, :size].sum(axis=1)
    return _tested(float(s @ arm), centre, drawn, (len(groups), len(free)))


def permuted_blocks(
    y: ArrayLike, share: ArrayLike, block: ArrayLike, stratum: ArrayLike, *, n_draws: int, rng: np.random.Generator
) -> Permutation:
    """Return the test of the slope of `y` (n,) on its block's `share` within strata, shares permuted among blocks.

    A block (such as the families of a municipality recruited in one half-year) keeps its families together, so that
    they may depend on one another. `share` (n,) is averaged by block; a block lies in one stratum. The statistic is
    the least-squares slope with a constant per stratum. NaN p where nothing can vary. Raises ValueError for bad rows
    and a block in two strata.
    """
    out, part, _ = _checked(y, share, stratum)
    codes, labels = codes_of(block, what="block")
    n, total, treated = (_sums(codes, w, len(labels)) for w in (np.ones(len(out)), out, part))
    of = _one_stratum_each(codes, codes_of(stratum, what="stratum")[0], len(labels))
    groups = [np.flatnonzero(of == k) for k in np.unique(of)]
    shares = treated / n
    free = [g for g in groups if np.ptp(shares[g]) > 0 and np.ptp(total[g] / n[g]) > 0]
    drawn = np.zeros((2, n_draws))
    seen = np.zeros(2)
    for g in groups:
        seen += _slope_parts(shares[g][None], n[g], total[g])[:, 0]
        for rows in _parts(n_draws, len(g)):
            drawn[:, rows] += _slope_parts(_shuffled(shares[g], rows, rng), n[g], total[g])
    with np.errstate(divide="ignore", invalid="ignore"):
        slope, slopes = seen[0] / seen[1], drawn[0] / drawn[1]
    return _tested(float(slope), 0.0, slopes if free else np.zeros(n_draws), (len(groups), len(free)))


def _checked(values: ArrayLike, arm: ArrayLike, stratum: ArrayLike) -> tuple[Array, Array, Rows]:
    v, a = np.asarray(values, dtype=float), np.asarray(arm, dtype=float)
    codes, labels = codes_of(stratum, what="stratum")
    if v.ndim != 1 or not v.shape == a.shape == codes.shape:
        raise ValueError(f"values, arms and strata need one row each, found {v.shape}, {a.shape} and {codes.shape}")
    bad = int((~np.isfinite(v) | ~np.isfinite(a)).sum())
    if bad:
        raise ValueError(f"{bad} rows have a missing or infinite value or arm")
    return v, a, [np.flatnonzero(codes == k) for k in range(len(labels))]


def _sums(codes: NDArray[np.intp], values: Array, n: int) -> Array:
    return np.asarray(np.bincount(codes, weights=values, minlength=n), dtype=float)


def _parts(n_draws: int, width: int) -> list[slice]:
    step = max(1, _ENTRIES // max(width, 1))
    return [slice(i, min(i + step, n_draws)) for i in range(0, n_draws, step)]


def _shuffled(values: Array, rows: slice, rng: np.random.Generator) -> Array:
    return rng.permuted(np.tile(values, (rows.stop - rows.start, 1)), axis=1)


def _one_stratum_each(block: NDArray[np.intp], stratum: NDArray[np.intp], n_blocks: int) -> NDArray[np.intp]:
    of = np.zeros(n_blocks, dtype=np.intp)
    of[block] = stratum
    crossed = len(np.unique(block[of[block] != stratum]))
    if crossed:
        raise ValueError(f"{crossed} blocks lie in more than one stratum; a block must lie in one")
    return of


def _slope_parts(shares: Array, n: Array, total: Array) -> Array:
    """Numerator and denominator (2, draws) of the slope within one stratum; `shares` (draws, blocks)."""
    centred = shares - (shares @ n / n.sum())[:, None]
    return np.stack([centred @ total, centred**2 @ n])


def _tested(statistic: float, centre: float, drawn: Array, strata: tuple[int, int]) -> Permutation:
    """`drawn` are deviations from `centre`."""
    count = int((np.abs(drawn) >= abs(statistic - centre) * (1 - _TIE) - 1e-12).sum())
    return Permutation(
        statistic=statistic,
        centre=centre,
        p=(1 + count) / (1 + len(drawn)) if strata[1] else float("nan"),
        n_draws=len(drawn),
        n_strata=strata[0],
        n_free=strata[1],
    )
