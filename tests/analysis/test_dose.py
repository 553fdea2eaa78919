"""Dose on the shipped study and on broken ones: each table against its parts, and a row that says why where none is."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mtb_eval.analysis.dose import DoseTables, dose, dose_outcomes, dose_rows
from mtb_eval.analysis.dose_data import DIFFERENCE, HIGH, LOW, dose_data
from mtb_eval.analysis.dose_landmark import RATE, visits_by
from mtb_eval.analysis.dose_placebo import ANALYSED, EVERYONE
from mtb_eval.analysis.dose_principal import strata_of
from mtb_eval.analysis.dose_reading import DIFFERS, NOT_ESTIMABLE, NOT_SHOWN, SELECTED, reading_of
from mtb_eval.analysis.effect_table import effect_table
from mtb_eval.analysis.model_data import dummies, natural_spline
from mtb_eval.analysis.received import birthday, retained
from mtb_eval.data import load_study
from mtb_eval.inference.principal import principal_scores, stratum_weights
from mtb_eval.inference.spline_basis import restricted_cubic_spline
from mtb_eval.study import load_plan

ROOT = Path(__file__).parents[2]
PLAN = load_plan()
OUTCOME = PLAN.outcome("asqse_total")
CHOSEN = [OUTCOME]
EACH = tuple(
    f"dose_{n}"
    for n in ("contrasts", "landmark", "principal", "profile", "thresholds", "curve", "curve_tests", "bends")
)
ALL_TABLES = [f.name for f in dataclasses.fields(DoseTables)]


@pytest.fixture(scope="module")
def study():
    return load_study(ROOT / "data" / "synthetic", PLAN)


@pytest.fixture(scope="module")
def tables(study):
    return dose(study, PLAN)


@pytest.fixture(scope="module")
def one(study):
    return dose_data(study, PLAN, OUTCOME, PLAN.dose)


def only(table, **keys):
    for column, value in keys.items():
        table = table[table[column] == value]
    return table


def test_every_outcome_has_rows_everywhere_and_nothing_fails_silently(tables):
    wanted = {o.id for o in dose_outcomes(PLAN)}
    for name in ALL_TABLES:
        table = getattr(tables, name)
        assert len(table)
        if "outcome" in table:
            assert set(table["outcome"]) == wanted, name
        if {"p", "error", "warning"} <= set(table):
            silent = table["p"].isna() & (table["error"] == "") & (table["warning"] == "")
            assert not silent.any(), name


def test_replicated_contrasts_are_those_of_the_effect_table(study, tables):
    rows = effect_table(dose_rows(study, PLAN))
    assert list(rows["estimand"].str.removeprefix("dose: ")) == list(tables.dose_contrasts["contrast"])
    for column in ("estimate", "se", "df", "ci_low", "ci_high", "p", "standardised"):
        np.testing.assert_allclose(tables.dose_contrasts[column], rows[column], rtol=1e-10)


def test_the_difference_is_the_difference_and_e_values_follow_the_formula(tables):
    cr2 = tables.dose_contrasts[tables.dose_contrasts["method"].str.startswith("CR2")]
    by = cr2.pivot(index="outcome", columns="contrast", values="standardised")
    np.testing.assert_allclose(by[HIGH] - by[LOW], by[DIFFERENCE], rtol=1e-9)
    row = only(cr2, outcome="asqse_total", contrast=HIGH).iloc[0]
    rr = np.exp(0.91 * abs(row["standardised"]))
    assert row["e_value"] == pytest.approx(rr + np.sqrt(rr * (rr - 1)))
    covers = (cr2["std_low"] <= 0) & (cr2["std_high"] >= 0)
    assert (cr2.loc[covers, "e_value_limit"] == 1).all()
    assert (cr2.loc[~covers, "e_value_limit"] > 1).all()


def test_the_profile_at_45_is_the_published_contrast(tables):
    cr2 = tables.dose_contrasts[tables.dose_contrasts["method"].str.startswith("CR2")].set_index(
        ["outcome", "contrast"]
    )
    at = tables.dose_profile[tables.dose_profile["declared"]].set_index(["outcome", "contrast"])
    for column in ("estimate", "se", "df", "p", "std_low", "std_high", "n_high", "n_low"):
        np.testing.assert_allclose(at[column], cr2.loc[at.index, column], rtol=1e-7)
    assert at["estimate"].notna().any()


def test_thresholds_are_read_off_the_profile(tables):
    for outcome, profile in tables.dose_profile.groupby("outcome"):
        row = only(tables.dose_thresholds, outcome=outcome).iloc[0]
        kept = only(profile, contrast=HIGH, kept=True)["cut"]
        assert (row["cut_low"], row["cut_high"], row["n_kept"]) == (kept.min(), kept.max(), len(kept))
        assert row["declared_kept"] == (PLAN.dose.threshold in set(kept))
        assert row["best_cut"] in set(kept)
        outside = (profile["band_low"] > 0) | (profile["band_high"] < 0)
        for contrast, name in ((HIGH, "high"), (LOW, "low"), (DIFFERENCE, "difference")):
            assert outside[profile["contrast"] == contrast].any() == (row[f"p_any_{name}"] <= 0.05)


def test_cuts_with_too_few_families_are_rows_without_an_estimate(tables):
    fewest = PLAN.dose_detail.fewest
    few = (tables.dose_profile[["n_high", "n_low"]] < fewest).any(axis=1)
    assert few.any()
    assert (tables.dose_profile["estimate"].isna() == few).all()
    cuts = range(PLAN.dose.profile_from, PLAN.dose.profile_to + 1)
    assert sorted(set(tables.dose_profile["cut"])) == list(cuts)


def test_placebo_columns_cover_what_was_known_before_birth(study, tables):
    assert {c.column for c in (*PLAN.covariates, *PLAN.baseline_table)} <= set(tables.dose_placebo["column"])
    assert set(tables.dose_placebo["sample"]) == {EVERYONE, ANALYSED}
    one_p = tables.dose_placebo.groupby(["sample", "contrast"])["p_joint"].nunique()
    assert (one_p == 1).all()
    smallest = tables.dose_placebo.groupby(["sample", "contrast"])["p"].min()
    joint = tables.dose_placebo.groupby(["sample", "contrast"])["p_joint"].first()
    assert (joint >= smallest / 2).all()
    row = only(tables.dose_placebo, column="mother_age", sample=EVERYONE, contrast=DIFFERENCE).iloc[0]
    families = study.families
    mtb = families["mtb"].to_numpy()
    high = mtb * (families["n_visits"].to_numpy() >= 45)
    spline = natural_spline(families["calendar_years"].to_numpy(), PLAN.calendar_df)
    x = np.column_stack([high, mtb - high, dummies(families["municipality"].to_numpy(dtype=str)), spline])
    known = families["mother_age"].notna().to_numpy()
    b = np.linalg.lstsq(x[known], families["mother_age"].to_numpy(dtype=float)[known], rcond=None)[0]
    assert row["estimate"] == pytest.approx(b[0] - b[1], rel=1e-9)


def test_landmark_counts_by_hand_and_leaves_out_who_was_gone(study, tables):
    months = PLAN.dose.landmark_months
    family = study.families[study.families["mtb"] == 1].iloc[7]
    mine = study.visits[study.visits["family_id"] == family["family_id"]]
    until = family["born_on"] + pd.DateOffset(months=months)
    expected = ((mine["visited_on"] < until) & (mine["status"] == "held")).sum()
    assert visits_by(study, months)[family.name] == expected
    rows = only(tables.dose_landmark, outcome="asqse_total")
    kept = study.families["asqse_total_m24"].notna().to_numpy() & retained(study.families, months)
    first = study.placements.groupby("family_id")["placed_on"].min()
    placed = study.families["family_id"].map(first) < birthday(study.families["born_on"], months)
    kept &= ~placed.to_numpy()
    mtb = study.families["mtb"].to_numpy() == 1
    assert set(rows["n_mtb"]) == {float((kept & mtb).sum())}
    assert (rows["n_high"] + rows["n_low"] == rows["n_mtb"]).all()
    gone = study.families["asqse_total_m24"].notna().to_numpy() & ~kept
    assert set(rows["n_gone_mtb"]) == {float((gone & mtb).sum())}
    assert RATE in set(rows["contrast"])


def test_departures_pass_through_ignorability_and_move_one_way(tables):
    ignorable = tables.dose_principal[tables.dose_principal["method"].str.contains("jackknife")].set_index(
        ["outcome", "contrast"]
    )
    for departure, value in (("ratio", 1.0), ("difference", 0.0)):
        at = only(tables.dose_departures, departure=departure, value=value).set_index(["outcome", "contrast"])
        np.testing.assert_allclose(at["estimate"], ignorable.loc[at.index, "estimate"], rtol=1e-9)
        np.testing.assert_allclose(at["se"], ignorable.loc[at.index, "se"], rtol=1e-9)
    steps = only(tables.dose_departures, departure="difference", contrast=HIGH)
    for _, course in steps.sort_values("value").groupby("outcome"):
        assert (np.diff(course["standardised"]) < 0).all()  # the better the would-be high, the less is left


def test_weights_make_usual_care_look_more_like_the_low_dose_families(tables):
    low = only(tables.dose_balance, contrast=LOW)
    assert low["smd_after"].abs().mean() < low["smd_before"].abs().mean()


def test_balance_by_hand(one, tables):
    score = principal_scores(strata_of(one, PLAN.dose_detail.score_sd))
    weights = stratum_weights(strata_of(one, 1.0), score, "low")
    k = one.data.names.index("mother_age")
    x = one.data.covariates[:, k]
    spread = np.sqrt((x[one.mtb].var() + x[~one.mtb].var()) / 2)
    expected = (x[one.low].mean() - np.average(x[~one.mtb], weights=weights[~one.mtb])) / spread
    row = only(tables.dose_balance, outcome="asqse_total", contrast=LOW, column="mother_age").iloc[0]
    assert row["smd_after"] == pytest.approx(expected)


def test_bounds_hold_the_weighted_effect_and_widen_with_their_interval(tables):
    bounds = tables.dose_bounds.set_index("outcome")
    assert (bounds["lower"] <= bounds["upper"]).all()
    assert (bounds["ci_low"] < bounds["lower"]).all()
    assert (bounds["ci_high"] > bounds["upper"]).all()
    share = bounds["n_high"] / bounds["n_mtb"]
    np.testing.assert_allclose(bounds["share"], share)


def test_the_curve_is_the_spline_model_and_has_no_point_between_usual_care_and_the_visits_seen(one, tables):
    rows = only(tables.dose_curve, outcome="asqse_total")
    seen = one.visits[one.mtb]
    assert rows["visits"].min() >= np.quantile(seen, 0.05)
    assert rows["visits"].max() <= np.quantile(seen, 0.95)
    assert rows["visits"].min() > 0
    data = one.data
    terms = restricted_cubic_spline(one.visits, PLAN.dose_detail.knots) * data.mtb[:, None]
    x = np.column_stack([data.mtb, terms, dummies(data.municipality), data.calendar, data.covariates])
    b = np.linalg.lstsq(x, data.y, rcond=None)[0]
    at = restricted_cubic_spline([60.0], PLAN.dose_detail.knots)[0]
    assert rows.set_index("visits").loc[60.0, "estimate"] == pytest.approx(b[0] + at @ b[1:3], rel=1e-8)


@pytest.mark.parametrize(
    ("p", "placebo_p", "expected"),
    [
        (0.01, 0.5, DIFFERS),
        (0.01, 0.01, SELECTED),
        (0.05, 0.5, NOT_SHOWN),
        (0.2, 0.01, NOT_SHOWN),
        (np.nan, 0.5, NOT_ESTIMABLE),
        (0.01, np.nan, DIFFERS),
    ],
)
def test_the_reading_rule(p, placebo_p, expected):
    assert reading_of(p, placebo_p, significant=0.05) == expected


def test_readings_repeat_the_numbers_of_the_tables(tables):
    row = only(tables.dose_readings, outcome="asqse_total").iloc[0]
    difference = only(tables.dose_contrasts, outcome="asqse_total", contrast=DIFFERENCE)
    assert row["difference_p"] == difference[difference["method"].str.startswith("CR2")]["p"].iloc[0]
    assert row["difference_wild_p"] == difference[difference["method"].str.startswith("WCR31")]["p"].iloc[0]
    joint = [only(tables.dose_placebo, sample=s, contrast=DIFFERENCE)["p_joint"].iloc[0] for s in (ANALYSED, EVERYONE)]
    assert row[["placebo_p", "placebo_all_p"]].tolist() == joint
    assert row["reading"] == reading_of(row["difference_p"], min(joint), significant=PLAN.verdicts.significant)


def test_any_outcome_can_be_asked_for(study):
    chosen = [PLAN.outcome("epds_total"), PLAN.outcome("sensitivity_12m"), PLAN.outcome("partner_relationship")]
    found = dose(study, PLAN, outcomes=chosen)
    assert list(found.dose_readings["outcome"]) == [o.id for o in chosen]
    late = only(found.dose_landmark, outcome="sensitivity_12m")
    assert set(late["error"]) == {"the outcome was measured before the landmark"}
    assert only(found.dose_readings, outcome="epds_total")["difference_p"].notna().all()


def test_one_outcome_alone_has_the_same_numbers_and_frames_are_not_changed(study, tables):
    before = study.families.copy()
    alone = dose(study, PLAN, outcomes=CHOSEN)
    for name in EACH:
        expected = only(getattr(tables, name), outcome=OUTCOME.id).reset_index(drop=True)
        pd.testing.assert_frame_equal(getattr(alone, name), expected)
    pd.testing.assert_frame_equal(study.families, before)


def changed(study, n_visits):
    return replace(study, families=study.families.assign(n_visits=n_visits))


def mtb_visits(study, value):
    mtb = study.families["mtb"] == 1
    return study.families["n_visits"].where(~mtb, value)


def test_all_families_above_the_threshold(study):
    found = dose(changed(study, mtb_visits(study, 70.0)), PLAN, outcomes=CHOSEN)
    cr2 = found.dose_contrasts
    assert only(cr2, contrast=HIGH)["p"].notna().all()
    for contrast in (LOW, DIFFERENCE):
        assert set(only(cr2, contrast=contrast)["error"]) == {"no family with low dose has this outcome"}
    assert found.dose_readings["reading"].tolist() == [NOT_ESTIMABLE]
    assert found.dose_profile["error"].str.startswith("no cut from 20 to 95").all()
    assert set(found.dose_principal["error"]) == {"no family with low dose has this outcome"}
    assert (found.dose_bends["error"] != "").all()


def test_no_family_above_the_threshold(study):
    found = dose(changed(study, mtb_visits(study, 12.0)), PLAN, outcomes=CHOSEN)
    assert only(found.dose_contrasts, contrast=LOW)["p"].notna().all()
    assert set(only(found.dose_contrasts, contrast=HIGH)["error"]) == {"no family with high dose has this outcome"}
    assert (found.dose_placebo["error"] == "no family of the group high").all()


def test_no_usual_care_families(study):
    mtb = study.families[study.families["mtb"] == 1].reset_index(drop=True)
    found = dose(replace(study, families=mtb), PLAN, outcomes=CHOSEN)
    for name in EACH:
        assert (getattr(found, name)["error"] == "no family with usual care has this outcome").all(), name
    assert (found.dose_placebo["error"] != "").all()


def test_no_file_of_visits(study):
    mtb = study.families["mtb"] == 1
    bare = replace(study, families=study.families.assign(n_visits=study.families["n_visits"].where(~mtb)))
    found = dose(replace(bare, visits=pd.DataFrame()), PLAN, outcomes=CHOSEN)
    why = "no MTB family has this outcome and a known number of visits"
    for name in EACH[:6]:
        assert (getattr(found, name)["error"] == why).all(), name
    assert found.dose_readings["reading"].tolist() == [NOT_ESTIMABLE]


def test_visits_without_dates_leave_out_the_landmark_only(study):
    found = dose(replace(study, visits=pd.DataFrame()), PLAN, outcomes=CHOSEN)
    assert (found.dose_landmark["error"] != "").all()
    assert found.dose_contrasts["p"].notna().all()


def test_families_without_a_known_number_of_visits_are_left_out(study):
    n_visits = study.families["n_visits"].copy()
    lost = study.families.index[(study.families["mtb"] == 1)][:10]
    n_visits.loc[lost] = np.nan
    found = dose(changed(study, n_visits), PLAN, outcomes=CHOSEN)
    kept = study.families["asqse_total_m24"].notna() & n_visits.notna() & (study.families["mtb"] == 1)
    assert set(found.dose_contrasts["n_mtb"]) == {float(kept.sum())}


def test_plans_without_dose_or_without_its_details_give_empty_tables_with_the_same_columns(study, tables):
    for plan in (replace(PLAN, dose=None), replace(PLAN, dose=None, dose_detail=None)):
        found = dose(study, plan)
        for name in ALL_TABLES:
            assert len(getattr(found, name)) == 0
            assert list(getattr(found, name)) == list(getattr(tables, name))
    plain = dose(study, replace(PLAN, dose_detail=None), outcomes=CHOSEN)
    assert len(plain.dose_principal) == len(plain.dose_curve) == len(plain.dose_landmark) == 0
    assert list(plain.dose_curve) == list(tables.dose_curve)
    assert plain.dose_contrasts["p"].notna().all()


def test_many_municipalities_need_a_generator_for_joint_draws_and_say_so(study):
    place = study.families["municipality"] + np.where(np.arange(len(study.families)) % 2, "a", "b")
    plan = replace(PLAN, dose=replace(PLAN.dose, profile_from=40, profile_to=50))
    many = replace(study, families=study.families.assign(municipality=place))
    without = dose(many, plan, outcomes=CHOSEN)
    assert without.dose_profile["error"].str.contains("numpy Generator").all()
    found = dose(many, plan, outcomes=CHOSEN, rng=np.random.default_rng(1))
    assert (found.dose_profile["error"] == "").all()
    assert found.dose_thresholds["method"].str.contains("random Rademacher").all()
