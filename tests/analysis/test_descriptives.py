"""Descriptive tables against the shipped files read directly, and against hand-made families."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mtb_eval.analysis.baseline import baseline
from mtb_eval.analysis.flow import flow, response, training
from mtb_eval.analysis.interaction import change
from mtb_eval.analysis.placements import placement_times, placements
from mtb_eval.analysis.received import retained, retention, usual_care, visit_counts, visits
from mtb_eval.analysis.trajectories import trajectories
from mtb_eval.data import load_study
from mtb_eval.study import load_plan

SHIPPED = Path(__file__).parents[2] / "data" / "synthetic"
PLAN = load_plan()


@pytest.fixture(scope="module")
def study():
    return load_study(SHIPPED, PLAN)


@pytest.fixture(scope="module")
def register():
    return pd.read_excel(SHIPPED / "families.xlsx", dtype={"family_id": str})


def test_visits_are_the_held_ones_before_the_second_birthday(study, register):
    log = pd.read_csv(SHIPPED / "visits.csv", sep=";", dtype={"family_id": str})
    log["visited_on"] = pd.to_datetime(log["visited_on"], dayfirst=not log["visited_on"].str.match(r"\d{4}-").all())
    born = log["family_id"].map(register.set_index("family_id")["born_on"])
    held = log[(log["status"] == 1) & (log["visited_on"] <= born + pd.DateOffset(months=24))]
    mtb = register.loc[register["arm"] == "MTB", "family_id"]
    n = held["family_id"].value_counts().reindex(mtb).fillna(0)
    table = visits(study, PLAN).set_index(["measure", "statistic"])["value"]
    assert table["visits", "mean"] == pytest.approx(n.mean(), rel=1e-12)
    assert table["visits", "sd"] == pytest.approx(n.std(), rel=1e-12)
    assert table["at_threshold", "share"] == pytest.approx((n >= 45).mean(), rel=1e-12)
    assert visit_counts(study, PLAN)["n"].sum() == len(mtb)


def test_retention_falls_and_ends_at_the_published_share(study):
    table = retention(study, PLAN)
    assert table["share"].is_monotonic_decreasing
    assert table["share"].iloc[0] == 1.0
    assert table["n"].iloc[-1] == 130


def test_retained_counts_the_day_itself():
    born = pd.Timestamp("2020-01-31")
    families = pd.DataFrame(
        {"born_on": [born] * 3, "left_on": [pd.NaT, pd.Timestamp("2022-01-31"), pd.Timestamp("2022-01-30")]}
    )
    assert retained(families, 24).tolist() == [True, True, False]


def test_usual_care_shares_leave_out_who_is_not_registered(study):
    services = pd.read_stata(SHIPPED / "usual_care.dta", convert_categoricals=False)
    table = usual_care(study, PLAN).set_index("measure")
    assert table.loc["registered", "n"] == services["family_id"].nunique() == 72
    none = services.groupby("family_id")["service"].apply(lambda s: (s == 0).all()).sum()
    assert table.loc["no_service", ["n", "of"]].tolist() == [none, 72]


def test_baseline_differences_follow_their_formula(study):
    table = baseline(study, PLAN).set_index("column")
    x = study.families.groupby("mtb")["mother_age"].agg(["mean", "var"])
    expected = (x.loc[1, "mean"] - x.loc[0, "mean"]) / np.sqrt((x.loc[1, "var"] + x.loc[0, "var"]) / 2)
    assert table.loc["mother_age", "smd"] == pytest.approx(expected, rel=1e-12)
    assert table.loc["first_child", "kind"] == "share"
    assert table.loc["mother_age", "kind"] == "mean"


def test_flow_adds_up(study):
    table = flow(study, PLAN)
    answered = table[(table["step"] == "answered") & (table["wave"] == "m24")].set_index("arm")["n"]
    lost = table[table["step"] == "lost"].groupby("arm")["n"].sum()
    recruited = table[table["step"] == "recruited"].set_index("arm")["n"]
    assert (answered + lost).to_dict() == recruited.to_dict() == {"mtb": 183, "control": 73}


def test_training_counts_controls_before_and_after(study):
    table = training(study, PLAN)
    assert (table["n_control_before"] + table["n_control_after"]).equals(table["n_control"])
    assert table["n_mtb"].sum() == 183
    assert table["n_control"].sum() == 73


def test_response_has_a_row_for_each_wave_sample_and_arm(study):
    table = response(study, PLAN).set_index(["sample", "wave", "arm"])
    assert table.loc[("video", "m24", "control"), ["n", "of"]].tolist() == [20, 73]
    assert ("video", "baseline", "mtb") not in table.index


def test_change_is_the_mean_of_paired_differences(study):
    table = change(study, PLAN).set_index(["column", "arm"])
    mtb = study.families[study.families["mtb"] == 1]
    gain = (mtb["sensitivity_m24"] - mtb["sensitivity_m12"]).dropna()
    row = table.loc[("sensitivity", "mtb")]
    assert row["n"] == len(gain)
    assert row["estimate"] == pytest.approx(gain.mean(), rel=1e-10)
    assert row["mean_to"] - row["mean_from"] == pytest.approx(gain.mean(), rel=1e-10)


def test_trajectories_are_means_with_t_intervals(study):
    table = trajectories(study, PLAN).set_index(["column", "wave", "arm"])
    x = study.families.loc[study.families["mtb"] == 0, "epds_total_m24"].dropna()
    row = table.loc[("epds_total", "m24", "control")]
    assert row["mean"] == pytest.approx(x.mean(), rel=1e-12)
    assert row["ci_high"] - row["mean"] == pytest.approx(2.0395134 * x.std() / np.sqrt(32), rel=1e-6)


def test_placements_give_the_check_numbers_for_5_v_6(study):
    """Miettinen-Nurminen limits, Fisher and Boschloo for 5 of 183 v 6 of 73, as computed by other programs."""
    table = placements(study, PLAN)
    at = table.set_index("measure").loc
    assert at["risk ratio"]["estimate"] == pytest.approx((6 / 73) / (5 / 183), rel=1e-12)
    assert at["risk ratio"][["ci_low", "ci_high"]].tolist() == pytest.approx([1.00, 9.01], abs=0.005)
    assert at["risk difference"][["ci_low", "ci_high"]].tolist() == pytest.approx([-0.143, 0.0002], abs=5e-4)
    tests = table[table["measure"] == "test"].set_index("method")["p"]
    assert tests["Fisher"] == pytest.approx(0.081, abs=5e-4)
    assert tests["Boschloo"] == pytest.approx(0.090, abs=5e-4)


def test_placement_times_end_at_the_share_placed(study):
    last = placement_times(study, PLAN).groupby("arm").last()["cumulative"]
    assert last["mtb"] == pytest.approx(5 / 183, abs=1e-9)
    assert last["control"] == pytest.approx(6 / 73, abs=1e-9)


def test_without_placements_both_tables_are_empty(study):
    bare = replace(PLAN, placements=None)
    assert placements(study, bare).empty
    assert placement_times(study, bare).empty
