"""From typed tables to families: visits by age, placements by age, coders' means, variables."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from mtb_eval.data.assemble import families_table, n_visits, placed
from mtb_eval.data.clean import clean_families, clean_questionnaire, clean_ratings, clean_visits, held, sorted_rows
from mtb_eval.data.raw import RawTable
from mtb_eval.data.typed import empty_table, typed_table
from mtb_eval.study import PlanError, load_plan

PLAN = load_plan()
SOURCES = {s.id: s for s in PLAN.sources}


def days(*texts):
    return pd.to_datetime(pd.Series(list(texts)))


def families(born=("2020-02-29", "2020-06-01", None), arm=("mtb", "mtb", "mtb")):
    ids = [f"f{i}" for i in range(len(born))]
    frame = pd.DataFrame({"family_id": ids, "born_on": days(*born), "mtb": [float(a == "mtb") for a in arm]})
    return frame.set_index("family_id", drop=False)


def table(source_id, **columns):
    """Return a typed table of a Minding the Baby source; columns not named are absent."""
    raw = RawTable(frame=pd.DataFrame(columns))
    return typed_table(raw, SOURCES[source_id], PLAN, file="t.csv")[0]


def test_visits_count_up_to_the_second_birthday():
    visits = pd.DataFrame(
        {
            "family_id": ["f0", "f0", "f0", "f1", "f2"],
            # f0 was born on a leap day: two years later is 28 February, which counts.
            "visited_on": days("2020-01-01", "2022-02-28", "2022-03-01", "2022-06-02", "2030-01-01"),
        }
    )
    assert n_visits(families(), visits, PLAN).tolist() == [2.0, 0.0, 1.0]  # no known birth: all count
    assert n_visits(families(), visits, dataclasses.replace(PLAN, dose=None)).tolist() == [3.0, 1.0, 1.0]


def test_usual_care_has_no_visits_and_no_file_no_number():
    two = families(born=("2020-01-01", "2020-01-01"), arm=("mtb", "control"))
    nothing = pd.DataFrame({"family_id": pd.Series(dtype="str"), "visited_on": days()})
    assert n_visits(two, nothing, PLAN).tolist() == [0.0, 0.0]
    assert n_visits(two, None, PLAN).fillna(-1).tolist() == [-1.0, 0.0]


def test_only_held_visits_count():
    visits = table("visits", family_id=["a", "a", "b"], visited_on=["2020-01-01"] * 3, status=[1, 2, None]).frame
    assert held(visits, [SOURCES["visits"]])["family_id"].tolist() == ["a"]
    assert len(held(visits.drop(columns="status"), [SOURCES["visits"]])) == 3
    column = next(c for c in SOURCES["visits"].columns if c.name == "status")
    renamed = dataclasses.replace(column, categories=column.categories[1:])
    with pytest.raises(PlanError, match="a category named 'held'"):
        held(visits, [dataclasses.replace(SOURCES["visits"], columns=(renamed,))])


def test_placed_before_the_age_limit():
    four = families(born=("2020-02-10", "2020-02-10", "2020-02-10", None), arm=("mtb",) * 4)
    spells = pd.DataFrame(
        {
            "family_id": ["f0", "f0", "f1", "f3"],
            "placed_on": days("2022-02-10", "2022-02-09", "2022-02-10", "2021-01-01"),
        }
    )
    assert placed(four, spells, PLAN).fillna(-1).tolist() == [1.0, 0.0, 0.0, -1.0]
    assert placed(four, spells.iloc[:0], PLAN).tolist() == [0.0] * 4
    assert placed(four, None, PLAN).isna().all()


def ratings_of(rows):
    """Return video ratings from (family, wave, coder, rating of every scale, {item: other rating})."""
    records = []
    for family, wave, coder, value, other in rows:
        record = {"family_id": family, "wave": wave, "coder": coder, "recorded_on": "2021-01-01"}
        records.append(record | {f"cib{k:02d}": other.get(k, value) for k in range(1, 28)})
    return table("video_ratings", **pd.DataFrame(records).to_dict("list"))


def test_a_video_scores_the_mean_of_its_coders_scores():
    rows = [("f1", "m24", 2, 3, {1: 5, 2: None}), ("f1", "m24", 1, 2, {}), ("f0", "m12", 1, 4, {1: None, 2: None})]
    ratings = clean_ratings([ratings_of(rows)], PLAN)
    assert ratings[["family_id", "wave", "coder"]].to_numpy().tolist() == [
        ["f0", "m12", 1.0], ["f1", "m24", 1.0], ["f1", "m24", 2.0]]  # fmt: skip
    found = study_families(ratings=ratings).set_index("family_id")
    # Coder 1: (2 + 2 + 2) / 3; coder 2: (5 + 3) / 2, not the mean of all five ratings.
    assert found.loc["f1", "sensitivity_m24"] == (2 + 4) / 2
    assert np.isnan(found.loc["f0", "sensitivity_m12"])
    assert found.loc["f0", "limit_setting_m12"] == 4.0
    assert found["video_m24"].tolist() == [False, True, False]
    assert found["video_m12"].tolist() == [True, False, False]
    assert found["sensitivity_m03"].isna().all()


def study_families(questionnaires=(), ratings=None):
    register = pd.DataFrame(
        {"family_id": ["f0", "f1", "f2"], "municipality": ["K01", "K01", "K02"], "arm": ["mtb", "control", "mtb"],
         "recruited_on": days("2018-06-01", "2019-06-01", "2020-06-01"), "born_on": days("2018-09-01", None, None)}
    )  # fmt: skip
    absent = [c.name for c in SOURCES["families"].columns if c.name not in register]
    answered = [(s, clean_questionnaire(empty_table(s, PLAN), PLAN)) for s in PLAN.sources if s.role == "questionnaire"]
    given = {s.id for s, _ in questionnaires}
    return families_table(
        clean_families(register.assign(**dict.fromkeys(absent, np.nan)), PLAN),
        PLAN,
        questionnaires=[*questionnaires, *((s, f) for s, f in answered if s.id not in given)],
        ratings=clean_ratings([empty_table(SOURCES["video_ratings"], PLAN)], PLAN) if ratings is None else ratings,
        visits=None,
        placements=None,
    )


def test_families_without_any_answer_have_every_column():
    found = study_families()
    assert found["calendar_years"].tolist() == [0.0, 365 / 365.25, 731 / 365.25]
    assert not found[[f"answered_{w.id}" for w in PLAN.waves]].any().any()
    assert found[[o.variable for o in PLAN.outcomes]].isna().all().all()
    assert all(found[o.variable].dtype == float for o in PLAN.outcomes)


def test_binary_variables_tell_no_from_missing():
    answers = table(
        "questionnaire_24m",
        family_id=["f0", "f1", "f2"],
        work_status=[2, 3, -7],
        contacts=[1, -8, None],
        education_now=[2, 1, 1],
    )
    found = study_families([(answers.source, clean_questionnaire(answers, PLAN))]).set_index("family_id")
    assert found["employed_m24"].fillna(-1).tolist() == [1.0, 0.0, -1.0]
    assert found["too_few_contacts_m24"].fillna(-1).tolist() == [1.0, -1.0, -1.0]
    assert found["in_education_m24"].tolist() == [0.0, 1.0, 1.0]
    assert found["answered_m24"].all()
    reasons = answers.missing.set_index(["column", "reason"])["n"]
    assert reasons["work_status", "dont_know"] == reasons["contacts", "not_applicable"] == 1


def test_one_column_from_two_sources_is_refused():
    source = SOURCES["questionnaire_24m"]
    twice = [(s, clean_questionnaire(empty_table(source, PLAN), PLAN)) for s in (source, source)]
    with pytest.raises(PlanError, match="is given by more than one source"):
        study_families(twice)


def test_cleaning_changes_nothing_in_place():
    visits = table("visits", family_id=["b", "a"], visited_on=["2020-01-02", "2020-01-01"], minutes=[60, 45])
    before = visits.frame.copy()
    assert clean_visits([visits])["family_id"].tolist() == ["a", "b"]
    pd.testing.assert_frame_equal(visits.frame, before)


def test_rows_are_sorted_by_all_columns_where_the_key_is_not_enough():
    frame = pd.DataFrame({"k": [1, 1, 0], "x": [2.0, 1.0, 3.0]})
    assert sorted_rows(frame, ["k"])["x"].tolist() == [3.0, 1.0, 2.0]
