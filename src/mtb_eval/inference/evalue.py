"""E-values: how strong unmeasured confounding would have to be to explain an association away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class EValue:
    """E-values on the risk-ratio scale: of the `estimate`, and of the interval `limit` nearer to 1."""

    estimate: Array
    limit: Array


def e_value(ratio: ArrayLike, ci_low: ArrayLike, ci_high: ArrayLike) -> EValue:
    """Return the E-values of risk ratios and their intervals, all of the batch shape (...).

    RR + sqrt(RR (RR - 1)) for RR >= 1, and the same of 1/RR below 1; the limit's is 1 where the interval holds 1.
    Both confounder associations (with exposure and with outcome) would have to be at least this large.
    NaN stays NaN. Raises ValueError for ratios below 0. VanderWeele & Ding (2017), doi 10.7326/M16-2607.
    """
    rr, low, high = (np.asarray(v, dtype=float) for v in (ratio, ci_low, ci_high))
    negative = sum(int((v < 0).sum()) for v in (rr, low, high))
    if negative:
        raise ValueError(f"risk ratios are 0 or more, found {negative} below 0; pass ratios, not their logs")
    nearest = np.where(rr >= 1, np.maximum(low, 1.0), np.minimum(high, 1.0))
    return EValue(estimate=_bias(rr), limit=_bias(np.where(np.isnan(rr), np.nan, nearest)))


def e_value_of_difference(d: ArrayLike, se: ArrayLike, *, level_z: float = 1.96) -> EValue:
    """Return the E-values of standardised mean differences with standard errors, both of shape (...).

    Through RR = exp(.91 d), interval exp(.91 d -/+ .91 z se), an approximation for outcomes split near the middle
    of their range. VanderWeele & Ding (2017), doi 10.7326/M16-2607.
    """
    effect, half = np.asarray(d, dtype=float), level_z * np.asarray(se, dtype=float)
    return e_value(*(np.exp(0.91 * v) for v in (effect, effect - half, effect + half)))


def _bias(ratio: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        above = np.where(ratio < 1, 1 / ratio, ratio)
        return np.where(np.isinf(above), np.inf, above + np.sqrt(above * (above - 1)))
