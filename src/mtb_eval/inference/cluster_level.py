"""Analyses with the cluster as the unit: two-stage cluster means, exact signed rank, cluster-specific effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.estimate import Estimate, t_estimate
from mtb_eval.inference.estimating_equations import Rows, checked_rows, cluster_rows

Array = NDArray[np.float64]
Weights = Literal["equal", "precision"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmMeans:
    """First-stage residuals averaged by cluster and arm.

    Shapes for G clusters: `treated`, `control` (G,) means, NaN where a cluster has no such row; `n_treated`,
    `n_control` (G,) rows.
    """

    treated: Array
    control: Array
    n_treated: Array
    n_control: Array

    @property
    def paired(self) -> NDArray[np.bool_]:
        """Which clusters have both arms, (G,)."""
        return (self.n_treated > 0) & (self.n_control > 0)


def arm_means(y: ArrayLike, treat: ArrayLike, cluster: ArrayLike, *, covariates: ArrayLike | None = None) -> ArmMeans:
    """Return the first stage: residuals of `y` (n,) from a regression without treatment, averaged.

    `treat` (n,) is 0/1; `covariates` (n, p) with their own constant, None for a constant alone. Covariates
    that are related to treatment (such as calendar time, where treatment comes late) take part of its effect with
    them: the two-stage estimate is then pulled to 0. Raises ValueError for bad rows and treatments other than 0/1.
    Hayes & Moulton (2017), Cluster Randomised Trials, 2nd ed., chapters 10 and 11.
    """
    arm = np.asarray(treat, dtype=float)
    x = np.ones((len(arm), 1)) if covariates is None else covariates
    out, design = checked_rows(y, cluster, covariates=x)
    _check_arm(arm)
    residual = out - design @ np.linalg.lstsq(design, out, rcond=None)[0]
    rows = cluster_rows(cluster)
    treated, n_treated = _means(residual, arm == 1, rows)
    control, n_control = _means(residual, arm == 0, rows)
    return ArmMeans(treated=treated, control=control, n_treated=n_treated, n_control=n_control)


def paired_t(means: ArmMeans, weights: Weights = "equal", level: float = 0.95) -> Estimate:
    """Return the mean within-cluster difference between arms, with t on G' - 1 df.

    Over the G' clusters with both arms; the others are left out and counted in `warning`. "precision" weights
    by 1/(1/n1 + 1/n0) and takes the weighted mean square about the weighted mean.
    Raises ValueError with fewer than two such clusters.
    """
    d, w = _differences(means)
    w = np.ones(len(d)) if weights == "equal" else w
    mean, se = _weighted_mean(d, w)
    left = int((~means.paired).sum())
    return t_estimate(
        np.asarray(mean),
        np.asarray(se),
        df=len(d) - 1,
        method=f"two-stage cluster means, paired t, {weights} weights, t(G'-1)",
        level=level,
        warning=f"{left} clusters have only one arm and are left out" if left else "",
    )


def unpaired_t(means: ArmMeans, weights: Weights = "equal", level: float = 0.95) -> Estimate:
    """Return the difference between arms in cluster means, with t on G - 2 df, for clusters with one arm each.

    Common variance of the cluster means (per row with "precision", which weights by the rows of a cluster).
    Raises ValueError where a cluster has both arms or an arm has no cluster.
    """
    if means.paired.any():
        raise ValueError(f"{int(means.paired.sum())} clusters have both arms; use paired_t")
    arm = means.n_treated > 0
    y = np.where(arm, means.treated, means.control)
    n = means.n_treated + means.n_control
    if len(y) < 3 or arm.all() or not arm.any():
        raise ValueError(f"needs 3 clusters and both arms, found {int(arm.sum())} treated of {len(y)}")
    w = np.ones(len(y)) if weights == "equal" else n
    centre = [np.average(y[k], weights=w[k]) for k in (arm, ~arm)]
    square = sum(float(w[k] @ (y[k] - c) ** 2) for k, c in zip((arm, ~arm), centre, strict=True)) / (len(y) - 2)
    return t_estimate(
        centre[0] - centre[1],
        np.sqrt(square * (1 / w[arm].sum() + 1 / w[~arm].sum())),
        df=len(y) - 2,
        method=f"two-stage cluster means, unpaired t, {weights} weights, t(G-2)",
        level=level,
    )


def signed_rank(means: ArmMeans, level: float = 0.95) -> Estimate:
    """Return Wilcoxon's exact signed-rank test of the within-cluster differences, with Hodges-Lehmann estimate.

    Differences of 0 are dropped; ties get mid-ranks and the distribution over all 2^G' signs is exact for them;
    two-sided p = twice the smaller tail, at most 1 (smallest attainable 2/2^G'). The estimate is the median of the
    Walsh averages and the interval runs between two of them (exact without ties); it is infinite where G' is too
    small for the level. `se` is NaN. Wilcoxon (1945), doi 10.2307/3001968; Hodges & Lehmann (1963),
    doi 10.1214/aoms/1177704172.
    """
    d, _ = _differences(means)
    walsh = np.sort([(d[i] + d[j]) / 2 for i in range(len(d)) for j in range(i, len(d))])
    low, high = _walsh_limits(walsh, len(d), level)
    zeros, left = int((d == 0).sum()), int((~means.paired).sum())
    notes = [f"{zeros} differences of 0 are dropped"] * bool(zeros)
    notes += [f"{left} clusters have only one arm and are left out"] * bool(left)
    return Estimate(
        estimate=np.array(np.median(walsh)),
        se=np.array(np.nan),
        df=np.array(np.nan),
        ci_low=np.array(low),
        ci_high=np.array(high),
        p=np.array(_signed_rank_p(d[d != 0])),
        method="two-stage cluster means, exact signed rank, Hodges-Lehmann interval",
        warning="; ".join(notes),
    )


def signed_rank_statistic(means: ArmMeans) -> float:
    """Return V, the sum of the mid-ranks of the positive differences (0 dropped)."""
    d, _ = _differences(means)
    d = d[d != 0]
    return float(_doubled_ranks(d)[d > 0].sum()) / 2


def ibragimov_mueller(x: ArrayLike, y: ArrayLike, cluster: ArrayLike, *, column: int, level: float = 0.95) -> Estimate:
    """Return the t-test on cluster-specific coefficients of one column, t on G' - 1 df.

    `x` (n, p) with its own constant is fitted by least squares within each cluster; clusters where the
    coefficient cannot be estimated are left out and counted in `warning`. Conservative for levels of .917 and
    above whatever the clusters' variances, but not calendar-proof: put time among the columns.
    Raises ValueError with fewer than two usable clusters.
    Ibragimov & Mueller (2010), doi 10.1198/jbes.2009.08046.
    """
    out, design = checked_rows(y, cluster, x=x)
    rows = cluster_rows(cluster)
    found = [_own_coefficient(design[i], out[i], column) for i in rows]
    b = np.array([v for v in found if v is not None])
    if len(b) < 2:
        raise ValueError(f"the coefficient can be estimated in {len(b)} of {len(rows)} clusters; needs 2 or more")
    left = len(rows) - len(b)
    return t_estimate(
        b.mean(),
        b.std(ddof=1) / np.sqrt(len(b)),
        df=len(b) - 1,
        method="Ibragimov-Mueller t on cluster-specific coefficients, t(G'-1)",
        level=level,
        warning=f"{left} clusters cannot estimate the coefficient and are left out" if left else "",
    )


def _check_arm(arm: Array) -> None:
    bad = int((~np.isin(arm, (0.0, 1.0))).sum())
    if bad:
        raise ValueError(f"treat has {bad} values that are not 0 or 1")
    if (arm == arm[0]).all():
        raise ValueError(f"treat is {arm[0]:.0f} in all {len(arm)} rows; there is nothing to compare")


def _means(residual: Array, chosen: NDArray[np.bool_], rows: Rows) -> tuple[Array, Array]:
    n = np.array([chosen[i].sum() for i in rows], dtype=float)
    total = np.array([residual[i][chosen[i]].sum() for i in rows])
    return np.where(n > 0, total / np.maximum(n, 1), np.nan), n


def _differences(means: ArmMeans) -> tuple[Array, Array]:
    """Differences of the clusters with both arms, and their precision weights."""
    k = means.paired
    if k.sum() < 2:
        raise ValueError(f"{int(k.sum())} of {len(k)} clusters have both arms; needs 2 or more (see unpaired_t)")
    weights = 1 / (1 / means.n_treated[k] + 1 / means.n_control[k])
    return means.treated[k] - means.control[k], weights


def _weighted_mean(d: Array, w: Array) -> tuple[float, float]:
    mean = float(np.average(d, weights=w))
    square = float(w @ (d - mean) ** 2) / (len(d) - 1)
    return mean, float(np.sqrt(square / w.sum()))


def _doubled_ranks(d: Array) -> NDArray[np.int64]:
    """Twice the mid-ranks of |d|: whole numbers also with ties."""
    size = np.abs(d)
    below = (size[None, :] < size[:, None]).sum(axis=1)
    equal = (size[None, :] == size[:, None]).sum(axis=1)
    return np.asarray(2 * below + equal + 1, dtype=np.int64)


def _sign_distribution(ranks: NDArray[np.int64]) -> Array:
    """Probabilities of every sum of `ranks` over independent fair inclusions."""
    probability = np.ones(1)
    for rank in ranks:
        shifted = np.concatenate([np.zeros(rank), probability])
        probability = (np.concatenate([probability, np.zeros(rank)]) + shifted) / 2
    return probability


def _signed_rank_p(d: Array) -> float:
    if not len(d):
        return 1.0
    ranks = _doubled_ranks(d)
    probability = _sign_distribution(ranks)
    v = int(ranks[d > 0].sum())
    return min(1.0, 2 * min(float(probability[: v + 1].sum()), float(probability[v:].sum())))


def _walsh_limits(walsh: Array, n: int, level: float) -> tuple[float, float]:
    """The k-th Walsh averages from either end, k - 1 the largest count with P(V <= k - 1) <= (1 - level)/2."""
    cumulative = np.cumsum(_sign_distribution(np.arange(1, n + 1)))
    k = int((cumulative <= (1 - level) / 2).sum())
    return (float(walsh[k - 1]), float(walsh[-k])) if k else (-np.inf, np.inf)


def _own_coefficient(x: Array, y: Array, column: int) -> float | None:
    """The coefficient of one column within a cluster, None where the other columns determine it."""
    others = np.delete(x, column, axis=1)
    own = x[:, column]
    if not len(others[0]):
        rest, left = own, y
    else:
        fitted = np.linalg.lstsq(others, np.column_stack([own, y]), rcond=None)[0]
        rest, left = (np.column_stack([own, y]) - others @ fitted).T
    free = float(rest @ rest) > 1e-18 * float(own @ own)
    return float(rest @ left / (rest @ rest)) if free and len(y) > 1 else None
