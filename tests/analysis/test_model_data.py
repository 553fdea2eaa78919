"""Spline, dummies and pooled SD against definitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import make_interp_spline

from mtb_eval.analysis.model_data import dummies, natural_spline, pooled_sd


def test_natural_spline_spans_the_natural_cubics_on_its_knots():
    """Any natural cubic spline through the knots is reproduced exactly (scipy's as the second source)."""
    x = np.linspace(0, 4, 301)
    knots = np.quantile(x, np.linspace(0, 1, 4))
    basis = np.column_stack([np.ones_like(x), natural_spline(x, 3)])
    for values in np.eye(4):
        target = make_interp_spline(knots, values, k=3, bc_type="natural")(x)
        fitted = basis @ np.linalg.lstsq(basis, target, rcond=None)[0]
        np.testing.assert_allclose(fitted, target, atol=1e-10)


def test_natural_spline_has_the_declared_number_of_columns():
    x = np.random.default_rng(1).normal(size=200)
    assert [natural_spline(x, df).shape[1] for df in (1, 2, 3, 5)] == [1, 2, 3, 5]
    assert natural_spline(np.ones(5), 3).shape == (5, 0)


def test_dummies_sum_to_one_and_keep_sorted_labels():
    labels = np.array(["K02", "K01", "K02"])
    np.testing.assert_array_equal(dummies(labels), [[0, 1], [1, 0], [0, 1]])


def test_pooled_sd_is_the_residual_sd_of_the_arm_means():
    rng = np.random.default_rng(2)
    y, mtb = rng.normal(size=30), (np.arange(30) < 11).astype(float)
    residual = y - np.where(mtb == 1, y[mtb == 1].mean(), y[mtb == 0].mean())
    assert pooled_sd(y, mtb) == pytest.approx(np.sqrt((residual**2).sum() / 28), rel=1e-12)
    assert np.isnan(pooled_sd(y, np.ones(30)))
    assert np.isnan(pooled_sd(np.ones(30), mtb))
