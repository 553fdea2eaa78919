"""The largest |t| of many: by brute force, and as single-step Romano-Wolf."""

import numpy as np
import pytest

from mtb_eval.inference.max_t import largest, max_t_critical, max_t_p
from mtb_eval.inference.multiplicity import romano_wolf

RNG = np.random.default_rng(3)
DRAWN = RNG.standard_normal((6, 512))
T = np.array([0.3, -2.4, 1.1, 2.2, -0.2, 0.9])


@pytest.mark.parametrize("exact", [True, False])
def test_p_of_the_largest_is_the_smallest_romano_wolf_p(exact):
    assert max_t_p(T, DRAWN, exact=exact) == pytest.approx(romano_wolf(T, DRAWN, exact=exact).min(), abs=1e-15)


def test_p_by_counting():
    tops = [max(abs(v) for v in DRAWN[:, k]) for k in range(DRAWN.shape[1])]
    assert max_t_p(T, DRAWN, exact=True) == sum(v >= 2.4 for v in tops) / 512


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
@pytest.mark.parametrize("exact", [True, False])
def test_the_critical_value_is_exceeded_exactly_when_p_is_small(level, exact):
    critical = max_t_critical(DRAWN, level=level, exact=exact)
    for size in np.concatenate([[critical * 0.999, critical * 1.001], np.linspace(0.1, 5, 50)]):
        p = max_t_p(np.array([size]), DRAWN[:1] * 0 + largest(DRAWN), exact=exact)
        assert (p <= 1 - level + 1e-12) == (size > critical)


def test_statistics_without_a_value_are_left_out_of_both():
    t, drawn = np.append(T, np.nan), np.vstack([DRAWN, np.full(512, 99.0)])
    assert max_t_p(t, drawn, exact=True) == max_t_p(T, DRAWN, exact=True)
    assert np.isnan(max_t_p(np.array([np.nan]), DRAWN[:1], exact=True))
    assert np.isnan(max_t_critical(DRAWN[:0], level=0.95, exact=True))


def test_too_few_draws_for_the_level_give_an_unbounded_band():
    assert max_t_critical(DRAWN[:, :10], level=0.95, exact=False) == np.inf
    assert np.isfinite(max_t_critical(DRAWN[:, :19], level=0.95, exact=False))
