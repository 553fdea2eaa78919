"""All tables on trust: of the shipped study, of a study that declares little, with other analyses given."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.analysis.design_study import OUTCOME, drawn_families, small_plan, study_of

from mtb_eval.analysis import effects
from mtb_eval.analysis.outcomes import outcomes
from mtb_eval.analysis.trust_tables import OtherAnalyses, TrustTables, trust
from mtb_eval.data import load_study
from mtb_eval.study import load_plan

ROOT = Path(__file__).parents[2]
PLAN = load_plan()
FEW = replace(
    PLAN,
    outcomes=tuple(o for o in PLAN.outcomes if o.family in ("work_education", "maternal_health", "placement")),
    dose=None,
    interaction=None,
)
NUMBERS = ("p", "p_wild", "p_romano_wolf", "p_joint", "p_median", "p_share", "partial_leverage", "i_squared")


def both(study, plan) -> tuple[pd.DataFrame, pd.DataFrame]:
    table = effects(study, plan)
    return table, outcomes(study, plan, table)


@pytest.fixture(scope="module")
def study():
    return load_study(ROOT / "data" / "synthetic", PLAN)


@pytest.fixture(scope="module")
def known(study):
    return both(study, FEW)


@pytest.fixture(scope="module")
def tables(study, known):
    return trust(study, FEW, *known)


def named(tables: TrustTables) -> dict[str, pd.DataFrame]:
    return {f.name: getattr(tables, f.name) for f in fields(tables)}


def test_each_outcome_has_its_rows(tables):
    for name in (
        "multiplicity",
        "grades",
        "effect_diagnostics",
        "effect_spread",
        "municipality_icc",
        "specification_curve",
    ):
        assert getattr(tables, name)["outcome"].tolist() == [o.id for o in FEW.outcomes], name
    for name in ("municipality_leverage", "municipality_effects", "specifications", "calendar_forms"):
        assert set(getattr(tables, name)["outcome"]) == {o.id for o in FEW.outcomes}, name


def test_shares_and_chances_lie_between_0_and_1(tables):
    for name, table in named(tables).items():
        for column in set(NUMBERS) & set(table.columns):
            assert table[column].dropna().between(0, 1).all(), (name, column)


def test_every_interval_holds_its_estimate(tables):
    for name, table in named(tables).items():
        if {"std_low", "standardised", "std_high"} <= set(table.columns):
            rows = table.dropna(subset=["std_low", "standardised", "std_high"])
            assert (rows["std_low"] <= rows["standardised"]).all(), name
            assert (rows["standardised"] <= rows["std_high"]).all(), name


def test_other_analyses_reach_the_grades(study, known):
    table, summary = known
    found = summary[["outcome"]].assign(estimate=summary["primary_estimate"], p=1e-6)
    given = trust(study, FEW, table, summary, others=OtherAnalyses(imputed=found, lot=found.assign(p_min=1e-6)))
    assert (given.grades["missing"] == "").all() and given.grades["reachable"].all()
    without = given.grades["why"].str.contains("multiple imputation|lot window")
    assert not without.any()


def test_more_municipalities_than_signs_can_be_listed():
    """Thirteen municipalities: no joint draws without a generator, random ones with it, all else is there."""
    plan = small_plan()
    more = tuple(replace(plan.municipalities[0], code=f"K{i}") for i in range(11, 14))
    plan = replace(plan, municipalities=plan.municipalities + more)
    rng = np.random.default_rng(1)
    families = drawn_families(plan, rng)
    families["y_m24"] = rng.normal(size=len(families))
    study = study_of(families, plan)
    table, summary = both(study, plan)
    without = trust(study, plan, table, summary)
    drawn = trust(study, plan, table, summary, others=OtherAnalyses(rng=np.random.default_rng(2)))
    again = trust(study, plan, table, summary, others=OtherAnalyses(rng=np.random.default_rng(2)))
    assert without.multiplicity["p_romano_wolf"].isna().all() and without.multiplicity["warning"].iloc[0] != ""
    assert drawn.multiplicity["p_romano_wolf"].notna().all() and drawn.specification_curve["p_median"].notna().all()
    assert drawn.specification_curve["n_draws"].tolist() == [9999]
    for name, table in named(drawn).items():
        pd.testing.assert_frame_equal(table, named(again)[name])


def test_a_study_in_which_nobody_answered_has_rows_that_say_so():
    plan = small_plan(outcomes=(OUTCOME, replace(OUTCOME, id="b", column="b", kind="binary")))
    families = drawn_families(plan, np.random.default_rng(3))
    families["y_m24"], families["b_m24"] = np.nan, np.nan
    study = study_of(families, plan)
    made = trust(study, plan, *both(study, plan))
    assert made.grades["grade"].tolist() == ["not estimable"] * 2
    assert (made.effect_diagnostics["error"] == "no family has this outcome").all()
    assert (made.specification_curve["error"] == "no family has this outcome").all()
    assert (made.further_models["error"] != "").all() and len(made.further_models)
    assert made.specifications.empty and made.calendar_forms.empty
    assert (made.baseline_placebo["error"] == "").all()


def test_a_study_without_measures_before_birth_has_an_empty_placebo():
    plan = small_plan(covariates=())
    families = drawn_families(plan, np.random.default_rng(4))
    families["y_m24"] = np.random.default_rng(5).normal(size=len(families))
    study = study_of(families, plan)
    made = trust(study, plan, *both(study, plan))
    assert made.baseline_placebo.empty and "p_joint" in made.baseline_placebo
    assert len(made.specifications) == 8
