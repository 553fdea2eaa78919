"""The assignments that a lottery could have produced, and the design of a randomisation test built on them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.grouping import codes_of

Array = NDArray[np.float64]

MAX_ASSIGNMENTS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomisationDesign:
    """What was assigned, what could have been assigned, and what is adjusted for; n rows, A assignments.

    `treat` (n,) as observed and `assignments` (A, n) hold 0 and 1; `treat_left` (n,) and `assignments_left` (A, n) are
    what the covariates and the constant `q` (n, k; orthonormal) leave of them. `group` (n,) numbers the clusters of the
    studentised statistic, None: each row by itself. `enumerated`: all allowed assignments are there, with the observed
    one; otherwise they are a random sample of them.
    """

    treat: Array
    assignments: Array
    treat_left: Array
    assignments_left: Array
    q: Array
    group: NDArray[np.intp] | None
    enumerated: bool


def lot_assignments(n_units: int, n_treated: int, *, max_assignments: int = MAX_ASSIGNMENTS) -> Array:
    """Return all ways to draw `n_treated` of `n_units` by lot, as a matrix (assignments, units) of 0 and 1.

    Raises ValueError if the numbers make no sense or there are more than `max_assignments` (then sample them).
    """
    if not 0 < n_treated < n_units:
        raise ValueError(f"A lot needs 0 < treated < units, got {n_treated} of {n_units}.")
    total = comb(n_units, n_treated)
    if total > max_assignments:
        raise ValueError(
            f"{n_treated} of {n_units} can be drawn in {total} ways, more than {max_assignments}: "
            "sample them with `sampled_assignments`."
        )
    chosen = np.array(list(combinations(range(n_units), n_treated)))
    matrix = np.zeros((total, n_units))
    np.put_along_axis(matrix, chosen, 1.0, axis=1)
    return matrix


def sampled_assignments(n_units: int, n_treated: int, *, n_samples: int, rng: np.random.Generator) -> Array:
    """Return `n_samples` independent lots of `n_treated` of `n_units`, as a matrix (samples, units) of 0 and 1."""
    if not 0 < n_treated < n_units or n_samples < 1:
        raise ValueError(f"A lot needs 0 < treated < units and 1 sample, got {n_treated}, {n_units}, {n_samples}.")
    lot = np.repeat([1.0, 0.0], [n_treated, n_units - n_treated])
    return rng.permuted(np.tile(lot, (n_samples, 1)), axis=1)


def randomisation_design(
    treat: ArrayLike,
    assignments: ArrayLike,
    *,
    covariates: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    enumerated: bool = True,
) -> RandomisationDesign:
    """Return the design for `treat` (n,) and the allowed `assignments` (A, n), one column per row of data.

    Assignments by municipality become assignments by family with `assignments[:, municipality_index]`. `covariates`
    (n, k) without a constant; `cluster` (n,) labels. Raises ValueError for shapes that differ, values other than 0 and
    1, assignments in which the treatment is constant or collinear with the covariates, and, if `enumerated`, an
    observed treatment that is not among the assignments.
    """
    d, a = np.asarray(treat, dtype=float), np.asarray(assignments, dtype=float)
    _check_assignments(d, a, enumerated)
    q = _orthonormal(covariates, d.size)
    left, lefts = d - q @ (q.T @ d), a - (a @ q) @ q.T
    flat = int(np.count_nonzero((lefts**2).sum(axis=1) <= 1e-10 * np.maximum((a**2).sum(axis=1), 1.0)))
    if flat:
        raise ValueError(
            f"In {flat} of {a.shape[0]} assignments the treatment is constant or collinear with the covariates: "
            "leave these assignments or covariates out."
        )
    group = None if cluster is None else _groups(cluster, d.size)
    return RandomisationDesign(
        treat=d,
        assignments=a,
        treat_left=left,
        assignments_left=lefts,
        q=q,
        group=group,
        enumerated=enumerated,
    )


def _check_assignments(treat: Array, assignments: Array, enumerated: bool) -> None:
    if treat.ndim != 1 or assignments.ndim != 2 or assignments.shape[1] != treat.size or not assignments.size:
        raise ValueError(
            f"The assignments must be a matrix with one column per row of data; got shape {assignments.shape} "
            f"for {treat.shape[0] if treat.ndim else 0} rows."
        )
    odd = int(np.count_nonzero(~np.isin(assignments, (0.0, 1.0)))) + int(np.count_nonzero(~np.isin(treat, (0.0, 1.0))))
    if odd:
        raise ValueError(f"Assignments must be 0 or 1; {odd} entries are not.")
    if enumerated and not (assignments == treat).all(axis=1).any():
        raise ValueError(
            f"The observed treatment is not among the {assignments.shape[0]} allowed assignments: "
            "add it, or say that they are a sample (enumerated=False)."
        )


def _orthonormal(covariates: ArrayLike | None, n_rows: int) -> Array:
    """Orthonormal basis (n, k) of the constant and the covariates; collinear covariates are no harm."""
    columns = [np.ones(n_rows)] if covariates is None else [np.ones(n_rows), np.asarray(covariates, dtype=float)]
    x = np.column_stack(columns) if all(c.shape[:1] == (n_rows,) for c in columns) else np.empty((0, 0))
    if x.size == 0 or not np.isfinite(x).all():
        raise ValueError(f"The covariates must be finite numbers with {n_rows} rows.")
    scaled = x / np.maximum(np.abs(x).max(axis=0), np.finfo(float).tiny)
    u, s, _ = np.linalg.svd(scaled, full_matrices=False)
    return np.asarray(u[:, s > 1e-10 * s[0]])


def _groups(cluster: ArrayLike, n_rows: int) -> NDArray[np.intp]:
    codes, _ = codes_of(cluster)
    if codes.shape != (n_rows,):
        raise ValueError(f"The cluster labels have {codes.size} rows, the data {n_rows}.")
    if codes.max(initial=0) < 1:
        raise ValueError("A clustered standard error needs at least 2 clusters, got 1.")
    return codes
