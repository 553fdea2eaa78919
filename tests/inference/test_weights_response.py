"""Response weights: statsmodels' logit, a general optimiser, and sums that are known."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, special

from mtb_eval.inference.response_weights import effective_size, response_weights, ridge_logit


@pytest.fixture
def data():
    rng = np.random.default_rng(12)
    x = np.column_stack([np.ones(200), rng.normal(size=(200, 3))])
    responded = (rng.random(200) < special.expit(x @ [0.3, 0.8, -0.5, 0.0])).astype(float)
    return x, responded


def test_without_a_prior_it_is_the_logit_of_statsmodels(data):
    x, responded = data
    expected = sm.Logit(responded, x).fit(disp=0, tol=1e-12).params
    np.testing.assert_allclose(ridge_logit(x, responded, np.full(4, np.inf)), expected, rtol=1e-8)


def test_with_a_prior_it_is_the_mode_of_the_posterior(data):
    x, responded = data
    sd = np.array([np.inf, 0.5, 0.2, 1.0])

    def less(b: np.ndarray) -> float:
        eta = x @ b
        return float(-(responded @ eta - np.logaddexp(0, eta).sum()) + 0.5 * np.sum((b / sd) ** 2))

    found = optimize.minimize(less, np.zeros(4), method="BFGS", options={"gtol": 1e-9})
    np.testing.assert_allclose(ridge_logit(x, responded, sd), found.x, atol=1e-6)


def test_many_fits_at_once_are_single_fits(data):
    x, responded = data
    sd = np.full(4, 0.7)
    used = np.random.default_rng(2).random((5, 200)) < 0.8
    together = ridge_logit(x, responded, sd, used=used)
    for rows, b in zip(used, together, strict=True):
        np.testing.assert_allclose(b, ridge_logit(x[rows], responded[rows], sd), rtol=1e-9)


def test_separation_is_finite_with_a_prior_and_an_error_without():
    x = np.column_stack([np.ones(20), np.arange(20.0) >= 12])
    responded = x[:, 1]
    assert np.isfinite(ridge_logit(x, responded, np.array([5.0, 1.0]))).all()
    with pytest.raises(ValueError, match="prior"):
        ridge_logit(x, responded, np.full(2, np.inf))


def test_weights_of_a_saturated_model_add_up_to_the_responders_of_each_arm():
    """Stabilised: responders of each stratum stand for its share of the arm, and the arm keeps its own number."""
    rng = np.random.default_rng(4)
    arm, stratum = rng.integers(2, size=400), rng.integers(2, size=400)
    responded = rng.random(400) < np.array([[0.3, 0.8], [0.6, 0.9]])[arm, stratum]
    x = np.eye(4)[2 * arm + stratum]
    chance = special.expit(x @ ridge_logit(x, responded.astype(float), np.full(4, np.inf)))
    weights = response_weights(chance, responded, arm, trim=0.0)
    for a in (0, 1):
        here = arm == a
        assert weights[here].sum() == pytest.approx(responded[here].sum())
        assert weights[here] @ stratum[here] / weights[here].sum() == pytest.approx(stratum[here].mean())
    assert not weights[~responded].any()


def test_weights_are_cut_at_their_quantiles():
    chance = np.linspace(0.02, 0.98, 101)
    weights = response_weights(chance, np.ones(101, dtype=bool), np.zeros(101), trim=0.05)
    raw = 1 / chance
    np.testing.assert_allclose(weights, np.clip(raw, *np.quantile(raw, [0.05, 0.95])))


def test_effective_size():
    assert effective_size(np.array([2.0, 2, 2, 0])) == 3
    assert effective_size(np.array([1.0, 3])) == pytest.approx(16 / 10)
    assert effective_size(np.zeros(3)) == 0
