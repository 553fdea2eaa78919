"""Every testable claim is held against the data by a rule that can also say that it differs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mtb_eval.analysis import evaluate
from mtb_eval.analysis.claim_rules import RULES
from mtb_eval.analysis.claim_words import Evidence, number, p_value, share
from mtb_eval.analysis.claims import CLAIM_RESULT_COLUMNS, disagreements, n_testable
from mtb_eval.data import load_study
from mtb_eval.study import Claim, PlanError, load_plan

ROOT = Path(__file__).parents[2]
PLAN = load_plan()
TESTED = [c for c in PLAN.claims if c.check != "none"]


@pytest.fixture(scope="module")
def study():
    return load_study(ROOT / "data" / "synthetic", PLAN)


@pytest.fixture(scope="module")
def results(study):
    return evaluate(study, PLAN)


@pytest.fixture(scope="module")
def evidence(study, results):
    tables = {name: getattr(results, name) for name in results.__dataclass_fields__ if name != "claims"}
    return Evidence(study=study, plan=PLAN, tables=tables)


def test_every_testable_claim_agrees_on_the_calibrated_study(results):
    table = results.claims
    assert tuple(table.columns) == CLAIM_RESULT_COLUMNS
    assert len(table) == len(PLAN.claims)
    assert n_testable(table) == len(TESTED)
    assert disagreements(table) == 0
    tested = table[table["result"] != "cannot be tested"]
    assert (tested[["found_en", "found_da"]] != "").all(axis=None)
    assert (table.loc[table["result"] == "cannot be tested", ["why_en", "why_da"]] != "").all(axis=None)


def test_effect_claims_have_a_grade_and_a_chance_and_no_other_claim_has(results):
    table = results.claims.set_index("id")
    effect = table["kind"] == "effect"
    assert (table.loc[effect, ["outcomes", "grade", "size"]] != "").all(axis=None)
    assert table.loc[effect, "power"].between(0.05, 1).all()
    assert table.loc[effect, "type_m"].gt(1).all()
    assert (table.loc[~effect, ["outcomes", "grade", "size"]] == "").all(axis=None)
    assert table.loc[~effect, ["true_std", "power", "type_s", "type_m"]].isna().all(axis=None)
    grades = results.detail["grades"].set_index("outcome")["grade"]
    assert table.loc["E08", "grade"] == grades[table.loc["E08", "outcomes"]]
    assert table.loc["A03", ["size", "true_std"]].tolist() == ["published", 0.43]


OTHER_TIER = {
    "no-difference": "significant",
    "significant": "tendency",
    "tendency": "no-difference",
    "significant-change": "no-change",
    "no-change": "significant-change",
}


def contradicted(claim: Claim) -> Claim:
    """Return the claim with another figure, set, range or tier."""
    if claim.low is not None or claim.high is not None:
        return replace(claim, low=1e6, high=1e6)
    if claim.check in ("set", "date_range", "trauma_ranking"):
        return replace(
            claim, value={"set": "7|8", "date_range": "2001-01..2002-01"}.get(claim.check, "physical_abuse|x")
        )
    return replace(claim, verdict=OTHER_TIER[claim.verdict], direction="better")


STATES_A_VALUE = [c for c in TESTED if c.low is not None or c.high is not None or c.verdict in OTHER_TIER or c.value]
WITHOUT = ("difference_in_change", "change_by_arm")


@pytest.mark.parametrize("claim", [c for c in STATES_A_VALUE if c.check not in (*WITHOUT, "dose")], ids=lambda c: c.id)
def test_a_contradicted_claim_differs(claim, evidence):
    assert RULES[claim.check](claim, evidence).result == "agrees"
    assert RULES[claim.check](contradicted(claim), evidence).result == "differs"


def the_claim(check: str) -> Claim:
    return next(c for c in TESTED if c.check == check)


def with_table(evidence: Evidence, name: str, **columns: object) -> Evidence:
    table = evidence.tables[name].assign(**columns)
    return replace(evidence, tables={**evidence.tables, name: table})


def with_families(evidence: Evidence, **columns: object) -> Evidence:
    return replace(evidence, study=replace(evidence.study, families=evidence.study.families.assign(**columns)))


def other_data(check: str, evidence: Evidence) -> Evidence:
    """Return data under which the claim of a rule without a published figure is false."""
    swapped = {"mtb": 1 - evidence.study.families["mtb"]}
    if check in ("arm_rule", "video_coverage"):
        return with_families(evidence, **swapped)
    if check == "usual_care_profile":
        return with_table(evidence, "usual_care", value=1.0)
    if check == "positive_interaction":
        return with_families(evidence, interaction_quality_m24=2.0)
    if check == "controlling_play":
        return with_families(evidence, intrusiveness_m24=1.0)
    if check == "video_after_start":
        early = evidence.study.ratings.assign(recorded_on=pd.Timestamp("2018-01-01"))
        return replace(evidence, study=replace(evidence.study, ratings=early))
    if check == "difference_in_change":
        return with_table(evidence, "effects", p=0.001)
    if check == "change_by_arm":
        return with_families(evidence, employed_m24=0.0)
    if check == "fragility":
        return with_table(evidence, "placements", estimate=9.0)
    if check == "dose":
        return with_table(evidence, "effects", standardised=0.0)
    return with_table(evidence, "outcomes", replica_verdict="significant")


@pytest.mark.parametrize(
    "check",
    [
        "arm_rule",
        "video_coverage",
        "usual_care_profile",
        "positive_interaction",
        "controlling_play",
        "video_after_start",
        "difference_in_change",
        "change_by_arm",
        "fragility",
        "dose",
        "timing",
    ],
)
def test_a_rule_without_a_figure_differs_on_data_where_it_is_false(check, evidence):
    claim = the_claim(check)
    assert RULES[check](claim, evidence).result == "agrees"
    assert RULES[check](claim, other_data(check, evidence)).result == "differs"


def test_every_rule_is_tried():
    tried = {c.check for c in STATES_A_VALUE if c.check not in (*WITHOUT, "dose")}
    assert {c.check for c in TESTED} - tried <= {
        "arm_rule",
        "video_coverage",
        "usual_care_profile",
        "positive_interaction",
        "controlling_play",
        "video_after_start",
        "difference_in_change",
        "change_by_arm",
        "fragility",
        "dose",
        "timing",
    }


def test_a_study_without_the_data_cannot_test(evidence):
    empty = {"interviews": evidence.study.interviews.iloc[:0], "costs": evidence.study.costs.iloc[:0]}
    bare = replace(evidence, study=replace(evidence.study, **empty))
    for check in ("interviews", "cost_municipalities"):
        assert RULES[check](the_claim(check), bare).result == "cannot be tested"


@pytest.mark.parametrize(
    ("value", "en", "da"),
    [(-0.1234, "\N{MINUS SIGN}0.123", "\N{MINUS SIGN}0,123"), (67.0, "67", "67"), (12345.6, "12346", "12346")],
)
def test_numbers_in_words(value, en, da):
    assert number(value, "en") == en
    assert number(value, "da") == da


def test_p_values_and_shares_in_words():
    assert p_value(0.0312, "en") == "p = .031"
    assert p_value(0.0312, "da") == "p = 0,031"
    assert p_value(0.0000312, "en") == "p < .001"
    assert share(138, 183, "en") == "75.4 % (138 of 183)"
    assert share(138, 183, "da") == "75,4 % (138 af 183)"


def test_a_check_that_does_not_exist_is_told_before_any_analysis(study):
    claims = (replace(PLAN.claims[0], id="Z1", check="mean_visit"), *PLAN.claims)
    with pytest.raises(PlanError, match=r"row Z1: there is no check 'mean_visit'; did you mean 'mean_visits'\?"):
        evaluate(replace(study, families=study.families.head(0)), replace(PLAN, claims=claims))
