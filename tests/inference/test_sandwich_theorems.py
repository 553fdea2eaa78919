"""What must hold for cluster-robust inference whatever the numbers."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.influence import influence
from mtb_eval.inference.ols import LeastSquares, classical_se, coefficients, each_column, loading, ols, with_spectrum
from mtb_eval.inference.sandwich import (
    ADJUSTMENT,
    Kind,
    cluster_robust,
    contribution_covariance,
    covariance,
    satterthwaite_df,
    standard_error,
)

REFERENCE = Path(__file__).parents[1] / "reference"
N, G = 140, 9
KINDS: tuple[Kind, ...] = tuple(ADJUSTMENT)


@pytest.fixture(name="rows")
def _rows():
    rng = np.random.default_rng(31)
    cluster = rng.choice(G, size=N, p=np.arange(1, G + 1) / 45)
    treat = (rng.random(N) < 0.3 + 0.05 * cluster).astype(float)
    x = np.column_stack([treat, np.ones(N), rng.normal(size=(N, 2))])
    y = treat + rng.normal(size=(3, N)) + rng.normal(size=(3, G))[:, cluster]
    return x, y, cluster, 0.5 + rng.random(N)


TREAT = np.array([1.0, 0, 0, 0])


def dense(x, y, cluster, w=None):
    """Return the pieces of the definition with all n x n matrices written out."""
    w = np.ones(len(y)) if w is None else w
    bread = np.linalg.inv(x.T @ (w[:, None] * x))
    maker = np.eye(len(y)) - x @ bread @ (x.T * w)
    groups = [np.flatnonzero(cluster == g) for g in np.unique(cluster)]
    return bread, maker, groups, w


def inverse_power(matrix, power):
    values, vectors = np.linalg.eigh(matrix)
    keep = values > 1e-9
    return (vectors * np.where(keep, np.where(keep, values, 1.0) ** power, 0)) @ vectors.T


def by_definition(x, y, cluster, kind, w=None):
    """Return covariance and df of each coefficient from the definitions, Pustejovsky & Tipton (2018) 2.2 and 3."""
    bread, maker, groups, w = dense(x, y, cluster, w)
    residual = maker @ y
    meat, rows = 0, []
    for i in groups:
        if kind == "CR2":
            adjust = inverse_power((maker @ maker.T)[np.ix_(i, i)], -0.5)
        elif kind == "CR3":
            adjust = np.linalg.inv(maker[np.ix_(i, i)])
        else:
            adjust = np.eye(len(i))
        half = (x[i].T * w[i]) @ adjust
        meat = meat + np.outer(half @ residual[i], half @ residual[i])
        rows.append(bread @ half @ maker[i])
    contributions = np.stack(rows)
    p = np.einsum("gkn,hkn->kgh", contributions, contributions)
    df = np.trace(p, axis1=1, axis2=2) ** 2 / np.sum(p * p, axis=(1, 2))
    return bread @ meat @ bread, df, p


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["CR0", "CR2", "CR3"])
def test_kernels_equal_the_definitions_with_all_matrices_written_out(rows, kind, weighted):
    x, y, cluster, w = rows
    w = w if weighted else None
    fit = ols(cross_products(x, y[0], cluster, weights=w))
    made, df, p = by_definition(x, y[0], cluster, kind, w)
    np.testing.assert_allclose(covariance(fit, kind), made, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(satterthwaite_df(fit, each_column(fit), kind), df, rtol=1e-9)
    found = contribution_covariance(fit, influence(fit, TREAT, kind), kind)
    np.testing.assert_allclose(found, p[0], atol=1e-12)


def test_cv3j_df_is_from_centred_contributions(rows):
    x, y, cluster, _ = rows
    fit = ols(cross_products(x, y[0], cluster))
    _, _, p = by_definition(x, y[0], cluster, "CR3")
    centre = np.eye(G) - 1 / G
    centred = centre @ p[0] @ centre
    expected = np.trace(centred) ** 2 / np.sum(centred**2)
    np.testing.assert_allclose(satterthwaite_df(fit, TREAT, "CV3J"), expected, rtol=1e-10)


@pytest.mark.parametrize("kind", ["CV3", "CV3J"])
def test_cv3_is_the_jackknife_done_by_refitting(rows, kind):
    x, y, cluster, w = rows
    for weights in (None, w):
        root = np.ones(N) if weights is None else np.sqrt(weights)
        full = np.linalg.lstsq(x * root[:, None], y[0] * root)[0]
        out = np.stack(
            [np.linalg.lstsq((x * root[:, None])[cluster != g], (y[0] * root)[cluster != g])[0] for g in range(G)]
        )
        away = out - (full if kind == "CV3" else out.mean(axis=0))
        fit = ols(cross_products(x, y[0], cluster, weights=weights))
        np.testing.assert_allclose(covariance(fit, kind), (G - 1) / G * away.T @ away, rtol=1e-9, atol=1e-13)


def test_cr2_with_singleton_clusters_is_hc2(rows):
    x, y, _, _ = rows
    bread, maker, _, _ = dense(x, y[0], np.arange(N))
    squares = (maker @ y[0]) ** 2 / np.diagonal(maker)
    fit = ols(cross_products(x, y[0], np.arange(N)))
    np.testing.assert_allclose(covariance(fit, "CR2"), bread @ (x.T * squares) @ x @ bread, rtol=1e-10)
    hc3 = bread @ (x.T * (maker @ y[0]) ** 2 / np.diagonal(maker) ** 2) @ x @ bread
    np.testing.assert_allclose(covariance(fit, "CR3"), hc3, rtol=1e-10)


def test_cr2_of_a_two_group_dummy_is_welch(rows):
    _, y, _, _ = rows
    group = np.arange(N) < 40
    fit = ols(cross_products(np.column_stack([np.ones(N), group]), y, np.arange(N)))
    row = cluster_robust(fit, [0, 1])
    welch = stats.ttest_ind(y[:, group], y[:, ~group], axis=1, equal_var=False)
    np.testing.assert_allclose(row.estimate / row.se, welch.statistic, rtol=1e-10)
    # Its df are those of Welch and Satterthwaite when the two variances are equal, as the working model has it.
    n1, n2 = 40, N - 40
    expected = (1 / n1 + 1 / n2) ** 2 / (1 / (n1**2 * (n1 - 1)) + 1 / (n2**2 * (n2 - 1)))
    np.testing.assert_allclose(row.df, expected, rtol=1e-10)


def test_cr2_of_a_balanced_cluster_trial_is_the_t_test_of_cluster_means():
    rng = np.random.default_rng(32)
    cluster = np.repeat(np.arange(12), 8)
    arm = (cluster % 2).astype(float)
    y = rng.normal(size=96) + rng.normal(size=12)[cluster]
    row = cluster_robust(ols(cross_products(np.column_stack([np.ones(96), arm]), y, cluster)), [0, 1])
    means = y.reshape(12, 8).mean(axis=1)
    test = stats.ttest_ind(means[1::2], means[::2])
    np.testing.assert_allclose(row.estimate / row.se, test.statistic, rtol=1e-10)
    np.testing.assert_allclose(row.df, 10, rtol=1e-10)
    np.testing.assert_allclose(row.p, test.pvalue, rtol=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
def test_cr2_is_unbiased_under_the_working_model(rows, weighted):
    x, y, cluster, w = rows
    fit = ols(cross_products(x, y[0], cluster, weights=w if weighted else None))
    p = contribution_covariance(fit, influence(fit, TREAT, "CR2"), "CR2")
    bread, _, _, w = dense(x, y[0], cluster, w if weighted else None)
    truth = bread @ (x.T * w**2) @ x @ bread
    np.testing.assert_allclose(np.trace(p), truth[0, 0], rtol=1e-10)


def test_factors_between_kinds(rows):
    x, y, cluster, _ = rows
    fit = ols(cross_products(x, y, cluster))
    v = {kind: standard_error(fit, TREAT, kind) ** 2 for kind in KINDS}
    np.testing.assert_allclose(v["CR1"] / v["CR0"], G / (G - 1))
    np.testing.assert_allclose(v["CR1S"] / v["CR0"], G / (G - 1) * (N - 1) / (N - 4))
    np.testing.assert_allclose(v["CR1p"] / v["CR0"], G / (G - 4))
    np.testing.assert_allclose(v["CV3"] / v["CR3"], (G - 1) / G)
    assert (v["CV3J"] <= v["CV3"]).all()
    assert (v["CR0"] < v["CR2"]).all()
    assert (v["CR2"] < v["CR3"]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_rows_labels_and_scales_do_not_matter(rows, kind):
    x, y, cluster, w = rows
    order = np.random.default_rng(33).permutation(N)
    for weights in (None, w):
        base = cluster_robust(ols(cross_products(x, y, cluster, weights=weights)), TREAT, kind=kind)
        shuffled = cluster_robust(
            ols(
                cross_products(
                    x[order], y[:, order], -7 * cluster[order], weights=None if weights is None else weights[order]
                )
            ),
            TREAT,
            kind=kind,
        )
        scaled_x = x @ np.diag([0.01, 1, 1e5, -1]) + np.array([0, 0, 30.0, 2.0])
        scaled = cluster_robust(
            ols(cross_products(scaled_x, 5 * y - 100, cluster, weights=None if weights is None else weights * 1e6)),
            TREAT,
            kind=kind,
        )
        for field in ("estimate", "se", "df", "p"):
            np.testing.assert_allclose(getattr(shuffled, field), getattr(base, field), rtol=1e-9)
        np.testing.assert_allclose(scaled.estimate, 500 * base.estimate, rtol=1e-8)
        np.testing.assert_allclose(scaled.se, 500 * base.se, rtol=1e-8)
        np.testing.assert_allclose(scaled.df, base.df, rtol=1e-8)


def test_equal_weights_are_no_weights(rows):
    x, y, cluster, _ = rows
    plain = ols(cross_products(x, y, cluster))
    weighted = ols(cross_products(x, y, cluster, weights=np.full(N, 3.0)))
    for kind in KINDS:
        a, b = (cluster_robust(f, TREAT, kind=kind) for f in (plain, weighted))
        np.testing.assert_allclose(b.se, a.se, rtol=1e-9)
        np.testing.assert_allclose(b.df, a.df, rtol=1e-8)


def test_a_batch_is_its_members_and_a_kept_spectrum_changes_nothing(rows):
    x, y, cluster, _ = rows
    y = y.copy()
    y[1, ::3] = np.nan
    fit = ols(cross_products(x, y, cluster))
    for kind in KINDS:
        batch = cluster_robust(fit, TREAT, kind=kind)
        kept = cluster_robust(with_spectrum(fit), TREAT, kind=kind)
        np.testing.assert_array_equal(batch.se, kept.se)
        for r in range(3):
            alone = cluster_robust(ols(cross_products(x, y[r], cluster)), TREAT, kind=kind)
            for field in ("estimate", "se", "df", "ci_low", "ci_high", "p"):
                np.testing.assert_allclose(
                    np.broadcast_to(getattr(batch, field), 3)[r], getattr(alone, field), rtol=1e-9
                )


def test_covariance_holds_every_contrast(rows):
    x, y, cluster, _ = rows
    fit = ols(cross_products(x, y, cluster))
    c = np.array([1.0, 0.3, -2, 0.1])
    for kind in KINDS:
        v = covariance(fit, kind)
        assert v.shape == (3, 4, 4)
        np.testing.assert_allclose(np.sqrt(v @ c @ c), standard_error(fit, c, kind), rtol=1e-9)


def test_cluster_dummies_leave_the_jackknife_of_the_demeaned_contrast(rows):
    x, y, cluster, _ = rows
    x = x[:, [0, 2, 3]]
    dummies = np.column_stack([x, np.eye(G)[cluster]])
    means = np.stack([x[cluster == g].mean(axis=0) for g in range(G)])
    y_means = np.stack([y[0][cluster == g].mean() for g in range(G)])
    a = ols(cross_products(dummies, y[0], cluster))
    b = ols(cross_products(x - means[cluster], y[0] - y_means[cluster], cluster))
    for kind in ("CR2", "CR3", "CV3", "CV3J"):
        found = standard_error(a, np.eye(3 + G)[0], kind)
        np.testing.assert_allclose(found, standard_error(b, np.eye(3)[0], kind), rtol=1e-10)
        df = satterthwaite_df(a, np.eye(3 + G)[0], kind)
        np.testing.assert_allclose(df, satterthwaite_df(b, np.eye(3)[0], kind), rtol=1e-9)


def only_treated(rows) -> LeastSquares:
    x, y, cluster, _ = rows
    x = x.copy()
    x[:, 0] = (cluster == 4) * (np.arange(N) % 2)
    return ols(cross_products(x, y, cluster))


@pytest.mark.parametrize("kind", ["CR3", "CV3", "CV3J"])
def test_a_contrast_that_one_cluster_alone_determines_has_no_jackknife(rows, kind):
    row = cluster_robust(only_treated(rows), TREAT, kind=kind, reference="G-1")
    assert np.isnan(row.p).all()
    assert np.isfinite(row.estimate).all()
    assert "cannot be estimated without one of the clusters" in row.warning
    other = cluster_robust(only_treated(rows), [0, 0, 1.0, 0], kind=kind, reference="G-1")
    assert np.isfinite(other.p).all()


def test_cr2_warns_when_one_cluster_alone_determines_the_contrast(rows):
    row = cluster_robust(only_treated(rows), TREAT)
    assert "CR2 misses the variance of that cluster" in row.warning


def test_a_cluster_with_one_row_is_a_cluster(rows):
    x, y, cluster, _ = rows
    cluster = cluster.copy()
    cluster[0] = G
    for kind in KINDS:
        row = cluster_robust(ols(cross_products(x, y[0], cluster)), TREAT, kind=kind)
        assert np.isfinite(row.p)
    made, df, _ = by_definition(x, y[0], cluster, "CR2")
    row = cluster_robust(ols(cross_products(x, y[0], cluster)), TREAT)
    np.testing.assert_allclose([row.se, row.df], [np.sqrt(made[0, 0]), df[0]], rtol=1e-9)


def test_one_cluster_is_an_error_or_a_flag(rows):
    x, y, cluster, _ = rows
    with pytest.raises(ValueError, match="at least 2 clusters, there is 1"):
        cluster_robust(ols(cross_products(x, y, np.zeros(N))), TREAT)
    y = y.copy()
    y[1, cluster != 8] = np.nan
    row = cluster_robust(ols(cross_products(x, y, cluster)), TREAT)
    np.testing.assert_array_equal(np.isnan(row.p), [False, True, False])
    assert "fewer than 2 clusters" in row.warning


def test_cr1p_needs_more_clusters_than_columns(rows):
    x, y, cluster, _ = rows
    row = cluster_robust(ols(cross_products(x, y, cluster % 4)), TREAT, kind="CR1p", reference="G-1")
    assert np.isnan(row.p).all()
    assert "no more clusters than columns" in row.warning


def test_unknown_references_are_refused(rows):
    x, y, cluster, _ = rows
    for reference in ("satt", -1.0, 0):
        with pytest.raises(ValueError, match="unknown reference"):
            cluster_robust(ols(cross_products(x, y, cluster)), TREAT, reference=reference)


def test_clusters_without_rows_for_an_outcome_do_not_count(rows):
    x, y, cluster, _ = rows
    y = y.copy()
    y[0, cluster == 5] = np.nan
    fit, fewer = (
        ols(cross_products(x, y, cluster)),
        ols(cross_products(x[cluster != 5], y[0, cluster != 5], cluster[cluster != 5])),
    )
    for kind in KINDS:
        a, b = (cluster_robust(f, TREAT, kind=kind, reference="G-1") for f in (fit, fewer))
        np.testing.assert_allclose([a.se[0], a.df[0], a.p[0]], [b.se, b.df, b.p], rtol=1e-10)
        df = np.broadcast_to(satterthwaite_df(fit, TREAT, kind), 3)[0]
        np.testing.assert_allclose(df, satterthwaite_df(fewer, TREAT, kind), rtol=1e-10)


def test_homoskedastic_errors_and_many_clusters_bring_all_kinds_together():
    rng = np.random.default_rng(34)
    x = np.column_stack([rng.normal(size=40_000), np.ones(40_000)])
    fit = ols(cross_products(x, rng.normal(size=40_000), np.arange(40_000) // 4))
    classical = classical_se(fit, [1, 0])
    for kind in KINDS:
        assert abs(standard_error(fit, [1, 0], kind) / classical - 1) < 5 / np.sqrt(2 * 10_000)
    assert loading(fit, [1, 0]).shape == (2,)
    assert coefficients(fit).shape == (2,)


@pytest.mark.parametrize(
    ("kind", "reference", "peers"),
    [
        ("CR0", "z", 0.140),
        ("CR1S", "G-1", 0.083),
        ("CR2", "G-1", 0.064),
        ("CR2", "satterthwaite", 0.042),
        ("CV3", "G-1", 0.049),
        ("CR3", "satterthwaite", 0.023),
    ],
)
def test_size_where_most_controls_come_from_half_of_the_ten_clusters(kind, reference, peers):
    # `peers`: rejections of a true null in 5000 studies on this design (ICC .05) by independent programs.
    repetitions = 40_000 if os.environ.get("MTB_EVAL_FULL") else 8_000
    table = pd.read_csv(REFERENCE / "synth_study.csv")
    x = np.column_stack([table.treat, np.ones(256), table.x1_baseline, table.x2_age, table.x3_male])
    cluster = table.cluster.to_numpy() - 1
    rng = np.random.default_rng(35)
    rejected = 0
    for _ in range(repetitions // 4_000):
        between = rng.normal(size=(4_000, 10))[:, cluster]
        y = np.sqrt(0.95) * rng.normal(size=(4_000, 256)) + np.sqrt(0.05) * between
        fit = ols(cross_products(x, y, cluster))
        p = cluster_robust(fit, np.eye(5)[0], kind=kind, reference=reference).p
        rejected += np.count_nonzero(p < 0.05)
    error = np.sqrt(peers * (1 - peers) * (1 / repetitions + 1 / 5000))
    assert abs(rejected / repetitions - peers) < 3 * error
