"""One bend, found exactly: R's segmented, a grid, the known trap, and coverage of the likelihood set."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mtb_eval.inference.cuts import chi_squared_quantile, hansen_quantile
from mtb_eval.inference.segmented import bend_rss, best_bend

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "made_dose.json").read_text())
MTB = pd.read_csv(REFERENCE / "mtbtoy.csv").query("treat == 1")
VISITS, Y = MTB["visits"].to_numpy(dtype=float), MTB["y"].to_numpy()
COLUMNS = ([], ["y0"], ["y0", "x"], ["y0", "x", "cal"])
CRITERION = chi_squared_quantile(0.95)
STUDIES = 2000 if os.environ.get("MTB_EVAL_FULL") else 200


def design(names):
    return np.column_stack([np.ones(len(MTB)), MTB[names].to_numpy(dtype=float)])


@pytest.mark.parametrize("k", range(4))
def test_the_bend_is_where_segmented_finds_it_with_restarts(k):
    found, r = best_bend(design(COLUMNS[k]), VISITS, Y, criterion=CRITERION), R["bend"][k]
    assert found.psi == pytest.approx(r["psi"], abs=0.001)  # segmented stops within about 1e-4
    assert found.rss == pytest.approx(r["rss"], rel=1e-6)
    assert found.rss <= r["rss"] * (1 + 1e-9)
    assert found.rss_line == pytest.approx(r["rss_line"], rel=1e-12)


@pytest.mark.parametrize("k", range(4))
def test_one_start_without_restarts_stops_at_33_25_which_is_no_optimum(k):
    """The published check number (33.25, SE 39.4) is such a stop: the sum of squares there is not the least."""
    stuck, x = R["bend_stuck"][k], design(COLUMNS[k])
    assert stuck["psi"] == pytest.approx(33.25)
    np.testing.assert_allclose(bend_rss(x, VISITS, Y, 33.25), stuck["rss"], rtol=1e-9)
    assert best_bend(x, VISITS, Y, criterion=CRITERION).rss < 0.99 * stuck["rss"]
    near = bend_rss(x, VISITS, Y, np.array([33.0, 33.25, 33.5]))
    assert not near[0] > near[1] < near[2]


def test_the_standard_error_of_the_check_number():
    assert R["bend_stuck"][1]["se"] == pytest.approx(39.376, abs=5e-4)


@pytest.mark.parametrize("seed", range(20))
def test_no_place_on_a_fine_grid_is_better_and_the_set_is_that_of_the_grid(seed):
    rng = np.random.default_rng([11, seed])
    n = 60
    v = np.sort(rng.choice(np.arange(5.0, 60.0, rng.choice([1.0, 0.37])), n))
    x = np.column_stack([np.ones(n), rng.standard_normal((n, 2))])
    y = 0.08 * rng.standard_normal() * v + 0.1 * np.clip(v - 30, 0, None) + rng.standard_normal(n)
    found = best_bend(x, v, y, criterion=CRITERION)
    places = np.unique(v)
    grid = np.union1d(np.linspace(places[1], places[-2], 3001), places[1:-1])
    rss = bend_rss(x, v, y, grid)
    assert found.rss <= rss.min() * (1 + 1e-10)
    assert rss.min() <= found.rss * (1 + 1e-4)
    kept = n * np.log(rss / found.rss) <= CRITERION
    step = grid[1] - grid[0] + 1e-9
    assert abs(grid[kept].min() - found.low) <= step
    assert abs(grid[kept].max() - found.high) <= step
    assert found.open_low == kept[0]
    assert found.open_high == kept[-1]
    assert found.low <= found.psi <= found.high


def test_slopes_are_those_of_least_squares_at_the_bend():
    x = design(["y0"])
    found = best_bend(x, VISITS, Y, criterion=CRITERION)
    full = np.column_stack([x, VISITS, np.clip(VISITS - found.psi, 0, None)])
    slopes = np.linalg.lstsq(full, Y, rcond=None)[0][-2:]
    np.testing.assert_allclose([found.slope, found.change], slopes, rtol=1e-9)


def test_moving_and_stretching_the_dose_moves_and_stretches_the_bend():
    x = design(["y0", "x"])
    plain = best_bend(x, VISITS, Y, criterion=CRITERION)
    moved = best_bend(x, 3 * VISITS + 100, Y, criterion=CRITERION)
    found = np.array([moved.psi, moved.low, moved.high])
    np.testing.assert_allclose(found, 3 * np.array([plain.psi, plain.low, plain.high]) + 100, rtol=1e-8)
    assert moved.rss == pytest.approx(plain.rss, rel=1e-9)


def kept_share(n, change, criterion, n_studies):
    """Return the share of studies whose likelihood set, as it is, holds the true bend at 55."""
    rng = np.random.default_rng([11, n])
    v, x = np.clip(np.round(65 + 22 * rng.standard_normal(n)), 4, 100), np.ones((n, 1))
    kept = []
    for _ in range(n_studies):
        y = change * np.minimum(v, 55) + rng.standard_normal(n)
        least = best_bend(x, v, y, criterion=criterion).rss
        kept.append(n * np.log(bend_rss(x, v, y, 55.0)[0] / least) <= criterion)
    return np.mean(kept), 4 * np.sqrt(0.05 * 0.95 / n_studies)


def test_chi_squared_covers_a_clear_bend_in_a_large_study():
    share, error = kept_share(1000, 0.3, CRITERION, STUDIES)
    assert abs(share - 0.95) < error


@pytest.mark.parametrize("change", [0.03, 0.05, 0.3])
def test_hansens_quantile_covers_a_bend_in_a_study_of_this_size(change):
    share, error = kept_share(138, change, hansen_quantile(0.95), STUDIES)
    assert share > 0.95 - error


def test_chi_squared_would_not_cover_a_weak_bend_in_a_study_of_this_size():
    share, error = kept_share(138, 0.05, CRITERION, STUDIES)
    assert share < 0.92 + error


def test_too_few_doses_are_refused():
    with pytest.raises(ValueError, match="at least 4 distinct doses"):
        best_bend(np.ones((9, 1)), np.repeat([1.0, 2.0, 3.0], 3), np.arange(9.0), criterion=CRITERION)
