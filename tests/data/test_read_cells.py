"""Cells: numbers, dates and texts as Danish files write them, and never a guess where two readings fit."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtb_eval.data.cells import date_layout, date_of, decimal_mark, folded, number_of, text_of, whole_of

NUMBERS = [
    ("1,5", ",", 1.5), ("-1,5", ",", -1.5), ("\u22121,5", ",", -1.5), (" 7 ", ",", 7.0), ("1.234,5", ",", 1234.5),
    ("1.234", ",", 1234.0), ("12.34,5", ",", None), ("1.5", ",", None), ("1,5", ".", None), ("1,234.5", ".", 1234.5),
    ("1.5e3", ".", 1500.0), (".5", ".", 0.5), (",5", ",", 0.5), ("", ".", None), (".", ".", None), ("1 5", ".", None),
    ("nan", ".", None), ("inf", ".", None), (float("inf"), ".", None), (3, ".", 3.0), (True, ".", 1.0),
    ("9" * 400, ".", None), (10**400, ".", None), ("1e999", ".", None),  # more than floating point holds
    ("1-5", ".", None), (dt.date(2018, 6, 3), ".", None), (None, ".", None),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "mark", "expected"), NUMBERS)
def test_number(cell, mark, expected):
    assert number_of(cell, mark) == expected


MARKS = [
    (["1", "2"], ",", ","), (["1", "2"], "", "."),  # no mark: whatever goes with the file
    (["1,5", "2"], ",", ","), (["1.5", "2"], ",", "."),  # clear by itself, whatever the delimiter
    (["0.125"], ",", "."), (["1.250", "0.5"], ",", "."),  # a thousand is not written 0.125
    (["1.250", "2,5"], ",", ","), (["1.250,5"], "", ","), (["1,250.5"], "", "."),
    (["1,250"], ",", ","), (["1.250"], ".", "."),  # the mark that the file's delimiter promises
    (["1.250"], ",", ""), (["1,250"], ".", ""), (["1.250"], "", ""),  # thousands or decimals: not guessed
    (["1,5", "1.5"], ",", ""),  # both
    (["mange", "12.3.4", "1,5"], ",", ","),  # what is no number has no say
]  # fmt: skip


@pytest.mark.parametrize(("cells", "expected", "mark"), MARKS)
def test_decimal_mark(cells, expected, mark):
    assert decimal_mark(cells, expected) == mark


@given(value=st.decimals(-10_000_000, 10_000_000, places=2), grouped=st.booleans())
def test_danish_numbers_come_back(value, grouped):
    english = f"{value:,.2f}" if grouped else f"{value:.2f}"
    danish = english.replace(",", " ").replace(".", ",").replace(" ", ".")
    assert number_of(danish, ",") == float(value)
    assert number_of(english, ".") == float(value)
    assert decimal_mark([danish], ",") == ","


@given(day=st.dates(dt.date(1900, 1, 1), dt.date(2099, 12, 31)))
def test_dates_come_back_from_every_layout(day):
    for layout, text in {
        "iso": f"{day:%Y-%m-%d}",
        "-": f"{day:%d-%m-%Y}",
        ".": f"{day.day}.{day.month}.{day.year}",
        "/": f"{day:%d/%m/%Y}",
    }.items():
        assert (date_layout(text), date_of(text)) == (layout, day)
        assert date_of(f" {text} 13:45:00") == day
    for real in (day, dt.datetime.combine(day, dt.time(23, 59)), pd.Timestamp(day)):
        assert (date_layout(real), date_of(real)) == ("date", day)


@pytest.mark.parametrize("text", ["31-02-2021", "2021-13-01", "29-02-2021", "03-06-21", "3-6/2021", "20210603", "x", 5])
def test_no_dates(text):
    assert date_of(text) is None


def test_texts():
    assert [text_of(c) for c in ("007", " 7 ", 7, 7.0, "A\u030aro", "NA")] == ["007", "7", "7", "7", "\u00c5ro", "NA"]
    assert [text_of(c) for c in (1.5, True, 2.0**60, None)] == [None] * 4
    assert [folded(c) for c in ("  Blå  Bølge", 1.0, "1.0", "1,0", "1.5", "007")] == [
        "blå bølge", "1", "1", "1", "1.5", "007"]  # fmt: skip
    assert [whole_of(c) for c in (-9, "-9", "-9,0", "\u22129", "9.5", "x", None)] == [-9, -9, -9, -9, None, None, None]
