"""Statements about many statistics at once, from joint draws of all of them: the law of the largest |t|."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtb_eval.inference.inversion import TIE

Array = NDArray[np.float64]


def largest(t: Array) -> Array:
    """Return the largest |t| over the first axis of (k, ...), NaN left out; NaN where all are."""
    size = np.abs(t)
    top = np.max(np.where(np.isnan(size), -np.inf, size), axis=0, initial=-np.inf)
    return np.where(np.isinf(top) & (top < 0), np.nan, top)


def max_t_critical(drawn: Array, *, level: float, exact: bool) -> float:
    """Return the smallest value that the largest |t*| exceeds in at most a share 1 - `level` of the draws.

    `drawn` (k, draws), each column from one draw for all k statistics (`wild_statistics`; of mirrored draws one of
    each pair will do). With random draws the observed one is counted in. NaN if there is no statistic, inf if there
    are too few draws for the level. White (2000, doi 10.1111/1468-0262.00152); Montiel Olea and Plagborg-Moller
    (2019, doi 10.1002/jae.2656) for bands.
    """
    top = np.sort(largest(drawn))[::-1]
    if not top.size or np.isnan(top).any():
        return float("nan")
    above = (1 - level) * top.size + 1e-9 if exact else (1 - level) * (top.size + 1) - 1 + 1e-9
    return float(top[int(above)]) if above >= 0 else float("inf")


def max_t_p(t: Array, drawn: Array, *, exact: bool) -> float:
    """Return the p of the largest |t| among (k,) under the joint draws (k, draws); ties within 1e-9 count.

    Statistics that are NaN are left out of both; the sample itself and its mirror image count. NaN if none is left.
    """
    used = np.isfinite(t)
    if not used.any():
        return float("nan")
    count = int(np.count_nonzero(largest(drawn[used]) >= np.max(np.abs(t[used])) * (1 - TIE)))
    return float(max(count, 1) / drawn.shape[1] if exact else (1 + count) / (1 + drawn.shape[1]))
