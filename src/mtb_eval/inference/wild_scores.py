"""Cluster scores of the wild bootstrap: everything that its draws need, from cross-products alone.

With A = sum_g X_g'X_g = LL' the coefficients are expressed in coordinates in which A is the identity and the tested
contrast is (a multiple of) the first one. There, with U_g = L^-1 X_g'X_g L^-T, w_g = U_g e1 and x = c'b - r,
  restricted scores          s_g(x)  = s_g + w_g x,   s_g the unrestricted residual scores ("1" as first digit);
  leave-one-cluster-out ones T_g s_g(x), T_g = I + U_g[:, 2:] (I - U_g[2:, 2:])^+ [0 I]                     ("3");
  coefficient of a draw v    sum_h v_h s_h1(x);
  its variance               m sum_g (q_g'(v_g s_g - U_g sum_h v_h s_h))^2,
with q_g = e1 and m = G/(G-1) (N-1)/(N-k) ("1" as second digit, CR1), or q_g = (I - U_g)^+ e1 and m = (G-1)/G
("3", the jackknife CV3). Both are linear in v and affine in x, which is what `WildScores` holds.

The generalised inverse leaves a direction that only cluster g identifies (its own dummy) at its full-sample value, so
cluster dummies give the same bootstrap as demeaning by cluster.

MacKinnon, Nielsen and Webb (2023, doi 10.1002/jae.2969); Roodman, MacKinnon, Nielsen and Webb (2019,
doi 10.1177/1536867X19830877).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.cross import Cross

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Variant = Literal["wcr11", "wcr13", "wcr31", "wcr33", "wcu11", "wcu13", "wcu31", "wcu33"]

VARIANTS: tuple[Variant, ...] = ("wcr11", "wcr13", "wcr31", "wcr33", "wcu11", "wcu13", "wcu31", "wcu33")
_RANK, _ONE = 1e-11, 1e-9
_BLOCK = 2**21


@dataclass(frozen=True, slots=True, kw_only=True)
class WildScores:
    """A contrast, its standard error, and what the wild bootstrap of it needs, for any batch `...`.

    With x = `estimate` - r for the null value r, a draw with weights v (S,) has the statistic
    (`numerator` + `numerator_x` x)'v / |(`residual` + `residual_x` x) v|; the observed one is x / `se`.
    `estimate`, `se` (...); numerators (..., S); residuals (..., G, S): G clusters, S of them or of sub-clusters drawn.
    `n_clusters` (...) counts clusters that hold rows. `warning` is empty or one sentence.
    """

    estimate: Array
    se: Array
    numerator: Array
    numerator_x: Array
    residual: Array
    residual_x: Array
    n_clusters: Array
    variant: Variant
    warning: str = ""


class _Coordinates(NamedTuple):
    """The problem in coordinates with A = I; `scale` times the first coordinate is the contrast."""

    scale: Array
    shift: Array
    products: Array
    scores: Array
    singular: Flags


def wild_scores(
    cross: Cross, contrast: ArrayLike, *, variant: Variant = "wcr31", parent: ArrayLike | None = None
) -> WildScores:
    """Return the scores for the contrast (p,) of the coefficients, for every outcome in `cross`.

    `parent` (S,), for weights drawn by sub-cluster: `cross` is by sub-cluster, `parent` gives the cluster 0..G-1 of
    each, and standard errors and leave-one-out scores are by cluster. Raises ValueError for an unknown variant, a
    contrast or `parent` of the wrong length, or fewer than two clusters. A singular design, or for "x3" a contrast that
    one cluster alone identifies, gives NaN and a warning. Long batches are worked off in blocks of flat memory.
    """
    c = _checked_contrast(cross, contrast, variant)
    member = _membership(cross, parent)
    parts = [_block_scores(block, c, variant, member) for block in _blocks(cross)]
    return parts[0] if len(parts) == 1 else _joined(parts)


def _checked_contrast(cross: Cross, contrast: ArrayLike, variant: Variant) -> Array:
    if variant not in VARIANTS:
        raise ValueError(f"Unknown wild bootstrap variant {variant!r}: choose one of {', '.join(VARIANTS)}.")
    c = np.asarray(contrast, dtype=float)
    if c.shape != (cross.n_columns,) or not np.isfinite(c).all() or not c.any():
        raise ValueError(
            f"The contrast must hold {cross.n_columns} finite numbers, not all 0, one per column of the design; "
            f"its shape is {c.shape}."
        )
    return c


def _membership(cross: Cross, parent: ArrayLike | None) -> Array:
    """Indicator (G, S) of the cluster of each drawn unit."""
    units = cross.n_clusters
    cluster = np.arange(units) if parent is None else np.asarray(parent)
    if cluster.shape != (units,) or not np.issubdtype(cluster.dtype, np.integer) or cluster.min(initial=0) < 0:
        raise ValueError(f"`parent` must give the cluster number, from 0, of each of the {units} sub-clusters.")
    n_clusters = int(cluster.max(initial=0)) + 1
    if n_clusters < 2:
        raise ValueError("The wild cluster bootstrap needs at least 2 clusters, got 1.")
    return np.asarray(cluster == np.arange(n_clusters)[:, None], dtype=float)


def _blocks(cross: Cross) -> list[Cross]:
    """Cut the first batch axis so that one block's arrays stay small."""
    batch = cross.batch
    if not batch:
        return [cross]
    per_row = int(np.prod(batch[1:])) * cross.n_clusters * max(cross.n_columns**2, cross.n_clusters)
    rows = max(1, _BLOCK // max(per_row, 1))
    return [_rows(cross, slice(i, i + rows)) for i in range(0, batch[0], rows)] or [cross]


def _rows(cross: Cross, rows: slice) -> Cross:
    """Return some entries of the first batch axis; sums that the wild bootstrap does not use are left out."""

    def cut(a: Array, core: int) -> Array:
        batched = a.ndim - core == len(cross.batch) and a.shape[0] == cross.batch[0]
        return a[rows] if batched else a

    cores = {"xx": 3, "xy": 2, "yy": 1, "n": 1, "x1": 2, "y1": 1, "offset": 1}
    used: dict[str, Any] = {name: cut(getattr(cross, name), core) for name, core in cores.items()}
    return replace(cross, **used, w1=None, xx0=None, xx2=None, xy0=None)


def _joined(parts: list[WildScores]) -> WildScores:
    def join(name: str) -> Array:
        return np.concatenate([getattr(part, name) for part in parts])

    return WildScores(
        estimate=join("estimate"),
        se=join("se"),
        numerator=join("numerator"),
        numerator_x=join("numerator_x"),
        residual=join("residual"),
        residual_x=join("residual_x"),
        n_clusters=join("n_clusters"),
        variant=parts[0].variant,
        warning=next((part.warning for part in parts if part.warning), ""),
    )


def _block_scores(cross: Cross, contrast: Array, variant: Variant, member: Array) -> WildScores:
    at = _coordinates(cross, contrast)
    products = _by_cluster(at.products, member)
    total = at.scores.sum(axis=-2)
    residual = at.scores - np.squeeze(at.products @ total[..., None, :, None], -1)
    direction = at.products[..., 0]
    observed = member @ residual
    weight, inestimable = _variance_weights(products, variant)
    scores, scores_x = _bootstrap_scores(at.products, products, residual, direction, variant, member)
    factor, n_clusters = _factor(cross, variant, member)
    root = np.sqrt(factor)
    unit = at.scale * root
    se = np.abs(unit) * np.sqrt((np.einsum("...gp,...gp->...g", weight, observed) ** 2).sum(axis=-1))
    bad = at.singular | inestimable | ~np.isfinite(factor)
    estimate = at.shift + at.scale * total[..., 0]
    shape = np.broadcast_shapes(estimate.shape, se.shape)
    return WildScores(
        estimate=np.broadcast_to(np.where(at.singular, np.nan, estimate), shape),
        se=np.broadcast_to(np.where(bad, np.nan, se), shape),
        numerator=_full(at.scale[..., None] * scores[..., 0], shape, 1),
        numerator_x=_full(scores_x[..., 0], shape, 1),
        residual=_full(unit[..., None, None] * _residual_map(weight, products, scores, member), shape, 2),
        residual_x=_full(root[..., None, None] * _residual_map(weight, products, scores_x, member), shape, 2),
        n_clusters=np.broadcast_to(n_clusters, shape),
        variant=variant,
        warning=_warning(at.singular, inestimable, variant),
    )


def _full(a: Array, batch: tuple[int, ...], core: int) -> Array:
    return np.broadcast_to(a, batch + a.shape[a.ndim - core :])


def _coordinates(cross: Cross, contrast: Array) -> _Coordinates:
    """Whiten by the eigenvectors of A, then reflect (Householder) the contrast onto the first axis."""
    total = cross.xx.sum(axis=-3)
    whiten, singular = _whitening(total)
    c = np.squeeze(np.swapaxes(cross.basis, -1, -2) @ contrast[:, None], -1)
    rotated, scale = _reflected(whiten, c)
    products = np.swapaxes(rotated, -1, -2)[..., None, :, :] @ cross.xx @ rotated[..., None, :, :]
    return _Coordinates(
        scale=scale,
        shift=(cross.offset * c).sum(axis=-1),
        products=(products + np.swapaxes(products, -1, -2)) / 2,
        scores=cross.xy @ rotated,
        singular=singular,
    )


def _whitening(total: Array) -> tuple[Array, Flags]:
    """W with W'AW = I, and which A are singular (their W is that of the identity)."""
    broken = ~np.isfinite(total).all(axis=(-2, -1))
    identity = np.eye(total.shape[-1])
    values, vectors = np.linalg.eigh(np.where(broken[..., None, None], identity, total))
    singular = np.asarray(broken | (values[..., 0] <= _RANK * values[..., -1]))
    values = np.where(singular[..., None], 1.0, values)
    return vectors / np.sqrt(values)[..., None, :], singular


def _reflected(whiten: Array, c: Array) -> tuple[Array, Array]:
    a = np.squeeze(np.swapaxes(whiten, -1, -2) @ c[..., None], -1)
    norm = np.linalg.norm(a, axis=-1)
    scale = np.where(a[..., 0] > 0, -norm, norm)
    h = a - scale[..., None] * np.eye(a.shape[-1])[0]
    length = (h * h).sum(axis=-1)[..., None]
    project = np.squeeze(whiten @ h[..., None], -1) * (2.0 / np.where(length > 0, length, 1.0))
    return whiten - project[..., :, None] * h[..., None, :], scale


def _by_cluster(units: Array, member: Array) -> Array:
    return units if _one_to_one(member) else np.einsum("gs,...sij->...gij", member, units)


def _one_to_one(member: Array) -> bool:
    return member.shape[0] == member.shape[1] and bool((np.diag(member) == 1).all())


def _spread(by_cluster: Array, member: Array) -> Array:
    """Give each drawn unit the row (..., p) of its cluster."""
    return by_cluster[..., member.argmax(axis=0), :]


def _variance_weights(products: Array, variant: Variant) -> tuple[Array, Flags]:
    """q_g (..., G, p) of the variance, and where the contrast is lost when some cluster is left out."""
    e1 = np.eye(products.shape[-1])[0]
    if variant.endswith("1"):
        return np.broadcast_to(e1, products.shape[:-1]), np.zeros(products.shape[:-3], dtype=bool)
    inverse = _residual_inverse(products)
    weight = inverse[..., 0]
    back = np.squeeze((np.eye(e1.size) - products) @ weight[..., None], -1)
    lost = (np.abs(back - e1) > 1e-6).any(axis=(-2, -1))
    return weight, lost


def _residual_inverse(products: Array) -> Array:
    """Generalised inverse of I - U_g; eigenvalues of U_g within 1e-9 of 1 are what cluster g alone identifies."""
    products = np.where(np.isfinite(products), products, 0.0)
    values, vectors = np.linalg.eigh(products)
    kept = values < 1.0 - _ONE
    inverse = np.where(kept, 1.0 / np.where(kept, 1.0 - values, 1.0), 0.0)
    return np.asarray((vectors * inverse[..., None, :]) @ np.swapaxes(vectors, -1, -2))


def _bootstrap_scores(
    units: Array, products: Array, residual: Array, direction: Array, variant: Variant, member: Array
) -> tuple[Array, Array]:
    """Scores (..., S, p) that the weights multiply, and their slope in x' = the first coordinate minus its null."""
    restricted = variant.startswith("wcr")
    slope = direction if restricted else np.zeros_like(direction)
    if variant[3] == "1":
        return residual, slope
    first = 1 if restricted else 0
    inverse = _residual_inverse(products[..., first:, first:])

    def left_out(scores: Array) -> Array:
        own = member @ scores[..., first:]
        shift = np.squeeze(inverse @ own[..., None], -1)
        return scores + np.squeeze(units[..., first:] @ _spread(shift, member)[..., None], -1)

    return left_out(residual), left_out(slope)


def _factor(cross: Cross, variant: Variant, member: Array) -> tuple[Array, Array]:
    """Small-sample factor m and the number of clusters that hold rows."""
    rows = cross.n @ member.T
    n_clusters = np.count_nonzero(rows > 0, axis=-1).astype(float)
    if variant.endswith("3"):
        return (n_clusters - 1) / np.maximum(n_clusters, 1), n_clusters
    n_rows = rows.sum(axis=-1)
    df = n_rows - cross.n_columns - cross.absorbed
    usable = (df > 0) & (n_clusters > 1)
    ratio = n_clusters * (n_rows - 1) / np.where(usable, (n_clusters - 1) * df, 1.0)
    return np.where(usable, ratio, np.nan), n_clusters


def _residual_map(weight: Array, products: Array, scores: Array, member: Array) -> Array:
    """K (..., G, S) with K v = q_g'(sum of v_h s_h in cluster g - U_g sum_h v_h s_h)."""
    fitted = np.squeeze(products @ weight[..., None], -1)
    own = member * (_spread(weight, member) * scores).sum(axis=-1)[..., None, :]
    return np.asarray(own - fitted @ np.swapaxes(scores, -1, -2))


def _warning(singular: Flags, inestimable: Flags, variant: Variant) -> str:
    if singular.any():
        return f"the design is singular in {int(singular.sum())} of {singular.size} fits, which are NaN"
    if inestimable.any():
        return (
            f"{variant}: without one of the clusters the contrast cannot be estimated in "
            f"{int(inestimable.sum())} of {inestimable.size} fits, which are NaN"
        )
    return ""
