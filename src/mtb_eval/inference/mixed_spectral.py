"""The spectral form of the random-intercept model: everything about it is a sum over at most G eigenvalues.

With U the matrix of cluster dummies, M = I - X (X'X)^-1 X' and theta = var_cluster / var_residual, the matrix
C = U'MU = diag(n_g) - X1 (X'X)^-1 X1' (row g of X1 is the sum of cluster g's rows of X) has eigenvalues d and
vectors Q. The likelihood, generalised least squares and every small-sample correction follow from d, from
q = Q'U'My (cluster sums of the least-squares residuals) and from T = (X'X)^-1 X1'Q, each in O(G) for any theta.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mtb_eval.inference.cross import Cross
from mtb_eval.inference.mixed_merge import ClusterSums, cluster_sums

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]

COLLINEAR_COLUMNS, NO_VARIATION = 4, 8  # positions in FAULTS
FAULTS = (
    "",
    "a value is NaN or infinite",
    "there are fewer than two clusters with rows",
    "there are not more rows than columns",
    "the columns are collinear",
    "the columns determine every cluster mean, so the cluster variance is not identified",
    "no row is left within clusters to estimate the residual variance",
    "the columns fit the outcome exactly",
    "the outcome does not vary within clusters about the columns",
)
COLLINEAR = 1e-12  # smallest eigenvalue of Z'Z relative to the largest, Z near orthonormal
NULL = 1e-10  # an eigenvalue of C, relative to the largest cluster, that is 0 in exact arithmetic
EXACT_FIT = 1e-25  # residual sum of squares relative to the sum of squares of the outcome
NO_RESIDUAL = 1e-11  # share of the residual sum of squares that lies within clusters


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectral:
    """Design and outcome of a random-intercept model in spectral form.

    Batch axes `...` of the design part may be absent and then broadcast. `d` (..., K) eigenvalues, `mult` (K,) how
    many equal ones each stands for, `n` (..., K) a cluster size each, `t` (..., p, K) = T, `s_inv` (..., p, p) inverse
    of Z'Z, `log_det` (...) of X'X, `rows` (...) n, `gamma` (..., p) least squares on Z, `q` (..., K), `rss` (...)
    residual sum of squares of least squares, `fault` (...) index into FAULTS, 0 if the entry can be fitted.
    """

    d: Array
    mult: Array
    n: Array
    t: Array
    s_inv: Array
    log_det: Array
    rows: Array
    gamma: Array
    q: Array
    rss: Array
    fault: Codes


def spectral_form(cross: Cross) -> Spectral:
    """Return the spectral form of the random-intercept model of `cross` (rows unweighted, nothing absorbed).

    An entry that cannot be fitted carries a fault and harmless numbers. Raises ValueError if effects were absorbed
    or rows are weighted.
    Crainiceanu and Ruppert (2004, doi 10.1111/j.1467-9868.2004.00438.x).
    """
    if cross.absorbed:
        raise ValueError("A mixed model needs its fixed effects as columns, but some were absorbed: use dummies.")
    if cross.weighted:
        raise ValueError("The mixed model here takes every row with weight 1: leave the weights out.")
    bad_design, bad_outcome, cross = _without_faults(cross)
    xx, xy = cross.xx.sum(-3), cross.xy.sum(-2)
    s_inv, log_det, collinear = _inverse(xx)
    gamma = matvec(s_inv, xy)
    rss = cross.yy.sum(-1) - np.sum(gamma * xy, -1)
    sums = cluster_sums(cross)
    d, q, t = _eigen(sums, s_inv, gamma)
    mult = np.concatenate([np.ones(sums.n.shape[-1]), sums.rest_mult])
    fault = _first(
        bad_design | bad_outcome,
        (cross.n > 0).sum(-1) < 2,
        cross.n.sum(-1) <= cross.n_columns,
        collinear,
        ~np.any(d > 0, axis=-1),
        cross.n.sum(-1) - cross.n_columns < np.sum(mult * (d > 0), -1) + 1,
        rss <= EXACT_FIT * _total(cross, xx, xy),
        within_rss(d, q, rss) <= NO_RESIDUAL * rss,
    )
    return Spectral(
        d=d,
        mult=mult,
        n=_append(sums.n, sums.rest_n),
        t=t,
        s_inv=s_inv,
        log_det=log_det - 2 * np.linalg.slogdet(cross.basis)[1],
        rows=cross.n.sum(-1).astype(float),
        gamma=gamma,
        q=np.where(fault[..., None] == 0, q, 0.0),
        rss=np.where(fault == 0, rss, 1.0),
        fault=fault,
    )


def within_rss(d: Array, q: Array, rss: Array) -> Array:
    """Return the residual sum of squares (...) that is left when every cluster has its own mean."""
    return np.asarray(rss - np.sum(np.divide(q**2, d, out=np.zeros(q.shape), where=d > 0), -1))


def matvec(a: Array, x: Array) -> Array:
    """Return a (..., i, j) times x (..., j), broadcast over the leading axes."""
    return np.asarray((a @ x[..., None])[..., 0])


def _without_faults(cross: Cross) -> tuple[Mask, Mask, Cross]:
    """Return which designs and outcomes hold a value that is not finite, and `cross` with zeros there."""
    design = _not_finite(cross.xx.sum(-3), cross.x1, cross.n[..., None])
    outcome = _not_finite(cross.xy, cross.y1[..., None], cross.yy[..., None])
    if not (design.any() or outcome.any()):
        return design, outcome, cross
    clean = replace(
        cross,
        xx=_zero(cross.xx, design[..., None, None, None]),
        x1=_zero(cross.x1, design[..., None, None]),
        n=_zero(cross.n, design[..., None]),
        xy=_zero(cross.xy, outcome[..., None, None]),
        y1=_zero(cross.y1, outcome[..., None]),
        yy=_zero(cross.yy, outcome[..., None]),
        offset=_zero(cross.offset, ~np.isfinite(cross.offset)),
    )
    return design, outcome, clean


def _not_finite(*arrays: Array) -> Mask:
    masks = [~np.isfinite(a).all(axis=(-1, -2)) for a in arrays]
    return np.asarray(np.logical_or.reduce(np.broadcast_arrays(*masks)))


def _zero(a: Array, mask: Mask) -> Array:
    return np.where(mask, 0.0, a)


def _inverse(s: Array) -> tuple[Array, Array, Mask]:
    """Return the inverse of s (..., p, p), its log determinant and where it is singular (other numbers there)."""
    values, vectors = np.linalg.eigh(s)
    singular = np.asarray(values[..., 0] <= COLLINEAR * values[..., -1])
    values = np.where(singular[..., None], 1.0, values)
    inverse = (vectors / values[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    return inverse, np.sum(np.log(values), -1), singular


def _eigen(sums: ClusterSums, s_inv: Array, gamma: Array) -> tuple[Array, Array, Array]:
    """Return d, q and T: eigenvalues of C, rotated sums of residuals, rotated (X'X)^-1 X1'."""
    f = s_inv @ np.swapaxes(sums.x1, -1, -2)
    c = sums.n[..., None] * np.eye(sums.n.shape[-1]) - sums.x1 @ f
    d, vectors = np.linalg.eigh((c + np.swapaxes(c, -1, -2)) / 2)
    d = np.where(d > NULL * sums.n.max(-1, keepdims=True, initial=0.0), d, 0.0)
    q = matvec(np.swapaxes(vectors, -1, -2), sums.y1 - matvec(sums.x1, gamma))
    q = np.where(d > 0, q, 0.0)
    t = f @ vectors
    rest = np.zeros((*t.shape[:-1], sums.rest_n.size))
    return _append(d, sums.rest_n), np.concatenate([q, sums.rest_y1], -1), np.concatenate([t, rest], -1)


def _append(a: Array, rest: Array) -> Array:
    return np.concatenate([a, np.broadcast_to(rest, (*a.shape[:-1], rest.size))], -1)


def _total(cross: Cross, xx: Array, xy: Array) -> Array:
    """Return the sum of squares of y itself: y = e + Z offset."""
    back = cross.offset
    return np.asarray(cross.yy.sum(-1) + 2 * np.sum(back * xy, -1) + np.sum(back * matvec(xx, back), -1))


def _first(*masks: Mask) -> Codes:
    """Return the 1-based number of the first mask that holds, 0 where none does."""
    stacked = np.stack(np.broadcast_arrays(*masks))
    return np.where(stacked.any(0), stacked.argmax(0) + 1, 0)
