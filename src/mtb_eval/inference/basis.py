"""A near-orthonormal basis of the columns of a design, so that sums of products keep their digits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

Array = NDArray[np.float64]
Columns = NDArray[np.intp]

COLLINEAR = 1e-11
"""A column is collinear when its part outside the columns before it is this small beside the column itself."""


def orthonormal_basis(x: Array, weights: Array | None = None) -> Array:
    """Return the upper-triangular, invertible (p, p) matrix B such that X B is orthonormal (weighted if asked).

    From the QR decomposition of X (n, p) with columns scaled to length 1. A column that depends on those before it
    gives a column of X B that is 0 up to rounding; B stays invertible.
    """
    rooted = x if weights is None else x * np.sqrt(weights)[:, None]
    length = np.linalg.norm(rooted, axis=0)
    scale = np.where(length > 0, length, 1.0)
    triangle = np.asarray(np.linalg.qr(rooted / scale, mode="r"))
    kept = _independent(triangle)
    return np.asarray(_inverse_triangle(triangle, kept) / scale[:, None])


def _independent(triangle: Array) -> Columns:
    """Return the columns that do not depend on those before them: one QR of the small triangle per dropped one."""
    kept = np.arange(triangle.shape[1])
    if triangle.shape[0] == kept.size and np.all(np.abs(np.diagonal(triangle)) > COLLINEAR):
        return kept
    while kept.size:
        diagonal = np.zeros(kept.size)
        found = np.abs(np.diagonal(np.linalg.qr(triangle[:, kept], mode="r")))
        diagonal[: found.size] = found
        dependent = np.flatnonzero(diagonal <= COLLINEAR)
        if not dependent.size:
            break
        kept = np.delete(kept, dependent[0])
    return kept


def _inverse_triangle(triangle: Array, kept: Columns) -> Array:
    """Return B for unit columns: the inverse of R on kept columns; the others become their own residuals."""
    p = triangle.shape[1]
    if kept.size == p:
        return np.triu(np.linalg.inv(triangle))
    basis = np.eye(p)
    if not kept.size:
        return basis
    q, r = np.linalg.qr(triangle[:, kept])
    dropped = np.setdiff1d(np.arange(p), kept)
    basis[np.ix_(kept, kept)] = linalg.solve_triangular(r, np.eye(kept.size))
    basis[np.ix_(kept, dropped)] = -linalg.solve_triangular(r, q.T @ triangle[:, dropped])
    return np.triu(basis)
