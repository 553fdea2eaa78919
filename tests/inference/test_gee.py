"""GEE: R's numbers (geepack, gee, clubSandwich 0.6 on geepack fits), theorems, refusals."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.random import default_rng

from mtb_eval.inference.estimating_equations import (
    robust_covariance,
    robust_estimate,
    satterthwaite_df,
)
from mtb_eval.inference.gee import gee, jackknife

REFERENCE = Path(__file__).parents[1] / "reference"
GEEPACK = json.loads((REFERENCE / "gee.json").read_text())
SMALL = json.loads((REFERENCE / "gee_smallsample.json").read_text())
CASES = ["dietox_exch", "dietox_ind", "synth_y4_exch", "synth_placed_exch", "synth_placed_ind"]


def table(name: str) -> dict[str, np.ndarray]:
    with (REFERENCE / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {k: np.array([r[k] for r in rows]) for k in rows[0]}


def data(case: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
    correlation = "exchangeable" if case.endswith("exch") else "independence"
    if case.startswith("dietox"):
        d = table("dietox")
        x = np.column_stack([np.ones(len(d["Pig"])), d["Cu"] == "Cu035", d["Cu"] == "Cu175", d["Time"].astype(float)])
        return x, d["Weight"].astype(float), d["Pig"], {"correlation": correlation}
    d = table("synth_study")
    columns = ["treat"] if "placed" in case else ["treat", "x1_baseline", "x2_age", "x3_male"]
    x = np.column_stack([np.ones(256), *(d[c].astype(float) for c in columns)])
    if "placed" in case:
        return x, d["placed"].astype(float), d["cluster"], {"correlation": correlation, "family": "logit"}
    return x, d["y4"].astype(float), d["cluster"], {"correlation": correlation}


def values(reference: dict[str, float]) -> np.ndarray:
    return np.array(list(reference.values()))


def robust_se(equations: Any, kind: Any) -> np.ndarray:
    return np.sqrt(np.diag(robust_covariance(equations, kind)))


@pytest.mark.parametrize("case", CASES)
def test_geepack(case: str) -> None:
    x, y, cluster, options = data(case)
    fit, reference = gee(x, y, cluster, **options), GEEPACK[case]
    np.testing.assert_allclose(fit.equations.coefficients, values(reference["coef"]), rtol=1e-9)
    np.testing.assert_allclose(robust_se(fit.equations, "CR0"), values(reference["se_san.se"]), rtol=1e-9)
    np.testing.assert_allclose(fit.phi, values(reference["phi"]), rtol=1e-9)
    if reference["alpha"]:
        np.testing.assert_allclose(fit.alpha, reference["alpha"]["alpha"], rtol=1e-9)


@pytest.mark.parametrize("case", ["dietox_exch", "dietox_ind", "synth_y4_exch", "synth_placed_ind"])
def test_geepacks_jackknife_is_ours_with_its_factor(case: str) -> None:
    x, y, cluster, options = data(case)
    g, p = len(set(cluster)), x.shape[1] + 1 + (options["correlation"] == "exchangeable")
    found = np.sqrt(np.diag(jackknife(x, y, cluster, **options)) * (g - p) / (g - 1))
    np.testing.assert_allclose(found, values(GEEPACK[case]["se_fij"]), rtol=2e-5)


@pytest.mark.parametrize("case", CASES[2:])
@pytest.mark.parametrize("kind", ["CR0", "CR1", "CR2", "CR3"])
def test_clubsandwich_on_geepack_fits(case: str, kind: Any) -> None:
    x, y, cluster, options = data(case)
    equations = gee(x, y, cluster, **options).equations
    reference = SMALL[case][f"clubSandwich06_geepack_{kind}"]
    np.testing.assert_allclose(robust_se(equations, kind), values(reference["se"]), rtol=1e-9)
    rows = [robust_estimate(equations, c, kind=kind) for c in np.eye(x.shape[1])]
    np.testing.assert_allclose([e.df for e in rows], values(reference["df"]), rtol=1e-9)
    np.testing.assert_allclose([e.p for e in rows], values(reference["p"]), rtol=1e-8)


@pytest.mark.parametrize("case", CASES[2:])
def test_the_other_moment_convention_is_that_of_the_gee_package(case: str) -> None:
    x, y, cluster, options = data(case)
    fit, reference = gee(x, y, cluster, moments="N-p", **options), SMALL[case]
    np.testing.assert_allclose(fit.equations.coefficients, values(reference["gee_coef"]), rtol=1e-9)
    np.testing.assert_allclose(robust_se(fit.equations, "CR0"), values(reference["gee_se_robust"]), rtol=1e-9)
    np.testing.assert_allclose(fit.alpha, reference["gee_alpha"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fit.phi, reference["gee_scale"], rtol=1e-9)


def test_methods_check_number_of_mtbtoy() -> None:
    d = table("mtbtoy")
    x = np.column_stack([np.ones(170), *(d[c].astype(float) for c in ("treat", "y0", "x", "cal"))])
    x[:, 4] -= 2020
    fit = gee(x, d["y"].astype(float), d["muni"])
    e = robust_estimate(fit.equations, [0, 1, 0, 0, 0], kind="CR0", reference="z")
    # those numbers were printed at geepack's default convergence of 1e-4
    np.testing.assert_allclose([e.estimate, e.se, fit.alpha], [0.2199257, 0.2163780, 0.0297418], rtol=5e-5)


def test_statsmodels_bias_reduced_is_mancl_derouen() -> None:
    x, y, cluster, _ = data("synth_y4_exch")
    model = sm.GEE(y, x, groups=cluster.astype(int), cov_struct=sm.cov_struct.Independence())
    theirs = model.fit(cov_type="bias_reduced").bse
    ours = robust_se(gee(x, y, cluster, correlation="independence").equations, "CR3")
    np.testing.assert_allclose(ours, theirs, rtol=1e-8)


def synthetic(n_clusters: int = 8, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = default_rng(seed)
    cluster = np.repeat(np.arange(n_clusters), rng.integers(3, 9, n_clusters))
    x = np.column_stack([np.ones(len(cluster)), rng.normal(size=(len(cluster), 2))])
    y = x @ [1.0, 0.5, -0.3] + rng.normal(size=n_clusters)[cluster] + rng.normal(size=len(cluster))
    return x, y, cluster


def test_clusters_of_one_row_give_hc2_and_hc3() -> None:
    x, y, _ = synthetic()
    equations = gee(x, y, np.arange(len(y)), correlation="independence").equations
    fit = sm.OLS(y, x).fit()
    for kind, hc in (("CR0", "HC0"), ("CR2", "HC2"), ("KC", "HC2"), ("CR3", "HC3")):
        np.testing.assert_allclose(robust_se(equations, kind), getattr(fit, f"{hc}_se"), rtol=1e-10)


def test_kauermann_carroll_is_cr2_where_the_working_variance_is_constant() -> None:
    x, y, cluster = synthetic()
    equations = gee(x, y, cluster, correlation="independence").equations
    np.testing.assert_allclose(robust_covariance(equations, "KC"), robust_covariance(equations, "CR2"), rtol=1e-10)


@pytest.mark.parametrize("family", ["gaussian", "logit"])
def test_cr2_is_exactly_unbiased_under_the_working_model(family: Any) -> None:
    """Residuals are (I - ZMZ')e; with e white, the expectation is the sum over the columns of that matrix."""
    x, y, cluster = synthetic()
    equations = gee(x, y if family == "gaussian" else (y > 1) * 1.0, cluster, family=family).equations
    z = np.concatenate(equations.z)
    m = np.linalg.inv(z.T @ z)
    ends = np.cumsum([len(v) for v in equations.z])[:-1]
    columns = np.eye(len(z)) - z @ m @ z.T
    parts = [robust_covariance(replace(equations, r=tuple(np.split(r, ends))), "CR2") for r in columns]
    np.testing.assert_allclose(np.sum(parts, axis=0), m, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("kind", ["CR0", "CR1S", "CR2", "CR3", "KC", "FG"])
def test_row_order_and_labels_do_not_matter_and_units_scale(kind: Any) -> None:
    x, y, cluster = synthetic()
    order = default_rng(0).permutation(len(y))
    names = np.array([f"town {9 - c}" for c in cluster])
    first = robust_estimate(gee(x, y, cluster).equations, [0, 1, 0], kind=kind)
    again = robust_estimate(gee(x[order], y[order], names[order]).equations, [0, 1, 0], kind=kind)
    scaled = robust_estimate(gee(x, 100 * y, cluster).equations, [0, 1, 0], kind=kind)
    for field in ("estimate", "se", "df", "p"):
        np.testing.assert_allclose(getattr(again, field), getattr(first, field), rtol=1e-9)
    np.testing.assert_allclose([scaled.estimate, scaled.se], [100 * first.estimate, 100 * first.se], rtol=1e-9)
    np.testing.assert_allclose(scaled.p, first.p, rtol=1e-9)


def test_the_corrections_are_ordered() -> None:
    x, y, cluster = synthetic()
    equations = gee(x, y, cluster).equations
    cr0, kc, cr3 = (robust_se(equations, k) for k in ("CR0", "KC", "CR3"))
    assert (cr0 < kc).all()
    assert (kc < cr3).all()
    assert (cr0 < robust_se(equations, "FG")).all()


def test_the_working_correlation_removes_the_residual_products_it_should() -> None:
    """At the fixed point alpha is the moment estimate at the returned coefficients."""
    x, y, cluster = synthetic()
    fit = gee(x, y, cluster)
    r = y - x @ fit.equations.coefficients
    products = [
        np.outer(r[cluster == g], r[cluster == g])[np.triu_indices((cluster == g).sum(), 1)] for g in set(cluster)
    ]
    np.testing.assert_allclose(fit.phi, (r @ r) / len(r), rtol=1e-10)
    np.testing.assert_allclose(fit.alpha, np.concatenate(products).mean() / fit.phi, rtol=1e-8)


def test_references() -> None:
    x, y, cluster = synthetic()
    equations = gee(x, y, cluster).equations
    for reference, df in (("G-1", 7), ("G-p", 5), ("z", np.inf)):
        assert robust_estimate(equations, [0, 1, 0], reference=reference).df == df  # type: ignore[arg-type]
    assert 1 < satterthwaite_df(equations, [0, 1, 0]) < 7
    assert "Mancl-DeRouen" in robust_estimate(equations, [0, 1, 0], kind="CR3").method


def test_clusters_of_one_row_cannot_have_a_correlation() -> None:
    x, y, _ = synthetic()
    fit = gee(x, y, np.arange(len(y)))
    assert fit.alpha == 0
    assert "independence was used" in fit.warning


def test_refusals() -> None:
    x, y, cluster = synthetic()
    hole = y.copy()
    hole[[2, 5]] = np.nan
    bad: list[tuple[tuple[Any, Any, Any], str]] = [
        ((x, hole, cluster), "y has 2 rows with missing"),
        ((x[:, [0, 1, 1]], y, cluster), "drop 1 collinear"),
        ((x, y[:-1], cluster), "one row for each"),
        ((x, y, np.zeros(len(y))), "at least 2 clusters"),
        ((x[:3], y[:3], cluster[:3]), "3 columns but only 3 rows"),
    ]
    for arguments, message in bad:
        with pytest.raises(ValueError, match=message):
            gee(*arguments)
    few = cluster < 3
    with pytest.raises(ValueError, match="G-p df needs more clusters"):
        robust_estimate(gee(x[few], y[few], cluster[few]).equations, [0, 1, 0], reference="G-p")
    with pytest.raises(ValueError, match="CR1p needs more clusters"):
        robust_covariance(gee(x[few], y[few], cluster[few]).equations, "CR1p")


def test_a_correlation_below_its_range_is_refused() -> None:
    """Pairs of opposite residuals: alpha near -1 is no correlation for a cluster of three rows."""
    rng = default_rng(1)
    cluster = np.repeat(np.arange(12), 3)
    shock = np.tile([1.0, -1.0, 0.0], 12) * rng.normal(size=12).repeat(3)
    y = shock + 1e-3 * rng.normal(size=36)
    cluster[:] = np.repeat(np.arange(12), 3)
    big = np.concatenate([cluster, [0, 0, 0]])
    with pytest.raises(ValueError, match="is no correlation for a cluster of 6 rows"):
        gee(np.ones((39, 1)), np.concatenate([y, [0.0, 0.0, 0.0]]), big)
