"""Effects over time: theorems that tie the tables to the primary model, and studies without the needed waves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.analysis.coding_study import shipped, without_wave

from mtb_eval.analysis.effects import deciding_row, effects
from mtb_eval.analysis.model_data import model_data
from mtb_eval.analysis.waves import waves
from mtb_eval.analysis.waves_difference import DIFFERENCE_COLUMNS
from mtb_eval.analysis.waves_longitudinal import LONGITUDINAL_COLUMNS
from mtb_eval.analysis.waves_series import BY_WAVE_COLUMNS

FEW = ("asqse_total", "asqse_total_12m", "synchrony", "synchrony_12m", "negative_states", "negative_states_12m")
MOTHER = ("epds_total", "epds_total_3m", "epds_total_12m")


@pytest.fixture(scope="module")
def study():
    return shipped()[0]


@pytest.fixture(scope="module")
def plan():
    return replace(shipped()[1], outcomes=tuple(shipped()[1].outcome(o) for o in (*FEW, *MOTHER)), dose=None)


@pytest.fixture(scope="module")
def tables(study, plan):
    return waves(study, plan)


def test_by_wave_is_the_primary_row_of_the_effect_table(tables, study, plan):
    made = effects(study, replace(plan, interaction=None))
    for outcome in plan.outcomes:
        row = _one(tables.wave_effects, outcome=outcome.id)
        theirs = deciding_row(made, plan, outcome.id, "primary")
        columns = ["estimate", "se", "df", "p", "standardised"]
        np.testing.assert_allclose(row[columns].astype(float), theirs[columns].astype(float), rtol=1e-10)


def test_difference_is_the_later_effect_minus_the_earlier(tables):
    rows = tables.wave_differences
    np.testing.assert_allclose(rows["effect_to"] - rows["effect_from"], rows["estimate"], atol=1e-10)


def test_all_families_have_the_effects_of_each_wave(tables):
    row = _one(tables.wave_differences, column="asqse_total", analysis="all families")
    early, late = (_one(tables.wave_effects, outcome=o).standardised for o in ("asqse_total_12m", "asqse_total"))
    np.testing.assert_allclose([row.effect_from, row.effect_to, row.estimate], [early, late, late - early], rtol=1e-9)


def test_stacking_the_same_families_gives_the_difference_model(study, plan):
    """Where nobody is missing a wave both analyses are one: estimate, CR2 and its df."""
    both = np.isfinite(study.families[["synchrony_m12", "synchrony_m24"]]).all(axis=1)
    families = study.families.copy()
    families.loc[~both, ["synchrony_m12", "synchrony_m24"]] = np.nan
    small = replace(plan, outcomes=tuple(plan.outcome(o) for o in ("synchrony", "synchrony_12m")))
    found = waves(replace(study, families=families), small).wave_differences
    same = found[(found["analysis"] == "same families") & found["method"].str.startswith("CR2")].iloc[0]
    stacked = _one(found, analysis="all families")
    columns = ["estimate", "se", "df", "p", "n_mtb", "n_control"]
    np.testing.assert_allclose(same[columns].astype(float), stacked[columns].astype(float), rtol=1e-8)


def test_an_effect_put_in_at_the_later_wave_is_the_difference(study, plan):
    """Half a point more for MTB at 24 months moves the difference by half a point in that wave's SD, within arms."""
    small = replace(plan, outcomes=tuple(plan.outcome(o) for o in ("synchrony", "synchrony_12m")))
    families = study.families.assign(synchrony_m24=study.families["synchrony_m24"] + 0.5 * study.families["mtb"])
    plain, moved = (waves(s, small).wave_differences for s in (study, replace(study, families=families)))
    sd = model_data(study, plan, plan.outcome("synchrony")).sd
    np.testing.assert_allclose(moved["estimate"] - plain["estimate"], 0.5 / sd, atol=1e-9)


def test_holm_within_family_for_cr2_rows_of_the_same_families(tables):
    rows = tables.wave_differences
    deciding = (rows["analysis"] == "same families") & rows["method"].str.startswith("CR2")
    assert np.isfinite(rows["p_holm"][deciding]).all() and rows["p_holm"][~deciding].isna().all()
    pair = rows[deciding & (rows["family"] == "interaction")].sort_values("p")
    assert pair["p_holm"].iloc[0] == pytest.approx(min(1, 2 * pair["p"].iloc[0]))


def test_mean_of_the_scales_only_for_families_with_several(tables):
    means = tables.wave_differences[tables.wave_differences["analysis"].str.startswith("mean")]
    assert set(means["family"]) == {"interaction"}


def test_longitudinal_covers_every_wave_and_model(tables):
    effect = tables.longitudinal.query("measure == 'effect'")
    assert set(effect["column"]) == {"epds_total"}
    assert set(zip(effect["analysis"], effect["wave"], strict=True)) == {
        (a, w) for a in ("cLDA", "free baseline", "ANCOVA") for w in ("m03", "m12", "m24")
    }
    assert tables.longitudinal.query("analysis == 'cLDA'")["warning"].str.contains("equal means before birth").all()
    assert (tables.longitudinal["error"] == "").all()


def test_free_baseline_effects_are_changes_from_the_difference_before_birth(tables):
    before = _one(tables.longitudinal, measure="difference before birth")
    assert before.wave == "baseline" and np.isfinite(before.se)
    steps = tables.longitudinal.query("measure == 'difference from the wave before'").set_index("wave")
    clda = tables.longitudinal.query("analysis == 'cLDA' and measure == 'effect'").set_index("wave")["estimate"]
    np.testing.assert_allclose(steps.loc["m24"].estimate, clda["m24"] - clda["m12"], rtol=1e-10)


def test_clda_is_the_primary_model_where_all_waves_are_complete(study, plan):
    columns = [f"epds_total_{w}" for w in ("baseline", "m03", "m12", "m24")]
    whole = study.families[np.isfinite(study.families[columns]).all(axis=1)].reset_index(drop=True)
    found = waves(replace(study, families=whole), plan).longitudinal.query("measure == 'effect'")
    wide = found.pivot(index="wave", columns="analysis", values="estimate")
    np.testing.assert_allclose(wide["cLDA"], wide["ANCOVA"], atol=1e-7)


def test_no_twelve_month_video_leaves_the_video_scales_out(study, plan):
    found = waves(without_wave(study, "m12"), plan)
    assert set(found.wave_differences["column"]) == {"asqse_total", "epds_total"}


def test_one_arm_at_a_wave_is_a_row_that_says_so(study, plan):
    families = study.families.copy()
    families.loc[families["mtb"] == 0, "asqse_total_m12"] = np.nan
    found = waves(replace(study, families=families), plan)
    row = _one(found.wave_effects, outcome="asqse_total_12m")
    assert "one arm" in row.error
    same = found.wave_differences[(found.wave_differences["column"] == "asqse_total")]
    assert len(same) and (same["error"] != "").any()


def test_a_plan_with_one_wave_gives_empty_tables(study, plan):
    found = waves(study, replace(plan, outcomes=(plan.outcomes[0],), waves=(plan.waves[0], plan.waves[-1])))
    for frame, columns in (
        (found.wave_effects, BY_WAVE_COLUMNS),
        (found.longitudinal, LONGITUDINAL_COLUMNS),
        (found.wave_differences, DIFFERENCE_COLUMNS),
    ):
        assert frame.empty and list(frame.columns) == list(columns)


def _one(frame: pd.DataFrame, **where: str) -> pd.Series:
    rows = frame
    for column, value in where.items():
        rows = rows[rows[column] == value]
    assert len(rows) == 1
    return rows.iloc[0]
