"""Tipping points where the answer is known by hand: shifts that move the estimate and not its variance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mtb_eval.inference.pooling import ShiftedPool, pool_at
from mtb_eval.inference.tipping import excess, first_change, frontier, nearest_change

LEVEL = 0.95


def known(estimate: float = 1.0, se: float = 0.2, m: int = 50) -> ShiftedPool:
    """An estimate that moves by the shift of MTB less that of controls; no variance between imputations, df 10."""
    within = np.zeros((3, 3))
    within[0, 0] = se**2
    return ShiftedPool(
        mean=np.array([estimate, 1.0, -1.0]), within=within, between=np.zeros((3, 3)), m=m, df_complete=10.0
    )


def half(se: float = 0.2) -> float:
    return float(stats.t.ppf(0.975, 11 / 13 * 10)) * se


def test_nearest_change_is_perpendicular_to_the_frontier():
    """The interval touches 0 where 1 + a - b = half: the nearest point lies at (-d, d) / 2 with d = 1 - half."""
    away = 1 - half()
    np.testing.assert_allclose(nearest_change(known(), 1.5, LEVEL), [-away / 2, away / 2], rtol=1e-4)


def test_shifts_of_one_arm_and_of_both():
    found = first_change(known(), np.array([[-1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), 1.5, LEVEL)
    np.testing.assert_allclose(found[:2], 1 - half(), rtol=1e-7)
    assert np.isnan(found[2])


def test_frontier_is_two_lines():
    steps = np.linspace(-2, 2, 41)
    points = frontier(known(), steps, steps, LEVEL)
    on_line = 1 + points[:, 0] - points[:, 1]
    np.testing.assert_allclose(np.abs(on_line), half(), rtol=1e-6)
    assert (on_line > 0).any()
    assert (on_line < 0).any()


def test_an_interval_with_0_tips_to_one_without():
    weak = known(estimate=0.1)
    assert excess(weak, np.zeros(2), LEVEL) < 0
    shift = nearest_change(weak, 1.5, LEVEL)
    assert excess(weak, shift * 1.001, LEVEL) > 0
    assert np.hypot(*shift) == pytest.approx((half() - 0.1) / np.sqrt(2), rel=1e-3)


def test_nothing_within_reach_is_nan():
    assert np.isnan(nearest_change(known(estimate=9.0), 1.5, LEVEL)).all()


def test_on_the_frontier_the_p_value_is_one_minus_the_level():
    rng = np.random.default_rng(8)
    root, spread = rng.normal(size=(3, 10)), rng.normal(size=(3, 30))
    pool = ShiftedPool(
        mean=np.array([0.8, 0.6, -0.7]), within=root @ root.T / 150, between=np.cov(spread) / 40, m=30, df_complete=6.5
    )
    found = pool_at(pool, nearest_change(pool, 3.0, LEVEL))
    p = 2 * stats.t.sf(abs(found.estimate) / np.sqrt(found.total), found.df)
    assert p == pytest.approx(0.05, abs=1e-8)
