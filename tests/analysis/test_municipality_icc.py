"""The intraclass correlation of every outcome: from statsmodels' mixed model, and reasons where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from tests.analysis.test_municipality_effects import OUTCOME, PLAN, study_with

from mtb_eval.analysis.municipality_icc import ICC_COLUMNS, icc_table
from mtb_eval.analysis.outcome_batches import outcome_models


def _with_levels(number: int):
    """Return a study whose municipalities differ in level."""
    study = study_with(number)
    code = pd.factorize(study.families["municipality"])[0]
    levels = np.random.default_rng(number).normal(0, 1.5, code.max() + 1)[code]
    return replace(study, families=study.families.assign(y_m24=study.families["y_m24"] + levels))


def test_the_estimate_is_that_of_another_program():
    """statsmodels MixedLM by REML with the same columns: 1e-4 of the correlation."""
    study = _with_levels(7)
    models = outcome_models(study, PLAN)
    row = icc_table(PLAN, models).iloc[0]
    data = models[OUTCOME.id]
    frame = pd.DataFrame({"y": data.y, "mtb": data.mtb, "g": data.municipality})
    names = [f"x{i}" for i in range(data.covariates.shape[1])]
    frame[names] = data.covariates
    fit = smf.mixedlm(" + ".join(["y ~ mtb", *names]), frame, groups="g").fit(reml=True)
    between, within = float(fit.cov_re.iloc[0, 0]), float(fit.scale)
    assert row["icc"] == pytest.approx(between / (between + within), abs=1e-4)
    assert 0 < row["icc_low"] < row["icc"] < row["icc_high"] < 1
    assert row["n_mtb"] + row["n_control"] == len(data.y)


def test_no_comparison_is_a_row_with_the_reason():
    study = study_with(8)
    changed = replace(study, families=study.families.assign(mtb=1.0))
    table = icc_table(PLAN, outcome_models(changed, PLAN))
    assert tuple(table.columns) == ICC_COLUMNS
    assert table["error"].tolist() == ["all families with this outcome are of one arm"]
    assert np.isnan(table["icc"]).all()
