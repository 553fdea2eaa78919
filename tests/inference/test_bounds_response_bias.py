"""The attrition model behind the What Works Clearinghouse boundary: numbers written down, and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from mtb_eval.inference.response_bias import bias_range, largest_differential, response_bias

CAUTIOUS, OPTIMISTIC = (0.45, 0.39), (0.27, 0.22)


@pytest.mark.parametrize(
    ("response", "alpha", "expected"),
    [
        ((138 / 183, 32 / 73), OPTIMISTIC, (-0.151, -0.085)),
        ((138 / 183, 32 / 73), CAUTIOUS, (-0.242, -0.163)),
        ((104 / 183, 20 / 73), OPTIMISTIC, (-0.176, -0.081)),
        ((104 / 183, 20 / 73), CAUTIOUS, (-0.277, -0.163)),
    ],
)
def test_implied_bias_of_the_trial(response, alpha, expected):
    assert bias_range(response, alpha) == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize(
    ("overall", "differential", "alpha"),
    [
        *((0.1, 0.063, CAUTIOUS), (0.2, 0.054, CAUTIOUS), (0.3, 0.041, CAUTIOUS), (0.4, 0.026, CAUTIOUS)),
        *((0.1, 0.109, OPTIMISTIC), (0.2, 0.100, OPTIMISTIC), (0.3, 0.082, OPTIMISTIC), (0.4, 0.060, OPTIMISTIC)),
    ],
)
def test_boundary_cells_lie_on_one_level_of_bias(overall, differential, alpha):
    """The eight cells that are known of the published table all give .054 to .055."""
    response = 1 - overall - differential / 2, 1 - overall + differential / 2
    worst = max(abs(b) for b in bias_range(response, alpha))
    assert 0.0535 <= worst <= 0.0555
    assert largest_differential(overall, alpha, worst) == pytest.approx(differential, abs=1e-9)


def test_bias_is_that_of_simulated_responders():
    rng = np.random.default_rng(20)
    n, alpha, response = 400_000, (0.45, 0.39), (0.75, 0.44)
    means, errors = [], []
    for a, p in zip(alpha, response, strict=True):
        propensity = rng.normal(size=n)
        y = a * propensity + np.sqrt(1 - a**2) * rng.normal(size=n)
        there = y[propensity > np.quantile(propensity, 1 - p)]
        means.append(there.mean())
        errors.append(there.std() / np.sqrt(there.size))
    assert means[0] - means[1] == pytest.approx(float(response_bias(response, alpha)), abs=4 * np.hypot(*errors))


def test_full_response_has_no_bias_and_no_response_is_refused():
    assert response_bias((1.0, 1.0), CAUTIOUS) == 0
    with pytest.raises(ValueError, match="1 response shares"):
        response_bias((0.0, 0.5), CAUTIOUS)


def test_boundary_at_its_ends():
    assert largest_differential(0.9, CAUTIOUS, 0.05) == 0.0
    assert np.isnan(largest_differential(0.001, OPTIMISTIC, 0.5))
