"""Theorems about the random-intercept model: exact designs, invariances, the boundary, the optimum, bad input."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from mtb_eval.inference.chunks import cross_from_chunks
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.kenward_roger import kenward_roger, kenward_roger_joint
from mtb_eval.inference.mixed import fit_mixed, mixed_satterthwaite, mixed_z
from mtb_eval.inference.mixed_interval import icc_interval, variance_ratio_interval
from mtb_eval.inference.mixed_profile import Profile, criterion, criterion_on_grid, profile_minimum, profile_of
from mtb_eval.inference.mixed_sandwich import mixed_cr2
from mtb_eval.inference.mixed_spectral import spectral_form

TESTS = (mixed_z, mixed_satterthwaite, kenward_roger, mixed_cr2, lambda m, _: icc_interval(m))
FIELDS = ("estimate", "se", "df", "ci_low", "ci_high", "p")


def _two_arms(seed, *, clusters=10, size=7, sd=1.0):
    """Return X, y and cluster of a balanced trial in which whole clusters are assigned."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(clusters), size)
    arm = (np.arange(clusters) % 2).astype(float)
    y = 3 + 0.4 * arm[cluster] + sd * rng.standard_normal(clusters)[cluster] + rng.standard_normal(cluster.size)
    return np.column_stack([np.ones(cluster.size), arm[cluster]]), y, cluster


def _study(seed, outcomes=1):
    """Return X, y and cluster of an unbalanced study in which the treatment varies within clusters."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(9), [4, 6, 9, 12, 15, 20, 24, 30, 36])
    n = cluster.size
    x = np.column_stack([np.ones(n), rng.integers(0, 2, n), rng.standard_normal(n), rng.random(9)[cluster]])
    y = x @ [5.0, 0.3, 0.5, -1.0] + 0.7 * rng.standard_normal((outcomes, 9))[:, cluster]
    return x, y + rng.standard_normal((outcomes, n)), cluster


@pytest.mark.parametrize("seed", range(5))
def test_in_a_balanced_cluster_trial_every_correction_is_the_t_test_of_the_cluster_means(seed):
    x, y, cluster = _two_arms(seed)
    m = fit_mixed(cross_products(x, y, cluster))
    means = y.reshape(10, 7).mean(axis=1)
    exact = stats.ttest_ind(means[1::2], means[::2])
    assert not m.boundary
    for test in (mixed_satterthwaite, kenward_roger, mixed_cr2):
        result = test(m, np.array([0.0, 1.0]))
        np.testing.assert_allclose([result.df, result.p], [8, exact.pvalue], rtol=1e-9)
        np.testing.assert_allclose(result.estimate / result.se, exact.statistic, rtol=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_in_a_balanced_block_design_kenward_roger_is_the_within_block_t_test(seed):
    rng = np.random.default_rng(seed)
    cluster, arm = np.repeat(np.arange(8), 6), np.tile([0.0, 1.0], 24)
    y = arm + 2 * rng.standard_normal(8)[cluster] + rng.standard_normal(48)
    result = kenward_roger(
        fit_mixed(cross_products(np.column_stack([np.ones(48), arm]), y, cluster)), np.array([0, 1.0])
    )
    blocks = np.column_stack([arm, cluster[:, None] == np.arange(8)])
    b, rss = np.linalg.lstsq(blocks, y, rcond=None)[:2]
    se = np.sqrt(rss[0] / 39 * np.linalg.inv(blocks.T @ blocks)[0, 0])
    np.testing.assert_allclose([result.estimate, result.se, result.df], [b[0], se, 39], rtol=1e-9)


def test_a_joint_test_in_a_balanced_design_is_the_exact_f_test_also_at_two_df():
    rng = np.random.default_rng(11)
    cluster = np.repeat(np.arange(5), 4)
    x = np.column_stack([np.ones(20), cluster[:, None] == [1, 2], np.tile([0, 1.0, 0, 1], 5)]).astype(float)
    x[cluster == 4, 1], x[cluster == 3, 2] = 1.0, 1.0  # arms of 1, 2 and 2 clusters: 2 df are left between clusters
    y = 3 * rng.standard_normal(5)[cluster] + rng.standard_normal(20)
    means = y.reshape(5, 4).mean(axis=1)
    exact = stats.f_oneway(means[[0]], means[[1, 4]], means[[2, 3]])
    test = kenward_roger_joint(fit_mixed(cross_products(x, y, cluster)), np.eye(4)[[1, 2]])
    np.testing.assert_allclose([test.df_den, test.scale, test.f, test.p], [2, 1, *exact], rtol=1e-9)


@pytest.mark.parametrize("ratio", 10.0 ** np.arange(-4, 9))
def test_the_variances_are_the_closed_form_of_balanced_data_over_twelve_decades(ratio):
    rng = np.random.default_rng(3)
    x, _, cluster = _two_arms(0)
    within = rng.standard_normal((10, 7))
    within -= within.mean(axis=1, keepdims=True)
    between = rng.standard_normal(10)
    between -= np.where(np.arange(10) % 2, between[1::2].mean(), between[::2].mean())
    residual = np.sum(within**2) / 60
    between *= np.sqrt(residual * (1 + 7 * ratio) / (7 * np.sum(between**2) / 8))
    m = fit_mixed(cross_products(x, (within + between[:, None]).ravel(), cluster))
    lost = 1e-15 * max(1 / ratio, ratio)  # digits of the data beyond double precision
    np.testing.assert_allclose(m.theta, ratio, rtol=1e-11 + 10 * lost)
    np.testing.assert_allclose(m.var_residual, residual, rtol=1e-11 + 10 * lost)
    np.testing.assert_allclose(kenward_roger(m, np.array([0, 1.0])).df, 8, rtol=1e-11)


def test_at_a_zero_variance_the_model_is_least_squares_with_a_flag():
    x, _, cluster = _two_arms(0)
    y = np.tile(np.linspace(-1, 1, 7), 10) + x[:, 1]  # cluster means that agree more than by chance
    m = fit_mixed(cross_products(x, y, cluster))
    rss = np.sum(np.square(y - x @ np.linalg.lstsq(x, y, rcond=None)[0]))
    assert m.boundary
    assert m.theta == m.var_cluster == m.icc == 0
    assert "zero" in m.warning
    np.testing.assert_allclose(m.var_residual, rss / 68, rtol=1e-12)
    np.testing.assert_allclose(m.cov, rss / 68 * np.linalg.inv(x.T @ x), rtol=1e-10)
    satterthwaite, kr = (f(m, np.array([0, 1.0])) for f in (mixed_satterthwaite, kenward_roger))
    assert satterthwaite.df == 68
    assert "zero" in satterthwaite.warning
    assert 0 < kr.df < 68
    interval = variance_ratio_interval(m)
    assert interval.ci_low == 0 < interval.ci_high
    assert interval.p == 1


def _dense_minimum(profile, points=4001):
    grid = profile.theta(np.linspace(0, 28, points))
    pieces = [
        criterion_on_grid(profile.rows(slice(i, i + 250)), grid).min(axis=1) for i in range(0, profile.rss.size, 250)
    ]
    return np.concatenate(pieces)


def _profile(cross):
    return profile_of(spectral_form(cross), columns=cross.n_columns, reml=True)


@pytest.mark.parametrize("variance", [0.0, 1e-6, 1e-3, 0.01])
def test_ten_thousand_fits_at_and_near_a_zero_variance_reach_the_optimum(variance):
    x, _, cluster = _study(1)
    rng = np.random.default_rng(8)
    noise = rng.standard_normal((10_000, cluster.size))
    cross = cross_products(x, noise + np.sqrt(variance) * rng.standard_normal((10_000, 9))[:, cluster], cluster)
    m, profile = fit_mixed(cross), _profile(cross)
    assert np.isfinite(m.theta).all()
    assert 0.05 < m.boundary.mean() < 0.8
    reached = criterion(profile, m.theta)
    assert np.all(reached <= _dense_minimum(profile, 801) + 1e-9)
    assert np.all(reached <= 0)


def test_the_lowest_of_several_minima_is_found():
    rng = np.random.default_rng(5)
    several = 0
    for _ in range(20):
        k, entries = int(rng.integers(2, 12)), 500
        d = np.exp(rng.uniform(np.log(1e-2), np.log(50), k))
        eta2, within = np.exp(rng.normal(0, 3, (entries, k))), np.exp(rng.normal(0, 2, entries))
        m = np.full(entries, float(k + rng.integers(1, 60)))
        for h in (d, d * rng.uniform(1, 3, k)):  # REML, and what ML has in its place
            profile = Profile(
                d=d, h=h, mult=np.ones(k), q2=eta2 * d, rss=eta2.sum(axis=1) + within * (m - k), m=m, kappa=h.max()
            )
            theta, count = profile_minimum(profile)
            assert np.all(criterion(profile, theta) <= _dense_minimum(profile) + 1e-9)
            several += int(np.sum(count > 1))
    assert several > 2000


def _assert_same(a, b, contrast, other=None, *, rtol=1e-9, scale=1.0):
    for test in TESTS:
        first, second = test(a, contrast), test(b, contrast if other is None else other)
        factor = 1.0 if test is TESTS[-1] else scale
        for field in FIELDS:
            by = factor if field in ("estimate", "se", "ci_low", "ci_high") else 1.0
            np.testing.assert_allclose(by * getattr(first, field), getattr(second, field), rtol=rtol, atol=1e-12)


def test_order_of_rows_and_labels_do_not_matter():
    x, y, cluster = _study(2)
    order = np.random.default_rng(0).permutation(cluster.size)
    names = np.array([f"municipality {9 - g}" for g in cluster])
    a, b = fit_mixed(cross_products(x, y, cluster)), fit_mixed(cross_products(x[order], y[:, order], names[order]))
    _assert_same(a, b, np.array([0, 1.0, 0, 0]))
    np.testing.assert_allclose(a.loglik, b.loglik, rtol=1e-12)


def test_units_and_origin_of_the_outcome_do_not_matter():
    x, y, cluster = _study(3)
    a, b = fit_mixed(cross_products(x, y, cluster)), fit_mixed(cross_products(x, -1e6 * y + 1e7, cluster))
    mirrored = fit_mixed(cross_products(x, -y, cluster))
    _assert_same(mirrored, b, np.array([0, 1.0, 0, 0]), scale=1e6)
    np.testing.assert_allclose(a.theta, b.theta, rtol=1e-9)


def test_a_contrast_does_not_depend_on_how_the_columns_are_written():
    x, y, cluster = _study(4)
    turn = np.array([[1.0, 0, 0, 2000], [0, 3, 0, 1], [0, -1, 1e-3, 0], [0, 0, 0, 1]])
    a, b = fit_mixed(cross_products(x, y, cluster)), fit_mixed(cross_products(x @ turn, y, cluster))
    contrast = np.array([0, 1.0, 0, 0.5])
    _assert_same(a, b, contrast, turn.T @ contrast)
    np.testing.assert_allclose(b.loglik - a.loglik, -np.log(abs(np.linalg.det(turn))), rtol=1e-9)
    rows = np.eye(4)[[1, 2]]
    np.testing.assert_allclose(
        [kenward_roger_joint(a, rows).p, kenward_roger_joint(a, rows).df_den],
        [kenward_roger_joint(b, rows @ turn).p, kenward_roger_joint(b, rows @ turn).df_den],
        rtol=1e-9,
    )


def test_a_batch_is_its_entries_also_where_outcomes_miss_different_rows():
    x, y, cluster = _study(5, outcomes=6)
    y[2:, ::5] = np.nan
    y[4, cluster == 3] = np.nan
    whole = fit_mixed(cross_products(x, y.reshape(2, 3, -1), cluster))
    assert whole.theta.shape == (2, 3)
    contrast = np.array([0, 1.0, 0, 0])
    results = [test(whole, contrast) for test in TESTS]
    joint = kenward_roger_joint(whole, np.eye(4)[[1, 3]])
    for i, at in enumerate(np.ndindex(2, 3)):
        seen = ~np.isnan(y[i])
        one = fit_mixed(cross_products(x[seen], y[i, seen], cluster[seen]))
        np.testing.assert_allclose(whole.loglik[at], one.loglik, rtol=1e-11)
        np.testing.assert_allclose(whole.cov[at], one.cov, rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(joint.p[at], kenward_roger_joint(one, np.eye(4)[[1, 3]]).p, rtol=1e-9)
        for test, result in zip(TESTS, results, strict=True):
            for field in FIELDS:
                np.testing.assert_allclose(
                    getattr(result, field)[at], getattr(test(one, contrast), field), rtol=1e-9, atol=1e-12
                )


def test_sums_over_chunks_of_rows_give_the_same_fit():
    x, y, cluster = _study(6)
    cut = np.random.default_rng(1).integers(0, 3, cluster.size)
    parts = [(x[cut == i], y[:, cut == i], cluster[cut == i]) for i in range(3)]
    _assert_same(
        fit_mixed(cross_products(x, y, cluster)), fit_mixed(cross_from_chunks(parts)), np.array([0, 1.0, 0, 0])
    )


def test_two_thousand_clusters_cost_no_more_than_their_sizes():
    rng = np.random.default_rng(2)
    cluster = np.repeat(np.arange(2000), np.tile([1, 2, 3, 5], 500))
    x = np.column_stack([np.ones(cluster.size), rng.integers(0, 2, 2000)[cluster], rng.standard_normal(cluster.size)])
    y = rng.standard_normal(2000)[cluster] + rng.standard_normal(cluster.size)
    m = fit_mixed(cross_products(x, y, cluster))
    assert m.form.d.shape[-1] <= 4 * 4
    np.testing.assert_allclose(m.theta, 1, atol=0.3)  # five standard errors
    np.testing.assert_allclose(kenward_roger(m, np.array([0, 1.0, 0])).se, 0.0577, rtol=0.1)


@pytest.mark.parametrize(
    ("columns", "outcome", "cluster", "reason"),
    [
        ("x", "y", "one", "fewer than two clusters"),
        ("x", "y", "singletons", "no row is left within clusters"),
        ("dummies", "y", "six", "determine every cluster mean"),
        ("twice", "y", "six", "collinear: 2 depend"),
        ("x", "line", "six", "fit the outcome exactly"),
        ("x", "constant", "six", "fit the outcome exactly"),
        ("x", "means", "six", "does not vary within clusters"),
        ("many", "y", "six", "not more rows than columns"),
    ],
)
def test_a_model_that_is_not_identified_is_one_clear_error(columns, outcome, cluster, reason):
    rng = np.random.default_rng(0)
    g = np.repeat(np.arange(6), 5)
    x, y = rng.standard_normal(30), rng.standard_normal(30)
    design = {
        "x": np.column_stack([np.ones(30), x]),
        "dummies": (g[:, None] == np.arange(6)).astype(float),
        "twice": np.column_stack([np.ones(30), x, 2 * x]),
        "many": rng.standard_normal((30, 30)),
    }[columns]
    y = {"y": y, "line": 2 + 3 * x, "constant": np.full(30, 4.0), "means": g.astype(float)}[outcome]
    labels = {"one": np.zeros(30), "singletons": np.arange(30), "six": g}[cluster]
    with pytest.raises(ValueError, match=reason):
        fit_mixed(cross_products(design, y, labels))


def test_in_a_batch_what_cannot_be_fitted_is_nan_and_counted_and_leaves_the_rest_alone():
    x, y, cluster = _study(7, outcomes=5)
    alone = kenward_roger(fit_mixed(cross_products(x, y[0], cluster)), np.array([0, 1.0, 0, 0]))
    y[1] = 3.0
    y[2, cluster > 0] = np.nan
    y[3] = cluster
    cross = cross_products(x, y, cluster)
    cross = replace(cross, yy=np.where(np.arange(5)[:, None] == 4, np.nan, cross.yy))
    m = fit_mixed(cross)
    assert np.isnan(m.theta).tolist() == [False, True, True, True, True]
    assert "of 5" in m.warning
    for word in (
        "exactly (1)",
        "fewer than two clusters with rows (1)",
        "within clusters about",
        "NaN or infinite (1)",
    ):
        assert word in m.warning
    for test in TESTS:
        p = test(m, np.array([0, 1.0, 0, 0])).p
        assert np.isnan(p).tolist() == [False, True, True, True, True]
    assert np.isnan(kenward_roger_joint(m, np.eye(4)[[1, 2]]).p).tolist() == [False, True, True, True, True]
    np.testing.assert_allclose(kenward_roger(m, np.array([0, 1.0, 0, 0])).p[0], alone.p, rtol=1e-9)


def test_questions_without_an_answer_are_refused():
    x, y, cluster = _study(8)
    cross = cross_products(x, y, cluster)
    with pytest.raises(ValueError, match="reml=True"):
        kenward_roger(fit_mixed(cross, reml=False), np.array([0, 1.0, 0, 0]))
    with pytest.raises(ValueError, match="4 columns"):
        mixed_z(fit_mixed(cross), np.array([0, 1.0]))
    with pytest.raises(ValueError, match="linearly independent"):
        mixed_z(fit_mixed(cross), np.zeros(4))
    with pytest.raises(ValueError, match="linearly independent"):
        kenward_roger_joint(fit_mixed(cross), np.ones((2, 4)))
    with pytest.raises(ValueError, match="weight"):
        fit_mixed(cross_products(x, y, cluster, weights=np.ones(cluster.size)))
    with pytest.raises(ValueError, match="absorbed"):
        fit_mixed(replace(cross, absorbed=3))


def _size(p):
    """Return the share of p below .05 and four Monte-Carlo standard errors at .05."""
    return float(np.mean(p < 0.05)), 4 * float(np.sqrt(0.05 * 0.95 / p.size))


def test_size_where_whole_unequal_clusters_are_treated():
    rng = np.random.default_rng(20)
    cluster = np.repeat(np.arange(10), [8, 10, 12, 16, 20, 26, 30, 40, 44, 50])
    treat = (cluster > 4).astype(float)
    x = np.column_stack([np.ones(256), treat, rng.standard_normal(256)])
    y = np.sqrt(0.1) * rng.standard_normal((10_000, 10))[:, cluster] + np.sqrt(0.9) * rng.standard_normal((10_000, 256))
    m = fit_mixed(cross_products(x, y, cluster))
    kr, error = _size(kenward_roger(m, np.array([0, 1.0, 0])).p)
    z, _ = _size(mixed_z(m, np.array([0, 1.0, 0])).p)
    assert abs(kr - 0.05) < error + 0.005  # 4.5 to 5.2 % in published tables of this design
    assert z > 0.065


def test_a_random_intercept_does_not_protect_against_effects_that_differ_between_clusters():
    rng = np.random.default_rng(21)
    cluster = np.repeat(np.arange(10), [8, 10, 12, 16, 20, 26, 30, 40, 44, 50])
    treat = (rng.random(256) < 0.7).astype(float)
    x = np.column_stack([np.ones(256), treat])
    effects = 0.4 * rng.standard_normal((10_000, 10))
    y = (np.sqrt(0.05) * rng.standard_normal((10_000, 10)))[:, cluster] + treat * effects[:, cluster]
    m = fit_mixed(cross_products(x, y + rng.standard_normal((10_000, 256)), cluster))
    kr, _ = _size(kenward_roger(m, np.array([0, 1.0])).p)
    cr2, error = _size(mixed_cr2(m, np.array([0, 1.0])).p)
    assert kr > 0.08
    assert cr2 < 0.06 + error
