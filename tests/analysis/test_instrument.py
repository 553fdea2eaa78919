"""The instrument: linearmodels, Wald's ratio, the set by inversion, counts by hand, and truth under noncompliance."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from linearmodels.iv import IV2SLS
from scipy import stats

from mtb_eval.analysis.decomposition_sources import on_offer
from mtb_eval.analysis.instrument import (
    INSTRUMENT,
    OFFER,
    first_stages,
    instrument_effects,
    instrument_model,
    offer_receipt,
)
from mtb_eval.analysis.model_data import dummies, model_data
from mtb_eval.data import load_study
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.iv import anderson_rubin, two_stage_least_squares
from mtb_eval.inference.ols import ols
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.study import load_plan

LONG = bool(os.environ.get("MTB_EVAL_FULL"))
SHIPPED = Path(__file__).parents[2] / "data" / "synthetic"


def _made() -> ModuleType:
    spec = importlib.util.spec_from_file_location("design_study", Path(__file__).with_name("design_study.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


made = _made()


def selected_study(rng, plan, *, effect=0.5, selected=1.5, no_place=0.3):
    """Staff leave out the families that would do worst: care received is confounded, the offer is not."""
    f = made.drawn_families(plan, rng, no_place=0.0)
    hidden = rng.normal(size=len(f))
    left_out = (f["offered"] == 1) & (hidden < stats.norm.ppf(no_place))
    f = f.assign(mtb=f["offered"] * ~left_out)
    years = (f["recruited_on"] - f["recruited_on"].min()).dt.days / 365.25
    y = effect * f["mtb"] + selected * hidden + 0.2 * years + 0.3 * f["x"] + made.municipality_noise(f, rng)
    return made.study_of(f.assign(y_m24=y), plan)


@pytest.fixture(scope="module")
def shipped():
    plan = load_plan()
    names = ("asqse_total", "sensitivity", "placed_out_of_home")
    plan = replace(plan, outcomes=tuple(o for o in plan.outcomes if o.id in names))
    return load_study(SHIPPED, plan), plan


def test_two_stage_least_squares_against_linearmodels(shipped):
    study, plan = shipped
    rows = instrument_effects(study, plan)
    for outcome in plan.outcomes:
        data = model_data(study, plan, outcome)
        exogenous = pd.DataFrame(np.column_stack([dummies(data.municipality), data.calendar, data.covariates]))
        fit = IV2SLS(
            pd.Series(data.y, name="y"),
            exogenous.add_prefix("w"),
            pd.Series(data.mtb, name="mtb"),
            pd.Series(on_offer(study.families, plan)[data.rows].astype(float), name="z"),
        ).fit(cov_type="clustered", clusters=pd.factorize(data.municipality)[0], debiased=True)
        row = rows[(rows["outcome"] == outcome.id) & rows["method"].str.contains("CR1S")].iloc[0]
        assert row["estimate"] == pytest.approx(fit.params["mtb"], rel=1e-8)
        assert row["se"] == pytest.approx(fit.std_errors["mtb"], rel=1e-8)
        low, high = row["estimate"] + np.array([-1, 1]) * stats.t.ppf(0.975, 9) * fit.std_errors["mtb"]
        np.testing.assert_allclose([row["ci_low"], row["ci_high"]], [low, high], rtol=1e-8)


def test_the_effect_of_care_is_the_effect_of_the_offer_over_the_first_stage(shipped):
    study, plan = shipped
    rows, first = instrument_effects(study, plan), first_stages(study, plan).set_index("outcome")
    for outcome, group in rows.groupby("outcome"):
        offer = group[group["analysis"] == OFFER].iloc[0]
        ratio = offer["estimate"] / first.loc[outcome, "estimate"]
        np.testing.assert_allclose(group.loc[group["analysis"] == INSTRUMENT, "estimate"], ratio, rtol=1e-8)


def test_the_ends_of_the_set_are_where_the_offer_ceases_to_predict_what_is_left(shipped):
    study, plan = shipped
    rows = instrument_effects(study, plan)
    for outcome in plan.outcomes:
        data = model_data(study, plan, outcome)
        z = on_offer(study.families, plan)[data.rows]
        x = np.column_stack([z, dummies(data.municipality), data.calendar, data.covariates]).astype(float)
        row = rows[(rows["outcome"] == outcome.id) & rows["method"].str.contains("Anderson")].iloc[0]
        assert row["shape"] == "interval"
        for end in (row["ci_low"], row["ci_high"]):
            fit = ols(cross_products(x, data.y - end * data.mtb, data.municipality))
            assert float(cluster_robust(fit, np.eye(x.shape[1])[0], kind="CR2").p) == pytest.approx(0.05, rel=1e-6)


def test_first_stage_f_is_the_squared_t(shipped):
    study, plan = shipped
    row = first_stages(study, plan).iloc[0]
    data = model_data(study, plan, plan.outcomes[0])
    z = on_offer(study.families, plan)[data.rows]
    x = np.column_stack([z, dummies(data.municipality), data.calendar, data.covariates]).astype(float)
    e = cluster_robust(ols(cross_products(x, data.mtb, data.municipality)), np.eye(x.shape[1])[0], kind="CR1S")
    assert row["f"] == pytest.approx(float((e.estimate / e.se) ** 2), rel=1e-8)
    assert row["estimate"] == pytest.approx(float(e.estimate), rel=1e-10)
    assert row["n_offered"] == z.sum()
    assert row["n_never"] == (z & (data.mtb == 0)).sum()


def test_compliance_by_hand():
    plan = made.small_plan()
    f = pd.DataFrame(
        [
            ("K01", "2018-09-30", 0.0),
            ("K01", "2018-10-01", 1.0),
            ("K01", "2019-10-01", 0.0),
            ("K05", "2019-01-01", 1.0),
            ("K05", "2019-11-01", 1.0),
        ],
        columns=["municipality", "recruited_on", "mtb"],
    ).assign(x=0.0, y_m24=0.0)
    rows = offer_receipt(made.study_of(f, plan), plan).set_index("municipality")
    columns = ["n_before", "n_mtb_before", "n_after", "n_mtb_after"]
    assert rows.loc["K01", columns].tolist() == [1, 0, 2, 1]
    assert rows.loc["K05", columns].tolist() == [1, 1, 1, 1]
    assert rows.loc["", columns].tolist() == [2, 1, 3, 2]
    assert rows.loc[["K01", "K05", ""], "one_sided"].tolist() == [True, False, False]
    assert rows.loc["K01", "share_after"] == 0.5
    assert "no family" in rows.loc["K09", "warning"]


def test_where_everyone_gets_what_is_offered_the_instrument_is_care_itself():
    plan = made.small_plan()
    study = selected_study(np.random.default_rng(1), plan, no_place=1e-12)
    rows, first = instrument_effects(study, plan), first_stages(study, plan).iloc[0]
    data = model_data(study, plan, plan.outcomes[0])
    x = np.column_stack([data.mtb, dummies(data.municipality), data.calendar, data.covariates])
    primary = cluster_robust(ols(cross_products(x, data.y, data.municipality)), np.eye(x.shape[1])[0], kind="CR2")
    two_stage = rows[rows["method"].str.contains("2SLS, CR2")].iloc[0]
    for column in ("estimate", "se", "df", "ci_low", "p"):
        assert two_stage[column] == pytest.approx(float(getattr(primary, column)), rel=1e-8)
    assert rows["warning"].str.contains("care received itself").sum() == 3
    assert np.isinf(first["f"])
    assert "care received itself" in first["warning"]


def test_without_variation_in_the_offer_the_row_says_why():
    plan = made.small_plan()
    study = selected_study(np.random.default_rng(2), plan)
    late = study.families[study.families["offered"] == 1].reset_index(drop=True)
    for made_rows in (instrument_effects, first_stages):
        rows = made_rows(replace(study, families=late), plan)
        assert len(rows) == 1
        assert "does not vary" in rows["error"].iloc[0]


def test_a_weak_instrument_gives_a_set_without_ends():
    rng, plan = np.random.default_rng(3), made.small_plan()
    f = made.drawn_families(plan, rng)
    f = f.assign(mtb=rng.integers(0, 2, len(f)).astype(float))
    study = made.study_of(f.assign(y_m24=rng.normal(size=len(f))), plan)
    row = instrument_effects(study, plan).iloc[-1]
    assert row["shape"] in {"whole line", "two half-lines", "half-line"}
    assert np.isinf([row["ci_low"], row["ci_high"]]).any()
    assert np.isfinite([row["gap_low"], row["gap_high"]]).all() == (row["shape"] == "two half-lines")


def test_the_instrument_recovers_the_effect_that_selection_hides():
    """Truth .5; care received is off by the selection, the instrument is not, and its set covers in 95 %."""
    plan, repeats = made.small_plan(), 1000 if LONG else 100
    rng = np.random.default_rng(21)
    by_offer, by_care, covered = [], [], 0
    for _ in range(repeats):
        study = selected_study(rng, plan)
        data = model_data(study, plan, plan.outcomes[0])
        model = instrument_model(data, on_offer(study.families, plan))
        by_offer.append(two_stage_least_squares(model).coefficients[0])
        x = np.column_stack([data.mtb, model.exogenous])
        by_care.append(np.linalg.lstsq(x, data.y, rcond=None)[0][0])
        covered += any(low <= 0.5 <= high for low, high in anderson_rubin(model).intervals)
    error = np.std(by_offer) / np.sqrt(repeats)
    assert abs(np.median(by_offer) - 0.5) < 4 * 1.2533 * error
    assert np.mean(by_care) - 0.5 > 10 * np.std(by_care) / np.sqrt(repeats)
    assert abs(covered / repeats - 0.95) < 3 * np.sqrt(0.95 * 0.05 / repeats)
