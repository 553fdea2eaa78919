"""Agreement of coders on single ratings: weighted kappa and Krippendorff's alpha."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
Weights = Literal["none", "linear", "quadratic"]
Metric = Literal["nominal", "ordinal", "interval"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Kappa with its jackknife interval over videos; `observed` and `expected` weighted agreement; pairs of ratings."""

    value: float
    se: float
    ci_low: float
    ci_high: float
    observed: float
    expected: float
    n_pairs: int


def kappa(ratings: Array, *, weights: Weights = "quadratic", level: float = 0.95) -> Agreement:
    """Return weighted kappa of ratings (n videos, K coders), NaN where a coder did not rate.

    Two coders: Cohen (1968), doi 10.1037/h0026256. More: chance agreement is taken within each pair of coders,
    sum n_p (o_p - e_p) / sum n_p (1 - e_p). Standard error by the jackknife over videos, normal interval. Weights
    1 - (distance / largest distance)^2 if quadratic. Raises ValueError if no video has two
    ratings or all are alike.
    """
    table = np.asarray(ratings, dtype=float)
    values = np.unique(table[np.isfinite(table)])
    pairs = _pair_counts(table, values)
    if pairs.sum() == 0:
        raise ValueError("no video was rated by two coders")
    if len(values) < 2:
        raise ValueError("all ratings are alike: agreement beyond chance is not defined")
    w = _agreement_weights(values, weights)
    total = pairs.sum(axis=0)
    value, observed, expected = _kappa(total[None], w)
    without, times = _without_each_kind(pairs, total, w)
    n = float(times.sum())
    mean = float(times @ without) / n if n else np.nan
    se = float(np.sqrt((n - 1) / n * (times @ (without - mean) ** 2))) if n > 1 else np.nan
    half = float(stats.norm.ppf(0.5 + level / 2)) * se
    return Agreement(
        value=float(value[0]),
        se=se,
        ci_low=float(value[0]) - half,
        ci_high=float(value[0]) + half,
        observed=float(observed[0]),
        expected=float(expected[0]),
        n_pairs=int(total.sum()),
    )


def krippendorff_alpha(ratings: Array, metric: Metric) -> float:
    """Return Krippendorff's alpha of ratings (n units, K coders), NaN where a coder did not rate.

    1 - observed / expected disagreement over all pairs of ratings of one unit, each unit with m ratings weighing its
    pairs by 1 / (m - 1); units with one rating are left out. Krippendorff (2011),
    https://repository.upenn.edu/asc_papers/43. NaN if no two pairable ratings differ; ValueError if there are none.
    """
    table = np.asarray(ratings, dtype=float)
    values = np.unique(table[np.isfinite(table)])
    counts = (table[:, :, None] == values).sum(axis=1).astype(float)
    m = counts.sum(axis=1)
    counts, m = counts[m >= 2], m[m >= 2]
    if not len(m):
        raise ValueError("no unit was rated by two coders")
    together = (counts / (m - 1)[:, None]).T @ counts - np.diag((counts / (m - 1)[:, None]).sum(axis=0))
    margin = together.sum(axis=1)
    apart = _distance(values, margin, metric)
    n = margin.sum()
    expected = float(margin @ apart @ margin) / (n - 1)
    return 1 - float(np.sum(together * apart)) / expected if expected > 0 else float("nan")


def exact_agreement(ratings: Array, *, within: float = 0.0) -> float:
    """Return the share of pairs of ratings of one video (n, K) that differ by no more than `within`; NaN if none."""
    table = np.asarray(ratings, dtype=float)
    left, right = np.triu_indices(table.shape[1], 1)
    gap = np.abs(table[:, left] - table[:, right])
    known = gap[np.isfinite(gap)]
    return float(np.mean(known <= within)) if known.size else float("nan")


def _pair_counts(table: Array, values: Array) -> Array:
    """Return counts (n videos, pairs of coders, V, V)."""
    is_value = (table[:, :, None] == values).astype(float)
    left, right = np.triu_indices(table.shape[1], 1)
    return np.asarray(is_value[:, left, :, None] * is_value[:, right, None, :])


def _agreement_weights(values: Array, weights: Weights) -> Array:
    gap = np.abs(np.subtract.outer(values, values)) / (values[-1] - values[0])
    return np.asarray({"none": (gap == 0).astype(float), "linear": 1 - gap, "quadratic": 1 - gap**2}[weights])


def _kappa(counts: Array, w: Array) -> tuple[Array, Array, Array]:
    """Return kappa, observed and expected agreement (B,) of counts (B, pairs, V, V)."""
    n = counts.sum(axis=(-2, -1))
    observed = np.sum(counts * w, axis=(-2, -1))
    chance = np.einsum("bpi,ij,bpj->bp", counts.sum(axis=-1), w, counts.sum(axis=-2)) / np.maximum(n, 1)
    total, o, e = n.sum(axis=-1), observed.sum(axis=-1), chance.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (o - e) / (total - e), o / total, e / total


def _without_each_kind(pairs: Array, total: Array, w: Array) -> tuple[Array, Array]:
    """Return kappa without one video, for each kind of video, and how many videos are of the kind."""
    rated = pairs[pairs.sum(axis=(1, 2, 3)) > 0]
    kinds, times = np.unique(rated.reshape(len(rated), -1), axis=0, return_counts=True)
    value, _, _ = _kappa(total[None] - kinds.reshape(-1, *total.shape), w)
    known = np.isfinite(value)
    return np.asarray(value[known]), times[known].astype(float)


def _distance(values: Array, margin: Array, metric: Metric) -> Array:
    """Return squared distances (V, V) of the metric."""
    if metric == "nominal":
        return 1 - np.eye(len(values))
    place = values if metric == "interval" else np.cumsum(margin) - margin / 2
    return np.asarray(np.subtract.outer(place, place) ** 2)
