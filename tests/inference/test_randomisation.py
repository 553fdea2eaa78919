"""Randomisation inference: enumeration by hand, scipy, Fisher's exact test, exact size, intervals, bad input."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from scipy import stats

from mtb_eval.inference.assignments import lot_assignments, randomisation_design, sampled_assignments
from mtb_eval.inference.randomisation import randomisation_statistics, randomisation_test

ALTERNATIVES = ["two-sided", "greater", "less"]


def difference(a, b, axis):
    return a.mean(axis=axis) - b.mean(axis=axis)


def welch(a, b, axis):
    return stats.ttest_ind(a, b, axis=axis, equal_var=False).statistic


def municipal(seed, n_units=7, n_treated=3):
    """Families in municipalities of which some were drawn by lot; returns y (3, n), treat, assignments, unit, x."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(n_units), rng.integers(4, 12, n_units))
    lots = lot_assignments(n_units, n_treated)
    treat = lots[rng.integers(len(lots))][unit]
    x = rng.standard_normal((unit.size, 2))
    y = rng.standard_normal((3, unit.size)) + 0.5 * treat + x[:, 0] + rng.standard_normal((3, n_units))[:, unit]
    return y, treat, lots[:, unit], unit, x


def test_lots_are_all_subsets_once():
    lots = lot_assignments(7, 3)
    assert lots.shape == (35, 7)
    assert {tuple(np.flatnonzero(row)) for row in lots} == set(combinations(range(7), 3))


def test_sampled_lots_have_the_right_size_and_equal_chances():
    lots = sampled_assignments(6, 2, n_samples=15_000, rng=np.random.default_rng(1))
    assert (lots.sum(axis=1) == 2).all()
    _, counts = np.unique(lots, axis=0, return_counts=True)
    assert counts.size == comb(6, 2)
    assert stats.chisquare(counts).pvalue > 1e-6


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize(("name", "statistic"), [("coefficient", difference), ("studentised", welch)])
def test_p_equals_scipys_permutation_test_over_all_assignments(name, statistic, alternative):
    rng = np.random.default_rng(2)
    lots = lot_assignments(9, 4)
    treat = lots[40]
    y = rng.standard_normal((6, 9)) + treat
    result = randomisation_test(y, randomisation_design(treat, lots), statistic=name, alternative=alternative)

    def compared(a, b, axis):
        value = statistic(a, b, axis)
        return np.abs(value) if alternative == "two-sided" else value

    side = "greater" if alternative == "two-sided" else alternative
    for i in range(6):
        groups = (y[i, treat == 1], y[i, treat == 0])
        theirs = stats.permutation_test(groups, compared, alternative=side, n_resamples=np.inf, vectorized=True)
        np.testing.assert_allclose(result.p[i], theirs.pvalue, rtol=1e-12)
        np.testing.assert_allclose(result.statistic[i], statistic(*groups, axis=-1), rtol=1e-10)


@pytest.mark.parametrize(("successes", "treated_successes"), [(5, 4), (5, 1), (3, 3), (7, 2)])
def test_a_binary_outcome_gives_fishers_exact_test(successes, treated_successes):
    lots = lot_assignments(10, 4)
    y = np.zeros(10)
    y[:treated_successes] = 1
    y[4 : 4 + successes - treated_successes] = 1
    treat = (np.arange(10) < 4).astype(float)
    design = randomisation_design(treat, lots)
    table = [
        [treated_successes, 4 - treated_successes],
        [successes - treated_successes, 6 - successes + treated_successes],
    ]
    for alternative in ("greater", "less"):
        ours = randomisation_test(y, design, statistic="coefficient", alternative=alternative)
        np.testing.assert_allclose(ours.p, stats.fisher_exact(table, alternative).pvalue, rtol=1e-10)


@pytest.mark.parametrize("with_covariates", [False, True])
@pytest.mark.parametrize("null", [0.0, 0.4])
def test_statistics_equal_regressions_one_assignment_at_a_time(null, with_covariates):
    y, treat, assignments, unit, x = municipal(3)
    covariates = x if with_covariates else None
    clustered = randomisation_design(treat, assignments, covariates=covariates, cluster=unit)
    by_row = randomisation_design(treat, assignments, covariates=covariates)
    observed, drawn = randomisation_statistics(y, clustered, statistic="studentised", null=null)
    _, drawn_hc2 = randomisation_statistics(y, by_row, statistic="studentised", null=null)
    _, plain = randomisation_statistics(y, by_row, statistic="coefficient", null=null)
    base = np.column_stack([np.ones(unit.size), x]) if with_covariates else np.ones((unit.size, 1))
    for a in (0, 11, 34):
        design = np.column_stack([assignments[a], base])
        inverse = np.linalg.inv(design.T @ design)
        for i in range(3):
            shifted = y[i] - null * treat
            b = inverse @ design.T @ shifted
            residual = shifted - design @ b
            scores = design @ inverse[0] * residual
            leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
            cr0 = np.sqrt((np.bincount(unit, scores) ** 2).sum())
            hc2 = np.sqrt((scores**2 / (1 - leverage)).sum())
            np.testing.assert_allclose(plain[i, a], b[0], rtol=1e-9)
            np.testing.assert_allclose(drawn[i, a], b[0] / cr0, rtol=1e-9)
            np.testing.assert_allclose(drawn_hc2[i, a], b[0] / hc2, rtol=1e-9)
    here = np.flatnonzero((assignments == treat).all(axis=1))[0]
    np.testing.assert_allclose(drawn[:, here], observed, rtol=1e-9)


@pytest.mark.parametrize("statistic", ["coefficient", "studentised"])
def test_size_is_exact_over_all_assignments(statistic):
    y = np.random.default_rng(4).standard_normal(8) ** 3
    lots = lot_assignments(8, 3)
    n = len(lots)
    p = np.array([randomisation_test(y, randomisation_design(d, lots), statistic=statistic).p for d in lots])
    for k in range(1, n + 1):  # under the sharp null each assignment is as likely as any other
        assert np.count_nonzero(p <= k / n + 1e-12) <= k
    assert np.count_nonzero(p <= 1 / n + 1e-12) == 1 or len(set(p)) < n  # reached unless statistics tie


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("statistic", ["coefficient", "studentised"])
@pytest.mark.parametrize("seed", range(3))
def test_p_crosses_alpha_at_the_ends_of_the_interval(seed, statistic, alternative):
    y, treat, assignments, unit, x = municipal(seed)
    design = randomisation_design(treat, assignments, covariates=x, cluster=unit)
    options = {"statistic": statistic, "alternative": alternative, "level": 0.8}
    result = randomisation_test(y, design, **options)
    for end, inward in ((result.ci_low, 1e-6), (result.ci_high, -1e-6)):
        finite = np.isfinite(end)
        inside = randomisation_test(y, design, null=np.where(finite, end + inward, 0), **options).p
        outside = randomisation_test(y, design, null=np.where(finite, end - inward, 0), **options).p
        assert (inside[finite] > 0.2).all()
        assert (outside[finite] <= 0.2).all()
    if alternative != "two-sided":
        assert result.ci_open.all()


def test_the_smallest_p_counts_the_observed_assignment_and_its_mirror():
    far = np.where(np.arange(6) < 3, 100.0, 0.0) + np.arange(6) ** 2 / 10
    balanced = randomisation_design((np.arange(6) < 3).astype(float), lot_assignments(6, 3))
    two, one = randomisation_test(far, balanced), randomisation_test(far, balanced, alternative="greater")
    assert (two.p, two.p_min, one.p, one.p_min) == (2 / 20, 2 / 20, 1 / 20, 1 / 20)
    unequal = randomisation_design((np.arange(7) < 3).astype(float), lot_assignments(7, 3))
    result = randomisation_test(np.where(np.arange(7) < 3, 100.0, 0.0) + np.arange(7) / 10, unequal)
    assert (result.p, result.p_min, result.n_assignments) == (1 / 35, 1 / 35, 35)


def test_an_interval_that_the_assignments_cannot_bound_is_open():
    design = randomisation_design([1, 1, 0, 0], lot_assignments(4, 2))
    result = randomisation_test([3.0, 2.0, 1.0, 0.5], design, level=0.95)
    assert result.ci_open
    assert (result.ci_low, result.ci_high) == (-np.inf, np.inf)


def test_a_sample_of_assignments_agrees_with_all_of_them_and_never_gives_0():
    rng = np.random.default_rng(5)
    lots = lot_assignments(10, 4)
    treat = lots[77]
    y = rng.standard_normal((2, 10)) + np.array([[0.0], [50.0]]) * treat
    exact = randomisation_test(y, randomisation_design(treat, lots))
    n = 20_000
    sample = sampled_assignments(10, 4, n_samples=n, rng=rng)
    drawn = randomisation_test(y, randomisation_design(treat, sample, enumerated=False))
    error = 5 * np.sqrt(exact.p * (1 - exact.p) / n) + 1 / n
    assert (np.abs(drawn.p - exact.p) < error).all()
    assert drawn.p_min == 1 / (1 + n) <= drawn.p.min()


@pytest.mark.parametrize("statistic", ["coefficient", "studentised"])
def test_row_order_labels_scale_and_shift_do_not_matter(statistic):
    y, treat, assignments, unit, x = municipal(6)
    order = np.random.default_rng(0).permutation(unit.size)
    names = np.array(list("gfedcba"))[unit]
    one = randomisation_test(
        y, randomisation_design(treat, assignments, covariates=x, cluster=unit), statistic=statistic, level=0.8
    )
    design = randomisation_design(
        treat[order], assignments[:, order], covariates=3 * x[order] + 5, cluster=names[order]
    )
    two = randomisation_test(100 - 2 * y[:, order], design, statistic=statistic, level=0.8)
    np.testing.assert_array_equal(one.count, two.count)
    np.testing.assert_allclose(two.estimate, -2 * one.estimate, rtol=1e-9)
    np.testing.assert_allclose([two.ci_low, two.ci_high], [-2 * one.ci_high, -2 * one.ci_low], rtol=1e-7)


def test_a_batch_equals_its_members(monkeypatch):
    monkeypatch.setattr("mtb_eval.inference.randomisation._BLOCK", 40)
    y, treat, assignments, unit, _ = municipal(7)
    design = randomisation_design(treat, assignments, cluster=unit)
    batch = randomisation_test(np.stack([y, -y]), design, level=0.8)
    assert batch.p.shape == (2, 3)
    for i in range(3):
        one = randomisation_test(y[i], design, level=0.8)
        assert batch.p[0, i] == batch.p[1, i] == one.p
        np.testing.assert_allclose([batch.ci_low[0, i], -batch.ci_high[1, i]], one.ci_low, rtol=1e-9)


@pytest.mark.parametrize("statistic", ["coefficient", "studentised"])
@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6 / 3])
def test_a_constant_outcome_has_no_p(constant, statistic):
    _, treat, assignments, unit, x = municipal(8)
    design = randomisation_design(treat, assignments, covariates=x, cluster=unit)
    result = randomisation_test(np.full(unit.size, constant), design, statistic=statistic)
    assert np.isnan([result.statistic, result.p, result.ci_low, result.ci_high]).all()


def test_bad_input_is_refused_in_one_sentence():
    lots = lot_assignments(6, 2)
    good = lots[0]
    with pytest.raises(ValueError, match="0 < treated < units, got 6 of 6"):
        lot_assignments(6, 6)
    with pytest.raises(ValueError, match="155117520 ways"):
        lot_assignments(30, 15)
    with pytest.raises(ValueError, match="not among the 15 allowed"):
        randomisation_design(1 - good, lots)
    with pytest.raises(ValueError, match="2 entries are not"):
        randomisation_design(good * 2, lots)
    with pytest.raises(ValueError, match="one column per row"):
        randomisation_design(good[:5], lots)
    with pytest.raises(ValueError, match="In 1 of 16 assignments"):
        randomisation_design(good, np.vstack([lots, np.ones(6)]))
    with pytest.raises(ValueError, match="In 1 of 15 assignments the treatment is constant or collinear"):
        randomisation_design(good, lots, covariates=lots[3])
    with pytest.raises(ValueError, match="finite numbers with 6 rows"):
        randomisation_design(good, lots, covariates=np.array([1, 2, 3, np.nan, 5, 6]))
    with pytest.raises(ValueError, match="at least 2 clusters"):
        randomisation_design(good, lots, cluster=np.zeros(6, dtype=int))
    design = randomisation_design(good, lots)
    with pytest.raises(ValueError, match="1 outcomes are missing or infinite"):
        randomisation_test([1, 2, np.nan, 4, 5, 6], design)
    with pytest.raises(ValueError, match="need 6 rows"):
        randomisation_test([1.0, 2.0], design)
    with pytest.raises(ValueError, match="Unknown statistic"):
        randomisation_test(np.arange(6.0), design, statistic="median")
