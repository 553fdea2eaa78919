"""Least squares: reference coefficients, collinear columns, rows that run out, and hard numbers."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.joint import joint_test
from mtb_eval.inference.leverage import effective_clusters, leave_one_out, partial_leverage
from mtb_eval.inference.ols import (
    CollinearColumnsError,
    TooFewRowsError,
    classical_se,
    coefficients,
    column_contrast,
    contrast_estimate,
    each_column,
    loading,
    ols,
    residual_variance,
    warning_of,
)
from mtb_eval.inference.sandwich import cluster_robust

REFERENCE = Path(__file__).parents[1] / "reference"
N = 90


@pytest.fixture(name="rows")
def _rows():
    rng = np.random.default_rng(11)
    x = np.column_stack([np.ones(N), rng.normal(size=(N, 3))])
    return x, x @ [1, 2, 0, -1] + rng.normal(size=(4, N)), np.arange(N) % 6


@pytest.mark.parametrize("stem", ["synth_study", "synth_study_attrition_cc"])
def test_coefficients_and_classical_errors_of_the_reference_fits(stem):
    table = pd.read_csv(REFERENCE / f"{stem.removesuffix('_cc')}.csv")
    names = [c for c in table if c.startswith("x")]
    table = table.dropna(subset=names)
    x = np.column_stack([np.ones(len(table)), table.treat, table[names]])
    for outcome, numbers in json.loads((REFERENCE / f"{stem}.json").read_text())["outcomes"].items():
        fit = ols(cross_products(x, table[outcome], table.cluster))
        expected = numbers["ols"]
        np.testing.assert_allclose(coefficients(fit), list(expected["coef"].values()), rtol=1e-9)
        np.testing.assert_allclose(np.sqrt(residual_variance(fit)), expected["sigma"], rtol=1e-10)
        se = classical_se(fit, each_column(fit))
        np.testing.assert_allclose(se, list(expected["se_classical"].values()), rtol=1e-9)
        assert fit.n_rows - fit.rank == expected["df_resid"]


def test_contrasts_are_linear_in_coefficients_and_take_leading_axes(rows):
    x, y, cluster = rows
    fit = ols(cross_products(x, y, cluster))
    b = coefficients(fit)
    assert b.shape == (4, 4)
    np.testing.assert_allclose(contrast_estimate(fit, [0, 1, -2, 0.5]), b @ [0, 1, -2, 0.5])
    np.testing.assert_allclose(contrast_estimate(fit, each_column(fit)), b.T)
    with pytest.raises(ValueError, match="4 columns"):
        contrast_estimate(fit, [0, 1, 0])


def test_outcomes_with_missing_rows_are_as_if_fitted_alone(rows):
    x, y, cluster = rows
    y = y.copy()
    y[1:, ::4] = np.nan
    y[2, :20] = np.nan
    fit = ols(cross_products(x, y, cluster))
    for r in range(4):
        seen = ~np.isnan(y[r])
        np.testing.assert_allclose(coefficients(fit)[r], np.linalg.lstsq(x[seen], y[r, seen])[0], rtol=1e-10)


def test_a_calendar_in_seconds_and_an_outcome_far_from_zero_cost_no_digits():
    rng = np.random.default_rng(12)
    days = rng.integers(0, 1400, N).astype(float)
    treat = (days + rng.integers(0, 900, N) > 1100).astype(float)
    e = rng.normal(size=N)
    near = np.column_stack([np.ones(N), treat, days - days.mean()])
    far = np.column_stack([np.ones(N), treat, 1.5e9 + 86400.0 * days])
    a = cluster_robust(ols(cross_products(near, treat + e, np.arange(N) % 8)), [0, 1, 0])
    b = cluster_robust(ols(cross_products(far, treat + e, np.arange(N) % 8)), [0, 1, 0])
    c = cluster_robust(ols(cross_products(far, 1e6 + treat + e, np.arange(N) % 8)), [0, 1, 0])
    for field in ("estimate", "se", "df", "p"):
        np.testing.assert_allclose(getattr(b, field), getattr(a, field), rtol=1e-8)
        np.testing.assert_allclose(getattr(c, field), getattr(a, field), rtol=1e-7)


def test_scales_of_columns_do_not_matter(rows):
    x, y, cluster = rows
    scale = np.array([1, 1e-9, 1e12, -3.0])
    a, b = ols(cross_products(x, y, cluster)), ols(cross_products(x * scale, y, cluster))
    np.testing.assert_allclose(coefficients(a), coefficients(b) * scale, rtol=1e-10)


@pytest.mark.parametrize(
    ("extra", "columns", "involved"),
    [
        (lambda x: x[:, 1] - 2 * x[:, 2], (4,), (1, 2, 4)),
        (lambda x: np.full(N, 7.0), (4,), (0, 4)),
        (lambda x: np.zeros(N), (4,), (4,)),
        (lambda x: np.column_stack([x[:, 3], x[:, 3] * 1e6]), (4, 5), (3, 4, 5)),
    ],
)
def test_collinear_columns_are_reported_by_position(rows, extra, columns, involved):
    x, y, cluster = rows
    with pytest.raises(CollinearColumnsError) as caught:
        ols(cross_products(np.column_stack([x, extra(x)]), y, cluster))
    assert caught.value.columns == columns
    assert caught.value.involved == involved
    assert "collinear" in str(caught.value)


def test_a_treatment_that_does_not_vary_is_collinear_with_the_constant(rows):
    x, y, cluster = rows
    x = x.copy()
    x[:, 1] = 1.0
    with pytest.raises(CollinearColumnsError) as caught:
        ols(cross_products(x, y, cluster))
    assert caught.value.involved == (0, 1)


def test_nearly_collinear_columns_are_kept(rows):
    x, y, cluster = rows
    near = np.column_stack([x, x[:, 1] + 1e-6 * np.random.default_rng(1).normal(size=N)])
    fit = ols(cross_products(near, y, cluster))
    np.testing.assert_allclose(coefficients(fit), np.linalg.lstsq(near, y.T)[0].T, rtol=1e-6)


def test_a_column_that_only_some_outcomes_lose_flags_these_alone(rows):
    x, y, cluster = rows
    x = np.column_stack([x, cluster == 2])
    y = y.copy()
    y[1, cluster == 2] = np.nan
    y[3, ::7] = np.nan
    fit = ols(cross_products(x, y, cluster))
    row = cluster_robust(fit, column_contrast(fit, 1))
    np.testing.assert_array_equal(np.isnan(row.estimate), [False, True, False, False])
    np.testing.assert_array_equal(np.isnan(row.p), [False, True, False, False])
    assert "1 of 4 outcomes" in row.warning
    assert "columns 4" in row.warning
    alone = ols(cross_products(x, y[3], cluster))
    np.testing.assert_allclose(row.se[3], cluster_robust(alone, column_contrast(fit, 1)).se, rtol=1e-10)
    with pytest.raises(CollinearColumnsError):
        ols(cross_products(x, y[1], cluster))


def test_dropped_columns_leave_estimable_contrasts_right_and_others_nan(rows):
    x, y, cluster = rows
    wide = np.column_stack([x, cluster == 2])
    y = y.copy()
    y[1, cluster == 2] = np.nan
    fit = ols(cross_products(wide, y, cluster), collinear="drop")
    small = cluster_robust(ols(cross_products(x, y[1], cluster)), [0, 1, 0, 0])
    row = cluster_robust(fit, [0, 1, 0, 0, 0])
    np.testing.assert_allclose(row.estimate[1], small.estimate, rtol=1e-10)
    np.testing.assert_allclose(row.se[1], small.se, rtol=1e-10)
    np.testing.assert_allclose(row.df[1], small.df, rtol=1e-10)
    np.testing.assert_array_equal(np.isnan(loading(fit, [0, 0, 0, 0, 1])).any(axis=-1), [False, True, False, False])
    np.testing.assert_array_equal(fit.rank, [5, 4, 5, 5])
    assert "left out for 1 outcomes" in warning_of(fit)


def test_dropping_of_a_twin_keeps_the_other_columns(rows):
    x, y, cluster = rows
    fit = ols(cross_products(np.column_stack([x, x[:, 1] + x[:, 2]]), y, cluster), collinear="drop")
    b = coefficients(fit)
    assert np.isnan(b[:, [1, 2, 4]]).all()
    small = ols(cross_products(x, y, cluster))
    np.testing.assert_allclose(b[:, [0, 3]], coefficients(small)[:, [0, 3]], rtol=1e-9)
    np.testing.assert_allclose(contrast_estimate(fit, [0, 1, 0, 0, 1]), coefficients(small)[:, 1], rtol=1e-9)


def test_no_more_rows_than_columns_is_an_error_or_a_flag(rows):
    x, y, cluster = rows
    with pytest.raises(TooFewRowsError, match="4 rows for 4 parameters"):
        ols(cross_products(x[:4], y[:, :4], cluster[:4]))
    with pytest.raises((TooFewRowsError, CollinearColumnsError)):
        ols(cross_products(x[:3], y[:, :3], cluster[:3]))
    y = y.copy()
    y[2, 4:] = np.nan
    fit = ols(cross_products(x, y, cluster))
    row = cluster_robust(fit, [0, 1, 0, 0])
    np.testing.assert_array_equal(np.isnan(row.estimate), [False, False, True, False])
    assert "too few rows" in row.warning


def test_an_outcome_that_nobody_has_is_a_flag_everywhere(rows):
    x, y, cluster = rows
    y = y.copy()
    y[0] = np.nan
    fit = ols(cross_products(x, y, cluster))
    for kind in ("CR1S", "CR2", "CV3J"):
        for reference in ("satterthwaite", "saddlepoint", "G-1"):
            row = cluster_robust(fit, [0, 1, 0, 0], kind=kind, reference=reference)
            np.testing.assert_array_equal(np.isnan(row.p), [True, False, False, False])
            assert "1 of 4 outcomes" in row.warning
    joint = joint_test(fit, np.eye(4)[1:3])
    np.testing.assert_array_equal(np.isnan(joint.p), [True, False, False, False])
    for numbers in (leave_one_out(fit, [0, 1, 0, 0]), partial_leverage(fit, [0, 1, 0, 0])):
        np.testing.assert_array_equal(np.isnan(numbers).any(axis=-1), [True, False, False, False])
    np.testing.assert_array_equal(np.isnan(effective_clusters(fit, [0, 1, 0, 0])), [True, False, False, False])


@pytest.mark.parametrize("value", [0.0, 5.0, 1e8 / 3])
def test_an_outcome_without_variation_has_no_test(rows, value):
    x, y, cluster = rows
    y = y.copy()
    y[1] = value
    y[2] = value + 3 * x[:, 1]
    fit = ols(cross_products(x, y, cluster))
    for kind in ("CR1", "CR2", "CV3"):
        row = cluster_robust(fit, [0, 1, 0, 0], kind=kind, reference="G-1")
        np.testing.assert_array_equal(np.isnan(row.p), [False, True, True, False])
        assert "no standard error for 2 of 4" in row.warning
