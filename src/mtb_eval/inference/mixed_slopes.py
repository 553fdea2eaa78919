"""Mixed models with more than a random intercept: a random slope by cluster, or groups nested in clusters.

statsmodels' MixedLM finds the variances; coefficients and covariance are then generalised least squares at these, so
that a fit that stopped at a wrong point is seen and refused instead of believed.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

from mtb_eval.inference.estimate import Estimate, t_estimate

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

OPTIMISERS = ("bfgs", "lbfgs", "powell")
POLISH = 1e-8  # gradient at which the last run, from the best point, stops
LEAST_SHARE = 1e-8  # of the residual variance: a smaller variance of a random effect is zero
LARGEST_SE = 1e3  # in standard deviations of the outcome per standard deviation of the column
REPRODUCED = 1e-4  # standard errors by which the coefficients of MixedLM may miss generalised least squares


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedSlopes:
    """A fitted mixed model with p columns; everything but `warning`, `df` and `effects` is NaN if it was refused.

    `coef` (p,), `cov` (p, p) = (X'V^-1 X)^-1, `cov_effects` (1, 1) or (2, 2) of intercept and slope by cluster,
    `var_nested` of the nested groups (NaN without), `var_residual`, `loglik`; `df` = clusters - 1, counting the
    clusters in which the slope column varies; `effects` names the random effects.
    """

    coef: Array
    cov: Array
    cov_effects: Array
    var_nested: float
    var_residual: float
    loglik: float
    df: float
    effects: str
    warning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Checked rows in cluster order: y (n,), x (n, p), effects (n, 1 or 2), cluster and nested codes (n,)."""

    y: Array
    x: Array
    effects: Array
    cluster: Codes
    nested: Codes | None
    slope: int | None


def fit_slopes(
    y: ArrayLike,
    x: ArrayLike,
    cluster: ArrayLike,
    *,
    slope: int | None = None,
    nested: ArrayLike | None = None,
    reml: bool = True,
) -> MixedSlopes:
    """Fit a random intercept by cluster, with a correlated random slope on a column or an intercept by nested group.

    `y` (n,), `x` (n, p) all columns with the constant, `cluster` (n,) labels; `slope` the position of a column that
    varies within clusters; `nested` (n,) labels of groups within clusters. A fit that did not converge, has a
    random-effect variance at zero or fails the checks is all NaN with a warning. Raises ValueError on bad input.
    Laird and Ware (1982, doi 10.2307/2529876).
    """
    rows = _checked(y, x, cluster, slope, nested)
    best, complaints = _best_fit(rows, reml)
    coef, cov = _least_squares(rows, best)
    reason = _refusal(rows, best, coef, cov)
    good = np.nan if reason else 1.0
    return MixedSlopes(
        coef=coef * good,
        cov=cov * good,
        cov_effects=np.asarray(best.cov_re, dtype=float) * good,
        var_nested=float(best.vcomp[0]) * good if rows.nested is not None else np.nan,
        var_residual=float(best.scale) * good,
        loglik=float(best.llf) * good,
        df=float(_informative_clusters(rows) - 1),
        effects=_effects(rows, reml),
        warning=f"not fitted: {reason}{complaints}" if reason else "",
    )


def slopes_t(fit: MixedSlopes, contrast: ArrayLike, *, df: float | None = None, level: float = 0.95) -> Estimate:
    """Return the t test of `contrast` (p,) on `df`, by default clusters - 1 as the fit counts them.

    The variances are taken as known in the standard error; the df, not the standard error, carries what is not known
    about them. Raises ValueError if the contrast does not have p weights.
    """
    c = np.asarray(contrast, dtype=float)
    if c.shape != fit.coef.shape:
        raise ValueError(f"The contrast has shape {c.shape}, but the model has {fit.coef.size} columns.")
    nu = fit.df if df is None else df
    method = f"{fit.effects}, t({'G-1' if df is None else 'given df'})"
    se = np.sqrt(np.maximum(c @ fit.cov @ c, 0.0))
    return t_estimate(np.asarray(c @ fit.coef), se, df=nu, method=method, level=level, warning=fit.warning)


def _checked(y: ArrayLike, x: ArrayLike, cluster: ArrayLike, slope: int | None, nested: ArrayLike | None) -> _Rows:
    outcome, columns = np.asarray(y, dtype=float), np.asarray(x, dtype=float)
    labels, codes = np.unique(np.asarray(cluster), return_inverse=True)
    if columns.ndim != 2 or outcome.shape != (len(columns),) or codes.shape != outcome.shape:
        raise ValueError(f"y {outcome.shape}, x {columns.shape} and cluster {codes.shape} must have the same n rows.")
    if bad := int(np.sum(~np.isfinite(columns).all(1) | ~np.isfinite(outcome))):
        raise ValueError(f"{bad} rows of y or x are missing or infinite: leave them out.")
    if len(labels) < 2 or len(columns) <= columns.shape[1]:
        raise ValueError(f"{len(labels)} clusters and {len(columns)} rows do not identify {columns.shape[1]} columns.")
    if (rank := int(np.linalg.matrix_rank(columns))) < columns.shape[1]:
        raise ValueError(f"{columns.shape[1]} columns of x have rank {rank}: leave out the collinear ones.")
    if (slope is None) == (nested is None):
        raise ValueError("Give either the column of a random slope or the labels of nested groups.")
    if slope is not None and not 0 <= slope < columns.shape[1]:
        raise ValueError(f"The random slope is on column {slope}, but x has columns 0 to {columns.shape[1] - 1}.")
    order = np.argsort(codes, kind="stable")
    groups = None if nested is None else np.unique(np.asarray(nested), return_inverse=True)[1][order]
    constant = np.ones((len(columns), 1))
    rows = _Rows(
        y=outcome[order],
        x=columns[order],
        effects=constant if slope is None else np.hstack([constant, columns[order][:, [slope]]]),
        cluster=codes[order],
        nested=groups,
        slope=slope,
    )
    if _informative_clusters(rows) < 2:
        raise ValueError("The column of the random slope varies within fewer than two clusters.")
    if groups is not None and len(np.unique(np.column_stack([rows.cluster, groups]), axis=0)) == len(groups):
        raise ValueError("Every nested group has one row, so its variance cannot be told from the residual variance.")
    return rows


def _informative_clusters(rows: _Rows) -> int:
    """Return how many clusters there are, or in how many the slope column varies."""
    parts = _parts(rows, rows.effects[:, -1])
    return len(parts) if rows.slope is None else sum(bool(np.ptp(part) > 0) for part in parts)


def _parts(rows: _Rows, values: NDArray[Any]) -> list[NDArray[Any]]:
    return np.split(values, np.flatnonzero(np.diff(rows.cluster)) + 1)


def _effects(rows: _Rows, reml: bool) -> str:
    inner = "intercept by cluster and by nested group" if rows.slope is None else "intercept and slope by cluster"
    return f"random {inner}, {'REML' if reml else 'ML'} (statsmodels)"


def _best_fit(rows: _Rows, reml: bool) -> tuple[Any, str]:
    """Return the highest likelihood that any optimiser reached, and what the optimisers that failed said."""
    model = MixedLM(rows.y, rows.x, groups=rows.cluster, exog_re=rows.effects, exog_vc=_nested_effects(rows))
    fits, failed = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # every fit is checked below
        for method in OPTIMISERS:
            try:
                fits.append(model.fit(reml=reml, method=method, maxiter=500))
            except (np.linalg.LinAlgError, ValueError) as error:
                failed.append(f"; {method}: {error}")
        if not fits:
            raise ValueError(f"statsmodels could not fit the model{''.join(failed)}.")
        start = max(fits, key=_rank)
        try:
            fits.append(model.fit(reml=reml, method="bfgs", start_params=start.params_object, gtol=POLISH))
        except (np.linalg.LinAlgError, ValueError) as error:
            failed.append(f"; polishing: {error}")
    return max(fits, key=_rank), "".join(failed)


def _rank(fit: Any) -> tuple[bool, float]:
    return bool(fit.converged), float(np.nan_to_num(fit.llf, nan=-np.inf))


def _nested_effects(rows: _Rows) -> VCSpec | None:
    """Return the dummies of the nested groups in each cluster as one variance component."""
    if rows.nested is None:
        return None
    mats = [(part[:, None] == np.unique(part)).astype(float) for part in _parts(rows, rows.nested)]
    names = [[str(j) for j in range(mat.shape[1])] for mat in mats]
    return VCSpec(["nested"], [names], [mats])


def _least_squares(rows: _Rows, fit: Any) -> tuple[Array, Array]:
    """Return coefficients (p,) and covariance (p, p) by generalised least squares at the variances of `fit`."""
    p = rows.x.shape[1]
    information, score = np.zeros((p, p)), np.zeros(p)
    nested = rows.nested if rows.nested is not None else np.zeros(len(rows.y), dtype=np.intp)
    component = float(fit.vcomp[0]) if rows.nested is not None else 0.0
    blocks = (_parts(rows, a) for a in (rows.x, rows.y, rows.effects, nested))
    for x, y, z, group in zip(*blocks, strict=True):
        v = fit.scale * np.eye(len(y)) + z @ np.asarray(fit.cov_re) @ z.T + component * (group[:, None] == group)
        weighted = np.linalg.solve(v, np.column_stack([x, y]))
        information += x.T @ weighted[:, :p]
        score += x.T @ weighted[:, p]
    covariance = np.asarray(np.linalg.inv(information))
    return covariance @ score, covariance


def _refusal(rows: _Rows, fit: Any, coef: Array, cov: Array) -> str:
    """Return why the fit must not be believed, or an empty text."""
    variances = np.append(np.linalg.eigvalsh(np.asarray(fit.cov_re)), fit.vcomp if rows.nested is not None else [])
    se = np.sqrt(np.diagonal(cov))
    width = np.where(np.ptp(rows.x, axis=0) > 0, rows.x.std(axis=0), 1.0)
    reasons = {
        "the optimiser did not converge": not fit.converged,
        "a variance of a random effect, or a combination of them, is zero": variances.min() < LEAST_SHARE * fit.scale,
        "a coefficient is exactly zero": bool(np.any(np.asarray(fit.fe_params) == 0)),
        "a standard error is beyond all measure": not np.all(se * width <= LARGEST_SE * rows.y.std()),
        "MixedLM's coefficients are not those of its variances": not np.all(
            np.abs(np.asarray(fit.fe_params) - coef) <= REPRODUCED * se
        ),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")
