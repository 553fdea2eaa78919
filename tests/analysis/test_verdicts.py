"""The two-tier rule, directions, and the smallest detectable effect against closed forms."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from mtb_eval.analysis.verdicts import direction, sign_of, smallest_detectable, verdict
from mtb_eval.study import load_plan

RULE = load_plan().verdicts


@pytest.mark.parametrize(
    ("p", "tier"),
    [
        (0.0, "significant"),
        (0.0499999, "significant"),
        (0.05, "tendency"),
        (0.0999999, "tendency"),
        (0.10, "no-difference"),
        (1.0, "no-difference"),
        (math.nan, "not estimable"),
    ],
)
def test_tiers_exclude_their_upper_bound(p, tier):
    assert verdict(p, RULE) == tier


@pytest.mark.parametrize(
    ("estimate", "better", "way"),
    [
        (1.0, "higher", "better"),
        (1.0, "lower", "worse"),
        (-1.0, "lower", "better"),
        (0.0, "lower", "none"),
        (math.nan, "lower", "none"),
    ],
)
def test_direction_knows_which_way_is_better(estimate, better, way):
    assert direction(estimate, better) == way
    assert sign_of(better) * 1.0 == (1.0 if better == "higher" else -1.0)


def test_smallest_detectable_has_the_power_asked_for():
    for df in (3.0, 6.7, 40.0):
        shift = smallest_detectable(1.0, df)
        critical = stats.t.ppf(0.975, df)
        assert stats.nct.sf(critical, df, shift) + stats.nct.cdf(-critical, df, shift) == pytest.approx(0.8, abs=1e-9)


def test_smallest_detectable_is_the_textbook_sum_for_the_normal():
    assert smallest_detectable(0.196, math.inf) == pytest.approx(0.196 * (1.959964 + 0.841621), rel=1e-6)


@pytest.mark.parametrize(("se", "df"), [(math.nan, 5.0), (0.0, 5.0), (1.0, math.nan), (1.0, 0.0)])
def test_smallest_detectable_without_a_standard_error_is_unknown(se, df):
    assert math.isnan(smallest_detectable(se, df))
