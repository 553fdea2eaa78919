"""The package against made_*.json, which the R scripts beside them make again (tests/reference/README.md)."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtb_eval.inference.cluster_level import (
    arm_means,
    ibragimov_mueller,
    paired_t,
    signed_rank,
    signed_rank_statistic,
    unpaired_t,
)
from mtb_eval.inference.counts import counts, risk_difference, two_arms_by_stratum
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.estimating_equations import (
    EstimatingEquations,
    robust_covariance,
    robust_estimate,
    satterthwaite_df,
)
from mtb_eval.inference.exact import conditional_odds_ratio, conditional_p
from mtb_eval.inference.firth import firth, penalised_log_likelihood
from mtb_eval.inference.gee import gee, jackknife
from mtb_eval.inference.glm import glm
from mtb_eval.inference.iv import anderson_rubin, first_stage, iv_model, two_stage_least_squares
from mtb_eval.inference.kenward_roger import kenward_roger
from mtb_eval.inference.mixed import fit_mixed, mixed_satterthwaite, mixed_z
from mtb_eval.inference.mixed_sandwich import mixed_cr2
from mtb_eval.inference.multiplicity import benjamini_hochberg, holm
from mtb_eval.inference.ols import ols
from mtb_eval.inference.sandwich import cluster_robust

REFERENCE = Path(__file__).parents[1] / "reference"
COVARIATES = [
    "x1_baseline",
    "x2_age",
    "x3_male",
    "x4_immigrant",
    "x5_education",
    "x6_single",
    "x7_stress",
    "x8_urban",
]


def made(name: str) -> Any:
    return json.loads((REFERENCE / f"made_{name}.json").read_text())


def table(name: str) -> dict[str, np.ndarray]:
    with (REFERENCE / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {k: np.array([r[k] for r in rows]) for k in rows[0]}


def numbers(rows: dict[str, np.ndarray], *names: str) -> np.ndarray:
    """A constant and the named columns; a calendar year is counted from 2020."""
    columns = [rows["cal"].astype(float) - 2020 if n == "year" else rows[n].astype(float) for n in names]
    return np.column_stack([np.ones(len(columns[0])), *columns])


def close(found: Any, expected: Any, rtol: float, atol: float = 0.0) -> None:
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def check_equations(equations: EstimatingEquations, expected: dict[str, Any], order: list[int], rtol: float) -> None:
    close(equations.coefficients[order], expected["coef"], rtol)
    for kind in ("CR0", "CR1", "CR1p", "CR1S", "CR2", "CR3"):
        if kind not in expected:
            continue
        reference = expected[kind]
        p = len(order)
        rows = [robust_estimate(equations, c, kind=kind) for c in np.eye(p)[order]]
        close([e.se for e in rows], reference["se"], rtol)
        close([e.df for e in rows], reference["df"], rtol)
        close([e.p for e in rows], reference["p"], 10 * rtol)


def ols_case(case: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if case.startswith("mtbtoy"):
        rows = table("mtbtoy")
        return numbers(rows, "treat", "y0", "x", "year"), rows["y"].astype(float), rows["muni"]
    rows = table("synth_study" if case.startswith("synth") else "synth_study_attrition")
    outcome = case.split("_")[1]
    columns = ["treat"] if case.endswith("plain") else ["treat", *COVARIATES]
    kept = np.all([rows[c] != "" for c in [outcome, "cluster", *columns]], axis=0)
    rows = {k: v[kept] for k, v in rows.items()}
    return numbers(rows, *columns), rows[outcome].astype(float), rows["cluster"]


OLS = [k for k in made("ols_cr") if k != "mtbtoy_demeaned"]


@pytest.mark.parametrize("case", OLS)
def test_least_squares_as_clubsandwich(case: str) -> None:
    x, y, cluster = ols_case(case)
    expected = made("ols_cr")[case]
    fit = ols(cross_products(x, y, cluster))
    for kind in ("CR0", "CR1", "CR1p", "CR1S", "CR2", "CR3"):
        if kind not in expected:
            continue
        rows = [cluster_robust(fit, c, kind=kind) for c in np.eye(x.shape[1])]
        close([e.estimate for e in rows], expected["coef"], 1e-10)
        close([e.se for e in rows], expected[kind]["se"], 1e-10)
        close([e.df for e in rows], expected[kind]["df"], 1e-9)
        close([e.p for e in rows], expected[kind]["p"], 1e-8)
    saddle = [cluster_robust(fit, c, kind="CR2", reference="saddlepoint").p for c in np.eye(x.shape[1])]
    # clubSandwich finds the saddlepoint to about 1e-4 and its formula loses digits near 0
    away = np.abs(expected["saddlepoint"]) > 0.1
    close(np.array(saddle)[away], np.array(expected["saddlepoint_p"])[away], 1e-3)
    for kind, name in (("CV3", "cv3_se"), ("CV3J", "cv3j_se")):
        jack = [cluster_robust(fit, c, kind=kind, reference="G-1").se for c in np.eye(x.shape[1])]
        close(jack, expected[name], 1e-10)


@pytest.mark.parametrize("case", ["mtbtoy", "synth_y4", "synth_y4_plain"])
def test_the_estimating_equations_of_least_squares_agree_with_the_cross_product_core(case: str) -> None:
    x, y, cluster = ols_case(case)
    equations = gee(x, y, cluster, correlation="independence").equations
    check_equations(equations, made("ols_cr")[case], list(range(x.shape[1])), 1e-9)


LMM = [k for k in made("lmm") if k.startswith(("synth", "mtbtoy"))]


@pytest.mark.parametrize("case", LMM)
def test_random_intercept_as_lme4_lmertest_pbkrtest(case: str) -> None:
    """lme4 itself is right to about 1e-7 at an inner optimum, and stops near 0 at a boundary."""
    x, y, cluster = ols_case(case)
    expected = made("lmm")[case]
    fit = fit_mixed(cross_products(x, y, cluster))
    close(fit.var_residual, expected["vc_residual"], 1e-6)
    close(fit.var_cluster, expected["vc_group"], 1e-5, atol=1e-9)
    close(-2 * fit.loglik, expected["reml_criterion"], 1e-9)
    for j, c in enumerate(np.eye(x.shape[1])):
        z, satterthwaite, kr = mixed_z(fit, c), mixed_satterthwaite(fit, c), kenward_roger(fit, c)
        close(z.estimate, expected["coef"][j], 1e-6, atol=1e-9)
        close(z.se, expected["se"][j], 1e-6)
        close(satterthwaite.df, expected["satterthwaite_df"][j], 1e-5)
        close(kr.se, expected["kr_se"][j], 1e-6)
        close(kr.df, expected["kr_df"][j], 1e-5)


@pytest.mark.parametrize("case", ["synth_y3", "mtbtoy"])
def test_cr2_of_the_mixed_model_as_clubsandwich(case: str) -> None:
    x, y, cluster = ols_case(case)
    expected = made("lmm_cr")[case]
    fit = fit_mixed(cross_products(x, y, cluster))
    rows = [mixed_cr2(fit, c) for c in np.eye(x.shape[1])]
    close([e.se for e in rows], expected["CR2"]["se"], 1e-6)
    close([e.df for e in rows], expected["CR2"]["df"], 1e-6)


def gee_case(case: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    if case.startswith("dietox"):
        rows = table("dietox")
        x = numbers(rows | {"a": rows["Cu"] == "Cu035", "b": rows["Cu"] == "Cu175"}, "a", "b", "Time")
        return x, rows["Weight"].astype(float), rows["Pig"], "gaussian"
    if case.startswith("mtbtoy"):
        rows = table("mtbtoy")
        return numbers(rows, "treat", "y0", "x", "year"), rows["y"].astype(float), rows["muni"], "gaussian"
    rows = table("synth_study")
    binary = "placed" in case
    columns = ["treat"] if binary else ["treat", "x1_baseline", "x2_age", "x3_male"]
    y = rows["placed" if binary else "y4"].astype(float)
    return numbers(rows, *columns), y, rows["cluster"], "logit" if binary else "gaussian"


@pytest.mark.parametrize("case", list(made("gee")))
def test_gee_as_geepack_and_the_written_out_covariances(case: str) -> None:
    x, y, cluster, family = gee_case(case)
    expected = made("gee")[case]
    correlation = case.rsplit("_", maxsplit=1)[-1]
    fit = gee(x, y, cluster, family=family, correlation=correlation)  # type: ignore[arg-type]
    close(fit.equations.coefficients, expected["coef"], 1e-9, atol=1e-10)
    close(fit.alpha, expected["alpha"], 1e-8)
    close(fit.phi, expected["phi"], 1e-9)
    close(np.sqrt(np.diag(robust_covariance(fit.equations, "CR0"))), expected["se"], 1e-9)
    for kind, se in expected["covariance"].items():
        close(np.sqrt(np.diag(robust_covariance(fit.equations, kind))), se, 1e-8)
    if "jackknife_se" in expected:
        g, extra = len(set(cluster)), 1 + (correlation == "exchangeable")
        factor = (g - x.shape[1] - extra) / (g - 1)
        found = jackknife(x, y, cluster, family=family, correlation=correlation)  # type: ignore[arg-type]
        close(np.sqrt(factor * np.diag(found)), expected["jackknife_se"], 1e-6)


def test_logit_and_modified_poisson_as_glm_and_clubsandwich() -> None:
    expected, study, toy = made("glm_cr"), table("synth_study"), table("mtbtoy")
    treated = {k: v[toy["treat"] == "1"] for k, v in toy.items()}
    fits = {
        "synth_logit": (numbers(study, "treat", "x7_stress"), study["placed"], study["cluster"], "logit"),
        "synth_poisson": (numbers(study, "treat", "x7_stress"), study["placed"], study["cluster"], "poisson"),
        "mtbtoy_poisson": (numbers(toy, "treat"), toy["placed"], toy["muni"], "poisson"),
        "mtbtoy_visits_poisson": (numbers(treated, "x", "y0"), treated["visits"], treated["muni"], "poisson"),
    }
    assert set(fits) == set(expected)
    for name, (x, y, cluster, family) in fits.items():
        equations = glm(x, y.astype(float), cluster, family=family)  # type: ignore[arg-type]
        check_equations(equations, expected[name], list(range(x.shape[1])), 1e-9)


@pytest.mark.parametrize("outcome", ["y3", "y4", "y6"])
def test_two_stage_least_squares_and_anderson_rubin(outcome: str) -> None:
    expected, rows = made("iv"), table("synth_cace")
    y, dose, treat = (rows[k].astype(float) for k in (outcome, "uptake", "treat"))
    exogenous = numbers(rows, "x1_baseline")

    def model(values: np.ndarray, instruments: np.ndarray) -> Any:
        return iv_model(values, dose, exogenous=exogenous, instruments=instruments, cluster=rows["cluster"])

    one, reference = model(y, treat), expected[outcome]
    check_equations(two_stage_least_squares(one), reference, [1, 0, 2], 1e-9)
    close(first_stage(one).f, expected["first_stage_F"], 1e-9)
    close(first_stage(one).effective_f, expected["first_stage_F"], 1e-9)
    two_z = np.column_stack([treat, treat * exogenous[:, 1]])
    two = model(y, two_z)
    close(two_stage_least_squares(two).coefficients[[1, 0, 2]], reference["two_instruments"]["coef"], 1e-9)
    cr2 = [satterthwaite_df(two_stage_least_squares(two), c) for c in np.eye(3)[[1, 0, 2]]]
    close(cr2, reference["two_instruments"]["CR2"]["df"], 1e-9)
    close(first_stage(two).f, expected["first_stage_F_two"], 1e-9)
    close(first_stage(two).effective_f, expected["effective_F_two"], 1e-9)
    for value, p in zip(*reference["anderson_rubin"].values(), strict=True):
        close(anderson_rubin(model(y - value * dose, treat)).p, p, 1e-7)
    both = reference["anderson_rubin_two"]
    for value, p in zip(both["value"], both["p"], strict=True):
        found = anderson_rubin(model(y - value * dose, two_z), kind="CR1S", reference="G-1")
        close(found.p, p, 1e-8)


def test_firth_as_brglm2_with_a_general_optimisers_profile() -> None:
    expected, study, toy = made("firth"), table("synth_study"), table("mtbtoy")
    quiet = (study["placed"] == "0") & (study["x6_single"] == "1.0")
    fits = {
        "mtbtoy": (numbers(toy, "treat", "x"), toy["placed"]),
        "synth_placed": (numbers(study, "treat", "x7_stress", "x6_single"), study["placed"]),
        "synth_separated": (numbers(study | {"quiet": quiet}, "treat", "quiet"), study["placed"]),
    }
    assert set(fits) == set(expected)
    for name, (x, y) in fits.items():
        found, reference = firth(x, y.astype(float)), expected[name]
        close(found.estimate, reference["coef"], 1e-7)
        close(found.se, reference["se"], 1e-7)
        close(found.ci_low, reference["ci_low"], 1e-6)
        close(found.ci_high, reference["ci_high"], 1e-6)
        close(found.p, reference["p"], 1e-6)
        close(penalised_log_likelihood(x, y.astype(float)), reference["penalised_log_likelihood"], 1e-10)


def test_exact_conditional_tests() -> None:
    """R solves for the odds ratio and its limits to about 1e-4, so those are compared loosely."""
    expected = made("exact")
    for reference in expected["tables"]:
        a, n, b, m = reference["counts"]
        one = counts(events_first=a, n_first=n, events_second=b, n_second=m)
        check_exact(one, reference)
        close(risk_difference(one, "mee").p, reference["pearson_p"], 1e-10)
    for name in ("synth_placed", "mtbtoy_placed"):
        reference = expected[name]
        strata = (table("mtbtoy"), "muni") if name.startswith("mtbtoy") else (table("synth_study"), "cluster")
        rows, by = strata
        found = two_arms_by_stratum(rows["placed"].astype(float), rows["treat"].astype(float), rows[by])
        order = np.argsort(np.unique(rows[by]).astype(float)) if by == "cluster" else slice(None)
        for field in ("events_first", "n_first", "events_second", "n_second"):
            assert getattr(found, field)[order].tolist() == reference[field]
        check_exact(found, reference)


def check_exact(strata: Any, reference: dict[str, Any]) -> None:
    close(conditional_p(strata), reference["p"], 1e-10)
    close(conditional_p(strata, "less"), reference["less"], 1e-10)
    close(conditional_p(strata, "greater"), reference["greater"], 1e-10)
    found = conditional_odds_ratio(strata)
    close(found.estimate, reference["odds_ratio"], 1e-3)
    close([found.ci_low, found.ci_high], reference["ci"], 2e-3)


def test_cluster_level_analyses() -> None:
    expected, toy = made("cluster_level"), table("mtbtoy")
    y, treat, muni = toy["y"].astype(float), toy["treat"].astype(float), toy["muni"]
    for name, columns in (("calendar", ["y0", "x", "year"]), ("plain", [])):
        reference = expected[name]
        means = arm_means(y, treat, muni, covariates=numbers(toy, *columns) if columns else None)
        found, ranks = paired_t(means), signed_rank(means)
        close(found.estimate / found.se, reference["t"], 1e-9)
        close([found.estimate, found.df, found.p], [reference[k] for k in ("estimate", "df", "p")], 1e-9)
        close([found.ci_low, found.ci_high], reference["ci"], 1e-9)
        assert signed_rank_statistic(means) == reference["V"]
        close(ranks.p, reference["rank_p"], 1e-12)
        close(ranks.estimate, reference["hodges_lehmann"], 1e-9)
        close([ranks.ci_low, ranks.ci_high], reference["rank_ci"], 1e-9)
        weighted = paired_t(means, "precision")
        close([weighted.estimate, weighted.se, weighted.p], list(reference["weighted"].values()), 1e-9)
    own = ibragimov_mueller(numbers(toy, "treat", "y0", "x"), y, muni, column=1)
    close([own.estimate, own.estimate / own.se, own.df, own.p], list(expected["cluster_specific"].values()), 1e-9)


def test_cluster_level_analyses_between_clusters() -> None:
    expected, toy = made("cluster_level"), table("mtbtoy")
    code = np.unique(toy["muni"], return_inverse=True)[1]
    arm = ((code + 1) % 2).astype(float)
    means = arm_means(toy["y"].astype(float), arm, toy["muni"], covariates=numbers(toy, "y0", "x"))
    found, weighted = unpaired_t(means), unpaired_t(means, "precision")
    close([found.estimate, found.estimate / found.se, found.df, found.p], list(expected["between"].values()), 1e-9)
    close([weighted.estimate, weighted.se, weighted.p], list(expected["between_weighted"].values()), 1e-9)


def test_multiplicity_corrections() -> None:
    for reference in made("padjust").values():
        close(holm(reference["p"]), reference["holm"], 1e-12)
        close(benjamini_hochberg(reference["p"]), reference["bh"], 1e-12)
