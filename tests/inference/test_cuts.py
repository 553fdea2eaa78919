"""Dose groups at every cut: R, least squares cut by cut, and by simulation the band, its test and the set of cuts."""

import json
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.inference.dose_designs import dose_design, noise

from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.cuts import (
    chi_squared_quantile,
    cut_band,
    cut_contrasts,
    cut_models,
    cut_rss,
    cuts_kept,
    hansen_quantile,
)
from mtb_eval.inference.draws import sign_draws
from mtb_eval.inference.ols import coefficients, contrast_estimate, ols, with_spectrum
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.inference.wild import wild_bootstrap

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "made_dose.json").read_text())
TOY = pd.read_csv(REFERENCE / "mtbtoy.csv")
DRAWS = sign_draws(10)
DESIGN = dose_design()
Y = noise(DESIGN, 1, number=1)[0] + 0.6 * (DESIGN.visits >= 45)
CONTRASTS = cut_contrasts(DESIGN.common.shape[1] + 1)
STUDIES = 2000 if os.environ.get("MTB_EVAL_FULL") else 100


@pytest.fixture(scope="module")
def fit():
    return cut_models(DESIGN.common, DESIGN.above, Y, DESIGN.cluster)


def toy_fit():
    treated, visits = TOY["treat"].to_numpy(dtype=float), TOY["visits"].to_numpy(dtype=float)
    dummies = pd.get_dummies(TOY["muni"]).to_numpy(dtype=float)
    common = np.column_stack([treated, dummies, TOY[["y0", "x", "cal"]].to_numpy()])
    above = np.array([(visits >= row["cut"]) & (treated == 1) for row in R["cuts"]])
    return cut_models(common, above, TOY["y"].to_numpy(), TOY["muni"].to_numpy())


def test_every_cut_is_clubsandwich_on_lm():
    fit = toy_fit()
    np.testing.assert_allclose(cut_rss(fit), [row["rss"] for row in R["cuts"]], rtol=1e-11)
    for name, contrast in cut_contrasts(fit.cross.n_columns).items():
        found = cluster_robust(fit, contrast, kind="CR2")
        ours = np.column_stack([found.estimate, found.se, found.df])
        np.testing.assert_allclose(ours, [row[name] for row in R["cuts"]], rtol=1e-7)


def test_every_cut_is_least_squares_on_its_own_columns(fit):
    for k, flag in enumerate(DESIGN.above):
        x = np.column_stack([DESIGN.common, flag])
        expected, rss, *_ = np.linalg.lstsq(x, Y, rcond=None)
        np.testing.assert_allclose(coefficients(fit)[k], expected, atol=1e-10)
        assert cut_rss(fit)[k] == pytest.approx(rss[0], rel=1e-11)


@pytest.mark.parametrize("name", CONTRASTS)
def test_cut_by_cut_the_band_has_cr2_and_the_bootstraps_standard_error(fit, name):
    band = cut_band(fit, CONTRASTS[name], draws=DRAWS)
    for k in (0, 20, len(DESIGN.cuts) - 1):
        x = np.column_stack([DESIGN.common, DESIGN.above[k]])
        alone = ols(cross_products(x, Y, DESIGN.cluster))
        assert band.pointwise.se[k] == pytest.approx(cluster_robust(alone, CONTRASTS[name]).se, rel=1e-8)
        wild = wild_bootstrap(alone, CONTRASTS[name], variant="wcr11", level=None)
        half = (band.high[k] - band.low[k]) / 2
        assert half == pytest.approx(band.critical * wild.se, rel=1e-8)
        assert band.p_any >= 0
    assert band.critical > np.quantile(np.abs(np.random.default_rng(0).standard_normal(9999)), 0.95)


@pytest.mark.parametrize("seed", range(12))
def test_the_band_excludes_zero_somewhere_exactly_when_its_test_rejects(seed):
    y = noise(DESIGN, 12, number=2)[seed] + 0.12 * seed * (DESIGN.visits >= 60)
    fit = cut_models(DESIGN.common, DESIGN.above, y, DESIGN.cluster)
    for contrast in CONTRASTS.values():
        band = cut_band(fit, contrast, draws=DRAWS)
        outside = (band.low > 0) | (band.high < 0)
        assert outside.any() == (band.p_any <= 0.05)


def test_one_cut_alone_has_the_wild_bootstraps_own_p():
    fit = cut_models(DESIGN.common, DESIGN.above[10:11], Y, DESIGN.cluster)
    x = np.column_stack([DESIGN.common, DESIGN.above[10]])
    for contrast in CONTRASTS.values():
        alone = wild_bootstrap(cross_products(x, Y, DESIGN.cluster), contrast, variant="wcr11", level=None)
        assert cut_band(fit, contrast, draws=DRAWS).p_any == pytest.approx(float(alone.p))


def test_order_of_rows_and_names_of_clusters_do_not_matter(fit):
    order = np.random.default_rng(5).permutation(DESIGN.cluster.size)
    names = np.array([f"K{9 - c}" for c in DESIGN.cluster])[order]
    other = cut_models(DESIGN.common[order], DESIGN.above[:, order], Y[order], names)
    one, two = (cut_band(f, CONTRASTS["high"], draws=DRAWS) for f in (fit, other))
    np.testing.assert_allclose(two.low, one.low, rtol=1e-8)
    assert one.p_any == two.p_any


def test_a_cut_that_nobody_or_everybody_reaches_is_nan_and_does_not_count(fit):
    above = np.vstack([DESIGN.above, DESIGN.treated, np.zeros_like(DESIGN.treated)])
    more = cut_models(DESIGN.common, above, Y, DESIGN.cluster)
    band, plain = (cut_band(f, CONTRASTS["difference"], draws=DRAWS) for f in (more, fit))
    assert np.isnan(band.low[-2:]).all()
    assert band.critical == pytest.approx(plain.critical)
    assert band.p_any == plain.p_any
    assert not cuts_kept(more)[-2:].any()


def test_the_quantile_is_that_of_hansens_table():
    found = [hansen_quantile(level) for level in (0.8, 0.9, 0.95, 0.99)]
    np.testing.assert_allclose(found, [4.50, 5.94, 7.35, 10.59], atol=0.005)
    assert chi_squared_quantile(0.95) == pytest.approx(3.8414588)


def test_the_set_holds_the_best_cut_and_grows_with_the_level(fit):
    sets = [cuts_kept(fit, level=level) for level in (0.5, 0.9, 0.95, 0.99)]
    assert sets[0][np.argmin(cut_rss(fit))]
    assert all((small <= large).all() for small, large in pairwise(sets))


SOME = DESIGN.cuts % 5 == 0


def fitted(y):
    """Return the fits at every fifth cut, for speed."""
    return cut_models(DESIGN.common, DESIGN.above[SOME], y, DESIGN.cluster)


WORLDS = {  # mean by visits, SD of the effect over clusters
    "no effect": (lambda v, t: 0.0 * t, 0.0),
    "flat": (lambda v, t: 0.5 * t, 0.0),
    "jump at 45": (lambda v, t: 0.8 * (v >= 45), 0.0),
    "effect differs between clusters": (lambda v, t: 0.5 * t, 0.25),
}


@pytest.fixture(scope="module", params=WORLDS)
def world(request):
    """Return for each study whether each band covers its whole truth, and the p of each test."""
    shape, effect_sd = WORLDS[request.param]
    mean = shape(DESIGN.visits, DESIGN.treated.astype(float))
    number = 10 + list(WORLDS).index(request.param)
    errors = noise(DESIGN, STUDIES, number=number, effect_sd=effect_sd)
    truth = {n: _truth(mean, c) for n, c in CONTRASTS.items()}
    covered, p = {n: [] for n in CONTRASTS}, {n: [] for n in CONTRASTS}
    for error in errors:
        fit = with_spectrum(fitted(mean + error))
        for name, contrast in CONTRASTS.items():
            band = cut_band(fit, contrast, draws=DRAWS)
            covered[name].append(bool(((band.low <= truth[name]) & (truth[name] <= band.high)).all()))
            p[name].append(band.p_any)
    return request.param, {n: np.mean(v) for n, v in covered.items()}, {n: np.array(v) for n, v in p.items()}


def _truth(mean, contrast):
    """Return what least squares finds at each cut without errors."""
    return contrast_estimate(fitted(mean + 1e-9 * noise(DESIGN, 1, number=9)[0]), contrast)


def test_the_band_covers_the_whole_truth_at_its_level(world):
    """At least 95 % less Monte-Carlo error; not far above it where there is no effect to inflate the null's draws."""
    name, covered, _ = world
    error = 4 * np.sqrt(0.05 * 0.95 / STUDIES)
    for share in covered.values():
        assert share > 0.95 - 0.01 - error
        assert name != "no effect" or share < 0.95 + 0.03 + error


def test_the_sup_test_holds_its_size_where_all_doses_are_alike_and_finds_a_jump(world):
    name, _, p = world
    rejected = np.mean(p["difference"] <= 0.05)
    error = 4 * np.sqrt(0.05 * 0.95 / STUDIES)
    if name == "jump at 45":
        assert rejected > 0.20
    else:
        assert rejected < 0.05 + 0.01 + error


@pytest.mark.parametrize("jump", [0.4, 0.8, 2.0])
def test_the_likelihood_set_holds_the_true_cut_at_least_at_its_level(jump):
    at = int(np.flatnonzero(DESIGN.cuts[SOME] == 50)[0])
    errors = noise(DESIGN, STUDIES, number=30 + int(10 * jump))
    kept = [cuts_kept(fitted(jump * (DESIGN.visits >= 50) + e))[at] for e in errors]
    assert np.mean(kept) > 0.95 - 4 * np.sqrt(0.05 * 0.95 / STUDIES)
