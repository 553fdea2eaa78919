"""A second study, with its own municipalities, waves, columns and files, loads without a line of Python changed."""

from __future__ import annotations

import dataclasses
import hashlib
import pickle

import numpy as np
import pandas as pd
import pytest

from mtb_eval.data import DataError, load_study
from mtb_eval.study.load import family_columns


def test_families_have_the_declared_columns_and_values(small):
    families = small.load().families
    assert set(family_columns(small.plan)) <= set(families.columns)
    assert families["family_id"].is_unique
    assert list(families.index) == list(range(16))
    assert families.equals(families.sort_values(["municipality", "family_id"], ignore_index=True))
    assert sorted(families["municipality"].unique()) == sorted(m.code for m in small.plan.municipalities)
    one = families.set_index("family_id").loc["002"]
    assert one["note"] == "født på Ærø; flyttet"
    assert (one["mtb"], one["arm"], one["income"], one["children"]) == (1.0, "mtb", 201.5, 1.0)
    assert one["recruited_on"] == pd.Timestamp("2021-02-02")
    assert one["calendar_years"] == 32 / 365.25


def test_scores_variables_and_flags_by_wave(small):
    families = small.load().families.set_index("family_id")
    # Family 003 (i = 2) answers (3, 0, 1); item 2 is turned: 3 + 3 + 1.
    assert families.loc["003", "wellbeing_start"] == 7.0
    assert families.loc["003", "low_wellbeing_start"] == 0.0
    # Family 001 left item 1 blank: answers (., 2, 3) -> (3 - 2 + 3) x 3 / 2.
    assert families.loc["001", "wellbeing_start"] == 6.0
    # Family 002 has one answer of three: no score, but it did answer.
    assert np.isnan(families.loc["002", "wellbeing_start"])
    assert np.isnan(families.loc["002", "low_wellbeing_start"])
    assert families.loc["002", "answered_start"]
    assert list(families.index[~families["answered_end"]].sort_values()) == ["013", "014", "015", "016"]
    # arbejde: 1 yes, 2 no, 98 not applicable.
    assert list(families.loc[["001", "002", "005"], "working_end"].fillna(-1)) == [1.0, 0.0, -1.0]
    assert families.loc["001", "hours_worked_end"] == 37.5
    assert not families[["video_start", "video_end"]].any().any()


def test_visits_all_count_without_a_dose_rule_and_none_is_zero(small):
    families = small.load().families.set_index("family_id")
    assert families.loc["001", "n_visits"] == 3.0
    assert families.loc["003", "n_visits"] == 0.0
    assert (families.loc[families["mtb"] == 0, "n_visits"] == 0).all()


def test_missing_is_counted_by_reason(small):
    missing = small.load().missing.set_index(["source", "column", "reason"])["n"]
    assert missing["wellbeing", "tr01", "blank"] == 1
    assert missing["wellbeing", "tr01", "missing"] == 1
    assert missing["wellbeing", "work", "not_applicable"] == 5
    assert ("wellbeing", "hours") not in missing.index.droplevel("reason")


def test_logs_answers_and_hashes(small):
    study = small.load()
    assert list(study.visits.columns) == ["family_id", "visited_on", "minutes"]
    assert list(study.visits["family_id"]) == ["001", "001", "001", "002"]
    assert list(study.visits["minutes"]) == [60, 45, 50, 30]
    assert list(study.answers) == ["start", "end"]
    assert list(study.answers["end"].columns) == ["family_id", "tr01", "tr02", "tr03"]
    assert len(study.answers["end"]) == 12
    assert study.placements.empty and study.usual_care.empty and study.interviews.empty
    assert dict(zip(study.costs["municipality"], study.costs["kroner"], strict=True)) == {"Ærø": 1000.5, "Åbenrå": 2000}
    assert len(study.municipalities) == 4
    digest = hashlib.sha256((small.folder / "trivsel.sav").read_bytes()).hexdigest()
    assert study.files["trivsel.sav"] == digest
    assert set(study.files) == {p.name for p in small.folder.iterdir()}


def test_synthetic_is_told_by_the_truth_beside_the_data(small):
    assert not small.load().synthetic
    (small.folder / "truth.toml").write_text("")
    assert load_study(small.folder, small.plan).synthetic


def test_an_optional_file_may_be_absent(small):
    small.write()
    (small.folder / "udgifter.xlsx").unlink()
    study = load_study(small.folder, small.plan)
    assert list(study.costs.columns) == ["municipality", "kroner"]
    assert study.costs.empty


@pytest.mark.parametrize("suffix", [".sav", ".zsav", ".dta", ".xlsx", ".csv", ".parquet"])
def test_every_format_gives_the_same_study(small, writers, suffix):
    expected = small.load()
    (small.folder / "trivsel.sav").unlink()
    writers[suffix](small.tables["trivsel"], small.folder / f"trivsel{suffix}")
    found = load_study(small.folder, small.plan)
    pd.testing.assert_frame_equal(found.families, expected.families)
    pd.testing.assert_frame_equal(found.missing, expected.missing)
    pd.testing.assert_frame_equal(found.answers["end"], expected.answers["end"])


def test_the_order_of_rows_and_columns_in_the_files_leaves_no_trace(small):
    expected = small.load()
    rng = np.random.default_rng(1)
    for name, table in small.tables.items():
        shuffled = table.iloc[rng.permutation(len(table)), rng.permutation(table.shape[1])]
        small.tables[name] = shuffled.reset_index(drop=True)
    found = small.load()
    for name in ("families", "visits", "costs", "municipalities", "ratings"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(expected, name))


def test_texts_of_a_closed_question_may_be_codes_or_labels(small, writers):
    expected = small.load()
    (small.folder / "trivsel.sav").unlink()
    words = {1.0: "Ja", 2.0: "nej ", 98.0: "98"}
    answers = {0.0: "Aldrig", 1.0: "SJÆLDENT", 2.0: "2.0", 3.0: "3,0", 99.0: "99"}
    table = small.tables["trivsel"].assign(arbejde=small.tables["trivsel"]["arbejde"].map(words))
    items = ["tr01", "tr02", "tr03"]
    table[items] = table[items].apply(lambda column: column.map(answers))
    writers[".csv"](table, small.folder / "trivsel.csv")
    pd.testing.assert_frame_equal(load_study(small.folder, small.plan).families, expected.families)


def test_a_row_without_any_answer_is_no_questionnaire(small):
    table = small.tables["trivsel"]
    table.loc[20, ["arbejde", "timer", "tr01", "tr02", "tr03"]] = [99, np.nan, np.nan, 99, np.nan]
    families = small.load().families.set_index("family_id")
    assert not families.loc[table.loc[20, "løbenr"], "answered_end"]


def test_two_questionnaires_of_a_wave_are_joined(small):
    plan = small.plan
    questionnaire = plan.sources[1]
    mood = dataclasses.replace(plan.instruments["wellbeing"], id="mood", prefix="hu", scales=(
        dataclasses.replace(plan.instruments["wellbeing"].scales[0], id="mood", cutoffs=()),))  # fmt: skip
    keys = tuple(c for c in questionnaire.columns if c.name in ("family_id", "wave"))
    extra = dataclasses.replace(questionnaire, id="mood", file="humør", instruments=("mood",), columns=keys)
    two = dataclasses.replace(plan, sources=(*plan.sources, extra), instruments={**plan.instruments, "mood": mood})
    rows = pd.DataFrame({"løbenr": ["016", "001"], "måling": 6, "hu01": 3, "hu02": 0, "hu03": 3})
    small.write()
    rows.to_csv(small.folder / "humør.csv", index=False)
    study = load_study(small.folder, two)
    assert len(study.answers["end"]) == 13
    families = study.families.set_index("family_id")
    assert families.loc[["001", "016", "002"], "mood_end"].fillna(-1).tolist() == [9.0, 9.0, -1.0]
    assert families["answered_end"].sum() == 13


def test_one_file_may_hold_two_sources(small):
    """A wide table: the register's columns and the questionnaire's, one row a family."""
    plan = small.plan
    register, questionnaire = plan.sources[:2]
    columns = tuple(c for c in questionnaire.columns if c.name != "wave")
    wide = dataclasses.replace(questionnaire, file="familier", wave="end", columns=columns)
    together = dataclasses.replace(plan, sources=(register, wide, *plan.sources[2:]), variables=())
    answers = small.tables["trivsel"].query("måling == 6").drop(columns="måling")
    expected = small.load().families["wellbeing_end"]
    small.tables["familier"] = small.tables["familier"].merge(answers, on="løbenr", how="left")
    small.write()
    found = load_study(small.folder, together).families
    pd.testing.assert_series_equal(found["wellbeing_end"], expected)
    assert found["answered_end"].sum() == 12


def test_data_error_survives_another_process(small):
    small.tables["familier"].loc[0, "børn"] = 99
    with pytest.raises(DataError) as caught:
        small.load()
    copied = pickle.loads(pickle.dumps(caught.value))
    assert str(copied) == str(caught.value)
    pd.testing.assert_frame_equal(copied.problems, caught.value.problems)
