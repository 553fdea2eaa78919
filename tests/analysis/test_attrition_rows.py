"""Single rows of the attrition tables against other programs, brute force and refits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import special

from mtb_eval.analysis.attrition import attrition
from mtb_eval.analysis.attrition_bounds import bound_rows
from mtb_eval.analysis.attrition_case import case_of, design_columns
from mtb_eval.analysis.attrition_chain import background, measures
from mtb_eval.analysis.attrition_imputed import chained, completed, imputed_row, pooled_shifts
from mtb_eval.analysis.attrition_items import item_model, scored_sheets, scores_by_family, sheets
from mtb_eval.analysis.attrition_tipping import tipping_row
from mtb_eval.analysis.attrition_weights import response_model, weighted_rows
from mtb_eval.data import load_study
from mtb_eval.data.score import score
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.estimate import t_estimate
from mtb_eval.inference.ols import ols
from mtb_eval.inference.pooling import pool
from mtb_eval.inference.response_weights import response_weights, ridge_logit
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.study import load_plan

ROOT = Path(__file__).parents[2]
PLAN = load_plan()
RULE = replace(PLAN.attrition, imputations=8, iterations=3)


@pytest.fixture(scope="module")
def study():
    return load_study(ROOT / "data" / "synthetic", PLAN)


@pytest.fixture(scope="module")
def behind(study):
    return background(study, PLAN, RULE)


@pytest.fixture(scope="module")
def case(study):
    return case_of(study, PLAN, PLAN.outcome("asqse_total"))


@pytest.fixture(scope="module")
def chain(study, behind, case):
    return chained(
        study, PLAN, behind=behind, chain=measures(study, PLAN, [case.outcome]), seed=np.random.SeedSequence(4)
    )


def weights_of(case, model, used: np.ndarray) -> np.ndarray:
    """Stabilised weights of the families `used`, from the formulas."""
    b = ridge_logit(model.x[used], case.responded[used].astype(float), model.prior_sd)
    chance = special.expit(model.x[used] @ b)
    weights = np.zeros(len(used))
    weights[used] = response_weights(chance, case.responded[used], model.mtb[used], trim=RULE.trim)
    return weights[case.complete.rows]


def test_weighted_rows_are_weighted_least_squares_and_its_refits(study, behind, case):
    model = response_model(behind, study.families["mtb"].to_numpy(), RULE)
    known, jackknife = weighted_rows(case, model, RULE)
    data, x = case.complete, design_columns(case.complete)
    w = weights_of(case, model, np.ones(256, dtype=bool))
    fit = sm.WLS(data.y, x, weights=w).fit()
    assert known["estimate"] == pytest.approx(fit.params[0], rel=1e-9)
    towns = study.families["municipality"].to_numpy()
    without = []
    for town in np.unique(towns):
        rows = data.municipality != town
        again = weights_of(case, model, towns != town)[rows]
        without.append(sm.WLS(data.y[rows], x[rows], weights=again).fit(method="pinv").params[0])
    spread = np.sqrt(9 / 10 * np.sum((np.array(without) - fit.params[0]) ** 2))
    assert jackknife["se"] == pytest.approx(spread, rel=1e-7)
    assert jackknife["df"] == 9


def test_weights_move_the_responders_baseline_towards_that_of_their_arm(study, behind, case):
    """Without shrinking, weighted responders have the arm's baseline means; the prior leaves part of the gap."""
    model = response_model(behind, study.families["mtb"].to_numpy(), RULE)
    w = weights_of(case, model, np.ones(256, dtype=bool))
    rows, arm = case.complete.rows, case.complete.mtb
    before, after = [], []
    for j in range(2, 2 + sum(bool(n) for n in behind.names)):
        for a in (0.0, 1.0):
            everyone = model.x[model.mtb == a, j].mean()
            here = model.x[rows[arm == a], j]
            before.append(here.mean() - everyone)
            after.append(np.average(here, weights=w[arm == a]) - everyone)
    assert np.sqrt(np.mean(np.square(after))) < 0.6 * np.sqrt(np.mean(np.square(before)))


def test_pooled_row_is_one_fit_per_data_set_pooled(case, chain):
    """The batched fit against separate cross-products and CR2 for each completed data set."""
    made = completed(case, PLAN, chain)
    row = next(imputed_row(case, made, pooled_shifts(case, made)))
    x = design_columns(case.everyone)
    fits = [
        cluster_robust(ols(cross_products(x, y, case.everyone.municipality), collinear="drop"), np.eye(x.shape[1])[0])
        for y in made.y[:, case.everyone.rows]
    ]
    found = pool([f.estimate for f in fits], [f.se**2 for f in fits], fits[0].df)
    expected = t_estimate(found.estimate, np.sqrt(found.total), df=found.df, method="")
    for name in ("estimate", "se", "df", "ci_low", "ci_high", "p"):
        assert row[name] == pytest.approx(float(getattr(expected, name)), rel=1e-8), name


def test_population_is_imputed_with_the_outcome(study, behind):
    """The data sets differ in who has a partner; the batched fit equals separate fits on those who do."""
    case = case_of(study, PLAN, PLAN.outcome("partner_relationship"))
    chain = measures(study, PLAN, [case.outcome])
    made = completed(case, PLAN, chained(study, PLAN, behind=behind, chain=chain, seed=np.random.SeedSequence(5)))
    known_out = case.asked == 0
    assert np.isnan(made.y[:, known_out]).all()
    unknown = np.isnan(case.asked)
    assert 0 < np.isfinite(made.y[:, unknown]).mean() < 1
    pooled = pooled_shifts(case, made)
    x, town = design_columns(case.everyone), case.everyone.municipality
    estimates = []
    for y in made.y:
        inside = np.isfinite(y)
        fit = ols(cross_products(x[inside], y[inside], town[inside]), collinear="drop")
        estimates.append(float(cluster_robust(fit, np.eye(x.shape[1])[0]).estimate))
    assert pooled.mean[0] == pytest.approx(np.mean(estimates), rel=1e-8)


def test_nearest_tipping_point_is_a_refit_with_p_at_the_level(case, chain):
    """Shift the imputed values by the nearest pair, fit every data set anew, pool: the interval ends at 0."""
    made = completed(case, PLAN, chain)
    row = tipping_row(case, pooled_shifts(case, made), made, replace(RULE, shift_to=4.0))
    rows, mtb = case.everyone.rows, case.everyone.mtb
    unit = -case.complete.sd  # lower is better
    shift = unit * np.where(mtb == 1, row["shift_mtb"], row["shift_control"]) * made.imputed[:, rows]
    x = design_columns(case.everyone)
    fit = ols(cross_products(x, made.y[:, rows] + shift, case.everyone.municipality), collinear="drop")
    e = cluster_robust(fit, np.eye(x.shape[1])[0])
    found = pool(e.estimate, e.se**2, e.df.flat[0])
    assert float(t_estimate(found.estimate, np.sqrt(found.total), df=found.df, method="").p) == pytest.approx(
        0.05, abs=1e-6
    )
    assert row["distance"] == pytest.approx(np.hypot(row["shift_mtb"], row["shift_control"]))


def test_manski_on_the_model_bounds_every_filling(study):
    case = case_of(study, PLAN, PLAN.outcome("too_few_contacts"))
    row = next(r for r in bound_rows(case, PLAN) if (r["bound"], r["model"]) == ("manski", "primary model"))
    rng = np.random.default_rng(1)
    values = case.values[case.everyone.rows]
    fillings = np.where(np.isnan(values), rng.random((300, 1)) > rng.random((300, len(values))), values)
    x = design_columns(case.everyone)
    estimates = np.linalg.lstsq(x, fillings.T, rcond=None)[0][0]
    assert row["lower"] < estimates.min()
    assert estimates.max() < row["upper"]


def test_manski_on_means_by_hand(study):
    case = case_of(study, PLAN, PLAN.outcome("too_few_contacts"))
    row = next(r for r in bound_rows(case, PLAN) if (r["bound"], r["model"]) == ("manski", "difference in means"))
    ends = {}
    for arm in (1.0, 0.0):
        y = case.values[case.everyone.mtb == arm]
        ends[arm] = np.nansum(y) / len(y), (np.nansum(y) + np.isnan(y).sum()) / len(y)
    assert row["lower"] == pytest.approx(ends[1.0][0] - ends[0.0][1])
    assert row["upper"] == pytest.approx(ends[1.0][1] - ends[0.0][0])


def test_returned_sheets_keep_their_answers_and_are_scored_by_the_instrument(study, behind, case):
    kept = sheets(study, PLAN, [case.outcome])
    made = scored_sheets(kept, item_model(study, PLAN, behind=behind, kept=kept), RULE, np.random.SeedSequence(3))
    scores = scores_by_family(made, kept, case)
    answered = np.isfinite(case.values)
    assert np.isnan(scores[:, ~answered & ~np.isin(np.arange(256), kept.rows)]).all()
    items = [kept.instrument.item_column(k) for k in kept.used]
    whole = kept.rows[kept.answers[items].notna().all(axis=1)]
    np.testing.assert_array_equal(scores[:, whole], np.broadcast_to(case.values[whole], (8, len(whole))))
    partial = np.setdiff1d(kept.rows, whole)
    assert np.isfinite(scores[:, partial]).all()
    steps = scores[:, partial] / 5
    np.testing.assert_allclose(steps, np.round(steps))


def test_sheets_hold_the_answer_codes(study):
    """Scoring the answers again gives the families' scores, so that codes, not points, are imputed."""
    for outcome in ("asqse_total", "sdq_conduct", "epds_total_12m"):
        case = case_of(study, PLAN, PLAN.outcome(outcome))
        kept = sheets(study, PLAN, [case.outcome])
        again = score(kept.answers, kept.instrument)[case.outcome.column]
        np.testing.assert_allclose(again, case.values[kept.rows], equal_nan=True)


def test_a_plan_with_no_items_or_earlier_waves_still_imputes(study):
    plan = replace(
        PLAN,
        instruments={},
        sources=(),
        outcomes=(PLAN.outcome("sensitivity_12m"),),
        attrition=RULE,
        baseline_table=(),
    )
    found = attrition(study, plan)
    rows = found.analyses.set_index("analysis")
    assert np.isfinite(rows.loc["mi_scale", "estimate"])
    assert "scale level only" in rows.loc["mi_item", "error"]
    assert list(found.bounds["bound"]) == ["lee", "lee"]


def test_results_do_not_depend_on_the_order_of_families(study):
    """Everything that draws nothing at random stays as it is when families are shuffled."""
    plan = replace(PLAN, outcomes=(PLAN.outcome("too_few_contacts"),), attrition=RULE)
    order = np.random.default_rng(2).permutation(256)
    shuffled = replace(study, families=study.families.iloc[order].reset_index(drop=True))
    a, b = attrition(study, plan), attrition(shuffled, plan)
    drawn = a.analyses["analysis"].str.startswith("mi")
    for x, y in ((a.analyses[~drawn], b.analyses[~drawn]), (a.bounds, b.bounds), (a.response, b.response)):
        pd.testing.assert_frame_equal(x, y, rtol=1e-7)
