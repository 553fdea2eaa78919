"""How far attrition could bias a difference in means: the model behind the What Works Clearinghouse standard.

Outcome and the propensity to respond are bivariate normal in each arm with correlation alpha; those with the
highest propensity respond. Deke & Chiang (2017), Evaluation Review 41, 130-154, doi:10.1177/0193841X16670047.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

Array = NDArray[np.float64]


def response_bias(response: tuple[ArrayLike, ArrayLike], alpha: tuple[float, float]) -> Array:
    """Return the bias, in SD of the outcome, of the difference in means between responders of two arms.

    alpha_1 f(z_1) / p_1 - alpha_2 f(z_2) / p_2 with p the shares that respond, z = F^-1(1 - p), f and F the standard
    normal density and distribution. Raises ValueError if a share is not in (0, 1].
    """
    first, second = (a * _selection(p) for a, p in zip(alpha, response, strict=True))
    return np.asarray(first - second)


def bias_range(response: tuple[float, float], alpha: tuple[float, float]) -> tuple[float, float]:
    """Return the smallest and largest bias over which arm has which of the two correlations."""
    both = [float(response_bias(response, pair)) for pair in (alpha, alpha[::-1])]
    return min(both), max(both)


def largest_differential(overall: float, alpha: tuple[float, float], tolerable: float) -> float:
    """Return the boundary: the largest difference in attrition at which the worst bias is `tolerable` SD.

    `overall` is the attrition of both arms together, of equal size. 0 if even equal attrition gives more bias; NaN if
    no difference that these rates allow gives as much.
    """

    def excess(differential: float) -> float:
        response = 1 - overall - differential / 2, 1 - overall + differential / 2
        return max(abs(b) for b in bias_range(response, alpha)) - tolerable

    most = 2 * min(overall, 1 - overall) * (1 - 1e-9)
    if excess(0.0) >= 0:
        return 0.0
    if most <= 0 or excess(most) < 0:
        return float("nan")
    return float(optimize.brentq(excess, 0.0, most, xtol=1e-12))


def _selection(response: ArrayLike) -> Array:
    """Return the mean of the standardised propensity among responders, f(z) / p; 0 if all respond."""
    p = np.asarray(response, dtype=float)
    if not np.all((p > 0) & (p <= 1)):
        raise ValueError(f"{np.count_nonzero(~((p > 0) & (p <= 1)))} response shares are not above 0 and at most 1")
    return np.asarray(stats.norm.pdf(stats.norm.isf(p)) / p)
