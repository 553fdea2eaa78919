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
from mtb_eval.inference.grouping import Blocks, blocks_of, codes_of, group_products, group_sums, in_blocks
from mtb_eval.inference.rows import Rows, checked_rows, rows_used

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
    Raises ValueError on non-finite x, infinite y, bad weights, missing cluster labels, lengths that differ, or if no
    row is left (with `like` the sums are then 0).
    """
    outcomes = np.asarray(y, dtype=float)
    rows = checked_rows(np.asarray(x, dtype=float), outcomes, cluster, weights)
    observed = ~np.isnan(rows.y)
    used = np.asarray(observed.any(axis=0))
    if rows.weights is not None:
        used &= rows.weights > 0
    if like is None and not used.any():
        raise ValueError("no row is left: every row misses its outcome or has weight 0")
    rows, observed = rows_used(rows, used), observed[:, used]
    if like is not None and like.n_columns != rows.x.shape[1]:
        raise ValueError(f"x has {rows.x.shape[1]} columns, the sums to be like have {like.n_columns}")
    basis = like.basis if like is not None else orthonormal_basis(rows.x, rows.weights)
    z = rows.x @ basis
    blocks = blocks_of(rows.codes, rows.labels.size)
    patterns = {} if observed.all() else _pattern_sums(z, rows, observed, blocks)
    offset = _offset(z, rows, patterns.get("xx"), like)
    errors = np.where(observed, rows.y - offset @ z.T, 0.0)
    design, sums = _sums(z, errors, rows, blocks)
    batch = outcomes.shape[:-1]
    sums = {k: v.reshape(batch + v.shape[1:]) for k, v in (sums | patterns).items()}
    offset = np.broadcast_to(offset, (rows.y.shape[0], basis.shape[0])).reshape((*batch, -1))
    return Cross(**(design | sums), basis=basis, offset=offset, labels=rows.labels)


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


def _sums(z: Array, errors: Array, rows: Rows, blocks: Blocks) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the sums without y over all rows, and those with y with a leading axis for outcomes.

    One matrix product for each block of rows of a table with the columns 1, Z, e; `errors` (R, n), 0 where missing.
    """
    table = in_blocks(blocks, np.column_stack([np.ones(z.shape[0]), z, errors.T]))
    left, e = table[..., : z.shape[1] + 1], table[..., z.shape[1] + 1 :]
    if rows.weights is None:
        design, outcome = _split(group_products(blocks, left, table), z.shape[1])
        return design, outcome | {"yy": group_sums(blocks, np.sum(e * e, axis=1)).T}
    w = in_blocks(blocks, rows.weights[:, None])
    plain, plain_outcome = _split(group_products(blocks, left, table), z.shape[1])
    design, outcome = _split(group_products(blocks, left * w, table), z.shape[1])
    squared = group_products(blocks, left * w * w, left)[:, 1:, 1:]
    design |= {"n": plain["n"], "w1": design["n"], "xx0": plain["xx"], "xx2": squared}
    outcome |= {"xy0": plain_outcome["xy"], "yy": group_sums(blocks, np.sum(w * e * e, axis=1)).T}
    return design, outcome


def _split(products: Array, p: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return by name the products (G, 1 + p, 1 + p + R) of the columns 1, Z with the columns 1, Z, e."""
    z, e = slice(1, p + 1), slice(p + 1, None)
    design = {"n": products[:, 0, 0], "x1": products[:, 0, z], "xx": products[:, z, z]}
    outcome = {"xy": np.moveaxis(products[:, z, e], -1, 0), "y1": products[:, 0, e].T}
    parts = ({k: np.ascontiguousarray(v) for k, v in part.items()} for part in (design, outcome))
    return next(parts), next(parts)


def _pattern_sums(z: Array, rows: Rows, observed: NDArray[np.bool_], blocks: Blocks) -> dict[str, Any]:
    """Return the sums without y for each outcome's own rows: once for each pattern of `observed` (R, n)."""
    masks, pattern = np.unique(observed, axis=0, return_inverse=True)
    seen = in_blocks(blocks, masks.T.astype(float))
    w = np.ones((z.shape[0], 1)) if rows.weights is None else rows.weights[:, None]
    row, column = np.triu_indices(z.shape[1])
    squares, p = z[:, row] * z[:, column], z.shape[1]
    powers = {"xx": w} if rows.weights is None else {"xx": w, "xx0": w**0, "xx2": w * w}
    sums = {k: _square(_over_rows(blocks, seen, squares * v), p) for k, v in powers.items()}
    sums["x1"] = _over_rows(blocks, seen, z * w)
    sums["n"], sums["w1"] = (_over_rows(blocks, seen, v)[..., 0] for v in (w**0, w))
    if rows.weights is None:
        del sums["w1"]
    return {k: v[pattern.reshape(-1)] for k, v in sums.items()}


def _over_rows(blocks: Blocks, seen: Array, values: Array) -> Array:
    """Return the sums (U, G, k) of values (n, k) by group over the rows of each pattern."""
    return np.moveaxis(group_products(blocks, seen, values[blocks.rows]), 1, 0)


def _square(triangle: Array, p: int) -> Array:
    """Return symmetric matrices (..., p, p) from their upper triangles (..., p (p + 1) / 2)."""
    row, column = np.triu_indices(p)
    full = np.empty((*triangle.shape[:-1], p, p))
    full[..., row, column] = full[..., column, row] = triangle
    return full


def _offset(z: Array, rows: Rows, xx: Array | None, like: Cross | None) -> Array:
    """Return the pooled OLS coefficients on Z per outcome, (R, p) or what broadcasts to it.

    Without missing rows Z is orthonormal and Z'WZ need not be inverted; any offset near these coefficients serves.
    """
    if like is not None:
        return like.offset.reshape(-1, z.shape[1])
    w = 1.0 if rows.weights is None else rows.weights[:, None]
    moments = np.asarray(np.nan_to_num(rows.y, nan=0.0) @ (z * w))
    if xx is None:
        # A second pass takes what rounding in the basis of an ill-conditioned x has left.
        return np.asarray(moments + (rows.y - moments @ z.T) @ (z * w))
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
