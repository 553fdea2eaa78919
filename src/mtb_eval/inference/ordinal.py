"""Proportional-odds regression for ordered outcomes, as estimating equations with cluster-robust covariances."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from mtb_eval.inference.estimating_equations import EstimatingEquations, checked_rows, cluster_rows

Array = NDArray[np.float64]

_MAX_STEPS = 50
_HALVINGS = 30


class _Whitened(NamedTuple):
    """Rows at one parameter vector: `z` (n, K, p), `r` (n, K), `lower` (n, K, K), K = categories - 1."""

    z: Array
    r: Array
    lower: Array
    value: float


def proportional_odds(x: ArrayLike, y: ArrayLike, cluster: ArrayLike) -> EstimatingEquations:
    """Return the maximum-likelihood fit of logit P(Y <= k) = theta_k - x'b, ready for `robust_estimate`.

    `x` (n, p) without a constant; `y` (n,) ordered values, at least two of them; `cluster` (n,). `coefficients` hold
    b (p,), the log odds ratios of a higher category, then the thresholds theta. The likelihood equations are those of
    the cumulative indicators with their multinomial covariance, which is the CR2 working model (rows independent);
    bread and working model use the expected information. With two categories this is logistic regression.
    Raises ValueError for bad rows, one category, and where no finite maximum exists (separation).
    McCullagh (1980), doi 10.1111/j.2517-6161.1980.tb01109.x.
    """
    design = np.asarray(x, dtype=float)
    out, _ = checked_rows(y, cluster, x=np.column_stack([np.ones(len(design)), design]))
    categories, code = np.unique(out, return_inverse=True)
    if len(categories) < 2:
        raise ValueError(f"y takes one value in all {len(out)} rows; nothing can be estimated")
    below = (code[:, None] <= np.arange(len(categories) - 1)).astype(float)
    size = np.maximum(np.abs(design).max(axis=0, initial=0.0), np.finfo(float).tiny)
    beta, at = _maximum(design / size, below)
    scale = np.concatenate([size, np.ones(below.shape[1])])
    z = at.z / (1 / scale)
    turned = np.swapaxes(at.lower, 1, 2) @ at.lower
    rows = cluster_rows(cluster)
    return EstimatingEquations(
        coefficients=beta / scale,
        z=tuple(z[i].reshape(-1, len(beta)) for i in rows),
        r=tuple(at.r[i].ravel() for i in rows),
        root=tuple(_block_diagonal(turned[i]) for i in rows),
    )


def _maximum(x: Array, below: Array) -> tuple[Array, _Whitened]:
    """Fisher scoring with step halving, from equal odds in all rows."""
    share = below.mean(axis=0)
    beta = np.concatenate([np.zeros(x.shape[1]), np.log(share / (1 - share))])
    at = _whitened(x, below, beta)
    for _ in range(_MAX_STEPS):
        step = np.asarray(np.linalg.lstsq(at.z.reshape(-1, len(beta)), at.r.ravel(), rcond=None)[0], dtype=float)
        beta, at = _halved(x, below, beta, at, step)
        if np.abs(step).max() <= 1e-9 * (1 + np.abs(beta).max()):
            return beta, at
    raise ValueError(
        f"the proportional-odds regression has no finite maximum: the columns separate the {below.shape[1] + 1} "
        "categories; use fewer columns"
    )


def _halved(x: Array, below: Array, beta: Array, at: _Whitened, step: Array) -> tuple[Array, _Whitened]:
    """Halve the step until the log-likelihood does not fall (it is -inf where thresholds cross)."""
    for halving in range(_HALVINGS):
        new = beta + step / 2**halving
        there = _whitened(x, below, new)
        if there.value >= at.value - 1e-12 * abs(at.value):
            return new, there
    return beta, at


def _whitened(x: Array, below: Array, beta: Array) -> _Whitened:
    p, k = x.shape[1], below.shape[1]
    eta = beta[p:] - (x @ beta[:p])[:, None]
    gamma = expit(eta)
    chance = np.diff(gamma, axis=1, prepend=0.0, append=1.0)
    if np.any(np.diff(beta[p:]) <= 0) or not np.all(chance > 0):
        return _Whitened(z=np.empty(0), r=np.empty(0), lower=np.empty(0), value=-np.inf)
    own = np.diff(below, axis=1, prepend=0.0, append=1.0)
    slope = gamma * expit(-eta)
    d = np.concatenate([-slope[:, :, None] * x[:, None, :], slope[:, :, None] * np.eye(k)], axis=2)
    lower = np.asarray(np.linalg.cholesky(_covariance(gamma)), dtype=float)
    return _Whitened(
        z=np.linalg.solve(lower, d),
        r=np.linalg.solve(lower, (below - gamma)[:, :, None])[:, :, 0],
        lower=lower,
        value=float(np.sum(own * np.log(chance))),
    )


def _covariance(gamma: Array) -> Array:
    """Return the covariance (n, K, K) of cumulative indicators: gamma_j (1 - gamma_k) for j <= k."""
    low, high = np.minimum(gamma[:, :, None], gamma[:, None, :]), np.maximum(gamma[:, :, None], gamma[:, None, :])
    return np.asarray(low * (1 - high))


def _block_diagonal(blocks: Array) -> Array:
    n, k, _ = blocks.shape
    out = np.zeros((n, k, n, k))
    out[np.arange(n), :, np.arange(n), :] = blocks
    return out.reshape(n * k, n * k)
