"""Firth's penalised logistic regression: R's numbers (logistf, brglm2), closed forms, separation."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng
from scipy import stats

from mtb_eval.inference.firth import firth, penalised_log_likelihood

REFERENCE = Path(__file__).parents[1] / "reference"
LOGISTF = json.loads((REFERENCE / "firth_fisher.json").read_text())


def table(name: str) -> dict[str, np.ndarray]:
    with (REFERENCE / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {k: np.array([r[k] for r in rows]) for k in rows[0]}


def two_by_two(cells: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    (a, b), (c, d) = cells
    x = np.column_stack([np.ones(a + b + c + d), np.repeat([0.0, 1.0], [a + b, c + d])])
    return x, np.repeat([1.0, 0.0, 1.0, 0.0], [a, b, c, d])


def check_logistf(x: np.ndarray, y: np.ndarray, reference: dict[str, Any]) -> None:
    e = firth(x, y, information="augmented")
    names = {"estimate": "coef", "se": "se", "ci_low": "ci_pl_lo", "ci_high": "ci_pl_hi"}
    for field, name in names.items():
        np.testing.assert_allclose(getattr(e, field), list(reference[name].values()), rtol=1e-9)
    # logistf prints a p of 1 - chi-square, so its smallest are 0 or off by rounding
    np.testing.assert_allclose(e.p, list(reference["p_pl"].values()), rtol=1e-8, atol=1e-14)
    np.testing.assert_allclose(penalised_log_likelihood(x, y), reference["loglik"]["full"], rtol=1e-12)


def test_logistf_on_the_synthetic_study() -> None:
    d = table("synth_study")
    x = np.column_stack([np.ones(256), *(d[c].astype(float) for c in ("treat", "x7_stress", "x6_single"))])
    check_logistf(x, d["placed"].astype(float), LOGISTF["synth_placed"]["logistf"])


@pytest.mark.parametrize("name", list(LOGISTF["tables"]))
def test_logistf_and_the_closed_form_on_a_table(name: str) -> None:
    """With one binary column the estimate is the log odds ratio after half an event in every cell."""
    reference = LOGISTF["tables"][name]
    x, y = two_by_two(reference["table"])
    check_logistf(x, y, reference["firth"])
    (a, b), (c, d) = np.array(reference["table"]) + 0.5
    np.testing.assert_allclose(firth(x, y).estimate[1], np.log(c / d) - np.log(a / b), rtol=1e-12)
    np.testing.assert_allclose(firth(x, y).estimate[1], reference["closed_form_firth_logOR"], rtol=1e-12)


def test_logistfs_null_keeps_the_penalty_of_all_columns() -> None:
    reference = LOGISTF["tables"]["A"]["firth"]
    x, y = two_by_two(LOGISTF["tables"]["A"]["table"])
    ratio = 2 * (reference["loglik"]["full"] - reference["loglik"]["null"])
    np.testing.assert_allclose(firth(x, y).p[1], stats.chi2.sf(ratio, 1), rtol=1e-9)


def test_brglm2_check_numbers() -> None:
    """Printed at brglm2's default convergence; test_r_reference.py compares with it run on."""
    d = table("mtbtoy")
    x = np.column_stack([np.ones(170), d["treat"].astype(float), d["x"].astype(float)])
    e = firth(x, d["placed"].astype(float))
    np.testing.assert_allclose(e.estimate, [-2.86219287, -0.61302076, -0.27210510], rtol=1e-6)
    np.testing.assert_allclose(e.se, [0.6681901, 0.8405326, 0.4189056], rtol=1e-6)


def rows(seed: int = 1, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    return x, (rng.random(n) < 1 / (1 + np.exp(1.5 - x[:, 1]))).astype(float)


def test_units_shift_the_estimates_and_nothing_else() -> None:
    x, y = rows()
    a, b = firth(x, y), firth(x * [1, 1e3, 1e-3], y)
    for field in ("estimate", "se", "ci_low", "ci_high"):
        np.testing.assert_allclose(getattr(b, field) * [1, 1e3, 1e-3], getattr(a, field), rtol=1e-8)
    np.testing.assert_allclose(b.p, a.p, rtol=1e-8)


def test_events_and_non_events_mirror() -> None:
    x, y = rows()
    a, b = firth(x, y), firth(x, 1 - y)
    np.testing.assert_allclose(b.estimate, -a.estimate, rtol=1e-8)
    np.testing.assert_allclose(b.ci_low, -a.ci_high, rtol=1e-8)
    np.testing.assert_allclose(b.p, a.p, rtol=1e-8)


def test_the_estimate_is_the_maximum_and_solves_the_modified_score() -> None:
    x, y = rows(2)
    beta = firth(x, y).estimate
    pi = 1 / (1 + np.exp(-(x @ beta)))
    root = np.sqrt(pi * (1 - pi))
    weighted = x * root[:, None]
    h = np.einsum("ij,jk,ik->i", weighted, np.linalg.inv(weighted.T @ weighted), weighted)
    np.testing.assert_allclose(x.T @ (y - pi + h * (0.5 - pi)), 0, atol=1e-9)

    def value(b: np.ndarray) -> float:
        p = 1 / (1 + np.exp(-(x @ b)))
        log_det = np.linalg.slogdet(x.T @ ((p * (1 - p))[:, None] * x))[1]
        return float((y * np.log(p) + (1 - y) * np.log(1 - p)).sum() + log_det / 2)

    np.testing.assert_allclose(penalised_log_likelihood(x, y), value(beta), rtol=1e-12)
    for move in default_rng(3).normal(size=(20, 3)):
        assert value(beta + 0.05 * move) < value(beta)


def test_the_interval_and_p_agree_about_zero() -> None:
    for seed in range(6):
        x, y = rows(seed)
        e = firth(x, y)
        assert np.array_equal((e.ci_low > 0) | (e.ci_high < 0), e.p < 0.05)
        wide = firth(x, y, level=0.99)
        assert ((wide.ci_low < e.ci_low) & (wide.ci_high > e.ci_high)).all()


def test_separation_and_constant_outcomes_stay_finite() -> None:
    x = np.column_stack([np.ones(40), np.linspace(-1, 1, 40)])
    for y in ((x[:, 1] > 0).astype(float), np.zeros(40), np.ones(40)):
        e = firth(x, y)
        assert np.isfinite([e.estimate, e.se, e.ci_low, e.ci_high, e.p]).all()
    assert firth(x, (x[:, 1] > 0).astype(float)).p[1] < 1e-6


def test_hard_shapes_converge() -> None:
    """Few rows, several columns: profiles run far out, where the penalised likelihood is not concave."""
    rng = default_rng(0)
    for _ in range(10):
        n, p = int(rng.integers(12, 40)), int(rng.integers(2, 6))
        x = np.column_stack([np.ones(n), rng.normal(size=(n, p - 1))])
        e = firth(x, (rng.random(n) < rng.choice([0.0, 0.1, 0.5])).astype(float))
        assert (e.ci_low < e.estimate).all()
        assert (e.estimate < e.ci_high).all()


def test_refusals() -> None:
    x, y = rows()
    with pytest.raises(ValueError, match="y has 60 values that are not 0 or 1"):
        firth(x, y + 2)
    with pytest.raises(ValueError, match="collinear"):
        firth(x[:, [0, 1, 1]], y)
    with pytest.raises(ValueError, match="x has 1 rows with missing"):
        firth(np.where(np.arange(60)[:, None] == 3, np.nan, x), y)
