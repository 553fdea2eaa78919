"""Inverse-probability-of-response weights from a logit that a small arm cannot break.

Robins, Rotnitzky & Zhao (1995), doi:10.1080/01621459.1995.10476493; stabilised and trimmed weights: Cole & Hernan
(2008), doi:10.1093/aje/kwn164. The normal prior on slopes keeps the estimates finite under separation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

MOST_STEPS = 50
DONE = 1e-10


def ridge_logit(x: Array, responded: Array, prior_sd: Array, *, used: Flags | None = None) -> Array:
    """Return coefficients (..., p) of a logit, the mode under independent normal priors with mean 0.

    `x` (n, p); `responded` (n,) 1 or 0; `prior_sd` (p,), inf for none; `used` (..., n) rows of each fit. Newton's
    method on log-likelihood - sum (b / sd)^2 / 2. Raises ValueError if it does not converge: then some flat
    coefficient is infinite.
    """
    rows = np.ones((1, x.shape[0]), dtype=bool) if used is None else used.reshape(-1, x.shape[0])
    penalty = np.where(np.isinf(prior_sd), 0.0, 1.0 / prior_sd**2)
    b = np.zeros((rows.shape[0], x.shape[1]))
    for _ in range(MOST_STEPS):
        p = special.expit(b @ x.T)
        gradient = (rows * (responded - p)) @ x - penalty * b
        hessian = x.T @ ((rows * p * (1 - p))[..., None] * x) + np.diag(penalty)
        step = _solved(hessian, gradient)
        b = b + step
        if np.max(np.abs(step)) < DONE:
            return b[0] if used is None else b.reshape(*used.shape[:-1], -1)
    raise ValueError(f"the logit of response did not converge in {MOST_STEPS} steps: give its coefficients a prior")


def response_weights(chance: Array, responded: Flags, arm: Array, *, trim: float = 0.01) -> Array:
    """Return stabilised weights (n,), 0 for those who did not respond.

    `chance` (n,) of responding; the weight is the arm's share that responds over it, cut to its `trim` and 1 - `trim`
    quantiles over all responders. `arm` (n,) any codes.
    """
    weights = np.zeros(chance.shape)
    for code in np.unique(arm):
        here = arm == code
        weights[here & responded] = np.mean(responded[here]) / chance[here & responded]
    if responded.any():
        low, high = np.quantile(weights[responded], [trim, 1 - trim])
        weights[responded] = np.clip(weights[responded], low, high)
    return weights


def effective_size(weights: Array) -> float:
    """Return Kish's effective number of rows, (sum w)^2 / sum w^2; 0 if all weights are 0."""
    squares = float(np.sum(weights**2))
    return float(np.sum(weights)) ** 2 / squares if squares else 0.0


def _solved(hessian: Array, gradient: Array) -> Array:
    try:
        return np.asarray(np.linalg.solve(hessian, gradient[..., None])[..., 0])
    except np.linalg.LinAlgError:
        raise ValueError("the logit of response has no single optimum: give its coefficients a prior") from None
