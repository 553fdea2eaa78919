"""Logistic and modified Poisson regression with cluster-robust covariances."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng

from mtb_eval.inference.estimating_equations import robust_covariance, robust_estimate
from mtb_eval.inference.glm import glm

REFERENCE = Path(__file__).parents[1] / "reference"


def table(name: str) -> dict[str, np.ndarray]:
    with (REFERENCE / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {k: np.array([r[k] for r in rows]) for k in rows[0]}


@pytest.mark.parametrize("kind", ["CR0", "CR1", "CR1S", "CR2", "CR3"])
def test_logit_as_clubsandwich(kind: Any) -> None:
    """R's glm stops with weights right to about 1e-7; test_r_reference.py compares at 1e-9 with glm run on."""
    d = table("synth_study")
    x = np.column_stack([np.ones(256), d["treat"].astype(float), d["x7_stress"].astype(float)])
    equations = glm(x, d["placed"].astype(float), d["cluster"])
    reference = json.loads((REFERENCE / "logit_cr.json").read_text())["res"]
    np.testing.assert_allclose(equations.coefficients, list(reference["coef"].values()), rtol=1e-10)
    rows = [robust_estimate(equations, c, kind=kind) for c in np.eye(3)]
    for field in ("se", "df", "p"):
        found = [getattr(e, field) for e in rows]
        np.testing.assert_allclose(found, list(reference[kind][field].values()), rtol=1e-6)


def test_modified_poisson_check_numbers() -> None:
    d = table("mtbtoy")
    equations = glm(
        np.column_stack([np.ones(170), d["treat"].astype(float)]),
        d["placed"].astype(float),
        d["muni"],
        family="poisson",
    )
    rows = [robust_estimate(equations, [0, 1], kind=k) for k in ("CR0", "CR1", "CR2", "CR3")]  # type: ignore[arg-type]
    np.testing.assert_allclose([e.se for e in rows], [1.142631, 1.204439, 1.255710, 1.381045], rtol=1e-5)
    np.testing.assert_allclose([rows[2].estimate, rows[2].df, rows[2].p], [-0.6466272, 8.2894, 0.62004], rtol=1e-5)


def test_one_binary_column_has_closed_forms() -> None:
    rng = default_rng(2)
    arm, cluster = rng.integers(0, 2, 80), rng.integers(0, 8, 80)
    y = (rng.random(80) < 0.3).astype(float)
    p1, p0 = y[arm == 1].mean(), y[arm == 0].mean()
    x = np.column_stack([np.ones(80), arm])
    logit, poisson = glm(x, y, cluster), glm(x, y, cluster, family="poisson")
    np.testing.assert_allclose(logit.coefficients[1], np.log(p1 / (1 - p1)) - np.log(p0 / (1 - p0)), rtol=1e-10)
    np.testing.assert_allclose(poisson.coefficients[1], np.log(p1 / p0), rtol=1e-10)


def test_cr0_of_a_constant_is_the_variance_of_cluster_sums() -> None:
    rng = default_rng(4)
    cluster = np.repeat(np.arange(9), 7)
    y = (rng.random(63) < 0.4).astype(float)
    equations = glm(np.ones((63, 1)), y, cluster)
    p = y.mean()
    sums = np.array([(y[cluster == g] - p).sum() for g in range(9)])
    np.testing.assert_allclose(
        robust_covariance(equations, "CR0")[0, 0], (sums @ sums) / (63 * p * (1 - p)) ** 2, rtol=1e-9
    )


def test_units_and_row_order_do_not_matter() -> None:
    rng = default_rng(6)
    x = np.column_stack([np.ones(90), rng.normal(size=90), 2018 + rng.random(90)])
    cluster, y = rng.integers(0, 9, 90), rng.poisson(2.0, 90).astype(float)
    order = rng.permutation(90)
    first = robust_estimate(glm(x, y, cluster, family="poisson"), [0, 1, 0])
    other = x[order] * [1, 1000, 1]
    again = robust_estimate(glm(other, y[order], cluster[order], family="poisson"), [0, 1000, 0])
    for field in ("estimate", "se", "df", "p"):
        np.testing.assert_allclose(getattr(again, field), getattr(first, field), rtol=1e-6)


def test_refusals() -> None:
    x = np.column_stack([np.ones(40), np.repeat([0.0, 1.0], 20)])
    cluster = np.tile(np.arange(8), 5)
    none_in_one_arm = np.zeros(40)
    none_in_one_arm[:4] = 1
    for family in ("logit", "poisson"):
        with pytest.raises(ValueError, match="no finite maximum"):
            glm(x, none_in_one_arm, cluster, family=family)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="one value in all 40 rows"):
            glm(x, np.zeros(40), cluster, family=family)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="40 values that are not 0 or 1"):
        glm(x, np.full(40, 0.5), cluster)
    with pytest.raises(ValueError, match="0 or above"):
        glm(x, -none_in_one_arm, cluster, family="poisson")
