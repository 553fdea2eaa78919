"""The bias-reduced cluster-robust covariance CR2 of a random-intercept model, from cluster cross-products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtb_eval.inference.estimate import Estimate, t_estimate
from mtb_eval.inference.mixed import Mixed, contrast_rows, contrast_terms, shrinkage
from mtb_eval.inference.mixed_spectral import matvec

Array = NDArray[np.float64]

DEPENDENT = 1e-14  # eigenvalue of a cluster's products, relative to the largest, that is a linear dependence
SINGULAR = 1e-10  # the same for the matrix whose inverse root is taken: there the pseudo-inverse
CHUNK = 2**20  # doubles held at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """Some entries: `theta` (B,), `phi` (B, p, p) and `gamma` (B, p) on Z; sums as in Cross, with one axis or none."""

    xx: Array
    x1: Array
    n: Array
    xy: Array
    y1: Array
    theta: Array
    phi: Array
    gamma: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """Orthonormal axes of the span of 1 and Z in each cluster: `one` (..., G, k), `z` (..., G, k, p) are coordinates
    of the constant and the columns, `from_sums` (..., G, k, k) takes the sums (1'u, Z'u) to the coordinates of u.
    """

    one: Array
    z: Array
    from_sums: Array


def mixed_cr2(m: Mixed, contrast: Array, *, level: float = 0.95) -> Estimate:
    """Return the t test of `contrast` (p,) with the CR2 covariance of the mixed model and Satterthwaite's df.

    Working model and target are the fitted V. With V = D'D in each cluster and A = D' [D (V - X Phi X') D']^(-1/2) D
    a cluster's score is c'Phi X'V^-1 A times its residuals; df = (tr W)^2 / sum W_gh^2 for the covariance W (G, G) of
    the scores under V. The root acts on the span of the constant and the columns only, at most p + 1 dimensions.
    Bell and McCaffrey (2002); Pustejovsky and Tipton (2018, doi 10.1080/07350015.2016.1247004).
    """
    terms = contrast_terms(m, contrast)
    on_z = contrast_rows(m, np.asarray(contrast, dtype=float)[None, :])[0]
    step = max(1, CHUNK // (m.cross.n_clusters * (m.cross.n_columns + 1) ** 2))
    parts = [_test(_piece(m, slice(i, i + step)), on_z) for i in range(0, m.theta.size, step)]
    variance, df = (np.concatenate(side).reshape(m.theta.shape) for side in zip(*parts, strict=True))
    fitted = np.where(np.isfinite(m.theta), 1.0, np.nan)
    method = f"random intercept, {'REML' if m.reml else 'ML'}, CR2, Satterthwaite t"
    return t_estimate(
        terms.estimate, np.sqrt(variance) * fitted, df=df * fitted, method=method, level=level, warning=m.warning
    )


def _piece(m: Mixed, rows: slice) -> _Piece:
    form, cross, batch = m.form, m.cross, m.theta.shape

    def full(a: Array, trailing: int) -> Array:
        own = a.shape[a.ndim - trailing :]
        return np.broadcast_to(np.where(np.isfinite(a), a, 0.0), batch + own).reshape(-1, *own)[rows]

    def lean(a: Array, trailing: int) -> Array:
        return full(a, trailing) if a.ndim > trailing else a

    k = shrinkage(m)
    phi = form.s_inv + (form.t * k[..., None, :]) @ np.swapaxes(form.t, -1, -2)
    gamma = form.gamma - matvec(form.t, k * form.q)
    return _Piece(
        xx=lean(cross.xx, 3), x1=lean(cross.x1, 2), n=lean(cross.n, 1), xy=full(cross.xy, 2), y1=full(cross.y1, 1),
        theta=full(m.theta, 0), phi=full(phi, 2), gamma=full(gamma, 1),
    )  # fmt: skip


def _test(piece: _Piece, on_z: Array) -> tuple[Array, Array]:
    """Return the CR2 variance (B,) of the contrast and its df (B,)."""
    span = _span(piece)
    theta = piece.theta[:, None, None]
    root = np.sqrt(1 + piece.n * piece.theta[:, None])[..., None]
    phi = piece.phi[:, None]

    def plus(x: Array, factor: Array) -> Array:
        """Return (I + factor 11') x."""
        along = np.sum(span.one[..., None] * x, -2)
        return np.asarray(x + (factor * span.one)[..., None] * along[..., None, :])

    v = plus(np.eye(span.one.shape[-1]), theta)
    half = plus(np.eye(span.one.shape[-1]), theta / (1 + root))
    middle = half @ (v - span.z @ phi @ np.swapaxes(span.z, -1, -2)) @ half
    working = plus(span.z @ (phi @ on_z)[..., None], -theta / (root * (1 + root)))
    q = half @ _inverse_root(middle) @ working
    residuals = _residual_sums(piece)
    scores = np.sum(q[..., 0] * matvec(span.from_sums, residuals), -1)
    own = np.sum(q * plus(q, theta), (-1, -2))
    return np.sum(scores**2, -1), _satterthwaite(own, (np.swapaxes(span.z, -1, -2) @ q)[..., 0], piece.phi)


def _satterthwaite(own: Array, zq: Array, phi: Array) -> Array:
    """Return (tr W)^2 / sum W_gh^2 for W = diag(own) - zq Phi zq', with own (B, G), zq (B, G, p), without G x G."""
    fitted = np.sum((zq @ phi) * zq, -1)
    spread = phi @ (np.swapaxes(zq, -1, -2) @ zq)
    squares = np.sum(own**2 - 2 * own * fitted, -1) + np.sum(spread * np.swapaxes(spread, -1, -2), (-1, -2))
    total = np.sum(own - fitted, -1) ** 2
    return np.asarray(np.divide(total, squares, out=np.full(squares.shape, np.nan), where=squares > 0))


def _span(piece: _Piece) -> _Span:
    unit = 1 / np.sqrt(np.maximum(piece.n.sum(-1), 1.0))[..., None]  # puts the constant on the scale of Z
    edge = unit[..., None] * piece.x1
    corner = (unit**2 * piece.n)[..., None, None]
    top = np.concatenate([corner, edge[..., None, :]], -1)
    values, vectors = np.linalg.eigh(np.concatenate([top, np.concatenate([edge[..., None], piece.xx], -1)], -2))
    kept = values > DEPENDENT * values[..., -1:]
    size = np.sqrt(np.where(kept, values, 0.0))
    turned = np.swapaxes(vectors, -1, -2)
    coordinates = size[..., None] * turned
    from_sums = np.divide(1, size, out=np.zeros(size.shape), where=kept)[..., None] * turned
    scale = np.concatenate([unit, np.ones((*unit.shape[:-1], piece.xx.shape[-1]))], -1)[..., None, None, :]
    return _Span(one=coordinates[..., 0] / unit[..., None], z=coordinates[..., 1:], from_sums=from_sums * scale)


def _residual_sums(piece: _Piece) -> Array:
    """Return (1'u, Z'u) of the residuals u, (B, G, p + 1)."""
    first = piece.y1 - matvec(piece.x1, piece.gamma)
    return np.concatenate([first[..., None], piece.xy - matvec(piece.xx, piece.gamma[:, None, :])], -1)


def _inverse_root(a: Array) -> Array:
    """Return the symmetric pseudo-inverse square root of a (..., k, k)."""
    values, vectors = np.linalg.eigh((a + np.swapaxes(a, -1, -2)) / 2)
    kept = values > SINGULAR * values[..., -1:]
    root = np.divide(1, np.sqrt(np.where(kept, values, 1.0)), out=np.zeros(values.shape), where=kept)
    return np.asarray((vectors * root[..., None, :]) @ np.swapaxes(vectors, -1, -2))
