"""Effects by municipality: statsmodels, the primary estimate as their mean, municipalities with one arm."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from tests.analysis.design_study import OUTCOME, drawn_families, municipality_noise, small_plan, study_of

from mtb_eval.analysis.care_effect import primary_design
from mtb_eval.analysis.model_data import dummies
from mtb_eval.analysis.municipality_effects import effects_by_municipality, municipality_tables, new_municipality
from mtb_eval.analysis.outcome_batches import outcome_models
from mtb_eval.inference.heterogeneity import heterogeneity
from mtb_eval.inference.ols import contrast_estimate, ols

STUDIES = 2000 if os.environ.get("MTB_EVAL_FULL") else 200
PLAN = small_plan()
KNOWN = pd.DataFrame({"outcome": ["y"], "replica_df": [150.0], "primary_df": [6.0], "primary_se": [0.3]})


def study_with(seed: int, *, effect_sd: float = 0.0, n: int = 300):
    rng = np.random.default_rng(seed)
    families = drawn_families(PLAN, rng, n=n, no_place=0.3)
    code = pd.factorize(families["municipality"])[0]
    own = 0.5 + effect_sd * rng.normal(size=10)
    families["y_m24"] = municipality_noise(families, rng) + own[code] * families["mtb"] + 0.3 * families["x"]
    return study_of(families, PLAN)


def test_effects_and_covariance_are_those_of_statsmodels():
    data = outcome_models(study_with(1), PLAN)["y"]
    found = effects_by_municipality(data)
    own = (data.municipality[:, None] == found.codes) * data.mtb[:, None]
    x = np.column_stack([own, dummies(data.municipality), data.calendar, data.covariates])
    other = sm.OLS(data.y, x).fit()
    k = len(found.codes)
    np.testing.assert_allclose(found.estimates, other.params[:k], rtol=1e-8)
    np.testing.assert_allclose(found.covariance, other.cov_params()[:k, :k], rtol=1e-7)
    assert found.df == other.df_resid


def test_mean_of_the_effects_without_spread_is_the_primary_estimate():
    """Least squares with one effect is the generalised mean of the effects that the larger model has."""
    data = outcome_models(study_with(2), PLAN)["y"]
    found = effects_by_municipality(data)
    weights = np.linalg.inv(found.covariance).sum(axis=0)
    design = primary_design(data)
    primary = contrast_estimate(ols(design.cross), design.contrast)
    assert weights @ found.estimates / weights.sum() == pytest.approx(float(primary), rel=1e-8)


def test_q_is_the_f_test_of_equal_effects():
    data = outcome_models(study_with(3, effect_sd=0.5), PLAN)["y"]
    found = effects_by_municipality(data)
    shared = np.column_stack([dummies(data.municipality), data.calendar, data.covariates])
    own = (data.municipality[:, None] == found.codes) * data.mtb[:, None]
    small = sm.OLS(data.y, np.column_stack([data.mtb, shared])).fit()
    large = sm.OLS(data.y, np.column_stack([own, shared])).fit()
    f, p, _ = large.compare_f_test(small)
    h = heterogeneity(found.estimates, found.covariance, df=found.df)
    np.testing.assert_allclose([h.q / (h.k - 1), h.p], [f, p], rtol=1e-7)


def test_a_municipality_with_one_arm_is_a_row_that_says_so():
    study = study_with(4)
    families = study.families.copy()
    families.loc[families["municipality"] == "K02", "mtb"] = 1.0
    families.loc[families["municipality"] == "K09", "mtb"] = 0.0
    changed = replace(study, families=families)
    table = municipality_tables(changed, PLAN, outcome_models(changed, PLAN), KNOWN).municipality_effects
    rows = table.set_index("municipality")
    assert rows.loc["K02", "error"].endswith("received MTB") and np.isnan(rows.loc["K02", "estimate"])
    assert rows.loc["K09", "error"].endswith("received usual care")
    assert (rows.drop(index=["K02", "K09"])["error"] == "").all() and len(rows) == 10


def test_signs_are_turned_so_that_positive_favours_mtb():
    plan = replace(PLAN, outcomes=(replace(OUTCOME, better="lower"),))
    study = study_with(5)
    models = outcome_models(study, plan)
    tables = municipality_tables(study, plan, models, KNOWN)
    made = tables.municipality_effects
    np.testing.assert_allclose(made["standardised"], -made["estimate"] / models["y"].sd)
    assert (made["std_low"] <= made["standardised"]).all() and (made["standardised"] <= made["std_high"]).all()
    spread = tables.effect_spread.iloc[0]
    assert spread["prediction_low"] < spread["mean_std"] < spread["prediction_high"]
    assert (spread["replica_df"], spread["primary_df"]) == (150.0, 6.0)


def test_interval_of_a_new_municipality_holds_the_primary_interval():
    """Without spread it is t(primary df) times the larger standard error; spread only widens it."""
    flat = heterogeneity(np.full(8, 0.4), np.ones(8))
    half = new_municipality(flat, se=0.6, df=5.0, level=0.95)
    assert half == pytest.approx(stats.t.ppf(0.975, 5) * 0.6)
    assert new_municipality(flat, se=0.01, df=50.0, level=0.95) == pytest.approx(stats.t.ppf(0.975, 6) * flat.se)
    uneven = heterogeneity(np.array([3.0, -2.0, 0.4, 0.4, 4.0, 0.1, 0.4, -3.0]), np.ones(8))
    assert new_municipality(uneven, se=0.6, df=5.0, level=0.95) > half
    assert np.isnan(new_municipality(heterogeneity([1.0, 2.0], np.ones(2)), se=1.0, df=5.0, level=0.95))


def test_no_comparison_is_a_row_with_the_reason():
    study = study_with(6)
    families = study.families.assign(mtb=1.0)
    changed = replace(study, families=families)
    tables = municipality_tables(changed, PLAN, outcome_models(changed, PLAN), KNOWN)
    assert (tables.municipality_effects["error"] != "").all()
    assert tables.effect_spread["error"].tolist() == ["all families with this outcome are of one arm"]


def test_equal_effects_pass_and_unequal_ones_are_found():
    """Under equal effects Q rejects 5 %, exactly; with an SD of 1 in effects it nearly always does."""
    rng = np.random.default_rng(20180601)
    data = outcome_models(study_with(7), PLAN)["y"]
    code = np.unique(data.municipality, return_inverse=True)[1]

    def rejects(effect_sd: float) -> bool:
        own = effect_sd * rng.normal(size=10)[code] * data.mtb
        made = replace(data, y=rng.normal(size=len(code)) + 0.5 * rng.normal(size=10)[code] + own)
        found = effects_by_municipality(made)
        return heterogeneity(found.estimates, found.covariance, df=found.df).p < 0.05

    size = sum(rejects(0.0) for _ in range(STUDIES))
    power = np.mean([rejects(1.0) for _ in range(STUDIES // 4)])
    assert stats.binomtest(size, STUDIES, 0.05).pvalue > 1e-4
    assert power > 0.8
