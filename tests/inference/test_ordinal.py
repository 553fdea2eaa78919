"""Proportional odds: R (MASS), statsmodels, logistic regression as the case of two categories, the sandwich by hand."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit
from statsmodels.miscmodels.ordinal_model import OrderedModel

from mtb_eval.inference.estimating_equations import robust_covariance, robust_estimate
from mtb_eval.inference.glm import glm
from mtb_eval.inference.ordinal import proportional_odds

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "made_trust.json").read_text())["ordinal"]


def study_columns(*names: str) -> np.ndarray:
    with (REFERENCE / "synth_study.csv").open(newline="") as file:
        return np.array([[float(row[name]) for name in names] for row in csv.DictReader(file)])


def made(seed: int, n: int = 240) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.integers(0, 2, n), rng.normal(size=n), 100 * rng.normal(size=n)])
    y = np.digitize(x @ [0.6, -0.4, 0.002] + rng.logistic(size=n), [0.0, 1.2, 2.8])
    return x, y.astype(float), rng.integers(0, 10, n)


def test_estimates_are_those_of_polr():
    """polr stops at a relative change of 1e-16 in the deviance, which fixes coefficients to about 1e-6."""
    x = study_columns("treat", "x1_baseline", "x2_age")
    fit = proportional_odds(x, R["codes"], study_columns("cluster")[:, 0])
    np.testing.assert_allclose(fit.coefficients[:3], R["coef"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fit.coefficients[3:], R["thresholds"], rtol=1e-5)


def test_estimates_are_those_of_statsmodels():
    x, y, cluster = made(1)
    scaled = x / [1, 1, 100]
    other = OrderedModel(y, scaled, distr="logit").fit(method="newton", disp=0)
    fit = proportional_odds(x, y, cluster)
    np.testing.assert_allclose(fit.coefficients[:3] * [1, 1, 100], other.params[:3], rtol=1e-7)
    np.testing.assert_allclose(
        fit.coefficients[3:], other.model.transform_threshold_params(other.params)[1:-1], rtol=1e-7
    )


@pytest.mark.parametrize("kind", ["CR0", "CR2", "CR3"])
def test_two_categories_are_logistic_regression(kind):
    x, y, cluster = made(2)
    event = (y > 0).astype(float)
    ours = robust_estimate(proportional_odds(x, event, cluster), np.eye(4)[0], kind=kind)
    logit = glm(np.column_stack([np.ones(len(x)), x]), event, cluster)
    theirs = robust_estimate(logit, np.eye(4)[1], kind=kind)
    np.testing.assert_allclose(
        [ours.estimate, ours.se, ours.df, ours.p], [theirs.estimate, theirs.se, theirs.df, theirs.p], rtol=1e-8
    )


def test_cr0_is_the_sandwich_of_numerical_scores():
    """Scores by differences of each row's log-likelihood; bread the expected outer product of scores."""
    x, y, cluster = made(3)
    x = x / [1, 1, 100]
    fit = proportional_odds(x, y, cluster)

    def log_chance(beta):
        below = expit(beta[3:] - (x @ beta[:3])[:, None])
        return np.log(np.diff(below, axis=1, prepend=0.0, append=1.0))

    step = 1e-5
    steps = step * np.eye(6)
    slopes = np.stack(
        [(log_chance(fit.coefficients + h) - log_chance(fit.coefficients - h)) / (2 * step) for h in steps]
    )
    chance = np.exp(log_chance(fit.coefficients))
    information = np.einsum("pnk,nk,qnk->pq", slopes, chance, slopes)
    scores = slopes[:, np.arange(len(y)), y.astype(int)]
    by_cluster = np.stack([scores[:, cluster == g].sum(axis=1) for g in range(10)])
    bread = np.linalg.inv(information)
    np.testing.assert_allclose(scores.sum(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(robust_covariance(fit, "CR0"), bread @ by_cluster.T @ by_cluster @ bread, rtol=1e-6)


def test_turning_the_order_turns_the_sign():
    x, y, cluster = made(4)
    up, down = (robust_estimate(proportional_odds(x, s * y, cluster), np.eye(6)[0]) for s in (1, -1))
    np.testing.assert_allclose([up.estimate, up.se, up.df], [-down.estimate, down.se, down.df], rtol=1e-8)


def test_spacing_and_row_order_do_not_matter():
    x, y, cluster = made(5)
    turn = np.random.default_rng(0).permutation(len(y))
    one = robust_estimate(proportional_odds(x, y, cluster), np.eye(6)[0])
    two = robust_estimate(
        proportional_odds(x[turn], np.array([0, 5, 10, 15.0])[y.astype(int)][turn], cluster[turn]), np.eye(6)[0]
    )
    np.testing.assert_allclose([one.estimate, one.se, one.df], [two.estimate, two.se, two.df], rtol=1e-8)


def test_separation_and_a_single_category_are_errors():
    x, y, cluster = made(6)
    with pytest.raises(ValueError, match="no finite maximum"):
        proportional_odds(np.column_stack([x, y > 1]), y, cluster)
    with pytest.raises(ValueError, match="one value"):
        proportional_odds(x, np.ones(len(y)), cluster)
    with pytest.raises(ValueError, match="collinear"):
        proportional_odds(np.column_stack([x, x[:, 0]]), y, cluster)
