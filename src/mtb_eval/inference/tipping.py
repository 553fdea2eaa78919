"""Two-way tipping points: shifts of imputed values at which an interval begins or ceases to exclude 0.

Shifting the imputed values is affine in the estimate and quadratic in its variance (pooling.ShiftedPool), so that the
whole plane of shifts costs no further fit. Ratitch, O'Kelly & Tosiello (2013), doi:10.1002/pst.1549;
Cro, Morris, Kenward & Carpenter (2020), doi:10.1002/sim.8569.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mtb_eval.inference.pooling import ShiftedPool, pool_at

Array = NDArray[np.float64]

DIRECTIONS = 180
STEPS = 40
HALVINGS = 30


def excess(pool: ShiftedPool, shifts: Array, level: float) -> Array:
    """Return |estimate| less half the interval (...) at `shifts` (..., 2): above 0 the interval excludes 0."""
    found = pool_at(pool, shifts)
    critical = special.stdtrit(found.df, 0.5 + level / 2)
    return np.asarray(np.abs(found.estimate) - critical * np.sqrt(found.total))


def first_change(pool: ShiftedPool, direction: Array, reach: float, level: float) -> Array:
    """Return how far along each `direction` (..., 2) the conclusion first changes, NaN if not within `reach` (...).

    Sought in STEPS equal steps, then by halving.
    """
    lengths = np.linspace(0.0, reach, STEPS + 1)
    found = excess(pool, lengths[:, None] * direction[..., None, :], level) > 0
    changed = found != found[..., :1]
    place = np.argmax(changed, axis=-1)
    high = lengths[place]
    low = lengths[np.maximum(place - 1, 0)]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        same = (excess(pool, middle[..., None] * direction, level) > 0) == found[..., 0]
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return np.where(changed.any(axis=-1), high, np.nan)


def nearest_change(pool: ShiftedPool, reach: float, level: float) -> Array:
    """Return the pair of shifts (2,) nearest to no shift at which the conclusion changes; NaN if none within `reach`.

    Distance is Euclidean; directions are tried at two degrees' distance, then finely around the best.
    """
    best, width = np.pi, np.pi
    nearest = np.array([np.nan, np.nan])
    for _ in range(2):
        angles = best + np.linspace(-width, width, DIRECTIONS + 1)
        direction = np.column_stack([np.cos(angles), np.sin(angles)])
        distance = first_change(pool, direction, reach, level)
        if np.isnan(distance).all():
            break
        place = int(np.nanargmin(distance))
        best, width, nearest = float(angles[place]), 2 * np.pi / DIRECTIONS, distance[place] * direction[place]
    return nearest


def frontier(pool: ShiftedPool, first: Array, second: Array, level: float) -> Array:
    """Return the points (k, 2) at which the interval touches 0: for each of `first` the roots within `second`.

    Roots between neighbours of `second` (ascending) are found by halving; sorted by first, then second shift.
    """
    grid = np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1)
    outside = excess(pool, grid, level) > 0
    row, column = np.nonzero(outside[:, 1:] != outside[:, :-1])
    low, high, x = second[column], second[column + 1], first[row]
    start = outside[row, column]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        same = (excess(pool, np.column_stack([x, middle]), level) > 0) == start
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return np.column_stack([x, high])
