"""The course over visits, and a dose with one group only: counted from the rows, never a claim that visits help."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mtb_eval.analysis.dose_curve import LEVEL, LINE
from mtb_eval.report.dose_values import course_outcomes, course_values
from mtb_eval.report.edition import edition
from mtb_eval.report.figures.dose import dose_contrasts
from mtb_eval.report.figures.dose_course import dose_course
from mtb_eval.report.sections.dose import dose
from mtb_eval.report.style import Absent, house_style


def test_bends_and_slopes_are_counted_from_the_tests(plan, results, provenance):
    tests = results.detail["dose_curve_tests"].copy()
    tests["p"] = np.where(tests["test"] == LINE, 0.2, 0.01)
    one = edition("en", plan, replace(results, detail={**results.detail, "dose_curve_tests": tests}), provenance)
    values = course_values(one)
    n = str((tests["test"] == LEVEL).sum())
    assert (values["n"], values["n_bent"], values["n_related"]) == (n, "0", n)
    visits = results.detail["dose_curve"]["visits"]
    assert (values["visits_from"], values["visits_to"]) == (f"{visits.min():.0f}", f"{visits.max():.0f}")


@pytest.mark.parametrize("language", ["en", "da"])
def test_each_outcome_has_a_line_in_the_table_and_a_panel(editions, language):
    one = editions[language]
    found = next(f for f in dose(one).folds if f.id == "dose-curve")
    assert found.figures == ("dose-course",)
    assert len(found.tables[0].lines) == len(course_outcomes(one))
    with house_style():
        assert len(dose_course(one).figure.axes) == len(course_outcomes(one)) + 1


def test_without_a_curve_there_is_no_fold_and_no_figure(plan, results, provenance):
    empty = results.detail["dose_curve"].iloc[:0]
    one = edition("da", plan, replace(results, detail={**results.detail, "dose_curve": empty}), provenance)
    assert "dose-curve" not in [f.id for f in dose(one).folds]
    with house_style():
        assert isinstance(dose_course(one), Absent)


def test_without_low_doses_nothing_is_said_of_them(plan, results, provenance):
    kept = ~results.effects["estimand"].isin(["dose: low v usual care", "dose: high v low"])
    one = edition("en", plan, replace(results, effects=results.effects[kept]), provenance)
    finding = dose(one).finding
    assert finding == (one.say("dose.finding_one_dose", **_values(one)),)
    with house_style():
        assert "too few families had fewer" in dose_contrasts(one).title


def _values(one):
    rows = one.rows("effects", estimand="dose: high v usual care")
    sure = [r for r in rows if r["p"] < one.plan.verdicts.significant]
    return {
        "threshold": one.plan.dose.threshold,
        "n": len(rows),
        "high_better": sum(r["standardised"] > 0 for r in sure),
        "high_worse": sum(r["standardised"] < 0 for r in sure),
    }
