"""The primary estimate as a weighted sum over sources of controls: identity, by hand, brute force, truth."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from mtb_eval.analysis.decomposition import decompose, decomposition
from mtb_eval.analysis.decomposition_balance import source_balance
from mtb_eval.analysis.decomposition_sources import (
    BEFORE_ANY,
    ELSEWHERE,
    LOT_WINDOW,
    NO_PLACE,
    SOURCES,
    control_source,
    half_year,
    in_lot_window,
    on_offer,
)
from mtb_eval.analysis.model_data import dummies, model_data
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.ols import ols
from mtb_eval.inference.sandwich import cluster_robust

LONG = bool(os.environ.get("MTB_EVAL_FULL"))


def _made() -> ModuleType:
    spec = importlib.util.spec_from_file_location("design_study", Path(__file__).with_name("design_study.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


made = _made()


def families(*rows: tuple[str, str, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["municipality", "recruited_on", "mtb"])
    return frame.assign(x=0.0, y_m24=0.0)


def random_study(rng: np.random.Generator, plan, *, respond: float = 0.8, selected: float = 0.0, effect: float = 0.0):
    """Linear trend, municipality levels; controls without a place are worse by `selected`."""
    f = made.drawn_families(plan, rng, no_place=0.2)
    no_place = (f["offered"] == 1) & (f["mtb"] == 0)
    years = (f["recruited_on"] - f["recruited_on"].min()).dt.days / 365.25
    y = effect * f["mtb"] - selected * no_place + 0.3 * f["x"] + 0.2 * years + made.municipality_noise(f, rng)
    y = y.where(rng.random(len(f)) < respond)
    return made.study_of(f.assign(y_m24=y), plan)


# K01 drawn, trained October 2018; K05 drawn, October 2019; K08 not drawn, October 2019.
PLACES_AND_DAYS = [
    ("K01", "2018-09-30", 0.0, BEFORE_ANY, False, False),
    ("K05", "2018-09-30", 0.0, BEFORE_ANY, False, False),
    ("K05", "2018-10-01", 0.0, LOT_WINDOW, False, True),
    ("K05", "2019-09-30", 0.0, LOT_WINDOW, False, True),
    ("K05", "2019-10-01", 0.0, NO_PLACE, True, False),
    ("K01", "2018-10-01", 0.0, NO_PLACE, True, True),
    ("K01", "2019-01-01", 1.0, "", True, True),
    ("K08", "2018-09-01", 0.0, ELSEWHERE, False, False),
    ("K08", "2019-01-01", 0.0, ELSEWHERE, False, False),
    ("K08", "2019-10-01", 0.0, NO_PLACE, True, False),
    ("K08", "2019-10-02", 1.0, "", True, False),
    ("K05", "2018-12-01", 1.0, "", False, True),
]


def test_each_family_has_the_source_that_place_and_day_give_it():
    plan = made.small_plan()
    f = made.study_of(families(*[row[:3] for row in PLACES_AND_DAYS]), plan).families
    assert control_source(f, plan).tolist() == [row[3] for row in PLACES_AND_DAYS]
    assert on_offer(f, plan).tolist() == [row[4] for row in PLACES_AND_DAYS]
    assert in_lot_window(f, plan).tolist() == [row[5] for row in PLACES_AND_DAYS]
    assert half_year(f).tolist()[:4] == ["2018-2", "2018-2", "2018-2", "2019-2"]


def test_without_a_lot_no_control_waits_because_of_it():
    plan = made.small_plan()
    plan = replace(plan, lot=None, municipalities=tuple(replace(m, randomised=False) for m in plan.municipalities))
    f = made.study_of(families(*[row[:3] for row in PLACES_AND_DAYS]), plan).families
    assert set(control_source(f, plan)) == {ELSEWHERE, NO_PLACE, ""}
    assert not in_lot_window(f, plan).any()


def test_by_hand_with_one_source_in_each_of_two_municipalities():
    """Without calendar and covariates the weight is n1 n0 / (n1 + n0), the estimate a difference in means."""
    plan = made.small_plan(calendar_df=0, covariates=())
    f = families(
        *[("K05", "2019-01-01", 0.0)] * 2,
        *[("K05", "2020-01-01", 1.0)] * 3,
        *[("K08", "2019-01-01", 0.0)] * 1,
        *[("K08", "2020-01-01", 1.0)] * 4,
    ).assign(y_m24=[1.0, 3.0, 6.0, 7.0, 8.0, 0.0, 1.0, 2.0, 3.0, 6.0])
    tables = decomposition(made.study_of(f, plan), plan)
    parts = tables.control_sources.set_index("source")
    weight = (2 * 3 / 5) / (2 * 3 / 5 + 4 / 5)
    assert parts.loc[LOT_WINDOW, "weight"] == pytest.approx(weight, rel=1e-12)
    assert parts.loc[ELSEWHERE, "weight"] == pytest.approx(1 - weight, rel=1e-12)
    assert parts.loc[LOT_WINDOW, "estimate"] == pytest.approx(7 - 2, rel=1e-12)
    assert parts.loc[ELSEWHERE, "estimate"] == pytest.approx(3 - 0, rel=1e-12)
    whole = tables.source_agreement.iloc[0]
    assert whole["estimate"] == pytest.approx(weight * 5 + (1 - weight) * 3, rel=1e-12)
    assert whole["randomised_share"] == pytest.approx(weight, rel=1e-12)
    assert whole["mtb_share_in_window"] == 0.0
    assert "no control family" in parts.loc[NO_PLACE, "error"]


@pytest.mark.parametrize("seed", range(12))
def test_the_parts_make_the_primary_estimate(seed):
    rng, plan = np.random.default_rng(seed), made.small_plan()
    study = random_study(rng, plan, respond=rng.uniform(0.3, 1.0), selected=rng.normal())
    tables = decomposition(study, plan)
    whole, parts = tables.source_agreement.iloc[0], tables.control_sources
    used = parts[parts["weight"].abs() > 1e-10]
    assert parts["weight"].sum() == pytest.approx(1, abs=1e-10)
    assert (used["weight"] * used["estimate"]).sum() == pytest.approx(whole["estimate"], abs=1e-10)
    assert whole["recomposed"] == pytest.approx(whole["estimate"], abs=1e-10)


def test_against_brute_force_by_statsmodels():
    """Frisch-Waugh weights, the effect of each source, and the primary estimate, each from its own regression."""
    plan = made.small_plan()
    study = random_study(np.random.default_rng(3), plan)
    data = model_data(study, plan, plan.outcomes[0])
    source = control_source(study.families, plan)[data.rows]
    w = np.column_stack([dummies(data.municipality), data.calendar, data.covariates])
    left = sm.OLS(data.mtb, w).fit().resid
    indicators = np.column_stack([(source == s).astype(float) for s in SOURCES])
    many = sm.OLS(data.y, np.column_stack([indicators, w])).fit()
    parts = decomposition(study, plan).control_sources
    np.testing.assert_allclose(parts["weight"], -left @ indicators / (left @ left), atol=1e-10)
    np.testing.assert_allclose(parts["estimate"], -many.params[:4], atol=1e-9)
    np.testing.assert_allclose(decompose(data, source).total, sm.OLS(data.y, np.c_[data.mtb, w]).fit().params[0], 1e-10)


def test_with_two_sources_the_agreement_test_is_the_t_test_of_their_difference():
    plan = made.small_plan()
    study = random_study(np.random.default_rng(5), plan)
    f = study.families
    kept = np.isin(control_source(f, plan), ["", ELSEWHERE, NO_PLACE])
    study = replace(study, families=f[kept].reset_index(drop=True))
    data = model_data(study, plan, plan.outcomes[0])
    source = control_source(study.families, plan)[data.rows]
    x = np.column_stack(
        [source != ELSEWHERE, source != NO_PLACE, dummies(data.municipality), data.calendar, data.covariates]
    ).astype(float)
    fit = ols(cross_products(x, data.y, data.municipality))
    t = cluster_robust(fit, np.r_[1.0, -1.0, np.zeros(x.shape[1] - 2)], kind="CR2")
    whole = decomposition(study, plan).source_agreement.iloc[0]
    assert whole["f"] == pytest.approx(float((t.estimate / t.se) ** 2), rel=1e-9)
    assert whole["df_denominator"] == pytest.approx(float(t.df), rel=1e-9)
    assert whole["p_agree"] == pytest.approx(float(t.p), rel=1e-9)
    assert whole["n_sources"] == 2


def test_a_source_that_is_a_municipality_without_mtb_carries_no_weight_and_says_so():
    plan = made.small_plan()
    study = random_study(np.random.default_rng(8), plan, respond=1.0)
    f = study.families
    before = (control_source(f, plan) == BEFORE_ANY) & (f["municipality"] != "K07")
    lonely = (f["municipality"] == "K07") & (control_source(f, plan) != BEFORE_ANY)
    study = replace(study, families=f[~before & ~lonely].reset_index(drop=True))
    tables = decomposition(study, plan)
    row = tables.control_sources.set_index("source").loc[BEFORE_ANY]
    whole = tables.source_agreement.iloc[0]
    assert row["n_source"] > 0
    assert abs(row["weight"]) < 1e-10
    assert "cannot be told apart" in row["error"]
    assert whole["recomposed"] == pytest.approx(whole["estimate"], abs=1e-10)
    assert whole["n_sources"] == 3


def test_each_source_recovers_its_own_truth_and_the_agreement_test_keeps_its_size():
    """Controls without a place are worse by 1: that source alone is off by 1; without selection 5 % reject."""
    plan, repeats = made.small_plan(), 1000 if LONG else 50
    rng = np.random.default_rng(11)
    estimates, rejected = [], 0
    for _ in range(repeats):
        tables = decomposition(random_study(rng, plan, selected=1.0, effect=0.5, respond=1.0), plan)
        estimates.append(tables.control_sources["estimate"].to_numpy())
        rejected += decomposition(random_study(rng, plan, respond=1.0), plan).source_agreement["p_agree"].iloc[0] < 0.05
    mean, error = np.mean(estimates, axis=0), np.std(estimates, axis=0) / np.sqrt(repeats)
    np.testing.assert_array_less(np.abs(mean - [0.5, 0.5, 0.5, 1.5]), 4 * error)
    assert rejected / repeats <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / repeats)


def test_balance_by_source_by_hand():
    plan = made.small_plan()
    f = families(
        ("K01", "2019-01-01", 1.0),
        ("K01", "2019-01-02", 1.0),
        ("K05", "2019-01-01", 0.0),
        ("K05", "2019-01-02", 0.0),
        ("K08", "2019-01-01", 0.0),
    ).assign(x=[1.0, 3.0, 0.0, 1.0, np.nan])
    balance = source_balance(made.study_of(f, plan), plan).set_index("source")
    unit = np.sqrt((2.0 + 0.5) / 2)
    assert balance.loc[LOT_WINDOW, "smd"] == pytest.approx((2 - 0.5) / unit)
    assert balance.loc[LOT_WINDOW, ["n_mtb", "n_source", "mean_mtb", "mean_source"]].tolist() == [2, 2, 2, 0.5]
    assert balance.loc[ELSEWHERE, "n_source"] == 0
    assert np.isnan(balance.loc[ELSEWHERE, "smd"])
    assert "fewer than 5" in balance.loc[ELSEWHERE, "warning"]
