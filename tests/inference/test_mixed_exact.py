"""The exact interval of the intraclass correlation: a closed form, its definition, and how often it holds the truth."""

from __future__ import annotations

import os

import numpy as np
import pytest
from scipy import stats

from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.mixed import fit_mixed
from mtb_eval.inference.mixed_exact import exact_icc

SIZES = np.array([3, 5, 8, 12, 16, 21, 25, 30, 40, 55])
FULL = bool(os.environ.get("MTB_EVAL_FULL"))


def _one_way(rng, k=8, n=6, sd=0.6):
    groups = np.repeat(np.arange(k), n)
    return sd * rng.standard_normal(k)[groups] + rng.standard_normal(k * n), groups


def test_a_balanced_one_way_layout_has_the_closed_form():
    """Searle, Casella and McCulloch (1992, section 3.6): (F / F_q - 1) / (F / F_q - 1 + n)."""
    y, groups = _one_way(np.random.default_rng(1), sd=2.0)
    k, n = 8, 6
    means = y.reshape(k, n).mean(1)
    between = n * np.sum((means - y.mean()) ** 2) / (k - 1)
    within = np.sum((y.reshape(k, n) - means[:, None]) ** 2) / (k * (n - 1))
    found = exact_icc(fit_mixed(cross_products(np.ones((k * n, 1)), y, groups)), level=0.9)
    ratios = [between / within / stats.f.ppf(tail, k - 1, k * (n - 1)) for tail in (0.95, 0.05)]
    assert found.ci_low == pytest.approx((ratios[0] - 1) / (ratios[0] - 1 + n), rel=1e-9)
    assert found.ci_high == pytest.approx((ratios[1] - 1) / (ratios[1] - 1 + n), rel=1e-9)
    assert found.p == pytest.approx(stats.f.sf(between / within, k - 1, k * (n - 1)), rel=1e-9)
    assert found.df == k * (n - 1)


def test_at_an_end_of_the_interval_generalised_least_squares_gives_the_quantile():
    """By dense matrices: Q(theta) is the whitened residual sum of squares less the sum of squares within clusters."""
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(10), SIZES)
    n = groups.size
    x = np.column_stack([np.ones(n), rng.random(n) < 0.7, rng.standard_normal(n)])
    y = 0.7 * rng.standard_normal(10)[groups] + rng.standard_normal(n) + x @ [1, 0.3, 0.5]
    found = exact_icc(fit_mixed(cross_products(x, y, groups)))
    z = (groups[:, None] == np.arange(10)).astype(float)
    both = np.column_stack([x, z])
    within = y @ (y - both @ np.linalg.lstsq(both, y, rcond=None)[0])
    k = np.linalg.matrix_rank(both) - 3
    f_df = n - 3 - k
    for icc, tail in ((found.ci_low, 0.975), (found.ci_high, 0.025)):
        root = np.linalg.inv(np.linalg.cholesky(np.eye(n) + icc / (1 - icc) * z @ z.T))
        xs, ys = root @ x, root @ y
        total = ys @ (ys - xs @ np.linalg.lstsq(xs, ys, rcond=None)[0])
        assert (total - within) / k / (within / f_df) == pytest.approx(stats.f.ppf(tail, k, f_df), rel=1e-8)
    assert found.ci_low < found.estimate < found.ci_high


@pytest.mark.parametrize("icc", [0.0, 0.05, 0.3])
def test_the_interval_holds_the_true_correlation_as_often_as_it_says(icc):
    """Ten clusters as unequal as the municipalities, a covariate and an arm; within 3.5 Monte-Carlo errors of 90 %."""
    repetitions = 4000 if FULL else 800
    rng = np.random.default_rng(int(1000 * icc) + 3)
    groups = np.repeat(np.arange(10), SIZES)
    x = np.column_stack([np.ones(groups.size), groups < 7, rng.standard_normal(groups.size)])
    shift = np.sqrt(icc) * rng.standard_normal((repetitions, 10))[:, groups]
    y = shift + np.sqrt(1 - icc) * rng.standard_normal((repetitions, groups.size))
    found = exact_icc(fit_mixed(cross_products(x, y, groups)), level=0.9)
    held = (found.ci_low <= icc) & (icc <= found.ci_high)
    expected = 0.95 if icc == 0 else 0.9  # at 0 only the lower end can miss
    assert held.mean() == pytest.approx(expected, abs=3.5 * np.sqrt(expected * (1 - expected) / repetitions))


def test_clusters_less_alike_than_chance_give_zero():
    y = np.tile([-1.0, 0.0, 1.0], 6) + np.repeat([0.0, 1e-3, 0.0, -1e-3, 0.0, 0.0], 3)
    found = exact_icc(fit_mixed(cross_products(np.ones((18, 1)), y, np.repeat(np.arange(6), 3))))
    assert (found.estimate, found.ci_low, found.ci_high) == (0, 0, 0)
    assert found.p == pytest.approx(1.0, abs=1e-4)


def test_an_outcome_that_cannot_be_fitted_stays_missing():
    rng = np.random.default_rng(5)
    good, groups = _one_way(rng)
    y = np.stack([good, groups.astype(float)])
    found = exact_icc(fit_mixed(cross_products(np.ones((48, 1)), y, groups)))
    assert np.isfinite(found.ci_high[0])
    assert np.isnan([found.ci_low[1], found.ci_high[1], found.p[1], found.df[1]]).all()
