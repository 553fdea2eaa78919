"""Bounds: the hand example of trimming, brute force for the worst case, the equation of Imbens and Manski."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mtb_eval.inference.bounds import imbens_manski, lee_weights, trimming_weights, worst_case


def bounds(y: np.ndarray, treated: np.ndarray, response: tuple[float, float]) -> list[float]:
    """Differences in weighted means."""
    means = [
        [np.average(y[treated == a], weights=w[treated == a]) for a in (1, 0)]
        for w in lee_weights(y, treated, response)
    ]
    return [m[0] - m[1] for m in means]


def test_trimming_by_hand():
    """Treated 1..5 all observed, 3 of 5 controls: keep 60 % of the treated, whose mean is then 2 or 4."""
    y, treated = np.array([1.0, 2, 3, 4, 5, 0, 0, 0]), np.array([1, 1, 1, 1, 1, 0, 0, 0])
    np.testing.assert_allclose(bounds(y, treated, (1.0, 0.6)), [2.0, 4.0])


def test_the_arm_that_responds_more_is_trimmed():
    y, treated = np.array([1.0, 2, 3, 4, 5, 0, 0, 0]), np.array([0, 0, 0, 0, 0, 1, 1, 1])
    np.testing.assert_allclose(bounds(y, treated, (0.6, 1.0)), [-4.0, -2.0])


def test_equal_response_trims_nothing():
    y, treated = np.arange(8.0), np.array([0, 1] * 4)
    np.testing.assert_allclose(bounds(y, treated, (0.5, 0.5)), [1.0, 1.0])


def test_values_on_the_edge_are_kept_in_part_and_alike():
    """Half of 3 values is 1.5: the 2 equal lowest count three quarters each."""
    np.testing.assert_allclose(trimming_weights(np.array([1.0, 9, 1]), 0.5, "lowest"), [0.75, 0, 0.75])
    np.testing.assert_allclose(trimming_weights(np.array([1.0, 9, 1]), 0.5, "highest"), [0.25, 1, 0.25])


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.floats(0, 1))
def test_trimming_keeps_the_share_and_bounds_every_other_choice(values, share):
    y = np.array(values, dtype=float)
    low, high = trimming_weights(y, share, "lowest"), trimming_weights(y, share, "highest")
    assert low.sum() == pytest.approx(share * y.size)
    assert high.sum() == pytest.approx(share * y.size)
    assert low @ y <= share * y.sum() + 1e-9 <= high @ y + 2e-9
    shuffled = np.random.default_rng(1).permutation(y.size)
    np.testing.assert_allclose(trimming_weights(y[shuffled], share, "lowest"), low[shuffled])


def test_a_share_outside_0_and_1_is_refused():
    with pytest.raises(ValueError, match="must lie in"):
        trimming_weights(np.ones(3), 1.2, "lowest")


def test_worst_case_is_the_extreme_of_all_fillings():
    rng = np.random.default_rng(3)
    values = np.array([1.0, 0, 1, np.nan, np.nan, np.nan, np.nan])
    slopes = rng.normal(size=7)
    every = np.array(np.meshgrid(*[[0.0, 1.0]] * 4)).reshape(4, -1).T
    sums = [slopes @ np.concatenate([values[:3], filling]) for filling in every]
    least, greatest = worst_case(values, slopes, (0.0, 1.0))
    assert slopes @ least == pytest.approx(min(sums))
    assert slopes @ greatest == pytest.approx(max(sums))


def test_without_width_the_interval_is_two_sided():
    half = 0.5 * stats.t.ppf(0.975, 6)
    np.testing.assert_allclose(imbens_manski((1.0, 1.0), (0.5, 0.5), 6.0, 0.95), [1 - half, 1 + half], rtol=1e-9)


def test_with_much_width_each_end_is_one_sided():
    low, high = imbens_manski((0.0, 50.0), (0.5, 1.0), np.inf, 0.95)
    assert low == pytest.approx(-0.5 * 1.6448536, rel=1e-6)
    assert high == pytest.approx(50 + 1.6448536, rel=1e-6)


def test_the_equation_holds_between():
    se, df = (0.4, 0.7), 5.0
    low, high = imbens_manski((0.0, 0.9), se, df, 0.95)
    c = -low / se[0]
    assert (high - 0.9) / se[1] == pytest.approx(c)
    assert stats.t.cdf(c + 0.9 / 0.7, df) - stats.t.cdf(-c, df) == pytest.approx(0.95, abs=1e-9)


def test_an_unknown_error_gives_no_interval():
    assert np.isnan(imbens_manski((0.0, 1.0), (np.nan, 1.0), 5.0, 0.95)).all()
