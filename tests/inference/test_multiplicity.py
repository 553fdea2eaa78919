"""Adjusted p values and indices: reference numbers from R and papers, theorems, missing values, bad input."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.draws import sign_draws
from mtb_eval.inference.multiplicity import (
    anderson_index,
    benjamini_hochberg,
    holm,
    mean_index,
    romano_wolf,
    sharpened_q,
    standardised,
)
from mtb_eval.inference.wild import wild_statistics, wild_test
from mtb_eval.inference.wild_scores import wild_scores

REFERENCE = Path(__file__).parents[1] / "reference"
PADJUST = json.loads((REFERENCE / "padjust.json").read_text())
ROMANO_WOLF = json.loads((REFERENCE / "romano_wolf.json").read_text())
BH_1995 = [0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216, 0.222, 0.251, 0.269, 0.275, 0.34]
NAN = float("nan")


def study_scores():
    with (REFERENCE / "synth_study.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name == "treat" or name.startswith("x")]
    x = np.array([[1.0, *(float(row[name]) for name in names)] for row in rows])
    y = np.array([[float(row[f"y{i}"]) for row in rows] for i in range(1, 31)])
    cross = cross_products(x, y, [row["cluster"] for row in rows])
    return wild_scores(cross, np.eye(10)[1], variant="wcr11")


@pytest.mark.parametrize(("method", "name"), [(holm, "holm"), (benjamini_hochberg, "bh")])
def test_holm_and_benjamini_hochberg_equal_r(method, name):
    np.testing.assert_allclose(method(PADJUST["p"]), PADJUST[name], rtol=1e-12)
    with_na = [NAN if v is None else v for v in PADJUST["with_na"]["p"]]
    expected = [NAN if v is None else v for v in PADJUST["with_na"][name]]
    np.testing.assert_allclose(method(with_na), expected, rtol=1e-12)


def test_written_check_numbers():
    bh = [0.015, 0.06, 0.126, 0.126, 0.126, 0.15, 0.1586, *[0.2946] * 7, 0.34]
    np.testing.assert_allclose(benjamini_hochberg(BH_1995), bh, atol=5e-5)
    np.testing.assert_allclose(holm(BH_1995)[:7], [0.015, 0.112, 0.507, 0.507, 0.507, 0.6, 0.666], atol=5e-13)
    sharpened = [0.016, 0.060, 0.123, 0.123, 0.123, 0.145, 0.145, *[0.189] * 7, 0.222]
    np.testing.assert_allclose(sharpened_q(BH_1995), sharpened, atol=1e-12)


def test_romano_wolf_on_joint_exact_draws_equals_the_reference():
    scores = study_scores()
    t, drawn = wild_statistics(scores, sign_draws(10))
    raw = wild_test(scores, sign_draws(10)).p
    np.testing.assert_allclose(t, ROMANO_WOLF["t"], rtol=1e-9)
    np.testing.assert_array_equal(raw, ROMANO_WOLF["p_raw_enum_ge"])
    np.testing.assert_array_equal(romano_wolf(t, drawn, exact=True), ROMANO_WOLF["rw_k_over_B"])
    both = np.concatenate([drawn, -drawn], axis=1)
    np.testing.assert_array_equal(romano_wolf(t, both, exact=True), ROMANO_WOLF["rw_k_over_B"])
    np.testing.assert_allclose(romano_wolf(t, both, exact=False), ROMANO_WOLF["rw_kplus1"], rtol=1e-12)
    np.testing.assert_allclose(holm(raw), ROMANO_WOLF["holm_of_raw"], rtol=1e-12)
    np.testing.assert_allclose(benjamini_hochberg(raw), ROMANO_WOLF["bh_of_raw"], rtol=1e-12)


def test_romano_wolf_theorems():
    rng = np.random.default_rng(1)
    drawn = rng.standard_normal((6, 499))
    t = np.array([3.0, -0.2, 1.5, -2.4, 1.5, 0.9])
    adjusted = romano_wolf(t, drawn, exact=True)
    single = np.array([romano_wolf(t[i : i + 1], drawn[i : i + 1], exact=True)[0] for i in range(6)])
    np.testing.assert_allclose(single, (np.abs(drawn) >= np.abs(t)[:, None]).mean(axis=1))
    assert (adjusted >= single).all()
    assert (np.diff(adjusted[np.argsort(-np.abs(t), kind="stable")]) >= 0).all()
    shuffled = rng.permutation(6)
    np.testing.assert_array_equal(romano_wolf(t[shuffled], drawn[shuffled], exact=True), adjusted[shuffled])
    same = np.repeat(drawn[:1], 6, axis=0)  # perfectly dependent outcomes cost nothing
    np.testing.assert_allclose(
        romano_wolf(np.full(6, 2.0), same, exact=True), romano_wolf(np.array([2.0]), drawn[:1], exact=True)[0]
    )


def test_romano_wolf_leaves_out_nan_and_counts_undefined_draws():
    drawn = np.array([[0.1, 5.0, 0.2, 0.3], [9.0, 9.0, 9.0, 9.0], [0.1, NAN, 0.2, 0.3]])
    adjusted = romano_wolf([1.0, NAN, 0.5], drawn, exact=True)
    np.testing.assert_array_equal(adjusted, [0.25, NAN, 0.25])


def brute_sharpened(p, q):
    """Whether each test is rejected by the two-stage procedure at rate q, by the text of the paper."""
    p = np.asarray(p)
    rank = np.argsort(np.argsort(p)) + 1

    def rejected(rate):
        return max((r for v, r in zip(p, rank, strict=True) if v <= rate * r / p.size), default=0)

    first = rejected(q / (1 + q))
    second = p.size if first == p.size else rejected(q / (1 + q) * p.size / (p.size - first))
    return rank <= second


@pytest.mark.parametrize("seed", range(4))
def test_sharpened_q_equals_the_two_stage_procedure_rate_by_rate(seed):
    p = np.random.default_rng(seed).beta(0.3, 1.5, 11)
    q = sharpened_q(p)
    rejections = np.array([brute_sharpened(p, k / 1000) for k in range(1, 1001)])
    expected = np.where(rejections.any(axis=0), (rejections.argmax(axis=0) + 1) / 1000, 1.0)
    np.testing.assert_allclose(q, expected, atol=1e-12)
    with_nan = np.insert(p, 4, NAN)
    np.testing.assert_array_equal(sharpened_q(with_nan), np.insert(q, 4, NAN))


def test_sharpened_q_may_fall_below_p_when_much_is_rejected_and_is_1_when_nothing_is():
    assert (sharpened_q([0.01, 0.02, 0.03, 0.04, 0.05]) < 0.06).all()
    np.testing.assert_array_equal(sharpened_q([1.0, 1.0]), [1.0, 1.0])
    assert sharpened_q([]).size == 0


def made_components(seed=1, n=200):
    rng = np.random.default_rng(seed)
    control = rng.random(n) < 0.4
    common = rng.standard_normal(n) + 0.5 * ~control
    y = np.column_stack([common + rng.standard_normal(n), 3 * common + rng.standard_normal(n), rng.standard_normal(n)])
    return 10 + y * [1, 20, 0.1], control


def test_standardised_components_have_mean_0_and_sd_1_among_controls():
    y, control = made_components()
    z = standardised(y, control)
    np.testing.assert_allclose(z[control].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(z[control].std(axis=0, ddof=1), 1, rtol=1e-12)


@pytest.mark.parametrize("covariance", ["all", "control"])
def test_anderson_weights_are_the_gls_weights_of_a_common_mean(covariance):
    y, control = made_components()
    z = standardised(y, control)
    rows = slice(None) if covariance == "all" else control
    inverse = np.linalg.inv(np.cov(z[rows].T))
    one = np.ones(3)
    index = anderson_index(y, control, covariance=covariance)
    np.testing.assert_allclose(index.weights, inverse @ one / (one @ inverse @ one), rtol=1e-9)
    np.testing.assert_allclose(index.score, z @ index.weights, rtol=1e-9)
    # Generalised least squares: no other weights with sum 1 give a smaller variance.
    for shift in ([1, -1, 0], [0, 1, -1], [1, 1, -2]):
        other = index.weights + 0.05 * np.array(shift)
        assert np.var(z[rows] @ other) > np.var(z[rows] @ index.weights)


def test_indices_do_not_depend_on_units_and_equal_weights_give_the_mean():
    y, control = made_components(2)
    for make in (anderson_index, mean_index):
        np.testing.assert_allclose(
            make(y * [3, 0.1, 7] + 5, control).score, make(y, control).score, rtol=1e-8, atol=1e-9
        )
    z = standardised(y, control)
    np.testing.assert_allclose(mean_index(y, control).score, z.mean(axis=1), rtol=1e-9, atol=1e-12)
    exchangeable = np.column_stack([y[:, 0], 10 * 2 - y[:, 0]])  # one component and its mirror: equal variances
    exchangeable[:, 1] += np.random.default_rng(3).standard_normal(len(y)) * 1e-3
    np.testing.assert_allclose(anderson_index(exchangeable, control).weights, [0.5, 0.5], atol=1e-3)


def test_missing_components_rescale_the_weights_or_take_the_mean_of_the_arm():
    y, control = made_components(3)
    y[0, 1] = y[1, :2] = y[2] = NAN
    z = standardised(y, control)
    index = anderson_index(y, control)
    w = index.weights
    np.testing.assert_allclose(index.score[0], (w[0] * z[0, 0] + w[2] * z[0, 2]) / (w[0] + w[2]), rtol=1e-9)
    np.testing.assert_allclose(index.score[1], z[1, 2], rtol=1e-9)
    assert np.isnan(index.score[2])
    assert np.isfinite(index.score[3:]).all()
    plain = mean_index(y, control).score
    arm = control == control[0]
    filled = [z[0, 0], np.nanmean(z[arm, 1]), z[0, 2]]
    np.testing.assert_allclose(plain[0], np.mean(filled), rtol=1e-9)
    assert np.isnan(plain[2])


def test_bad_input_is_refused_in_one_sentence():
    y, control = made_components()
    with pytest.raises(ValueError, match="2 p values lie outside"):
        holm([0.1, 1.2, -0.1])
    with pytest.raises(ValueError, match="must be a vector"):
        benjamini_hochberg(np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"got \(2,\) and \(3, 5\)"):
        romano_wolf([1.0, 2.0], np.ones((3, 5)), exact=True)
    with pytest.raises(ValueError, match="1 of 3 components do not vary"):
        anderson_index(np.column_stack([y[:, :2], np.full(len(y), 4.0)]), control)
    with pytest.raises(ValueError, match="singular"):
        anderson_index(np.column_stack([y, y[:, 0]]), control)
    with pytest.raises(ValueError, match="needs components"):
        mean_index(y, control[:5])


def test_no_p_at_all_stays_nan():
    for method in (holm, benjamini_hochberg, sharpened_q):
        assert np.isnan(method([NAN, NAN])).all()
