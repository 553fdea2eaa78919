"""Intervals by inversion: ends where p crosses alpha, holes, unbounded sets, tie rules, one side."""

from dataclasses import replace

import numpy as np
import pytest

from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.draws import random_draws, sign_draws
from mtb_eval.inference.inversion import Ratios, confidence_set
from mtb_eval.inference.wild import wild_bootstrap, wild_interval, wild_test
from mtb_eval.inference.wild_scores import VARIANTS, wild_scores


def make_scores(seed, variant, n_clusters=6, heavy=False):
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(n_clusters), rng.integers(3, 15, n_clusters))
    n = cluster.size
    x = np.column_stack([np.ones(n), rng.random(n) < 0.5, rng.standard_normal(n) + cluster])
    noise = rng.standard_t(2, n) if heavy else rng.standard_normal(n)
    y = noise + rng.standard_normal(n_clusters)[cluster] * (1 + x[:, 1])
    return wild_scores(cross_products(x, y, cluster), [0, 1, 0], variant=variant)


def p_at(scores, draws, nulls, strict=False, alternative="two-sided"):
    """p at each null value, by the test itself (the outcome repeated as a batch)."""
    fields = ("estimate", "se", "numerator", "numerator_x", "residual", "residual_x", "n_clusters")
    repeated = {k: np.repeat(getattr(scores, k)[None], len(nulls), axis=0) for k in fields}
    test = wild_test(replace(scores, **repeated), draws, null=np.array(nulls), alternative=alternative)
    return test.p_strict if strict else test.p


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("seed", range(3))
def test_p_crosses_alpha_at_both_ends(seed, variant, strict):
    scores, draws = make_scores(seed, variant), sign_draws(6)
    ends = wild_interval(scores, draws, level=0.85, strict=strict)
    gap = 1e-7 * scores.se
    inside = p_at(scores, draws, [ends.low + gap, ends.high - gap], strict)
    outside = p_at(scores, draws, [ends.low - gap, ends.high + gap], strict)
    assert (inside > 0.15).all()
    assert (outside <= 0.15).all()
    assert ends.low <= ends.part_low <= scores.estimate <= ends.part_high <= ends.high


@pytest.mark.parametrize("variant", ["wcr11", "wcr13", "wcr31", "wcr33"])
@pytest.mark.parametrize("seed", range(10, 16))
def test_the_set_is_what_a_fine_grid_of_null_values_finds(seed, variant):
    scores, draws = make_scores(seed, variant, n_clusters=5, heavy=True), sign_draws(5)
    level = 0.8
    found = wild_interval(scores, draws, level=level)
    grid = scores.estimate + scores.se * np.linspace(-12, 12, 961)
    kept = p_at(scores, draws, grid) > 1 - level
    assert not kept[(grid < found.low) | (grid > found.high)].any()
    assert kept[(grid > found.part_low) & (grid < found.part_high)].all()
    between = (grid > found.low) & (grid < found.high)
    assert found.disjoint or kept[between].all()
    assert found.disjoint == ((found.low, found.high) != (found.part_low, found.part_high))


def test_wcu_intervals_are_percentile_t_intervals():
    scores, draws = make_scores(3, "wcu11"), sign_draws(6)
    drawn = scores.numerator @ draws.weights.T / np.linalg.norm(scores.residual @ draws.weights.T, axis=0)
    critical = np.sort(np.abs(drawn))[::-1][int(np.floor(0.15 * 32))]
    found = wild_interval(scores, draws, level=0.85)
    expected = scores.estimate + np.array([-1, 1]) * critical * scores.se
    np.testing.assert_allclose([found.low, found.high], expected, rtol=1e-8)


@pytest.mark.parametrize("kind", ["webb", "mammen", "normal", "rademacher"])
def test_random_draws_have_intervals_that_their_own_p_confirms(kind):
    scores = make_scores(4, "wcr31")
    draws = random_draws(6, kind=kind, n_draws=299, rng=np.random.default_rng(5))
    found = wild_interval(scores, draws, level=0.9)
    gap = 1e-7 * scores.se
    assert (p_at(scores, draws, [found.low + gap, found.high - gap]) > 0.1).all()
    assert (p_at(scores, draws, [found.low - gap, found.high + gap]) <= 0.1).all()


@pytest.mark.parametrize("kind", ["rademacher", "mammen"])
@pytest.mark.parametrize("alternative", ["greater", "less"])
def test_one_sided_sets_have_one_end_where_the_one_sided_p_crosses(alternative, kind):
    scores = make_scores(5, "wcr31")
    draws = random_draws(6, kind=kind, n_draws=199, rng=np.random.default_rng(6))
    found = wild_interval(scores, draws, level=0.9, alternative=alternative)
    greater = alternative == "greater"
    end, open_end = (found.low, found.high) if greater else (found.high, found.low)
    assert open_end == (np.inf if greater else -np.inf)
    inward = 1e-7 * scores.se * (1 if greater else -1)
    assert p_at(scores, draws, [end + inward], alternative=alternative) > 0.1
    assert p_at(scores, draws, [end - inward], alternative=alternative) <= 0.1


def test_one_sided_ends_over_all_signs_are_two_sided_ends_at_twice_alpha():
    scores, draws = make_scores(6, "wcr33"), sign_draws(6)
    two = wild_interval(scores, draws, level=0.8)
    lower = wild_interval(scores, draws, level=0.9, alternative="greater")
    upper = wild_interval(scores, draws, level=0.9, alternative="less")
    np.testing.assert_allclose([lower.low, upper.high], [two.low, two.high], rtol=1e-9)


@pytest.mark.parametrize("variant", ["wcr11", "wcr13"])
def test_a_level_that_the_draws_cannot_reach_gives_the_whole_line(variant):
    rng = np.random.default_rng(7)
    cluster = np.repeat(np.arange(5), 10)
    x = np.column_stack([np.ones(50), rng.random(50) < 0.5])
    cross = cross_products(x, rng.standard_normal(50), cluster)
    result = wild_bootstrap(cross, [0, 1], variant=variant, level=0.95)  # the smallest p is 2/32
    assert result.ci_open
    assert (result.ci_low, result.ci_high) == (-np.inf, np.inf)
    far = result.estimate + result.se * np.array([-1e5, 1e5])
    assert all(wild_bootstrap(cross, [0, 1], variant=variant, null=r, level=None).p == 2 / 32 for r in far)
    assert "the confidence set is unbounded for 1 of 1 outcomes" in result.warning
    reached = wild_bootstrap(cross, [0, 1], variant=variant, level=0.9)
    assert not reached.ci_open


def one_draw(a0, a1, q0, q1, q2):
    return Ratios(**{k: np.array([v], dtype=float) for k, v in locals().items()})


def test_a_hole_and_an_island_with_known_roots_are_found():
    # (a0 + a1 x)^2 - x^2 (q0 + 2 q1 x + q2 x^2) = -(x - 1)(x - 2)(x - 3)(x + 2): it counts on [-2, 1] and [2, 3].
    a0 = np.sqrt(12.0)
    a1 = -16 / (2 * a0)
    ratios = one_draw(a0, a1, a1**2 - 1, -2.0, 1.0)
    found = confidence_set(ratios, np.array(10.0), np.array(1.0), more_than=0.5)
    np.testing.assert_allclose([found.low, found.part_low, found.part_high, found.high], [7, 9, 12, 12], rtol=1e-8)
    assert found.disjoint
    low, part_low = 10 - 0.5 * np.array([3, 1])  # the same quartic when x is measured in halves
    halved = one_draw(a0, 2 * a1, a1**2 - 1, 2 * -2.0, 4.0)
    found = confidence_set(halved, np.array(10.0), np.array(0.5), more_than=0.5)
    np.testing.assert_allclose([found.low, found.part_low], [low, part_low], rtol=1e-8)


def test_random_quartics_against_a_root_finder():
    rng = np.random.default_rng(9)
    n = 400
    half = rng.standard_normal((2, 3, n))  # squared denominators as sums of squares, so that they are never negative
    ratios = Ratios(
        a0=rng.standard_normal((n, 1)),
        a1=rng.standard_normal((n, 1)),
        q0=(half[0] ** 2).sum(0)[:, None],
        q1=(half[0] * half[1]).sum(0)[:, None],
        q2=(half[1] ** 2).sum(0)[:, None],
    )
    found = confidence_set(ratios, np.zeros(n), np.ones(n), more_than=0.5)
    for i in range(n):
        a0, a1, q0, q1, q2 = (float(v[i, 0]) for v in (ratios.a0, ratios.a1, ratios.q0, ratios.q1, ratios.q2))
        roots = np.roots([-q2, -2 * q1, a1**2 - q0, 2 * a0 * a1, a0**2])
        real = np.sort(roots[np.abs(roots.imag) < 1e-7].real)
        np.testing.assert_allclose([-found.high[i], -found.low[i]], [real[0], real[-1]], rtol=1e-5)
        first = [real[real < 0][-1], real[real > 0][0]]
        np.testing.assert_allclose([-found.part_high[i], -found.part_low[i]], first, rtol=1e-5)
        assert found.disjoint[i] == (real.size == 4)
    assert 0 < found.disjoint.sum() < n


def test_no_standard_error_gives_no_interval():
    found = confidence_set(one_draw(1, 1, 1, 0, 0), np.array(1.0), np.array(0.0), more_than=0.5)
    assert np.isnan([found.low, found.high, found.part_low, found.part_high]).all()
    assert not found.disjoint
