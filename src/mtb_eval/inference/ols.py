"""Ordinary and weighted least squares from cross-products, with collinear columns found and named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.basis import COLLINEAR
from mtb_eval.inference.cross import Cross

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
OnCollinear = Literal["raise", "drop"]

EXACT = 1e-24
"""Share of the residual in the fitted sum of squares below which it is rounding."""

PIVOT = 1e-12
"""Share of a column's sum of squares below which what the columns before it leave is rounding."""


class CollinearColumnsError(ValueError):
    """Columns depend on columns before them: `columns` are their positions, `involved` all that take part."""

    def __init__(self, columns: tuple[int, ...], involved: tuple[int, ...]) -> None:
        self.columns = columns
        self.involved = involved
        super().__init__(
            f"{len(columns)} of the columns are collinear: {_listed(columns)} depend on the others among "
            f"{_listed(involved)} (counted from 0); leave them out"
        )


class TooFewRowsError(ValueError):
    """No residual degree of freedom is left: `n_rows` rows for `n_parameters` parameters."""

    def __init__(self, n_rows: int, n_parameters: int) -> None:
        self.n_rows = n_rows
        self.n_parameters = n_parameters
        super().__init__(
            f"{n_rows} rows for {n_parameters} parameters leave no residual degree of freedom: use fewer columns"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastSquares:
    """A least-squares fit in coordinates in which the design is orthonormal, U = Z @ root and U'U = I (U'WU = I).

    Shapes: `z_coefficients` (..., p) on the columns of Z; `root` (..., p, p) with root root' = (Z'Z)^-1;
    `shares` (..., G, p, p) = U_g'U_g, whose sum is I; `scores` (..., G, p) = U_g'r_g with r the residuals;
    `rss` (...) residual sum of squares; `n_rows`, `n_clusters` (those with rows) and `rank` (of X and absorbed
    effects) (...); `aliased` (..., p) columns left out; `usable` (...) whether the entry could be fitted.
    The design parts (root, shares, counts, aliased, usable) may lack batch axes, then they broadcast.
    `spectrum` holds eigenvalues (..., G, p) and eigenvectors (..., G, p, p) of `shares` once they were asked for.
    """

    cross: Cross
    z_coefficients: Array
    root: Array
    shares: Array
    scores: Array
    rss: Array
    n_rows: Array
    n_clusters: Array
    rank: Array
    aliased: Flags
    usable: Flags
    spectrum: tuple[Array, Array] | None = None


def ols(cross: Cross, *, collinear: OnCollinear = "raise") -> LeastSquares:
    """Return the least-squares fit of every outcome in the batch.

    With `collinear="raise"` a column that depends on those before it raises CollinearColumnsError if it does so for all
    outcomes; outcomes for which alone it does (after rows were dropped) are not usable and give NaN. With "drop" such
    columns are left out, and only contrasts that are then not estimable give NaN. Raises TooFewRowsError if no outcome
    has a residual degree of freedom; outcomes without one are not usable. Residuals that are rounding (an outcome
    that is constant, say) are 0.
    """
    gram = cross.xx.sum(axis=-3)
    root, aliased = _root(gram, cross.basis)
    if collinear == "raise" and aliased.any(axis=-1).all():
        raise _collinear(gram, root, aliased, cross.basis)
    effects = cross.absorbed if cross.absorbed_each is None else cross.absorbed_each
    rank, n_rows = np.broadcast_arrays(np.count_nonzero(~aliased, axis=-1) + effects, cross.n.sum(axis=-1))
    usable = _usable(n_rows, rank) & ((collinear == "drop") | ~aliased.any(axis=-1))
    projected = times(root.swapaxes(-1, -2), cross.xy.sum(axis=-2))
    shift = times(root, projected)
    rss = np.maximum(cross.yy.sum(axis=-1) - np.sum(projected**2, axis=-1), 0.0)
    fitted = cross.offset + shift
    exact = rss <= EXACT * np.sum(fitted * times(gram, fitted), axis=-1)
    scores = (cross.xy - times(cross.xx, shift[..., None, :])) @ root
    return LeastSquares(
        cross=cross,
        z_coefficients=fitted,
        root=root,
        shares=root.swapaxes(-1, -2)[..., None, :, :] @ cross.xx @ root[..., None, :, :],
        scores=np.where(exact[..., None, None], 0.0, scores),
        rss=np.where(exact, 0.0, rss),
        n_rows=n_rows,
        n_clusters=np.asarray(np.count_nonzero(cross.n > 0, axis=-1)),
        rank=rank,
        aliased=aliased,
        usable=usable,
    )


def with_spectrum(fit: LeastSquares) -> LeastSquares:
    """Return the fit with the eigenvalues and eigenvectors of each cluster's share, to be used many times."""
    return fit if fit.spectrum is not None else replace(fit, spectrum=share_spectrum(fit))


def share_spectrum(fit: LeastSquares) -> tuple[Array, Array]:
    """Return eigenvalues (..., G, p) and eigenvectors (..., G, p, p) of each cluster's share of the design."""
    if fit.spectrum is not None:
        return fit.spectrum
    values, vectors = np.linalg.eigh(fit.shares)
    return values, vectors


def loading(fit: LeastSquares, contrast: ArrayLike) -> Array:
    """Return a contrast in the orthonormal coordinates: its estimate has variance sigma^2 times its squared length.

    `contrast` (p,) or (..., p) on the columns of X, leading axes broadcasting with the batch; the result has shape
    (..., p) and is NaN where the entry is not usable or the contrast is not estimable without the aliased columns.
    Raises ValueError if its length is not p.
    """
    c = _on_basis(fit, contrast)
    loaded = times(fit.root.swapaxes(-1, -2), c)
    known = fit.usable
    if fit.aliased.any():
        seen = times(fit.cross.xx.sum(axis=-3), times(fit.root, loaded))
        known = known & (np.linalg.norm(c - seen, axis=-1) <= 1e-7 * np.linalg.norm(c, axis=-1))
    return np.where(np.asarray(known)[..., None], loaded, np.nan)


def contrast_estimate(fit: LeastSquares, contrast: ArrayLike) -> Array:
    """Return the estimate (...) of a contrast (..., p) of the coefficients of X; NaN where `loading` is NaN."""
    value = np.sum(_on_basis(fit, contrast) * fit.z_coefficients, axis=-1)
    return np.where(np.isnan(loading(fit, contrast)).any(axis=-1), np.nan, value)


def coefficients(fit: LeastSquares) -> Array:
    """Return the coefficients (..., p) of the columns of X; NaN for those that are not estimable."""
    return np.moveaxis(contrast_estimate(fit, each_column(fit)), 0, -1)


def each_column(fit: LeastSquares) -> Array:
    """Return the p contrasts that pick one column each, with a leading axis before the batch axes: (p, 1..., p)."""
    p = fit.cross.n_columns
    return np.eye(p).reshape((p,) + (1,) * len(fit.cross.batch) + (p,))


def column_contrast(fit: LeastSquares, column: int) -> Array:
    """Return the contrast (p,) that picks one column of X, counted from 0."""
    return np.asarray(np.eye(fit.cross.n_columns)[column])


def residual_variance(fit: LeastSquares) -> Array:
    """Return the residual variance (...), the residual sum of squares over its degrees of freedom n - rank."""
    df = (fit.n_rows - fit.rank).astype(float)
    return np.asarray(np.where(fit.usable, fit.rss / np.where(fit.usable, df, 1.0), np.nan))


def classical_se(fit: LeastSquares, contrast: ArrayLike) -> Array:
    """Return the standard error (...) of a contrast under independent errors of one variance."""
    return np.asarray(np.sqrt(residual_variance(fit)) * np.linalg.norm(loading(fit, contrast), axis=-1))


def warning_of(fit: LeastSquares) -> str:
    """Return one sentence on outcomes that give NaN or had columns left out, or an empty one."""
    unusable, dropped = np.count_nonzero(~fit.usable), np.count_nonzero(fit.aliased.any(axis=-1) & fit.usable)
    if unusable:
        columns = np.flatnonzero(fit.aliased.reshape(-1, fit.aliased.shape[-1]).any(axis=0)).tolist()
        why = f"collinear columns {_listed(columns)}, counted from 0" if columns else "too few rows"
        return f"{unusable} of {fit.usable.size} outcomes could not be fitted on the rows they have ({why})"
    if dropped:
        columns = np.flatnonzero(fit.aliased.reshape(-1, fit.aliased.shape[-1]).any(axis=0)).tolist()
        return f"collinear columns {_listed(columns)} (counted from 0) were left out for {dropped} outcomes"
    return ""


def _on_basis(fit: LeastSquares, contrast: ArrayLike) -> Array:
    c = np.asarray(contrast, dtype=float)
    if c.ndim == 0 or c.shape[-1] != fit.cross.n_columns:
        raise ValueError(f"the contrast has shape {c.shape}: its last axis must have {fit.cross.n_columns} columns")
    return np.asarray(c @ fit.cross.basis)


def times(matrix: Array, vector: Array) -> Array:
    """Return matrices (..., p, q) times vectors (..., q), one by one: (..., p)."""
    return np.asarray((matrix @ vector[..., None])[..., 0])


def _root(gram: Array, basis: Array) -> tuple[Array, Flags]:
    """Return L with L L' a generalised inverse of `gram` (..., p, p), and the columns left out (..., p).

    Cholesky decomposition in column order: a column is left out if what the columns before it leave of it is
    rounding, beside its own length on the basis or, where the basis has already removed them, its length in X.
    """
    p = gram.shape[-1]
    back = np.linalg.inv(basis)
    length = np.sum(back * (gram @ back), axis=-2)
    own = np.diagonal(gram, axis1=-2, axis2=-1)
    least = np.maximum(PIVOT * own, COLLINEAR**2 * length * np.diagonal(basis) ** 2)
    rest, upper, aliased = gram.copy(), np.zeros_like(gram), np.zeros(gram.shape[:-1], dtype=bool)
    for j in range(p):
        pivot = rest[..., j, j]
        aliased[..., j] = pivot <= least[..., j]
        row = rest[..., j, :] / np.sqrt(np.where(aliased[..., j], 1.0, pivot))[..., None]
        row = np.where(aliased[..., j, None], 0.0, row)
        row[..., :j] = 0.0
        upper[..., j, :] = row
        rest -= row[..., :, None] * row[..., None, :]
    gap = aliased[..., None, :] | aliased[..., :, None]
    inverse = np.linalg.inv(np.where(gap, np.eye(p), upper))
    return np.where(gap, 0.0, inverse), aliased


def _usable(n_rows: Array, rank: Array) -> Flags:
    """Return which entries have a residual degree of freedom; raises TooFewRowsError if none has."""
    usable = np.asarray(n_rows > rank)
    if not usable.any():
        best = np.argmax(n_rows - rank)
        raise TooFewRowsError(int(n_rows.flat[best]), int(rank.flat[best]))
    return usable


def _collinear(gram: Array, root: Array, aliased: Flags, basis: Array) -> CollinearColumnsError:
    """Return the error for the entry with fewest collinear columns: these, and all that take part in them."""
    p = basis.shape[0]
    fewest = np.argmin(aliased.sum(axis=-1))
    s, left, flags = gram.reshape(-1, p, p)[fewest], root.reshape(-1, p, p)[fewest], aliased.reshape(-1, p)[fewest]
    columns = np.flatnonzero(flags)
    null = basis @ (np.eye(p) - left @ (left.T @ s))[:, columns]
    back = np.linalg.inv(basis)
    weight = np.abs(null) * np.sqrt(np.diagonal(back.T @ s @ back))[:, None]
    involved = (weight > 1e-6 * np.max(weight, axis=0, initial=0.0)).any(axis=1) | flags
    return CollinearColumnsError(tuple(columns.tolist()), tuple(np.flatnonzero(involved).tolist()))


def _listed(columns: tuple[int, ...] | list[int]) -> str:
    return ", ".join(str(c) for c in columns)
