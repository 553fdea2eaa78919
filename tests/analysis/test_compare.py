"""Effect tables held against each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mtb_eval.analysis.compare import CompareError, compare, read_effects
from mtb_eval.analysis.effect_table import EFFECT_COLUMNS, effect_table
from mtb_eval.study import load_plan

RULE = load_plan().verdicts


@pytest.fixture
def table() -> pd.DataFrame:
    rows = [
        {
            "outcome": o,
            "wave": "m24",
            "estimand": "care received",
            "estimator": "primary",
            "method": m,
            "p": p,
            "estimate": 1.5,
        }
        for o, m, p in (("a", "CR2", 0.03), ("a", "WCR31", 0.06), ("b", "CR2", 0.5))
    ]
    return effect_table(rows)


def test_a_table_equals_itself_in_any_row_order(table):
    found = compare(table, table.iloc[::-1].reset_index(drop=True), rule=RULE)
    assert found.same
    assert found.n_rows == 3


def test_a_cell_within_the_tolerance_agrees_and_beyond_it_differs(table):
    near, far = table.copy(), table.copy()
    near.loc[0, "estimate"] *= 1 + 1e-10
    far.loc[0, "estimate"] *= 1 + 1e-6
    assert compare(table, near, rule=RULE).same
    cells = compare(table, far, rule=RULE).cells
    assert list(cells["column"]) == ["estimate"]
    assert list(cells["outcome"]) == ["a"]


def test_a_number_that_went_missing_differs(table):
    gone = table.copy()
    gone.loc[1, "p"] = np.nan
    found = compare(table, gone, rule=RULE)
    assert list(found.cells["column"]) == ["p"]
    assert list(found.verdicts["second"]) == ["not estimable"]


def test_rows_of_only_one_table_and_changed_verdicts_are_named(table):
    other = table.iloc[:2].copy()
    other.loc[0, "p"] = 0.07
    found = compare(table, other, rule=RULE)
    assert list(found.only_first["outcome"]) == ["b"]
    assert found.only_second.empty
    assert found.verdicts[["first", "second"]].to_numpy().tolist() == [["significant", "tendency"]]
    assert not found.same


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not readable as CSV"),
        ("a,b\n1,2\n", "not an effect table"),
        (",".join(EFFECT_COLUMNS) + "\n" + "x,f,m24,e,e,m,five" + "," * 12 + "\n", "holds text where numbers"),
        (",".join(EFFECT_COLUMNS) + ("\nx,f,m24,e,e,m" + "," * 13) * 2 + "\n", "rows repeat"),
    ],
)
def test_a_file_that_is_no_effect_table_is_refused(tmp_path, text, says):
    path = tmp_path / "effects.csv"
    path.write_text(text)
    with pytest.raises(CompareError, match=says):
        read_effects(path)
    with pytest.raises(CompareError, match="does not exist"):
        read_effects(tmp_path / "none.csv")
