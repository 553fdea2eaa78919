"""Joint tests: clubSandwich's numbers, one contrast as t, invariance, and the definition written out."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mtb_eval.inference.absorb import absorbed_cross
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.joint import joint_test
from mtb_eval.inference.ols import LeastSquares, coefficients, ols
from mtb_eval.inference.sandwich import cluster_robust

REFERENCE = Path(__file__).parents[1] / "reference"
EYE = np.eye(5)


@pytest.fixture(name="toy", scope="module")
def _toy() -> pd.DataFrame:
    d = pd.read_csv(REFERENCE / "mtbtoy.csv")
    return d.assign(cal=d.cal - 2020, weights=0.25 + (d.id % 7) / 3, one=1.0)


def design(toy: pd.DataFrame) -> np.ndarray:
    return toy[["one", "treat", "y0", "x", "cal"]].to_numpy()


def fit_of(toy: pd.DataFrame, name: str) -> tuple[LeastSquares, np.ndarray]:
    x = design(toy)
    if name == "joint_interaction":
        x = np.column_stack([x, toy.treat * toy.cal])
    weights = toy.weights if name == "joint_weighted" else None
    contrasts = {
        "joint_plain": EYE[1:4],
        "joint_interaction": np.eye(6)[[1, 5]],
        "joint_equal": np.array([[0, 1, -1, 0, 0], [0, 0, 1, -1, 2]]),
        "joint_weighted": EYE[1:3],
    }
    return ols(cross_products(x, toy.y, toy.muni, weights=weights)), contrasts[name]


@pytest.mark.parametrize("name", ["joint_plain", "joint_interaction", "joint_equal", "joint_weighted"])
def test_numbers_of_clubsandwich(toy, name):
    fit, contrasts = fit_of(toy, name)
    names = {"HTZ": "HTZ", "Naive-F": "naive-F", "chi-sq": "chi-squared"}
    for kind, made in json.loads((REFERENCE / "ols_reference.json").read_text())[name].items():
        for i, reference in enumerate(made["test"]):
            test = joint_test(fit, contrasts, kind=kind, reference=names[reference])
            np.testing.assert_allclose(test.statistic, made["Fstat"][i], rtol=1e-10)
            np.testing.assert_allclose(test.df_numerator, made["df_num"][i])
            np.testing.assert_allclose(test.df_denominator, float(made["df_denom"][i]), rtol=1e-10)
            np.testing.assert_allclose(test.p, made["p"][i], rtol=1e-9)


def test_check_numbers_of_treatment_and_its_interaction_with_time(toy):
    fit, contrasts = fit_of(toy, "joint_interaction")
    test = joint_test(fit, contrasts)
    assert round(float(test.statistic), 2) == 0.23
    assert round(float(test.df_denominator), 2) == 5.25
    assert round(float(test.p), 3) == 0.802
    assert test.method == "CR2, HTZ"
    assert test.warning == ""


@pytest.mark.parametrize("kind", ["CR1", "CR2", "CR3", "CV3"])
def test_one_contrast_is_the_square_of_its_t_with_satterthwaite_df(toy, kind):
    for name in ("joint_plain", "joint_weighted"):
        fit, _ = fit_of(toy, name)
        test, row = joint_test(fit, EYE[1], kind=kind), cluster_robust(fit, EYE[1], kind=kind)
        np.testing.assert_allclose(test.statistic, (row.estimate / row.se) ** 2, rtol=1e-10)
        np.testing.assert_allclose(test.df_denominator, row.df, rtol=1e-9)
        np.testing.assert_allclose(test.p, row.p, rtol=1e-8)


def test_any_basis_of_the_contrasts_gives_the_same_test(toy):
    fit, _ = fit_of(toy, "joint_plain")
    turned = np.array([[1.0, 2, 0], [0, 100, 1], [-1, 0, 1]]) @ EYE[1:4]
    a, b = joint_test(fit, EYE[1:4]), joint_test(fit, turned)
    np.testing.assert_allclose(b.statistic, a.statistic, rtol=1e-9)
    np.testing.assert_allclose(b.df_denominator, a.df_denominator, rtol=1e-9)


def test_a_batch_is_its_members_whether_or_not_they_miss_the_same_rows(toy):
    y = np.stack([toy.y, toy.y0**2, toy.x * toy.cal])
    for missing in (0, 40):
        y[1, :missing] = np.nan
        batch = joint_test(ols(cross_products(design(toy), y, toy.muni)), EYE[1:3])
        assert batch.p.shape == (3,)
        for r in range(3):
            alone = joint_test(ols(cross_products(design(toy), y[r], toy.muni)), EYE[1:3])
            np.testing.assert_allclose(batch.statistic[r], alone.statistic, rtol=1e-9)
            np.testing.assert_allclose(batch.p[r], alone.p, rtol=1e-9)


def test_the_estimates_themselves_as_null_give_p_one(toy):
    fit, _ = fit_of(toy, "joint_plain")
    test = joint_test(fit, EYE[1:4], null=coefficients(fit)[1:4])
    np.testing.assert_allclose(test.p, 1.0)
    moved = joint_test(fit, EYE[1:4], null=[0.1, 0.0, 0.0], reference="naive-F")
    assert abs(moved.statistic - joint_test(fit, EYE[1:4], reference="naive-F").statistic) > 1e-3


def test_absorbed_effects_within_clusters_equal_dummies(toy):
    x = design(toy)[:, 1:]
    a = joint_test(ols(absorbed_cross(x, toy.y, toy.muni, toy.muni)), np.eye(4)[:2])
    dummies = np.column_stack([x, pd.get_dummies(toy.muni)])
    b = joint_test(ols(cross_products(dummies, toy.y, toy.muni)), np.eye(14)[:2])
    np.testing.assert_allclose([a.statistic, a.df_denominator], [b.statistic, b.df_denominator], rtol=1e-9)


def test_size_of_htz_with_two_contrasts_in_fourteen_clusters():
    rng = np.random.default_rng(51)
    cluster = np.repeat(np.arange(14), 9)
    x = np.column_stack([np.ones(126), rng.normal(size=(126, 2)) + 0.5 * rng.normal(size=(14, 2))[cluster]])
    y = rng.normal(size=(4000, 126)) + 0.3 * rng.normal(size=(4000, 14))[:, cluster]
    fit = ols(cross_products(x, y, cluster))
    size = np.mean(joint_test(fit, np.eye(3)[1:]).p < 0.05)
    naive = np.mean(joint_test(fit, np.eye(3)[1:], kind="CR1", reference="naive-F").p < 0.05)
    error = 3 * np.sqrt(0.05 * 0.95 / 4000)
    assert size < 0.05 + error
    assert size > 0.02
    assert naive > size + error


def test_chi_squared_is_the_limit_of_f(toy):
    fit, _ = fit_of(toy, "joint_plain")
    test = joint_test(fit, EYE[1:4], reference="chi-squared")
    np.testing.assert_allclose(test.p, stats.f.sf(test.statistic, 3, 1e12), rtol=1e-6)


def test_bad_requests_are_refused_or_flagged(toy):
    fit, _ = fit_of(toy, "joint_plain")
    with pytest.raises(ValueError, match="redundant"):
        joint_test(fit, np.array([EYE[1], EYE[2], EYE[1] + EYE[2]]))
    with pytest.raises(ValueError, match="redundant"):
        joint_test(fit, 0 * EYE[1])
    with pytest.raises(ValueError, match="5 columns"):
        joint_test(fit, np.eye(4))
    with pytest.raises(ValueError, match="CV3J"):
        joint_test(fit, EYE[1:3], kind="CV3J")
    with pytest.raises(ValueError, match="unknown reference"):
        joint_test(fit, EYE[1:3], reference="F")
    few = ols(cross_products(design(toy), toy.y, toy.id % 3))
    test = joint_test(few, EYE[1:5])
    assert np.isnan(test.p)
    assert "too few clusters" in test.warning
