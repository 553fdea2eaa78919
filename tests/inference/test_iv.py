"""Two-stage least squares, first-stage strength and Anderson-Rubin sets."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator, default_rng

from mtb_eval.inference.estimating_equations import robust_covariance, robust_estimate
from mtb_eval.inference.gee import gee
from mtb_eval.inference.iv import IvModel, anderson_rubin, first_stage, iv_model, two_stage_least_squares

REFERENCE = Path(__file__).parents[1] / "reference"
LONG = bool(os.environ.get("MTB_EVAL_FULL"))


def table(name: str) -> dict[str, np.ndarray]:
    with (REFERENCE / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {k: np.array([r[k] for r in rows]) for k in rows[0]}


def cace(outcome: str) -> IvModel:
    d = table("synth_cace")
    return iv_model(
        d[outcome].astype(float),
        d["uptake"].astype(float),
        exogenous=np.column_stack([np.ones(256), d["x1_baseline"].astype(float)]),
        instruments=d["treat"].astype(float),
        cluster=d["cluster"],
    )


def drawn(rng: Generator, *, q: int = 1, strength: float = 0.5, effect: float = 0.4, n: int = 160) -> IvModel:
    cluster = np.repeat(np.arange(10), n // 10)
    shared = rng.normal(size=10)[cluster]
    z = rng.normal(size=(n, q)) + 0.5 * rng.normal(size=(10, q))[cluster]
    hidden = rng.normal(size=n) + 0.3 * shared
    d = z.sum(axis=1) * strength + hidden
    y = effect * d - hidden + rng.normal(size=n) + 0.3 * shared
    return iv_model(y, d, exogenous=np.ones((n, 1)), instruments=z, cluster=cluster)


@pytest.mark.parametrize("outcome", ["y3", "y6"])
@pytest.mark.parametrize("kind", ["CR0", "CR1", "CR1S", "CR2", "CR3"])
def test_aer_and_clubsandwich(outcome: str, kind: Any) -> None:
    equations = two_stage_least_squares(cace(outcome))
    reference = json.loads((REFERENCE / "iv_cace.json").read_text())[f"synth_{outcome}"]
    names = ["uptake", "(Intercept)", "x1_baseline"]
    np.testing.assert_allclose(equations.coefficients, [reference["coef"][n] for n in names], rtol=1e-10)
    for reference_df, p in (("satterthwaite", "p_satt"), ("G-1", "p_t")):
        rows = [robust_estimate(equations, c, kind=kind, reference=reference_df) for c in np.eye(3)]  # type: ignore[arg-type]
        np.testing.assert_allclose([e.se for e in rows], [reference[kind]["se"][n] for n in names], rtol=1e-10)
        np.testing.assert_allclose([e.p for e in rows], [reference[kind][p][n] for n in names], rtol=1e-8)
    df = [robust_estimate(equations, c, kind=kind).df for c in np.eye(3)]
    np.testing.assert_allclose(df, [reference[kind]["df"][n] for n in names], rtol=1e-10)


def test_estimatr_with_its_stata_convention() -> None:
    equations = two_stage_least_squares(cace("y3"))
    reference = json.loads((REFERENCE / "iv_cace.json").read_text())["synth_y3"]
    e = robust_estimate(equations, [1, 0, 0], kind="CR1S", reference="G-1")
    for field in ("se", "df", "p"):
        np.testing.assert_allclose(getattr(e, field), reference["estimatr_stata"][field]["uptake"], rtol=1e-9)


def test_a_binary_instrument_alone_gives_walds_ratio() -> None:
    rng = default_rng(1)
    z = rng.integers(0, 2, 120).astype(float)
    d = (rng.random(120) < 0.2 + 0.6 * z).astype(float)
    y = 0.5 * d + rng.normal(size=120)
    model = iv_model(y, d, exogenous=np.ones((120, 1)), instruments=z, cluster=np.repeat(np.arange(8), 15))
    ratio = (y[z == 1].mean() - y[z == 0].mean()) / (d[z == 1].mean() - d[z == 0].mean())
    np.testing.assert_allclose(two_stage_least_squares(model).coefficients[0], ratio, rtol=1e-10)


def test_a_regressor_that_is_its_own_instrument_is_least_squares() -> None:
    """Then 2SLS is OLS with the same covariance, and the Anderson-Rubin set is the t interval."""
    model = drawn(default_rng(2))
    own = iv_model(
        model.y,
        model.endogenous,
        exogenous=model.exogenous,
        instruments=model.endogenous,
        cluster=model.cluster,
    )
    x = np.column_stack([model.endogenous, model.exogenous])
    plain = gee(x, model.y, model.cluster, correlation="independence").equations
    found = two_stage_least_squares(own)
    np.testing.assert_allclose(found.coefficients, plain.coefficients, rtol=1e-10)
    np.testing.assert_allclose(robust_covariance(found, "CR2"), robust_covariance(plain, "CR2"), rtol=1e-9)
    interval = robust_estimate(plain, [1, 0])
    ((low, high),) = anderson_rubin(own).intervals
    np.testing.assert_allclose([low, high], [interval.ci_low, interval.ci_high], rtol=1e-9)


def shifted(model: IvModel, value: float) -> IvModel:
    return iv_model(
        model.y - value * model.endogenous,
        model.endogenous,
        exogenous=model.exogenous,
        instruments=model.instruments,
        cluster=model.cluster,
    )


@pytest.mark.parametrize("q", [1, 2, 3])
@pytest.mark.parametrize("strength", [0.02, 0.15, 0.6])
def test_the_set_is_where_p_exceeds_alpha(q: int, strength: float) -> None:
    """At its ends p = alpha, and on a grid the set and p agree."""
    for seed in range(5):
        model = drawn(default_rng(seed), q=q, strength=strength)
        found = anderson_rubin(model, kind="CR1S", reference="G-1", level=0.8)
        ends = [e for pair in found.intervals for e in pair if np.isfinite(e)]
        for end in ends:
            p = anderson_rubin(shifted(model, end), kind="CR1S", reference="G-1", level=0.8).p
            np.testing.assert_allclose(p, 0.2, rtol=1e-5)
        for value in np.linspace(-6, 6, 25):
            if min((abs(value - e) for e in ends), default=1.0) < 1e-3:
                continue
            inside = any(low <= value <= high for low, high in found.intervals)
            p = anderson_rubin(shifted(model, value), kind="CR1S", reference="G-1", level=0.8).p
            assert inside == (p > 0.2)


def test_every_shape_of_set_is_found_and_named() -> None:
    shapes = {
        anderson_rubin(drawn(default_rng(s), q=q, strength=w), reference="G-1", level=level).shape
        for s in range(12)
        for q in (1, 2)
        for w in (0.0, 0.1, 0.5)
        for level in (0.5, 0.95)
    }
    assert {"interval", "two half-lines", "whole line", "empty"} <= shapes


def test_one_instrument_never_gives_an_empty_set_and_always_holds_2sls() -> None:
    for seed in range(20):
        model = drawn(default_rng(seed), strength=0.1)
        b = two_stage_least_squares(model).coefficients[0]
        for level in (0.1, 0.95):
            assert any(low <= b <= high for low, high in anderson_rubin(model, level=level).intervals)


def test_units_row_order_and_labels_do_not_matter() -> None:
    model = drawn(default_rng(3), q=2)
    order = default_rng(0).permutation(len(model.y))
    other = iv_model(
        10 * model.y[order] + 7,
        1000 * model.endogenous[order],
        exogenous=model.exogenous[order],
        instruments=model.instruments[order] @ np.array([[2.0, 1.0], [0.0, 3.0]]),
        cluster=np.array([f"m{c}" for c in model.cluster])[order],
    )
    first, again = anderson_rubin(model, reference="G-1"), anderson_rubin(other, reference="G-1")
    np.testing.assert_allclose(np.array(again.intervals) * 100, first.intervals, rtol=1e-8)
    np.testing.assert_allclose(again.p, first.p, rtol=1e-8)
    a, b = first_stage(model), first_stage(other)
    np.testing.assert_allclose([b.f, b.effective_f, b.p], [a.f, a.effective_f, a.p], rtol=1e-8)


def test_full_compliance_gives_the_effect_of_assignment() -> None:
    rng = default_rng(5)
    z = rng.integers(0, 2, 100).astype(float)
    y = 0.3 * z + rng.normal(size=100)
    model = iv_model(y, z, exogenous=np.ones((100, 1)), instruments=z, cluster=np.repeat(np.arange(10), 10))
    np.testing.assert_allclose(
        two_stage_least_squares(model).coefficients[0], y[z == 1].mean() - y[z == 0].mean(), rtol=1e-9
    )
    assert anderson_rubin(model).shape == "interval"


def test_coverage_with_a_weak_instrument_holds_within_monte_carlo_error() -> None:
    """Anderson-Rubin (CR2, Satterthwaite) keeps its level where the instrument is useless."""
    reps = 4000 if LONG else 300
    rng = default_rng(20240607)
    hits = sum(_covers(drawn(rng, strength=0.0), 0.4) for _ in range(reps))
    assert abs(hits / reps - 0.95) < 0.012 + 3 * np.sqrt(0.95 * 0.05 / reps)


def _covers(model: IvModel, truth: float) -> bool:
    return any(low <= truth <= high for low, high in anderson_rubin(model).intervals)


def test_refusals() -> None:
    model = drawn(default_rng(1))

    def again(**changed: Any) -> IvModel:
        fields = {k: getattr(model, k) for k in ("exogenous", "instruments", "cluster")}
        return iv_model(changed.pop("y", model.y), changed.pop("endogenous", model.endogenous), **fields | changed)

    hole = model.y.copy()
    hole[0] = np.inf
    with pytest.raises(ValueError, match="y has 1 rows"):
        again(y=hole)
    with pytest.raises(ValueError, match="instruments has 2 columns of rank 1"):
        again(instruments=np.ones(160))
    with pytest.raises(ValueError, match="need more than 10 clusters"):
        again(instruments=default_rng(0).normal(size=(160, 10)))
    with pytest.raises(ValueError, match="Satterthwaite df are for one instrument, found 2"):
        anderson_rubin(drawn(default_rng(1), q=2))
    with pytest.raises(ValueError, match="do not move the endogenous"):
        two_stage_least_squares(again(endogenous=np.full(160, 1.0)))
