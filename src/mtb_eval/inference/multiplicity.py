"""Many outcomes: adjusted p values, and indices that make one outcome of several.

NaN p values and NaN statistics are passed through and do not count as tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from statsmodels.stats.multitest import multipletests

from mtb_eval.inference.inversion import TIE

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = Literal["all", "control"]

GRID = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One score per row (n,), NaN where every component is missing, and the weight of each component (k,), sum 1."""

    score: Array
    weights: Array


def holm(p: ArrayLike) -> Array:
    """Return Holm's step-down p values, which control the family-wise error rate (Holm 1979)."""
    return _adjusted(p, "holm")


def benjamini_hochberg(p: ArrayLike) -> Array:
    """Return Benjamini and Hochberg's step-up p values, which control the false discovery rate.

    Benjamini and Hochberg (1995, doi 10.1111/j.2517-6161.1995.tb02031.x).
    """
    return _adjusted(p, "fdr_bh")


def romano_wolf(t: ArrayLike, drawn: ArrayLike, *, exact: bool) -> Array:
    """Return Romano and Wolf's step-down adjusted p values from joint draws of the statistics under the null.

    `t` (k,) observed; `drawn` (k, draws), column by column from the same draw for all outcomes, as `wild_statistics`
    gives it. Two-sided: the largest |t*| among the outcomes not yet passed against |t|, ties within 1e-9 counted. With
    `exact` (all draws) p = count / draws, count at least 1 for the sample itself, else (1 + count) / (1 + draws). A
    t* of NaN (0/0) counts as extreme.
    Romano and Wolf (2005, doi 10.1198/016214504000000539; 2016, doi 10.1016/j.spl.2016.02.012).
    """
    observed, draws = np.abs(np.asarray(t, dtype=float)), np.abs(np.asarray(drawn, dtype=float))
    if observed.ndim != 1 or draws.ndim != 2 or draws.shape[0] != observed.size or not draws.shape[1]:
        raise ValueError(
            f"Romano-Wolf needs statistics (k,) and draws (k, draws), got {observed.shape} and {draws.shape}."
        )
    tested = np.flatnonzero(np.isfinite(observed))
    order = tested[np.argsort(-observed[tested], kind="stable")]
    filled = np.where(np.isnan(draws[order]), np.inf, draws[order])
    largest = np.maximum.accumulate(filled[::-1], axis=0)[::-1]
    count = np.count_nonzero(largest >= observed[order, None] * (1 - TIE), axis=1)
    p = np.maximum(count, 1) / draws.shape[1] if exact else (1 + count) / (1 + draws.shape[1])
    adjusted = np.full(observed.size, np.nan)
    adjusted[order] = np.maximum.accumulate(p)
    return adjusted


def sharpened_q(p: ArrayLike, *, step: float = GRID) -> Array:
    """Return sharpened two-stage q values: the smallest rate q on a grid of `step` at which each test is rejected.

    Stage 1 is Benjamini-Hochberg at q' = q / (1 + q); with c of m rejected, stage 2 is the same at q' m / (m - c).
    Benjamini, Krieger and Yekutieli (2006, doi 10.1093/biomet/93.3.491), as in Anderson (2008,
    doi 10.1198/016214508000000841). A test that no q up to 1 rejects gets 1.
    """
    values = _checked_p(p)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    ranked = values[order]
    grid = np.arange(1, round(1 / step) + 1) * step
    first = grid / (1 + grid)
    n_first = _n_rejected(ranked, first)
    rest = ranked.size - n_first
    second = np.where(rest > 0, first * ranked.size / np.maximum(rest, 1), np.inf)
    n_second = _n_rejected(ranked, second)
    q = np.full(values.size, np.nan)
    for place, outcome in enumerate(order):
        rejecting = np.flatnonzero(n_second > place)
        q[outcome] = grid[rejecting[0]] if rejecting.size else 1.0
    return q


def anderson_index(outcomes: ArrayLike, control: ArrayLike, *, covariance: Rows = "all") -> Index:
    """Return the generalised-least-squares index of components (n, k) that all point the same way.

    Components are standardised by mean and standard deviation of the controls (`control` (n,) true); weights are the
    row sums of the inverse of their covariance matrix over all rows or the controls (pairwise if values are missing).
    A row's index is the weighted mean of the components it has. Anderson (2008, doi 10.1198/016214508000000841).
    Raises ValueError for shapes that differ, a component constant among controls, or a singular covariance matrix.
    """
    z = standardised(outcomes, control)
    rows = np.asarray(control, dtype=bool) if covariance == "control" else np.ones(z.shape[0], dtype=bool)
    sigma = _pairwise_covariance(z[rows])
    if not np.isfinite(sigma).all() or np.linalg.cond(sigma) > 1e12:
        raise ValueError(f"The covariance matrix of the {z.shape[1]} components is singular: leave out a duplicate.")
    weights = np.linalg.solve(sigma, np.ones(z.shape[1]))
    seen = ~np.isnan(z)
    total = (seen * weights).sum(axis=1)
    score = np.nansum(z * weights, axis=1) / np.where(total != 0, total, np.nan)
    return Index(score=np.where(seen.any(axis=1), score, np.nan), weights=weights / weights.sum())


def mean_index(outcomes: ArrayLike, control: ArrayLike) -> Index:
    """Return the plain mean of components (n, k) standardised on the controls.

    In a row with some components, missing ones take the mean of the row's arm. Kling, Liebman and Katz (2007,
    doi 10.1111/j.1468-0262.2007.00733.x). Raises ValueError as `standardised` does.
    """
    z = standardised(outcomes, control)
    some = ~np.isnan(z).all(axis=1)
    for arm in (np.asarray(control, dtype=bool), ~np.asarray(control, dtype=bool)):
        if arm.any():
            mean = _column_means(z[arm])
            z[arm] = np.where(np.isnan(z[arm]), mean, z[arm])
    k = z.shape[1]
    return Index(score=np.where(some, _row_means(z), np.nan), weights=np.full(k, 1 / k))


def standardised(outcomes: ArrayLike, control: ArrayLike) -> Array:
    """Return components (n, k) less the mean and over the standard deviation (n - 1) of the controls.

    Raises ValueError for shapes that differ, or fewer than 2 differing values of a component among the controls.
    """
    y, controls = np.array(outcomes, dtype=float), np.asarray(control, dtype=bool)
    if y.ndim != 2 or controls.shape != y.shape[:1] or not y.shape[1]:
        raise ValueError(f"An index needs components (n, k) and controls (n,), got {y.shape} and {controls.shape}.")
    base = y[controls]
    count = (~np.isnan(base)).sum(axis=0)
    mean = np.nansum(base, axis=0) / np.maximum(count, 1)
    square = np.nansum((base - mean) ** 2, axis=0)
    flat = int(np.count_nonzero((count < 2) | (square <= 1e-24 * np.maximum(mean**2, 1e-300))))
    if flat:
        raise ValueError(f"{flat} of {y.shape[1]} components do not vary among the controls: leave them out.")
    return np.asarray((y - mean) / np.sqrt(square / (count - 1)))


def _checked_p(p: ArrayLike) -> Array:
    values = np.asarray(p, dtype=float)
    if values.ndim != 1:
        raise ValueError(f"p values must be a vector, their shape is {values.shape}.")
    bad = int(np.count_nonzero((values < 0) | (values > 1)))
    if bad:
        raise ValueError(f"{bad} p values lie outside 0 to 1.")
    return values


def _adjusted(p: ArrayLike, method: str) -> Array:
    values = _checked_p(p)
    adjusted = np.full(values.size, np.nan)
    tested = ~np.isnan(values)
    if tested.any():
        adjusted[tested] = multipletests(values[tested], method=method)[1]
    return adjusted


def _n_rejected(ranked: Array, rate: Array) -> NDArray[np.intp]:
    """Number that Benjamini-Hochberg rejects at each rate: the largest i with p_(i) <= rate i / m."""
    place = np.arange(1, ranked.size + 1)
    passed = ranked <= rate[:, None] * place / max(ranked.size, 1)
    return np.asarray((passed * place).max(axis=1, initial=0))


def _pairwise_covariance(z: Array) -> Array:
    """Covariances over the rows that have both components, each component less its own mean."""
    seen = (~np.isnan(z)).astype(float)
    mean = np.nansum(z, axis=0) / np.maximum(seen.sum(axis=0), 1)
    centred = np.where(seen > 0, z - mean, 0.0)
    pairs = seen.T @ seen
    return np.asarray(centred.T @ centred / np.where(pairs > 1, pairs - 1, np.nan))


def _column_means(z: Array) -> Array:
    count = (~np.isnan(z)).sum(axis=0)
    return np.where(count > 0, np.nansum(z, axis=0) / np.maximum(count, 1), np.nan)


def _row_means(z: Array) -> Array:
    count = (~np.isnan(z)).sum(axis=1)
    return np.where(count > 0, np.nansum(z, axis=1) / np.maximum(count, 1), np.nan)
