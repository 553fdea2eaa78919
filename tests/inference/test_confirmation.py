"""Chances of what a later count shows: every table's p, and the distributions against simulation and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import default_rng
from scipy import stats

from mtb_eval.inference.confirmation import (
    confirmation,
    fisher_p_values,
    new_events,
    new_events_together,
    pearson_p_values,
    recounted,
)
from mtb_eval.inference.counts import counts
from mtb_eval.inference.exact import conditional_p

JEFFREYS = (0.5, 0.5)


def test_fisher_of_every_table_is_that_of_each():
    p = fisher_p_values(9, 6)
    for a in range(10):
        for b in range(7):
            one = counts(events_first=a, n_first=9, events_second=b, n_second=6)
            assert p[a, b] == pytest.approx(conditional_p(one), rel=1e-12)


def test_published_candidates():
    fisher, pearson = fisher_p_values(183, 73), pearson_p_values(183, 73)
    rounded = [(round(fisher[t], 3), round(pearson[t], 3)) for t in ((3, 4), (4, 5), (5, 6), (4, 6))]
    assert rounded[:3] == [(0.105, 0.089), (0.124, 0.067), (0.081, 0.051)]
    assert rounded[3][0] == 0.034


def test_pearson_as_scipy():
    p = pearson_p_values(20, 12)
    for a, b in ((3, 5), (0, 4), (20, 11)):
        expected = stats.chi2_contingency([[a, 20 - a], [b, 12 - b]], correction=False).pvalue
        assert p[a, b] == pytest.approx(expected, rel=1e-10)
    assert p[0, 0] == p[20, 12] == 1


def test_beta_binomial_has_its_moments_and_quadrature_agrees():
    pmf = new_events(6, 73, prior=JEFFREYS)
    a, b = 6.5, 67.5
    k = np.arange(74)
    assert pmf.sum() == pytest.approx(1)
    assert pmf @ k == pytest.approx(73 * a / (a + b))
    close = new_events(6, 73, prior=JEFFREYS, spans=1 + 1e-12)
    np.testing.assert_allclose(close, pmf, atol=1e-11)


def test_longer_follow_up_against_simulation():
    rng, n = default_rng(11), 200_000
    pmf = new_events(5, 183, prior=JEFFREYS, among=178, spans=0.5)
    risk = 1 - (1 - rng.beta(5.5, 178.5, n)) ** 0.5
    drawn = rng.binomial(178, risk)
    for k in (0, 2, 5, 9):
        share = (drawn <= k).mean()
        assert abs(pmf[: k + 1].sum() - share) < 4 * np.sqrt(share * (1 - share) / n)


def test_arms_of_one_common_risk_together():
    joint = new_events_together(11, 256, prior=JEFFREYS, arms=(183, 73))
    alone = stats.betabinom.pmf(np.arange(184), 183, 11.5, 245.5)
    np.testing.assert_allclose(joint.sum(axis=1), alone, atol=1e-12)
    both = stats.betabinom.pmf(np.arange(257), 256, 11.5, 245.5)
    total = [np.trace(np.fliplr(joint[: k + 1, : k + 1])) for k in range(40)]
    np.testing.assert_allclose(total, both[:40], atol=1e-12)


def test_recount_against_simulation_given_what_was_registered():
    """Draw risks and shares from the priors, keep studies with what was seen, and look at what was missed."""
    rng, n, size, seen = default_rng(12), 2_000_000, 40, 3
    risk, share = rng.beta(*JEFFREYS, n), rng.beta(9, 1, n)
    kept = rng.binomial(size, risk * share) == seen
    q = (risk * (1 - share) / (1 - risk * share))[kept]
    missed = rng.binomial(size - seen, q)
    confirmed = rng.binomial(seen, rng.beta(19, 1, kept.sum()))
    pmf = recounted(seen, size, prior=JEFFREYS, registered=(9, 1), confirmed=(19, 1))
    assert pmf.sum() == pytest.approx(1)
    for k in range(1, 7):
        share_here = (missed + confirmed <= k).mean()
        assert abs(pmf[: k + 1].sum() - share_here) < 4 * np.sqrt(share_here * (1 - share_here) / kept.sum()) + 1e-9


def test_a_perfect_registration_is_confirmed_as_it_is():
    pmf = recounted(6, 73, prior=JEFFREYS, registered=(1e7, 1.0), confirmed=(1e7, 1.0))
    assert pmf[6] == pytest.approx(1, abs=1e-4)


def test_none_registered_can_still_be_found():
    pmf = recounted(0, 73, prior=JEFFREYS, registered=(9, 1), confirmed=(9, 1))
    assert pmf.sum() == pytest.approx(1)
    assert 0 < 1 - pmf[0] < 0.1


def test_chances_add_up_and_respect_the_side():
    p = fisher_p_values(30, 20)
    first, second = (stats.binom.pmf(np.arange(n + 1), n, r) for n, r in ((30, 0.1), (20, 0.5)))
    found = confirmation(p, np.outer(first, second), significant=0.05, tendency=0.1)
    assert found.significant + found.tendency + found.opposite + found.neither == pytest.approx(1)
    assert found.events_first == pytest.approx(3)
    assert found.events_second == pytest.approx(10)
    turned = confirmation(p.T, np.outer(second, first), significant=0.05, tendency=0.1)
    assert turned.opposite == pytest.approx(found.significant)
    certain = confirmation(p, np.outer(np.eye(31)[1], np.eye(21)[8]), significant=0.05, tendency=0.1)
    assert (certain.significant, certain.neither) == (1.0, 0.0)
