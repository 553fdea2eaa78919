"""Mixed models by statsmodels with a random slope or nested groups: exact designs, lme4's numbers, refusals."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.estimate import Estimate
from mtb_eval.inference.mixed import fit_mixed
from mtb_eval.inference.mixed_slopes import fit_slopes, slopes_t

REFERENCE = Path(__file__).parents[1] / "reference"


def _sleepstudy():
    with (REFERENCE / "sleepstudy.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    days = np.array([float(row["Days"]) for row in rows])
    y = np.array([float(row["Reaction"]) for row in rows])
    return y, np.column_stack([np.ones(len(rows)), days]), np.array([row["Subject"] for row in rows])


def test_a_random_slope_agrees_with_lme4_and_its_exact_t():
    known = json.loads((REFERENCE / "sleepstudy.json").read_text())["rs"]["tight_optimizer"]
    y, x, subject = _sleepstudy()
    order = np.random.default_rng(0).permutation(y.size)
    fit = fit_slopes(y[order], x[order], subject[order], slope=1)
    np.testing.assert_allclose(fit.coef, list(known["fixef"].values()), rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diagonal(fit.cov)), list(known["se"].values()), rtol=1e-5)
    np.testing.assert_allclose(fit.loglik, known["logLik_REML"], rtol=1e-9)
    np.testing.assert_allclose(fit.var_residual, known["vc"]["Residual"], rtol=1e-5)
    test = slopes_t(fit, [0.0, 1.0])
    slopes = [np.polyfit(x[subject == s, 1], y[subject == s], 1)[0] for s in np.unique(subject)]
    exact = stats.ttest_1samp(slopes, 0)
    assert isinstance(test, Estimate)
    assert test.df == 17
    np.testing.assert_allclose(test.estimate / test.se, exact.statistic, rtol=1e-5)
    np.testing.assert_allclose(test.p, exact.pvalue, rtol=1e-4)
    assert "t(G-1)" in test.method
    with pytest.raises(ValueError, match="2 columns"):
        slopes_t(fit, [1.0])


def test_nested_groups_in_a_balanced_design_give_the_exact_t_of_the_cluster_means():
    rng = np.random.default_rng(4)
    family = np.repeat(np.arange(80), 3)
    municipality = family // 8
    y = 2 * rng.standard_normal(10)[municipality] + 2 * rng.standard_normal(80)[family] + rng.standard_normal(240)
    test = slopes_t(fit_slopes(y, np.ones((240, 1)), municipality, nested=family), [1.0])
    exact = stats.ttest_1samp(y.reshape(10, 24).mean(axis=1), 0)
    np.testing.assert_allclose([test.df, test.estimate], [9, y.mean()], rtol=1e-9)
    np.testing.assert_allclose(test.estimate / test.se, exact.statistic, rtol=1e-5)


def test_without_variance_to_find_the_row_is_flagged_and_not_a_number():
    rng = np.random.default_rng(6)
    cluster, treat = np.repeat(np.arange(8), 10), np.tile([0.0, 1.0], 40)
    y = np.tile(rng.standard_normal(10), 8) + 1e-3 * rng.standard_normal(80)
    fit = fit_slopes(y, np.column_stack([np.ones(80), treat]), cluster, slope=1)
    test = slopes_t(fit, [0.0, 1.0])
    assert fit.warning.startswith("not fitted")
    assert test.warning == fit.warning
    assert np.isnan([test.estimate, test.se, test.p, test.ci_low, fit.loglik, fit.var_residual]).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_cluster_trial_without_cluster_variance_never_gives_a_zero_effect(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(5, 40, 12)
    cluster = np.repeat(np.arange(12), sizes)
    x = np.column_stack([np.ones(cluster.size), cluster % 2])
    nested = np.arange(cluster.size) // 2
    fit = fit_slopes(rng.standard_normal(cluster.size) + x[:, 1], x, cluster, nested=nested)
    assert fit.warning or 0.3 < fit.coef[1] < 1.7


def test_the_slope_model_contains_the_random_intercept_model():
    y, x, subject = _sleepstudy()
    slope, intercept = fit_slopes(y, x, subject, slope=1), fit_mixed(cross_products(x, y, subject))
    assert slope.loglik > float(intercept.loglik)
    ml = fit_slopes(y, x, subject, slope=1, reml=False)
    assert ml.loglik > float(fit_mixed(cross_products(x, y, subject), reml=False).loglik)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"y": np.nan}, "1 rows of y or x are missing"),
        ({"cluster": np.zeros(40)}, "1 clusters"),
        ({"slope": 5}, "columns 0 to 1"),
        ({"slope": None}, "Give either"),
        ({"nested": np.arange(40)}, "Give either"),
        ({"slope": None, "nested": np.arange(40)}, "Every nested group has one row"),
        ({"x": np.ones((40, 2))}, "rank 1"),
        ({"x": np.column_stack([np.ones(40), np.repeat([0.0, 1.0], 20)])}, "fewer than two clusters"),
        ({"cluster": np.zeros(3)}, "same n rows"),
    ],
)
def test_bad_input_is_one_clear_error(change, reason):
    rng = np.random.default_rng(0)
    given = {"y": rng.standard_normal(40), "x": np.column_stack([np.ones(40), np.tile([0.0, 1.0], 20)])}
    given |= {"cluster": np.repeat(np.arange(4), 10), "slope": 1} | change
    if np.ndim(given["y"]) == 0:
        given["y"] = np.append(rng.standard_normal(39), np.nan)
    with pytest.raises(ValueError, match=reason):
        fit_slopes(**given)
