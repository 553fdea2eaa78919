"""Joint tests of several contrasts with few clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from mtb_eval.inference.influence import Influence, influence, refuse_without_working_model
from mtb_eval.inference.ols import LeastSquares, contrast_estimate, warning_of
from mtb_eval.inference.sandwich import ADJUSTMENT, Kind, cluster_covariance

Array = NDArray[np.float64]
JointReference = Literal["HTZ", "naive-F", "chi-squared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JointTest:
    """A joint test; every field has the batch shape (...). `df_denominator` is inf for the chi-squared reference."""

    statistic: Array
    df_numerator: Array
    df_denominator: Array
    p: Array
    method: str
    warning: str = ""


def joint_test(
    fit: LeastSquares,
    contrasts: ArrayLike,
    *,
    kind: Kind = "CR2",
    reference: JointReference = "HTZ",
    null: ArrayLike = 0.0,
) -> JointTest:
    """Return the Wald test that q contrasts (q, p) of the coefficients of X equal `null` (q,).

    "HTZ" scales the Wald statistic Q to F = (h - q + 1) / (h q) Q on q and h - q + 1 df, with h such that the total
    variance of the normalised covariance under independent errors is that of a Wishart matrix: Pustejovsky & Tipton
    (2018), doi:10.1080/07350015.2016.1247004, section 4.2. "naive-F": Q / q on q and G - 1 df. "chi-squared": Q / q on
    q and infinite df. Raises ValueError on redundant contrasts, and for HTZ with CV3J.
    """
    c = _checked(contrasts, fit.cross.n_columns)
    rows = c.reshape((c.shape[0],) + (1,) * len(fit.cross.batch) + c.shape[-1:])
    part = influence(fit, rows, ADJUSTMENT[kind])
    covariance = cluster_covariance(fit, part, kind)
    difference = np.moveaxis(contrast_estimate(fit, rows), 0, -1) - np.asarray(null, dtype=float)
    wald = _wald(difference, covariance)
    q = c.shape[0]
    scale, df = _reference(fit, part, kind, reference)
    usable = (df > 0) & np.isfinite(wald)
    f = np.where(usable, wald * scale / q, np.nan)
    df = np.where(usable, df, np.nan)
    return JointTest(
        statistic=f,
        df_numerator=np.full(f.shape, float(q)),
        df_denominator=df,
        p=np.asarray(stats.chi2.sf(f * q, q) if reference == "chi-squared" else stats.f.sf(f, q, df)),
        method=f"{kind}, {reference}",
        warning=warning_of(fit) or _warning(usable, kind, reference),
    )


def _checked(contrasts: ArrayLike, n_columns: int) -> Array:
    c = np.atleast_2d(np.asarray(contrasts, dtype=float))
    if c.ndim != 2 or c.shape[1] != n_columns:
        raise ValueError(f"the contrasts have shape {c.shape}: give one row per contrast and {n_columns} columns")
    length = np.linalg.norm(c, axis=1, keepdims=True)
    if np.linalg.matrix_rank(c / np.where(length > 0, length, 1.0)) < c.shape[0]:
        raise ValueError(f"the {c.shape[0]} contrasts are redundant: leave out those that follow from the others")
    return c


def _wald(difference: Array, covariance: Array) -> Array:
    """Return d'V^-1 d (...); NaN where V is not finite or not of full rank."""
    size = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    known = np.asarray((np.isfinite(size) & (size > 0) & np.isfinite(difference)).all(axis=-1))
    eye = np.eye(difference.shape[-1])
    length = np.where(known[..., None], size, 1.0)
    correlation = np.where(known[..., None, None], covariance, eye) / (length[..., :, None] * length[..., None, :])
    values, vectors = np.linalg.eigh(correlation)
    known = known & (values[..., 0] > 1e-10)
    parts = ((difference / length)[..., None, :] @ vectors)[..., 0, :]
    return np.where(known, np.sum(parts**2 / np.where(known[..., None], values, 1.0), axis=-1), np.nan)


def _reference(
    fit: LeastSquares, part: Influence, kind: Kind, reference: JointReference
) -> tuple[Array | float, Array]:
    """Return the scale of Q / q and the denominator df."""
    if reference == "naive-F":
        return 1.0, np.asarray(fit.n_clusters - 1, dtype=float)
    if reference == "chi-squared":
        return 1.0, np.asarray(np.inf)
    if reference != "HTZ":
        raise ValueError(f"unknown reference {reference!r}: use HTZ, naive-F or chi-squared")
    if kind == "CV3J":
        raise ValueError("HTZ is not defined for CV3J: use CV3")
    refuse_without_working_model(fit, "HTZ")
    q = part.scores.shape[0]
    wishart = q * (q + 1) / _total_variance(part)
    df = wishart - q + 1
    return df / wishart, df


def _total_variance(part: Influence) -> Array:
    """Return the sum over (s, t) of the variances of the elements of the covariance, normalised to mean I.

    By Isserlis' theorem, Var(d_st) = sum over clusters g, h of P_ss,gh P_tt,gh + P_st,gh P_st,hg, with P_st,gh the
    covariance of the contribution of g to contrast s and that of h to t. Sums over g and h are taken in m x m.
    """
    weights, reach = np.moveaxis(part.weights, 0, -3), np.moveaxis(part.reach, 0, -3)
    turned = reach @ part.metric[..., None, :, :]
    own = np.einsum("...sgm,...tgm->...gst", weights, reach)
    both = np.einsum("...sgm,...tgm->...gst", turned, reach)
    mean = (own - both).sum(axis=-3)
    root, known = _inverse_root(mean)
    own, both = (root[..., None, :, :] @ v @ root[..., None, :, :] for v in (own, both))
    reach, turned = (np.einsum("...st,...tgm->...sgm", root, v) for v in (reach, turned))
    small = np.einsum("...sgm,...tgn->...stmn", turned, reach)
    return np.where(known, _variances(own, both, small).sum(axis=(-1, -2)), np.nan)


def _inverse_root(mean: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return the symmetric inverse root (..., q, q), and where the matrix is finite and of full rank."""
    finite = np.asarray(np.isfinite(mean).all(axis=(-1, -2)))
    values, vectors = np.linalg.eigh(np.where(finite[..., None, None], mean, np.eye(mean.shape[-1])))
    known = finite & (values[..., 0] > 1e-12 * values[..., -1])
    root = np.where(known[..., None], values, 1.0) ** -0.5
    return (vectors * root[..., None, :]) @ vectors.swapaxes(-1, -2), np.asarray(known)


def _variances(own: Array, both: Array, small: Array) -> Array:
    """Return Var(d_st), (..., q, q), from sums by cluster (..., G, q, q) and over clusters (..., q, q, m, m)."""
    own_s, both_s = np.diagonal(own, axis1=-2, axis2=-1), np.diagonal(both, axis1=-2, axis2=-1)
    apart = np.einsum("...gs,...gt->...st", own_s, own_s) - np.einsum("...gs,...gt->...st", own_s, both_s)
    apart = apart - np.einsum("...gs,...gt->...st", both_s, own_s) + np.sum(own * (own - 2 * both), axis=-3)
    same = np.einsum("...tsmn,...stnm->...st", small, small)
    mixed = np.einsum("...tsmn,...tsnm->...st", small, small)
    return np.asarray(apart + same + mixed)


def _warning(usable: NDArray[np.bool_], kind: Kind, reference: JointReference) -> str:
    lost = int(np.count_nonzero(~usable))
    if not lost:
        return ""
    return f"{kind} with {reference} gives no joint test for {lost} of {usable.size} outcomes: too few clusters"
