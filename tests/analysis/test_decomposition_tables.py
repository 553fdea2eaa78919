"""All tables on the design: one shape whatever the study, reasons where nothing can be computed, same in any order."""

from __future__ import annotations

import importlib.util
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from mtb_eval.analysis.care_effect import care_rows
from mtb_eval.analysis.design_rows import FLAGS, TEXTS, completed, table
from mtb_eval.analysis.design_tables import design_evidence
from mtb_eval.analysis.model_data import model_data
from mtb_eval.data import load_study
from mtb_eval.study import load_plan

SHIPPED = Path(__file__).parents[2] / "data" / "synthetic"
PER_OUTCOME = {
    "control_sources": 4,
    "source_agreement": 1,
    "staggered_weights": 2,
    "staggered_imputation": 2,
    "lot_effects": 3,
    "first_stages": 1,
    "instrument_effects": 4,
}


def _made() -> ModuleType:
    spec = importlib.util.spec_from_file_location("design_study", Path(__file__).with_name("design_study.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


made = _made()


@pytest.fixture(scope="module")
def shipped():
    plan = load_plan()
    names = ("asqse_total", "sensitivity", "in_education", "placed_out_of_home")
    plan = replace(plan, outcomes=tuple(o for o in plan.outcomes if o.id in names))
    study = load_study(SHIPPED, plan)
    return study, plan, design_evidence(study, plan)


def frames(tables):
    return {f.name: getattr(tables, f.name) for f in fields(tables)}


def test_the_shipped_study_gives_every_row(shipped):
    _, plan, tables = shipped
    for name, each in PER_OUTCOME.items():
        frame = getattr(tables, name)
        assert (frame.groupby("outcome", sort=False).size() == each).all(), name
        assert list(dict.fromkeys(frame["outcome"])) == [o.id for o in plan.outcomes]
        estimated = frame[frame["error"] == ""]
        assert np.isfinite(estimated["estimate"]).all(), name


def test_the_primary_estimate_is_that_of_the_effect_table(shipped):
    study, plan, tables = shipped
    each = [r for o in plan.outcomes for r in care_rows(model_data(study, plan, o), o, plan.level)]
    rows = pd.DataFrame([r for r in each if r["estimator"] == "primary" and "CR2" in r["method"]]).set_index("outcome")
    whole = tables.source_agreement.set_index("outcome")
    for column in ("estimate", "se", "df", "ci_low", "ci_high", "p", "standardised"):
        np.testing.assert_allclose(whole[column], rows.loc[whole.index, column], rtol=1e-10)


def test_standardised_values_are_positive_where_they_favour_mtb(shipped):
    _, plan, tables = shipped
    for name in ("control_sources", "source_agreement", "staggered_imputation", "lot_effects", "instrument_effects"):
        frame = getattr(tables, name)
        known = frame[frame["std_low"].notna()]
        assert (known["std_low"] <= known["std_high"]).all()
        for outcome in plan.outcomes:
            here = known[known["outcome"] == outcome.id]
            sign = 1 if outcome.better == "higher" else -1
            assert (np.sign(here["standardised"]) == sign * np.sign(here["estimate"])).all()


def test_the_order_of_families_changes_nothing(shipped):
    study, plan, tables = shipped
    shuffled = study.families.sample(frac=1, random_state=1).reset_index(drop=True)
    again = design_evidence(replace(study, families=shuffled), plan)
    for name, frame in frames(tables).items():
        pd.testing.assert_frame_equal(getattr(again, name), frame, rtol=1e-6, atol=1e-9, obj=name)


UNUSABLE = {
    "nobody answered": lambda f: f.assign(y_m24=np.nan),
    "one value": lambda f: f.assign(y_m24=1.0),
    "MTB only": lambda f: f.assign(y_m24=f["y_m24"].where(f["mtb"] == 1)),
    "controls only": lambda f: f.assign(y_m24=f["y_m24"].where(f["mtb"] == 0)),
    "one municipality": lambda f: f.assign(y_m24=f["y_m24"].where(f["municipality"] == "K05")),
    "five families": lambda f: f.assign(y_m24=f["y_m24"].where(f.index % 50 == 3)),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_outcome_that_cannot_be_analysed_is_a_row_that_says_why(case):
    rng, plan = np.random.default_rng(5), made.small_plan()
    f = made.drawn_families(plan, rng)
    study = made.study_of(UNUSABLE[case](f.assign(y_m24=rng.normal(size=len(f)))), plan)
    tables = design_evidence(study, plan)
    for name in PER_OUTCOME:
        frame = getattr(tables, name)
        assert len(frame) >= 1, name
        silent = frame[frame["estimate"].isna() & (frame["error"] == "")]
        assert silent.empty, name


def test_a_plan_without_outcomes_or_lot_gives_empty_tables_with_their_columns(shipped):
    study, plan, tables = shipped
    bare = replace(plan, outcomes=(), covariates=(), baseline_table=(), lot=None)
    for name, frame in frames(design_evidence(study, bare)).items():
        assert list(frame.columns) == list(getattr(tables, name).columns)
        assert frame.dtypes.equals(getattr(tables, name).dtypes)
        assert name == "offer_receipt" or frame.empty


def test_rows_are_completed_and_checked():
    row = completed({"estimate": 2.0, "ci_low": -1.0, "ci_high": 5.0, "scale": -0.5, "df": 3.0})
    assert (row["standardised"], row["std_low"], row["std_high"]) == (-1.0, -2.5, 0.5)
    assert "degrees of freedom" in row["warning"]
    frame = table([{"estimate": 1}], ("outcome", "estimate", "ci_open"))
    assert frame.iloc[0].tolist() == ["", 1.0, False]
    assert not TEXTS & FLAGS
    with pytest.raises(KeyError, match="other"):
        table([{"other": 1}], ("estimate",))
