"""Costs by hand, t(G-1) intervals, net benefit against another program, and studies with few or no costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from mtb_eval.analysis.economy import EconomyTables, economy
from mtb_eval.analysis.economy_benefit import (
    COST,
    COSTED,
    EFFECT,
    EVERYWHERE,
    FREE,
    PRICED,
    RATIO,
    comparisons,
    family_costs,
)
from mtb_eval.analysis.economy_costs import Prices, municipality_costs
from mtb_eval.analysis.effects import deciding_row, effects
from mtb_eval.analysis.received import at_threshold
from mtb_eval.analysis.usual_care import family_contacts
from mtb_eval.data import Study, load_study
from mtb_eval.study import load_plan

PLAN = load_plan()
RULE = PLAN.economy
NAMES = ("municipalities", "summary", "activities", "sensitivity", "incremental", "net_benefit", "plane", "break_even")


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study(Path(__file__).parents[2] / "data" / "synthetic", PLAN)


@pytest.fixture(scope="module")
def found(study: Study) -> EconomyTables:
    return economy(study, PLAN)


def test_costs_of_a_municipality_by_hand(study: Study, found: EconomyTables):
    costs, place = study.costs, "K01"
    mine = costs[costs["municipality"] == place]
    mtb = study.families[(study.families["municipality"] == place) & (study.families["mtb"] == 1)]
    total = (mine["hours"] * mine["dkk_per_hour"]).sum()
    row = found.municipalities.set_index("municipality").loc[place]
    n = mine["n_families"].iloc[0]
    assert row["cost_per_family"] == pytest.approx(total / n)
    assert row["hours_per_family"] == pytest.approx(mine["hours"].sum() / n)
    assert row["cost_per_visit"] == pytest.approx(total / n / mtb["n_visits"].mean())
    completed = at_threshold(mtb["n_visits"].to_numpy(), PLAN.dose).mean()
    assert row["cost_per_course"] == pytest.approx(total / n / completed)
    follows = mine["activity"].isin(RULE.visit_activities)
    variable = (mine["hours"] * mine["dkk_per_hour"])[follows].sum() / n
    assert row["fixed_per_family"] == pytest.approx(total / n - variable)
    assert row["variable_per_visit"] == pytest.approx(variable / mtb["n_visits"].mean())


def test_every_municipality_is_listed_and_seven_have_costs(found: EconomyTables):
    m = found.municipalities
    assert m["municipality"].tolist() == [p.code for p in PLAN.municipalities]
    assert m["cost_per_family"].notna().sum() == 7
    assert m.loc[m["cost_per_family"].isna(), "warning"].eq("no costs registered").all()


def test_the_interval_is_student_t_on_municipality_means(found: EconomyTables):
    for measure, row in found.summary.set_index("measure").iterrows():
        x = found.municipalities[measure].dropna()
        low, high = stats.t.interval(0.95, 6, loc=x.mean(), scale=stats.sem(x))
        assert [row["estimate"], row["ci_low"], row["ci_high"], row["df"]] == pytest.approx([x.mean(), low, high, 6])
        assert [row["low"], row["median"], row["high"]] == pytest.approx([x.min(), x.median(), x.max()])


def test_activities_add_up_to_the_whole(found: EconomyTables):
    whole = found.summary.set_index("measure").loc["cost_per_family", "estimate"]
    assert found.activities["cost_per_family"].sum() == pytest.approx(whole)
    assert found.activities["share"].sum() == pytest.approx(1)
    assert found.activities["cost_per_family"].is_monotonic_decreasing


def test_family_costs_add_up_to_what_the_municipality_spent(study: Study, found: EconomyTables):
    cost = family_costs(study, found.municipalities)
    assert (cost[study.families["mtb"] == 0] == 0).all()
    for row in found.municipalities.dropna(subset=["cost_per_family"]).itertuples():
        here = (study.families["municipality"] == row.municipality) & (study.families["mtb"] == 1)
        assert cost[here].sum() == pytest.approx(row.cost_per_family * here.sum())
    without = study.families["municipality"].isin(["K04", "K07", "K10"]) & (study.families["mtb"] == 1)
    fixed, per_visit = found.municipalities[["fixed_per_family", "variable_per_visit"]].mean()
    np.testing.assert_allclose(cost[without], fixed + per_visit * study.families.loc[without, "n_visits"])


def test_sensitivity_scales_with_wages_and_overhead(study: Study, found: EconomyTables):
    t = found.sensitivity[found.sensitivity["measure"] == "cost_per_family"]
    base = t[t["declared"] == 1]
    assert len(base) == 1
    whole = found.summary.set_index("measure").loc["cost_per_family"]
    assert base["estimate"].iloc[0] == pytest.approx(whole["estimate"])
    dear = t[(t["wage_factor"] == 1.2) & (t["overhead"] == 0.3) & (t["training_share"] == 1)]
    assert dear["estimate"].iloc[0] == pytest.approx(whole["estimate"] * 1.2 * 1.3)
    assert dear["ci_high"].iloc[0] == pytest.approx(whole["ci_high"] * 1.2 * 1.3)
    slow = municipality_costs(study, PLAN, Prices(wage_factor=0.8, overhead=0.15, training_share=0.5))
    here = t[(t["wage_factor"] == 0.8) & (t["overhead"] == 0.15) & (t["training_share"] == 0.5)]
    assert here["estimate"].iloc[0] == pytest.approx(slow["cost_per_family"].mean())
    assert len(t) == 18


def one(study: Study, found: EconomyTables, sample: str = EVERYWHERE, control_cost: str = FREE):
    pairs = comparisons(study, PLAN, found.municipalities, RULE)
    return next(p for p in pairs if p.names["sample"] == sample and p.names["control_cost"] == control_cost)


def picked(table: pd.DataFrame, **values: object) -> pd.DataFrame:
    kept = table
    for column, value in values.items():
        kept = kept[kept[column] == value]
    return kept


def test_the_effect_is_that_of_the_effect_table(study: Study, found: EconomyTables):
    only = replace(PLAN, outcomes=(PLAN.outcome(RULE.outcome),), dose=None)
    primary = deciding_row(effects(study, only), only, RULE.outcome, "primary")
    row = picked(found.incremental, quantity=EFFECT, sample=EVERYWHERE, control_cost=FREE).iloc[0]
    assert row["estimate"] == pytest.approx(primary["standardised"])
    assert row["p"] == pytest.approx(primary["p"])
    assert row["df"] == pytest.approx(primary["df"])


def test_net_benefit_is_a_regression_of_each_familys_net_benefit(study: Study, found: EconomyTables):
    pair = one(study, found)
    places = (pair.data.municipality[:, None] == np.unique(pair.data.municipality)).astype(float)
    x = np.column_stack([pair.data.mtb, places, pair.data.calendar, pair.data.covariates])
    rows = picked(found.net_benefit, sample=EVERYWHERE, control_cost=FREE)
    assert rows["willingness"].tolist() == list(RULE.willingness)
    for row in rows.iloc[[0, 3, 8]].itertuples():
        y = row.willingness * pair.effect - pair.cost
        fit = sm.OLS(y, x).fit(cov_type="cluster", cov_kwds={"groups": pd.factorize(pair.data.municipality)[0]})
        assert row.estimate == pytest.approx(fit.params[0], rel=1e-8)
        assert row.se > 0.5 * fit.bse[0]
        assert row.chance == pytest.approx(stats.t.cdf(row.estimate / row.se, row.df))


def test_net_benefit_is_a_line_in_willingness_to_pay(found: EconomyTables):
    rows = picked(found.net_benefit, sample=EVERYWHERE, control_cost=FREE)
    inc = picked(found.incremental, sample=EVERYWHERE, control_cost=FREE).set_index("quantity")["estimate"]
    np.testing.assert_allclose(rows["estimate"], rows["willingness"] * inc[EFFECT] - inc[COST], rtol=1e-9)
    assert inc[RATIO] == pytest.approx(inc[COST] / inc[EFFECT])


def test_the_set_of_ratios_ends_where_net_benefit_turns_insignificant(study: Study, found: EconomyTables):
    ends = picked(found.incremental, quantity=RATIO, sample=EVERYWHERE, control_cost=FREE).iloc[0]
    for willingness in (ends["ci_low"], ends["ci_high"]):
        rule = replace(RULE, willingness=(float(willingness),))
        rows = economy(study, replace(PLAN, economy=rule)).net_benefit
        p = picked(rows, sample=EVERYWHERE, control_cost=FREE)["p"].iloc[0]
        assert p == pytest.approx(0.05, abs=1e-6)


def test_priced_contacts_move_cost_by_what_controls_had(study: Study, found: EconomyTables):
    free, priced = (one(study, found, control_cost=c) for c in (FREE, PRICED))
    contacts = family_contacts(study, PLAN)[1]
    control = priced.data.mtb == 0
    np.testing.assert_allclose(priced.cost[control], RULE.dkk_per_contact * contacts[priced.data.rows][control])
    assert len(priced.cost) == len(free.cost) - 1
    cost = found.incremental[found.incremental["quantity"] == COST].set_index(["sample", "control_cost"])["estimate"]
    assert cost[(EVERYWHERE, PRICED)] < cost[(EVERYWHERE, FREE)]


def test_all_families_cost_less_than_those_who_answered(found: EconomyTables):
    cost = found.incremental[found.incremental["quantity"] == COST]
    everyone = cost[cost["sample"].str.startswith("all families") & (cost["control_cost"] == FREE)].iloc[0]
    assert everyone["n_mtb"] + everyone["n_control"] == 256
    assert everyone["estimate"] < picked(cost, sample=EVERYWHERE, control_cost=FREE)["estimate"].iloc[0]


def test_the_plane_leaves_out_each_municipality(study: Study, found: EconomyTables):
    plane = picked(found.plane, sample=EVERYWHERE, control_cost=FREE).set_index("left_out")
    assert plane.index.tolist() == ["", *[m.code for m in PLAN.municipalities]]
    families = study.families
    pair = one(study, found)
    kept = pair.data.municipality != "K05"
    places = pair.data.municipality[kept][:, None] == np.unique(pair.data.municipality[kept])
    x = np.column_stack([pair.data.mtb[kept], places, pair.data.calendar[kept], pair.data.covariates[kept]])
    for column, y in (("effect", pair.effect), ("cost", pair.cost)):
        by_hand = np.linalg.lstsq(x, y[kept], rcond=None)[0][0]
        assert plane.loc["K05", column] == pytest.approx(by_hand, rel=1e-7)
    assert len(families) == 256


def test_break_even_by_hand(found: EconomyTables):
    cost = found.summary.set_index("measure").loc["cost_per_family"]
    t = found.break_even
    assert len(t) == 9
    np.testing.assert_allclose(t["averted_per_100"], 100 * cost["estimate"] / (t["dkk_per_year"] * t["years"]))
    np.testing.assert_allclose(t["averted_low"], 100 * cost["ci_low"] / t["cost_of_placement"])
    assert t["risk_difference"].round(4).eq(-0.0549).all()
    needed = -t["averted_per_100"] / 100
    expected = np.where(needed < t["rd_low"], "no", "interval includes both")
    assert t["reached"].tolist() == expected.tolist()
    cheap = replace(PLAN, economy=replace(RULE, placement_dkk_per_year=(1e12,)))
    assert economy_of_break_even(cheap, found).eq("interval includes both").all()


def economy_of_break_even(plan, found: EconomyTables) -> pd.Series:
    study = load_study(Path(__file__).parents[2] / "data" / "synthetic", plan)
    return economy(study, plan).break_even["reached"]


def test_three_municipalities_with_costs(study: Study):
    few = study.costs[study.costs["municipality"].isin(["K01", "K03", "K05"])].reset_index(drop=True)
    t = economy(replace(study, costs=few), PLAN)
    assert t.summary["df"].eq(2).all()
    assert (t.incremental["error"] == "").all()
    assert picked(t.plane, sample=COSTED, control_cost=FREE)["left_out"].tolist() == ["", "K01", "K03", "K05"]


def test_one_municipality_with_costs_has_no_interval(study: Study):
    alone = study.costs[study.costs["municipality"] == "K01"].reset_index(drop=True)
    t = economy(replace(study, costs=alone), PLAN)
    assert t.summary["ci_low"].isna().all()
    assert t.summary["warning"].str.contains("so few").all()
    costed = t.incremental[t.incremental["sample"] == COSTED]
    assert (costed["error"] != "").all()
    assert (t.incremental.loc[t.incremental["sample"] == EVERYWHERE, "error"] == "").all()
    assert (t.net_benefit.loc[t.net_benefit["sample"] == COSTED, "error"] != "").all()


def test_no_costs_no_rule_no_outcome_no_visits(study: Study, found: EconomyTables):
    bare = economy(replace(study, costs=pd.DataFrame()), PLAN)
    for name in NAMES:
        assert getattr(bare, name).empty
        assert list(getattr(bare, name).columns) == list(getattr(found, name).columns)
    plain = economy(study, replace(PLAN, economy=None))
    assert plain.net_benefit.empty
    np.testing.assert_allclose(
        plain.summary.set_index("measure").loc["cost_per_family", "estimate"],
        found.summary.set_index("measure").loc["cost_per_family", "estimate"],
    )
    other = economy(study, replace(PLAN, economy=replace(RULE, outcome="unknown")))
    assert other.net_benefit.empty
    assert len(other.break_even) == 9
    silent = replace(
        study,
        families=study.families.assign(n_visits=np.where(study.families["mtb"] == 1, np.nan, 0.0)),
        visits=pd.DataFrame(),
    )
    t = economy(silent, PLAN)
    assert t.municipalities["cost_per_visit"].isna().all()
    cost = family_costs(silent, t.municipalities)
    known = t.municipalities.set_index("municipality")["cost_per_family"]
    expected = known.fillna(known.mean()).reindex(silent.families["municipality"]).to_numpy()
    np.testing.assert_allclose(cost, np.where(silent.families["mtb"] == 1, expected, 0.0))


def test_costs_of_other_families_than_the_studys_are_told(study: Study):
    costs = study.costs.copy()
    costs.loc[costs["municipality"] == "K01", "n_families"] = 30
    costs.loc[(costs["municipality"] == "K03") & (costs["activity"] == "visit"), "n_families"] = 35
    t = economy(replace(study, costs=costs), PLAN).municipalities.set_index("municipality")
    assert "another number of families" in t.loc["K01", "warning"]
    assert "different numbers" in t.loc["K03", "warning"]
    assert t.loc["K01", "n_families"] == 30
