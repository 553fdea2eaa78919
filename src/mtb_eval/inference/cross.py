"""Per-cluster cross-products: the one representation on which the inference core works.

OLS, every cluster-robust covariance, the wild bootstrap and the random-intercept likelihood need the rows of a
table only through sums of products within each cluster. These sums add up over chunks of rows, files and workers.

Two changes of variable keep them exact in double precision and change no result: columns are replaced by
`Z = X @ basis` (near orthonormal), and each outcome by `y - Z @ offset` (near its residual).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.basis import orthonormal_basis
from mtb_eval.inference.grouping import Blocks, blocks_of, codes_of, group_sums

Array = NDArray[np.float64]
Labels = NDArray[Any]

DESIGN_SUMS = ("xx", "n", "x1", "w1", "xx0", "xx2")
OUTCOME_SUMS = ("xy", "yy", "y1", "xy0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cross:
    """Sums of products by cluster, for one design and any batch of outcomes.

    Shapes, with batch axes `...`, G clusters and p columns (batch axes of the design part may be absent and then
    broadcast): `xx` (..., G, p, p) = Z'Z; `xy` (..., G, p) = Z'e; `yy` (..., G) = e'e; `n` (..., G) rows;
    `x1` (..., G, p) = Z'1; `y1` (..., G) = e'1, where Z = X @ basis and e = y - Z @ offset.
    `basis` (p, p): a contrast c of the coefficients of X is `basis.T @ c` on those of Z.
    `offset` (..., p) is added back to the coefficients of Z. `absorbed` counts absorbed fixed effects,
    `absorbed_each` (...) those with rows, outcome by outcome; `nested` tells whether each lies within one cluster.
    `labels` (G,) are the cluster labels, sorted.
    A cluster without a row for some outcome keeps its place there, with n = 0.

    With weights W the sums are Z'WZ, Z'We, e'We, Z'W1 and e'W1 (n still counts rows), and `w1` (..., G) = 1'W1,
    `xx0` = Z'Z, `xx2` = Z'WWZ, `xy0` = Z'e are there too; without weights these four are None.
    """

    xx: Array
    xy: Array
    yy: Array
    n: Array
    x1: Array
    y1: Array
    basis: Array
    offset: Array
    absorbed: int = 0
    absorbed_each: NDArray[np.intp] | None = None
    nested: bool = True
    labels: Labels | None = None
    w1: Array | None = None
    xx0: Array | None = None
    xx2: Array | None = None
    xy0: Array | None = None

    @property
    def n_clusters(self) -> int:
        """Number of clusters G."""
        return int(self.xx.shape[-3])

    @property
    def n_columns(self) -> int:
        """Number of columns p."""
        return int(self.xx.shape[-1])

    @property
    def batch(self) -> tuple[int, ...]:
        """Shape of the batch axes, () for one outcome."""
        return np.broadcast_shapes(self.xy.shape[:-2], self.xx.shape[:-3])

    @property
    def weighted(self) -> bool:
        """Whether rows carry weights."""
        return self.w1 is not None

    def __add__(self, other: Cross) -> Cross:
        """Return the sums over the rows of both."""
        return add(self, other)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Checked rows: x (n, p), y (R, n) with NaN where missing, codes (n,), weights (n,) or None, labels (G,)."""

    x: Array
    y: Array
    codes: NDArray[np.intp]
    weights: Array | None
    labels: Labels


def cross_products(
    x: ArrayLike,
    y: ArrayLike,
    cluster: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    like: Cross | None = None,
) -> Cross:
    """Return the sums of products by cluster of a design and one or many outcomes.

    `x` (n, p) finite; `y` (n,) or (..., n), where NaN drops that row for that outcome only; `cluster` (n,) numbers or
    strings in any order; `weights` (n,) not negative, 0 drops the row. `like` gives the basis and offset to use.
    The design part of the result has batch axes only if different outcomes miss different rows.
    Raises ValueError on non-finite x, infinite y, bad weights, missing cluster labels or lengths that differ.
    """
    outcomes = np.asarray(y, dtype=float)
    rows = _checked_rows(np.asarray(x, dtype=float), outcomes, cluster, weights)
    observed = ~np.isnan(rows.y)
    used = np.asarray(observed.any(axis=0))
    if rows.weights is not None:
        used &= rows.weights > 0
    rows, observed = _take(rows, used), observed[:, used]
    if like is not None and like.n_columns != rows.x.shape[1]:
        raise ValueError(f"x has {rows.x.shape[1]} columns, the sums to be like have {like.n_columns}")
    basis = like.basis if like is not None else orthonormal_basis(rows.x, rows.weights)
    z = rows.x @ basis
    blocks = blocks_of(rows.codes, rows.labels.size)
    complete = bool(observed.all())
    design = _design_sums(z, rows, None if complete else observed, blocks)
    offset = _offset(z, rows, design["xx"], like)
    batch = outcomes.shape[:-1]
    errors = np.where(observed, rows.y - offset @ z.T, 0.0)
    sums = {k: v.reshape(batch + v.shape[1:]) for k, v in _outcome_sums(z, errors, rows, blocks).items()}
    if not complete:
        design = {k: v.reshape(batch + v.shape[1:]) for k, v in design.items()}
    offset = np.broadcast_to(offset, (rows.y.shape[0], basis.shape[0])).reshape((*batch, -1))
    return Cross(**design, **sums, basis=basis, offset=offset, labels=rows.labels)


def add(a: Cross, b: Cross) -> Cross:
    """Return the sums over the rows of both: clusters are matched by label, other bases and offsets are converted.

    Raises ValueError if the numbers of columns differ, or if only one side has weights, labels or absorbed effects.
    """
    _refuse_different_kinds(a, b)
    b = rebase(b, a.basis, a.offset)
    if a.labels is not None and b.labels is not None and not np.array_equal(a.labels, b.labels):
        _, union = codes_of(np.concatenate([a.labels, b.labels]))
        a, b = _spread(a, union), _spread(b, union)
    return replace(a, **{k: v + getattr(b, k) for k, v in sums_of(a).items()})


def rebase(cross: Cross, basis: Array, offset: Array) -> Cross:
    """Return the same sums on another basis (p, p) of the columns and another offset (..., p) of the outcomes."""
    same = np.array_equal(cross.basis, basis)
    if same and np.array_equal(cross.offset, offset):
        return cross
    turn = np.eye(cross.n_columns) if same else np.linalg.solve(cross.basis, basis)
    shift = cross.offset - offset @ turn.T
    # e + Z shift is the outcome less its new offset; then the columns are turned.
    moved = (cross.xx @ shift[..., None, :, None])[..., 0]
    yy = cross.yy + np.sum((2 * cross.xy + moved) * shift[..., None, :], axis=-1)
    y1 = cross.y1 + np.sum(cross.x1 * shift[..., None, :], axis=-1)
    xy0 = None
    if cross.xx0 is not None and cross.xy0 is not None:
        xy0 = (cross.xy0 + (cross.xx0 @ shift[..., None, :, None])[..., 0]) @ turn
    sums: dict[str, Any] = {k: turn.T @ v @ turn for k in ("xx", "xx0", "xx2") if (v := getattr(cross, k)) is not None}
    xy = (cross.xy + moved) @ turn
    sums |= {"xy": xy, "yy": yy, "x1": cross.x1 @ turn, "y1": y1}
    return replace(cross, **sums, xy0=xy0, basis=basis, offset=offset)


def sums_of(cross: Cross) -> dict[str, Any]:
    """Return the sums that are there, by name: those of the design, then those of the outcomes."""
    named = {k: getattr(cross, k) for k in (*DESIGN_SUMS, *OUTCOME_SUMS)}
    return {k: v for k, v in named.items() if v is not None}


def _checked_rows(x: Array, y: Array, cluster: ArrayLike, weights: ArrayLike | None) -> _Rows:
    if x.ndim != 2 or y.ndim == 0 or y.shape[-1] != x.shape[0]:
        raise ValueError(f"x has shape {x.shape} and y {y.shape}: give (n, p) and (..., n)")
    if x.shape[1] == 0:
        raise ValueError("x has no column: give at least a constant")
    if bad := int(np.count_nonzero(~np.isfinite(x).all(axis=1))):
        raise ValueError(f"x has missing or infinite values in {bad} rows: leave these rows out or impute them")
    if bad := int(np.count_nonzero(np.isinf(y))):
        raise ValueError(f"y has {bad} infinite values: correct them or make them NaN")
    codes, labels = codes_of(cluster)
    if codes.size != x.shape[0]:
        raise ValueError(f"there are {codes.size} cluster labels for {x.shape[0]} rows: give one per row")
    w = None if weights is None else _checked_weights(np.asarray(weights, dtype=float), x.shape[0])
    return _Rows(x=x, y=y.reshape(-1, x.shape[0]), codes=codes, weights=w, labels=labels)


def _checked_weights(weights: Array, n_rows: int) -> Array:
    if weights.shape != (n_rows,):
        raise ValueError(f"weights have shape {weights.shape} for {n_rows} rows: give one per row")
    if bad := int(np.count_nonzero(~(np.isfinite(weights) & (weights >= 0)))):
        raise ValueError(f"weights are negative, missing or infinite in {bad} rows: correct or drop these rows")
    return weights


def _take(rows: _Rows, used: NDArray[np.bool_]) -> _Rows:
    if not used.any():
        raise ValueError("no row is left: every row misses its outcome or has weight 0")
    if used.all():
        return rows
    weights = None if rows.weights is None else rows.weights[used]
    return replace(rows, x=rows.x[used], y=rows.y[:, used], codes=rows.codes[used], weights=weights)


def _design_sums(z: Array, rows: _Rows, observed: NDArray[np.bool_] | None, blocks: Blocks) -> dict[str, Any]:
    """Return the sums without y, with one leading axis for outcomes if these miss different rows."""
    ones = np.ones((z.shape[0], 1))
    w = ones if rows.weights is None else rows.weights[:, None]
    powers = {"xx": w} if rows.weights is None else {"xx": w, "xx0": ones, "xx2": w * w}
    if observed is None:
        sums = {k: group_sums(blocks, z * power, z) for k, power in powers.items()}
        sums["x1"] = group_sums(blocks, w, z)[:, 0]
        counts = group_sums(blocks, ones, np.hstack([ones, w]))[:, 0]
    else:
        masks, pattern = np.unique(observed, axis=0, return_inverse=True)
        seen = masks.T.astype(float)
        pick = pattern.reshape(-1)
        sums = {k: _squares(blocks, seen, z, power)[pick] for k, power in powers.items()}
        sums["x1"] = np.moveaxis(group_sums(blocks, seen, z * w), 1, 0)[pick]
        counts = np.moveaxis(group_sums(blocks, seen, np.hstack([ones, w])), 1, 0)[pick]
    sums["n"] = np.rint(counts[..., 0])
    return sums if rows.weights is None else sums | {"w1": counts[..., 1]}


def _squares(blocks: Blocks, seen: Array, z: Array, power: Array) -> Array:
    """Return Z'WZ by cluster for each pattern of observed rows, (U, G, p, p), from the p (p + 1) / 2 products."""
    p = z.shape[1]
    row, column = np.triu_indices(p)
    products = group_sums(blocks, seen, z[:, row] * z[:, column] * power)
    full = np.empty((seen.shape[1], blocks.n_groups, p, p))
    full[..., row, column] = full[..., column, row] = np.moveaxis(products, 1, 0)
    return full


def _outcome_sums(z: Array, errors: Array, rows: _Rows, blocks: Blocks) -> dict[str, Any]:
    """Return the sums with y, with one leading axis for outcomes; `errors` (R, n) is 0 where y is missing."""
    e = errors.T
    w = np.ones((z.shape[0], 1)) if rows.weights is None else rows.weights[:, None]
    sums = {"xy": np.moveaxis(group_sums(blocks, z * w, e), -1, 0)}
    sums["yy"] = group_sums(blocks, w, e * e)[:, 0].T
    sums["y1"] = group_sums(blocks, w, e)[:, 0].T
    if rows.weights is not None:
        sums["xy0"] = np.moveaxis(group_sums(blocks, z, e), -1, 0)
    return {k: np.ascontiguousarray(v) for k, v in sums.items()}


def _offset(z: Array, rows: _Rows, xx: Array, like: Cross | None) -> Array:
    """Return the pooled OLS coefficients on Z per outcome, (R, p) or what broadcasts to it."""
    if like is not None:
        return like.offset.reshape(-1, z.shape[1])
    w = 1.0 if rows.weights is None else rows.weights[:, None]
    moments = np.nan_to_num(rows.y, nan=0.0) @ (z * w)
    inverse = np.linalg.pinv(xx.sum(axis=-3), rcond=1e-10, hermitian=True)
    return np.asarray((inverse @ moments[..., None])[..., 0])


def _refuse_different_kinds(a: Cross, b: Cross) -> None:
    if a.n_columns != b.n_columns:
        raise ValueError(f"one part has {a.n_columns} columns and another {b.n_columns}: sums need the same columns")
    if sums_of(a).keys() != sums_of(b).keys() or (a.labels is None) != (b.labels is None):
        raise ValueError("one part has weights or labels and another has not: sums need the same kind of parts")
    if a.absorbed or b.absorbed:
        raise ValueError("sums with absorbed effects do not add up: add the parts first, then absorb")
    if a.labels is None and a.n_clusters != b.n_clusters:
        raise ValueError(f"one part has {a.n_clusters} clusters and another {b.n_clusters}, without labels to match")


def _spread(cross: Cross, labels: Labels) -> Cross:
    """Return the sums with a place for each of `labels`, 0 where the cluster has no row here."""
    place = np.searchsorted(labels, cross.labels)  # type: ignore[arg-type]
    spread: dict[str, Any] = {}
    for name, value in sums_of(cross).items():
        axis = value.ndim + cluster_axis(name)
        wide = np.zeros((*value.shape[:axis], labels.size, *value.shape[axis + 1 :]))
        wide[(slice(None),) * axis + (place,)] = value
        spread[name] = wide
    return replace(cross, **spread, labels=labels)


def cluster_axis(name: str) -> int:
    """Return the place, from the end, of the cluster axis in the named sum."""
    return {"xx": -3, "xx0": -3, "xx2": -3, "xy": -2, "xy0": -2, "x1": -2}.get(name, -1)
