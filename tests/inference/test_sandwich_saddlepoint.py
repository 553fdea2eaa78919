"""The saddlepoint p: its formula solved another way, exact cases, clubSandwich, and the neighbourhood of t = 1."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.ols import each_column, ols
from mtb_eval.inference.saddlepoint import saddlepoint_critical, saddlepoint_p
from mtb_eval.inference.sandwich import cluster_robust

REFERENCE = Path(__file__).parents[1] / "reference"
WEIGHTS = np.array([4.0, 2.5, 2.0, 1.0, 0.6, 0.3, 0.1, 0.0])


def by_root_finding(t: float, eigenvalues: np.ndarray) -> float:
    """Solve the saddlepoint equation for s itself, as McCaffrey & Bell (2006) write it."""
    c = np.concatenate([[1.0], -(t**2) * eigenvalues / eigenvalues.sum()])
    low = 0.5 / c.min() * (1 - 1e-12)
    s = optimize.brentq(lambda v: np.sum(c / (1 - 2 * c * v)), low, 0.5 * (1 - 1e-12), xtol=1e-16, rtol=1e-15)
    r = np.sign(s) * np.sqrt(np.sum(np.log(1 - 2 * c * s)))
    q = s * np.sqrt(2 * np.sum((c / (1 - 2 * c * s)) ** 2))
    return stats.norm.sf(r) + stats.norm.pdf(r) * (1 / q - 1 / r)


@pytest.mark.parametrize("t", [0.1, 0.5, 0.9, 1.1, 1.7, 2.3, 5.0, 40.0])
def test_p_solves_the_equation_of_the_paper(t):
    np.testing.assert_allclose(saddlepoint_p(t, WEIGHTS), by_root_finding(t, WEIGHTS), rtol=1e-7)
    np.testing.assert_allclose(saddlepoint_p(-t, WEIGHTS * 7), saddlepoint_p(t, WEIGHTS), rtol=1e-12)


@pytest.mark.parametrize("df", [2, 4, 9, 30])
def test_equal_eigenvalues_give_nearly_students_t(df):
    t = np.array([0.3, 1.0, 2.0, 3.0, 6.0])
    exact = 2 * stats.t.sf(t, df)
    # One of the chi-squared variables has 1 df only, so the approximation errs by some percent, the more the larger t.
    np.testing.assert_allclose(saddlepoint_p(t, np.ones(df)), exact, rtol=0.1, atol=1e-3)


def test_p_is_within_a_tenth_of_the_simulated_distribution():
    rng = np.random.default_rng(41)
    draws = 400_000
    square = rng.normal(size=draws) ** 2 / ((rng.normal(size=(draws, 8)) ** 2) @ (WEIGHTS / WEIGHTS.sum()))
    for t in (0.6, 1.5, 2.5, 4.0):
        share = np.mean(square > t**2)
        assert abs(saddlepoint_p(t, WEIGHTS) - share) < 4 * np.sqrt(share / draws) + 0.1 * share


def test_p_is_smooth_and_falls_through_the_neighbourhood_of_one():
    t = np.linspace(0.98, 1.02, 801)
    p = saddlepoint_p(t, WEIGHTS)
    steps = np.diff(p)
    assert (steps < 0).all()
    assert np.ptp(steps) < 0.1 * abs(steps.mean())
    assert saddlepoint_p(0.0, WEIGHTS) == 1.0
    assert saddlepoint_p(1e-9, WEIGHTS) > 0.999


def test_nan_gives_nan_in_its_place_only():
    p = saddlepoint_p([1.5, np.nan], WEIGHTS)
    np.testing.assert_array_equal(np.isnan(p), [False, True])
    assert np.isnan(saddlepoint_p(1.5, WEIGHTS * np.nan))
    assert np.isnan(saddlepoint_p(1.5, WEIGHTS * 0))


@pytest.mark.parametrize("level", [0.8, 0.95, 0.999])
def test_critical_value_has_the_p_of_its_level(level):
    np.testing.assert_allclose(saddlepoint_p(saddlepoint_critical(level, WEIGHTS), WEIGHTS), 1 - level, rtol=1e-8)
    with pytest.raises(ValueError, match="level"):
        saddlepoint_critical(0.5, WEIGHTS)


@pytest.mark.parametrize("kind", ["CR1", "CR2", "CR3"])
def test_p_of_clubsandwich_within_the_tolerance_of_its_root_finder(kind):
    d = pd.read_csv(REFERENCE / "mtbtoy.csv")
    fit = ols(cross_products(np.column_stack([np.ones(len(d)), d.treat, d.y0, d.x, d.cal - 2020]), d.y, d.muni))
    row = cluster_robust(fit, each_column(fit), kind=kind, reference="saddlepoint")
    made = json.loads((REFERENCE / "ols_reference.json").read_text())["saddlepoint"][kind]
    # Its root is found to about 1e-4, which leaves 2e-4 in the smallest p.
    np.testing.assert_allclose(row.p, made, rtol=5e-4)
    assert row.method == f"{kind}, saddlepoint"
    assert np.isnan(row.df).all()


def test_check_numbers_of_the_toy_study():
    d = pd.read_csv(REFERENCE / "mtbtoy.csv")
    x = np.column_stack([d.treat, d.y0, d.x, d.cal])
    pooled = ols(cross_products(np.column_stack([x, np.ones(len(d))]), d.y, d.muni))
    row = cluster_robust(pooled, np.eye(5)[0], reference="saddlepoint")
    np.testing.assert_allclose(row.p, 0.4822695, rtol=2e-5)
    assert row.ci_low < 0 < row.ci_high
    fixed = ols(cross_products(np.column_stack([x, pd.get_dummies(d.muni)]), d.y, d.muni))
    row = cluster_robust(fixed, np.eye(14)[0], reference="saddlepoint")
    np.testing.assert_allclose(row.p, 0.1737, atol=5e-5)


def test_interval_and_p_agree_on_what_is_excluded():
    d = pd.read_csv(REFERENCE / "synth_study.csv")
    y = d[[f"y{k}" for k in range(1, 31)]].to_numpy().T
    fit = ols(cross_products(np.column_stack([np.ones(256), d.treat, d.x1_baseline]), y, d.cluster))
    row = cluster_robust(fit, [0, 0, 1], reference="saddlepoint", level=0.9)
    np.testing.assert_array_equal((row.ci_low > 0) | (row.ci_high < 0), row.p < 0.1)
    assert len(np.unique(row.p < 0.1)) == 2
    large = ols(
        cross_products(np.column_stack([np.ones(4002), np.arange(4002)]), np.arange(4002) % 7, np.arange(4002) // 2)
    )
    with pytest.raises(ValueError, match="at most 2000"):
        cluster_robust(large, [0, 1], reference="saddlepoint")
