"""Weights of the wild bootstrap: complete sets of signs, supports, moments, and clear refusals."""

import numpy as np
import pytest

from mtb_eval.inference.draws import random_draws, sign_draws, wild_draws

SUPPORT = {
    "rademacher": np.array([-1.0, 1.0]),
    "mammen": np.array([(1 - np.sqrt(5)) / 2, (1 + np.sqrt(5)) / 2]),
    "webb": np.array([-np.sqrt(1.5), -1.0, -np.sqrt(0.5), np.sqrt(0.5), 1.0, np.sqrt(1.5)]),
}
FOURTH_MOMENT = {"rademacher": 1.0, "mammen": 2.0, "webb": 7 / 6, "normal": 3.0}
THIRD_MOMENT = {"rademacher": 0.0, "mammen": 1.0, "webb": 0.0, "normal": 0.0}


@pytest.mark.parametrize("n_clusters", [1, 2, 5, 10])
def test_sign_draws_are_every_sign_vector_once(n_clusters):
    draws = sign_draws(n_clusters)
    rows = draws.unfolded().weights
    assert draws.n_draws == 2**n_clusters == rows.shape[0] == np.unique(rows, axis=0).shape[0]
    assert set(np.unique(rows)) <= {-1.0, 1.0}
    assert draws.weights.shape == (2 ** (n_clusters - 1), n_clusters)
    assert (draws.weights[:, 0] == 1).all()


def test_wild_draws_enumerate_when_affordable_and_sample_otherwise():
    rng = np.random.default_rng(1)
    assert wild_draws(12).exact
    assert not wild_draws(13, rng=rng, n_draws=99).exact
    assert wild_draws(13, max_exact=2**13).n_draws == 2**13
    assert not wild_draws(5, kind="webb", rng=rng, n_draws=99).exact


@pytest.mark.parametrize("n_clusters", [13, 64, 1000])
def test_too_many_sign_draws_without_a_generator_is_one_clear_error(n_clusters):
    with pytest.raises(ValueError, match=rf"2\^{n_clusters} sign draws are more than max_exact = 4096.*Generator"):
        wild_draws(n_clusters)


def test_random_weights_without_a_generator_unknown_kinds_and_no_draws_are_refused():
    rng = np.random.default_rng(1)
    with pytest.raises(ValueError, match="Mammen weights are random"):
        wild_draws(5, kind="mammen")
    with pytest.raises(ValueError, match="Unknown wild weights"):
        random_draws(5, kind="gamma", n_draws=9, rng=rng)
    with pytest.raises(ValueError, match="at least 1 draw"):
        random_draws(5, kind="webb", n_draws=0, rng=rng)
    with pytest.raises(ValueError, match="at least 1 cluster"):
        sign_draws(0)


@pytest.mark.parametrize("kind", ["rademacher", "mammen", "webb", "normal"])
def test_support_and_moments(kind):
    n = 400_000
    v = random_draws(4, kind=kind, n_draws=n // 4, rng=np.random.default_rng(20260101)).weights.ravel()
    if kind in SUPPORT:
        np.testing.assert_allclose(np.unique(v), SUPPORT[kind], rtol=1e-14)
    # Monte-Carlo error: 5 standard errors, from the next even moments bounded by 15 (the normal's sixth moment).
    assert abs(v.mean()) < 5 * np.sqrt(1 / n)
    assert abs((v**2).mean() - 1) < 5 * np.sqrt((FOURTH_MOMENT[kind] - 1) / n) + 1e-12
    assert abs((v**3).mean() - THIRD_MOMENT[kind]) < 5 * np.sqrt(15 / n)
    assert abs((v**4).mean() - FOURTH_MOMENT[kind]) < 5 * np.sqrt(105 / n)


def test_the_same_generator_gives_the_same_draws():
    one, two = (random_draws(6, kind="webb", n_draws=50, rng=np.random.default_rng(7)).weights for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_names_say_what_was_drawn():
    assert sign_draws(10).name == "all 2^10 = 1024 Rademacher draws"
    draws = random_draws(10, kind="webb", n_draws=999, rng=np.random.default_rng(1))
    assert draws.name == "999 random Webb draws"
