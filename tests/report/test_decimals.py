"""Numbers of a column stand with their decimal marks under each other."""

from __future__ import annotations

import pytest

from mtb_eval.report.decimals import missing_places
from mtb_eval.report.document import Cell, Column, Line, Table


def places(*texts: str, numeric: bool = True) -> list[int]:
    lines = tuple(Line(cells=(Cell(text=t),)) for t in texts)
    table = Table(id="t", caption="", columns=(Column(title="x", numeric=numeric),), lines=lines)
    return [line[0] for line in missing_places(table)]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("1.25", "0.5", "3"), [0, 1, 3]),
        (("1,25", "0,5", "3"), [0, 1, 3]),
        (("1,000,000", "400,000", "950"), [0, 0, 0]),
        (("1,353", "847"), [0, 0]),
        (("1.353", "847"), [0, 0]),
        (("0.250", "0.5"), [0, 2]),
        (("0.12 to 1.5", "0.1 to 1.25"), [1, 0]),
        (("75 % (3 of 4)", "0.5"), [0, 0]),
        (("", "0.5", "1.25"), [0, 1, 0]),
    ],
)
def test_what_a_number_lacks_to_the_longest(texts, expected):
    assert places(*texts) == expected


def test_words_need_no_room():
    assert places("0.5", "1.25", numeric=False) == [0, 0]
