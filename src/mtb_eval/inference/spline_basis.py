"""Restricted cubic splines in Harrell's form: cubic between the knots, linear beyond the outer ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def restricted_cubic_spline(x: ArrayLike, knots: ArrayLike) -> Array:
    """Return the basis (n, k - 1) of a restricted cubic spline in x (n,) with k knots: x itself, then k - 2 bends.

    With knots t_1 < ... < t_k the j-th bend is (x - t_j)+^3 less the combination of (x - t_{k-1})+^3 and (x - t_k)+^3
    that makes it linear beyond t_k, over (t_k - t_1)^2, so that all columns are on the scale of x. Raises ValueError
    unless there are at least 3 rising knots. Harrell (2015), Regression Modeling Strategies, section 2.4.5,
    doi:10.1007/978-3-319-19425-7.
    """
    t, values = np.asarray(knots, dtype=float), np.asarray(x, dtype=float)
    if t.ndim != 1 or t.size < 3 or not np.isfinite(t).all() or not (np.diff(t) > 0).all():
        raise ValueError(f"a restricted cubic spline needs at least 3 rising knots, got {t.tolist()}")
    cubes = np.clip(values[:, None] - t, 0.0, None) ** 3
    gap = t[-1] - t[-2]
    bends = cubes[:, :-2] - (cubes[:, -2:-1] * (t[-1] - t[:-2]) - cubes[:, -1:] * (t[-2] - t[:-2])) / gap
    return np.column_stack([values, bends / (t[-1] - t[0]) ** 2])
