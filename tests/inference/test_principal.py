"""Principal scores: R, what weights and departures must do, and what they recover when selection is known."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special

from mtb_eval.inference.ols import contrast_estimate
from mtb_eval.inference.principal import (
    Departure,
    Strata,
    departed,
    principal_fit,
    principal_jackknife,
    principal_scores,
    stratum_weights,
    trimmed_weights,
)
from mtb_eval.inference.sandwich import cluster_robust

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "made_dose.json").read_text())
TOY = pd.read_csv(REFERENCE / "mtbtoy.csv")
Y = TOY["y"].to_numpy()
STUDIES = 1000 if os.environ.get("MTB_EVAL_FULL") else 120


def toy_strata(prior_sd=np.inf):
    treated = TOY["treat"].to_numpy() == 1
    ones = np.ones(len(TOY))
    return Strata(
        treated=treated,
        high=treated & (TOY["visits"].to_numpy() >= 60),
        cluster=TOY["muni"].to_numpy(dtype=str),
        x=np.column_stack([ones, TOY[["y0", "x"]].to_numpy()]),
        prior_sd=np.array([np.inf, prior_sd, prior_sd]),
        design=np.column_stack([TOY["treat"], ones, TOY[["y0", "x", "cal"]].to_numpy()]),
    )


TREATMENT = np.eye(5)[0]


def test_without_a_prior_the_score_is_rs_logit():
    np.testing.assert_allclose(principal_scores(toy_strata())[:10], R["score"], rtol=1e-8)


@pytest.mark.parametrize("k", [0, 1])
def test_weighted_effects_are_clubsandwich_on_weighted_lm(k):
    strata, r = toy_strata(), R["principal"][k]
    fit = principal_fit(strata, Y, principal_scores(strata), r["kind"], (Departure(),))
    found = cluster_robust(fit, TREATMENT, kind="CR2")
    np.testing.assert_allclose([found.estimate[0], found.se[0]], [r["estimate"], r["se"]], rtol=1e-7)
    assert found.df[0] == pytest.approx(r["df"], rel=2e-4)  # R's df move in the fourth digit with rounding of weights
    assert found.df[0] == pytest.approx(written_out_df(strata, r["kind"]), rel=1e-7)


def written_out_df(strata, kind):
    """Return the Satterthwaite df of CR2 with every n x n matrix formed (Pustejovsky & Tipton 2018, equation 11)."""
    weights = stratum_weights(strata, principal_scores(strata), kind)
    kept = weights > 0
    x, w, cluster = strata.design[kept], weights[kept], strata.cluster[kept]
    bread = np.linalg.inv(x.T @ (w[:, None] * x))
    maker = np.eye(kept.sum()) - x @ bread @ (x.T * w)
    rows = []
    for g in np.unique(cluster):
        own = np.flatnonzero(cluster == g)
        values, vectors = np.linalg.eigh(maker[own] @ maker[own].T)
        root = np.where(values > 1e-9, np.abs(values).clip(1e-300) ** -0.5, 0.0)
        rows.append(maker[own].T @ (vectors @ (root * (vectors.T @ (w[own] * (x[own] @ bread[:, 0]))))))
    p = np.array(rows) @ np.array(rows).T
    return np.trace(p) ** 2 / np.sum(p**2)


def test_the_jackknife_fits_score_and_outcome_again_without_each_cluster():
    found = principal_jackknife(toy_strata(), Y, (Departure(),))
    low, high = (next(r for r in R["principal"] if r["kind"] == k) for k in ("low", "high"))
    for name, r in (("high", high), ("low", low)):
        variance = 9 / 10 * np.sum((np.array(r["loo"]) - r["estimate"]) ** 2)
        assert found[name].se[0] == pytest.approx(np.sqrt(variance), rel=1e-6)
        assert found[name].df[0] == pytest.approx(r["df"], rel=2e-4)
    apart = np.array(high["loo"]) - low["loo"] - (high["estimate"] - low["estimate"])
    assert found["difference"].estimate[0] == pytest.approx(high["estimate"] - low["estimate"], rel=1e-6)
    assert found["difference"].se[0] == pytest.approx(np.sqrt(9 / 10 * np.sum(apart**2)), rel=1e-5)


def test_quick_slopes_are_those_of_the_weighted_fit():
    strata = toy_strata(1.0)
    departures = (Departure(), Departure(difference=0.7), Departure(difference=-1.0))
    found = principal_jackknife(strata, Y, departures)
    for kind in ("high", "low"):
        fit = principal_fit(strata, Y, principal_scores(strata), kind, departures)
        np.testing.assert_allclose(found[kind].estimate, contrast_estimate(fit, TREATMENT), rtol=1e-9)


def test_a_score_that_is_the_same_for_all_leaves_usual_care_unweighted():
    strata = toy_strata(1e-6)
    score = principal_scores(strata)
    assert np.ptp(score) < 1e-6
    weights = stratum_weights(strata, score, "high")
    kept = strata.high | ~strata.treated
    plain = np.linalg.lstsq(strata.design[kept], Y[kept], rcond=None)[0][0]
    fit = principal_fit(strata, Y, score, "high", (Departure(),))
    assert contrast_estimate(fit, TREATMENT)[0] != pytest.approx(plain, rel=1e-6)  # weight share, not 1
    ones = principal_fit(strata, Y, np.where(score > 0, 1.0, 1.0), "high", (Departure(),))
    assert contrast_estimate(ones, TREATMENT)[0] == pytest.approx(plain, rel=1e-9)
    assert np.unique(weights[strata.treated]).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("ratio", [0.5, 0.8, 1.0, 1.5, 2.0])
def test_a_ratio_splits_each_mean_into_two_with_that_ratio(ratio):
    e, y = np.linspace(0.05, 0.95, 19), np.linspace(1, 9, 19)
    untreated = np.zeros(19, dtype=bool)
    high, low = (departed(y, e, untreated, k, Departure(ratio=ratio)) for k in ("high", "low"))
    np.testing.assert_allclose(high / low, ratio)
    np.testing.assert_allclose(e * high + (1 - e) * low, y)
    np.testing.assert_array_equal(departed(y, e, ~untreated, "high", Departure(ratio=ratio)), y)


@pytest.mark.parametrize("difference", [-3.0, 0.0, 1.0])
def test_a_difference_splits_each_mean_into_two_with_that_difference(difference):
    e, y = np.linspace(0.05, 0.95, 19), np.linspace(-4, 9, 19)
    untreated = np.zeros(19, dtype=bool)
    high, low = (departed(y, e, untreated, k, Departure(difference=difference)) for k in ("high", "low"))
    np.testing.assert_allclose(high - low, difference)
    np.testing.assert_allclose(e * high + (1 - e) * low, y)


def test_ratios_are_refused_where_they_have_no_sense():
    y, e, nobody = np.array([-1.0, 2.0]), np.full(2, 0.5), np.zeros(2, dtype=bool)
    with pytest.raises(ValueError, match="negative values"):
        departed(y, e, nobody, "high", Departure(ratio=2.0))
    with pytest.raises(ValueError, match="must be positive"):
        departed(y, e, nobody, "high", Departure(ratio=0.0))


def test_trimming_keeps_the_share_from_each_end_by_hand():
    treated = np.array([True, True, *[False] * 5])
    strata = Strata(
        treated=treated,
        high=np.array([True, False, *[False] * 5]),
        cluster=np.array(["a"] * 7),
        x=np.ones((7, 1)),
        prior_sd=np.array([np.inf]),
        design=np.column_stack([treated, np.ones(7)]).astype(float),
    )
    values = np.array([9.0, 9.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    least, greatest = trimmed_weights(strata, values, 0.6)
    np.testing.assert_allclose(least, [1, 0, 0, 0, 1, 1, 1])
    np.testing.assert_allclose(greatest, [1, 0, 1, 1, 1, 0, 0])
    both = trimmed_weights(strata, values, 1.0)
    np.testing.assert_array_equal(both[0], both[1])


def selected_study(rng, *, effects, hidden=0.0):
    """Return strata and outcome of 400 rows: x moves being high and the outcome; `hidden` shifts would-be high rows."""
    n = 400
    cluster = rng.integers(0, 10, n)
    x = rng.standard_normal(n)
    treated = rng.random(n) < 0.6
    would = rng.random(n) < special.expit(0.6 + 1.2 * x)
    y = 1.0 * x + hidden * would + 0.2 * rng.standard_normal(10)[cluster] + rng.standard_normal(n)
    y = y + treated * np.where(would, *effects)
    design = np.column_stack([treated, np.ones(n)]).astype(float)
    strata = Strata(
        treated=treated,
        high=treated & would,
        cluster=cluster.astype(str),
        x=np.column_stack([np.ones(n), x]),
        prior_sd=np.array([np.inf, 2.5]),
        design=design,
    )
    return strata, y


def test_selection_on_what_is_measured_is_undone_and_intervals_cover():
    """Effects .5 on the high and 0 on the low; the unweighted comparisons are off by the selection."""
    rng = np.random.default_rng([20241129, 5])
    truth = {"high": 0.5, "low": 0.0, "difference": 0.5}
    hit, crude, estimates = {k: [] for k in truth}, [], {k: [] for k in truth}
    for _ in range(STUDIES):
        strata, y = selected_study(rng, effects=(0.5, 0.0))
        found = principal_jackknife(strata, y, (Departure(),))
        crude.append(y[strata.high].mean() - y[~strata.treated].mean() - 0.5)
        for name, value in truth.items():
            hit[name].append(found[name].ci_low[0] <= value <= found[name].ci_high[0])
            estimates[name].append(found[name].estimate[0])
    error = 4 * np.sqrt(0.05 * 0.95 / STUDIES)
    assert np.mean(crude) > 0.3
    for name, value in truth.items():
        spread = np.std(estimates[name]) / np.sqrt(STUDIES)
        assert abs(np.mean(estimates[name]) - value) < 4 * spread + 0.02  # the prior shrinks the score a little
        assert np.mean(hit[name]) > 0.95 - 0.01 - error


def test_selection_on_what_is_not_measured_is_undone_by_the_right_departure_only():
    rng = np.random.default_rng([20241129, 6])
    off, right = [], []
    for _ in range(STUDIES):
        strata, y = selected_study(rng, effects=(0.0, 0.0), hidden=0.8)
        found = principal_jackknife(strata, y, (Departure(), Departure(difference=0.8)))
        off.append(found["high"].estimate[0])
        right.append(found["high"].estimate[1])
    assert np.mean(off) > 0.15
    assert abs(np.mean(right)) < 4 * np.std(right) / np.sqrt(STUDIES) + 0.02
