"""The visit log by hand on a few families, and its sums on the shipped study."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mtb_eval.analysis.visit_log import ALL, visit_log
from mtb_eval.analysis.visit_schedule import care_of, expected_between
from mtb_eval.data import Study, load_study
from mtb_eval.study import load_plan

PLAN = load_plan()
RULE = PLAN.visit_rule
SHIPPED = Path(__file__).parents[2] / "data" / "synthetic"


@pytest.fixture(scope="module")
def shipped():
    return load_study(SHIPPED, PLAN)


@pytest.fixture(scope="module")
def tables(shipped):
    return visit_log(shipped, PLAN)


def study_of(families: list[tuple], visits: list[tuple]) -> Study:
    """Families: id, municipality, mtb, recruited, born, left; visits: id, day, who, status, father."""
    f = pd.DataFrame(families, columns=["family_id", "municipality", "mtb", "recruited_on", "born_on", "left_on"])
    v = pd.DataFrame(visits, columns=["family_id", "visited_on", "clinician", "status", "father_present"])
    for column in ("recruited_on", "born_on", "left_on"):
        f[column] = pd.to_datetime(f[column])
    v["visited_on"] = pd.to_datetime(v["visited_on"])
    held = v[v["status"] == "held"]["family_id"].value_counts()
    f["n_visits"] = f["family_id"].map(held).fillna(0.0) * f["mtb"]
    nothing = pd.DataFrame()
    frames = dict.fromkeys(
        ("ratings", "placements", "usual_care", "costs", "interviews", "municipalities", "missing"), nothing
    )
    return Study(families=f, visits=v, answers={}, files={}, synthetic=True, **frames)


SMALL = study_of(
    [
        ("a", "K01", 1.0, "2020-01-01", "2020-03-01", None),
        ("b", "K02", 1.0, "2020-01-01", "2020-03-01", "2020-09-01"),
        ("c", "K01", 0.0, "2020-01-01", "2020-03-01", None),
    ],
    [
        ("a", "2020-02-01", "both", "held", 1.0),
        ("a", "2020-03-01", "nurse", "held", 0.0),  # the day of birth is no longer pregnancy
        ("a", "2020-08-31", "nurse", "cancelled", 0.0),
        ("a", "2020-09-01", "family_therapist", "held", 0.0),  # six months old
        ("a", "2022-03-01", "nurse", "held", 1.0),  # the second birthday counts
        ("a", "2022-03-02", "nurse", "held", 1.0),  # after it does not
        ("b", "2020-02-10", "nurse", "held", 0.0),
    ],
)


def test_periods_by_hand():
    found = visit_log(SMALL, PLAN).visit_periods.set_index("period")
    assert found["held"].to_dict() == {"pregnancy": 2, "0-6": 1, "6-12": 1, "12-18": 0, "18-24": 1, "all": 5}
    assert found.loc["0-6", ["cancelled", "cancelled_share", "n_families"]].tolist() == [1, 0.5, 2]
    assert found.loc["6-12", "n_families"] == 1  # b left when the child was six months old
    assert found.loc["pregnancy", "father_share"] == 0.5
    assert np.isnan(found.loc["12-18", "father_share"])
    assert found.loc["all", "cancelled_share"] == pytest.approx(1 / 6)


def test_the_schedule_by_hand():
    """a: 60 days in pregnancy and 365 to the first birthday at 7 days, then 365 at 14; b: 60 + 184 at 7."""
    expected = expected_between(care_of(SMALL, RULE), 0, len(RULE.period_months), RULE)
    np.testing.assert_allclose(expected, [(60 + 365) / 7 + 365 / 14, (60 + 184) / 7])
    found = visit_log(SMALL, PLAN)
    periods = found.visit_periods.set_index("period")
    assert periods.loc["12-18", "expected"] == pytest.approx(184 / 14)
    assert periods.loc["0-6", "expected"] == pytest.approx(2 * 184 / 7)
    fidelity = found.visit_fidelity.set_index("municipality")
    assert fidelity.loc["K02", "family_mean"] == pytest.approx(1 / ((60 + 184) / 7))
    assert fidelity.loc[ALL, "fidelity"] == pytest.approx(5 / expected.sum())
    assert fidelity.loc["K02", "warning"] == "fewer than 5 families"


def test_periods_of_the_schedule_add_up(shipped, tables):
    care = care_of(shipped, RULE)
    n = len(RULE.period_months)
    parts = [expected_between(care, k, k + 1, RULE) for k in range(n)]
    np.testing.assert_allclose(np.sum(parts, axis=0), expected_between(care, 0, n, RULE))
    np.testing.assert_allclose(sum(care.days_between(k, k + 1) for k in range(n)), care.end - care.start)
    own = tables.visit_periods[tables.visit_periods["period"] != ALL]
    whole = tables.visit_periods[tables.visit_periods["period"] == ALL].iloc[0]
    for column in ("held", "cancelled", "expected"):
        assert own[column].sum() == pytest.approx(whole[column])


def test_held_visits_are_those_that_the_families_table_counts(shipped, tables):
    whole = tables.visit_periods[tables.visit_periods["period"] == ALL].iloc[0]
    assert whole["held"] == shipped.families["n_visits"].sum()
    by_place = tables.visit_fidelity[tables.visit_fidelity["municipality"] != ALL]
    assert by_place["held"].sum() == whole["held"]
    assert by_place["n"].sum() == (shipped.families["mtb"] == 1).sum()


def test_clinicians_add_up_to_one(tables):
    shares = tables.visit_clinicians.groupby("period")["share"].sum()
    np.testing.assert_allclose(shares, 1.0)
    assert set(tables.visit_clinicians["clinician"]) == {"nurse", "family_therapist", "both"}


def test_participation_at_or_above_standard_is_the_published_79_per_cent(shipped, tables):
    found = tables.participation.set_index("level")
    assert found["n"].sum() == (shipped.families["mtb"] == 1).sum()
    high = shipped.families.loc[shipped.families["mtb"] == 1, "n_visits"] >= PLAN.dose.threshold
    assert found.loc[["standard", "high"], "share"].sum() == pytest.approx(high.mean())
    assert round(100 * high.mean()) == 79
    assert found.loc["low", "visits_to"] == PLAN.dose.threshold - 1
    assert set(found["status"]) == {"assumed"}


def test_without_log_schedule_or_mtb_families_tables_are_empty_with_their_columns(shipped, tables):
    bare = visit_log(replace(shipped, visits=pd.DataFrame()), PLAN)
    undeclared = visit_log(shipped, replace(PLAN, visit_rule=None))
    nobody = visit_log(replace(shipped, families=shipped.families[shipped.families["mtb"] == 0]), PLAN)
    for found in (bare, undeclared, nobody):
        for name in ("visit_periods", "visit_clinicians", "visit_fidelity"):
            assert len(getattr(found, name)) == 0
            assert list(getattr(found, name)) == list(getattr(tables, name))
    assert len(bare.participation) == 3  # the families table still counts visits
    assert len(undeclared.participation) == 0


def test_a_log_with_dates_only_still_counts():
    few = replace(SMALL, visits=SMALL.visits[["family_id", "visited_on"]])
    found = visit_log(few, PLAN)
    assert found.visit_periods.set_index("period").loc["all", "held"] == 6
    assert found.visit_periods["father_share"].isna().all()
    assert len(found.visit_clinicians) == 0


def test_families_without_leaving_dates_are_in_care_to_the_end():
    stays = replace(SMALL, families=SMALL.families.drop(columns="left_on"))
    expected = expected_between(care_of(stays, RULE), 0, len(RULE.period_months), RULE)
    assert expected[1] == expected[0]
