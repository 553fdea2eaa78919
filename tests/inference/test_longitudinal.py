"""The constrained longitudinal model: theorems on complete data, generalised least squares, and missing at random."""

from __future__ import annotations

import os

import numpy as np
import pytest
from scipy import linalg

from mtb_eval.inference.estimating_equations import robust_estimate
from mtb_eval.inference.longitudinal import fit_longitudinal

LATER = np.array([False, True, True])


def _study(rng, n=160, effects=(0.3, 0.5)):
    """Three waves, ten places, one covariate; the arms equal before birth."""
    place = np.repeat(np.arange(10), n // 10)
    arm = (rng.random(n) < 0.6).astype(float)
    x = np.column_stack([np.eye(10)[place], rng.standard_normal(n)])
    root = np.linalg.cholesky(np.array([[1.0, 0.6, 0.5], [0.6, 1.2, 0.7], [0.5, 0.7, 1.5]]))
    y = rng.standard_normal((n, 3)) @ root.T + 0.2 * rng.standard_normal((10, 3))[place]
    y[:, 1:] += arm[:, None] * np.array(effects)
    return y, arm, x, place


def _least_squares(arm, y0, x, y):
    return np.linalg.lstsq(np.column_stack([arm, y0, x]), y, rcond=None)[0][0]


def test_complete_data_give_ancova_at_every_wave():
    """With the same columns at each wave the likelihood splits into y0 and y_t given y0."""
    y, arm, x, place = _study(np.random.default_rng(1))
    fit = fit_longitudinal(y, arm, x, place, arm_at=LATER)
    assert np.isnan(fit.effects[0])
    np.testing.assert_allclose(fit.effects[1:], [_least_squares(arm, y[:, 0], x, y[:, t]) for t in (1, 2)], atol=1e-8)


def test_missing_only_after_baseline_at_the_last_wave_of_two_still_gives_ancova():
    """Two waves, the second missing for some: those with a baseline alone only tell of the baseline."""
    y, arm, x, place = _study(np.random.default_rng(2))
    y = y[:, [0, 2]]
    y[np.random.default_rng(3).random(len(y)) < 0.4, 1] = np.nan
    fit = fit_longitudinal(y, arm, x, place, arm_at=np.array([False, True]))
    seen = np.isfinite(y[:, 1])
    assert fit.effects[1] == pytest.approx(_least_squares(arm[seen], y[seen, 0], x[seen], y[seen, 1]), abs=1e-7)


def test_free_baseline_on_complete_data_is_least_squares_wave_by_wave():
    y, arm, x, place = _study(np.random.default_rng(4))
    fit = fit_longitudinal(y, arm, x, place, arm_at=np.ones(3, dtype=bool))
    plain = np.linalg.lstsq(np.column_stack([arm, x]), y, rcond=None)[0][0]
    np.testing.assert_allclose(fit.effects, plain, atol=1e-9)


def test_incomplete_data_reach_the_maximum_of_the_likelihood():
    """The observed-data likelihood, written out family by family, is flat in the covariance and lower around it."""
    y, arm, x, place = _study(np.random.default_rng(5), n=40)
    x = np.column_stack([np.ones(len(x)), x[:, -1]])
    y[np.random.default_rng(6).random(y.shape) < 0.25] = np.nan
    fit = fit_longitudinal(y, arm, x, place, arm_at=LATER)
    best = _logs(fit.covariance)
    steps = 1e-4 * np.vstack([np.eye(6), -np.eye(6)])
    around = np.array([_deviance(best + step, y, arm, x) for step in steps])
    np.testing.assert_allclose((around[:6] - around[6:]) / 2e-4, 0, atol=2e-5)
    assert (around > _deviance(best, y, arm, x)).all()
    np.testing.assert_allclose(fit.effects[1:], _slopes(best, y, arm, x)[[4, 7]], atol=1e-9)


def test_scores_are_zero_and_shares_sum_to_nothing():
    y, arm, x, place = _study(np.random.default_rng(7))
    y[np.random.default_rng(8).random(y.shape) < 0.2] = np.nan
    fit = fit_longitudinal(y, arm, x, place, arm_at=LATER)
    score = sum(z.T @ r for z, r in zip(fit.equations.z, fit.equations.r, strict=True))
    assert np.abs(score).max() < 1e-6
    found = robust_estimate(fit.equations, fit.contrasts[2])
    assert found.estimate == pytest.approx(fit.effects[2])


def test_labels_order_and_unit_do_not_matter():
    y, arm, x, place = _study(np.random.default_rng(9))
    y[np.random.default_rng(10).random(y.shape) < 0.2] = np.nan
    order = np.random.default_rng(11).permutation(len(y))
    a = fit_longitudinal(y, arm, x, place, arm_at=LATER)
    b = fit_longitudinal(
        10 - 3 * y[order], arm[order], x[order], np.array([f"p{i}" for i in place[order]]), arm_at=LATER
    )
    one, two = (robust_estimate(f.equations, f.contrasts[2]) for f in (a, b))
    np.testing.assert_allclose([-3 * one.estimate, 3 * one.se, one.df], [two.estimate, two.se, two.df], rtol=1e-6)


def test_a_wave_where_care_cannot_be_told_from_place_is_nan():
    y, arm, x, place = _study(np.random.default_rng(12))
    y[arm == 0, 2] = np.nan
    fit = fit_longitudinal(y, arm, x, place, arm_at=LATER)
    assert np.isnan(fit.effects[2]) and np.isfinite(fit.effects[1])


def test_too_few_families_at_a_wave_is_an_error():
    y, arm, x, place = _study(np.random.default_rng(13))
    y[5:, 2] = np.nan
    with pytest.raises(ValueError, match="wave 3 has 5 families"):
        fit_longitudinal(y, arm, x, place, arm_at=LATER)


def test_unbiased_where_dropout_hangs_on_an_earlier_wave_and_ancova_is_not():
    """Families with a bad score at the second wave leave more often, in the arms unlike: missing at random for cLDA."""
    n = 400 if os.environ.get("MTB_EVAL_FULL") else 40
    rng = np.random.default_rng(14)
    errors = np.array([_one_dropout(rng) for _ in range(n)]) - 0.5
    mean, mcse = errors.mean(axis=0), errors.std(axis=0, ddof=1) / np.sqrt(n)
    assert abs(mean[0]) < 3.5 * mcse[0]
    assert abs(mean[1]) > 5 * mcse[1]


def _one_dropout(rng):
    y, arm, x, place = _study(rng, n=300)
    stays = rng.random(len(y)) < 1 / (1 + np.exp(-np.where(arm == 1, 2.0, -2.0) * (y[:, 1] - 0.3)))
    y[~stays, 2] = np.nan
    fit = fit_longitudinal(y, arm, x, place, arm_at=LATER)
    return fit.effects[2], _least_squares(arm[stays], y[stays, 0], x[stays], y[stays, 2])


def _covariance(log):
    lower = np.zeros((3, 3))
    lower[np.tril_indices(3)] = log
    lower[np.diag_indices(3)] = np.exp(np.diag(lower))
    return lower @ lower.T


def _logs(covariance):
    lower = np.linalg.cholesky(covariance)
    lower[np.diag_indices(3)] = np.log(np.diag(lower))
    return lower[np.tril_indices(3)]


def _blocks(log, y, arm, x):
    s = _covariance(log)
    for i in range(len(y)):
        o = np.flatnonzero(np.isfinite(y[i]))
        if len(o):
            full = linalg.block_diag(x[i][None], np.append(x[i], arm[i])[None], np.append(x[i], arm[i])[None])
            yield full[o], y[i, o], s[np.ix_(o, o)]


def _slopes(log, y, arm, x):
    """Generalised least squares; the arms stand at 4 and 7."""
    parts = list(_blocks(log, y, arm, x))
    a = sum(d.T @ np.linalg.solve(v, d) for d, _, v in parts)
    return np.linalg.solve(a, sum(d.T @ np.linalg.solve(v, e) for d, e, v in parts))


def _deviance(log, y, arm, x):
    b = _slopes(log, y, arm, x)
    total = 0.0
    for d, e, v in _blocks(log, y, arm, x):
        r = e - d @ b
        total += np.linalg.slogdet(v)[1] + r @ np.linalg.solve(v, r)
    return total
