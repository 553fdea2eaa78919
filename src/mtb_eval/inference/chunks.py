"""Cross-products put together: over chunks of rows, over data sets, and from fine clusters to coarse ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.cross import Cross, add, cluster_axis, cross_products, rebase, sums_of
from mtb_eval.inference.grouping import codes_of

Labels = NDArray[Any]


def cross_from_chunks(chunks: Iterable[Sequence[ArrayLike]]) -> Cross:
    """Return the sums over chunks of rows in flat memory; a cluster may appear in any of the chunks.

    Each chunk is (x, y, cluster) or (x, y, cluster, weights) with shapes as in `cross_products`. The first chunk
    that has an outcome gives basis and offset, so it should hold many rows. Raises ValueError if none has.
    """
    total: Cross | None = None
    for chunk in chunks:
        total = with_chunk(total, *chunk)
    if total is None:
        raise ValueError("no row is left: there is no chunk with an outcome")
    return total


def with_chunk(
    total: Cross | None, x: ArrayLike, y: ArrayLike, cluster: ArrayLike, weights: ArrayLike | None = None
) -> Cross | None:
    """Return the sums with one more chunk of rows; None as long as no row had an outcome.

    Shapes as in `cross_products`. The first chunk with an outcome gives basis and offset.
    """
    if total is None and np.isnan(np.asarray(y, dtype=float)).all():
        return None
    part = cross_products(x, y, cluster, weights=weights, like=total)
    return part if total is None else add(total, part)


def stack(crosses: Sequence[Cross]) -> Cross:
    """Return one Cross with a new first batch axis, from several with the same clusters and columns.

    For example one for each completed data set of a multiple imputation. Raises ValueError if clusters, columns,
    batch shapes or kinds of sums differ.
    """
    first = crosses[0]
    if any(not _same_frame(first, c) for c in crosses):
        raise ValueError("the parts differ in clusters, columns, batch or kind of sums: stack needs them the same")
    turned = [rebase(c, first.basis, c.offset @ np.linalg.solve(first.basis, c.basis).T) for c in crosses]
    parts = [_with_batch_axes(c) for c in turned]
    sums: dict[str, Any] = {k: np.stack(np.broadcast_arrays(*(p[k] for p in parts))) for k in parts[0]}
    each = [c.absorbed_each for c in crosses if c.absorbed_each is not None]
    offset = np.stack([c.offset for c in turned])
    return replace(first, **sums, offset=offset, absorbed_each=np.stack(each) if each else None)


def _same_frame(a: Cross, b: Cross) -> bool:
    same = a.n_columns == b.n_columns and a.batch == b.batch and sums_of(a).keys() == sums_of(b).keys()
    same = same and a.absorbed == b.absorbed and a.nested == b.nested
    return same and np.array_equal(_labels(a), _labels(b))


def _labels(cross: Cross) -> Labels:
    return np.arange(cross.n_clusters) if cross.labels is None else cross.labels


def _with_batch_axes(cross: Cross) -> dict[str, Any]:
    """Return the sums with as many batch axes in the design part as in the outcome part, of length 1 if need be."""
    axes = len(cross.batch)
    wide = {}
    for name, value in sums_of(cross).items():
        lacking = axes - (value.ndim + cluster_axis(name))
        wide[name] = value.reshape((1,) * lacking + value.shape)
    return wide


def aggregate(cross: Cross, groups: ArrayLike) -> Cross:
    """Return the sums over coarser clusters; `groups` (G,) is the label of the coarse cluster of each cluster."""
    codes, labels = codes_of(groups)
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(labels.size))
    sums: dict[str, Any] = {}
    for name, value in sums_of(cross).items():
        axis = value.ndim + cluster_axis(name)
        sums[name] = np.add.reduceat(np.take(value, order, axis=axis), starts, axis=axis)
    return replace(cross, **sums, labels=labels)
