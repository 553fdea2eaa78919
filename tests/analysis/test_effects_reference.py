"""The effect table of the shipped study against R (tests/reference/effects.R)."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mtb_eval.analysis import effects
from mtb_eval.analysis.effect_table import EFFECT_COLUMNS
from mtb_eval.analysis.effects import deciding_row
from mtb_eval.data import load_study
from mtb_eval.study import load_plan

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "tests" / "reference"
R = json.loads((REFERENCE / "made_effects.json").read_text())
PLAN = load_plan()


@pytest.fixture(scope="module")
def study():
    return load_study(ROOT / "data" / "synthetic", PLAN)


@pytest.fixture(scope="module")
def table(study):
    return effects(study, PLAN)


def test_what_r_read_is_what_the_package_reads(study):
    spec = importlib.util.spec_from_file_location("effects_input", REFERENCE / "effects_input.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    ours = made.model_columns(study, PLAN).reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.read_csv(REFERENCE / "effects_families.csv"), ours, check_dtype=False, rtol=1e-12)
    pd.testing.assert_frame_equal(
        pd.read_csv(REFERENCE / "effects_outcomes.csv", dtype=str, keep_default_na=False),
        made.specification(PLAN).astype(str),
        check_dtype=False,
    )


@pytest.mark.parametrize("outcome", [o.id for o in PLAN.outcomes])
def test_primary_model_is_clubsandwich_on_lm(table, outcome):
    row, r = deciding_row(table, PLAN, outcome, "primary"), R[outcome]
    assert row["n_mtb"] + row["n_control"] == r["n"]
    found = row[["estimate", "se", "df", "p"]].to_numpy(dtype=float)
    np.testing.assert_allclose(found, [r["primary"], r["cr2_se"], r["cr2_df"], r["cr2_p"]], rtol=1e-7)


@pytest.mark.parametrize("outcome", [o.id for o in PLAN.outcomes])
def test_replica_is_lme4_with_pbkrtest(table, outcome):
    """lme4 stops near, not at, a variance of zero and is exact to about 1e-6 elsewhere."""
    row, r = deciding_row(table, PLAN, outcome, "replica"), R[outcome]
    found = row[["estimate", "se", "df", "p"]].to_numpy(dtype=float)
    np.testing.assert_allclose(found, [r["replica"], r["kr_se"], r["kr_df"], r["kr_p"]], rtol=1e-5)


def test_table_has_its_columns_in_order_and_no_failure(table):
    assert tuple(table.columns) == EFFECT_COLUMNS
    assert (table["error"] == "").all()
    keys = ["outcome", "wave", "estimand", "estimator", "method"]
    assert not table.duplicated(keys).any()


def test_standardised_is_positive_where_mtb_is_better(table):
    better = {o.id: 1.0 if o.better == "higher" else -1.0 for o in PLAN.outcomes}
    signed = table["estimate"] * table["outcome"].map(better)
    assert (np.sign(signed) == np.sign(table["standardised"])).all()
