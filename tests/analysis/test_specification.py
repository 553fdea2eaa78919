"""The specification curve: every point by another program, the joint test by brute force, its size and power."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from tests.analysis.design_study import OUTCOME, TEXT, drawn_families, municipality_noise, small_plan, study_of

from mtb_eval.analysis import effects
from mtb_eval.analysis.effects import deciding_row
from mtb_eval.analysis.outcome_batches import all_municipalities, batches, joint_draws, outcome_models
from mtb_eval.analysis.specification import specification_tables
from mtb_eval.analysis.specification_designs import columns, half_years, specifications
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.draws import sign_draws
from mtb_eval.inference.joint_wild import chosen, joint_wild, stacked
from mtb_eval.inference.ols import column_contrast, ols
from mtb_eval.inference.specification_null import joint_null
from mtb_eval.study import Covariate

STUDIES = 3000 if os.environ.get("MTB_EVAL_FULL") else 300
KEYS = ["municipality_dummies", "calendar", "covariates", "baseline", "weights"]


def plan_with_baseline():
    wanted = (replace(OUTCOME, baseline="score_baseline"), replace(OUTCOME, id="z", column="z", better="lower"))
    return replace(small_plan(outcomes=wanted), covariates=(Covariate(column="x", label=TEXT),))


PLAN = plan_with_baseline()


def made_study(seed: int, *, effect: float = 0.4, n: int = 200):
    rng = np.random.default_rng(seed)
    families = drawn_families(PLAN, rng, n=n, no_place=0.3).sort_values("municipality")
    families["score_baseline"] = rng.normal(size=n)
    for name in ("y", "z"):
        families[f"{name}_m24"] = municipality_noise(families, rng) + effect * families["mtb"] + 0.3 * families["x"]
    families.loc[rng.random(n) < 0.15, "z_m24"] = np.nan
    return study_of(families, PLAN)


@pytest.fixture(scope="module")
def study():
    return made_study(1)


@pytest.fixture(scope="module")
def curve(study):
    return specification_tables(study, PLAN, outcome_models(study, PLAN), joint_draws(study, None))


def test_every_combination_is_there_once_and_ranked(curve):
    table = curve.specifications
    assert table.groupby("outcome", sort=False).size().tolist() == [32, 16]
    assert not table.duplicated(["outcome", *KEYS]).any()
    for _, rows in table.groupby("outcome"):
        assert rows["standardised"].is_monotonic_increasing
        assert rows["rank"].tolist() == list(range(1, len(rows) + 1))
        assert rows["decides"].sum() == 1


def test_the_primary_model_is_one_of_them(study, curve):
    table = effects(study, PLAN)
    for outcome in PLAN.outcomes:
        primary = deciding_row(table, PLAN, outcome.id, "primary")
        row = curve.specifications.query("decides and outcome == @outcome.id").iloc[0]
        for column in ("estimate", "se", "df", "ci_low", "ci_high", "p", "standardised"):
            assert row[column] == pytest.approx(primary[column], rel=1e-9)


def test_estimates_are_those_of_statsmodels(study, curve):
    families = study.families
    for row in curve.specifications[curve.specifications["outcome"] == "y"].itertuples():
        parts = [families["mtb"].to_numpy()[:, None]]
        level = families["municipality"].to_numpy()
        parts.append(
            (level[:, None] == np.unique(level)).astype(float) if row.municipality_dummies else np.ones((200, 1))
        )
        years = families["calendar_years"].to_numpy()
        parts += {
            "none": [],
            "linear": [years[:, None]],
            "spline": [outcome_models(study, PLAN)["y"].calendar],
            "half-years": [half_years(years)],
        }[row.calendar]
        parts += [families[["x"]].to_numpy()] * row.covariates + [
            families[["score_baseline"]].to_numpy()
        ] * row.baseline
        fit = sm.OLS(families["y_m24"].to_numpy(), np.column_stack(parts)).fit()
        assert row.estimate == pytest.approx(fit.params[0], rel=1e-7)


def test_half_years_make_a_column_each_but_the_first():
    years = np.array([0.0, 0.49, 0.5, 1.7, 10.2, 0.1])
    expected = [[0, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]
    np.testing.assert_array_equal(half_years(years), expected)


def test_weights_add_a_weighted_half(study, curve):
    models, draws = outcome_models(study, PLAN), joint_draws(study, None)
    ones = {"y": np.ones(200)}
    both = specification_tables(study, PLAN, models, draws, weights=ones)
    rows = both.specifications[both.specifications["outcome"] == "y"].sort_values(KEYS)
    plain, weighted = (rows[rows["weights"] == w] for w in ("none", "response"))
    assert len(plain) == len(weighted) == 32
    for column in ("estimate", "se", "df", "p"):
        np.testing.assert_allclose(weighted[column], plain[column], rtol=1e-6)
    np.testing.assert_array_equal(weighted["p_wild"], plain["p_wild"])
    assert both.specifications["decides"].sum() == 2
    found = both.specification_curve.set_index("outcome")
    np.testing.assert_allclose(found["std_median"], curve.specification_curve.set_index("outcome")["std_median"])


def test_weighted_estimates_are_those_of_statsmodels(study):
    rng = np.random.default_rng(5)
    weights = rng.uniform(0.5, 2, 200)
    made = specification_tables(
        study, PLAN, outcome_models(study, PLAN), joint_draws(study, None), weights={"y": weights}
    ).specifications
    row = made.query("outcome == 'y' and weights == 'response' and calendar == 'linear' and not municipality_dummies")
    row = row[row["covariates"] & row["baseline"]].iloc[0]
    f = study.families
    x = np.column_stack([f["mtb"], np.ones(200), f["calendar_years"], f["x"], f["score_baseline"]])
    fit = sm.WLS(f["y_m24"].to_numpy(), x, weights=weights).fit()
    assert row["estimate"] == pytest.approx(fit.params[0], rel=1e-8)


def test_joint_test_by_brute_force(study, curve):
    """Each draw: the statistics of all specifications under one vector of signs, one refit at a time."""
    batch = next(b for b in batches(study, PLAN.outcomes, outcome_models(study, PLAN)) if not b.baseline)
    draws, labels = sign_draws(10), all_municipalities(study)
    seen = np.isfinite(batch.y[0])
    estimates, p, drawn, drawn_p = [], [], [], []
    for choice in specifications(baseline=False, covariates=True, weighted=False):
        cross = cross_products(columns(batch, choice)[seen], batch.y[0, seen], batch.municipality[seen])
        fit = ols(cross, collinear="drop")
        one = joint_wild(fit, column_contrast(fit, 0), draws, labels)
        size = np.abs(one.drawn_t[0])
        estimates.append(one.estimate[0])
        p.append(np.mean(size >= abs(one.t[0]) * (1 - 1e-9)))
        drawn.append(one.drawn_estimate[0])
        drawn_p.append([np.mean(size >= s * (1 - 1e-9)) for s in size])

    def share(b, q):
        return max(np.mean((np.array(q) < 0.05) & (np.sign(b) == s)) for s in (1, -1))

    medians = [abs(np.median([b[d] for b in drawn])) for d in range(512)]
    shares = [share([b[d] for b in drawn], [q[d] for q in drawn_p]) for d in range(512)]
    row = curve.specification_curve.set_index("outcome").loc["z"]
    assert row["p_median"] == np.mean(np.array(medians) >= abs(np.median(estimates)) * (1 - 1e-9))
    assert row["share_significant"] == share(estimates, p)
    assert row["p_share"] == np.mean(np.array(shares) >= share(estimates, p) * (1 - 1e-9))
    assert row["n_draws"] == 1024


def test_order_of_families_does_not_matter(study, curve):
    turned = study.families.sample(frac=1, random_state=3).reset_index(drop=True)
    again = replace(study, families=turned)
    other = specification_tables(again, PLAN, outcome_models(again, PLAN), joint_draws(again, None))
    columns_ = ["std_median", "p_median", "share_significant", "p_share"]
    np.testing.assert_allclose(
        curve.specification_curve[columns_], other.specification_curve[columns_], rtol=1e-9, atol=1e-12
    )


def test_without_draws_there_is_a_curve_without_a_joint_test(study):
    tables = specification_tables(study, PLAN, outcome_models(study, PLAN), None)
    assert tables.specifications["p"].notna().all() and tables.specifications["p_wild"].isna().all()
    assert tables.specification_curve["p_median"].isna().all()
    assert tables.specification_curve["warning"].str.contains("no joint test").all()


def test_no_comparison_is_a_row_with_the_reason(study):
    changed = replace(study, families=study.families.assign(z_m24=2.0))
    tables = specification_tables(changed, PLAN, outcome_models(changed, PLAN), joint_draws(changed, None))
    assert tables.specification_curve["error"].tolist() == ["", "the outcome does not vary"]


def joint_p(effect: float) -> tuple[np.ndarray, np.ndarray]:
    """Both joint p of STUDIES outcomes with this effect on one staggered design with responses missing."""
    rng = np.random.default_rng(20180601)
    study = made_study(4, n=190)
    batch = next(b for b in batches(study, PLAN.outcomes, outcome_models(study, PLAN)) if not b.baseline)
    code = np.unique(batch.municipality, return_inverse=True)[1]
    y = effect * batch.mtb + 0.25 * rng.normal(size=(STUDIES, 10))[:, code] + rng.normal(size=(STUDIES, len(code)))
    parts = []
    for choice in specifications(baseline=False, covariates=True, weighted=False):
        fit = ols(cross_products(columns(batch, choice), y, batch.municipality), collinear="drop")
        parts.append(joint_wild(fit, column_contrast(fit, 0), sign_draws(10), all_municipalities(study)))
    found = [joint_null(stacked([chosen(p, [i]) for p in parts]), significant=0.05) for i in range(STUDIES)]
    return np.array([f.p_median for f in found]), np.array([f.p_share for f in found])


def test_joint_tests_have_a_size_of_about_five_percent_and_power():
    """Without effect, ICC .06: within 1.5 points and three Monte-Carlo standard errors of 5 %."""
    error = np.sqrt(0.05 * 0.95 / STUDIES)
    for p in joint_p(0.0):
        assert abs(np.mean(p < 0.05) - 0.05) < 0.015 + 3 * error
    for p in joint_p(0.9):
        assert np.mean(p < 0.05) > 0.8
