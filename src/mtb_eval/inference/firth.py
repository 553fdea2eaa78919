"""Firth's penalised logistic regression with profile-likelihood intervals, for rare events and separation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats
from scipy.special import expit

from mtb_eval.inference.estimate import Estimate
from mtb_eval.inference.estimating_equations import checked_rows

Array = NDArray[np.float64]
Information = Literal["expected", "augmented"]

_MAX_STEPS = 200
_MAX_STEP = 5.0
_TOLERANCE = 1e-14
_MAX_DOUBLINGS = 30
_FLAT = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    """The penalised log-likelihood with its derivatives, and the two informations, at one coefficient vector."""

    beta: Array
    value: float
    gradient: Array
    curvature: Array
    information: Array
    augmented: Array


def firth(
    x: ArrayLike,
    y: ArrayLike,
    *,
    level: float = 0.95,
    information: Information = "expected",
    columns: Sequence[int] | None = None,
) -> Estimate:
    """Return the penalised fit of 0/1 `y` (n,) on `x` (n, p, with its own constant); all fields have shape (p,).

    Maximises l(b) + log|I(b)|/2 (Jeffreys' prior), finite for every table: Firth (1993),
    doi 10.1093/biomet/80.1.27. Interval and p are those of the profile penalised likelihood ratio against
    chi-square on 1 df, the penalty keeping all p columns: Heinze & Schemper (2002), doi 10.1002/sim.1047.
    `se` is for display only: the root of the diagonal of the inverse information at the estimate, "expected"
    with weights pi (1 - pi) (as R's brglm2) or "augmented" with (1 + h) pi (1 - pi), h the leverages (as R's
    logistf). `columns`: those whose interval and p are wanted (default all), the others' are NaN. Rows count as
    independent. Raises ValueError for bad rows, collinear columns and values other
    than 0 and 1.
    """
    out, design = checked_rows(y, np.zeros(len(np.asarray(y))), x=x)
    bad = int((~np.isin(out, (0.0, 1.0))).sum())
    if bad:
        raise ValueError(f"y has {bad} values that are not 0 or 1")
    scale = np.abs(design).max(axis=0)
    scaled = design / scale
    fit = _maximum(scaled, out, np.zeros(design.shape[1]), fixed=None)
    matrix = fit.information if information == "expected" else fit.augmented
    se = np.sqrt(np.diagonal(np.linalg.inv(matrix)))
    p, low, high = np.full((3, len(scale)), np.nan)
    for j in range(len(scale)) if columns is None else columns:
        p[j] = _profile_p(scaled, out, fit, j)
        low[j], high[j] = (_profile_limit(scaled, out, fit, j, sign * se[j], level) for sign in (-1, 1))
    return Estimate(
        estimate=fit.beta / scale,
        se=se / scale,
        df=np.full(len(scale), np.inf),
        ci_low=low / scale,
        ci_high=high / scale,
        p=p,
        method=f"Firth logistic regression, profile penalised likelihood, se from {information} information",
    )


def penalised_log_likelihood(x: ArrayLike, y: ArrayLike) -> float:
    """Return the maximum of l(b) + log|I(b)|/2 for `y` (n,) on `x` (n, p); the columns set the penalty."""
    out, design = checked_rows(y, np.zeros(len(np.asarray(y))), x=x)
    return _maximum(design, out, np.zeros(design.shape[1]), fixed=None).value


def _maximum(x: Array, y: Array, start: Array, *, fixed: int | None) -> _Point:
    """Newton's method with step halving on the penalised log-likelihood, one coefficient held where `fixed`."""
    free = np.arange(len(start)) != fixed
    point = _point(x, y, start)
    for _ in range(_MAX_STEPS):
        step = _step(point, free)
        if step @ point.gradient <= _TOLERANCE * (1 + abs(point.value)):
            return _point(x, y, point.beta + step)
        point = _ascended(x, y, point, step)
    raise ValueError(f"the penalised likelihood did not converge in {_MAX_STEPS} steps; drop or rescale columns")


def _step(point: _Point, free: NDArray[np.bool_]) -> Array:
    """The Newton step with the curvature made positive definite by the size of its eigenvalues."""
    step = np.zeros(len(free))
    if free.any():
        values, vectors = np.linalg.eigh(point.curvature[np.ix_(free, free)])
        size = np.maximum(np.abs(values), _FLAT * np.abs(values).max())
        step[free] = vectors @ ((vectors.T @ point.gradient[free]) / size)
    return np.asarray(step * min(1.0, _MAX_STEP / max(float(np.abs(step).max()), 1.0)))


def _ascended(x: Array, y: Array, point: _Point, step: Array) -> _Point:
    for halving in range(40):
        new = _point(x, y, point.beta + step / 2**halving)
        if new.value >= point.value - 1e-14 * abs(point.value):
            return new
    return point


def _point(x: Array, y: Array, beta: Array) -> _Point:
    """Value, gradient U*_j = sum_i (y - pi + h (1/2 - pi)) x_ij and curvature -dU*/db at `beta`.

    With Q an orthonormal basis of the weighted design, h_i = q_i'q_i and c = 1 - 2 pi, the curvature is
    X' diag(w (1 + h) - c^2 h / 2) X + T'T / 2, T_(ab)l = sum_i q_ia q_ib c_i x_il.
    """
    eta = x @ beta
    pi = expit(eta)
    w, c = pi * expit(-eta), expit(-eta) - pi
    q, r = np.linalg.qr(x * np.sqrt(w)[:, None])
    h = np.einsum("ij,ij->i", q, q)
    t = (q[:, :, None] * q[:, None, :]).reshape(len(y), -1).T @ (c[:, None] * x)
    with np.errstate(divide="ignore"):
        half_log_det = float(np.log(np.abs(np.diagonal(r))).sum())
    return _Point(
        beta=beta,
        value=float(y @ eta - np.logaddexp(0.0, eta).sum()) + half_log_det,
        gradient=x.T @ (y - pi + h * c / 2),
        curvature=x.T @ ((w * (1 + h) - c**2 * h / 2)[:, None] * x) + t.T @ t / 2,
        information=np.asarray(r.T @ r),
        augmented=x.T @ ((w * (1 + h))[:, None] * x),
    )


def _profile(x: Array, y: Array, fit: _Point, column: int, value: float) -> float:
    """Twice the fall of the penalised log-likelihood when one coefficient is held at `value`."""
    start = fit.beta.copy()
    start[column] = value
    return 2 * (fit.value - _maximum(x, y, start, fixed=column).value)


def _profile_p(x: Array, y: Array, fit: _Point, column: int) -> float:
    return float(stats.chi2.sf(max(0.0, _profile(x, y, fit, column, 0.0)), 1))


def _profile_limit(x: Array, y: Array, fit: _Point, column: int, step: float, level: float) -> float:
    """Step outwards, doubling, until the fall passes the chi-square quantile; then find the crossing."""
    bound = float(stats.chi2.ppf(level, 1))
    near = float(fit.beta[column])

    def excess(value: float) -> float:
        return _profile(x, y, fit, column, value) - bound

    for doubling in range(_MAX_DOUBLINGS):
        far = float(fit.beta[column] + step * 2**doubling)
        if excess(far) > 0:
            return float(optimize.brentq(excess, near, far, xtol=1e-12))
        near = far
    return float(np.sign(step) * np.inf)
