"""Chained imputation: what it must leave alone, closed forms, mice, and errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mtb_eval.inference import tied_regression
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.imputation import ImputationModel, Regression, impute, potential_scale_reduction
from mtb_eval.inference.ols import classical_se, contrast_estimate, ols
from mtb_eval.inference.pooling import pool

REFERENCE = Path(__file__).parents[1] / "reference"
MICE = json.loads((REFERENCE / "made_mi_norm.json").read_text())
FLAT = 1e6


def free_model(arm: np.ndarray, q: int, *, p: int = 1, matched: bool = False, donors: int = 5) -> ImputationModel:
    """Every variable on all others and a constant, arms apart, no prior to speak of."""
    others = [np.delete(np.eye(q), v, axis=1) for v in range(q)]
    sd = np.concatenate([np.full(p, np.inf), np.full(q - 1, FLAT)])
    regressions = tuple(Regression(others=o, slope_sd=sd, tie_sd=sd, matched=matched) for o in others)
    return ImputationModel(fixed=np.ones((len(arm), p)), arm=arm, regressions=regressions, donors=donors)


@pytest.fixture
def small():
    rng = np.random.default_rng(3)
    n = 120
    arm = (np.arange(n) < 40).astype(np.intp)
    values = rng.normal(size=(n, 3)) @ np.array([[1.0, 0.5, 0.4], [0, 0.9, 0.3], [0, 0, 0.8]]) * 3 + 10
    values[rng.random((n, 3)) < 0.25] = np.nan
    return values, arm


def test_observed_values_stay_and_no_value_is_missing(small):
    values, arm = small
    made = impute(values, free_model(arm, 3), np.random.default_rng(1), m=4, iterations=3)
    seen = ~np.isnan(values)
    assert (made.values[:, seen] == values[seen]).all()
    assert np.isfinite(made.values).all()
    rows = np.broadcast_to(np.arange(len(arm))[:, None], values.shape)
    assert (made.donor[:, seen] == rows[seen]).all()
    assert (made.donor[:, ~seen] == -1).all()


def test_the_same_generator_gives_the_same_data_sets_and_another_gives_others(small):
    values, arm = small
    first, again, other = (
        impute(values, free_model(arm, 3), np.random.default_rng(s), m=3, iterations=2).values for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_matched_values_are_of_a_donor_of_the_same_arm(small):
    values, arm = small
    made = impute(values, free_model(arm, 3, matched=True), np.random.default_rng(1), m=4, iterations=3)
    for v in range(3):
        donor = made.donor[..., v]
        assert not np.isnan(values[donor, v]).any()
        assert (arm[donor] == arm).all()
        np.testing.assert_allclose(made.values[..., v], values[donor, v], rtol=1e-12)


def test_donors_are_near():
    """With y all but equal to x and a single donor, it has about the same x; donors drawn of many lie farther."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=300)
    y = x + 0.01 * rng.normal(size=300)
    y[:50] = np.nan
    far = {}
    for donors in (1, 40):
        model = free_model(np.zeros(300, dtype=np.intp), 2, matched=True, donors=donors)
        made = impute(np.column_stack([x, y]), model, rng, m=20, iterations=5)
        far[donors] = np.abs(x[made.donor[:, :50, 1]] - x[:50]).mean()
    assert far[1] < 0.08
    assert far[40] > 2 * far[1]


def test_data_sets_may_differ_where_values_are_observed(small):
    values, arm = small
    sets = np.stack([values, values + 1.0])
    made = impute(sets, free_model(arm, 3), np.random.default_rng(1), m=2, iterations=2)
    seen = ~np.isnan(values)
    np.testing.assert_array_equal(made.values[:, seen], sets[:, seen])


def test_many_imputations_of_one_variable_are_the_regression(monkeypatch):
    """Flat prior: the mean over data sets of an imputed value is the least-squares prediction of its own arm, and its
    variance that of a new observation under a t posterior, both within Monte-Carlo error.
    """
    monkeypatch.setattr(tied_regression, "RESIDUAL_DF", 0.0)
    rng = np.random.default_rng(8)
    n, m = 60, 3000
    arm = np.repeat([0, 1], [25, 35]).astype(np.intp)
    x = rng.normal(size=n)
    y = 1 + np.where(arm == 1, 2.0, -0.5) * x + rng.normal(size=n) * np.where(arm == 1, 0.5, 1.5)
    y[[0, 1, 30, 31]] = np.nan
    made = impute(np.column_stack([x, y]), free_model(arm, 2), rng, m=m, iterations=30).values[..., 1]
    for row in (0, 1, 30, 31):
        here = (arm == arm[row]) & np.isfinite(y)
        design = np.column_stack([np.ones(here.sum()), x[here]])
        slopes, squares = np.linalg.lstsq(design, y[here])[:2]
        freedom = here.sum() - 2
        new = np.array([1.0, x[row]])
        spread = squares[0] / (freedom - 2) * (1 + new @ np.linalg.inv(design.T @ design) @ new)
        assert made[:, row].mean() == pytest.approx(new @ slopes, abs=4 * np.sqrt(spread / m))
        assert made[:, row].var() == pytest.approx(spread, rel=5 * np.sqrt(2.5 / m))


def test_ties_borrow_slopes_but_not_levels():
    """With slopes tied tightly, an arm of five rows gets the other arm's slope and keeps its own level."""
    rng = np.random.default_rng(9)
    arm = np.repeat([0, 1], [400, 9]).astype(np.intp)
    x = rng.normal(size=409)
    y = 2 * x + np.where(arm == 1, 10.0, 0.0) + rng.normal(size=409) * 0.3
    y[-4:] = np.nan
    sd = np.array([np.inf, 10.0])
    regressions = tuple(
        Regression(others=np.delete(np.eye(2), v, axis=1), slope_sd=sd, tie_sd=np.array([np.inf, 0.001]))
        for v in (0, 1)
    )
    model = ImputationModel(fixed=np.ones((409, 1)), arm=arm, regressions=regressions)
    made = impute(np.column_stack([x, y]), model, rng, m=400, iterations=60).values[:, -4:, 1]
    np.testing.assert_allclose(made.mean(axis=0), 10 + 2 * x[-4:], atol=0.6)


@pytest.mark.parametrize("method", ["norm", "pmm"])
def test_chained_imputation_within_arms_agrees_with_mice(monkeypatch, method):
    """Pooled effect and variances on the same file, within the Monte-Carlo error of both programs."""
    monkeypatch.setattr(tied_regression, "RESIDUAL_DF", 0.0)
    d = np.genfromtxt(REFERENCE / "synth_study_attrition.csv", delimiter=",", names=True)
    values = np.column_stack([d[c] for c in MICE["columns"]])
    arm = d["treat"].astype(np.intp)
    model = free_model(arm, values.shape[1], matched=method == "pmm")
    m = 200
    made = impute(values, model, np.random.default_rng(31), m=m, iterations=15).values
    x1, x7, y = (made[..., MICE["columns"].index(c)] for c in ("x1_baseline", "x7_stress", "y1"))
    fits = [
        ols(cross_products(np.column_stack([np.ones(len(arm)), arm, a, b]), c, np.arange(len(arm))))
        for a, b, c in zip(x1, x7, y, strict=True)
    ]
    contrast = np.eye(4)[1]
    found = pool([contrast_estimate(f, contrast) for f in fits], [classical_se(f, contrast) ** 2 for f in fits])
    theirs = MICE[method]
    error = np.sqrt(found.between / m + theirs["between"] / MICE["m"])
    assert found.estimate == pytest.approx(theirs["estimate"], abs=4 * error)
    assert found.within == pytest.approx(theirs["within"], rel=0.05)
    assert found.between == pytest.approx(theirs["between"], rel=5 * np.sqrt(2 / m + 2 / MICE["m"]))


def test_scale_reduction_is_its_formula_and_tells_stuck_chains():
    rng = np.random.default_rng(5)
    mixed = rng.normal(size=(200, 10))
    late = mixed[50:]
    w, b = late.var(axis=0, ddof=1).mean(), late.mean(axis=0).var(ddof=1)
    assert potential_scale_reduction(mixed) == pytest.approx(np.sqrt((149 / 150 * w + b) / w))
    assert potential_scale_reduction(mixed) < 1.02
    assert potential_scale_reduction(mixed + 3 * np.arange(10)) > 3
    assert np.isnan(potential_scale_reduction(np.ones((20, 4))))


def test_bad_input_is_named(small):
    values, arm = small
    model = free_model(arm, 3)
    rng = np.random.default_rng(1)
    with pytest.raises(ValueError, match="observed in no row of an arm"):
        impute(np.where((arm == 1)[:, None], np.nan, values), model, rng, m=2)
    with pytest.raises(ValueError, match="1 of the variables to impute do not vary"):
        impute(np.column_stack([np.where(np.isnan(values[:, 0]), np.nan, 1.0), values[:, 1:]]), model, rng, m=2)
    with pytest.raises(ValueError, match="different places"):
        impute(np.stack([values, np.nan_to_num(values)]), model, rng, m=2)
    with pytest.raises(ValueError, match="need as many complete rows"):
        impute(values[:-1], model, rng, m=2)
    flat = Regression(others=np.delete(np.eye(3), 0, axis=1), slope_sd=np.full(3, np.inf), tie_sd=np.full(3, np.inf))
    loose = ImputationModel(fixed=model.fixed, arm=arm, regressions=(flat, *model.regressions[1:]))
    with pytest.raises(ValueError, match="2 predictors of variable 0 have no prior"):
        impute(values, loose, rng, m=2)
    with pytest.raises(ValueError, match="collinear"):
        impute(values, free_model(arm, 3, p=2), rng, m=2)
    short = ImputationModel(
        fixed=model.fixed, arm=arm, regressions=(*model.regressions[:2], free_model(arm, 4).regressions[2])
    )
    with pytest.raises(ValueError, match="does not fit"):
        impute(values, short, rng, m=2)
