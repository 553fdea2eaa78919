"""Families of outcomes: agreement with the effect table, Romano-Wolf by brute force, its error rate, the indices."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.analysis.design_study import OUTCOME, drawn_families, municipality_noise, small_plan, study_of

from mtb_eval.analysis import effects
from mtb_eval.analysis.care_effect import unusable
from mtb_eval.analysis.family_index import WEIGHT_COLUMNS, components, family_indices
from mtb_eval.analysis.multiplicity_rows import multiplicity, survival
from mtb_eval.analysis.outcome_batches import all_municipalities, batches, joint_draws, outcome_models
from mtb_eval.analysis.outcomes import outcomes
from mtb_eval.analysis.trust_rows import MODEL_COLUMNS, frame
from mtb_eval.data import load_study
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.draws import sign_draws
from mtb_eval.inference.multiplicity import anderson_index, mean_index, romano_wolf
from mtb_eval.inference.ols import column_contrast, ols
from mtb_eval.inference.wild import wild_statistics
from mtb_eval.inference.wild_scores import wild_scores
from mtb_eval.study import load_plan

ROOT = Path(__file__).parents[2]
PLAN = load_plan()
FEW = replace(
    PLAN,
    outcomes=tuple(o for o in PLAN.outcomes if o.family in ("child", "work_education", "placement")),
    dose=None,
    interaction=None,
)
STUDIES = 4000 if os.environ.get("MTB_EVAL_FULL") else 800


@pytest.fixture(scope="module")
def study():
    return load_study(ROOT / "data" / "synthetic", PLAN)


@pytest.fixture(scope="module")
def tables(study):
    return small_tables(study, FEW)


@pytest.fixture(scope="module")
def corrected(study, tables):
    return multiplicity(study, FEW, tables, outcome_models(study, FEW), joint_draws(study, None))


def small_tables(study, plan):
    table = effects(study, plan)
    return {"effects": table, "outcomes": outcomes(study, plan, table)}


def test_p_values_are_those_of_the_effect_table(corrected, tables):
    table = tables["effects"]
    primary = table[(table["estimator"] == "primary") & (table["estimand"] == "care received")]
    wild = primary[primary["method"].str.contains("WCR31")].set_index("outcome")["p"]
    cr2 = primary[primary["method"].str.contains("CR2")].set_index("outcome")
    found = corrected.set_index("outcome")
    np.testing.assert_array_equal(found["p_wild"], wild.loc[found.index])
    np.testing.assert_array_equal(found["p"], cr2.loc[found.index, "p"])
    np.testing.assert_array_equal(found["p_holm"], cr2.loc[found.index, "p_adjusted"])


def test_corrections_are_ordered(corrected):
    assert (corrected["p_holm"] >= corrected["p"]).all()
    assert (corrected["p_bh"] >= corrected["p"]).all() and (corrected["p_bh"] <= corrected["p_holm"] + 1e-12).all()
    assert (corrected["p_romano_wolf"] >= corrected["p_wild"]).all()
    alone = corrected[corrected["n_family"] == 1]
    np.testing.assert_array_equal(alone["p_romano_wolf"], alone["p_wild"])


@pytest.mark.parametrize(
    ("p", "adjusted", "found"),
    [
        (0.01, 0.04, "survives"),
        (0.01, 0.05, "unadjusted only"),
        (0.05, 0.05, "neither"),
        (0.3, 1.0, "neither"),
        (np.nan, np.nan, "not estimable"),
    ],
)
def test_second_verdict_scheme(p, adjusted, found):
    assert survival(p, adjusted, 0.05) == found


def three_outcomes(seed: int):
    """Three outcomes of one family with different missing rows; nobody in K03 has the third."""
    plan = small_plan()
    wanted = [replace(OUTCOME, id=f"y{i}", column=f"y{i}") for i in range(3)]
    plan = replace(plan, outcomes=tuple(wanted), covariates=(), municipalities=plan.municipalities[:6])
    rng = np.random.default_rng(seed)
    families = drawn_families(plan, rng, n=90, no_place=0.3)
    for i in range(3):
        y = municipality_noise(families, rng) + 0.5 * families["mtb"].to_numpy()
        families[f"y{i}_m24"] = np.where(rng.random(90) < 0.1 * i, np.nan, y)
    families.loc[families["municipality"] == "K03", "y2_m24"] = np.nan
    return plan, study_of(families.sort_values("municipality"), plan)


def wild_by_hand(x: np.ndarray, y: np.ndarray, place: np.ndarray, signs: np.ndarray) -> tuple[float, float]:
    """t and t* of the first column for one vector of signs: WCR31 written out on data demeaned by municipality."""
    codes = np.unique(place)
    k = x.shape[1] + len(codes)
    rows = [place == g for g in codes]
    for r in rows:
        x, y = x - r[:, None] * x[r].mean(axis=0), y - r * y[r].mean()
    inverse = np.linalg.inv(x.T @ x)
    a = inverse[0]

    def spread(scores, change):
        own = [a @ (s - x[r].T @ x[r] @ change) for s, r in zip(scores, rows, strict=True)]
        g, n = len(codes), len(y)
        return np.sqrt(g / (g - 1) * (n - 1) / (n - k) * np.sum(np.square(own)))

    b = inverse @ x.T @ y
    plain = [x[r].T @ (y[r] - x[r] @ b) for r in rows]
    t = b[0] / spread(plain, np.zeros_like(b))
    left_out = []
    for r in rows:
        rest = np.linalg.lstsq(x[~r][:, 1:], y[~r], rcond=None)[0]
        left_out.append(x[r].T @ (y[r] - x[r][:, 1:] @ rest))
    drawn = [signs[g] * s for g, s in zip(codes, left_out, strict=True)]
    change = inverse @ np.sum(drawn, axis=0)
    return t, change[0] / spread(drawn, change)


def test_romano_wolf_by_brute_force():
    plan, study = three_outcomes(7)
    models = outcome_models(study, plan)
    table = multiplicity(study, plan, small_tables(study, plan), models, joint_draws(study, None))
    labels = all_municipalities(study)
    t, drawn = np.empty(3), np.empty((3, 2 ** len(labels)))
    for d, signs in enumerate(product([1, -1], repeat=len(labels))):
        by_label = dict(zip(labels.tolist(), signs, strict=True))
        for i, data in enumerate(models.values()):
            x = np.column_stack([data.mtb, data.calendar])
            t[i], drawn[i, d] = wild_by_hand(x, data.y, data.municipality, by_label)
    order = np.argsort(-np.abs(t))
    p = np.empty(3)
    for step, i in enumerate(order):
        top = np.abs(drawn[order[step:]]).max(axis=0)
        p[i] = np.mean(top >= abs(t[i]) * (1 - 1e-9))
    np.testing.assert_allclose(table["p_romano_wolf"], [np.max(p[order][: list(order).index(i) + 1]) for i in range(3)])
    np.testing.assert_allclose(table["p_wild"], [np.mean(np.abs(drawn[i]) >= abs(t[i]) * (1 - 1e-9)) for i in range(3)])


def test_an_outcome_without_a_municipality_says_so():
    plan, study = three_outcomes(8)
    models = outcome_models(study, plan)
    table = multiplicity(study, plan, small_tables(study, plan), models, joint_draws(study, None))
    assert table["warning"].tolist() == ["", "", "families of 5 of 6 municipalities only"]
    assert table["p_romano_wolf"].notna().all()


def test_order_of_outcomes_and_names_of_municipalities_do_not_matter():
    plan, study = three_outcomes(9)
    turned = replace(plan, outcomes=plan.outcomes[::-1])
    names = {f"K0{i}": f"Q{9 - i}" for i in range(1, 7)}
    renamed = replace(study, families=study.families.assign(municipality=study.families["municipality"].map(names)))
    found = [
        multiplicity(s, p, small_tables(s, p), outcome_models(s, p), joint_draws(s, None)).set_index("outcome")
        for s, p in ((study, plan), (study, turned), (renamed, plan))
    ]
    for other in found[1:]:
        pd.testing.assert_series_equal(found[0]["p_romano_wolf"], other["p_romano_wolf"].loc[found[0].index])


def test_without_draws_there_is_no_romano_wolf_and_the_row_says_why():
    plan, study = three_outcomes(10)
    table = multiplicity(study, plan, small_tables(study, plan), outcome_models(study, plan), None)
    assert table["p_romano_wolf"].isna().all() and table["p_holm"].notna().all()
    assert table["warning"].str.contains("pass a generator").all()


def test_romano_wolf_keeps_the_family_wise_error_rate():
    """Five correlated outcomes without any effect on the shipped plan's design: at most 5 % of studies have a finding.

    The bootstrap itself rejects 5 to 6 % here, so the bound is that plus four Monte-Carlo standard errors.
    """
    rng = np.random.default_rng(20180601)
    plan = small_plan()
    families = drawn_families(plan, rng, n=200).assign(y_m24=0.0)
    families["y_m24"] = rng.normal(size=200)
    study = study_of(families, plan)
    models = outcome_models(study, plan)
    batch = batches(study, plan.outcomes, models)[0]
    code = np.unique(batch.municipality, return_inverse=True)[1]
    shared = rng.normal(size=(STUDIES, 1, 200)) * 0.6
    y = shared + 0.8 * rng.normal(size=(STUDIES, 5, 200)) + 0.25 * rng.normal(size=(STUDIES, 5, 10))[:, :, code]
    found = 0
    for part in np.array_split(y, max(1, STUDIES // 200)):
        fit = ols(cross_products(batch.primary_columns(), part, batch.municipality))
        t, drawn = wild_statistics(wild_scores(fit, column_contrast(fit, 0)), sign_draws(10))
        found += sum(romano_wolf(t[s], drawn[s], exact=True).min() < 0.05 for s in range(len(part)))
    error = np.sqrt(0.06 * 0.94 / STUDIES)
    assert 0.03 - 4 * error < found / STUDIES < 0.06 + 4 * error


def test_totals_and_outcomes_asked_of_some_stay_out_of_the_index():
    left = {f.id: components(PLAN, f)[1] for f in PLAN.families}
    assert left["child"] == ["asqse_total"]
    assert left["maternal_health"] == ["partner_relationship"]
    assert components(PLAN, PLAN.families[-1]) == ([], [])


@pytest.mark.parametrize(("name", "make"), [("Anderson index", anderson_index), ("mean index", mean_index)])
def test_index_is_that_of_turned_components_under_the_primary_model(study, name, make):
    family = next(f for f in PLAN.families if f.id == "interaction")
    parts, _ = components(PLAN, family)
    y = np.column_stack([study.families[o.variable] * (1 if o.better == "higher" else -1) for o in parts])
    index = make(y, study.families["mtb"].to_numpy() == 0)
    found = family_indices(study, PLAN)
    rows = frame(found.estimates, MODEL_COLUMNS)
    row = rows[(rows["outcome"] == "interaction_index") & (rows["estimator"] == name)].iloc[0]
    seen = np.isfinite(index.score)
    outcome = replace(parts[0], id="i", column="i", better="higher", baseline=None)
    plain = replace(study, families=study.families.assign(i_m24=index.score))
    alone = effects(plain, replace(PLAN, outcomes=(outcome,), dose=None, interaction=None))
    primary = alone[(alone["estimator"] == "primary") & alone["method"].str.startswith("CR2")].iloc[0]
    assert row["n_mtb"] + row["n_control"] == seen.sum()
    for column in ("estimate", "se", "df", "p", "standardised"):
        assert row[column] == pytest.approx(primary[column], rel=1e-9)
    weights = frame(found.weights, WEIGHT_COLUMNS)
    mine = weights[(weights["family"] == "interaction") & (weights["estimator"] == name)]["weight"]
    np.testing.assert_allclose(mine, index.weights)


def test_index_favours_mtb_where_every_component_does():
    plan = small_plan()
    both = [replace(OUTCOME, id="up", column="up"), replace(OUTCOME, id="down", column="down", better="lower")]
    plan = replace(plan, outcomes=tuple(both), families=tuple(f for f in plan.families if f.id == "child"))
    rng = np.random.default_rng(11)
    families = drawn_families(plan, rng)
    families["up_m24"] = rng.normal(size=256) + 2 * families["mtb"]
    families["down_m24"] = rng.normal(size=256) - 2 * families["mtb"]
    rows = frame(family_indices(study_of(families, plan), plan).estimates, MODEL_COLUMNS)
    assert len(rows) == 4 and (rows["standardised"] > 1).all() and (rows["p"] < 0.05).all()


def test_one_component_is_no_index_and_the_row_says_so():
    plan = small_plan()
    families = drawn_families(plan, np.random.default_rng(12)).assign(y_m24=1.0)
    rows = frame(family_indices(study_of(families, plan), plan).estimates, MODEL_COLUMNS)
    assert rows["error"].str.contains("one component").all() and len(rows) == 2


def test_batches_hold_every_outcome_that_can_be_compared_once(study):
    models = outcome_models(study, PLAN)
    held = [o.id for b in batches(study, PLAN.outcomes, models) for o in b.outcomes]
    assert sorted(held) == sorted(o.id for o in PLAN.outcomes if not unusable(models[o.id]))
