"""One Gibbs step of tied regressions: priors, posterior moments, limits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from mtb_eval.inference.tied_regression import (
    RESIDUAL_DF,
    RESIDUAL_VARIANCE,
    ArmData,
    draw_slopes,
    draw_variance,
    predict,
    tied_root,
)

M = 4000


@pytest.fixture
def data():
    rng = np.random.default_rng(7)
    n = 40
    fixed = np.column_stack([np.ones(n), rng.normal(size=n)])
    varying = np.broadcast_to(rng.normal(size=(1, 1, n)), (1, M, n))
    y = fixed @ [0.2, 0.5] + 0.7 * varying[0, 0] + rng.normal(size=n)
    return ArmData(fixed=fixed, varying=varying, y=np.broadcast_to(y, (M, n)))


def columns(data: ArmData) -> np.ndarray:
    return np.column_stack([data.fixed, data.varying[0, 0]])


def covariance(slope: float, tie: float, n_arms: int) -> np.ndarray:
    root = tied_root(np.array([slope]), np.array([tie]), n_arms)[0]
    return np.linalg.inv(root @ root)


@pytest.mark.parametrize("n_arms", [2, 3])
def test_prior_covariance_is_as_declared(n_arms):
    """The mean of the slopes has SD slope, the difference of any two SD tie, and they are independent."""
    v = covariance(0.4, 0.1, n_arms)
    mean = np.full(n_arms, 1 / n_arms)
    assert mean @ v @ mean == pytest.approx(0.4**2)
    for a, b in itertools.combinations(range(n_arms), 2):
        difference = np.eye(n_arms)[a] - np.eye(n_arms)[b]
        assert difference @ v @ difference == pytest.approx(0.1**2)
        assert mean @ v @ difference == pytest.approx(0.0, abs=1e-15)


def test_infinite_sd_are_no_prior():
    assert not tied_root(np.array([np.inf]), np.array([np.inf]), 2).any()


def test_slopes_are_drawn_from_the_conjugate_posterior(data):
    """Mean and covariance of 4000 draws for two arms against the formula, within Monte-Carlo error."""
    other = ArmData(fixed=data.fixed[:15], varying=data.varying[..., :15], y=data.y[:, :15] + 1)
    root = tied_root(np.array([np.inf, 0.5, 0.3]), np.array([np.inf, 0.2, 0.1]), 2)
    variance = np.array([0.6, 1.4])
    precision = np.zeros((2, 3, 2, 3))
    right = np.zeros((2, 3))
    for a, arm in enumerate((data, other)):
        x = columns(arm)
        precision[a, :, a, :] += x.T @ x / variance[a]
        right[a] = x.T @ arm.y[0] / variance[a]
    for j in range(3):
        precision[:, j, :, j] += root[j] @ root[j]
    posterior = np.linalg.inv(precision.reshape(6, 6))
    centre = posterior @ right.ravel()
    mean, drawn = draw_slopes([data, other], np.tile(variance, (M, 1)), root, np.random.default_rng(1))
    np.testing.assert_allclose(mean.reshape(M, 6), np.broadcast_to(centre, (M, 6)), rtol=1e-9)
    deviation = drawn.reshape(M, 6) - centre
    assert np.abs(deviation.mean(axis=0) / np.sqrt(np.diag(posterior) / M)).max() < 4
    whitened = np.cov(deviation @ np.linalg.cholesky(np.linalg.inv(posterior)), rowvar=False)
    assert np.abs(whitened - np.eye(6)).max() < 5 * np.sqrt(2 / M)


def test_residual_variance_is_scaled_inverse_chi_squared(data):
    slopes = np.broadcast_to([0.2, 0.5, 0.7], (M, 3))
    squares = np.sum((data.y[0] - columns(data) @ slopes[0]) ** 2)
    drawn = draw_variance(data, slopes, np.random.default_rng(2))
    scaled = (RESIDUAL_DF * RESIDUAL_VARIANCE + squares) / drawn
    assert stats.kstest(scaled, stats.chi2(RESIDUAL_DF + 40).cdf).pvalue > 1e-4


def test_prediction_is_the_product_with_the_slopes(data):
    slopes = np.random.default_rng(3).normal(size=(M, 3))
    np.testing.assert_allclose(predict(data.fixed, data.varying, slopes), slopes @ columns(data).T, rtol=1e-10)


def test_undetermined_slopes_are_an_error(data):
    twice = ArmData(fixed=np.ones((40, 2)), varying=data.varying, y=data.y)
    with pytest.raises(np.linalg.LinAlgError):
        draw_slopes([twice], np.ones((M, 1)), np.zeros((3, 1, 1)), np.random.default_rng(4))
