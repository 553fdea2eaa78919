"""Repeated measures by maximum likelihood with an unstructured covariance over waves, robust by cluster.

Constrained longitudinal data analysis (cLDA): the arms share their mean before treatment. Liang & Zeger (2000),
Sankhya B 62, 134-148; Coffman, Edelman & Woolson (2016), doi 10.1136/bmjopen-2016-013096. The constraint is an
assumption that randomisation of persons would justify.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from mtb_eval.inference.estimating_equations import EstimatingEquations, cluster_rows

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

MOST_STEPS = 2000
DONE = 1e-10
COLLINEAR = 1e-9
FEWEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Longitudinal:
    """A fit to n families at T waves.

    `effects` (T,) arm difference by wave, NaN where it is set to 0 or cannot be estimated; `contrasts` (T, p) picks
    them from the coefficients of `equations` (clusters, whitened); `covariance` (T, T) of a family's residuals.
    """

    effects: Array
    contrasts: Array
    equations: EstimatingEquations
    covariance: Array
    n_families: int
    n_steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Families (rows) with the same waves observed, and their sums of products (c, c) and (c, T) of the design."""

    rows: NDArray[np.intp]
    waves: NDArray[np.intp]
    xx: Array
    xy: Array


def fit_longitudinal(y: ArrayLike, arm: ArrayLike, x: ArrayLike, cluster: ArrayLike, *, arm_at: Flags) -> Longitudinal:
    """Return the fit of `y` (n, T), NaN where missing, on arm (n,) and columns `x` (n, q), each wave its own slopes.

    `arm_at` (T,) says at which waves the arms may differ. Columns that at a wave depend on those before them, arm last,
    are left out there. Maximum likelihood by expectation and conditional maximisation, missing values at random given
    what is observed. With complete data the effect at a wave is that of least squares on arm, x and the waves where
    `arm_at` is False. Raises ValueError for a wave with too few families, one cluster only, or no convergence.
    """
    values, design = np.asarray(y, dtype=float), np.column_stack([x, np.asarray(arm, dtype=float)])
    kept = np.isfinite(values).any(axis=1)
    values, design, ids = values[kept], design[kept], np.asarray(cluster)[kept]
    used = _used_columns(values, design, arm_at)
    patterns = _patterns(values, design)
    covariance, b, steps = _maximised(values, design, patterns, used)
    place = np.cumsum(used.ravel()) - 1
    last = (np.arange(used.shape[0]) + 1) * used.shape[1] - 1
    has_arm = used[:, -1]
    contrasts = np.where(has_arm[:, None], np.eye(int(used.sum()))[place[last]], 0.0)
    return Longitudinal(
        effects=np.where(has_arm, b[:, -1], np.nan),
        contrasts=contrasts,
        equations=_equations(values, design, ids, (covariance, b, used)),
        covariance=covariance,
        n_families=len(values),
        n_steps=steps,
    )


def _used_columns(y: Array, design: Array, arm_at: Flags) -> Flags:
    """Return which columns enter at each wave, (T, q + 1), the last one being the arm."""
    used = np.zeros((y.shape[1], design.shape[1]), dtype=bool)
    for t in range(y.shape[1]):
        here = np.isfinite(y[:, t])
        used[t] = _independent(design[here])
        used[t, -1] &= bool(arm_at[t])
        if here.sum() < used[t].sum() + FEWEST:
            raise ValueError(f"wave {t + 1} has {int(here.sum())} families for {int(used[t].sum())} columns")
    return used


def _independent(columns: Array) -> Flags:
    """Return which columns (n, c) do not depend on those before them."""
    basis, found = np.empty((len(columns), 0)), []
    for x in columns.T:
        left = x - basis @ (basis.T @ x)
        left -= basis @ (basis.T @ left)
        size, whole = float(np.linalg.norm(left)), float(np.linalg.norm(x))
        found.append(bool(size > COLLINEAR * whole))
        if found[-1]:
            basis = np.column_stack([basis, left / size])
    return np.array(found, dtype=bool)


def _patterns(y: Array, design: Array) -> list[Pattern]:
    seen, which = np.unique(np.isfinite(y), axis=0, return_inverse=True)
    found = []
    for k, observed in enumerate(seen):
        rows, waves = np.flatnonzero(which.ravel() == k), np.flatnonzero(observed)
        x = design[rows]
        xy = np.zeros((design.shape[1], y.shape[1]))
        xy[:, waves] = x.T @ y[np.ix_(rows, waves)]
        found.append(Pattern(rows=rows, waves=waves, xx=x.T @ x, xy=xy))
    return found


def _maximised(y: Array, design: Array, patterns: list[Pattern], used: Flags) -> tuple[Array, Array, int]:
    """Return covariance (T, T), slopes (T, q + 1) and the number of steps at the maximum of the likelihood."""
    covariance = np.diag(np.nanvar(y, axis=0))
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    for step in range(1, MOST_STEPS + 1):
        b = _slopes(patterns, covariance, used)
        new = _expected_products(y - design @ b.T, patterns, covariance)
        moved = float(np.max(np.abs(new - covariance) / scale))
        covariance = new
        if moved < DONE:
            return covariance, _slopes(patterns, covariance, used), step
    raise ValueError(f"the longitudinal model did not converge in {MOST_STEPS} steps")


def _slopes(patterns: list[Pattern], covariance: Array, used: Flags) -> Array:
    """Return generalised least squares slopes (T, q + 1), 0 for columns that are not used."""
    n_waves, n_columns = used.shape
    gram = np.zeros((n_waves, n_columns, n_waves, n_columns))
    right = np.zeros((n_waves, n_columns))
    for part in patterns:
        precision = np.zeros_like(covariance)
        precision[np.ix_(part.waves, part.waves)] = np.linalg.inv(covariance[np.ix_(part.waves, part.waves)])
        gram += precision[:, None, :, None] * part.xx[None, :, None, :]
        right += precision @ part.xy.T
    flat = used.ravel()
    b = np.zeros(flat.size)
    b[flat] = linalg.solve(gram.reshape(flat.size, -1)[np.ix_(flat, flat)], right.ravel()[flat], assume_a="pos")
    return b.reshape(used.shape)


def _expected_products(residual: Array, patterns: list[Pattern], covariance: Array) -> Array:
    """Return the mean expected products (T, T) of residuals given those observed."""
    total = np.zeros_like(covariance)
    for part in patterns:
        o = part.waves
        fill = np.linalg.solve(covariance[np.ix_(o, o)], covariance[o])
        known = residual[np.ix_(part.rows, o)] @ fill
        total += known.T @ known + len(part.rows) * (covariance - covariance[:, o] @ fill)
    return np.asarray(total / len(residual))


def _equations(y: Array, design: Array, ids: Array, fit: tuple[Array, Array, Flags]) -> EstimatingEquations:
    """Return the estimating equations of the slopes, whitened by each family's covariance."""
    covariance, b, used = fit
    residual = y - design @ b.T
    z, r, root = [], [], []
    for rows in cluster_rows(ids):
        parts = [_whitened(np.isfinite(y[i]), design[i], residual[i], (covariance, used)) for i in rows]
        z.append(np.concatenate([p[0] for p in parts]))
        r.append(np.concatenate([p[1] for p in parts]))
        root.append(linalg.block_diag(*(p[2] for p in parts)))
    return EstimatingEquations(coefficients=b[used], z=tuple(z), r=tuple(r), root=tuple(root))


def _whitened(seen: Flags, row: Array, residual: Array, model: tuple[Array, Flags]) -> tuple[Array, Array, Array]:
    """Return L^-1 X, L^-1 e and L'L of one family, L the root of its covariance."""
    covariance, used = model
    o = np.flatnonzero(seen)
    factor = np.linalg.cholesky(covariance[np.ix_(o, o)])
    full = np.zeros((len(o), *used.shape))
    full[np.arange(len(o)), o] = row
    x = full.reshape(len(o), -1)[:, used.ravel()]
    left = linalg.solve_triangular(factor, np.column_stack([x, residual[o]]), lower=True)
    return left[:, :-1], left[:, -1], factor.T @ factor
