"""The linear mixed model with a random cluster intercept, y = X beta + u_g + e, by REML or ML.

Its likelihood needs the rows only through their cluster cross-products, so a batch of outcomes or of simulated
studies is one array operation, and the optimum is found by following the profiled criterion over its whole range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mtb_eval.inference.cross import Cross
from mtb_eval.inference.estimate import Estimate, t_estimate
from mtb_eval.inference.mixed_profile import Profile, criterion, profile_minimum, profile_of
from mtb_eval.inference.mixed_spectral import (
    COLLINEAR_COLUMNS,
    FAULTS,
    NO_VARIATION,
    Spectral,
    matvec,
    spectral_form,
    within_rss,
)
from mtb_eval.inference.ols import ols

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """A fitted random-intercept model; every field has the batch shape (..., ), `coef` (..., p).

    `coef` on the columns of X, `theta` = `var_cluster` / `var_residual`, `icc` = theta / (1 + theta), `loglik` the
    restricted (REML) or full (ML) log-likelihood with all constants, X'X included, `boundary` where the cluster
    variance is estimated at zero, `n_minima` of the criterion. Entries that cannot be fitted are NaN and counted in
    `warning`. `form` and `cross` are what it was fitted from.
    """

    coef: Array
    var_cluster: Array
    var_residual: Array
    theta: Array
    icc: Array
    loglik: Array
    boundary: Mask
    n_minima: Codes
    reml: bool
    warning: str
    form: Spectral
    cross: Cross

    @property
    def cov(self) -> Array:
        """Covariance (..., p, p) of `coef` at the fitted variances, (X'V^-1 X)^-1."""
        form, basis = self.form, self.cross.basis
        spread = form.s_inv + (form.t * shrinkage(self)[..., None, :]) @ np.swapaxes(form.t, -1, -2)
        return np.asarray(self.var_residual[..., None, None] * (basis @ spread @ basis.T))


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastTerms:
    """One contrast in spectral form: c'Phi c = var_residual (s0 + sum t2 theta / (1 + theta d)).

    `estimate` (...), `unit_variance` (...) that variance for var_residual = 1, `t2` (..., K) and `slope` (..., 2),
    its derivatives with respect to (var_residual, var_cluster).
    """

    estimate: Array
    unit_variance: Array
    t2: Array
    slope: Array


def fit_mixed(cross: Cross, *, reml: bool = True) -> Mixed:
    """Fit the random-intercept model to every outcome of `cross` by REML or ML, reaching the global optimum.

    A batch entry that cannot be fitted is NaN, with a warning that says why; ValueError if none can be fitted. A
    cluster variance of zero is a value with a flag. -2 log-likelihood is (n - p)(1 + log(2 pi s2)) + log|V / s2| +
    log|X'V^-1 X s2| by REML and n (1 + log(2 pi s2)) + log|V / s2| by ML, s2 the residual variance.
    Patterson and Thompson (1971, doi 10.1093/biomet/58.3.545); Harville (1977, doi 10.1080/01621459.1977.10480998).
    """
    form = spectral_form(cross)
    profile = profile_of(form, columns=cross.n_columns, reml=reml)
    theta, fault, n_minima = _optimum(cross, form, profile)
    k = theta[..., None] / (1 + theta[..., None] * form.d)
    scale = profile.m.reshape(theta.shape)
    residual = (form.rss - np.sum(form.q**2 * k, -1)) / scale
    deviance = scale * (1 + np.log(2 * np.pi * form.rss / scale)) + (form.log_det if reml else 0.0)
    deviance = deviance + criterion(profile, theta.reshape(-1)).reshape(theta.shape)
    boundary = theta == 0
    return Mixed(
        coef=matvec(cross.basis, form.gamma - matvec(form.t, k * form.q) + cross.offset),
        var_cluster=theta * residual,
        var_residual=residual,
        theta=theta,
        icc=theta / (1 + theta),
        loglik=-deviance / 2,
        boundary=boundary,
        n_minima=n_minima,
        reml=reml,
        warning=_fit_warning(fault, boundary, n_minima),
        form=form,
        cross=cross,
    )


def shrinkage(m: Mixed) -> Array:
    """Return theta / (1 + theta d), (..., K)."""
    return np.asarray(m.theta[..., None] / (1 + m.theta[..., None] * m.form.d))


def mixed_z(m: Mixed, contrast: Array, *, level: float = 0.95) -> Estimate:
    """Return the Wald z test of `contrast` (p,), which takes the variances as known."""
    terms = contrast_terms(m, contrast)
    se = np.sqrt(m.var_residual * terms.unit_variance)
    method = f"random intercept, {_criterion_name(m)}, z"
    return t_estimate(terms.estimate, se, df=np.inf, method=method, level=level, warning=m.warning)


def mixed_satterthwaite(m: Mixed, contrast: Array, *, level: float = 0.95) -> Estimate:
    """Return the t test of `contrast` (p,) with Satterthwaite's df, n - p where the cluster variance is zero.

    df = 2 (c'Phi c)^2 / (g'Wg), g the gradient of c'Phi c in the two variances and W the inverse of their observed
    information: Fai and Cornelius (1996, doi 10.1080/00949659608811740), one contrast.
    """
    terms = contrast_terms(m, contrast)
    inside = np.where(m.boundary, np.nan, 1.0)
    spread = quadratic_form(variance_covariance(m, "observed"), terms.slope)
    df = 2 * terms.unit_variance**2 / (spread * inside)
    df = np.where(m.boundary, m.form.rows - m.cross.n_columns, df)
    se = np.sqrt(m.var_residual * terms.unit_variance)
    method = f"random intercept, {_criterion_name(m)}, Satterthwaite t (n - p at a zero cluster variance)"
    return t_estimate(terms.estimate, se, df=df, method=method, level=level, warning=m.warning)


def contrast_terms(m: Mixed, contrast: Array) -> ContrastTerms:
    """Return the spectral form of `contrast` (p,) of the coefficients of X; ValueError if it has another shape."""
    c = np.asarray(contrast, dtype=float)
    if c.ndim != 1:
        raise ValueError(f"A contrast is one vector of {m.cross.n_columns} weights, but it has {c.ndim} axes.")
    on_z = contrast_rows(m, c[None, :])[0]
    k, d = shrinkage(m), m.form.d
    t2 = matvec(np.swapaxes(m.form.t, -1, -2), on_z) ** 2
    s0 = matvec(m.form.s_inv, on_z) @ on_z
    by_residual = s0 + np.sum(t2 * k**2 * d, -1)
    by_cluster = np.sum(t2 * (1 - k * d) ** 2, -1)
    return ContrastTerms(
        estimate=m.coef @ c,
        unit_variance=np.asarray(s0 + np.sum(t2 * k, -1)),
        t2=t2,
        slope=np.stack(np.broadcast_arrays(by_residual, by_cluster), -1),
    )


def contrast_rows(m: Mixed, rows: Array) -> Array:
    """Return contrasts `rows` (q, p) of X as contrasts of Z; ValueError unless finite and linearly independent."""
    rows = np.asarray(rows, dtype=float)
    if rows.ndim != 2 or rows.shape[1] != m.cross.n_columns:
        raise ValueError(f"Contrasts have shape {rows.shape}, but the model has {m.cross.n_columns} columns.")
    if not np.isfinite(rows).all() or np.linalg.matrix_rank(rows) < len(rows):
        raise ValueError(f"The {len(rows)} rows of contrasts must be finite and linearly independent.")
    return np.asarray(rows @ m.cross.basis)


def variance_covariance(m: Mixed, information: Literal["expected", "observed"]) -> Array:
    """Return the covariance (..., 2, 2) of (var_residual, var_cluster), divided by var_residual squared.

    The inverse of the expected information tr(P V_i P V_j) / 2, or of the observed y'P V_i P V_j P y less that.
    """
    d, h = m.form.d, m.form.d if m.reml else m.form.n
    theta = m.theta[..., None]
    weight = m.form.mult / (1 + theta * h) ** 2
    size = m.form.rows - (m.cross.n_columns if m.reml else 0)
    trace = (size - m.form.mult.sum() + weight.sum(-1), np.sum(weight * h, -1), np.sum(weight * h**2, -1))
    ee, eu, uu = (part / 2 for part in trace)
    if information == "observed":
        q2 = m.form.q**2 / (m.var_residual[..., None] * (1 + theta * d) ** 3)
        eta2 = np.divide(q2, d, out=np.zeros(q2.shape), where=d > 0)
        within = within_rss(d, m.form.q, m.form.rss) / m.var_residual
        ee, eu, uu = eta2.sum(-1) + within - ee, q2.sum(-1) - eu, np.sum(q2 * d, -1) - uu
    det = ee * uu - eu**2
    adjugate = np.stack([np.stack([uu, -eu], -1), np.stack([-eu, ee], -1)], -2)
    return np.asarray(adjugate / det[..., None, None])


def quadratic_form(w: Array, g: Array) -> Array:
    """Return g'Wg for w (..., r, r) and g (..., r)."""
    return np.asarray(np.sum(matvec(w, g) * g, -1))


def _optimum(cross: Cross, form: Spectral, profile: Profile) -> tuple[Array, Codes, Codes]:
    """Return theta (NaN where there is a fault), faults and numbers of minima; raises if nothing can be fitted."""
    flat, count = profile_minimum(profile)
    theta, shape = flat.reshape(form.fault.shape), form.fault.shape
    fault = np.where((form.fault == 0) & np.isnan(theta), NO_VARIATION, form.fault)
    if np.all(fault == COLLINEAR_COLUMNS):
        ols(cross)  # raises the error that names the columns
    if np.all(fault > 0):
        raise ValueError(f"The mixed model cannot be fitted: {FAULTS[int(fault.flat[0])]}.")
    return np.where(fault == 0, theta, np.nan), fault, np.where(fault == 0, count.reshape(shape), 0)


def _criterion_name(m: Mixed) -> str:
    return "REML" if m.reml else "ML"


def _fit_warning(fault: Codes, boundary: Mask, n_minima: Codes) -> str:
    """Return one sentence on fits that failed, lie at zero or were one of several minima; empty if there are none."""
    parts = [f"{FAULTS[code]} ({np.sum(fault == code)})" for code in np.unique(fault[fault > 0])]
    counted = {
        f"not fitted because {', '.join(parts)}": np.sum(fault > 0),
        "cluster variance estimated at zero": boundary.sum(),
        "lowest of several minima taken": np.sum(n_minima > 1),
    }
    texts = [f"{text} ({count} of {fault.size})" for text, count in counted.items() if count]
    return "; ".join(texts)
