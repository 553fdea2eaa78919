"""Bounds on an effect when responders are selected: trimming (Lee) and worst case (Manski), and their intervals.

Lee (2009), Review of Economic Studies 76, 1071-1102, doi:10.1111/j.1467-937X.2009.00536.x;
Manski (1990), American Economic Review 80(2), 319-323; Horowitz & Manski (2000), doi:10.1080/01621459.2000.10473902;
Imbens & Manski (2004), Econometrica 72, 1845-1857, doi:10.1111/j.1468-0262.2004.00555.x.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Array = NDArray[np.float64]
Side = Literal["lowest", "highest"]


def trimming_weights(values: Array, share: float, keep: Side) -> Array:
    """Return weights (n,) in 0..1 that keep the lowest or highest `share` of the values (n,).

    Their sum is share x n exactly: a value on the edge is kept in part, equal values equally, so that neither the
    order of rows nor rounding of the count matters. Raises ValueError if the share is not in [0, 1].
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"the share to keep must lie in 0..1, not at {share}")
    levels, place, counts = np.unique(values if keep == "lowest" else -values, return_inverse=True, return_counts=True)
    before = np.cumsum(counts) - counts
    kept = np.clip((share * values.size - before) / np.maximum(counts, 1), 0.0, 1.0)
    return np.asarray(kept[place] if levels.size else np.empty(0))


def lee_weights(values: Array, treated: Array, response: tuple[float, float]) -> tuple[Array, Array]:
    """Return the weights (n,) of responders that give the lower and the upper bound on the effect of treatment.

    `values` (n,) are the responders' outcomes, `treated` (n,) 1 or 0, `response` the shares that respond among treated
    and untreated. The arm that responds more is trimmed to the other's share: its lowest values are kept for one
    bound and its highest for the other. Valid if treatment moves response in one direction only (monotonicity).
    """
    high = 1.0 if response[0] >= response[1] else 0.0
    share = min(response) / max(response)
    trimmed = treated == high
    order: tuple[Side, Side] = ("lowest", "highest") if high else ("highest", "lowest")
    weights = []
    for keep in order:
        w = np.ones(values.shape)
        w[trimmed] = trimming_weights(values[trimmed], share, keep)
        weights.append(w)
    return weights[0], weights[1]


def worst_case(values: Array, slopes: Array, span: tuple[float, float]) -> tuple[Array, Array]:
    """Return the values (n,) with missing ones (NaN) filled so that sum(slopes x values) is least, then greatest.

    `slopes` (n,) is the weight of each row in a linear estimate; `span` the lowest and highest possible value.
    """
    low, high = span
    missing = np.isnan(values)
    least = np.where(missing, np.where(slopes > 0, low, high), values)
    greatest = np.where(missing, np.where(slopes > 0, high, low), values)
    return least, greatest


def imbens_manski(bounds: tuple[float, float], se: tuple[float, float], df: float, level: float) -> tuple[float, float]:
    """Return the interval that covers the effect, wherever it lies between the bounds, with probability `level`.

    lower - c se_lower to upper + c se_upper with F(c + width / larger se) - F(-c) = level. F is Student's t with `df`
    here where the paper has the normal, since clusters are few (inf gives the paper's). NaN if a bound or error is.
    """
    lower, upper = bounds
    larger = max(se)
    if not (np.isfinite([lower, upper, larger]).all() and min(se) >= 0 and larger > 0 and df > 0):
        return float("nan"), float("nan")
    reach = max(upper - lower, 0.0) / larger
    widest = float(special.stdtrit(df, 0.5 + level / 2))

    def excess(c: float) -> float:
        return float(special.stdtr(df, c + reach) - special.stdtr(df, -c)) - level

    c = widest if excess(widest) <= 0 else float(optimize.brentq(excess, 0.0, widest, xtol=1e-12))
    return lower - c * se[0], upper + c * se[1]
