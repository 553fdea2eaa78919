"""Spread of effects: metafor, statsmodels, likelihood by brute force, and its law under the model."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from mtb_eval.inference.heterogeneity import heterogeneity

R = json.loads((Path(__file__).parents[1] / "reference" / "made_trust.json").read_text())
Y, V = np.array(R["spread"]["y"]), np.array(R["spread"]["v"])
STUDIES = 4000 if os.environ.get("MTB_EVAL_FULL") else 200


def correlated() -> np.ndarray:
    return 0.3 * np.sqrt(np.outer(V, V)) + 0.7 * np.diag(V)


def test_independent_errors_are_those_of_metafor():
    h, r = heterogeneity(Y, V), R["spread"]
    found = [h.tau**2, h.tau_dl**2, h.mean, h.se, h.q, h.p]
    np.testing.assert_allclose(found, [r[k] for k in ("tau2_reml", "tau2_dl", "mean", "se", "q", "q_p")], rtol=1e-8)
    np.testing.assert_allclose([h.tau_low**2, h.tau_high**2], r["tau2_interval"], rtol=1e-5)


def test_correlated_errors_are_those_of_metafor():
    """rma.mv stops when its criterion moves by less than about 1e-8, which leaves tau right to about 1e-4."""
    h, r = heterogeneity(Y, correlated()), R["correlated"]
    np.testing.assert_allclose([h.tau**2, h.mean, h.se], [r["tau2"], r["mean"], r["se"]], rtol=1e-4)
    np.testing.assert_allclose(h.q, r["q"], rtol=1e-9)


def test_dersimonian_laird_and_q_are_those_of_statsmodels():
    other = combine_effects(Y, V, method_re="dl")
    h = heterogeneity(Y, V)
    np.testing.assert_allclose([h.tau_dl**2, h.q, h.i_squared], [other.tau2, other.q, other.i2], rtol=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_reml_is_the_top_of_the_restricted_likelihood(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(7, 7))
    v = root @ root.T + np.eye(7)
    e = rng.multivariate_normal(np.zeros(7), v + 2 * np.eye(7))
    contrasts = np.linalg.svd(np.ones((1, 7)))[2][1:]

    def value(tau):
        return stats.multivariate_normal(np.zeros(6), contrasts @ (v + tau**2 * np.eye(7)) @ contrasts.T).logpdf(
            contrasts @ e
        )

    best = max(value(t) for t in np.linspace(0, 15, 301))
    assert value(heterogeneity(e, v).tau) >= best - 1e-12


def test_equal_effects_have_no_spread_and_their_mean_is_generalised_least_squares():
    h = heterogeneity(np.full(5, 0.3), np.arange(1, 6.0))
    assert (h.q, h.tau, h.tau_low, h.tau_high, h.tau_dl, h.i_squared) == pytest.approx((0, 0, 0, 0, 0, 0))
    assert h.mean == pytest.approx(0.3)
    weights = np.linalg.inv(correlated())
    least = weights.sum(axis=0) @ Y / weights.sum()
    assert heterogeneity(Y + 100 * (least - Y), correlated() * 1e8).mean == pytest.approx(least)


def test_q_and_the_interval_of_tau_keep_their_levels():
    """Exact under the model: 5 % of Q tests reject, 95 % of the intervals hold tau."""
    rng = np.random.default_rng(20180601)
    v, tau = correlated(), 0.4
    root, true = np.linalg.cholesky(v), np.linalg.cholesky(v + tau**2 * np.eye(len(V)))
    held, rejected = 0, 0
    for _ in range(STUDIES):
        rejected += heterogeneity(root @ rng.normal(size=len(V)), v).p < 0.05
        h = heterogeneity(true @ rng.normal(size=len(V)), v)
        held += h.tau_low <= tau <= h.tau_high
    assert stats.binomtest(rejected, STUDIES, 0.05).pvalue > 1e-4
    assert stats.binomtest(held, STUDIES, 0.95).pvalue > 1e-4


def test_what_cannot_be_told_is_an_error():
    with pytest.raises(ValueError, match="2 or more"):
        heterogeneity([1.0], [1.0])
    with pytest.raises(ValueError, match="not finite"):
        heterogeneity([1.0, np.nan], [1.0, 1.0])
    with pytest.raises(ValueError, match="full rank"):
        heterogeneity([1.0, 2.0], np.ones((2, 2)))
