"""Permutation tests within strata: exact against full enumeration, their size under the null, their limits."""

from __future__ import annotations

import os
from itertools import combinations, permutations, product

import numpy as np
import pytest
from numpy.random import default_rng

from mtb_eval.inference.counts import two_arms_by_stratum
from mtb_eval.inference.exact import conditional_p
from mtb_eval.inference.permutation import permuted_arms, permuted_blocks
from mtb_eval.inference.survival import log_rank, log_rank_scores

LONG = bool(os.environ.get("MTB_EVAL_FULL"))
STUDIES = 2000 if LONG else 400


def monte_carlo(p: float, n: int) -> float:
    return 4 * np.sqrt(p * (1 - p) / n)


def enumerated_arms(scores: np.ndarray, arm: np.ndarray, stratum: np.ndarray) -> float:
    """p over all ways to choose the arm within strata."""
    sums = []
    for s in np.unique(stratum):
        mine = scores[stratum == s]
        k = int(arm[stratum == s].sum())
        sums.append([sum(c) for c in combinations(mine, k)])
    totals = np.array([sum(parts) for parts in product(*sums)])
    centre = totals.mean()
    return float((np.abs(totals - centre) >= abs(scores @ arm - centre) - 1e-9).mean())


def test_arms_agree_with_all_permutations():
    rng = default_rng(1)
    stratum = np.repeat([0, 1, 2], [6, 5, 3])
    for _ in range(5):
        scores, arm = rng.normal(size=14).round(1), rng.permutation(np.repeat([0.0, 1.0], 7))
        exact = enumerated_arms(scores, arm, stratum)
        found = permuted_arms(scores, arm, stratum, n_draws=9999, rng=rng)
        assert abs(found.p - exact) < monte_carlo(max(exact, 0.01), 9999) + 1e-4
        assert found.n_strata == 3


def test_binary_scores_in_one_stratum_are_the_hypergeometric():
    """With a symmetric margin the distance rule is Fisher's."""
    event = np.r_[np.ones(6), np.zeros(34)]
    arm = np.tile([1.0, 0.0], 20)
    arm[:6] = [1, 1, 1, 1, 1, 0]
    arm[6:] = np.r_[np.ones(15), np.zeros(19)]
    fisher = conditional_p(two_arms_by_stratum(event, arm, np.zeros(40)))
    found = permuted_arms(event, arm, np.zeros(40), n_draws=19999, rng=default_rng(2))
    assert abs(found.p - fisher) < monte_carlo(fisher, 19999) + 1e-4


def test_strata_without_both_arms_or_with_equal_scores_do_not_count():
    scores, arm = np.array([1.0, 0, 1, 0, 2, 2]), np.array([1.0, 1, 1, 0, 1, 0])
    stratum = ["a", "a", "b", "b", "c", "c"]
    found = permuted_arms(scores, arm, stratum, n_draws=199, rng=default_rng(3))
    assert (found.n_strata, found.n_free) == (3, 1)
    assert found.p == 1
    alone = permuted_arms(scores[:2], arm[:2], stratum[:2], n_draws=9, rng=default_rng(3))
    assert np.isnan(alone.p)


def test_permutation_log_rank_is_near_the_asymptotic_one_in_large_studies():
    rng = default_rng(4)
    arm = np.repeat([0.0, 1.0], 300)
    time = rng.exponential(np.where(arm == 1, 22, 18))
    seen = time < 24
    scores = log_rank_scores(np.minimum(time, 24), seen)
    found = permuted_arms(scores, arm, np.zeros(600), n_draws=4999, rng=rng)
    assert abs(found.p - log_rank(np.minimum(time, 24), seen, arm).p) < 0.03


def test_size_of_arms_within_strata_when_strata_differ():
    """Rare events, unequal strata and unequal arms: the test within strata keeps its size whatever the strata do."""
    rng, hits = default_rng(6), np.zeros(2)
    stratum = np.repeat(np.arange(6), [8, 10, 12, 14, 16, 20])
    share = np.array([0.9, 0.8, 0.7, 0.5, 0.3, 0.2])[stratum]
    risk = np.array([0.0, 0.1, 0.1, 0.2, 0.3, 0.5])[stratum]
    for _ in range(STUDIES):
        arm, event = (rng.random(80) < share).astype(float), (rng.random(80) < risk).astype(float)
        for k, groups in enumerate((stratum, np.zeros(80))):
            hits[k] += permuted_arms(event, arm, groups, n_draws=99, rng=rng).p <= 0.05
    within, across = hits / STUDIES
    assert within <= 0.05 + monte_carlo(0.05, STUDIES)
    assert across > 0.2


def blocks_of(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Family blocks of unequal size, six blocks in each of four municipalities."""
    size = rng.integers(2, 9, 24)
    block = np.repeat(np.arange(24), size)
    return block, block // 6, size


def test_blocks_agree_with_all_permutations():
    rng = default_rng(7)
    block = np.repeat(np.arange(7), [2, 3, 4, 2, 5, 3, 2])
    stratum = np.where(block < 4, 0, 1)
    y, share = rng.normal(size=len(block)), np.array([0.0, 0.5, 1.0, 1.0, 0.0, 0.2, 1.0])[block]
    slopes = []
    for first, second in product(permutations(range(4)), permutations(range(4, 7))):
        moved = np.array([0.0, 0.5, 1.0, 1.0, 0.0, 0.2, 1.0])[np.array([*first, *second])][block]
        left = moved - np.array([moved[stratum == s].mean() for s in (0, 1)])[stratum]
        slopes.append(left @ y / (left @ left))
    found = permuted_blocks(y, share, block, stratum, n_draws=9999, rng=rng)
    left = share - np.array([share[stratum == s].mean() for s in (0, 1)])[stratum]
    assert found.statistic == pytest.approx(left @ y / (left @ left))
    exact = (np.abs(slopes) >= abs(found.statistic) - 1e-9).mean()
    assert abs(found.p - exact) < monte_carlo(exact, 9999) + 1e-4


def test_size_of_blocks_when_families_of_a_block_are_alike():
    """Shares fall on blocks at random, families of a block share their risk: arms permuted singly reject too often."""
    rng, hits = default_rng(8), np.zeros(2)
    block, stratum, size = blocks_of(rng)
    for _ in range(STUDIES):
        arm = np.concatenate([rng.permutation([0.0, 0, 0, 1, 1, 1]) for _ in range(4)])[block]
        level = (rng.random(24) < 0.3)[block]
        y = (rng.random(len(block)) < np.where(level, 0.8, 0.05)).astype(float)
        hits[0] += permuted_blocks(y, arm, block, stratum, n_draws=99, rng=rng).p <= 0.05
        hits[1] += permuted_arms(y, arm, stratum, n_draws=99, rng=rng).p <= 0.05
    blocks, singly = hits / STUDIES
    assert blocks <= 0.05 + monte_carlo(0.05, STUDIES)
    assert singly > 0.12
    assert size.sum() == len(block)


def test_an_effect_is_found_by_both():
    rng = default_rng(9)
    block, stratum, _ = blocks_of(rng)
    arm = np.concatenate([rng.permutation([0.0, 0, 0, 1, 1, 1]) for _ in range(4)])[block]
    y = 3 * arm + rng.normal(size=len(block))
    assert permuted_blocks(y, arm, block, stratum, n_draws=999, rng=rng).p < 0.01
    assert permuted_arms(y, arm, stratum, n_draws=999, rng=rng).p < 0.01


def test_bad_rows_are_refused():
    rng = default_rng(10)
    with pytest.raises(ValueError, match="1 blocks lie in more than one stratum"):
        permuted_blocks([1, 2, 3], [0, 1, 1], [1, 1, 2], ["a", "b", "b"], n_draws=9, rng=rng)
    with pytest.raises(ValueError, match="1 rows have a missing"):
        permuted_arms([1, np.nan], [0, 1], [1, 1], n_draws=9, rng=rng)
    with pytest.raises(ValueError, match="found 1 rows that are not"):
        permuted_arms([1, 2], [0, 0.5], [1, 1], n_draws=9, rng=rng)
