"""The attrition tables of the shipped study: shape, agreement with the effect table, reasons for what is not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mtb_eval.analysis import effects
from mtb_eval.analysis.attrition import COLUMNS, attrition
from mtb_eval.analysis.attrition_case import NOTHING_MISSING
from mtb_eval.analysis.effects import deciding_row
from mtb_eval.analysis.model_data import model_data
from mtb_eval.data import load_study
from mtb_eval.study import load_plan

ROOT = Path(__file__).parents[2]
PLAN = load_plan()
QUICK = replace(PLAN, attrition=replace(PLAN.attrition, imputations=4, iterations=2))
ANALYSES = ("complete", "ipw", "ipw_jackknife", "mi_scale", "mi_item")


@pytest.fixture(scope="module")
def study():
    return load_study(ROOT / "data" / "synthetic", PLAN)


@pytest.fixture(scope="module")
def tables(study):
    return attrition(study, QUICK)


def subset(*ids: str, **changes):
    """The quick plan with these outcomes only."""
    return replace(QUICK, outcomes=tuple(QUICK.outcome(i) for i in ids), **changes)


def test_tables_have_their_columns_and_every_outcome(tables):
    for name, columns in COLUMNS.items():
        assert tuple(getattr(tables, name).columns) == columns
    ids = {o.id for o in PLAN.outcomes}
    for table in (tables.analyses, tables.bounds, tables.tipping):
        assert set(table["outcome"]) == ids


def test_every_row_has_an_estimate_or_a_reason(tables):
    for table, value in ((tables.analyses, "estimate"), (tables.bounds, "lower"), (tables.tipping, "conclusion")):
        there = table[value].notna() & (table[value].astype(str) != "")
        assert (there | (table["error"] != "") | (table["warning"] != "")).all()
        assert not (there & (table["error"] != "")).any()


def test_complete_cases_are_the_primary_rows_of_the_effect_table(study, tables):
    some = ("asqse_total", "sensitivity", "in_education", "epds_total_3m")
    table = effects(study, subset(*some))
    complete = tables.analyses[tables.analyses["analysis"] == "complete"].set_index("outcome")
    for outcome in some:
        row, ours = deciding_row(table, PLAN, outcome, "primary"), complete.loc[outcome]
        columns = ["estimate", "se", "df", "ci_low", "ci_high", "p", "standardised", "n_mtb", "n_control"]
        np.testing.assert_allclose(ours[columns].astype(float), row[columns].astype(float), rtol=1e-12)


def test_register_outcome_says_that_nothing_is_missing(tables):
    rows = tables.analyses[tables.analyses["outcome"] == "placed_out_of_home"].set_index("analysis")
    assert np.isfinite(rows.loc["complete", "estimate"])
    assert (rows["warning"].drop("complete") == NOTHING_MISSING).all()
    tipping = tables.tipping.set_index("outcome").loc["placed_out_of_home"]
    assert tipping["warning"] == NOTHING_MISSING


def test_all_families_are_in_the_imputed_analyses(tables):
    rows = tables.analyses[
        (tables.analyses["analysis"] == "mi_scale") & (tables.analyses["warning"] != NOTHING_MISSING)
    ]
    whole = rows[~rows["outcome"].isin(["in_education", "partner_relationship"])]
    assert (whole["n_mtb"] == 183).all()
    assert (whole["n_control"] == 73).all()
    asked = rows[rows["outcome"].isin(["in_education", "partner_relationship"])]
    assert (asked["n_mtb"] < 183).all()


def test_standardised_intervals_are_ordered_and_signed(tables):
    rows = tables.analyses[tables.analyses["estimate"].notna()]
    assert (rows["std_low"] <= rows["std_high"]).all()
    for _, row in rows.iterrows():
        better = 1 if PLAN.outcome(row["outcome"]).better == "higher" else -1
        assert np.sign(row["standardised"]) == better * np.sign(row["estimate"])


def test_videos_are_imputed_at_scale_level_only_and_say_so(tables):
    row = tables.analyses.query("outcome == 'sensitivity' and analysis == 'mi_item'").iloc[0]
    assert "scale level only" in row["error"]


def test_bounds_contain_the_complete_case_estimate_and_manski_contains_lee(tables):
    bounds = tables.bounds[tables.bounds["lower"].notna()].set_index(["outcome", "bound", "model"])
    complete = tables.analyses[tables.analyses["analysis"] == "complete"].set_index("outcome")["estimate"]
    for (outcome, bound, model), row in bounds.iterrows():
        assert row["ci_low"] < row["lower"] <= row["upper"] < row["ci_high"]
        assert row["std_low"] <= row["std_lower"] <= row["std_upper"] <= row["std_high"]
        if model == "primary model":
            assert row["lower"] <= complete[outcome] <= row["upper"]
        if bound == "lee" and (outcome, "manski", model) in bounds.index:
            manski = bounds.loc[(outcome, "manski", model)]
            assert manski["lower"] <= row["lower"] + 0.15 * abs(row["lower"])


def test_lee_trims_mtb_by_the_published_share(tables):
    """1 - .438 / .754 = 41.9 % at the questionnaire, 51.8 % at the video."""
    lee = tables.bounds[tables.bounds["bound"] == "lee"].set_index("outcome")
    assert lee.loc["asqse_total", "trimmed_share"].iloc[0] == pytest.approx(1 - (32 / 73) / (138 / 183))
    assert lee.loc["sensitivity", "trimmed_share"].iloc[0] == pytest.approx(1 - (20 / 73) / (104 / 183))
    assert (lee.loc[["asqse_total", "sensitivity"], "trimmed_arm"] == "mtb").all()


def test_response_by_arm_and_implied_bias(tables):
    response = tables.response.set_index(["sample", "wave"])
    last = response.loc[("questionnaire", "m24")]
    assert (last["n_mtb"], last["of_mtb"], last["n_control"], last["of_control"]) == (138, 183, 32, 73)
    assert last["overall_attrition"] == pytest.approx(1 - 170 / 256)
    assert last["differential_attrition"] == pytest.approx(138 / 183 - 32 / 73)
    assert last["within"] == "neither"
    assert (last["bias_cautious_low"], last["bias_cautious_high"]) == pytest.approx((-0.242, -0.163), abs=5e-4)
    assert (last["boundary_cautious"] < last["boundary_optimistic"]) & (last["boundary_optimistic"] < 0.1)
    assert "baseline" not in tables.response["wave"].to_list()


def test_responders_against_those_lost(study, tables):
    families = study.families
    row = tables.responders.query(
        "sample == 'questionnaire' and wave == 'm24' and arm == 'control' and column == 'mother_age'"
    ).iloc[0]
    here = families[families["mtb"] == 0]
    there, lost = (here.loc[here["answered_m24"] == a, "mother_age"] for a in (True, False))
    assert (row["n_responders"], row["n_lost"]) == (32, 41)
    expected = (there.mean() - lost.mean()) / np.sqrt((there.var() + lost.var()) / 2)
    assert row["smd"] == pytest.approx(expected)
    assert set(tables.responders["column"]) == {c.column for c in (*PLAN.covariates, *PLAN.baseline_table)}


def test_imputation_rows_count_what_was_seen_and_filled(study, tables):
    rows = tables.imputation.set_index(["outcome", "level", "arm"])
    row = rows.loc[("asqse_compliance", "scale", "control")]
    data = model_data(study, PLAN, PLAN.outcome("asqse_compliance"))
    assert row["n_observed"] == (data.mtb == 0).sum()
    assert row["n_observed"] + row["n_imputed"] == 73
    assert row["mean_observed"] == pytest.approx(data.y[data.mtb == 0].mean())
    assert tables.imputation["lost"].between(0, 1).all()
    assert (tables.imputation["fmi"] >= tables.imputation["lost"] - 1e-12).all()


def test_no_rule_gives_empty_tables_with_their_columns(study):
    tables = attrition(study, replace(PLAN, attrition=None))
    for name, columns in COLUMNS.items():
        table = getattr(tables, name)
        assert table.empty
        assert tuple(table.columns) == columns


def test_one_seed_gives_the_same_tables_at_any_number_of_workers(study):
    plan = subset("too_few_contacts", "epds_total_3m", "sdq_conduct")
    one, two = attrition(study, plan), attrition(study, plan, workers=2)
    for name in COLUMNS:
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name))


def test_another_seed_gives_other_imputations(study):
    plan = subset("too_few_contacts")
    other = replace(plan, attrition=replace(plan.attrition, seed=1))
    a, b = (attrition(study, p).analyses.set_index("analysis") for p in (plan, other))
    assert a.loc["mi_scale", "estimate"] != b.loc["mi_scale", "estimate"]
    assert a.loc["ipw", "estimate"] == b.loc["ipw", "estimate"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda f: f.assign(asqse_autonomy_m24=np.nan), "no family has this outcome"),
        (lambda f: f.assign(asqse_autonomy_m24=f["asqse_autonomy_m24"].where(f["mtb"] == 1)), "one arm"),
        (
            lambda f: f.assign(asqse_autonomy_m24=f["asqse_autonomy_m24"].where(f["asqse_autonomy_m24"].isna(), 5.0)),
            "vary",
        ),
        (
            lambda f: f.assign(asqse_autonomy_m24=f["asqse_autonomy_m24"].where(f["municipality"] == "K03")),
            "one municip",
        ),
    ],
)
def test_a_spoilt_outcome_is_a_row_with_its_reason_and_spoils_no_other(study, spoil, reason):
    plan = subset("asqse_autonomy", "too_few_contacts")
    spoilt = replace(study, families=spoil(study.families))
    before, after = (attrition(s, plan).analyses.set_index(["outcome", "analysis"]) for s in (study, spoilt))
    rows = after.loc["asqse_autonomy"]
    assert rows["error"].str.contains(reason).all()
    assert rows["estimate"].isna().all()
    pd.testing.assert_frame_equal(before.loc["too_few_contacts"], after.loc["too_few_contacts"])


def test_an_outcome_that_everyone_answered_is_left_alone(study):
    full = study.families.assign(too_few_contacts_m24=(np.arange(256) % 3 == 0).astype(float))
    found = attrition(replace(study, families=full), subset("too_few_contacts"))
    rows = found.analyses.set_index("analysis")
    assert (rows.drop("complete")["warning"] == NOTHING_MISSING).all()
    assert found.grid.empty
    assert found.imputation.empty
