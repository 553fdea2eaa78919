"""Two-stage cluster means, the exact signed rank, Ibragimov-Mueller."""

from __future__ import annotations

import csv
import os
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator, default_rng
from scipy import stats

from mtb_eval.inference.cluster_level import (
    ArmMeans,
    arm_means,
    ibragimov_mueller,
    paired_t,
    signed_rank,
    signed_rank_statistic,
    unpaired_t,
)

REFERENCE = Path(__file__).parents[1] / "reference"
LONG = bool(os.environ.get("MTB_EVAL_FULL"))


def table(name: str) -> dict[str, np.ndarray]:
    with (REFERENCE / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {k: np.array([r[k] for r in rows]) for k in rows[0]}


def differences(*values: float) -> ArmMeans:
    d = np.array(values)
    return ArmMeans(treated=d, control=np.zeros(len(d)), n_treated=np.full(len(d), 3.0), n_control=np.full(len(d), 2.0))


def test_check_numbers_of_mtbtoy() -> None:
    d = table("mtbtoy")
    x = np.column_stack([np.ones(170), *(d[c].astype(float) for c in ("y0", "x", "cal"))])
    x[:, 3] -= 2020
    means = arm_means(d["y"].astype(float), d["treat"].astype(float), d["muni"], covariates=x)
    e, rank = paired_t(means), signed_rank(means)
    np.testing.assert_allclose([e.estimate / e.se, e.df, e.p], [0.89451, 9, 0.39434], rtol=1e-5)
    assert signed_rank_statistic(means) == 35
    np.testing.assert_allclose(rank.p, 0.4921875, rtol=1e-12)


def test_the_paired_t_is_that_of_the_differences() -> None:
    means = differences(0.4, -0.2, 0.9, 0.3, 0.1)
    e, theirs = paired_t(means), stats.ttest_1samp(means.treated, 0)
    np.testing.assert_allclose([e.estimate / e.se, e.p], [theirs.statistic, theirs.pvalue], rtol=1e-12)
    interval = theirs.confidence_interval()
    np.testing.assert_allclose([e.ci_low, e.ci_high], [interval.low, interval.high], rtol=1e-12)


def test_precision_weights_are_equal_weights_where_clusters_have_the_same_sizes() -> None:
    means = differences(0.4, -0.2, 0.9, 0.3, 0.1)
    a, b = paired_t(means), paired_t(means, "precision")
    np.testing.assert_allclose([b.estimate, b.se, b.p], [a.estimate, a.se, a.p], rtol=1e-12)


def brute_force_p(d: np.ndarray) -> float:
    d = d[d != 0]
    ranks = stats.rankdata(np.abs(d))
    v = ranks[d > 0].sum()
    sums = np.array([ranks[np.array(s, dtype=bool)].sum() for s in product((0, 1), repeat=len(d))])
    return float(min(1.0, 2 * min((sums <= v + 1e-9).mean(), (sums >= v - 1e-9).mean())))


@pytest.mark.parametrize("seed", range(8))
def test_signed_rank_against_every_sign_with_ties_and_zeros(seed: int) -> None:
    d = default_rng(seed).integers(-4, 5, 9) / 4
    found = signed_rank(differences(*d))
    np.testing.assert_allclose(found.p, brute_force_p(d), rtol=1e-12)
    assert bool((d == 0).any()) == ("differences of 0" in found.warning)


def test_signed_rank_as_scipy_without_ties() -> None:
    d = default_rng(1).normal(0.4, 1, 12)
    theirs = stats.wilcoxon(d, method="exact")
    np.testing.assert_allclose(signed_rank(differences(*d)).p, theirs.pvalue, rtol=1e-12)


def test_the_hodges_lehmann_interval_inverts_the_test() -> None:
    d = default_rng(2).normal(0.3, 1, 10)
    e = signed_rank(differences(*d))
    width = 1e-6
    for end, inward in ((float(e.ci_low), 1), (float(e.ci_high), -1)):
        assert signed_rank(differences(*(d - end - inward * width))).p > 0.05
        assert signed_rank(differences(*(d - end + inward * width))).p <= 0.05


def test_too_few_clusters_for_the_level_leave_an_unbounded_interval() -> None:
    e = signed_rank(differences(0.1, 0.2, 0.3, 0.4, 0.5))
    assert (float(e.p), float(e.ci_low), float(e.ci_high)) == (2 / 32, -np.inf, np.inf)
    assert signed_rank(differences(0.0, 0.0)).p == 1


def test_unpaired_is_the_two_sample_t_of_cluster_means() -> None:
    rng = default_rng(3)
    cluster = np.repeat(np.arange(8), rng.integers(2, 7, 8))
    treat = (cluster < 3).astype(float)
    y = rng.normal(size=len(cluster)) + treat
    e = unpaired_t(arm_means(y, treat, cluster))
    means = np.array([y[cluster == g].mean() for g in range(8)])
    theirs = stats.ttest_ind(means[:3], means[3:])
    np.testing.assert_allclose([e.estimate / e.se, e.p, e.df], [theirs.statistic, theirs.pvalue, 6], rtol=1e-10)


def test_specific_effects_without_covariates_are_the_paired_differences() -> None:
    rng = default_rng(4)
    cluster, treat = np.repeat(np.arange(6), 10), np.tile([0.0, 1.0], 30)
    y = rng.normal(size=60)
    own = ibragimov_mueller(np.column_stack([np.ones(60), treat]), y, cluster, column=1)
    paired = paired_t(arm_means(y, treat, cluster))
    np.testing.assert_allclose([own.estimate, own.se, own.p], [paired.estimate, paired.se, paired.p], rtol=1e-10)


def test_clusters_that_cannot_say_are_left_out_and_counted() -> None:
    rng = default_rng(5)
    cluster, treat = np.repeat(np.arange(6), 10), np.tile([0.0, 1.0], 30)
    treat[cluster == 2] = 1.0
    y = rng.normal(size=60)
    x = np.column_stack([np.ones(60), treat])
    kept = cluster != 2
    own, rest = ibragimov_mueller(x, y, cluster, column=1), ibragimov_mueller(x[kept], y[kept], cluster[kept], column=1)
    np.testing.assert_allclose([own.estimate, own.p], [rest.estimate, rest.p], rtol=1e-12)
    assert own.df == 4
    assert own.warning.startswith("1 clusters cannot")
    for function in (paired_t, signed_rank):
        assert "1 clusters have only one arm" in function(arm_means(y, treat, cluster)).warning


@pytest.mark.parametrize("weights", ["equal", "precision"])
def test_row_order_labels_and_units_do_not_matter(weights: Any) -> None:
    rng = default_rng(6)
    cluster, treat, y = rng.integers(0, 7, 90), rng.integers(0, 2, 90), rng.normal(size=90)
    x = np.column_stack([np.ones(90), rng.normal(size=90)])
    order = rng.permutation(90)
    names = np.array([f"town {9 - c}" for c in cluster])
    a = paired_t(arm_means(y, treat, cluster, covariates=x), weights)
    b = paired_t(arm_means(50 * y[order] - 3, treat[order], names[order], covariates=x[order] * [1, 7]), weights)
    np.testing.assert_allclose([b.estimate, b.se], [50 * a.estimate, 50 * a.se], rtol=1e-9)
    np.testing.assert_allclose(b.p, a.p, rtol=1e-9)


def null_study(rng: Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ten unequal clusters with both arms, cluster effects, effects that differ but average to none."""
    cluster = np.repeat(np.arange(10), np.arange(8, 28, 2))
    treat = (rng.random(len(cluster)) < 0.7).astype(float)
    own = rng.normal(size=(2, 10)) * [[0.3], [0.25]]
    return own[0][cluster] + own[1][cluster] * treat + rng.normal(size=len(cluster)), treat, cluster


def test_size_with_effects_that_differ_between_clusters() -> None:
    """The unweighted cluster-level tests hold 5 %, to within Monte-Carlo error (peers: 4.2 to 4.4 %)."""
    reps = 5000 if LONG else 500
    rng = default_rng(20240607)
    hits = np.zeros(2)
    for _ in range(reps):
        means = arm_means(*null_study(rng))
        hits += [paired_t(means).p < 0.05, signed_rank(means).p < 0.05]
    error = 3 * np.sqrt(0.05 * 0.95 / reps)
    assert abs(hits[0] / reps - 0.05) < 0.01 + error
    assert abs(hits[1] / reps - 0.05) < 0.01 + error


def test_refusals() -> None:
    rng = default_rng(7)
    cluster, treat, y = np.repeat(np.arange(5), 4), np.tile([0.0, 1.0], 10), rng.normal(size=20)
    with pytest.raises(ValueError, match="20 values that are not 0 or 1"):
        arm_means(y, treat + 5, cluster)
    with pytest.raises(ValueError, match="treat is 1 in all 20 rows"):
        arm_means(y, np.ones(20), cluster)
    with pytest.raises(ValueError, match="at least 2 clusters"):
        arm_means(y, treat, np.zeros(20))
    with pytest.raises(ValueError, match="5 clusters have both arms; use paired_t"):
        unpaired_t(arm_means(y, treat, cluster))
    between = arm_means(y, (cluster < 2).astype(float), cluster)
    with pytest.raises(ValueError, match="0 of 5 clusters have both arms"):
        paired_t(between)
    with pytest.raises(ValueError, match="in 0 of 5 clusters"):
        ibragimov_mueller(np.column_stack([np.ones(20), cluster < 2]), y, cluster, column=1)
