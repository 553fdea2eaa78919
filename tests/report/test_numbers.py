"""How numbers are written: a table of examples, and that what is written keeps its side of a threshold."""

from __future__ import annotations

import datetime
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtb_eval.report.numbers import Numbers, decimals_for

EN, DA = Numbers(language="en"), Numbers(language="da")
NB = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "en", "da"),
    [
        (0.03, ".03", "0,03"),
        (0.0004, f"<{NB}.001", f"<{NB}0,001"),
        (0.001, ".001", "0,001"),
        (0.0044, ".004", "0,004"),
        (0.048, ".048", "0,048"),
        (0.0499, ".0499", "0,0499"),
        (0.05, ".05", "0,05"),
        (0.052, ".052", "0,052"),
        (0.0961, ".096", "0,096"),
        (0.104, ".104", "0,104"),
        (0.13, ".13", "0,13"),
        (0.999, f">{NB}.99", f">{NB}0,99"),
        (1.0, f">{NB}.99", f">{NB}0,99"),
        (math.nan, "–", "–"),
    ],
)
def test_p_values(value, en, da):
    assert EN.p(value) == en
    assert DA.p(value) == da


@pytest.mark.parametrize(
    ("value", "decimals", "en", "da"),
    [
        (-0.424, 2, "−0.42", "−0,42"),
        (0.08, 2, "0.08", "0,08"),
        (-0.001, 2, "0.00", "0,00"),
        (-0.0, 1, "0.0", "0,0"),
        (1234.5, 1, "1,234.5", "1.234,5"),
        (math.nan, 2, "–", "–"),
        (math.inf, 2, "∞", "∞"),
        (-math.inf, 2, "−∞", "−∞"),
    ],
)
def test_numbers_have_a_true_minus_and_the_marks_of_the_language(value, decimals, en, da):
    assert EN.fixed(value, decimals) == en
    assert DA.fixed(value, decimals) == da


@pytest.mark.parametrize(
    ("low", "high", "decimals", "null", "en"),
    [
        (-0.42, 0.08, 2, 0.0, "−0.42 to 0.08"),
        (-0.001, 0.5, 2, 0.0, "−0.001 to 0.50"),
        (0.9953, 9.01, 1, 1.0, "0.995 to 9.0"),
        (1.0, 9.0, 1, 1.0, "1.0 to 9.0"),
        (-math.inf, 0.2, 2, 0.0, "−∞ to 0.20"),
        (math.nan, math.nan, 2, 0.0, "–"),
    ],
)
def test_intervals_keep_their_side_of_no_difference(low, high, decimals, null, en):
    assert EN.interval(low, high, decimals, null=null) == en
    assert DA.interval(low, high, decimals, null=null) == en.replace(".", ",").replace(" to ", " til ")


def test_shares_dates_and_plain_numbers():
    assert EN.share(138, 183) == f"75{NB}% (138{NB}of{NB}183)"
    assert DA.share(138, 183) == f"75{NB}% (138{NB}af{NB}183)"
    assert EN.share(0, 0) == f"0{NB}of{NB}0"
    assert EN.share(math.nan, 3) == "–"
    assert EN.date(datetime.date(2018, 6, 3)) == "3 June 2018"
    assert DA.date(datetime.date(2018, 6, 3)) == "3. juni 2018"
    assert [EN.plain(x) for x in (0.25, 0.5, -1.0, 0.0)] == ["0.25", "0.5", "−1", "0"]
    assert DA.plain(-0.25) == "−0,25"
    assert EN.estimate(0.41, 0.05, 0.77) == "0.41 (0.05 to 0.77)"
    assert EN.estimate(0.41, math.nan, math.nan) == "0.41"
    assert EN.equation(0.0004) == f"p{NB}<{NB}.001"
    assert DA.equation(0.03) == f"p{NB}={NB}0,03"
    assert [EN.threshold(t) for t in (0.05, 0.1, 0.005)] == [".05", ".10", ".005"]


@pytest.mark.parametrize(
    ("values", "decimals"),
    [((0.123,), 2), ((12.3, -4.2), 0), ((0.004, -0.0012), 4), ((1.7, 0.2), 1), ((math.nan,), 2), ((0.0,), 2)],
)
def test_the_largest_value_has_two_significant_digits(values, decimals):
    assert decimals_for(*values) == decimals


@given(st.floats(min_value=0.0011, max_value=0.98))
def test_a_written_p_value_is_in_the_tier_of_the_p_value(p):
    written = float(EN.p(p))
    for threshold in (0.05, 0.10):
        assert (written < threshold) == (p < threshold)
    assert abs(written - p) <= 0.0051


@given(st.floats(min_value=-50, max_value=50))
def test_a_written_limit_is_on_the_side_of_the_limit(limit):
    low = EN.interval(limit, 60.0).split(" to ")[0].replace("−", "-")
    if abs(limit) >= 1e-6:
        assert math.copysign(1, float(low)) == math.copysign(1, limit)
        assert float(low) != 0
