"""CSV: what is written reads back as the very same numbers."""

from __future__ import annotations

import io
import math

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from mtb_eval.report.csv_text import csv_text, mark_of


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_numbers_read_back_exactly(values):
    written = csv_text(pd.DataFrame({"x": values}))
    read = [float(line) for line in written.splitlines()[1:]]
    assert read == values


@given(st.lists(st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\0")), min_size=1))
def test_texts_read_back_exactly(values):
    written = csv_text(pd.DataFrame({"text": values, "n": 1}))
    read = pd.read_csv(io.StringIO(written), dtype=str, keep_default_na=False, skip_blank_lines=False)
    assert read["text"].tolist() == values


def test_missing_cells_are_empty_and_whole_numbers_have_no_decimals():
    frame = pd.DataFrame({"a": [1.0, math.nan, 0.5], "b": [True, False, True], "c": ["x", None, "y"]})
    assert csv_text(frame) == "a,b,c\n1,True,x\n,False,\n0.5,True,y\n"


def test_days_are_written_as_days():
    assert csv_text(pd.DataFrame({"on": pd.to_datetime(["2018-06-03", None])})) == 'on\n2018-06-03\n""\n'


def test_an_empty_table_keeps_its_columns():
    assert csv_text(pd.DataFrame(columns=["a", "b"])) == "a,b\n"


def test_a_mark_stands_in_every_row_and_in_the_head_of_an_empty_table():
    frame = pd.DataFrame({"a": [1.0, None]})
    assert csv_text(frame, mark=mark_of(synthetic=True, internal=True)) == (
        'a,data\n1,"synthetic, internal"\n,"synthetic, internal"\n'
    )
    assert csv_text(frame.iloc[:0], mark=mark_of(synthetic=True, internal=False)) == "a,data\n"
    assert csv_text(frame, mark=mark_of(synthetic=False, internal=False)) == 'a\n1\n""\n'
