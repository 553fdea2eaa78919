"""The set of ratios against its definition and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import default_rng
from scipy import stats

from mtb_eval.inference.fieller import fieller

CASES = [
    (10.0, 5.0, (1.0, 0.5), 0.2, 8.0, "interval"),
    (10.0, 0.5, (1.0, 0.5), 0.2, 8.0, "outside"),
    (0.1, 0.1, (1.0, 0.5), 0.1, 8.0, "everywhere"),
    (-3.0, 2.0, (0.4, 0.1), -0.1, 4.5, "interval"),
]


@pytest.mark.parametrize(("top", "bottom", "variances", "covariance", "df", "shape"), CASES)
def test_the_set_is_what_the_test_does_not_reject(top, bottom, variances, covariance, df, shape):
    found = fieller(top, bottom, variances=variances, covariance=covariance, df=df)
    assert found.shape == shape
    assert found.ratio == pytest.approx(top / bottom)
    t = stats.t.ppf(0.975, df)
    for r in np.linspace(-60, 60, 4801):
        kept = (top - r * bottom) ** 2 <= t**2 * (variances[0] - 2 * r * covariance + r**2 * variances[1])
        within = found.low <= r <= found.high
        inside = {"interval": within, "outside": not within, "everywhere": True}[shape]
        near = min(abs(r - found.low), abs(r - found.high)) < 0.03
        assert kept == inside or near


def test_what_cannot_be_estimated():
    for case in ((np.nan, 1.0), (1.0, np.nan)):
        assert fieller(*case, variances=(1, 1), covariance=0, df=5).shape == "not estimable"
    assert fieller(1, 1, variances=(1, 1), covariance=0, df=np.nan).shape == "not estimable"


def test_it_covers_the_ratio_as_often_as_it_says():
    rng, n, df = default_rng(20), 4000, 6
    errors = rng.multivariate_normal([0, 0], [[1.0, 0.3], [0.3, 0.5]], n)
    scale = rng.chisquare(df, n) / df
    covered = 0
    for (a, b), s in zip(errors, scale, strict=True):
        found = fieller(4 + a, 2 + b, variances=(s, 0.5 * s), covariance=0.3 * s, df=df)
        within = found.low <= 2 <= found.high
        covered += {"interval": within, "outside": not within, "everywhere": True}[found.shape]
    assert abs(covered / n - 0.95) < 4 * np.sqrt(0.05 * 0.95 / n)
