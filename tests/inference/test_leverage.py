"""Leverage, effective clusters and leave-one-out estimates: check numbers and definitions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mtb_eval.inference.absorb import absorbed_cross
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.leverage import (
    effective_clusters,
    effective_clusters_by_size,
    leave_one_out,
    leverage,
    partial_leverage,
    partial_leverage_cov,
)
from mtb_eval.inference.ols import contrast_estimate, ols
from mtb_eval.inference.sandwich import standard_error

REFERENCE = Path(__file__).parents[1] / "reference"
TREAT = np.eye(5)[1]


@pytest.fixture(name="toy", scope="module")
def _toy() -> pd.DataFrame:
    d = pd.read_csv(REFERENCE / "mtbtoy.csv")
    return d.assign(one=1.0, cal=d.cal - 2020)


def design(toy: pd.DataFrame) -> np.ndarray:
    return toy[["one", "treat", "y0", "x", "cal"]].to_numpy()


def test_check_numbers_of_the_toy_study(toy):
    fit = ols(cross_products(design(toy), toy.y, toy.muni))
    np.testing.assert_allclose(
        leverage(fit), [0.9429, 0.6966, 0.6225, 0.7642, 0.5626, 0.3046, 0.3542, 0.2510, 0.3011, 0.2001], atol=5.1e-5
    )
    np.testing.assert_allclose(
        partial_leverage(fit, TREAT),
        [0.2058, 0.0873, 0.1016, 0.1126, 0.1522, 0.0461, 0.0686, 0.0699, 0.1166, 0.0395],
        atol=5.1e-5,
    )
    np.testing.assert_allclose(partial_leverage_cov(fit, TREAT), 0.50524, atol=5.1e-6)
    np.testing.assert_allclose(
        leave_one_out(fit, TREAT),
        [-0.0280, 0.2501, 0.2489, 0.1699, 0.1454, 0.2318, 0.1496, 0.1303, 0.3052, 0.2114],
        atol=5.1e-5,
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_definitions_written_out(toy, weighted):
    x, y = design(toy), toy.y.to_numpy()
    w = (0.5 + toy.id % 3).to_numpy() if weighted else np.ones(len(toy))
    fit = ols(cross_products(x, y, toy.muni, weights=w if weighted else None))
    hat = x @ np.linalg.inv(x.T @ (w[:, None] * x)) @ (x.T * w)
    others = np.delete(x, 1, axis=1)
    root = np.sqrt(w)
    rest = root * x[:, 1] - (root[:, None] * others) @ np.linalg.lstsq(root[:, None] * others, root * x[:, 1])[0]
    for g, muni in enumerate(sorted(toy.muni.unique())):
        i = (toy.muni == muni).to_numpy()
        np.testing.assert_allclose(leverage(fit)[g], np.trace(hat[np.ix_(i, i)]), rtol=1e-10)
        np.testing.assert_allclose(partial_leverage(fit, TREAT)[g], np.sum(rest[i] ** 2) / np.sum(rest**2), rtol=1e-10)
        without = np.linalg.lstsq((root[:, None] * x)[~i], (root * y)[~i])[0]
        np.testing.assert_allclose(leave_one_out(fit, TREAT)[g], without[1], rtol=1e-9)
    np.testing.assert_allclose(leverage(fit).sum(), 5)
    np.testing.assert_allclose(partial_leverage(fit, TREAT).sum(), 1)


@pytest.mark.parametrize("rho", [0.0, 0.3, 1.0])
def test_effective_clusters_by_definition(toy, rho):
    x = design(toy)
    fit = ols(cross_products(x, toy.y, toy.muni))
    a = np.linalg.inv(x.T @ x)[:, 1]
    gamma = []
    for muni in sorted(toy.muni.unique()):
        rows = x[toy.muni == muni]
        within = (1 - rho) * np.eye(len(rows)) + rho
        gamma.append(a @ rows.T @ within @ rows @ a)
    cov = np.std(gamma) / np.mean(gamma)
    np.testing.assert_allclose(effective_clusters(fit, TREAT, rho=rho), 10 / (1 + cov**2), rtol=1e-10)


def test_effective_clusters_of_equal_clusters_is_their_number():
    x = np.column_stack([np.ones(60), np.tile([0, 1, 1], 20)])
    fit = ols(cross_products(x, np.arange(60) % 7, np.repeat(np.arange(20), 3)))
    for rho in (0.0, 0.5):
        np.testing.assert_allclose(effective_clusters(fit, [0, 1], rho=rho), 20, rtol=1e-10)
    np.testing.assert_allclose(effective_clusters_by_size(fit), 20)
    np.testing.assert_allclose(partial_leverage_cov(fit, [0, 1]), 0, atol=1e-7)
    unequal = ols(cross_products(x, np.arange(60) % 7, np.arange(60) // 50))
    np.testing.assert_allclose(effective_clusters_by_size(unequal), 3600 / 2600)


def test_effective_clusters_after_demeaning(toy):
    dummies = np.column_stack([design(toy)[:, 1:], pd.get_dummies(toy.muni)])
    a = ols(cross_products(dummies, toy.y, toy.muni))
    b = ols(absorbed_cross(design(toy)[:, 1:], toy.y, toy.muni, toy.muni))
    found = effective_clusters(a, np.eye(14)[0], rho=0.0)
    np.testing.assert_allclose(found, effective_clusters(b, np.eye(4)[0], rho=0.0), rtol=1e-9)
    # With errors that agree within the cluster nothing is left after demeaning, and the number is not defined.
    assert np.isnan(effective_clusters(a, np.eye(14)[0]))
    assert np.isnan(effective_clusters(b, np.eye(4)[0]))
    found = partial_leverage(a, np.eye(14)[0])
    np.testing.assert_allclose(found, partial_leverage(b, np.eye(4)[0]), rtol=1e-9)
    np.testing.assert_allclose(leave_one_out(a, np.eye(14)[0]), leave_one_out(b, np.eye(4)[0]), rtol=1e-8)


def test_leave_one_out_gives_the_jackknife_and_marks_what_cannot_be_left_out(toy):
    y = np.stack([toy.y, toy.y0])
    fit = ols(cross_products(design(toy), y, toy.muni))
    out, full = leave_one_out(fit, TREAT), contrast_estimate(fit, TREAT)
    assert out.shape == (2, 10)
    jackknife = np.sqrt(0.9 * np.sum((out - full[:, None]) ** 2, axis=1))
    np.testing.assert_allclose(jackknife, standard_error(fit, TREAT, "CV3"), rtol=1e-10)
    x = design(toy)
    x[:, 1] *= toy.muni == "M04"
    alone = leave_one_out(ols(cross_products(x, toy.y, toy.muni)), TREAT)
    np.testing.assert_array_equal(np.isnan(alone), np.arange(10) == 3)
    y[1, toy.muni == "M02"] = np.nan
    gone = leave_one_out(ols(cross_products(design(toy), y, toy.muni)), TREAT)
    np.testing.assert_array_equal(np.isnan(gone), [[False] * 10, [g == 1 for g in range(10)]])


def test_bad_requests_are_refused(toy):
    fit = ols(cross_products(design(toy), toy.y, toy.muni, weights=toy.one))
    with pytest.raises(ValueError, match="rho"):
        effective_clusters(fit, TREAT, rho=1.5)
    with pytest.raises(ValueError, match="weighted"):
        effective_clusters(fit, TREAT)
    crossed = ols(absorbed_cross(design(toy)[:, 1:], toy.y, toy.muni, toy.id % 4))
    with pytest.raises(ValueError, match="crosses the clusters"):
        leave_one_out(crossed, np.eye(4)[0])
