"""Logistic and modified Poisson regression, as estimating equations with cluster-robust covariances."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from mtb_eval.inference.estimating_equations import EstimatingEquations, checked_rows, cluster_rows

Array = NDArray[np.float64]
Family = Literal["logit", "poisson"]

_MAX_STEPS = 30


def glm(x: ArrayLike, y: ArrayLike, cluster: ArrayLike, *, family: Family = "logit") -> EstimatingEquations:
    """Return the maximum-likelihood fit of a logistic or Poisson regression, ready for `robust_estimate`.

    `x` (n, p) with its own constant; `y` (n,), 0/1 for "logit", counts or 0/1 for "poisson"; `cluster` (n,).
    With a 0/1 outcome, "poisson" is modified Poisson regression (log risk ratios): Zou (2004),
    doi 10.1093/aje/kwh090. The CR2 working model is the family's own variance, independent rows.
    Raises ValueError for outcomes outside the family and where no finite maximum exists (separation).
    """
    out, design = checked_rows(y, cluster, x=x)
    _check_outcome(out, family)
    beta = _maximum(design, out, family)
    mu = mean(design @ beta, family)
    v = variance(mu, family)
    z, r = design * np.sqrt(v)[:, None], (out - mu) / np.sqrt(v)
    rows = cluster_rows(cluster)
    return EstimatingEquations(
        coefficients=beta,
        z=tuple(z[i] for i in rows),
        r=tuple(r[i] for i in rows),
        root=tuple(np.diag(v[i]) for i in rows),
    )


def mean(eta: Array, family: Family) -> Array:
    """Return the mean of the family at the linear predictor `eta`."""
    return np.asarray(expit(eta) if family == "logit" else np.exp(eta))


def variance(mu: Array, family: Family) -> Array:
    """Return the variance function, which for these canonical links is also dmu/deta."""
    return mu * (1 - mu) if family == "logit" else mu


def _check_outcome(y: Array, family: Family) -> None:
    bad = ~np.isin(y, (0.0, 1.0)) if family == "logit" else y < 0
    if bad.any():
        rule = "0 or 1" if family == "logit" else "0 or above"
        raise ValueError(f"y has {int(bad.sum())} values that are not {rule}")
    if (y == y[0]).all():
        raise ValueError(f"y takes one value in all {len(y)} rows; nothing can be estimated")


def _maximum(x: Array, y: Array, family: Family) -> Array:
    """Newton's method with step halving; a fit that exists needs about ten steps."""
    scale = np.abs(x).max(axis=0)
    design = x / scale
    beta = _start(design, y, family)
    for _ in range(_MAX_STEPS):
        step = _newton_step(design, y, beta, family)
        if not np.isfinite(step).all():
            break
        beta = _halved(design, y, beta, step, family)
        if np.abs(step).max() <= 1e-9 * (1 + np.abs(beta).max()):
            return np.asarray((beta + _newton_step(design, y, beta, family)) / scale)
    raise ValueError(
        f"the {family} regression has no finite maximum: the columns separate the {int((y > 0).sum())} rows "
        "with events from the others; use Firth's penalised logistic regression"
    )


def _start(x: Array, y: Array, family: Family) -> Array:
    mu = (y + y.mean()) / 2 if family == "poisson" else (y + 0.5) / 2
    v = variance(mu, family)
    eta = np.log(mu) if family == "poisson" else np.log(mu / (1 - mu))
    root = np.sqrt(v)
    return np.asarray(np.linalg.lstsq(x * root[:, None], root * (eta + (y - mu) / v), rcond=None)[0])


def _newton_step(x: Array, y: Array, beta: Array, family: Family) -> Array:
    mu = mean(x @ beta, family)
    try:
        step = np.linalg.solve(x.T @ (variance(mu, family)[:, None] * x), x.T @ (y - mu))
    except np.linalg.LinAlgError:
        return np.full_like(beta, np.nan)
    return np.asarray(step)


def _halved(x: Array, y: Array, beta: Array, step: Array, family: Family) -> Array:
    """Halve the step until the log-likelihood does not fall."""
    value = _log_likelihood(x @ beta, y, family)
    for halving in range(30):
        new = np.asarray(beta + step / 2**halving)
        if _log_likelihood(x @ new, y, family) >= value - 1e-12 * abs(value):
            return new
    return beta


def _log_likelihood(eta: Array, y: Array, family: Family) -> float:
    with np.errstate(over="ignore"):
        part = np.logaddexp(0.0, eta) if family == "logit" else np.exp(eta)
    return float(y @ eta - part.sum())
