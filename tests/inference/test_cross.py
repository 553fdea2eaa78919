"""Cross-products: what they hold, what does not matter to them, and what they refuse."""

import numpy as np
import pytest

from mtb_eval.inference.cross import Cross, cross_products, rebase, sums_of

N, G = 120, 7


@pytest.fixture(name="rows")
def _rows():
    rng = np.random.default_rng(20)
    x = np.column_stack([np.ones(N), rng.normal(2020, 1.5, N), rng.normal(size=N) * 1e-3, rng.integers(0, 2, N)])
    y = 1e4 + rng.normal(size=(6, N))
    cluster = np.array([f"m{k}" for k in rng.integers(0, G, N)])
    return x, y, cluster, 0.3 + rng.random(N)


def assert_sums_equal(a: Cross, b: Cross, rtol: float = 1e-9) -> None:
    b = rebase(b, a.basis, a.offset)
    for name, value in sums_of(a).items():
        other = sums_of(b)[name]
        np.testing.assert_allclose(
            *np.broadcast_arrays(value, other), rtol=rtol, atol=1e-9 * np.abs(value).max() + 1e-9
        )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("missing", [False, True])
def test_each_sum_is_the_sum_of_products_over_the_rows_of_the_cluster(rows, weighted, missing):
    x, y, cluster, w = rows
    if missing:
        y = y.copy()
        y[:3][np.random.default_rng(1).random((3, N)) < 0.4] = np.nan
        y[3, cluster == "m2"] = np.nan
    cross = cross_products(x, y, cluster, weights=w if weighted else None)
    w = w if weighted else np.ones(N)
    for r in range(len(y)):
        z = x @ cross.basis
        e = y[r] - z @ cross.offset[r]
        for g, label in enumerate(cross.labels):
            i = (cluster == label) & ~np.isnan(e)
            xx, x1, n = ((v if v.ndim == d else v[r]) for v, d in ((cross.xx, 3), (cross.x1, 2), (cross.n, 1)))
            np.testing.assert_allclose(xx[g], z[i].T @ (w[i, None] * z[i]), atol=1e-12)
            np.testing.assert_allclose(x1[g], w[i] @ z[i], atol=1e-12)
            np.testing.assert_allclose(cross.xy[r, g], z[i].T @ (w[i] * e[i]), atol=1e-9)
            np.testing.assert_allclose(cross.yy[r, g], w[i] @ e[i] ** 2, rtol=1e-10, atol=1e-12)
            np.testing.assert_allclose(cross.y1[r, g], w[i] @ e[i], atol=1e-9)
            assert n[g] == i.sum()


def test_the_design_part_has_batch_axes_only_if_outcomes_miss_different_rows(rows):
    x, y, cluster, _ = rows
    assert cross_products(x, y, cluster).xx.shape == (G, 4, 4)
    same = y.copy()
    same[:, ::5] = np.nan
    assert cross_products(x, same, cluster).xx.shape == (G, 4, 4)
    assert cross_products(x, same, cluster).n.sum() == N - 24
    y = y.copy()
    y[0, 0] = np.nan
    cross = cross_products(x, y.reshape(2, 3, N), cluster)
    assert cross.xx.shape == (2, 3, G, 4, 4)
    assert cross.batch == (2, 3)


def test_one_outcome_has_no_batch_axis_and_a_cluster_that_loses_its_rows_keeps_its_place(rows):
    x, y, cluster, _ = rows
    y = y[0].copy()
    y[cluster == "m3"] = np.nan
    cross = cross_products(x, y, cluster)
    assert cross.batch == ()
    assert cross.n_clusters == G
    assert cross.n[3] == 0
    assert not cross.xx[3].any()


def test_each_outcome_is_as_if_it_were_alone(rows):
    x, y, cluster, w = rows
    y = y.copy()
    y[:, ::3][np.random.default_rng(2).random((6, 40)) < 0.5] = np.nan
    together = cross_products(x, y, cluster, weights=w)
    for r in range(6):
        alone = cross_products(x, y[r], cluster, weights=w)
        part = Cross(
            **{k: v[r] for k, v in sums_of(together).items()},
            basis=together.basis,
            offset=together.offset[r],
            labels=together.labels,
        )
        assert_sums_equal(alone, part)


@pytest.mark.parametrize("labels", ["strings", "gaps", "negative", "floats", "dates", "objects"])
def test_names_of_clusters_do_not_matter(rows, labels):
    x, y, cluster, _ = rows
    k = np.char.lstrip(cluster, "m").astype(int)
    named = {
        "strings": np.array([f"Kommune Ø{v}" for v in k]),
        "gaps": k * 1000 + 7,
        "negative": k - 100,
        "floats": k / 3,
        "dates": np.datetime64("2020-01-01") + k,
        "objects": np.array([("m", int(v)) for v in k] + [None], dtype=object)[:-1],
    }[labels]
    a, b = cross_products(x, y, cluster), cross_products(x, y, named)
    for name, value in sums_of(a).items():
        np.testing.assert_array_equal(value, sums_of(b)[name])


def test_order_of_rows_does_not_matter(rows):
    x, y, cluster, w = rows
    order = np.random.default_rng(3).permutation(N)
    a = cross_products(x, y, cluster, weights=w)
    b = cross_products(x[order], y[:, order], cluster[order], weights=w[order])
    np.testing.assert_array_equal(a.labels, b.labels)
    assert_sums_equal(a, b)


def test_basis_is_orthonormal_and_offset_is_pooled_ols(rows):
    x, y, cluster, _ = rows
    cross = cross_products(x, y, cluster)
    z = x @ cross.basis
    np.testing.assert_allclose(z.T @ z, np.eye(4), atol=1e-9)
    expected = np.linalg.lstsq(x, y[0], rcond=None)[0]
    np.testing.assert_allclose(cross.basis @ cross.offset[0], expected, rtol=1e-6)
    np.testing.assert_allclose(cross.xy.sum(axis=-2), 0, atol=1e-9)


def test_columns_that_depend_on_earlier_ones_leave_a_column_of_zeros_and_an_invertible_basis(rows):
    x, _, _, _ = rows
    wide = np.column_stack([x[:, 0], np.zeros(N), x[:, 1], x[:, 1] * 3 - 2, x[:, 2:]])
    cross = cross_products(wide, wide[:, 4], np.arange(N) % 3)
    size = np.linalg.norm(wide @ cross.basis, axis=0)
    np.testing.assert_allclose(size, [1, 0, 1, 0, 1, 1], atol=1e-9)
    assert np.all(np.diagonal(cross.basis) != 0)


def test_weight_zero_drops_the_row_and_like_reuses_the_basis(rows):
    x, y, cluster, w = rows
    w = np.where(np.arange(N) % 4 == 0, 0.0, w)
    kept = w > 0
    whole = cross_products(x, y, cluster, weights=w)
    assert_sums_equal(whole, cross_products(x[kept], y[:, kept], cluster[kept], weights=w[kept]))
    again = cross_products(x, y[0], cluster, weights=w, like=cross_products(x, y[1], cluster))
    np.testing.assert_array_equal(again.basis, cross_products(x, y[1], cluster).basis)
    assert_sums_equal(cross_products(x, y[0], cluster, weights=w), again)


def test_many_simulated_outcomes_share_one_design(rows):
    x, _, cluster, _ = rows
    y = np.random.default_rng(4).normal(size=(500, N))
    cross = cross_products(x, y, cluster)
    assert cross.xx.shape == (G, 4, 4)
    assert cross.xy.shape == (500, G, 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y, c, w: (x, y, None, w), "no cluster labels"),
        (lambda x, y, c, w: (x, y, c[:-1], w), "119 cluster labels for 120 rows"),
        (lambda x, y, c, w: (x, y, np.where(np.arange(N) < 3, None, c), w), "missing in 3 rows"),
        (lambda x, y, c, w: (x, y, np.where(np.arange(N) < 2, np.nan, 1.0), w), "missing in 2 rows"),
        (lambda x, y, c, w: (x, y, np.array([1, "a"] * 60, dtype=object), w), "mix types"),
        (lambda x, y, c, w: (np.where(np.arange(N)[:, None] < 4, np.nan, x), y, c, w), "x has missing or inf.*4 rows"),
        (lambda x, y, c, w: (np.where(np.arange(N)[:, None] < 4, np.inf, x), y, c, w), "x has missing or inf.*4 rows"),
        (lambda x, y, c, w: (x, np.where(np.arange(N) < 2, -np.inf, y), c, w), "y has 12 infinite"),
        (lambda x, y, c, w: (x, y * np.nan, c, w), "no row is left"),
        (lambda x, y, c, w: (x, y, c, w * 0), "no row is left"),
        (lambda x, y, c, w: (x, y, c, w - 0.5), "weights are negative.*rows"),
        (lambda x, y, c, w: (x, y, c, w[:5]), "weights have shape"),
        (lambda x, y, c, w: (x[:5], y, c, w), "x has shape"),
        (lambda x, y, c, w: (x[:, 0], y, c, w), "x has shape"),
        (lambda x, y, c, w: (x[:, :0], y, c, w), "no column"),
        (lambda x, y, c, w: (x, y, np.column_stack([c, c]), w), "2 dimensions"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(rows, change, message):
    x, y, cluster, w = change(*rows)
    with pytest.raises(ValueError, match=message):
        cross_products(x, y, cluster, weights=w)


def test_like_with_other_columns_is_refused(rows):
    x, y, cluster, _ = rows
    with pytest.raises(ValueError, match="3 columns, the sums to be like have 4"):
        cross_products(x[:, :3], y, cluster, like=cross_products(x, y, cluster))
