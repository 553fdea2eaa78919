"""Fixed effects of one factor: absorbed by demeaning within its levels, or as columns of dummies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.chunks import aggregate
from mtb_eval.inference.cross import Cross, cross_products
from mtb_eval.inference.grouping import codes_of

Array = NDArray[np.float64]


def absorbed_cross(
    x: ArrayLike,
    y: ArrayLike,
    cluster: ArrayLike,
    factor: ArrayLike,
    *,
    weights: ArrayLike | None = None,
) -> Cross:
    """Return the cross-products after demeaning x and y within the levels of a factor, for each outcome's own rows.

    `x` (n, p) without a constant, `y` (..., n), `cluster`, `weights` as in `cross_products`; `factor` (n,) labels,
    which may equal the clusters, lie within them or cross them. OLS coefficients and CR0, CR1, CR1S equal those with
    a dummy for each level; so do CR2, CR3, their df and the jackknife if each level lies within one cluster. Where
    levels cross clusters these refuse, as do weighted CR2 and df, and `with_dummies` serves.
    Raises ValueError as `cross_products` does.
    """
    clusters, cluster_labels = codes_of(cluster)
    levels, level_labels = codes_of(factor, what="factor")
    if clusters.size != levels.size:
        raise ValueError(f"there are {levels.size} factor labels for {clusters.size} rows: give one per row")
    columns = np.asarray(x, dtype=float)
    columns = np.column_stack([np.ones(len(columns)), columns])
    cells = cross_products(columns, y, clusters * level_labels.size + levels, weights=weights)
    of_cluster, of_level = np.divmod(np.asarray(cells.labels), level_labels.size)
    return replace(absorb(cells, of_cluster, of_level), labels=cluster_labels)


def absorb(cells: Cross, cluster: ArrayLike, level: ArrayLike) -> Cross:
    """Return the cross-products by cluster after demeaning within levels, from those of cells (cluster x level).

    So fixed effects can be absorbed from sums over chunks of rows. `cluster` and `level` (C,) are the labels of each
    cell, and each pair occurs once. The first column of x in `cells` is a constant; it leaves, with its coefficient.
    Raises ValueError if labels do not fit the cells.
    """
    codes, levels = codes_of(level, what="factor")
    if codes.size != cells.n_clusters or np.asarray(cluster).shape != codes.shape:
        raise ValueError(f"there are {cells.n_clusters} cells: give the cluster and the level of each")
    weight = cells.n if cells.w1 is None else cells.w1
    totals = aggregate(replace(cells, w1=weight), codes)
    rows = np.asarray(totals.w1)
    inverse = np.where(rows > 0, 1.0 / np.where(rows > 0, rows, 1.0), 0.0)
    x_mean = (totals.x1 * inverse[..., None])[..., codes, :]
    y_mean = (totals.y1 * inverse)[..., codes]
    demeaned = _demeaned(cells, weight, x_mean, y_mean)
    each = np.broadcast_to(np.count_nonzero(rows > 0, axis=-1), cells.batch)
    inner = replace(demeaned, absorbed=levels.size, absorbed_each=each, nested=levels.size == codes.size)
    return _without_constant(aggregate(inner, cluster))


def lies_within(factor: ArrayLike, cluster: ArrayLike) -> bool:
    """Tell whether each level of a factor (n,) lies within one cluster (n,), so that absorbing it keeps CR2 exact."""
    levels, labels = codes_of(factor, what="factor")
    clusters, _ = codes_of(cluster)
    return bool(np.unique(np.column_stack([levels, clusters]), axis=0).shape[0] == labels.size)


def with_dummies(x: ArrayLike, factor: ArrayLike) -> Array:
    """Return x (n, p), without a constant, followed by one column of 0 and 1 for each level of a factor (n,)."""
    codes, labels = codes_of(factor, what="factor")
    return np.column_stack([np.asarray(x, dtype=float), np.eye(labels.size)[codes]])


def _demeaned(cells: Cross, weight: Array, x_mean: Array, y_mean: Array) -> Cross:
    """Return the sums of z - z_mean and e - e_mean in each cell; the moments that only weighted CR2 needs go."""
    x1, y1 = cells.x1, cells.y1
    x_left, y_left = x1 - weight[..., None] * x_mean, y1 - weight * y_mean
    sums: dict[str, Any] = {
        "xx": cells.xx - x1[..., :, None] * x_mean[..., None, :] - x_mean[..., :, None] * x_left[..., None, :],
        "xy": cells.xy - x_mean * y_left[..., None] - x1 * y_mean[..., None],
        "yy": np.maximum(cells.yy - y_mean * (y1 + y_left), 0.0),
        "x1": x_left,
        "y1": y_left,
    }
    return replace(cells, **sums, xx0=None, xx2=None, xy0=None)


def _without_constant(cross: Cross) -> Cross:
    """Leave out the first column; the basis is triangular, so the others keep their meaning."""
    return replace(
        cross,
        xx=cross.xx[..., 1:, 1:],
        xy=cross.xy[..., 1:],
        x1=cross.x1[..., 1:],
        basis=cross.basis[1:, 1:],
        offset=cross.offset[..., 1:],
    )
