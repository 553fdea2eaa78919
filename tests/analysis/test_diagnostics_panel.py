"""The sensitivity panel of the effect table: every method is there, and beside second sources."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from tests.analysis.design_study import OUTCOME, drawn_families, municipality_noise, small_plan, study_of

from mtb_eval.analysis.care_effect import care_rows
from mtb_eval.analysis.effect_table import effect_table
from mtb_eval.analysis.model_data import dummies, model_data

PLAN = small_plan()


def panel(seed: int, *, outcome=OUTCOME, sd: float = 0.6, **changes):
    rng = np.random.default_rng(seed)
    families = drawn_families(PLAN, rng, no_place=0.3)
    families["y_m24"] = municipality_noise(families, rng, sd=sd) + 0.4 * families["mtb"]
    data = replace(model_data(study_of(families, PLAN), PLAN, OUTCOME), **changes)
    table = effect_table(care_rows(data, outcome, 0.95))
    return data, table[table["estimator"] == "sensitivity"]


def test_panel_names_every_method_and_its_convention():
    _, table = panel(1)
    starts = ["CR1, t(G-1)", "CR3, t(G-1)", "CV3, t(G-1)", "WCR11", "WCR13", "WCR33", "two-stage", "GEE, exchangeable"]
    assert [m.startswith(s) for m, s in zip(table["method"], starts, strict=True)] == [True] * 8
    assert (table["error"] == "").all() and not table["method"].duplicated().any()


def test_gee_is_that_of_statsmodels_with_its_bias_reduced_covariance():
    """statsmodels divides the moments by N - p, we by N: alpha and with it the weights differ a little."""
    data, table = panel(2)
    row = table.iloc[-1]
    x = np.column_stack([np.ones(len(data.y)), data.mtb, data.calendar, data.covariates])
    fit = sm.GEE(data.y, x, groups=data.municipality, cov_struct=sm.cov_struct.Exchangeable()).fit(
        cov_type="bias_reduced"
    )
    assert row["estimate"] == pytest.approx(fit.params[1], rel=1e-2)
    assert row["se"] == pytest.approx(fit.bse[1], rel=2e-2)
    assert row["df"] == 9


def test_gee_without_a_correlation_falls_back_and_says_so():
    """Residuals that cancel within each municipality have a correlation that no large cluster can have."""
    data, _ = panel(3)
    x = np.column_stack([dummies(data.municipality), data.mtb, data.calendar, data.covariates])
    rng = np.random.default_rng(4)
    noise = rng.normal(size=len(data.y))
    flat = noise - x @ np.linalg.lstsq(x, noise, rcond=None)[0]
    _, table = panel(3, y=flat + 0.3 * data.mtb)
    row = table.iloc[-1]
    assert row["method"].startswith("GEE, independence") and "independence was used" in row["warning"]
    plain = np.column_stack([np.ones(len(flat)), data.mtb, data.calendar, data.covariates])
    assert row["estimate"] == pytest.approx(np.linalg.lstsq(plain, flat + 0.3 * data.mtb, rcond=None)[0][1])


def test_two_stage_is_the_mean_of_paired_differences_and_warns_of_its_pull():
    data, table = panel(5)
    row = table[table["method"].str.startswith("two-stage")].iloc[0]
    x = np.column_stack([np.ones(len(data.y)), data.calendar, data.covariates])
    left = sm.OLS(data.y, x).fit().resid
    pairs = [
        [left[(data.municipality == c) & (data.mtb == arm)].mean() for arm in (1, 0)]
        for c in np.unique(data.municipality)
    ]
    gaps = np.array([a - b for a, b in pairs])
    gaps = gaps[np.isfinite(gaps)]
    assert row["estimate"] == pytest.approx(gaps.mean())
    assert row["se"] == pytest.approx(gaps.std(ddof=1) / np.sqrt(len(gaps)))
    share = sm.OLS(data.mtb, x).fit().rsquared
    assert f"take {share:.0%} of it" in row["warning"] and "pulled to 0" in row["warning"]


def test_without_pairs_only_the_two_stage_row_fails_or_changes():
    rng = np.random.default_rng(6)
    families = drawn_families(PLAN, rng)
    early = families["municipality"].isin(["K01", "K02", "K03", "K04", "K05"])
    families["mtb"] = early.astype(float)
    families["y_m24"] = municipality_noise(families, rng)
    data = model_data(study_of(families, PLAN), PLAN, OUTCOME)
    table = effect_table(care_rows(data, OUTCOME, 0.95)).query("estimator == 'sensitivity'")
    row = table[table["method"].str.startswith("two-stage")].iloc[0]
    assert "unpaired" in row["method"] and row["df"] == 8


def test_an_outcome_of_a_population_says_so_in_every_row():
    _, table = panel(7, outcome=replace(OUTCOME, population="with_partner"))
    assert table["warning"].str.startswith("only among families of the population with_partner").all()
