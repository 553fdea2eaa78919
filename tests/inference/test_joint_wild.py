"""Joint draws: the same numbers as one outcome at a time, absent clusters, p of a draw."""

from __future__ import annotations

import numpy as np
import pytest

from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.draws import sign_draws
from mtb_eval.inference.joint_wild import chosen, joint_wild, stacked
from mtb_eval.inference.ols import column_contrast, ols
from mtb_eval.inference.specification_null import joint_null
from mtb_eval.inference.wild import wild_bootstrap

LABELS = np.array([f"K{i}" for i in range(8)])


def made(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    cluster = LABELS[rng.integers(0, 8, 120)]
    x = np.column_stack([rng.integers(0, 2, 120), np.ones(120), rng.normal(size=120)])
    y = rng.normal(size=(3, 120)) + 0.4 * x[:, 0]
    y[1, :20] = np.nan
    y[2, cluster == "K3"] = np.nan
    return x, y, cluster


@pytest.mark.parametrize("variant", ["wcr11", "wcr31"])
def test_each_row_is_the_bootstrap_of_that_outcome_alone(variant):
    x, y, cluster = made()
    fit = ols(cross_products(x, y, cluster), collinear="drop")
    joint = joint_wild(fit, column_contrast(fit, 0), sign_draws(8), LABELS, variant=variant)
    for i in range(3):
        seen = np.isfinite(y[i])
        alone = wild_bootstrap(
            cross_products(x[seen], y[i, seen], cluster[seen]), np.eye(3)[0], variant=variant, level=None
        )
        np.testing.assert_allclose([joint.estimate[i], joint.t[i]], [alone.estimate, alone.t], rtol=1e-9)
        assert joint.p[i] == alone.p


def test_a_cluster_without_rows_keeps_its_place_among_the_signs():
    """Left out of the rows altogether or missing its outcome: the same draws for the other clusters."""
    x, y, cluster = made(1)
    everyone = ols(cross_products(x, y, cluster), collinear="drop")
    seen = cluster != "K3"
    without = ols(cross_products(x[seen], y[2, seen], cluster[seen]))
    one = chosen(joint_wild(everyone, column_contrast(everyone, 0), sign_draws(8), LABELS), [2])
    two = joint_wild(without, column_contrast(without, 0), sign_draws(8), LABELS)
    np.testing.assert_allclose(one.drawn_t, two.drawn_t, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(one.drawn_estimate, two.drawn_estimate, rtol=1e-8, atol=1e-10)


def test_drawn_estimates_are_those_of_samples_with_turned_residuals():
    """WCR11: refit on restricted fitted values plus signed restricted residuals, draw by draw."""
    x, y, cluster = made(2)
    seen = np.isfinite(y[1])
    x, y, cluster = x[seen], y[1, seen], cluster[seen]
    fit = ols(cross_products(x, y, cluster))
    draws = sign_draws(8)
    joint = joint_wild(fit, column_contrast(fit, 0), draws, LABELS, variant="wcr11")
    restricted = x[:, 1:] @ np.linalg.lstsq(x[:, 1:], y, rcond=None)[0]
    signs = draws.weights[:, np.searchsorted(LABELS, cluster)]
    samples = restricted + signs * (y - restricted)
    refitted = np.linalg.lstsq(x, samples.T, rcond=None)[0][0]
    np.testing.assert_allclose(joint.drawn_estimate[0], refitted, rtol=1e-9, atol=1e-12)


def test_p_of_draws_is_the_rank_of_each_draw():
    x, y, cluster = made(3)
    fit = ols(cross_products(x, y, cluster), collinear="drop")
    joint = joint_wild(fit, column_contrast(fit, 0), sign_draws(8), LABELS)
    size = np.abs(joint.drawn_t[0])
    by_hand = [(size >= s * (1 - 1e-9)).mean() for s in size]
    np.testing.assert_allclose(joint.drawn_p[0], by_hand, rtol=1e-12)


def test_an_unknown_cluster_is_an_error():
    x, y, cluster = made()
    fit = ols(cross_products(x, y, cluster), collinear="drop")
    with pytest.raises(ValueError, match="1 clusters of the fit"):
        joint_wild(fit, column_contrast(fit, 0), sign_draws(7), LABELS[:7])


def test_joint_null_of_one_specification_with_a_symmetric_statistic():
    """One specification: the share is 1 or 0, and its p is that of the one test."""
    x, y, cluster = made(4)
    fit = ols(cross_products(x, y[:1], cluster))
    joint = joint_wild(fit, column_contrast(fit, 0), sign_draws(8), LABELS)
    level = float(joint.p[0]) + 1e-9
    found = joint_null(joint, significant=level)
    share_of_draws = (joint.drawn_p[0] < level).mean()
    assert (found.k, found.share) == (1, 1.0)
    assert found.p_share == pytest.approx(share_of_draws)
    assert found.p_median == pytest.approx(np.mean(np.abs(joint.drawn_estimate[0]) >= abs(joint.estimate[0])))


def test_turning_the_outcome_turns_the_median_and_leaves_p():
    x, y, cluster = made(5)
    fits = [ols(cross_products(x, s * y, cluster), collinear="drop") for s in (1, -1)]
    up, down = (joint_null(joint_wild(f, column_contrast(f, 0), sign_draws(8), LABELS), significant=0.1) for f in fits)
    assert up.median == pytest.approx(-down.median)
    assert (up.p_median, up.p_share, up.share) == (down.p_median, down.p_share, down.share)


def test_contrasts_that_cannot_be_estimated_are_left_out():
    x, y, cluster = made(6)
    fit = ols(cross_products(x, y, cluster), collinear="drop")
    good = joint_wild(fit, column_contrast(fit, 0), sign_draws(8), LABELS)
    doubled = ols(cross_products(np.column_stack([x[:, 1], x]), y[:1], cluster), collinear="drop")
    bad = joint_wild(doubled, column_contrast(doubled, 2), sign_draws(8), LABELS)
    assert np.isnan(bad.t).all()
    assert joint_null(stacked([good, bad]), significant=0.05).k == 3
    with pytest.raises(ValueError, match="no specification"):
        joint_null(bad, significant=0.05)
