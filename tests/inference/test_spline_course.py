"""A course over visits among the treated, the untreated a level of their own: R's clubSandwich, and what it means."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.joint import joint_test
from mtb_eval.inference.ols import LeastSquares, coefficients, ols, with_spectrum
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.inference.spline_basis import restricted_cubic_spline

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "made_dose.json").read_text())
TOY = pd.read_csv(REFERENCE / "mtbtoy.csv")
KNOTS = (30.0, 60.0, 85.0)


def course(**changes: np.ndarray) -> LeastSquares:
    data = TOY.assign(**changes)
    treated = data["treat"].to_numpy(dtype=float)
    terms = restricted_cubic_spline(data["visits"].to_numpy(dtype=float), KNOTS) * treated[:, None]
    places = pd.get_dummies(data["muni"]).to_numpy(dtype=float)
    x = np.column_stack([treated, terms, places, data[["y0", "x", "cal"]].to_numpy()])
    return with_spectrum(ols(cross_products(x, data["y"].to_numpy(), data["muni"].to_numpy())))


def contrast(fit: LeastSquares, visits: float) -> np.ndarray:
    row = np.zeros(fit.cross.n_columns)
    row[0] = 1.0
    row[1:3] = restricted_cubic_spline(np.array([visits]), KNOTS)[0]
    return row


@pytest.mark.parametrize(("name", "first"), [("line", 2), ("level", 1)])
def test_that_the_course_is_a_line_and_that_it_is_level_are_clubsandwichs_htz(name, first):
    fit = course()
    found = joint_test(fit, np.eye(fit.cross.n_columns)[first:3])
    ours = [float(v) for v in (found.statistic, found.df_numerator, found.df_denominator, found.p)]
    np.testing.assert_allclose(ours, [R[name][k] for k in ("F", "df_num", "df", "p")], rtol=1e-7)


def test_points_of_the_curve_are_clubsandwichs_linear_contrasts():
    fit = course()
    found = cluster_robust(fit, np.array([contrast(fit, row["visits"]) for row in R["curve"]]), kind="CR2")
    ours = np.column_stack([found.estimate, found.se, found.df])
    np.testing.assert_allclose(ours, [[row[k] for k in ("estimate", "se", "df")] for row in R["curve"]], rtol=1e-7)


def test_visits_of_the_untreated_count_for_nothing():
    odd = np.where(TOY["treat"] == 1, TOY["visits"], 77)
    np.testing.assert_allclose(coefficients(course(visits=odd)), coefficients(course()), atol=1e-12)


def test_a_straight_line_has_no_bend():
    straight = course(y=np.where(TOY["treat"] == 1, 1.0 + 0.02 * TOY["visits"], 0.0))
    b = coefficients(straight)
    np.testing.assert_allclose(b[:3], [1.0, 0.02, 0.0], atol=1e-9)
    for visits in (20.0, 95.0):
        assert float(contrast(straight, visits) @ b) == pytest.approx(1.0 + 0.02 * visits)
