"""Agreement of coders against published and R numbers, theorems, and simulated videos."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa, fleiss_kappa

from mtb_eval.inference.agreement import exact_agreement, kappa, krippendorff_alpha
from mtb_eval.inference.internal_consistency import cronbach_alpha, omega
from mtb_eval.inference.reliability import FORMS, bootstrap_interval, icc, mean_squares, spearman_brown

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "icc_kappa.json").read_text())
SHROUT = pd.read_csv(REFERENCE / "shrout_fleiss.csv").to_numpy(dtype=float)
ANXIETY = pd.read_csv(REFERENCE / "anxiety.csv").to_numpy(dtype=float)
NAN = np.nan
KRIPPENDORFF = np.array(
    [
        [NAN, NAN, NAN, NAN, NAN, 3, 4, 1, 2, 1, 1, 3, 3, NAN, 3],
        [1, NAN, 2, 1, 3, 3, 4, 3, NAN, NAN, NAN, NAN, NAN, NAN, NAN],
        [NAN, NAN, 2, 1, 3, 4, 4, NAN, 2, 1, 1, 3, 3, NAN, 4],
    ]
).T


@pytest.mark.parametrize(("place", "form"), list(enumerate(["ICC(1,1)", "ICC(2,1)", "ICC(3,1)"])))
def test_single_ratings_are_psych_and_shrout_fleiss(place, form):
    found, r = icc(SHROUT, form), R["psych_ICC"]
    ours = [found.value, found.ci_low, found.ci_high, found.f, found.df1, found.df2, found.p]
    theirs = [r[k][place] for k in ("ICC", "lo", "hi", "F", "df1", "df2", "p")]
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)
    assert round(found.value, 2) == [0.17, 0.29, 0.71][place]
    assert found.warning == ""


@pytest.mark.parametrize(("place", "form"), list(enumerate(["ICC(1,k)", "ICC(2,k)", "ICC(3,k)"], start=3)))
def test_mean_ratings_are_psych(place, form):
    found, r = icc(SHROUT, form), R["psych_ICC"]
    np.testing.assert_allclose(
        [found.value, found.ci_low, found.ci_high], [r[k][place] for k in ("ICC", "lo", "hi")], rtol=1e-10
    )


def test_the_published_intervals_are_met_to_the_digits_printed():
    agreement, consistency = icc(SHROUT, "ICC(2,1)"), icc(SHROUT, "ICC(3,1)")
    assert [round(v, 2) for v in (agreement.ci_low, agreement.ci_high)] == [0.02, 0.76]
    assert [round(v, 2) for v in (consistency.ci_low, consistency.ci_high)] == [0.34, 0.95]


@pytest.mark.parametrize(("form", "name"), [("ICC(3,1)", "consistency"), ("ICC(2,1)", "agreement")])
def test_anxiety_is_irr(form, name):
    found, r = icc(ANXIETY, form), R["irr_anxiety"][name]
    np.testing.assert_allclose(
        [found.value, found.ci_low, found.ci_high], [r[k] for k in ("value", "lo", "hi")], rtol=1e-9
    )


def test_mean_squares_of_an_incomplete_table_are_those_of_least_squares():
    """Residual sums of squares of nested dummy models, and expected multipliers by their traces."""
    table = np.array([[1, 2, NAN], [NAN, 4, 3], [5, NAN, 6], [2, 2, NAN], [3, NAN, 5], [NAN, 1, 2.5]])
    video, coder = np.nonzero(np.isfinite(table))
    y, zv, zc = table[np.isfinite(table)], np.eye(6)[video], np.eye(3)[coder]

    def out(x):
        return np.eye(len(y)) - x @ np.linalg.pinv(x)

    both, of_v, of_c = out(np.hstack([zv, zc])), out(zv), out(zc)
    m = mean_squares(table)
    expected = [y @ of_c @ y - y @ both @ y, y @ of_v @ y - y @ both @ y, y @ both @ y]
    np.testing.assert_allclose([m.videos * 5, m.coders * 2, m.error * 4], expected, rtol=1e-10)
    np.testing.assert_allclose(m.per_video, np.trace(zv.T @ of_c @ zv) / 5, rtol=1e-12)
    np.testing.assert_allclose(m.per_coder, np.trace(zc.T @ of_v @ zc) / 2, rtol=1e-12)


def test_a_complete_table_has_the_textbook_multipliers():
    m = mean_squares(SHROUT)
    assert m.complete
    np.testing.assert_allclose([m.per_video, m.per_coder, m.per_video_raw], [4, 6, 4], rtol=1e-12)


def test_coder_leniency_lowers_agreement_not_consistency():
    moved = SHROUT + np.array([0, 3, -2, 5])
    assert icc(moved, "ICC(3,1)").value == pytest.approx(icc(SHROUT, "ICC(3,1)").value, rel=1e-12)
    lined_up = SHROUT - SHROUT.mean(axis=0)
    assert icc(lined_up, "ICC(2,1)").value > icc(SHROUT, "ICC(2,1)").value


@pytest.mark.parametrize("form", FORMS)
def test_unit_and_order_of_videos_and_coders_do_not_matter(form):
    table = np.where(np.random.default_rng(1).random((30, 4)) < 0.3, np.nan, _videos(np.random.default_rng(2), 30, 4))
    rng = np.random.default_rng(3)
    other = 7 - 2.5 * table[rng.permutation(30)][:, rng.permutation(4)]
    a, b = icc(table, form), icc(other, form)
    np.testing.assert_allclose([a.value, a.ci_low, a.ci_high], [b.value, b.ci_low, b.ci_high], rtol=1e-9)


def test_videos_with_one_rating_do_not_count():
    alone = np.full((3, 4), np.nan)
    alone[:, 1] = [1, 5, 9]
    assert icc(np.vstack([SHROUT, alone]), "ICC(2,1)") == icc(SHROUT, "ICC(2,1)")


def test_spearman_brown_of_two_halves():
    assert spearman_brown(0.5, 2) == pytest.approx(2 / 3)
    assert spearman_brown(0.3, 1) == pytest.approx(0.3)


@pytest.mark.parametrize("pairs_only", [False, True])
def test_icc_covers_what_it_estimates(pairs_only):
    """Coders as drawn: the consistency interval is exact when complete, near 95 % when each video has two of three."""
    n = 2000 if os.environ.get("MTB_EVAL_FULL") else 400
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(n):
        table = _videos(rng, 40, 3)
        if pairs_only:
            table[np.arange(40), np.arange(40) % 3] = np.nan
        found = icc(table, "ICC(3,1)")
        covered += found.ci_low <= 1 / 1.5 <= found.ci_high
    assert abs(covered / n - 0.95) < 4 * np.sqrt(0.95 * 0.05 / n) + 0.005 * pairs_only


def test_agreement_interval_with_three_coders_drawn_anew():
    """ICC(2,1) with random coders: McGraw & Wong's interval is approximate, near its level."""
    n = 2000 if os.environ.get("MTB_EVAL_FULL") else 400
    rng = np.random.default_rng(12)
    truth = 1 / (1 + 0.1 + 0.5)
    found = [icc(_videos(rng, 40, 3, coder_sd=np.sqrt(0.1)), "ICC(2,1)") for _ in range(n)]
    covered = np.mean([f.ci_low <= truth <= f.ci_high for f in found])
    assert covered > 0.95 - 4 * np.sqrt(0.95 * 0.05 / n) - 0.02


def test_bootstrap_interval_holds_the_estimate_and_repeats_with_the_same_generator():
    table = _videos(np.random.default_rng(4), 50, 2)

    def statistic(t):
        return icc(t, "ICC(2,1)").value

    first, again = (bootstrap_interval(table, statistic, rng=np.random.default_rng(5), draws=200) for _ in range(2))
    assert first == again
    assert first[0] < statistic(table) < first[1]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (np.array([[1.0, 2, 3]]), "2 videos"),
        (np.array([[1.0, NAN], [2, NAN]]), "2 videos"),
        (np.array([[1, 2, NAN, NAN], [2, 3, NAN, NAN], [NAN, NAN, 4, 5], [NAN, NAN, 1, 2]], dtype=float), "not linked"),
        (np.ones((5, 2)), "do not vary"),
    ],
)
def test_what_cannot_be_estimated_is_said(table, words):
    with pytest.raises(ValueError, match=words):
        icc(table, "ICC(2,1)")


@pytest.mark.parametrize(("metric", "value"), [("nominal", 0.6914), ("ordinal", 0.8067), ("interval", 0.8108)])
def test_krippendorffs_own_example(metric, value):
    assert round(krippendorff_alpha(KRIPPENDORFF, metric), 4) == value


@pytest.mark.parametrize(("metric", "key"), [("ordinal", "kripp_ordinal"), ("interval", "kripp_interval")])
def test_krippendorff_is_irr_up_to_its_number_of_values(metric, key):
    """irr counts complete ratings by three coders twice in its n; the same table twice over has that n."""
    assert krippendorff_alpha(np.vstack([ANXIETY, ANXIETY]), metric) == pytest.approx(R[key], rel=1e-10)


def test_interval_alpha_of_a_complete_table_is_one_minus_a_ratio_of_variances():
    within = mean_squares(ANXIETY).within
    expected = 1 - within / np.var(ANXIETY, ddof=1)
    assert krippendorff_alpha(ANXIETY, "interval") == pytest.approx(expected, rel=1e-12)


def test_nominal_alpha_nears_fleiss_kappa_in_large_tables():
    """With n values, alpha = 1 - (1 - 1/n)(1 - kappa): Krippendorff's correction for small samples."""
    table = np.random.default_rng(6).integers(1, 4, size=(40, 3)).astype(float)
    counts = (table[:, :, None] == np.array([1, 2, 3])).sum(axis=1)
    expected = 1 - (1 - 1 / table.size) * (1 - fleiss_kappa(counts, method="fleiss"))
    assert krippendorff_alpha(table, "nominal") == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("weights", "key"), [("quadratic", "kappa2_anx_squared"), ("linear", "kappa2_anx_linear")])
def test_weighted_kappa_is_irr(weights, key):
    assert kappa(ANXIETY[:, :2], weights=weights).value == pytest.approx(R[key], rel=1e-12)


def test_plain_kappa_of_diagnoses_is_irr():
    names = pd.read_csv(REFERENCE / "diagnoses.csv")
    codes = names[["rater1", "rater2"]].apply(lambda c: c.str[0].astype(float)).to_numpy()
    assert kappa(codes, weights="none").value == pytest.approx(R["kappa2_diag"]["value"], rel=1e-12)


@pytest.mark.parametrize(("weights", "theirs"), [("quadratic", "quadratic"), ("linear", "linear"), ("none", None)])
def test_kappa_and_its_error_are_statsmodels(weights, theirs):
    """The jackknife and the large-sample error agree to first order."""
    latent = np.random.default_rng(7).normal(size=(400, 1)) + 0.7 * np.random.default_rng(8).normal(size=(400, 2))
    table = np.clip(np.round(latent + 3), 1, 5)
    counts = np.array([[np.sum((table[:, 0] == a) & (table[:, 1] == b)) for b in range(1, 6)] for a in range(1, 6)])
    other = cohens_kappa(counts, wt=theirs)
    found = kappa(table, weights=weights)
    assert found.value == pytest.approx(other.kappa, rel=1e-10)
    assert found.se == pytest.approx(np.sqrt(other.var_kappa), rel=0.03)


def test_jackknife_of_kappa_is_the_plain_one():
    table = ANXIETY[:, :2]
    without = np.array([kappa(np.delete(table, i, axis=0)).value for i in range(len(table))])
    se = np.sqrt((len(table) - 1) / len(table) * np.sum((without - without.mean()) ** 2))
    assert kappa(table).se == pytest.approx(se, rel=1e-12)


def test_kappa_over_pairs_of_coders_is_their_weighted_mean():
    """Two pairs of coders who never meet: sum of excess agreement over sum of what was possible."""
    a, b = ANXIETY[:12, :2], ANXIETY[12:, 1:]
    table = np.full((20, 4), np.nan)
    table[:12, :2], table[12:, 2:] = a, b
    parts = [(kappa(x, weights="linear"), x) for x in (a, b)]
    reach = np.array([np.ptp(x) for x in (a, b)]) / np.ptp(np.vstack([a, b]))
    excess = [p.n_pairs * (p.observed - p.expected) * s for (p, _), s in zip(parts, reach, strict=True)]
    possible = [p.n_pairs * (1 - p.expected) * s for (p, _), s in zip(parts, reach, strict=True)]
    assert kappa(table, weights="linear").value == pytest.approx(sum(excess) / sum(possible), rel=1e-12)


def test_plain_agreement():
    table = np.array([[1, 1, NAN], [2, NAN, 3], [5, 1, 4]], dtype=float)
    assert exact_agreement(table) == pytest.approx(1 / 5)
    assert exact_agreement(table, within=1) == pytest.approx(3 / 5)
    assert np.isnan(exact_agreement(np.array([[1.0, NAN]])))


def test_kappa_without_pairs_or_variation_is_an_error():
    with pytest.raises(ValueError, match="no video"):
        kappa(np.array([[1.0, NAN], [NAN, 2.0]]))
    with pytest.raises(ValueError, match="alike"):
        kappa(np.ones((4, 2)))


def test_alpha_is_consistency_of_the_mean_and_feldt_is_its_interval():
    """Cronbach's alpha of items is ICC(3,k) of coders, interval included."""
    alpha, low, high = cronbach_alpha(SHROUT)
    found = icc(SHROUT, "ICC(3,k)")
    np.testing.assert_allclose([alpha, low, high], [found.value, found.ci_low, found.ci_high], rtol=1e-10)


def test_omega_finds_the_loadings_of_one_factor():
    """Exact correlations of one factor: omega of their population; equal loadings give alpha."""
    loading = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    r = np.outer(loading, loading) + np.diag(1 - loading**2)
    items = _with_covariance(r, 200)
    expected = loading.sum() ** 2 / (loading.sum() ** 2 + np.sum(1 - loading**2))
    assert omega(items) == pytest.approx(expected, abs=1e-6)
    equal = _with_covariance(0.4 + 0.6 * np.eye(4), 100)
    assert omega(equal) == pytest.approx(cronbach_alpha(equal)[0], abs=1e-6)


def test_omega_says_why_not():
    with pytest.raises(ValueError, match="3 items"):
        omega(SHROUT[:, :2])
    with pytest.raises(ValueError, match="do not vary"):
        omega(np.column_stack([np.ones(50), np.random.default_rng(9).normal(size=(50, 3))]))


def _videos(rng: np.random.Generator, n: int, k: int, *, coder_sd: float = 0.3) -> np.ndarray:
    """Video variance 1, error variance .5."""
    coder = coder_sd * rng.standard_normal(k)
    return rng.standard_normal((n, 1)) + coder + np.sqrt(0.5) * rng.standard_normal((n, k))


def _with_covariance(s: np.ndarray, n: int) -> np.ndarray:
    """Rows whose sample covariance is exactly s."""
    z = stats.zscore(np.random.default_rng(10).standard_normal((n, len(s))), ddof=1)
    z = z @ np.linalg.inv(np.linalg.cholesky(np.cov(z, rowvar=False))).T
    return z @ np.linalg.cholesky(s).T
