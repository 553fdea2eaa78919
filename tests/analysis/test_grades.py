"""The grade by its rule: every way to be robust, to fall short of it, and to be told why."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from mtb_eval.analysis.grades import Check, grade, grades
from mtb_eval.study import load_plan

PLAN = load_plan()
GOOD = {"estimate": 1.0, "p": 0.001, "p_adjusted": 0.01}


def checks(**changes: dict[str, float]) -> list[Check]:
    names = ("CR2", "wild bootstrap", "multiple imputation", "lot window")
    keys = ("cr2", "wcr31", "imputed", "lot")
    return [Check(name=n, **(GOOD | changes.get(k, {}))) for n, k in zip(names, keys, strict=True)]


MISSING = {"estimate": math.nan, "p": math.nan, "p_adjusted": math.nan}


@pytest.mark.parametrize(
    ("changes", "found", "why"),
    [
        ({}, "robust", "all analyses agree"),
        ({"imputed": MISSING}, "suggestive", "multiple imputation: not available"),
        ({"lot": MISSING}, "suggestive", "lot window: not available"),
        ({"lot": {"p_adjusted": 0.05}}, "suggestive", "lot window: corrected p 0.05 is not below 0.05 (without"),
        ({"wcr31": {"p_adjusted": 0.2}}, "suggestive", "wild bootstrap: corrected p 0.2"),
        ({"lot": {"estimate": -1.0}}, "suggestive", "lot window: opposite sign"),
        ({"lot": {"p_least": 0.4, "p_adjusted": 0.4}}, "suggestive", "cannot be below 0.4"),
        ({"cr2": {"p_adjusted": 0.2}}, "suggestive", "CR2: corrected p 0.2"),
        ({"cr2": {"p": 0.05, "p_adjusted": 0.2}}, "not supported", "CR2: corrected p 0.2 is not below 0.05"),
        ({"cr2": MISSING}, "not estimable", "CR2: not available"),
    ],
)
def test_grade_by_rule(changes, found, why):
    graded = grade(checks(**changes), significant=0.05)
    assert graded.grade == found
    assert why in graded.why


def test_what_is_counted_beside_the_grade():
    graded = grade(checks(lot=MISSING, wcr31={"p_adjusted": 0.5}), significant=0.05)
    assert (graded.passed, graded.missing, graded.same_sign, graded.reachable) == (2, ("lot window",), True, True)
    assert not grade(checks(lot={"p_least": 0.05}), significant=0.05).reachable


def table(p: list[float], estimates: list[float] | None = None) -> pd.DataFrame:
    n = len(p)
    return pd.DataFrame(
        {
            "outcome": [f"y{i}" for i in range(n)],
            "family": "f",
            "wave": "m24",
            "estimate": estimates or [1.0] * n,
            "p": p,
            "p_holm": np.minimum(np.array(p) * n, 1),
            "p_wild": p,
            "p_romano_wolf": np.minimum(np.array(p) * n, 1),
        }
    )


def others(p: list[float], **more: object) -> pd.DataFrame:
    return pd.DataFrame({"outcome": [f"y{i}" for i in range(len(p))], "estimate": 1.0, "p": p} | more)


def test_other_analyses_are_corrected_by_holm_in_the_family():
    found = grades(PLAN, table([0.001, 0.4]), imputed=others([0.02, 0.04]), lot=others([0.001, 0.5]))
    assert found["grade"].tolist() == ["robust", "not supported"]
    np.testing.assert_allclose(found["imputed_p_adjusted"], [0.04, 0.04])
    assert found["missing"].tolist() == ["", ""]


def test_without_imputation_and_lot_window_nothing_is_robust():
    found = grades(PLAN, table([0.001, 0.001]))
    assert found["grade"].tolist() == ["suggestive"] * 2
    assert (found["missing"] == "multiple imputation; lot window").all()


def test_too_few_lots_for_the_family_put_robust_out_of_reach():
    found = grades(PLAN, table([0.001] * 3), imputed=others([0.001] * 3), lot=others([1 / 35] * 3, p_min=1 / 35))
    assert found["grade"].tolist() == ["suggestive"] * 3
    assert not found["reachable"].any()
    assert found["why"].str.contains("cannot be below 0.0857 with so few assignments").all()


def test_analyses_of_other_outcomes_and_empty_rows_are_passed_over():
    lot = pd.concat(
        [others([0.001]), pd.DataFrame({"outcome": ["y1", "z"], "estimate": [1.0, 1.0], "p": [np.nan, 0.1]})]
    )
    found = grades(PLAN, table([0.001, 0.001]), imputed=others([0.001, 0.002]), lot=lot)
    assert found["grade"].tolist() == ["robust", "suggestive"]
    assert found["missing"].tolist() == ["", "lot window"]
