"""The chance to find a claimed effect: from the primary row's standard error, published sizes first, gaps as rows."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mtb_eval.analysis.claim_power import CLAIM_POWER_COLUMNS, NO_OUTCOME, NOT_ESTIMATED, chance_of, claim_power
from mtb_eval.analysis.effect_table import effect_table
from mtb_eval.analysis.verdicts import smallest_detectable
from mtb_eval.inference.design_errors import design_errors
from mtb_eval.study import DEFAULT_PLAN, PlanError, load_plan

PLAN = load_plan()
SE, DF, SD, RISK = 1.2, 6.4, 4.0, 0.08


def tables(**primary: float) -> dict[str, pd.DataFrame]:
    """Return effects, outcomes and grades in which every outcome has the same numbers."""
    row = {"estimand": "care received", "estimator": "primary", "method": "CR2, Satterthwaite", "estimate": 1.0}
    numbers = {"se": SE, "df": DF, "p": 0.4, "standardised": 0.25, **primary}
    effects = effect_table([{"outcome": o.id, **row, **numbers} for o in PLAN.outcomes])
    outcomes = pd.DataFrame([{"outcome": o.id, "sd": SD, "mean_control": RISK} for o in PLAN.outcomes])
    grades = pd.DataFrame([{"outcome": o.id, "grade": "suggestive"} for o in PLAN.outcomes])
    return {"effects": effects, "outcomes": outcomes, "grades": grades}


@pytest.fixture(scope="module")
def table():
    return claim_power(PLAN, tables())


def rows(table: pd.DataFrame, claim: str) -> pd.DataFrame:
    return table[table["claim"] == claim]


def test_every_claimed_effect_has_every_declared_size_for_each_of_its_outcomes(table):
    assert tuple(table.columns) == CLAIM_POWER_COLUMNS
    assert set(table["claim"]) == {c.id for c in PLAN.claims if c.kind == "effect"}
    declared = table[table["size"] == "declared"]
    for _, mine in declared.groupby(["claim", "outcome"]):
        assert tuple(mine["true_std"]) == PLAN.claim_power.effects
    assert rows(table, "A05")["wave"].drop_duplicates().tolist() == ["m12", "m24"]
    assert (table["grade"] == "suggestive").all()


def test_published_sizes_come_from_d_b_and_the_risk_ratio(table):
    published = table[table["size"] == "published"].groupby("claim")["true_std"].agg(list)
    assert set(published.index) == {"A02", "A03", "E15"}
    assert published["A03"] == [0.43]
    assert published["A02"] == pytest.approx([0.17 / SD])
    assert published["E15"] == pytest.approx([RISK * (1 - 1 / 3) / SD, RISK * (1 - 1 / 4) / SD])


def test_numbers_are_those_of_the_kernel_at_the_standardised_standard_error(table):
    expected = design_errors(table["true_std"], SE / SD, DF, alpha=PLAN.verdicts.significant)
    for name in ("power", "type_s", "type_m"):
        np.testing.assert_allclose(table[name], getattr(expected, name))
    assert (table["power_tendency"] > table["power"]).all()
    assert table["se"].to_numpy() == pytest.approx(SE / SD)


def test_the_smallest_detectable_effect_of_the_outcomes_table_has_power_80():
    least = smallest_detectable(SE / SD, DF)
    power = replace(PLAN.claim_power, effects=(least,), main=least)
    found = claim_power(replace(PLAN, claim_power=power), tables())
    assert found.loc[found["size"] == "declared", "power"].to_numpy() == pytest.approx(0.8, abs=1e-7)


def test_the_row_that_stands_for_a_claim(table):
    assert chance_of("A03", table, PLAN)["true_std"] == 0.43
    assert chance_of("E01", table, PLAN)["true_std"] == PLAN.claim_power.main
    assert chance_of("E15", table, PLAN)["true_std"] == pytest.approx(RISK * (1 - 1 / 3) / SD)
    assert chance_of("C01", table, PLAN) == {}


def test_what_cannot_be_computed_is_a_row_that_says_why():
    failed = claim_power(PLAN, tables(se=math.nan))
    assert (failed["error"] == NOT_ESTIMATED).all()
    assert failed["power"].isna().all()
    fewer = replace(PLAN, outcomes=tuple(o for o in PLAN.outcomes if o.column != "sensitivity"))
    gone = rows(claim_power(fewer, tables()), "E01")
    assert gone["error"].tolist() == [NO_OUTCOME]


def test_a_plan_without_sizes_or_claims_gives_an_empty_table():
    for bare in (replace(PLAN, claim_power=None), replace(PLAN, claims=())):
        found = claim_power(bare, tables())
        assert tuple(found.columns) == CLAIM_POWER_COLUMNS
        assert found.empty


def test_sizes_are_checked_when_a_plan_is_read(tmp_path):
    folder = tmp_path / "plan"
    shutil.copytree(DEFAULT_PLAN, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    text = (folder / "plan.toml").read_text(encoding="utf-8")
    (folder / "plan.toml").write_text(text.replace("main = 0.35", "main = 0.4"), encoding="utf-8")
    with pytest.raises(PlanError, match="claim_power: effects must be above 0, and main one of them"):
        load_plan(folder)
