"""Harrell's restricted cubic spline: R's Hmisc, and what defines it."""

import json
from pathlib import Path

import numpy as np
import pytest

from mtb_eval.inference.spline_basis import restricted_cubic_spline

R = json.loads((Path(__file__).parents[1] / "reference" / "made_dose.json").read_text())


@pytest.mark.parametrize(("name", "knots"), [("spline3", (30, 60, 85)), ("spline4", (20, 40, 60, 90))])
def test_basis_is_that_of_hmisc(name, knots):
    found = restricted_cubic_spline(R[name]["x"], knots)
    np.testing.assert_allclose(found, R[name]["basis"], atol=1e-11)


def test_it_is_linear_beyond_the_outer_knots_and_smooth_at_all():
    knots = (30.0, 55.0, 60.0, 85.0)
    x = np.arange(-20.0, 140.0, 0.5)
    bends = np.diff(restricted_cubic_spline(x, knots), n=2, axis=0)
    outside = (x[1:-1] < 29.9) | (x[1:-1] > 85.1)
    assert np.max(np.abs(bends[outside])) < 1e-10
    assert np.max(np.abs(bends[~outside][:, 1:])) > 1e-3
    third = np.diff(restricted_cubic_spline(x, knots), n=3, axis=0)
    assert np.max(np.abs(third)) < 0.01  # no jump in the second derivative


@pytest.mark.parametrize("knots", [(30, 60), (30, 30, 60), (60, 30, 85), (30, np.nan, 85)])
def test_knots_must_be_three_and_rising(knots):
    with pytest.raises(ValueError, match="at least 3 rising knots"):
        restricted_cubic_spline(np.arange(5.0), knots)
