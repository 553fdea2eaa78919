"""Fits whose cluster variance is 0 or small: does each program reach the optimum? `boundary.py ICC N`.

The judge is the restricted likelihood of whole 256 x 256 matrices, used by none of the programs. A program misses when
its -2 log-likelihood is more than .01 above the lowest that any of the three reached on that data set.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from measure import Result, report
from numpy.typing import NDArray

from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.mixed import fit_mixed
from study import StudyTable, study_table

Array = NDArray[np.float64]

SEED = 20180601
WORSE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Fits:
    """Ratio of the two variances and treatment effect by data set, (N,); NaN where the program failed."""

    theta: Array
    effect: Array
    converged: NDArray[np.bool_]


def ours(table: StudyTable, y: Array) -> Fits:
    """Return our fits, all in one call."""
    m = fit_mixed(cross_products(table.x, y, table.cluster))
    return Fits(theta=m.theta, effect=m.coef[:, 1], converged=np.isfinite(m.theta))


def by_statsmodels(table: StudyTable, y: Array) -> Fits:
    """Return the fits of MixedLM with its defaults."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    def one(values: Array) -> tuple[float, float, bool]:
        try:
            fit = MixedLM(values, table.x, groups=table.cluster).fit()
        except (np.linalg.LinAlgError, ValueError):
            return np.nan, np.nan, False
        return float(fit.cov_re[0, 0] / fit.scale), float(fit.fe_params[1]), bool(fit.converged)

    return _gathered([one(values) for values in y])


def by_lme_python(table: StudyTable, y: Array) -> Fits:
    """Return the fits of lme-python; its theta is the ratio of the two standard deviations."""
    import lme_python

    frame = table.frame.assign(municipality=table.frame["cluster"].astype(str))
    prepared = lme_python.prepare_lmer(table.formula("y1") + " + (1 | municipality)", frame)

    def one(values: Array) -> tuple[float, float, bool]:
        fit = lme_python.fit_prepared(prepared, y=values.tolist())
        return float(fit.theta[0]) ** 2, float(fit.coefficients[1]), bool(fit.converged)

    return _gathered([one(values) for values in y])


def restricted_deviance(table: StudyTable, y: Array, theta: float) -> float:
    """Return -2 log restricted likelihood at a variance ratio and the best residual variance, by whole matrices."""
    same = (table.cluster[:, None] == table.cluster).astype(float)
    v = np.eye(y.size) + theta * same
    vx, vy = np.linalg.solve(v, table.x), np.linalg.solve(v, y)
    information = table.x.T @ vx
    residual = y - table.x @ np.linalg.solve(information, vx.T @ y)
    df = y.size - table.x.shape[1]
    variance = residual @ (vy - vx @ np.linalg.solve(information, vx.T @ y)) / df
    logs = np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1]
    return float(df * (1 + np.log(2 * np.pi * variance)) + logs)


def main(icc: float, n: int) -> Result:
    """Return counts of misses by program on `n` data sets with the intra-class correlation `icc`."""
    table, rng = study_table(), np.random.default_rng(SEED)
    level, noise = rng.standard_normal((n, 10)), rng.standard_normal((n, 256))
    y = np.sqrt(icc) * level[:, table.cluster - 1] + np.sqrt(1 - icc) * noise
    found: dict[str, Any] = {}
    for name, fit in (("mtb_eval", ours), ("statsmodels MixedLM", by_statsmodels), ("lme-python", by_lme_python)):
        try:
            found[name] = fit(table, y)
        except ImportError as missing:
            found[name] = str(missing)
    fits = {name: f for name, f in found.items() if isinstance(f, Fits)}
    deviance = {name: _deviances(table, y, f.theta) for name, f in fits.items()}
    best = np.nanmin(list(deviance.values()), axis=0)
    counts = {name: _counts(f, deviance[name] - best) for name, f in fits.items()}
    errors = {name: {"error": f} for name, f in found.items() if not isinstance(f, Fits)}
    return {"icc": icc, "n": n, "programs": counts | errors}


def _gathered(fits: list[tuple[float, float, bool]]) -> Fits:
    theta, effect, converged = (np.array(column) for column in zip(*fits, strict=True))
    return Fits(theta=theta, effect=effect, converged=converged.astype(bool))


def _deviances(table: StudyTable, y: Array, theta: Array) -> Array:
    pairs = zip(y, theta, strict=True)
    return np.array([restricted_deviance(table, v, t) if np.isfinite(t) else np.nan for v, t in pairs])


def _counts(fits: Fits, gap: Array) -> Result:
    missed = ~(gap <= WORSE)
    return {
        "missed": int(missed.sum()),
        "missed, reported as converged": int((missed & fits.converged).sum()),
        "largest gap in -2 log-likelihood": float(np.nanmax(gap)),
        "effect exactly 0": int((fits.effect == 0).sum()),
        "effect exactly 0, reported as converged": int(((fits.effect == 0) & fits.converged).sum()),
        "not converged": int((~fits.converged).sum()),
        "variance at 0": int((fits.theta == 0).sum()),
    }


if __name__ == "__main__":
    report(main(float(sys.argv[1]), int(sys.argv[2])))
