"""Leverage, leaving out, placebo, calendar forms, interactions: refits by hand and statsmodels."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from tests.analysis.design_study import OUTCOME, TEXT, drawn_families, municipality_noise, small_plan, study_of

from mtb_eval.analysis import effects
from mtb_eval.analysis.care_effect import primary_design
from mtb_eval.analysis.diagnostics import diagnostics, leverage
from mtb_eval.analysis.diagnostics_calendar import calendar_forms
from mtb_eval.analysis.diagnostics_interaction import interaction_effect
from mtb_eval.analysis.diagnostics_placebo import ALL, placebo
from mtb_eval.analysis.model_data import dummies, model_data
from mtb_eval.analysis.outcome_batches import joint_draws, outcome_models
from mtb_eval.analysis.outcomes import outcomes
from mtb_eval.analysis.specification import specification_tables
from mtb_eval.inference.ols import contrast_estimate, ols
from mtb_eval.study import Covariate

STUDIES = 1000 if os.environ.get("MTB_EVAL_FULL") else 80
MEASURES = ("age", "first", "score_baseline")


def plan_with_measures():
    wanted = (
        replace(OUTCOME, baseline="score_baseline", better="lower"),
        replace(OUTCOME, id="z", column="z"),
    )
    return replace(
        small_plan(outcomes=wanted),
        covariates=tuple(Covariate(column=c, label=TEXT) for c in ("age", "first")),
        baseline_table=(Covariate(column="score_baseline", label=TEXT),),
    )


PLAN = plan_with_measures()


def made_study(seed: int):
    rng = np.random.default_rng(seed)
    families = drawn_families(PLAN, rng, n=220, no_place=0.3).sort_values("municipality")
    n = len(families)
    families["age"] = rng.normal(25, 4, n)
    families["first"] = (rng.random(n) < 0.5).astype(float)
    families["score_baseline"] = np.where(rng.random(n) < 0.05, np.nan, rng.normal(size=n))
    families["y_m24"] = municipality_noise(families, rng) + 0.3 * families["mtb"]
    families["z_m24"] = municipality_noise(families, rng)
    families.loc[rng.random(n) < 0.2, "y_m24"] = np.nan
    families.loc[families["municipality"] == "K07", "z_m24"] = np.nan
    families["answered_m24"] = families["y_m24"].notna()
    return study_of(families, PLAN)


@pytest.fixture(scope="module")
def study():
    return made_study(1)


@pytest.fixture(scope="module")
def shares(study):
    return leverage(study, PLAN, outcome_models(study, PLAN))


def primary_of(data):
    design = primary_design(data)
    return float(contrast_estimate(ols(design.cross, collinear="drop"), design.contrast))


def test_shares_are_those_of_care_received_with_the_rest_partialled_out(study, shares):
    for name, data in outcome_models(study, PLAN).items():
        others = np.column_stack([dummies(data.municipality), data.calendar, data.covariates])
        left = sm.OLS(data.mtb, others).fit().resid
        rows = shares[shares["outcome"] == name].set_index("municipality")
        for code, row in rows.iterrows():
            here = data.municipality == code
            assert row["partial_leverage"] == pytest.approx(np.sum(left[here] ** 2) / np.sum(left**2), rel=1e-8)
        assert rows["partial_leverage"].sum() == pytest.approx(1)


def test_estimates_without_a_municipality_are_refits(study, shares):
    for name, data in outcome_models(study, PLAN).items():
        rows = shares[shares["outcome"] == name].set_index("municipality")
        for code in ("K01", "K05"):
            kept = data.municipality != code
            fields = ("y", "mtb", "municipality", "covariates", "calendar", "rows")
            rest = replace(data, **{f: getattr(data, f)[kept] for f in fields})
            assert rows.loc[code, "estimate_without"] == pytest.approx(primary_of(rest), rel=1e-8)
        scale = (-1 if name == "y" else 1) / data.sd
        np.testing.assert_allclose(rows["standardised_without"], scale * rows["estimate_without"])
        np.testing.assert_allclose(rows["change"], scale * (rows["estimate_without"] - primary_of(data)))


def test_what_is_left_of_care_received_is_one_less_its_r_squared(study, shares):
    models = outcome_models(study, PLAN)
    table = diagnostics(study, PLAN, outcomes(study, PLAN, effects(study, PLAN)), models, shares).set_index("outcome")
    for name, data in models.items():
        others = np.column_stack([dummies(data.municipality), data.calendar, data.covariates])
        assert table.loc[name, "care_left"] == pytest.approx(1 - sm.OLS(data.mtb, others).fit().rsquared, rel=1e-8)
        mine = shares[shares["outcome"] == name]
        assert table.loc[name, "effective_clusters"] == pytest.approx(1 / np.sum(mine["partial_leverage"] ** 2))
        assert table.loc[name, "largest_leverage"] == mine["partial_leverage"].max()
        assert table.loc[name, "loo_low"] == mine["standardised_without"].min()
        assert table.loc[name, "p_gap"] == pytest.approx(abs(table.loc[name, "p"] - table.loc[name, "p_wild"]))
    assert table.loc["z", "n_clusters"] == 9 and "K07" not in shares[shares["outcome"] == "z"]["municipality"].tolist()


def test_outcomes_without_a_comparison_are_rows_with_the_reason(study):
    changed = replace(study, families=study.families.assign(z_m24=1.0))
    models = outcome_models(changed, PLAN)
    table = leverage(changed, PLAN, models)
    assert table[table["outcome"] == "z"]["warning"].tolist() == ["the outcome does not vary"]
    known = outcomes(changed, PLAN, effects(changed, PLAN))
    row = diagnostics(changed, PLAN, known, models, table).set_index("outcome").loc["z"]
    assert row["error"] == "the outcome does not vary" and np.isnan(row["largest_leverage"])


def test_placebo_is_the_primary_model_with_the_measure_as_outcome(study):
    table = placebo(study, PLAN, outcome_models(study, PLAN), joint_draws(study, None))
    families = study.families
    for sample in (ALL, "answered m24"):
        rows = table[table["sample"] == sample].set_index("measure")
        assert rows.index.tolist() == list(MEASURES)
        for name in MEASURES:
            among = families["answered_m24"].to_numpy() if sample != ALL else np.ones(len(families), dtype=bool)
            others = tuple(c for c in ("age", "first") if c != name)
            outcome = replace(PLAN.outcomes[1], column="p", covariates=others)
            plain = replace(study, families=families.assign(p_m24=families[name]))
            data = model_data(plain, PLAN, outcome, among=among)
            assert rows.loc[name, "estimate"] == pytest.approx(primary_of(data), rel=1e-9)
            assert rows.loc[name, "n_mtb"] + rows.loc[name, "n_control"] == len(data.y)
        assert (rows["p_joint"] == rows["p_romano_wolf"].min()).all()
        assert (rows["p_romano_wolf"] >= rows["p_wild"]).all()
    own = table[table["sample"] == "with y"]
    assert own["measure"].tolist() == ["score_baseline"] and own["p_joint"].isna().all()


def test_placebo_of_a_measure_that_does_not_vary_says_so(study):
    changed = replace(study, families=study.families.assign(first=1.0))
    table = placebo(changed, PLAN, outcome_models(changed, PLAN), joint_draws(changed, None))
    rows = table[table["measure"] == "first"]
    assert (rows["error"] == "the outcome does not vary").all() and len(rows) == 2
    assert table[(table["measure"] == "age") & (table["sample"] == ALL)]["p_joint"].notna().all()


def test_placebo_joint_test_keeps_its_level():
    """Measures that have nothing to do with care received: at most about 6 % of studies have a joint p below 5 %."""
    rng = np.random.default_rng(20180601)
    study = made_study(2)
    models, draws, found = outcome_models(study, PLAN), joint_draws(study, None), 0
    code = pd.factorize(study.families["municipality"])[0]
    for _ in range(STUDIES):
        new = {c: rng.normal(size=len(code)) + 0.3 * rng.normal(size=10)[code] for c in MEASURES}
        again = replace(study, families=study.families.assign(**new).drop(columns="answered_m24"))
        table = placebo(again, PLAN, models, draws)
        found += float(table[table["sample"] == ALL]["p_joint"].iloc[0]) < 0.05
    assert stats.binomtest(found, STUDIES, 0.06, alternative="greater").pvalue > 1e-3


def test_calendar_forms_are_the_primary_model_with_other_columns_of_time(study):
    models = outcome_models(study, PLAN)
    curve = specification_tables(study, PLAN, models, joint_draws(study, None))
    table = calendar_forms(curve.specifications)
    assert table["outcome"].tolist() == ["y"] * 4 + ["z"] * 4
    assert table["calendar"].tolist() == ["none", "linear", "spline", "half-years"] * 2
    years = study.families["calendar_years"].to_numpy()
    for name, data in models.items():
        rows = table[table["outcome"] == name].set_index("calendar")
        when = years[data.rows]
        halves = pd.get_dummies(np.floor(2 * when), dtype=float).to_numpy()[:, 1:]
        forms = {"none": np.empty((len(when), 0)), "linear": when[:, None], "half-years": halves}
        for form, columns in {**forms, "spline": data.calendar}.items():
            x = np.column_stack([data.mtb, dummies(data.municipality), columns, data.covariates])
            assert rows.loc[form, "estimate"] == pytest.approx(sm.OLS(data.y, x).fit().params[0], rel=1e-7)
        assert rows["decides"].tolist() == [False, False, True, False]


def test_interaction_is_the_product_term_of_statsmodels(study):
    outcome = PLAN.outcome("y")
    table = interaction_effect(study, PLAN, outcome, "age")
    data = model_data(study, PLAN, outcome)
    age = study.families["age"].to_numpy()[data.rows]
    x = np.column_stack([data.mtb, data.mtb * age, dummies(data.municipality), data.calendar, data.covariates])
    slope = sm.OLS(data.y, x).fit().params[1]
    low, high, difference = table["estimate"].to_numpy()[::2]
    assert difference == pytest.approx(slope * 2 * age.std(ddof=1), rel=1e-8)
    assert high - low == pytest.approx(difference, rel=1e-8)
    assert len(table) == 6 and table["warning"].str.contains("not declared").all()


def test_interaction_with_a_yes_no_column_compares_its_groups(study):
    table = interaction_effect(study, PLAN, PLAN.outcome("z"), "first")
    assert table["estimand"].str.contains("first = 0").sum() == 2
    assert (table["n_clusters"] == 9).all()


def test_interaction_with_what_came_after_birth_is_refused(study):
    for column, why in (("z_m24", "before birth"), ("nothing", "no column"), ("n_visits", "no column")):
        with pytest.raises(KeyError, match=why):
            interaction_effect(study, PLAN, PLAN.outcome("y"), column)
