"""Weights of effects under staggered training, and the imputation estimator: papers' example, by hand, truth."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from mtb_eval.analysis.model_data import dummies, model_data
from mtb_eval.analysis.staggered import HALF_YEARS, PRIMARY, effect_weights, staggered_weights
from mtb_eval.analysis.staggered_imputation import AS_PRIMARY, SPARSE, impute, jackknife_se, staggered_imputation

LONG = bool(os.environ.get("MTB_EVAL_FULL"))


def _made() -> ModuleType:
    spec = importlib.util.spec_from_file_location("design_study", Path(__file__).with_name("design_study.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


made = _made()


def study_with(rng, plan, effect, *, noise=1.0, no_place=0.1, n=256):
    """y = effect(families) mtb + line in time + covariate + municipality level + noise."""
    f = made.drawn_families(plan, rng, no_place=no_place, n=n)
    years = (f["recruited_on"] - np.datetime64(plan.recruited_from)).dt.days / 365.25
    y = effect(f, years) * f["mtb"] + 0.2 * years + 0.3 * f["x"] + noise * made.municipality_noise(f, rng)
    return made.study_of(f.assign(y_m24=y), plan)


def since_training(plan):
    trained = {m.code: np.datetime64(m.trained_on) for m in plan.municipalities}

    def years_since(f, _):
        return (f["recruited_on"] - f["municipality"].map(trained)).dt.days / 365.25

    return years_since


def two_groups_three_periods(sizes=(1, 1)):
    """The example of de Chaisemartin & D'Haultfoeuille (2020, section I): group 1 treated in 3, group 2 in 2 and 3."""
    group = np.repeat([0, 0, 0, 1, 1, 1], np.repeat(sizes, 3))
    period = np.concatenate([np.repeat([0, 1, 2], s) for s in sizes])
    treated = ((period == 2) | ((group == 1) & (period == 1))).astype(float)
    w = np.column_stack([np.eye(2)[group], np.eye(3)[period]])
    cell = np.char.add(group.astype(str), period.astype(str))
    return treated, w, cell


def test_the_papers_example_has_weights_one_half_one_and_minus_one_half():
    treated, w, cell = two_groups_three_periods()
    y = np.arange(6.0)
    found = effect_weights(y, treated, w, cell)
    np.testing.assert_allclose(found.cell_weights, [0.5, 1.0, -0.5], atol=1e-12)
    expected = abs(found.estimate) / np.sqrt((0.5**2 + 2**2 + 2.5**2) / 3)
    assert found.smallest_sd == pytest.approx(expected, rel=1e-12)


def test_effects_of_that_smallest_spread_average_zero_and_give_the_estimate():
    """The bound of corollary 1 is attained: effects b (w_c - 1) / var(w) have mean 0 and yield b."""
    treated, w, cell = two_groups_three_periods((4, 4))
    rng = np.random.default_rng(0)
    found = effect_weights(rng.normal(size=24), treated, w, cell)
    share = found.cell_sizes / found.cell_sizes.sum()
    relative = found.cell_weights / share
    effects = found.estimate * (relative - 1) / np.sum(share * (relative - 1) ** 2)
    assert np.sum(share * effects) == pytest.approx(0, abs=1e-12)
    assert np.sum(found.cell_weights * effects) == pytest.approx(found.estimate, rel=1e-10)
    assert np.sqrt(np.sum(share * effects**2)) == pytest.approx(found.smallest_sd, rel=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_without_noise_the_coefficient_is_the_weighted_sum_of_the_effects(seed):
    rng, plan = np.random.default_rng(seed), made.small_plan()
    study = study_with(rng, plan, lambda f, _: rng.normal(size=len(f)), noise=0.0)
    data = model_data(study, plan, plan.outcomes[0])
    w = np.column_stack([dummies(data.municipality), data.calendar, data.covariates])
    families = study.families
    effects = rng.normal(size=len(families))
    untreated = w @ rng.normal(size=w.shape[1])
    found = effect_weights(untreated + effects * data.mtb, data.mtb, w, data.municipality)
    assert found.weights.sum() == pytest.approx(1, abs=1e-12)
    assert found.cell_weights.sum() == pytest.approx(1, abs=1e-12)
    assert found.estimate == pytest.approx(found.weights @ effects[data.mtb == 1], abs=1e-9)


def test_counts_of_negative_weights_against_brute_force():
    plan = made.small_plan()
    study = study_with(np.random.default_rng(2), plan, lambda f, _: 1.0 + 0 * f["x"])
    rows = staggered_weights(study, plan).set_index("model")
    families = study.families
    day = families["recruited_on"]
    half = day.dt.year * 2 + (day.dt.month > 6)
    place = dummies(families["municipality"].to_numpy(str))
    designs = {
        HALF_YEARS: np.column_stack([place, dummies(half.to_numpy(str))[:, 1:]]),
        PRIMARY: np.column_stack([place, model_data(study, plan, plan.outcomes[0]).calendar, families["x"]]),
    }
    for model, w in designs.items():
        mtb = families["mtb"].to_numpy()
        left = sm.OLS(mtb, w).fit().resid[mtb == 1]
        cells = families[mtb == 1].assign(left=left, half=half).groupby(["municipality", "half"])["left"].sum()
        row = rows.loc[model]
        assert row["n_negative"] == (left < -1e-12).sum()
        assert row["n_cells"] == len(cells)
        assert row["n_cells_negative"] == (cells < -1e-12).sum()
        assert row["negative_sum"] == pytest.approx(left[left < 0].sum() / left.sum(), rel=1e-9)
        assert row["estimate"] == pytest.approx(sm.OLS(families["y_m24"], np.c_[mtb, w]).fit().params.iloc[0], rel=1e-9)


def test_imputation_by_hand_with_municipality_effects_only():
    municipality = np.array(["A", "A", "A", "B", "B", "B", "C"])
    treated = np.array([0, 1, 1, 0, 0, 1, 1.0])
    y = np.array([1.0, 4.0, 6.0, 2.0, 4.0, 10.0, 99.0])
    found = impute(y, treated, dummies(municipality))
    assert found.estimate == pytest.approx(((4 - 1) + (6 - 1) + (10 - 3)) / 3)
    assert found.known.tolist() == [False, True, True, False, False, True, False]
    assert found.df_untreated == 1


def test_imputation_is_the_mean_of_one_dummy_for_each_treated_family():
    """Borusyak, Jaravel & Spiess: the same as OLS with an own effect for every treated family."""
    plan = made.small_plan()
    study = study_with(np.random.default_rng(4), plan, since_training(plan), no_place=0.3)
    data = model_data(study, plan, plan.outcomes[0])
    w = np.column_stack([dummies(data.municipality), data.calendar, data.covariates])
    each = np.eye(len(data.y))[:, data.mtb == 1]
    fit = sm.OLS(data.y, np.column_stack([each, w])).fit()
    n = each.shape[1]
    row = staggered_imputation(study, plan).set_index("model").loc[AS_PRIMARY]
    assert row["estimate"] == pytest.approx(fit.params[:n].mean(), rel=1e-8)
    assert row["n_imputed"] == n
    assert row["df_untreated"] == (data.mtb == 0).sum() - w.shape[1]


def test_the_jackknife_by_brute_force():
    plan = made.small_plan()
    study = study_with(np.random.default_rng(6), plan, since_training(plan))
    data = model_data(study, plan, plan.outcomes[0])
    w = np.column_stack([dummies(data.municipality), data.rows[:, None] / 100])
    whole = impute(data.y, data.mtb, w).estimate
    without = []
    for code in np.unique(data.municipality):
        kept = data.municipality != code
        columns = w[kept][:, w[kept].any(axis=0)]
        control = data.mtb[kept] == 0
        fit = sm.OLS(data.y[kept][control], columns[control]).fit()
        without.append((data.y[kept] - fit.predict(columns))[~control].mean())
    expected = np.sqrt(9 / 10 * np.sum((np.array(without) - whole) ** 2))
    assert jackknife_se(data.y, data.mtb, w, data.municipality) == pytest.approx(expected, rel=1e-8)


def test_families_that_cannot_be_predicted_are_counted_and_left_out():
    plan = made.small_plan()
    study = study_with(np.random.default_rng(7), plan, lambda f, _: 1.0 + 0 * f["x"])
    f = study.families
    lonely = (f["municipality"] == "K03") & (f["mtb"] == 0)
    row = (
        staggered_imputation(replace(study, families=f[~lonely].reset_index(drop=True)), plan)
        .set_index("model")
        .loc[SPARSE]
    )
    lost = ((f["municipality"] == "K03") & (f["mtb"] == 1)).sum()
    assert row["n_unpredicted"] == lost > 0
    assert row["n_municipalities_unpredicted"] == 1
    assert row["n_imputed"] == f["mtb"].sum() - lost
    assert "cannot be predicted" in row["warning"]
    without_controls = replace(study, families=f[f["mtb"] == 1].reset_index(drop=True))
    assert staggered_imputation(without_controls, plan)["error"].str.contains("one arm").all()


def test_with_growing_effects_imputation_finds_their_average_and_its_interval_covers():
    """Effects grow by .5 a year after training; the average over MTB families is the truth of each draw."""
    plan, repeats = made.small_plan(), 1000 if LONG else 60
    rng, growing = np.random.default_rng(12), since_training(plan)
    gap, primary, covered = [], [], 0
    for _ in range(repeats):
        study = study_with(rng, plan, lambda f, years: 0.5 * growing(f, years), no_place=0.25)
        data = model_data(study, plan, plan.outcomes[0])
        f = study.families
        truth = (0.5 * growing(f, None))[f["mtb"] == 1].mean()
        w = np.column_stack([dummies(data.municipality), f["calendar_years"], f["x"]])
        estimate, se = impute(data.y, data.mtb, w).estimate, jackknife_se(data.y, data.mtb, w, data.municipality)
        gap.append(estimate - truth)
        primary.append(effect_weights(data.y, data.mtb, w, data.municipality).estimate - truth)
        covered += abs(estimate - truth) <= stats.t.ppf(0.975, 9) * se
    error = np.std(gap) / np.sqrt(repeats)
    assert abs(np.mean(gap)) < 4 * error
    assert np.mean(primary) < -4 * np.std(primary) / np.sqrt(repeats)
    assert covered / repeats > 0.95 - 3 * np.sqrt(0.95 * 0.05 / repeats)
