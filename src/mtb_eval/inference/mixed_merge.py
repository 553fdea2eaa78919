"""Clusters of one size, merged: the cost of a mixed model then depends on the number of sizes, not of clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtb_eval.inference.cross import Cross

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSums:
    """Cluster sums after a rotation among clusters of one size, which leaves the likelihood as it is.

    `n` (..., K) sizes, `x1` (..., K, p), `y1` (..., K). The other J sizes hold `rest_mult` (J,) rotated clusters of
    `rest_n` (J,) rows each whose sums of every column are 0; `rest_y1` (..., J) is the root of the sum of squares of
    their sums of the outcome. K plus the sum of `rest_mult` is G.
    """

    n: Array
    x1: Array
    y1: Array
    rest_n: Array
    rest_mult: Array
    rest_y1: Array


def cluster_sums(cross: Cross) -> ClusterSums:
    """Return the cluster sums of `cross`, merged where one design serves all outcomes and many sizes recur.

    Within K clusters of one size the cluster means enter the likelihood through their rotation-invariant products
    alone, so K - p of them can be turned orthogonal to every column.
    """
    n = cross.n.astype(float)
    if n.ndim > 1 or cross.x1.ndim > 2 or not _worth_merging(n, cross.n_columns):
        return _unmerged(cross, n)
    sizes = np.unique(n)
    parts = [_rotate(cross.x1[n == size], cross.y1[..., n == size]) for size in sizes]
    kept = [len(x1) for x1, _, _, _ in parts]
    mult = np.array([rest for _, _, _, rest in parts], dtype=float)
    return ClusterSums(
        n=np.repeat(sizes, kept),
        x1=np.concatenate([x1 for x1, _, _, _ in parts]),
        y1=np.concatenate([y1 for _, y1, _, _ in parts], axis=-1),
        rest_n=sizes[mult > 0],
        rest_mult=mult[mult > 0],
        rest_y1=np.stack([root for _, _, root, _ in parts], axis=-1)[..., mult > 0],
    )


def _worth_merging(n: Array, p: int) -> bool:
    finite = np.isfinite(n).all()
    return bool(finite) and 2 * int(np.minimum(np.unique(n, return_counts=True)[1], p).sum()) < n.size


def _unmerged(cross: Cross, n: Array) -> ClusterSums:
    empty = np.zeros(0)
    none = np.zeros((*cross.y1.shape[:-1], 0))
    return ClusterSums(n=n, x1=cross.x1, y1=cross.y1, rest_n=empty, rest_mult=empty, rest_y1=none)


def _rotate(x1: Array, y1: Array) -> tuple[Array, Array, Array, int]:
    """Return R, Q'y, |y - QQ'y| and the number of clusters left, for x1 = QR; all of it if there are too few."""
    k, p = x1.shape
    if k <= p:
        return x1, y1, np.zeros(y1.shape[:-1]), 0
    q, r = np.linalg.qr(x1)
    inside = y1 @ q
    return r, inside, np.linalg.norm(y1 - inside @ q.T, axis=-1), k - p
