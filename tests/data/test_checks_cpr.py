"""CPR numbers are found as text and as numbers, and ordinary ids are left in peace."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtb_eval.data.cpr import n_cpr

births = st.tuples(st.dates(dt.date(1930, 1, 1), dt.date(2022, 12, 31)), st.integers(0, 9999))


@given(people=st.lists(births, min_size=1, max_size=20, unique=True))
def test_every_way_of_writing_them(people):
    ten = [f"{day:%d%m%y}{number:04d}" for day, number in people]
    n = len(set(ten))
    for cells in (
        {f"{t[:6]}-{t[6:]}": 1 for t in ten},
        {f" {t[:6]} {t[6:]} ": 1 for t in ten},
        dict.fromkeys(ten, 1),
        {int(t): 1 for t in ten},
        {float(t): 1 for t in ten},
        {t.lstrip("0") + ".0": 1 for t in ten if t[1] != "0"},
    ):
        assert n_cpr(cells) == len(cells) <= n


def test_replacement_numbers_with_a_day_above_60():
    assert n_cpr({"610190-1234": 2}) == 2


@pytest.mark.parametrize(
    "cells",
    [
        {"F001": 1, "F002": 1},
        {"001": 1, 7: 1},
        {"320190-1234": 1, "010190-123": 1, "011390-1234": 1},  # no such day, too short, no such month
        {"2018-06-03": 1, "03-06-2018": 1},
        {"12345678": 1, "+4512345678": 1},
        {0.5: 1, 1e12: 1},
        {"0101901234": 1, "x": 2},  # ten digits once among others: chance
    ],
)
def test_what_is_none(cells):
    assert n_cpr(cells) == 0


def test_ten_random_digits_are_not_taken_for_cpr_numbers():
    rng = np.random.default_rng(11)
    assert n_cpr({int(i): 1 for i in rng.integers(10**9, 10**10, 2000)}) == 0
    assert n_cpr({f"{i:010d}": 1 for i in rng.integers(0, 10**10, 2000)}) == 0


def test_one_with_a_hyphen_within_a_text_is_enough():
    assert n_cpr({"se journal 010190-1234.": 3, "intet": 500}) == 3
