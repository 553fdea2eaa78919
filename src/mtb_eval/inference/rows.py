"""Rows of a table, checked before they are summed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.grouping import codes_of

Array = NDArray[np.float64]
Labels = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Checked rows: x (n, p), y (R, n) with NaN where missing, codes (n,), weights (n,) or None, labels (G,)."""

    x: Array
    y: Array
    codes: NDArray[np.intp]
    weights: Array | None
    labels: Labels


def checked_rows(x: Array, y: Array, cluster: ArrayLike, weights: ArrayLike | None) -> Rows:
    """Return the rows of x (n, p), y (..., n), cluster (n,) and weights (n,) with cluster codes.

    Raises ValueError if shapes do not fit, x is not finite, y is infinite, labels are missing or weights are bad.
    """
    if x.ndim != 2 or y.ndim == 0 or y.shape[-1] != x.shape[0]:
        raise ValueError(f"x has shape {x.shape} and y {y.shape}: give (n, p) and (..., n)")
    if x.shape[1] == 0:
        raise ValueError("x has no column: give at least a constant")
    if bad := int(np.count_nonzero(~np.isfinite(x).all(axis=1))):
        raise ValueError(f"x has missing or infinite values in {bad} rows: leave these rows out or impute them")
    if bad := int(np.count_nonzero(np.isinf(y))):
        raise ValueError(f"y has {bad} infinite values: correct them or make them NaN")
    codes, labels = codes_of(cluster)
    if codes.size != x.shape[0]:
        raise ValueError(f"there are {codes.size} cluster labels for {x.shape[0]} rows: give one per row")
    w = None if weights is None else _checked_weights(np.asarray(weights, dtype=float), x.shape[0])
    return Rows(x=x, y=y.reshape(-1, x.shape[0]), codes=codes, weights=w, labels=labels)


def _checked_weights(weights: Array, n_rows: int) -> Array:
    if weights.shape != (n_rows,):
        raise ValueError(f"weights have shape {weights.shape} for {n_rows} rows: give one per row")
    if bad := int(np.count_nonzero(~(np.isfinite(weights) & (weights >= 0)))):
        raise ValueError(f"weights are negative, missing or infinite in {bad} rows: correct or drop these rows")
    return weights


def rows_used(rows: Rows, used: NDArray[np.bool_]) -> Rows:
    """Return the rows that are `used` (n,)."""
    if used.all():
        return rows
    weights = None if rows.weights is None else rows.weights[used]
    return replace(rows, x=rows.x[used], y=rows.y[:, used], codes=rows.codes[used], weights=weights)
