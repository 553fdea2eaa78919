"""Random files made from the declarations of Minding the Baby load without a problem and score as declared."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from mtb_eval.data import check_study, load_study, score
from mtb_eval.study import load_plan

PLAN = load_plan()
N = 24
START = pd.Timestamp("2019-06-01")


def cells(column, n, rng):
    """Return n random raw cells that a declared column allows."""
    match column.type:
        case "municipality":
            return [m.code for m in PLAN.municipalities][:1] * n
        case "arm":
            return [a.code for a in rng.permutation(np.array(PLAN.arms))[np.arange(n) % 2]]
        case "date":
            return list(START + pd.to_timedelta(rng.integers(0, 20, n), unit="D"))
        case "category":
            return list(rng.choice([float(c.code) for c in column.categories], n))
        case "integer":
            low = int(column.low or 0)
            return list(rng.integers(low, int(column.high or low + 5) + 1, n).astype(float))
        case "decimal":
            return list(np.round(rng.uniform(column.low or 0, 50, n), 1))
    raise AssertionError(column.type)


def raw_table(source, n, rng):
    frame = pd.DataFrame({c.in_file: cells(c, n, rng) for c in source.columns if c.type not in ("id", "wave")})
    for instrument in (PLAN.instruments[i] for i in source.instruments):
        codes = [float(c) for c in instrument.answers]
        items = list(instrument.columns[: instrument.n_items])
        frame = pd.concat([frame, pd.DataFrame(rng.choice(codes, (n, len(items))), columns=items)], axis=1)
        ticks = list(instrument.columns[instrument.n_items :])
        frame = pd.concat([frame, pd.DataFrame(rng.choice([1.0, np.nan], (n, len(ticks))), columns=ticks)], axis=1)
    return frame


@pytest.fixture(scope="module")
def raw():
    """Every source's raw table, keys and linked dates put in order."""
    rng = np.random.default_rng(2024)
    tables = {s.id: raw_table(s, N, rng) for s in PLAN.sources}
    ids = [f"{i:04d}" for i in range(N)]
    for source in PLAN.sources:
        if any(c.type == "id" for c in source.columns):
            tables[source.id].insert(0, "family_id", ids)
    register = tables["families"]
    register["born_on"] = register["recruited_on"] + pd.Timedelta(days=60)
    register["left_on"] = register["recruited_on"] + pd.Timedelta(days=90)
    mtb = register.loc[register["arm"] == PLAN.arm("mtb").code, "family_id"].to_numpy()
    tables["visits"]["family_id"] = mtb[np.arange(N) % len(mtb)]
    for source in PLAN.sources:
        if source.role in ("questionnaire", "visits", "placements", "ratings"):
            for c in (c for c in source.columns if c.type == "date"):
                gap = 400 if c.not_before is None else 500
                tables[source.id][c.in_file] += pd.Timedelta(days=gap)
    tables["usual_care"]["ended_on"] = tables["usual_care"]["began_on"] + pd.Timedelta(days=5)
    tables["register_events"]["SAG_VTIL"] = tables["register_events"]["SAG_VFRA"] + pd.Timedelta(days=5)
    tables["video_ratings"]["wave"] = np.where(np.arange(N) % 2, "m12", "m24")
    tables["municipalities"] = pd.DataFrame(
        [{"municipality": m.code, "training_wave": m.training_wave, "trained_on": pd.Timestamp(m.trained_on),
          "randomised": int(m.randomised)} for m in PLAN.municipalities]
    )  # fmt: skip
    tables["costs"] = tables["costs"].drop_duplicates(["municipality", "activity", "staff"])
    tables["interviews"]["interview"] = np.arange(1, N + 1)
    spoilt = tables["questionnaire_24m"]
    spoilt.loc[[0, 1, 2], "epds01"] = [-9.0, -8.0, np.nan]
    return tables


@pytest.fixture(scope="module")
def folder(raw, tmp_path_factory):
    out = tmp_path_factory.mktemp("made")
    for source in PLAN.sources:
        frame, path = raw[source.id], out / source.file
        if source.role == "questionnaire":
            write_sav(frame, source, path.with_suffix(".sav"))
        elif source.role in ("placements", "usual_care"):
            pyreadstat.write_dta(frame, str(path.with_suffix(".dta")), version=15)
        elif source.role in ("families", "ratings"):
            frame.to_excel(path.with_suffix(".xlsx"), index=False)
        else:
            frame.to_csv(path.with_suffix(".csv"), index=False, sep=";", decimal=",", encoding="cp1252")
    return out


@pytest.fixture(scope="module")
def study(folder):
    return load_study(folder, PLAN)


def write_sav(frame, source, path):
    labels = {c.in_file: {k.code: k.label for k in c.categories} for c in source.columns if c.categories}
    for instrument in (PLAN.instruments[i] for i in source.instruments):
        labels |= {column: dict(instrument.answers) for column in instrument.columns[: instrument.n_items]}
    codes = [{"lo": min(source.missing_codes), "hi": max(source.missing_codes)}]
    missing = dict.fromkeys(labels, codes)
    pyreadstat.write_sav(frame, path, variable_value_labels=labels, missing_ranges=missing)


def test_no_problem_is_found(folder):
    found = check_study(folder, PLAN)
    assert found.empty, found.to_string()


@pytest.mark.parametrize("instrument", [i for s in PLAN.sources if s.wave == "m24" for i in s.instruments])
def test_scores_are_those_of_the_answers(study, raw, instrument):
    declared = PLAN.instruments[instrument]
    answers = raw["questionnaire_24m"].set_index("family_id")[list(declared.columns)]
    expected = score(answers.where(answers >= 0), declared).add_suffix("_m24")
    found = study.families.set_index("family_id")[list(expected.columns)].sort_index()
    pd.testing.assert_frame_equal(found, expected, check_names=False, check_index_type=False)


def test_reasons_in_a_sav_are_told_apart(study):
    missing = study.missing
    reasons = missing[(missing["source"] == "questionnaire_24m") & (missing["column"] == "epds01")]
    assert dict(zip(reasons["reason"], reasons["n"], strict=True)) == {"missing": 1, "not_applicable": 1, "blank": 1}
    assert not missing["column"].str.endswith("c").any()  # a concern not ticked is not a missing answer


def test_logs_have_names_for_codes_and_the_register_its_dates(study, raw):
    assert set(study.visits["status"]) <= {"held", "cancelled"}
    assert set(study.placements["place"]) <= {"foster_family", "network_family", "institution"}
    assert set(study.ratings["wave"]) == {"m12", "m24"}
    held = raw["visits"]["status"] == 1
    assert study.families["n_visits"].sum() == held.sum()
    assert (study.families["placed_out_of_home_m24"] == 1).all()
    assert str(study.families["born_on"].dtype) == "datetime64[us]"


def test_a_hundred_thousand_visits_take_seconds(folder, raw, tmp_path):
    for file in Path(folder).iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "visits.csv").unlink()
    many = pd.concat([raw["visits"]] * 4200, ignore_index=True)
    days, many["minutes"] = np.divmod(np.arange(len(many)), 480)  # no two rows the same
    many["visited_on"] = many["visited_on"].max() + pd.to_timedelta(days, unit="D")
    many.to_csv(tmp_path / "visits.csv", index=False, sep=";", decimal=",", date_format="%d-%m-%Y")
    began = time.process_time()
    study = load_study(tmp_path, PLAN)
    assert len(study.visits) == len(many) > 100_000
    assert time.process_time() - began < 10
