"""Own models of outcomes with two values, ordered outcomes, and composites over everyone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.miscmodels.ordinal_model import OrderedModel
from tests.analysis.design_study import OUTCOME, TEXT, drawn_families, municipality_noise, small_plan, study_of

from mtb_eval.analysis.binary_models import RISK_RATIO, binary_rows, model_columns
from mtb_eval.analysis.composite_outcomes import ALL_ASKED, BELONGING, BOTH, EITHER, composite_rows, composites
from mtb_eval.analysis.model_data import model_data
from mtb_eval.analysis.ordinal_models import ordinal_rows
from mtb_eval.analysis.trust_rows import MODEL_COLUMNS, frame
from mtb_eval.data import load_study
from mtb_eval.inference.ordinal import proportional_odds
from mtb_eval.study import load_plan
from mtb_eval.study.plan import Population

ROOT = Path(__file__).parents[2]
PLAN = load_plan()


@pytest.fixture(scope="module")
def study():
    return load_study(ROOT / "data" / "synthetic", PLAN)


@pytest.fixture(scope="module")
def table(study):
    rows = [*binary_rows(study, PLAN), *ordinal_rows(study, PLAN), *composite_rows(study, PLAN)]
    return frame(rows, MODEL_COLUMNS)


def test_every_row_has_its_own_key_and_a_number_or_a_reason(table):
    assert not table.duplicated(["outcome", "wave", "estimand", "estimator", "method"]).any()
    assert (table["estimate"].notna() != (table["error"] != "")).all()


def test_each_binary_outcome_has_a_risk_difference_and_a_ratio(table):
    for outcome in PLAN.outcomes:
        rows = table[(table["outcome"] == outcome.id) & (table["estimand"] != ALL_ASKED)]
        made = rows[rows["error"] == ""]
        if outcome.kind == "binary":
            assert set(made["estimator"]) == {"logit", "modified Poisson"}
        elif outcome.kind == "continuous":
            assert rows.empty


def test_models_are_those_of_statsmodels(study, table):
    outcome = PLAN.outcome("employed")
    data = model_data(study, PLAN, outcome)
    x = model_columns(data)
    rows = table[table["outcome"] == "employed"].set_index("estimator")
    poisson = sm.GLM(data.y, x, family=sm.families.Poisson()).fit(tol=1e-12)
    assert rows.loc["modified Poisson", "estimate"] == pytest.approx(poisson.params[1], rel=1e-6)
    assert rows.loc["modified Poisson", "ratio"] == pytest.approx(np.exp(poisson.params[1]), rel=1e-6)
    margins = sm.Logit(data.y, x).fit(disp=0, tol=1e-12).get_margeff(at="overall", dummy=True)
    assert rows.loc["logit", "estimate"] == pytest.approx(margins.margeff[0], rel=1e-6)


def test_proportional_odds_are_a_zero_of_statsmodels_score(study, table):
    """The gradient of its log-likelihood, by differences, vanishes at our estimates and not beside them."""
    data = model_data(study, PLAN, PLAN.outcome("asqse_compliance"))
    x = model_columns(data)[:, 1:]
    codes = np.unique(data.y, return_inverse=True)[1]
    fit = proportional_odds(x, data.y, data.municipality)
    k = x.shape[1]
    cuts = fit.coefficients[k:]
    ours = np.concatenate([fit.coefficients[:k], cuts[:1], np.log(np.diff(cuts))])
    score = OrderedModel(codes, x, distr="logit").score(ours)
    np.testing.assert_allclose(score / np.abs(x).sum(axis=0).max(), 0, atol=1e-6)
    row = table[table["outcome"] == "asqse_compliance"].iloc[0]
    assert row["estimate"] == pytest.approx(fit.coefficients[0], rel=1e-9)
    assert row["ratio"] == pytest.approx(np.exp(row["estimate"]))
    assert np.isnan(row["standardised"])


def test_separation_is_told_and_a_simpler_model_follows(table):
    rows = table[(table["outcome"] == "placed_out_of_home") & (table["estimand"] == RISK_RATIO)]
    assert rows["error"].str.contains("no finite maximum").any()
    last = rows.iloc[-1]
    shares = last["share_mtb"] / last["share_control"]
    if last["method"].endswith("unadjusted"):
        assert last["ratio"] == pytest.approx(shares, rel=1e-8)
    assert last["error"] == "" and last["warning"] != ""


def test_outcomes_asked_of_some_say_so(table):
    rows = table[(table["population"] != "") & (table["error"] == "")]
    assert len(rows) and rows["warning"].str.contains("which the programme may have changed").all()


def test_composites_by_hand():
    inside = np.array([1, 1, 1, 0, 0, np.nan, np.nan])
    event = np.array([1, 0, np.nan, np.nan, 1, 1, np.nan])
    found = composites(inside, event)
    np.testing.assert_array_equal(found[BOTH], [1, 0, np.nan, 0, 0, np.nan, np.nan])
    np.testing.assert_array_equal(found[EITHER], [1, 0, np.nan, 1, 1, np.nan, np.nan])


def test_the_two_composites_differ_by_belonging():
    """either - both = 1 - belonging wherever the event is known, so the three effects add up."""
    rng = np.random.default_rng(3)
    plan = small_plan(populations=(Population(id="some", column="z_m24", equals=1.0, label=TEXT),))
    plan = replace(plan, outcomes=(replace(OUTCOME, kind="binary", population="some"),))
    families = drawn_families(plan, rng)
    families["z_m24"] = (municipality_noise(families, rng) > -0.3).astype(float)
    families["y_m24"] = (municipality_noise(families, rng) > 0).astype(float)
    table = frame(composite_rows(study_of(families, plan), plan), MODEL_COLUMNS)
    effect = table[table["method"].str.startswith("CR2")].set_index("estimator")["estimate"]
    assert effect[EITHER] - effect[BOTH] == pytest.approx(-effect[BELONGING], abs=1e-12)
    assert (table["estimand"] == ALL_ASKED).all() and (table["n_mtb"] + table["n_control"] == len(families)).all()
    assert table[table["estimator"] == BELONGING]["standardised"].isna().all()


def test_no_binary_outcome_gives_no_rows():
    plan = small_plan()
    families = drawn_families(plan, np.random.default_rng(4))
    families["y_m24"] = 1.0
    study = study_of(families, plan)
    assert not [*binary_rows(study, plan), *ordinal_rows(study, plan), *composite_rows(study, plan)]


def test_an_outcome_that_does_not_vary_is_a_row_with_the_reason():
    plan = replace(small_plan(), outcomes=(replace(OUTCOME, kind="binary"),))
    families = drawn_families(plan, np.random.default_rng(5))
    families["y_m24"] = 1.0
    rows = frame(binary_rows(study_of(families, plan), plan), MODEL_COLUMNS)
    assert (rows["error"] == "the outcome does not vary").all() and len(rows)
    assert not rows.duplicated(["estimand", "estimator", "method"]).any()
