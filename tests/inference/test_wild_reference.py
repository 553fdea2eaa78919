"""The wild cluster bootstrap against brute force in R, fwildclusterboot, summclust, and the written check numbers."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.draws import sign_draws
from mtb_eval.inference.wild import wild_bootstrap, wild_interval, wild_statistics, wild_test
from mtb_eval.inference.wild_scores import VARIANTS, wild_scores

REFERENCE = Path(__file__).parents[1] / "reference"
COVARIATES = ["x1_baseline", "x2_age", "x3_male", "x4_immigrant", "x5_education", "x6_single", "x7_stress", "x8_urban"]
CASES = [f"synth_{no}{y}" for no in ("", "nocov_") for y in ("y1", "y2", "y3", "y4", "y5", "y6")]


def columns(name):
    with (REFERENCE / name).open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}


STUDY = columns("synth_study.csv")
TOY = columns("mtbtoy.csv")
WCB = json.loads((REFERENCE / "wcb.json").read_text())
BRUTE = json.loads((REFERENCE / "made_wild.json").read_text())
WCB_CI = json.loads((REFERENCE / "wcb_ci.json").read_text())


def numbers(table, names):
    return np.column_stack([table[name].astype(float) for name in names])


def synth(case):
    covariates = [] if "nocov" in case else COVARIATES
    x = np.column_stack([np.ones(256), numbers(STUDY, ["treat", *covariates])])
    y = STUDY[case.rsplit("_", 1)[1]].astype(float)
    return cross_products(x, y, STUDY["cluster"]), np.eye(x.shape[1])[1]


def toy(fixed_effects=False):
    x = numbers(TOY, ["treat", "y0", "x", "cal"])
    municipality = (TOY["muni"][:, None] == np.unique(TOY["muni"])).astype(float)
    x = np.column_stack([x, municipality if fixed_effects else np.ones(len(x))])
    return cross_products(x, TOY["y"].astype(float), TOY["muni"]), np.eye(x.shape[1])[0]


@pytest.mark.parametrize("case", CASES)
def test_wcr11_counts_equal_brute_force_refits(case):
    brute = WCB[case]["brute_WCR11"]
    result = wild_bootstrap(*synth(case), variant="wcr11")
    np.testing.assert_allclose(result.t, brute["t"], rtol=1e-9)
    assert (result.count, result.count_strict) == (brute["n_ge"], brute["n_gt_strict"])
    assert (result.p, result.p_strict) == (brute["p_ge"], brute["p_gt"])
    assert result.n_draws == brute["ndraws"] == 1024


@pytest.mark.parametrize("case", CASES)
def test_wcr11_intervals_equal_both_tie_rules(case):
    scores, draws, reference = wild_scores(*synth(case), variant="wcr11"), sign_draws(10), WCB_CI[case]
    weak, strict = wild_interval(scores, draws), wild_interval(scores, draws, strict=True)
    np.testing.assert_allclose([weak.low, weak.high], reference["ci_ge"], rtol=0, atol=1e-7)
    np.testing.assert_allclose([strict.low, strict.high], reference["ci_gt"], rtol=0, atol=1e-7)
    np.testing.assert_allclose([strict.low, strict.high], reference["boottest"], rtol=0, atol=2e-4)


@pytest.mark.parametrize("variant", ["wcr31", "wcu11", "wcu31"])
@pytest.mark.parametrize("case", CASES)
def test_p_equals_fwildclusterboot(case, variant):
    theirs = WCB[case][f"boottest_{variant[:3].upper()}_{variant[3:]}"]
    result = wild_bootstrap(*synth(case), variant=variant, level=None)
    if "error" in theirs:  # fwildclusterboot stops on models with one regressor; ours must still be a p value
        assert theirs["error"] == "incorrect number of dimensions"
        assert 0 <= result.p <= 1
    else:
        np.testing.assert_allclose(result.t, theirs["t"], rtol=1e-9)
        assert result.p_strict == theirs["p"]
        assert result.p == max(theirs["p"], 2 / 2**10)


@pytest.mark.parametrize("variant", ["wcr13", "wcr33"])
@pytest.mark.parametrize("case", CASES)
def test_fwildclusterboot_13_and_33_put_the_small_sample_factor_on_one_side_only(case, variant):
    # Version 0.13 multiplies CV3 by G/(G-1) (N-1)/(N-k) in t but not in t*, so that its WCR13 does not reproduce t at
    # the identity draw. Its t and p follow from ours by that factor, to the last draw.
    theirs = WCB[case][f"boottest_WCR_{variant[3:]}"]
    if "error" in theirs:
        assert theirs["error"] == "incorrect number of dimensions"
        return
    cross, contrast = synth(case)
    t, drawn = wild_statistics(wild_scores(cross, contrast, variant=variant), sign_draws(10))
    deflated = t / np.sqrt(10 / 9 * 255 / (256 - cross.n_columns))
    np.testing.assert_allclose(deflated, theirs["t"], rtol=1e-9)
    assert 2 * np.count_nonzero(np.abs(drawn) > abs(deflated)) == 1024 * theirs["p"]


@pytest.mark.parametrize("case", CASES)
def test_jackknife_standard_error_equals_summclust(case):
    # Named CRV3J there, but around the full-sample estimate: the number is CV3.
    theirs = WCB[case]["summclust_CRV3J_se"]["treat"]
    np.testing.assert_allclose(wild_scores(*synth(case), variant="wcr33").se, theirs, rtol=1e-10)


@pytest.mark.parametrize(
    ("variant", "t", "strict", "weak", "interval", "strict_interval"),
    [
        ("wcr11", 0.7653596, 576, 578, (-0.4334729, 0.7107274), (-0.4279824, 0.7044098)),
        ("wcr31", 0.7653596, 570, 570, (-0.4088818, 0.6980486), (-0.4088818, 0.6980486)),
        ("wcr13", 0.691278, 578, 580, (-0.4357269, 0.7155308), (-0.4214137, 0.7099175)),
        ("wcr33", 0.691278, 566, 566, (-0.3916230, 0.7111239), (-0.3916230, 0.7111239)),
    ],
)
def test_check_numbers_of_the_toy_study(variant, t, strict, weak, interval, strict_interval):
    scores, draws = wild_scores(*toy(), variant=variant), sign_draws(10)
    result = wild_test(scores, draws)
    np.testing.assert_allclose(result.estimate, 0.1818757913, atol=5e-11)
    np.testing.assert_allclose(result.t, t, atol=5e-7)
    assert (result.count_strict, result.count) == (strict, weak)
    for rule, expected in ((False, interval), (True, strict_interval)):
        found = wild_interval(scores, draws, strict=rule)
        np.testing.assert_allclose([found.low, found.high], expected, atol=1e-7)
        assert not found.disjoint


def test_standard_errors_of_the_toy_study():
    assert abs(wild_scores(*toy(), variant="wcr11").se - 0.2376344378) < 5e-11  # CR1S
    assert abs(wild_scores(*toy(), variant="wcr13").se - 0.2631006904) < 5e-11  # CV3
    assert abs(wild_scores(*toy(True), variant="wcr11").se - 0.2254991552) < 5e-11
    assert abs(wild_scores(*toy(True), variant="wcr13").se - 0.2431356830) < 5e-11


@pytest.mark.parametrize(("variant", "strict", "weak"), [("wcr11", 204, 206), ("wcr31", 210, 210), ("wcr33", 220, 220)])
def test_check_numbers_with_municipality_dummies(variant, strict, weak):
    result = wild_bootstrap(*toy(True), variant=variant, level=None)
    np.testing.assert_allclose(result.estimate, 0.3497045885, atol=5e-11)
    assert (result.count_strict, result.count) == (strict, weak)


def brute_case(case):
    if case.startswith("toy"):
        return toy(case.endswith("within"))
    return synth("synth_" + case)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("case", BRUTE)
def test_every_variant_equals_brute_force_in_base_r(case, variant):
    scores, draws = wild_scores(*brute_case(case), variant=variant), sign_draws(10)
    for null in (0.0, 0.4):
        brute = BRUTE[case]["tests"][variant][f"null_{null:g}"]
        result = wild_test(scores, draws, null=null)
        np.testing.assert_allclose(result.t, brute["t"], rtol=1e-9)
        assert (result.count, result.count_strict) == (brute["weak"], brute["strict"])
        assert wild_test(scores, draws, null=null, alternative="greater").count == brute["greater"]
        drawn = np.sort(np.abs(wild_statistics(scores, draws.unfolded(), null=null)[1]))
        # R solves normal equations that hold a column of years here, and loses half of its digits.
        np.testing.assert_allclose(drawn[972], brute["quantile95"], rtol=1e-8)


@pytest.mark.parametrize(("case", "variant"), [(case, v) for case in BRUTE for v in BRUTE[case].get("intervals", {})])
def test_intervals_equal_bisection_on_brute_force_in_base_r(case, variant):
    found = wild_interval(wild_scores(*brute_case(case), variant=variant), sign_draws(10))
    np.testing.assert_allclose([found.low, found.high], BRUTE[case]["intervals"][variant], rtol=0, atol=1e-8)
