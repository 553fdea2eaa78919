"""Kenward and Roger's small-sample inference for the fixed effects of a random-intercept model fitted by REML."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mtb_eval.inference.estimate import Estimate, t_estimate
from mtb_eval.inference.mixed import (
    Mixed,
    contrast_rows,
    contrast_terms,
    quadratic_form,
    shrinkage,
    variance_covariance,
)

Array = NDArray[np.float64]

PROPORTIONAL = 1e-9  # relative gap between A1 and q A2 below which the F statistic is exact


@dataclass(frozen=True, slots=True, kw_only=True)
class KenwardRogerF:
    """A joint test of L b = 0, F = `scale` (L b)'(L Phi_A L')^-1 (L b) / q; every field but `df_num` = q is (..., )."""

    f: Array
    df_num: int
    df_den: Array
    scale: Array
    p: Array
    method: str
    warning: str


def kenward_roger(m: Mixed, contrast: Array, *, level: float = 0.95) -> Estimate:
    """Return the t test of `contrast` (p,) with Kenward and Roger's adjusted variance and df.

    For one contrast the method is t = c'b / sqrt(c'Phi_A c) on df = 2 / A with A = g'Wg / (c'Phi c)^2, g the gradient
    of c'Phi c in the two variances and W the inverse of their expected information; finite at a zero cluster
    variance too. Raises ValueError on a fit by ML. Kenward and Roger (1997, doi 10.2307/2533558).
    """
    terms = contrast_terms(m, contrast)
    w = _expected(m)
    df = 2 * terms.unit_variance**2 / quadratic_form(w, terms.slope)
    adjusted = terms.unit_variance + np.sum(terms.t2 * _added(m, w), -1)
    se = np.sqrt(m.var_residual * adjusted)
    method = "random intercept, REML, Kenward-Roger (1997) t"
    return t_estimate(terms.estimate, se, df=df, method=method, level=level, warning=m.warning)


def kenward_roger_cov(m: Mixed) -> Array:
    """Return the adjusted covariance Phi_A (..., p, p) of the coefficients of X; ValueError on a fit by ML.

    Phi_A = Phi + 2 Phi [sum W_ij (Q_ij - P_i Phi P_j)] Phi; for two variances in V = s2 (I + theta UU') the bracket
    is diagonal in the spectral form. Kenward and Roger (1997, doi 10.2307/2533558).
    """
    basis, t = m.cross.basis, m.form.t
    extra = (t * _added(m, _expected(m))[..., None, :]) @ np.swapaxes(t, -1, -2)
    return np.asarray(m.cov + m.var_residual[..., None, None] * (basis @ extra @ basis.T))


def kenward_roger_joint(m: Mixed, rows: Array) -> KenwardRogerF:
    """Return the F test of `rows` (q, p) times beta = 0 with Kenward and Roger's covariance, df and scaling.

    Where Theta = L'(L Phi L')^-1 L makes A1 = q A2, as in balanced designs and for one row, the statistic is exact
    in form: df = 2q / A2 and scale 1, which also removes the 0/0 of the general formula at df 2. Raises ValueError
    on dependent rows or a fit by ML. Kenward and Roger (1997, doi 10.2307/2533558); Halekoh and Hojsgaard (2014,
    doi 10.18637/jss.v059.i09).
    """
    on_z, w = contrast_rows(m, rows), _expected(m)
    q = len(on_z)
    cov = np.asarray(rows, dtype=float) @ kenward_roger_cov(m) @ np.asarray(rows, dtype=float).T
    df, scale = _df_and_scale(*_a1_a2(m, on_z, w), q)
    effect = m.coef @ np.asarray(rows, dtype=float).T
    f = scale * np.sum(effect * _solve(cov, effect[..., None])[..., 0], -1) / q
    p = stats.f.sf(f, q, df)
    method = "random intercept, REML, Kenward-Roger (1997) F"
    return KenwardRogerF(f=f, df_num=q, df_den=df, scale=scale, p=p, method=method, warning=m.warning)


def _expected(m: Mixed) -> Array:
    if not m.reml:
        raise ValueError("Kenward-Roger's method is defined for a fit by REML: fit with reml=True.")
    return variance_covariance(m, "expected")


def _added(m: Mixed, w: Array) -> Array:
    """Return the diagonal (..., K) of 2 [sum W_ij (Q_ij - P_i Phi P_j)] in the spectral form, divided by s2."""
    theta = m.theta[..., None]
    var_theta = w[..., 1, 1] - 2 * m.theta * w[..., 0, 1] + m.theta**2 * w[..., 0, 0]
    return np.asarray(2 * var_theta[..., None] * m.form.d / (1 + theta * m.form.d) ** 3)


def _a1_a2(m: Mixed, on_z: Array, w: Array) -> tuple[Array, Array]:
    """Return A1 = sum W_ij tr(E_i) tr(E_j) and A2 = sum W_ij tr(E_i E_j), E_i = (L Phi L')^-1 dL Phi L'/d sigma_i."""
    lt, k = on_z @ m.form.t, shrinkage(m)
    s0 = on_z @ m.form.s_inv @ on_z.T
    weights = (k, k**2 * m.form.d, (1 - k * m.form.d) ** 2)
    spreads = [(lt * weight[..., None, :]) @ np.swapaxes(lt, -1, -2) for weight in weights]
    phi = s0 + spreads[0]
    e = np.stack([_solve(phi, s0 + spreads[1]), _solve(phi, spreads[2])], -3)
    a1 = quadratic_form(w, np.trace(e, axis1=-2, axis2=-1))
    a2 = np.einsum("...ij,...iab,...jba->...", w, e, e)
    return a1, np.asarray(a2)


def _df_and_scale(a1: Array, a2: Array, q: int) -> tuple[Array, Array]:
    """Return the df m and the scale lambda that match the first two moments of F, in the paper's symbols.

    rho = V*/(2 E*^2) is written as a ratio so that its pole is a finite df.
    """
    proportional = np.abs(a1 - q * a2) <= PROPORTIONAL * np.abs(a1)
    b = (a1 + 6 * a2) / (2 * q)
    g = ((q + 1) * a1 - (q + 4) * a2) / ((q + 2) * a2)
    c1, c2, c3 = (part / (3 * q + 2 * (1 - g)) for part in (g, q - g, q + 2 - g))
    e = np.where(proportional, 0.5, 1 - a2 / q)  # 1 / E*
    above, below = e**2 * (1 + c1 * b), (1 - c2 * b) ** 2 * (1 - c3 * b)  # q rho = above / below
    gap = np.where(proportional, 1.0, above - below)
    df = 4 + (q + 2) * below / gap
    scale = e * (4 * above + (q - 2) * below) / np.where(proportional, 1.0, 2 * above + q * below)
    return np.where(proportional, 2 * q / a2, df), np.where(proportional, 1.0, scale)


def _solve(a: Array, b: Array) -> Array:
    """Return a^-1 b, NaN where a is not finite."""
    finite = np.isfinite(a).all(axis=(-1, -2), keepdims=True)
    solved = np.linalg.solve(np.where(finite, a, np.eye(a.shape[-1])), b)
    return np.where(finite, solved, np.nan)
