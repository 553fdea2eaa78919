"""Rubin's rules and Barnard-Rubin df against mice; shifted imputations against refits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mtb_eval.inference.chunks import stack
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.influence import influence
from mtb_eval.inference.ols import classical_se, contrast_estimate, ols
from mtb_eval.inference.pooling import barnard_rubin_df, pool, pool_at, pooled_estimate, shifted_pool
from mtb_eval.inference.sandwich import cluster_robust, satterthwaite_df

REFERENCE = Path(__file__).parents[1] / "reference"
MICE = json.loads((REFERENCE / "mi_pool.json").read_text())
MADE = json.loads((REFERENCE / "made_mi_pool.json").read_text())


def test_completed_data_sets_from_file_to_pooled_row_are_those_of_mice():
    """Least squares on the five data sets as one stacked batch, then pooling: every number that mice prints."""
    sets = [np.genfromtxt(REFERENCE / f"mi_synth_{i}.csv", delimiter=",", names=True) for i in range(1, 6)]
    crosses = [
        cross_products(
            np.column_stack([np.ones(len(d)), d["treat"], d["x1_baseline"], d["x2_age"]]), d["y3"], d["cluster"]
        )
        for d in sets
    ]
    fit, expected = ols(stack(crosses)), MICE["synth"]
    contrasts = np.eye(4)[:, None, :]
    found = pool(contrast_estimate(fit, contrasts).T, (classical_se(fit, contrasts) ** 2).T, expected["dfcom"])
    row = pooled_estimate(found, method="pooled")
    for ours, theirs in (
        *((row.estimate, "estimate"), (row.se, "se"), (row.df, "df"), (row.p, "p"), (row.ci_low, "lo")),
        *((row.ci_high, "hi"), (found.within, "ubar"), (found.between, "b"), (found.total, "tvar")),
        *((found.lost, "lambda"), (found.fmi, "fmi")),
    ):
        np.testing.assert_allclose(ours, expected[theirs], rtol=1e-9, err_msg=theirs)


@pytest.mark.parametrize("case", MADE["pooled"])
def test_pool_scalar(case):
    complete = np.inf if case["complete_df"] == "inf" else case["complete_df"]
    found = pool(MADE["estimate"], MADE["variance"], complete)
    for ours, theirs in (("estimate", "estimate"), ("within", "within"), ("between", "between"), ("total", "total")):
        assert getattr(found, ours) == pytest.approx(case[theirs], rel=1e-12)
    assert found.df == pytest.approx(case["df"], rel=1e-10)
    assert found.fmi == pytest.approx(case["fmi"], rel=1e-10)


def test_the_few_cluster_df_of_the_methods_paper_trail():
    """q .30 .35 .25 .40 .28 with a complete-data df of 6.7109 (CR2) leave 4.9013."""
    df = [pool(MADE["estimate"], MADE["variance"], nu).df for nu in (np.inf, 6.7109, 165)]
    np.testing.assert_allclose(df, [730.2753, 4.9013, 125.106], rtol=1e-5)


def test_further_scalars_of_mice():
    given, nine = MICE["pool_scalar"], MICE["pool_scalar_dfcom9"]
    found = pool(given["q"], given["u"], given["n"] - given["k"])
    assert (found.df, found.fmi) == pytest.approx((given["df"], given["fmi"]), rel=1e-12)
    few = pool(given["q"], given["u"], nine["n"] - nine["k"])
    assert (few.df, few.fmi) == pytest.approx((nine["df"], nine["fmi"]), rel=1e-12)


def test_without_missing_values_only_the_complete_data_limit_the_df():
    assert barnard_rubin_df(0.0, 50) == np.inf
    assert barnard_rubin_df(0.0, 50, 7.0) == pytest.approx(8 / 10 * 7)


def test_more_loss_means_fewer_df():
    df = barnard_rubin_df(np.linspace(0.01, 0.99, 50), 50, 7.0)
    assert (np.diff(df) < 0).all()


def test_pool_refuses_one_imputation_and_unlike_shapes():
    with pytest.raises(ValueError, match="at least"):
        pool([1.0], [1.0])
    with pytest.raises(ValueError, match="give the same"):
        pool([1.0, 2.0], [1.0, 2.0, 3.0])


def test_shifting_imputed_values_in_closed_form_is_refitting_shifted_data():
    """Estimate, both variances and df at any pair of shifts equal those of CR2 refits of the shifted data sets."""
    rng = np.random.default_rng(5)
    n, m = 90, 6
    town, treat = rng.integers(6, size=n), rng.integers(2, size=n).astype(float)
    x = np.column_stack([treat, np.eye(6)[town], rng.normal(size=n)])
    missing = rng.random(n) < 0.4
    y = np.where(missing, rng.normal(size=(m, n)), rng.normal(size=n))
    directions = np.stack([missing * (treat == 1), missing * (treat == 0)]).astype(float)
    contrast = np.eye(x.shape[1])[0]
    batch = np.concatenate([y[:, None], np.broadcast_to(directions, (m, 2, n))], axis=1)
    fit = ols(cross_products(x, batch, town))
    df = float(satterthwaite_df(fit, contrast, "CR2"))
    closed = shifted_pool(contrast_estimate(fit, contrast), influence(fit, contrast, "CR2").scores, df)
    for shift in ([0.0, 0.0], [0.7, -0.3], [-1.2, 1.1]):
        refit = cluster_robust(ols(cross_products(x, y + shift @ directions, town)), contrast)
        expected, found = pool(refit.estimate, refit.se**2, df), pool_at(closed, shift)
        for name in ("estimate", "within", "between", "total", "df"):
            assert getattr(found, name) == pytest.approx(float(getattr(expected, name)), rel=1e-9), name
