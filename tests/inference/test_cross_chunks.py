"""Cross-products put together: chunks, sums from workers, stacked data sets, coarser clusters."""

import numpy as np
import pytest

from mtb_eval.inference.chunks import aggregate, cross_from_chunks, stack
from mtb_eval.inference.cross import add, cross_products, rebase, sums_of
from mtb_eval.inference.ols import coefficients, each_column, ols
from mtb_eval.inference.sandwich import satterthwaite_df, standard_error

N = 240


@pytest.fixture(name="rows")
def _rows():
    rng = np.random.default_rng(5)
    x = np.column_stack([np.ones(N), rng.normal(2020, 1.5, N), rng.normal(size=N), np.arange(N) % 2])
    y = 100 + rng.normal(size=(3, N)) + x[:, 3]
    y[1, rng.random(N) < 0.3] = np.nan
    cluster = np.array([f"m{k:02d}" for k in rng.integers(0, 12, N)])
    return x, y, cluster, 0.5 + rng.random(N)


def parts_of(rows, edges, weighted):
    x, y, cluster, w = rows
    for i in np.split(np.arange(N), edges):
        yield (x[i], y[:, i], cluster[i], w[i]) if weighted else (x[i], y[:, i], cluster[i])


def assert_same_results(a, b, rtol=1e-10):
    fits = [ols(c) for c in (a, b)]
    np.testing.assert_allclose(coefficients(fits[0]), coefficients(fits[1]), rtol=rtol)
    for kind in ("CR1S", "CR2", "CV3"):
        np.testing.assert_allclose(*(standard_error(f, each_column(f), kind) for f in fits), rtol=rtol)
        np.testing.assert_allclose(*(satterthwaite_df(f, each_column(f), kind) for f in fits), rtol=rtol)
    np.testing.assert_allclose(fits[0].rss, fits[1].rss, rtol=rtol)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("edges", [[120], [30, 60, 61, 200], list(range(40, N, 20)), [2, 5, 120]])
def test_chunks_sum_to_the_whole(rows, edges, weighted):
    x, y, cluster, w = rows
    whole = cross_products(x, y, cluster, weights=w if weighted else None)
    chunked = cross_from_chunks(parts_of(rows, edges, weighted))
    np.testing.assert_array_equal(chunked.labels, whole.labels)
    assert_same_results(whole, chunked)


def test_order_of_chunks_does_not_matter_and_a_cluster_may_appear_late(rows):
    x, y, cluster, _ = rows
    order = np.argsort(cluster)
    sorted_rows = (x[order], y[:, order], cluster[order], None)
    parts = list(parts_of(sorted_rows, [60, 130], False))
    assert set(parts[0][2]) != set(cluster)
    assert_same_results(cross_from_chunks(parts), cross_from_chunks(parts[::-1]))


def test_sums_made_on_different_bases_add_up(rows):
    x, y, cluster, _ = rows
    a, b, c = (cross_products(*part) for part in parts_of(rows, [70, 150], False))
    assert not np.array_equal(a.basis, b.basis)
    whole = cross_products(x, y, cluster)
    assert_same_results(whole, a + b + c)
    assert_same_results(whole, add(c, add(b, a)))


def test_a_first_chunk_in_which_a_column_is_constant_is_no_harm(rows):
    x, y, cluster, _ = rows
    order = np.argsort(x[:, 3], kind="stable")
    parts = list(parts_of((x[order], y[:, order], cluster[order], None), [100], False))
    assert np.ptp(parts[0][0][:, 3]) == 0
    assert_same_results(cross_products(x, y, cluster), cross_from_chunks(parts))


def test_chunks_without_an_outcome_add_nothing(rows):
    x, y, cluster, w = rows
    gone = (x[:20], np.full((3, 20), np.nan), cluster[:20], w[:20])
    chunked = cross_from_chunks([gone, *parts_of(rows, [90], True), gone])
    assert_same_results(cross_products(x, y, cluster, weights=w), chunked)


def test_rebase_changes_no_result(rows):
    x, y, cluster, w = rows
    cross = cross_products(x, y, cluster, weights=w)
    rng = np.random.default_rng(6)
    moved = rebase(cross, cross.basis @ np.triu(rng.normal(size=(4, 4)) + 3 * np.eye(4)), rng.normal(size=(3, 4)))
    assert_same_results(cross, moved, rtol=1e-8)


def test_stack_gives_each_part_back(rows):
    x, y, cluster, _ = rows
    imputed = [x + np.outer(np.arange(N) % 5 == m, [0, 0, 0.7, 0]) for m in range(4)]
    crosses = [cross_products(v, y, cluster) for v in imputed]
    stacked = stack(crosses)
    assert stacked.batch == (4, 3)
    for m in range(4):
        np.testing.assert_allclose(coefficients(ols(stacked))[m], coefficients(ols(crosses[m])), rtol=1e-9)
        whole, part = ols(stacked), ols(crosses[m])
        np.testing.assert_allclose(
            standard_error(whole, np.eye(4)[3], "CR2")[m], standard_error(part, np.eye(4)[3], "CR2"), rtol=1e-9
        )


def test_stack_of_complete_outcomes_keeps_one_design_for_them(rows):
    x, y, cluster, _ = rows
    crosses = [cross_products(x + m, y[[0, 2]], cluster) for m in range(2)]
    assert stack(crosses).xx.shape == (2, 1, 12, 4, 4)


def test_aggregate_gives_the_sums_of_coarse_clusters(rows):
    x, y, cluster, w = rows
    fine = np.array([f"{c}-{i % 3}" for i, c in enumerate(cluster)])
    cross = cross_products(x, y, fine, weights=w)
    coarse = aggregate(cross, [label.split("-")[0] for label in cross.labels])
    expected = rebase(cross_products(x, y, cluster, weights=w), coarse.basis, coarse.offset)
    np.testing.assert_array_equal(coarse.labels, expected.labels)
    for name, value in sums_of(expected).items():
        np.testing.assert_allclose(sums_of(coarse)[name], value, atol=1e-9)


def test_parts_that_do_not_fit_are_refused(rows):
    x, y, cluster, w = rows
    whole = cross_products(x, y, cluster)
    with pytest.raises(ValueError, match="4 columns and another 3"):
        add(whole, cross_products(x[:, :3], y, cluster))
    with pytest.raises(ValueError, match="weights or labels"):
        add(whole, cross_products(x, y, cluster, weights=w))
    with pytest.raises(ValueError, match="differ in clusters"):
        stack([whole, cross_products(x[:50], y[:, :50], np.arange(50))])
    with pytest.raises(ValueError, match="there is no chunk with an outcome"):
        cross_from_chunks([])
