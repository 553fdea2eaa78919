"""Effects on the probability scale from logit and log-linear models: average risk differences by the delta method."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.estimate import Estimate, t_estimate
from mtb_eval.inference.estimating_equations import EstimatingEquations, Kind, robust_covariance, satterthwaite_df
from mtb_eval.inference.glm import Family, mean, variance

Array = NDArray[np.float64]


def average_difference(x: ArrayLike, coefficients: Array, *, column: int, family: Family) -> tuple[float, Array]:
    """Return the mean over rows of mu(column = 1) - mu(column = 0), and its gradient (p,) in the coefficients.

    `x` (n, p) with its own constant; the other columns stay as they are. Both links are canonical, so that the
    gradient is the mean of v(mu_1) x_1 - v(mu_0) x_0 with v the variance function.
    """
    treated, control = (np.array(x, dtype=float) for _ in range(2))
    treated[:, column], control[:, column] = 1.0, 0.0
    mu = [mean(side @ coefficients, family) for side in (treated, control)]
    slopes = [variance(m, family)[:, None] * side for m, side in zip(mu, (treated, control), strict=True)]
    return float(np.mean(mu[0] - mu[1])), np.asarray((slopes[0] - slopes[1]).mean(axis=0))


def marginal_estimate(
    equations: EstimatingEquations,
    x: ArrayLike,
    *,
    column: int,
    family: Family = "logit",
    kind: Kind = "CR2",
    level: float = 0.95,
) -> Estimate:
    """Return the average difference in the mean that one 0/1 `column` of `x` makes, with t on Satterthwaite df.

    `equations` is the fit of `glm` on the same `x`. Variance by the delta method from the cluster-robust covariance
    `kind`; df those of the gradient as a contrast. The rows' covariates count as given. Averages over rows: Hanmer &
    Kalkan (2013), doi 10.1111/j.1540-5907.2012.00602.x; few clusters as in `robust_covariance`.
    """
    difference, gradient = average_difference(x, equations.coefficients, column=column, family=family)
    squared = float(gradient @ robust_covariance(equations, kind) @ gradient)
    return t_estimate(
        np.asarray(difference),
        np.asarray(np.sqrt(max(squared, 0.0))),
        df=satterthwaite_df(equations, gradient, kind),
        method=f"{family}, average difference by the delta method, {kind}, Satterthwaite t",
        level=level,
    )
