"""Risk differences and ratios: published numbers, theorems, zero cells, exact coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng
from scipy import optimize, stats

from mtb_eval.inference.counts import Counts, counts, risk_difference, risk_ratio, two_arms, two_arms_by_stratum


def table(a: Any, n: Any, b: Any, m: Any) -> Counts:
    return counts(events_first=a, n_first=n, events_second=b, n_second=m)


CAMIS = table(36, 154, 12, 77)


@pytest.mark.parametrize(
    ("method", "low", "high", "digits"),
    [
        ("miettinen-nurminen", -0.0361, 0.1775, 4),
        ("mee", -0.0358, 0.1773, 4),
        ("newcombe", -0.0361, 0.1751, 4),
        ("agresti-caffo", -0.0329, 0.1782, 4),
        ("wald", -0.0271, 0.183, 4),
    ],
)
def test_risk_difference_of_the_published_comparison(method: Any, low: float, high: float, digits: int) -> None:
    """The CAMIS comparison of SAS and R on 36/154 against 12/77."""
    e = risk_difference(CAMIS, method)
    np.testing.assert_allclose(e.estimate, 36 / 154 - 12 / 77, rtol=1e-14)
    assert (round(float(e.ci_low), digits), round(float(e.ci_high), digits)) == (low, high)


def test_risk_ratio_of_the_published_comparison() -> None:
    score, koopman = risk_ratio(CAMIS), risk_ratio(CAMIS, "koopman")
    np.testing.assert_allclose([score.estimate, score.ci_low, score.ci_high], [1.5, 0.848245, 2.73225], rtol=2e-6)
    np.testing.assert_allclose([koopman.ci_low, koopman.ci_high], [0.849, 2.73], rtol=1e-3)


@pytest.mark.parametrize(
    ("mtb", "control", "difference", "ratio"),
    [
        (4, 5, (-0.130, 0.003), (3.13, 0.93, 10.5)),
        (5, 6, (-0.143, 0.0002), (3.01, 1.00, 9.01)),
        (3, 4, (-0.118, 0.0055), (3.34, 0.85, 13.1)),
        (4, 6, (-0.148, -0.0069), (3.76, 1.16, 12.1)),
    ],
)
def test_the_tables_that_fit_the_report(mtb: int, control: int, difference: Any, ratio: Any) -> None:
    one = table(mtb, 183, control, 73)
    d, r = risk_difference(one), risk_ratio(one.swapped())
    np.testing.assert_allclose([d.ci_low, d.ci_high], difference, atol=6e-4)
    np.testing.assert_allclose([r.estimate, r.ci_low, r.ci_high], ratio, rtol=6e-3)


def test_the_risk_ratio_of_five_against_six_ends_just_below_one() -> None:
    low = float(risk_ratio(table(6, 73, 5, 183)).ci_low)
    assert 0.995 < low < 1


METHODS: list[tuple[Any, str]] = [
    (risk_difference, m) for m in ("miettinen-nurminen", "mee", "newcombe", "agresti-caffo", "wald")
] + [(risk_ratio, m) for m in ("miettinen-nurminen", "koopman", "wald")]


@pytest.mark.parametrize(("function", "method"), METHODS)
def test_a_batch_is_its_tables_one_by_one(function: Any, method: str) -> None:
    a, b = np.array([4, 5, 3, 40]), np.array([5, 6, 4, 10])
    batch = function(table(a, 183, b, 73), method)
    for i in range(4):
        one = function(table(a[i], 183, b[i], 73), method)
        for field in ("estimate", "ci_low", "ci_high", "p"):
            np.testing.assert_allclose(getattr(batch, field)[i], getattr(one, field), rtol=1e-12)
            assert getattr(one, field).shape == ()


@pytest.mark.parametrize(("function", "method"), METHODS)
def test_exchanging_the_arms_mirrors_the_interval(function: Any, method: str) -> None:
    one = table([4, 36, 1], [183, 154, 9], [5, 12, 7], [73, 77, 8])
    e, mirror = function(one, method), function(one.swapped(), method)
    flip = np.negative if function is risk_difference else np.reciprocal
    np.testing.assert_allclose(mirror.estimate, flip(e.estimate), rtol=1e-12)
    np.testing.assert_allclose(mirror.ci_low, flip(e.ci_high), rtol=1e-9)
    np.testing.assert_allclose(mirror.p, e.p, rtol=1e-12)


def test_ratio_of_non_events_is_another_ratio_but_the_difference_only_changes_sign() -> None:
    one, other = table(4, 183, 5, 73), table(179, 183, 68, 73)
    e, f = risk_difference(one), risk_difference(other)
    np.testing.assert_allclose([f.ci_low, f.ci_high], [-e.ci_high, -e.ci_low], rtol=1e-9)


def log_likelihood(one: Counts, r1: float, r2: float) -> float:
    pairs = ((one.events_first, one.n_first, r1), (one.events_second, one.n_second, r2))
    return float(sum(stats.binom.logpmf(x, n, r) for x, n, r in pairs))


def score_p(one: Counts, r1: float, r2: float, factor: float, ratio: float | None) -> float:
    """The score test at risks fitted by a general optimiser."""
    p1, p2 = one.events_first / one.n_first, one.events_second / one.n_second
    k = 1.0 if ratio is None else ratio
    variance = r1 * (1 - r1) / one.n_first + k**2 * r2 * (1 - r2) / one.n_second
    gap = p1 - p2 - (r1 - r2) if ratio is None else p1 - ratio * p2
    return float(2 * stats.norm.sf(abs(gap) / np.sqrt(variance * factor)))


@pytest.mark.parametrize("cells", [(4, 183, 5, 73), (36, 154, 12, 77), (1, 9, 7, 8), (2, 40, 0, 31)])
def test_score_limits_are_where_the_score_test_gives_alpha(cells: tuple[int, int, int, int]) -> None:
    one = table(*cells)
    n = cells[1] + cells[3]
    difference, ratio = risk_difference(one), risk_ratio(one)
    for limit in (float(difference.ci_low), float(difference.ci_high)):
        r2 = fitted(lambda r, k=limit: -log_likelihood(one, r + k, r), max(0.0, -limit), min(1.0, 1 - limit))
        np.testing.assert_allclose(score_p(one, r2 + limit, r2, n / (n - 1), None), 0.05, rtol=2e-4)
    for limit in (float(ratio.ci_low), float(ratio.ci_high)):
        if not np.isfinite(limit):
            continue
        r2 = fitted(lambda r, k=limit: -log_likelihood(one, r * k, r), 0.0, min(1.0, 1 / limit))
        np.testing.assert_allclose(score_p(one, r2 * limit, r2, n / (n - 1), limit), 0.05, rtol=2e-4)


def fitted(loss: Any, low: float, high: float) -> float:
    return float(optimize.minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x)


def test_p_and_interval_agree_about_no_effect() -> None:
    a, b = (v.ravel() for v in np.meshgrid(np.arange(0, 13), np.arange(0, 11)))
    some = (a + b > 0) & (a + b < 22)
    for method in ("miettinen-nurminen", "mee"):
        e = risk_difference(table(a, 12, b, 10), method)  # type: ignore[arg-type]
        assert np.array_equal(((e.ci_low > 0) | (e.ci_high < 0))[some], (e.p < 0.05)[some])
    r = risk_ratio(table(a, 12, b, 10))
    assert np.array_equal(((r.ci_low > 1) | (r.ci_high < 1))[some], (r.p < 0.05)[some])


def test_limits_enclose_the_estimate_and_stay_on_the_scale() -> None:
    a, b = (v.ravel() for v in np.meshgrid(np.arange(0, 13), np.arange(0, 11)))
    e, r = risk_difference(table(a, 12, b, 10)), risk_ratio(table(a, 12, b, 10))
    assert ((e.ci_low >= -1) & (e.ci_low <= e.estimate) & (e.estimate <= e.ci_high) & (e.ci_high <= 1)).all()
    known = a + b > 0
    assert ((r.ci_low <= r.estimate) & (r.estimate <= r.ci_high))[known].all()
    assert (r.ci_low[a == 0] == 0).all()
    assert np.isinf(r.ci_high[b == 0]).all()


def test_zero_cells_give_numbers_or_say_so() -> None:
    none = risk_ratio(table([0, 0, 3], 20, [0, 4, 0], 20))
    assert np.isnan(none.estimate[0])
    np.testing.assert_array_equal(none.estimate[1:], [0.0, np.inf])
    assert "1 tables without any event" in none.warning
    wald = risk_ratio(table([0, 2], 20, 4, 20), "wald")
    assert np.isnan(wald.p[0])
    assert np.isfinite(wald.p[1])
    assert "1 tables have no Wald interval" in wald.warning
    flat = risk_difference(table(0, 20, 0, 20), "wald")
    assert np.isnan(flat.p)
    assert flat.warning
    score = risk_difference(table(0, 20, 0, 20))
    assert score.p == 1
    np.testing.assert_allclose(score.ci_high, -score.ci_low)
    assert score.ci_high > 0.1


def coverage(n: int, m: int, p1: float, p2: float) -> float:
    """The exact chance that the Miettinen-Nurminen interval holds the true difference."""
    a, b = np.meshgrid(np.arange(n + 1), np.arange(m + 1), indexing="ij")
    e = risk_difference(table(a, n, b, m))
    chance = stats.binom.pmf(a, n, p1) * stats.binom.pmf(b, m, p2)
    return float(chance[(e.ci_low <= p1 - p2) & (p1 - p2 <= e.ci_high)].sum())


def test_exact_coverage_at_risks_like_those_of_placements() -> None:
    found = [coverage(60, 24, p1, p2) for p1, p2 in ((0.03, 0.08), (0.05, 0.05), (0.1, 0.3), (0.5, 0.4))]
    assert all(0.93 < c < 0.99 for c in found)


def test_counts_from_rows() -> None:
    rng = default_rng(1)
    event, first, town = rng.integers(0, 2, 60), rng.integers(0, 2, 60), rng.choice(["b", "a", "c"], 60)
    one, by = two_arms(event, first), two_arms_by_stratum(event, first, town)
    assert int(one.events_first) == int(event[first == 1].sum())
    assert int(one.n_second) == int((first == 0).sum())
    here = town == "a"
    assert int(by.events_second[0]) == int(event[here & (first == 0)].sum())
    assert int(by.n_first.sum()) == int(one.n_first)


def test_refusals() -> None:
    bad: list[tuple[Any, str]] = [
        ((2.5, 10, 1, 10), "whole numbers of 0 or more, found 1"),
        ((-1, 10, 1, 10), "whole numbers"),
        ((np.nan, 10, 1, 10), "whole numbers"),
        (([11, 3, 12], 10, 1, 10), "2 tables have more events"),
    ]
    for cells, message in bad:
        with pytest.raises(ValueError, match=message):
            table(*cells)
    for function in (risk_difference, risk_ratio):
        with pytest.raises(ValueError, match="1 tables have an arm without families"):
            function(table([0, 1], [0, 5], 1, 5))
    with pytest.raises(ValueError, match="0 or 1, found 2 rows"):
        two_arms([0, 1, 2, 9], [0, 1, 0, 1])
