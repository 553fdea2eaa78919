"""Fixed effects: absorbed within levels they equal dummies, and refuse where they cannot."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mtb_eval.inference.absorb import absorb, absorbed_cross, lies_within, with_dummies
from mtb_eval.inference.chunks import cross_from_chunks
from mtb_eval.inference.cross import add, cross_products
from mtb_eval.inference.ols import CollinearColumnsError, coefficients, each_column, ols
from mtb_eval.inference.sandwich import (
    ADJUSTMENT,
    cluster_robust,
    covariance,
    satterthwaite_df,
    standard_error,
)

REFERENCE = Path(__file__).parents[1] / "reference"


@pytest.fixture(name="toy", scope="module")
def _toy() -> pd.DataFrame:
    d = pd.read_csv(REFERENCE / "mtbtoy.csv")
    return d.assign(weights=0.25 + (d.id % 7) / 3, half=np.floor(2 * d.cal), team=d.muni + (d.id % 3).astype(str))


def rows(toy: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    y = np.stack([toy.y, toy.y0**2, toy.y])
    y[1, ::7] = np.nan
    y[2, (toy.muni == "M03").to_numpy()] = np.nan
    return toy[["treat", "y0", "x", "cal"]].to_numpy(), y


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("factor", ["muni", "half", "team"])
def test_coefficients_and_plain_covariances_equal_those_with_dummies(toy, factor, weighted):
    x, y = rows(toy)
    weights = toy.weights if weighted else None
    a = ols(absorbed_cross(x, y, toy.muni, toy[factor], weights=weights))
    b = ols(cross_products(with_dummies(x, toy[factor]), y, toy.muni, weights=weights), collinear="drop")
    np.testing.assert_array_equal(a.rank, b.rank)
    np.testing.assert_allclose(a.rss, b.rss, rtol=1e-11)
    np.testing.assert_allclose(coefficients(a), coefficients(b)[..., :4], rtol=1e-9)
    for kind in ("CR0", "CR1", "CR1S"):
        np.testing.assert_allclose(covariance(a, kind), covariance(b, kind)[..., :4, :4], rtol=1e-8, atol=1e-13)


@pytest.mark.parametrize("factor", ["muni", "team"])
@pytest.mark.parametrize("kind", [k for k in ADJUSTMENT if k != "CR1p"])
def test_levels_within_clusters_keep_every_kind_and_its_df(toy, factor, kind):
    x, y = rows(toy)
    a = ols(absorbed_cross(x, y, toy.muni, toy[factor]))
    b = ols(cross_products(with_dummies(x, toy[factor]), y, toy.muni), collinear="drop")
    ours, theirs = each_column(a), each_column(b)[:4]
    np.testing.assert_allclose(standard_error(a, ours, kind), standard_error(b, theirs, kind), rtol=1e-9)
    np.testing.assert_allclose(satterthwaite_df(a, ours, kind), satterthwaite_df(b, theirs, kind), rtol=1e-9)


def test_weighted_jackknife_with_levels_within_clusters(toy):
    x, y = rows(toy)
    a = ols(absorbed_cross(x, y, toy.muni, toy.team, weights=toy.weights))
    b = ols(cross_products(with_dummies(x, toy.team), y, toy.muni, weights=toy.weights), collinear="drop")
    for kind in ("CR3", "CV3", "CV3J"):
        found = standard_error(a, each_column(a), kind)
        np.testing.assert_allclose(found, standard_error(b, each_column(b)[:4], kind), rtol=1e-9)


def test_kinds_that_absorbing_cannot_give_are_refused(toy):
    x, y = rows(toy)
    crossed = ols(absorbed_cross(x, y, toy.muni, toy.half))
    for kind in ("CR2", "CR3", "CV3"):
        with pytest.raises(ValueError, match="use columns of dummies"):
            cluster_robust(crossed, [1, 0, 0, 0], kind=kind, reference="G-1")
    with pytest.raises(ValueError, match="use columns of dummies"):
        cluster_robust(crossed, [1, 0, 0, 0], kind="CR1")
    assert np.isfinite(cluster_robust(crossed, [1, 0, 0, 0], kind="CR1S", reference="G-1").p).all()
    weighted = ols(absorbed_cross(x, y, toy.muni, toy.muni, weights=toy.weights))
    for kind in ("CR1", "CR2"):
        with pytest.raises(ValueError, match="weights with absorbed effects"):
            cluster_robust(weighted, [1, 0, 0, 0], kind=kind)


def test_absorbed_effects_are_counted_outcome_by_outcome(toy):
    x, y = rows(toy)
    cross = absorbed_cross(x, y, toy.muni, toy.muni)
    assert cross.absorbed == 10
    np.testing.assert_array_equal(cross.absorbed_each, [10, 10, 9])
    assert cross.nested
    assert not absorbed_cross(x, y, toy.muni, toy.half).nested
    assert lies_within(toy.muni, toy.muni)
    assert lies_within(toy.team, toy.muni)
    assert not lies_within(toy.half, toy.muni)


def test_effects_can_be_absorbed_from_chunks(toy):
    x, y = rows(toy)
    with_constant = np.column_stack([np.ones(len(x)), x])
    cells = np.empty(len(toy), dtype=object)
    cells[:] = list(zip(toy.muni, toy.half, strict=True))
    order = np.random.default_rng(61).permutation(len(toy))
    chunks = [(with_constant[i], y[:, i], cells[i]) for i in np.array_split(order, 4)]
    total = cross_from_chunks(chunks)
    a = ols(absorb(total, [c for c, _ in total.labels], [f for _, f in total.labels]))
    b = ols(absorbed_cross(x, y, toy.muni, toy.half))
    np.testing.assert_allclose(coefficients(a), coefficients(b), rtol=1e-8)
    np.testing.assert_allclose(covariance(a, "CR1S"), covariance(b, "CR1S"), rtol=1e-7, atol=1e-12)


def test_a_column_that_the_factor_explains_is_collinear(toy):
    x, y = rows(toy)
    with pytest.raises(CollinearColumnsError) as caught:
        ols(absorbed_cross(np.column_stack([x, toy.muni == "M01"]), y, toy.muni, toy.muni))
    assert caught.value.columns == (4,)
    with pytest.raises(CollinearColumnsError):
        ols(absorbed_cross(np.column_stack([np.ones(len(x)), x]), y, toy.muni, toy.half))


def test_bad_requests_are_refused(toy):
    x, y = rows(toy)
    with pytest.raises(ValueError, match="5 factor labels for 170 rows"):
        absorbed_cross(x, y, toy.muni, toy.half[:5])
    with pytest.raises(ValueError, match="no factor labels"):
        absorbed_cross(x, y, toy.muni, None)
    cross = absorbed_cross(x, y, toy.muni, toy.muni)
    with pytest.raises(ValueError, match="add the parts first"):
        add(cross, cross)
    with pytest.raises(ValueError, match="there are 10 cells"):
        absorb(cross_products(x, y, toy.muni), [0, 1], [0, 1])
