"""Power, type S and type M errors: theorems, simulation, published numbers."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
from scipy import integrate, stats

from mtb_eval.inference.design_errors import design_errors

SIZES, DFS = np.array([0.1, 0.5, 1.0, 2.0, 4.0]), np.array([1.0, 2.5, 4.0, 6.4, 30.0, 1e4])
DRAWS = 2_000_000 if os.environ.get("MTB_EVAL_FULL") else 200_000


@pytest.mark.parametrize("reference", ["noncentral", "shifted"])
@pytest.mark.parametrize(
    ("effect", "se", "power", "type_s", "type_m"),
    [
        # Gelman & Carlin (2014): the two calls of the paper; its type M is a mean over about 600 of 10,000 draws.
        (0.1, 3.28, (0.05, 0.005), (0.46, 0.005), (77, 3.0)),
        (2.0, 8.1, (0.06, 0.005), (0.24, 0.005), (9.7, 0.4)),
        # Lu, Qiu & Deng's example as worked in the vignette of the R package retrodesign: 4.7 times, 8 % wrong.
        (0.5, 1.0, (0.079, 0.0005), (0.088, 0.0005), (4.79, 0.005)),
        # The same vignette: 'nearly 1 in 5' wrong at 1 %, 2.7 times too large at 3 %.
        (1.0, 3.3, (0.06, 0.005), (0.195, 0.005), (7.8, 0.05)),
        (3.0, 3.3, (0.15, 0.005), (0.01, 0.005), (2.7, 0.05)),
    ],
)
def test_published_examples_at_infinite_df(effect, se, power, type_s, type_m, reference):
    found = design_errors(effect, se, math.inf, reference=reference)
    for value, (printed, tolerance) in ((found.power, power), (found.type_s, type_s), (found.type_m, type_m)):
        assert float(value) == pytest.approx(printed, abs=tolerance)


def test_power_that_published_bounds_on_type_s_need():
    """Lu, Qiu & Deng (2019): type S is at most .10 and .01 from power .08 and .17."""
    found = design_errors(np.linspace(0.05, 4, 4000), 1.0, math.inf)
    for bound, power in ((0.10, 0.08), (0.01, 0.17)):
        assert found.power[np.argmax(found.type_s <= bound)] == pytest.approx(power, abs=0.0075)


def test_type_m_at_even_odds():
    """At a shift of 1.96 the near tail is one half of a normal, whose mean lies density(0) / 0.5 beyond the bound."""
    bound = stats.norm.isf(0.025)
    assert float(design_errors(bound, 1.0, math.inf).type_m) == pytest.approx(
        1 + stats.norm.pdf(0) / 0.5 / bound, abs=2e-4
    )


def test_power_is_that_of_the_noncentral_t_test():
    found = design_errors(SIZES[:, None], 1.0, DFS)
    c = stats.t.isf(0.025, DFS)
    expected = stats.nct.sf(c, DFS, SIZES[:, None]) + stats.nct.cdf(-c, DFS, SIZES[:, None])
    np.testing.assert_allclose(found.power, expected, rtol=1e-7)
    np.testing.assert_allclose(found.type_s, stats.nct.cdf(-c, DFS, SIZES[:, None]) / expected, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("df", [1.5, 4.0, 6.4, 30.0])
@pytest.mark.parametrize("shift", [0.3, 1.0, 2.5])
def test_type_m_is_the_integral_over_the_estimate(shift, df):
    """The other order of integration: over the estimate, with the chance that its standard error is small enough."""
    c = stats.t.isf(0.025, df)

    def chance(x: float) -> float:
        return float(stats.chi2.cdf(df * (x / c) ** 2, df) * stats.norm.pdf(x - shift))

    pieces = [(-12.0, 0.0), (0.0, shift + 12.0)]
    power, moment = (
        sum(integrate.quad(f, *ends, epsabs=1e-12, limit=200)[0] for ends in pieces)
        for f in (chance, lambda x: abs(x) * chance(x))
    )
    found = design_errors(shift, 1.0, df)
    assert float(found.power) == pytest.approx(power, rel=1e-8)
    assert float(found.type_m) == pytest.approx(moment / power / shift, rel=1e-8)


@pytest.mark.parametrize(("effect", "se", "df"), [(0.35, 0.3, 6.4), (0.2, 0.25, 5.0), (0.5, 0.2, 12.0)])
@pytest.mark.parametrize("reference", ["noncentral", "shifted"])
def test_simulation_within_monte_carlo_error(effect, se, df, reference):
    rng = np.random.default_rng(20241129)
    if reference == "noncentral":
        estimate = effect + se * rng.standard_normal(DRAWS)
        own_se = se * np.sqrt(rng.chisquare(df, DRAWS) / df)
    else:
        estimate, own_se = effect + se * rng.standard_t(df, DRAWS), np.full(DRAWS, se)
    hit = np.abs(estimate) > stats.t.isf(0.025, df) * own_se
    sizes, wrong = np.abs(estimate[hit]) / effect, estimate[hit] < 0
    found = design_errors(effect, se, df, reference=reference)
    for value, draws in ((found.power, hit), (found.type_s, wrong), (found.type_m, sizes)):
        assert abs(draws.mean() - value) < 4 * draws.std() / math.sqrt(len(draws))


def test_no_effect_one_sign_and_scale():
    nothing = design_errors(0.0, 1.0, 6.4)
    assert float(nothing.power) == pytest.approx(0.05, rel=1e-9)
    assert float(nothing.type_s) == pytest.approx(0.5, rel=1e-9)
    assert math.isinf(float(nothing.type_m))
    one, turned, scaled = (design_errors(x, s, 6.4) for x, s in ((0.4, 0.3), (-0.4, 0.3), (40.0, 30.0)))
    for other in (turned, scaled):
        np.testing.assert_allclose(
            [one.power, one.type_s, one.type_m], [other.power, other.type_s, other.type_m], rtol=1e-12
        )


def test_more_power_means_less_error():
    found = design_errors(np.linspace(0.1, 6, 60), 1.0, 6.4)
    assert (np.diff(found.power) > 0).all()
    assert (np.diff(found.type_s) < 0).all()
    assert (np.diff(found.type_m) < 0).all()
    assert found.type_m[-1] == pytest.approx(1.0, abs=0.03)


def test_what_cannot_be_used_is_nan():
    found = design_errors([0.3, 0.3, 0.3, math.nan], [math.nan, 0.0, 0.2, 0.2], [6.0, 6.0, -1.0, 6.0])
    assert np.isnan([found.power, found.type_s, found.type_m]).all()
    assert np.isnan(design_errors(0.3, 0.2, 0.9, reference="shifted").type_m)
    with pytest.raises(ValueError, match="alpha must lie between 0 and 1"):
        design_errors(0.3, 0.2, 6.0, alpha=1.0)
