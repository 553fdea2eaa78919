"""Exact tests, fragility and E-values."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng
from scipy import stats

from mtb_eval.inference.counts import Counts, counts
from mtb_eval.inference.evalue import e_value, e_value_of_difference
from mtb_eval.inference.exact import barnard, boschloo, conditional_odds_ratio, conditional_p
from mtb_eval.inference.fragility import fragility

FISHER = json.loads((Path(__file__).parents[1] / "reference" / "firth_fisher.json").read_text())["tables"]


def table(a: Any, n: Any, b: Any, m: Any) -> Counts:
    return counts(events_first=a, n_first=n, events_second=b, n_second=m)


@pytest.mark.parametrize("name", list(FISHER))
def test_fisher_as_r(name: str) -> None:
    """R finds the odds ratio and its limits to about 1e-4."""
    (a, b), (c, d) = FISHER[name]["table"]
    one = table(a, a + b, c, c + d)
    for alternative, key in (("two-sided", "fisher_p"), ("less", "p_less"), ("greater", "p_greater")):
        np.testing.assert_allclose(conditional_p(one, alternative), FISHER[name][key], rtol=1e-11)  # type: ignore[arg-type]
    e = conditional_odds_ratio(one)
    np.testing.assert_allclose(e.estimate, FISHER[name]["fisher_or_cmle"], rtol=1e-4)
    np.testing.assert_allclose([e.ci_low, e.ci_high], FISHER[name]["fisher_ci"], rtol=3e-4)


@pytest.mark.parametrize(
    ("mtb", "control", "fisher", "boschloo_p"),
    [(4, 5, 0.124, 0.123), (5, 6, 0.081, 0.090), (3, 4, 0.105, 0.167), (4, 6, 0.034, 0.053)],
)
def test_the_tables_that_fit_the_report(mtb: int, control: int, fisher: float, boschloo_p: float) -> None:
    one = table(mtb, 183, control, 73)
    assert round(conditional_p(one), 3) == fisher
    assert round(boschloo(one), 3) == boschloo_p


@pytest.mark.parametrize("cells", [(4, 183, 5, 73), (5, 183, 6, 73), (7, 12, 2, 15), (0, 9, 4, 8)])
def test_boschloo_as_scipy(cells: tuple[int, int, int, int]) -> None:
    a, n, b, m = cells
    rows = [[a, b], [n - a, m - b]]
    one = table(*cells)
    np.testing.assert_allclose(boschloo(one), min(1, stats.boschloo_exact(rows).pvalue), rtol=1e-6)
    for side in ("less", "greater"):
        theirs = stats.boschloo_exact(rows, side).pvalue
        np.testing.assert_allclose(boschloo(one, side), theirs, rtol=1e-6)  # type: ignore[arg-type]


def square_z(a: int, n: int, b: int, m: int) -> Fraction:
    """The squared pooled z, exactly."""
    pooled = Fraction(a + b, n + m)
    variance = pooled * (1 - pooled) * (Fraction(1, n) + Fraction(1, m))
    return (Fraction(a, n) - Fraction(b, m)) ** 2 / variance if variance else Fraction(0)


@pytest.mark.parametrize("cells", [(7, 12, 2, 15), (0, 9, 4, 8), (3, 3, 1, 6), (5, 10, 1, 10)])
def test_barnard_with_exact_ties(cells: tuple[int, int, int, int]) -> None:
    """Tables that tie with the observed one count; in floating point SciPy misses some (7/12 against 2/15)."""
    _, n, _, m = cells
    observed = square_z(*cells)
    region = np.array([[square_z(i, n, j, m) >= observed for j in range(m + 1)] for i in range(n + 1)])
    risk = np.linspace(0, 1, 20001)[:, None]
    chance = stats.binom.pmf(range(n + 1), n, risk) @ region * stats.binom.pmf(range(m + 1), m, risk)
    np.testing.assert_allclose(barnard(table(*cells)), chance.sum(axis=1).max(), rtol=1e-6)


def test_barnard_of_the_candidate_tables_as_scipy() -> None:
    for a, b in ((4, 5), (5, 6), (3, 4)):
        theirs = stats.barnard_exact([[a, b], [183 - a, 73 - b]]).pvalue
        np.testing.assert_allclose(barnard(table(a, 183, b, 73)), theirs, rtol=1e-6)


def test_boschloo_is_never_less_powerful_than_fisher() -> None:
    for a, b in product(range(0, 9, 2), range(0, 12, 3)):
        one = table(a, 8, b, 11)
        for side in ("less", "greater"):
            assert boschloo(one, side) <= conditional_p(one, side) + 1e-12  # type: ignore[arg-type]


def test_boschloo_keeps_its_level_at_every_common_risk() -> None:
    n, m = 6, 8
    p = np.array([[boschloo(table(a, n, b, m)) for b in range(m + 1)] for a in range(n + 1)])
    for risk in np.linspace(0.02, 0.98, 25):
        chance = np.outer(stats.binom.pmf(range(n + 1), n, risk), stats.binom.pmf(range(m + 1), m, risk))
        assert chance[p <= 0.05].sum() <= 0.05 + 1e-9


def brute_force(strata: Counts) -> tuple[float, float]:
    """Two-sided and upper p by listing every assignment of families to arms within strata."""
    sums: dict[int, float] = {0: 1.0}
    for x1, n1, x2, n2 in zip(strata.events_first, strata.n_first, strata.events_second, strata.n_second, strict=True):
        events = np.array([1] * int(x1 + x2) + [0] * int(n1 + n2 - x1 - x2))
        picks = [int(events[list(c)].sum()) for c in combinations(range(len(events)), int(n1))]
        share = {k: picks.count(k) / len(picks) for k in set(picks)}
        fresh: dict[int, float] = {}
        for (s, p), (k, q) in product(sums.items(), share.items()):
            fresh[s + k] = fresh.get(s + k, 0.0) + p * q
        sums = fresh
    observed = int(strata.events_first.sum())
    two = sum(p for p in sums.values() if p <= sums[observed] * (1 + 1e-7))
    return two, sum(p for s, p in sums.items() if s >= observed)


def test_strata_against_every_assignment() -> None:
    rng = default_rng(3)
    for _ in range(10):
        n1, n2 = rng.integers(0, 6, 4), rng.integers(0, 6, 4)
        strata = table(rng.binomial(n1, 0.4), n1, rng.binomial(n2, 0.3), n2)
        two, upper = brute_force(strata)
        np.testing.assert_allclose(conditional_p(strata), two, rtol=1e-10)
        np.testing.assert_allclose(conditional_p(strata, "greater"), upper, rtol=1e-10)


def test_strata_without_information_change_nothing() -> None:
    one = table(5, 183, 6, 73)
    more = table([5, 0, 4, 0], [183, 10, 4, 0], [6, 0, 9, 3], [73, 12, 9, 8])
    np.testing.assert_allclose(conditional_p(more), conditional_p(one), rtol=1e-10)
    a, b = conditional_odds_ratio(more), conditional_odds_ratio(one)
    np.testing.assert_allclose([a.estimate, a.ci_low, a.ci_high], [b.estimate, b.ci_low, b.ci_high], rtol=1e-9)


def test_exchanging_arms_inverts_the_odds_ratio() -> None:
    strata = table([2, 5], [9, 20], [4, 8], [10, 18])
    a, b = conditional_odds_ratio(strata), conditional_odds_ratio(strata.swapped())
    np.testing.assert_allclose(
        [b.estimate, b.ci_low, b.ci_high], [1 / a.estimate, 1 / a.ci_high, 1 / a.ci_low], rtol=1e-9
    )
    np.testing.assert_allclose(a.p, b.p, rtol=1e-12)
    np.testing.assert_allclose(conditional_p(strata, "less"), conditional_p(strata.swapped(), "greater"), rtol=1e-12)


def test_mid_p_takes_half_of_the_observed_table() -> None:
    one = table(2, 10, 5, 9)
    chance = stats.hypergeom.pmf(2, 19, 7, 10)
    np.testing.assert_allclose(conditional_p(one) - conditional_p(one, mid=True), chance / 2, rtol=1e-10)


def test_exact_limits_put_a_fortieth_in_each_tail() -> None:
    one = table(5, 20, 9, 15)
    e = conditional_odds_ratio(one)
    for limit, tail in ((e.ci_low, "sf"), (e.ci_high, "cdf")):
        at = stats.nchypergeom_fisher(35, 20, 14, float(limit))
        found = at.sf(4) if tail == "sf" else at.cdf(5)
        np.testing.assert_allclose(found, 0.025, rtol=1e-6)


def test_margins_that_leave_one_table() -> None:
    e = conditional_odds_ratio(table([0, 4], [5, 4], [0, 6], [7, 6]))
    assert np.isnan(e.estimate)
    assert (float(e.ci_low), float(e.ci_high), float(e.p)) == (0.0, np.inf, 1.0)
    assert "no information" in e.warning


@pytest.mark.parametrize(("mtb", "control", "more"), [(4, 5, 1), (5, 6, 1), (3, 4, 1)])
def test_one_more_placed_control_child_would_make_each_candidate_significant(mtb: int, control: int, more: int) -> None:
    found = fragility(table(mtb, 183, control, 73))
    assert not found.significant
    assert (found.second_more, found.smallest) == (more, 1)
    assert conditional_p(table(mtb, 183, control + more, 73)) < 0.05


def test_fragility_is_the_least_number_that_turns_the_verdict() -> None:
    found = fragility(table(1, 40, 11, 40))
    assert found.significant
    assert found.first_more is not None
    assert conditional_p(table(1 + found.first_more, 40, 11, 40)) >= 0.05
    assert conditional_p(table(found.first_more, 40, 11, 40)) < 0.05
    assert found.second_fewer is not None
    assert conditional_p(table(1, 40, 11 - found.second_fewer, 40)) >= 0.05


def test_fragility_says_none_where_no_number_turns_it() -> None:
    found = fragility(table(0, 3, 1, 3))
    assert (found.first_fewer, found.significant, found.smallest) == (None, False, None)


def test_single_table_tests_refuse_strata_and_empty_arms() -> None:
    strata = table([1, 2], 9, [3, 4], 8)
    for function in (boschloo, barnard):
        with pytest.raises(ValueError, match="takes one table, found 2"):
            function(strata)
        with pytest.raises(ValueError, match="without families"):
            function(table(0, 0, 1, 4))
    with pytest.raises(ValueError, match="one table, found 2"):
        fragility(strata)


def test_e_values_of_the_published_examples() -> None:
    """Smoking and lung cancer in VanderWeele & Ding (2017): 10.73 (8.02, 14.36)."""
    e = e_value(10.73, 8.02, 14.36)
    np.testing.assert_allclose([e.estimate, e.limit], [20.94777, 15.52336], atol=6e-6)
    found = e_value([4, 3, 3.5, 3.9], 1.2, 20).estimate
    np.testing.assert_allclose(found, [7.464102, 5.45, 6.46, 7.26], atol=5e-3)


def test_e_values_below_one_mirror_those_above_and_1_means_none_needed() -> None:
    below, above = e_value(0.4, 0.2, 0.8), e_value(2.5, 1.25, 5.0)
    np.testing.assert_allclose([below.estimate, below.limit], [above.estimate, above.limit], rtol=1e-12)
    crossing = e_value([1.0, 2.0, 0.5], [0.5, 0.9, 0.2], [2.0, 4.0, 1.1])
    np.testing.assert_array_equal(crossing.limit, [1.0, 1.0, 1.0])
    assert crossing.estimate[0] == 1
    edge = e_value([np.inf, np.nan, 0.0], [2.0, 1.0, 0.0], [np.inf, 2.0, 0.7])
    assert np.isinf(edge.estimate[0])
    assert np.isnan(edge.estimate[1])
    assert np.isnan(edge.limit[1])
    assert np.isinf(edge.estimate[2])


def test_e_value_of_a_standardised_difference() -> None:
    e, r = e_value_of_difference(0.5, 0.1), e_value(np.exp(0.455), np.exp(0.455 - 0.17836), np.exp(1))
    np.testing.assert_allclose([e.estimate, e.limit], [r.estimate, r.limit], rtol=1e-12)
    with pytest.raises(ValueError, match="found 1 below 0"):
        e_value(-0.3, 0.1, 0.5)
