"""Rules of Minding the Baby's own files: dates in order, ratings, placements and the register."""

from __future__ import annotations

import pandas as pd
import pytest

from mtb_eval.data.checks import check_tables
from mtb_eval.data.raw import RawTable
from mtb_eval.data.typed import typed_table
from mtb_eval.study import load_plan

PLAN = load_plan()
REGISTER = {
    "family_id": ["f1", "f2"], "municipality": ["K01", "K02"], "arm": ["MTB", "Kontrol"],
    "recruited_on": ["2019-03-01", "2019-04-01"], "born_on": ["2019-06-01", "2019-07-01"],
    "mother_age": [20, 30], "care_level": [3, 4], "first_child": [1, 0],
}  # fmt: skip
VIDEO = {
    "family_id": ["f1", "f2"], "wave": ["m12", 24], "coder": [1, 2], "recorded_on": ["2020-06-02", "2021-07-02"],
    "rated_on": ["2020-07-02", "2021-08-02"], **{f"cib{k:02d}": [1, 5] for k in range(1, 28)},
}  # fmt: skip
VISITS = {
    "family_id": ["f1", "f1"], "visited_on": ["2019-03-01", "2019-06-01"], "clinician": [1, 2], "status": [1, 1],
    "father_present": [0, 1], "minutes": [60, 0],
}  # fmt: skip
PLACEMENTS = {"family_id": ["f2"], "placed_on": ["2019-07-01"], "ended_on": [None], "place": [130]}
USUAL_CARE = {"family_id": ["f2"], "service": [1], "began_on": ["2018-01-01"], "ended_on": ["2018-01-01"]}


def found(**tables):
    """Return (column, rule, rows) of every problem in a register and other tables."""
    typed, problems = [], []
    for source_id, columns in {"families": REGISTER, **tables}.items():
        source = next(s for s in PLAN.sources if s.id == source_id)
        table, within = typed_table(RawTable(frame=pd.DataFrame(columns)), source, PLAN, file=f"{source_id}.csv")
        typed.append(table)
        problems += within
    return [(p.column, p.rule, p.n_rows) for p in [*problems, *check_tables(typed, PLAN)]]


def test_good_files_have_no_problem():
    assert found(video_ratings=VIDEO, visits=VISITS, placements=PLACEMENTS, usual_care=USUAL_CARE) == []


@pytest.mark.parametrize(
    ("table", "changed", "problem"),
    [
        ("families", {"born_on": ["2019-02-28", "2019-07-01"]}, ("born_on", "date_order", 1)),
        ("families", {"left_on": ["2019-02-28", "2019-03-01"]}, ("left_on", "date_order", 2)),
        ("families", {"recruited_on": ["2018-05-31", "2019-04-01"]}, ("recruited_on", "implausible_date", 1)),
        ("families", {"care_level": [2, 5]}, ("care_level", "out_of_range", 2)),
        ("families", {"first_child": [0.5, 1]}, ("first_child", "not_whole", 1)),
        ("families", {"arm": ["mtb", "treated"]}, ("arm", "unknown_arm", 1)),
        ("families", {"municipality": ["K01", "K11"]}, ("municipality", "unknown_municipality", 1)),
        ("video_ratings", {"cib05": [0, 6]}, ("cib05", "answer_not_allowed", 2)),
        ("video_ratings", {"cib05": [3.5, 3]}, ("cib05", "answer_not_allowed", 1)),
        ("video_ratings", {"wave": ["m12", "m13"]}, ("wave", "unknown_wave", 1)),
        ("video_ratings", {"rated_on": ["2020-06-01", "2021-08-02"]}, ("rated_on", "date_order", 1)),
        ("video_ratings", {"recorded_on": ["2019-02-28", "2021-07-02"]}, ("recorded_on", "before_recruited_on", 1)),
        ("visits", {"visited_on": ["2019-02-28", "2019-06-01"]}, ("visited_on", "before_recruited_on", 1)),
        ("visits", {"visited_on": ["2039-06-01", "1919-06-01"]}, ("visited_on", "implausible_date", 2)),
        ("visits", {"minutes": [-1, 60]}, ("minutes", "out_of_range", 1)),
        ("visits", {"status": [1, 3]}, ("status", "unknown_code", 1)),
        ("visits", {"family_id": ["f1", "f2"]}, ("family_id", "visits_in_control", 1)),
        ("placements", {"placed_on": ["2019-08-02"], "ended_on": ["2019-08-01"]}, ("ended_on", "date_order", 1)),
        ("placements", {"placed_on": ["2019-06-30"]}, ("placed_on", "before_born_on", 1)),
        ("usual_care", {"ended_on": ["2017-12-31"]}, ("ended_on", "date_order", 1)),
        ("usual_care", {"contacts_per_month": ["mange"]}, ("contacts_per_month", "wrong_type", 1)),
    ],
)
def test_each_rule(table, changed, problem):
    tables = {"families": REGISTER, "video_ratings": VIDEO, "visits": VISITS, "placements": PLACEMENTS}
    tables["usual_care"] = USUAL_CARE
    tables[table] = {**tables[table], **changed}
    assert problem in found(**tables)
    early = {p for p in found(**tables) if p != problem}
    # A visit in 1919 is before recruitment too; nothing else follows from any of these.
    assert early <= {("visited_on", "before_recruited_on", 1)}


def test_the_same_spell_twice_and_a_video_rated_twice_by_one_coder():
    spells = {name: values * 2 for name, values in PLACEMENTS.items()}
    assert found(placements=spells) == [("family_id, placed_on", "duplicate", 1)]
    videos = {name: values[:1] * 2 for name, values in VIDEO.items()}
    assert found(video_ratings=videos) == [("family_id, wave, coder", "duplicate", 1)]
