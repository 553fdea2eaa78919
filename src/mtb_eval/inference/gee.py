"""Generalised estimating equations with an exchangeable or independence working correlation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from mtb_eval.inference.estimating_equations import EstimatingEquations, Rows, checked_rows, cluster_rows
from mtb_eval.inference.glm import glm
from mtb_eval.inference.ols import EXACT

Array = NDArray[np.float64]
Family = Literal["gaussian", "logit"]
Correlation = Literal["exchangeable", "independence"]
Moments = Literal["N", "N-p"]

_MAX_STEPS = 500
_TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Gee:
    """A GEE fit: its estimating equations, the correlation `alpha`, the scale `phi` and a warning or ""."""

    equations: EstimatingEquations
    alpha: float
    phi: float
    warning: str = ""


def gee(
    x: ArrayLike,
    y: ArrayLike,
    cluster: ArrayLike,
    *,
    family: Family = "gaussian",
    correlation: Correlation = "exchangeable",
    moments: Moments = "N",
) -> Gee:
    """Return the GEE fit of `y` (n,) on `x` (n, p, with its own constant) within `cluster` (n,).

    phi = sum r^2 / N and alpha = sum of within-cluster products of Pearson residuals / (phi * pairs), solved
    together with the coefficients to a fixed point; `moments` "N-p" subtracts p from both N and the pairs.
    Programs differ here: R's geepack uses N, gee and statsmodels N-p. `.equations` goes to
    `robust_estimate`: kind "CR0" is the ordinary robust variance, "CR3" Mancl-DeRouen, "KC", "FG" as named.
    Raises ValueError for bad rows, separation, and an alpha outside the range of a correlation.
    Liang & Zeger (1986), doi 10.1093/biomet/73.1.13.
    """
    out, design = checked_rows(y, cluster, x=x)
    rows = cluster_rows(cluster)
    pairs = _n_pairs(rows)
    loss = design.shape[1] if moments == "N-p" else 0
    warning = ""
    if correlation == "exchangeable" and pairs <= loss:
        correlation = "independence"
        warning = f"{pairs} within-cluster pairs are too few for a correlation; independence was used"
    beta = _independence(design, out, cluster, family)
    for _ in range(_MAX_STEPS):
        phi, alpha = _moments(design, out, beta, rows, family=family, loss=loss)
        alpha = alpha if correlation == "exchangeable" else 0.0
        fit = _equations(design, out, beta, rows, family=family, alpha=alpha)
        step = _step(fit)
        if np.abs(step).max() <= _TOLERANCE * (1 + np.abs(beta).max()):
            return Gee(equations=fit, alpha=alpha, phi=phi, warning=warning)
        beta = beta + step
    raise ValueError(f"the GEE did not converge in {_MAX_STEPS} steps; use the independence correlation")


def jackknife(
    x: ArrayLike,
    y: ArrayLike,
    cluster: ArrayLike,
    *,
    family: Family = "gaussian",
    correlation: Correlation = "exchangeable",
) -> Array:
    """Return the fully iterated delete-one-cluster jackknife covariance (p, p) of a GEE.

    (G-1)/G sum_g (b_-g - b)(b_-g - b)', every b_-g refitted with its own alpha (moments "N"). Programs differ
    in the factor: R's geepack uses (G-p-k)/G with k scale and correlation parameters. Raises ValueError as
    `gee` does, also where one cluster left out makes the columns collinear.
    Lipsitz, Dear & Zhao (1994), Biometrics 50, 842-846.
    """
    out, design = checked_rows(y, cluster, x=x)
    ids, rows = np.asarray(cluster), cluster_rows(cluster)

    def fitted(kept: NDArray[np.intp]) -> Array:
        part = gee(design[kept], out[kept], ids[kept], family=family, correlation=correlation)
        return part.equations.coefficients

    everyone = np.arange(len(out))
    change = np.stack([fitted(np.delete(everyone, i)) for i in rows]) - fitted(everyone)
    return (len(rows) - 1) / len(rows) * change.T @ change


def _n_pairs(rows: Rows) -> int:
    return sum(len(i) * (len(i) - 1) for i in rows) // 2


def _independence(x: Array, y: Array, cluster: ArrayLike, family: Family) -> Array:
    if family == "logit":
        return glm(x, y, cluster, family="logit").coefficients
    return np.asarray(np.linalg.lstsq(x, y, rcond=None)[0])


def _mean_variance(x: Array, beta: Array, family: Family) -> tuple[Array, Array]:
    mu = expit(x @ beta) if family == "logit" else x @ beta
    return mu, mu * (1 - mu) if family == "logit" else np.ones_like(mu)


def _moments(x: Array, y: Array, beta: Array, rows: Rows, *, family: Family, loss: int) -> tuple[float, float]:
    mu, v = _mean_variance(x, beta, family)
    r = (y - mu) / np.sqrt(v)
    pairs = _n_pairs(rows)
    phi = float(r @ r) / (len(y) - loss)
    if float(r @ r) <= EXACT * float(y @ y):
        raise ValueError("the residuals have no variation: no GEE can be fitted")
    products = sum(float(r[i].sum()) ** 2 - float(r[i] @ r[i]) for i in rows) / 2
    return phi, products / (phi * (pairs - loss)) if pairs > loss else 0.0


def _equations(x: Array, y: Array, beta: Array, rows: Rows, *, family: Family, alpha: float) -> EstimatingEquations:
    """Whiten with V_g = A^1/2 R A^1/2 and its root A^1/2 R^1/2; R^1/2 has a closed form."""
    mu, v = _mean_variance(x, beta, family)
    z, r = x * np.sqrt(v)[:, None], (y - mu) / np.sqrt(v)
    inverse = [_exchangeable_power(len(i), alpha, -0.5) for i in rows]
    roots = [_exchangeable_power(len(i), alpha, 0.5) for i in rows]
    return EstimatingEquations(
        coefficients=beta,
        z=tuple(h @ z[i] for h, i in zip(inverse, rows, strict=True)),
        r=tuple(h @ r[i] for h, i in zip(inverse, rows, strict=True)),
        root=tuple(h @ (v[i][:, None] * h) for h, i in zip(roots, rows, strict=True)),
    )


def _exchangeable_power(n: int, alpha: float, power: float) -> Array:
    """((1-alpha) I + alpha J)^power for n rows."""
    within, between = 1 - alpha, 1 + (n - 1) * alpha
    if within <= 0 or between <= 0:
        raise ValueError(f"alpha = {alpha:.4g} is no correlation for a cluster of {n} rows; use independence")
    return np.asarray(np.eye(n) * within**power + (between**power - within**power) / n)


def _step(equations: EstimatingEquations) -> Array:
    z, r = np.concatenate(equations.z), np.concatenate(equations.r)
    return np.asarray(np.linalg.lstsq(z, r, rcond=None)[0])
