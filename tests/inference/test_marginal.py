"""Average risk differences: R, statsmodels' margins, and the saturated model whose answer is known."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm

from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.estimating_equations import robust_covariance
from mtb_eval.inference.glm import glm
from mtb_eval.inference.marginal import average_difference, marginal_estimate
from mtb_eval.inference.ols import ols
from mtb_eval.inference.sandwich import cluster_robust

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "made_trust.json").read_text())


def study() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with (REFERENCE / "synth_study.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    x = np.array([[1.0, float(r["treat"]), float(r["x7_stress"])] for r in rows])
    return x, np.array([float(r["placed"]) for r in rows]), np.array([r["cluster"] for r in rows])


@pytest.mark.parametrize("family", ["logit", "poisson"])
def test_estimate_gradient_and_errors_are_those_of_r(family):
    """R's gradient is by differences (1e-9); its glm weights are right to about 1e-7."""
    x, y, cluster = study()
    fit = glm(x, y, cluster, family=family)
    value, gradient = average_difference(x, fit.coefficients, column=1, family=family)
    np.testing.assert_allclose(value, R[family]["estimate"], rtol=1e-8)
    np.testing.assert_allclose(gradient, R[family]["gradient"], rtol=1e-7)
    for kind in ("CR0", "CR2"):
        e = marginal_estimate(fit, x, column=1, family=family, kind=kind)
        np.testing.assert_allclose(e.se, R[family][kind], rtol=1e-6)


def test_logit_margin_is_that_of_statsmodels():
    x, y, cluster = study()
    codes = np.unique(cluster, return_inverse=True)[1]
    other = sm.Logit(y, x).fit(
        disp=0, tol=1e-13, cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False}
    )
    margins = other.get_margeff(at="overall", dummy=True)
    e = marginal_estimate(glm(x, y, cluster), x, column=1, kind="CR0")
    np.testing.assert_allclose([e.estimate, e.se], [margins.margeff[0], margins.margeff_se[0]], rtol=1e-7)


def test_without_covariates_it_is_the_difference_of_shares_with_the_errors_of_least_squares():
    """A saturated model gives the same fitted shares and the same cluster scores whatever the link."""
    x, y, cluster = study()
    x = x[:, :2]
    e = marginal_estimate(glm(x, y, cluster), x, column=1, kind="CR0")
    linear = cluster_robust(ols(cross_products(x, y, cluster)), np.eye(2)[1], kind="CR0", reference="G-1")
    np.testing.assert_allclose(e.estimate, y[x[:, 1] == 1].mean() - y[x[:, 1] == 0].mean(), rtol=1e-9)
    np.testing.assert_allclose([e.estimate, e.se], [linear.estimate, linear.se], rtol=1e-8)


def test_the_variance_is_the_quadratic_form_of_the_gradient():
    x, y, cluster = study()
    fit = glm(x, y, cluster)
    _, gradient = average_difference(x, fit.coefficients, column=1, family="logit")
    e = marginal_estimate(fit, x, column=1)
    np.testing.assert_allclose(e.se**2, gradient @ robust_covariance(fit, "CR2") @ gradient, rtol=1e-12)
