"""The interval of a ratio of two estimates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scipy import stats

Shape = Literal["interval", "outside", "everywhere", "not estimable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioSet:
    """A ratio and its confidence set: between `low` and `high`, outside them, or every ratio."""

    ratio: float
    shape: Shape
    low: float
    high: float


def fieller(
    top: float, bottom: float, *, variances: tuple[float, float], covariance: float, df: float, level: float = 0.95
) -> RatioSet:
    """Return top / bottom with the ratios r for which top - r bottom is not significantly different from 0.

    (top - r bottom)^2 <= t^2 (var_top - 2 r cov + r^2 var_bottom), t Student's quantile at `df`: bounded where bottom
    is significant, otherwise the outside of an interval or everything. Fieller (1954), JRSS B 16, 175-185.
    """
    ratio = top / bottom if bottom else math.nan
    if not all(map(math.isfinite, (top, bottom, *variances, covariance))) or not df > 0:
        return RatioSet(ratio=math.nan, shape="not estimable", low=math.nan, high=math.nan)
    t2 = float(stats.t.ppf(0.5 + level / 2, df)) ** 2
    a = bottom**2 - t2 * variances[1]
    half = top * bottom - t2 * covariance
    c = top**2 - t2 * variances[0]
    inside = half**2 - a * c
    if a == 0 or inside <= 0:
        return RatioSet(ratio=ratio, shape="everywhere", low=-math.inf, high=math.inf)
    ends = sorted(((half - math.sqrt(inside)) / a, (half + math.sqrt(inside)) / a))
    return RatioSet(ratio=ratio, shape="interval" if a > 0 else "outside", low=ends[0], high=ends[1])
