"""Fits whose cluster variance is 0 or small: does each program reach the optimum? `boundary.py DESIGN ICC N`.

Designs: "study", the study-shaped table with its nine regressors, or "whole", where the five largest of ten
municipalities are treated as a whole and treatment is the only regressor.

The judge is the restricted likelihood of whole 256 x 256 matrices, used by none of the programs. A program misses when
its -2 log-likelihood is more than .01 above the lowest that any of the three reached on that data set; its effect is
off when it is more than .01 standard deviations from that of the program with the lowest.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from measure import Result, report
from numpy.typing import NDArray

from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.mixed import fit_mixed
from study import study_table

Array = NDArray[np.float64]

SEED = 20180601
WORSE = 0.01
OFF = 0.01
SIZES = (8, 11, 14, 18, 22, 26, 32, 37, 42, 46)


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Rows x (n, p) with treatment second, cluster (n,) in 0..9; the same as a frame with its fixed formula."""

    x: Array
    cluster: NDArray[np.intp]
    frame: pd.DataFrame
    formula: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fits:
    """Ratio of the two variances and treatment effect by data set, (N,); NaN where the program failed."""

    theta: Array
    effect: Array
    converged: NDArray[np.bool_]


def study_design() -> Design:
    """Return the design of the study-shaped table."""
    table = study_table()
    frame = table.frame.assign(y=table.y[0])
    return Design(x=table.x, cluster=table.cluster - 1, frame=frame, formula=table.formula("y"))


def whole_design() -> Design:
    """Return the design with whole municipalities treated."""
    cluster = np.repeat(np.arange(10), SIZES)
    treat = (cluster >= 5).astype(float)
    frame = pd.DataFrame({"y": np.linspace(0, 1, treat.size) ** 2, "treat": treat, "cluster": cluster})
    return Design(x=np.column_stack([np.ones(treat.size), treat]), cluster=cluster, frame=frame, formula="y ~ treat")


def ours(design: Design, y: Array) -> Fits:
    """Return our fits, all in one call."""
    m = fit_mixed(cross_products(design.x, y, design.cluster))
    return Fits(theta=m.theta, effect=m.coef[:, 1], converged=np.isfinite(m.theta))


def by_statsmodels(design: Design, y: Array) -> Fits:
    """Return the fits of MixedLM with its defaults."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    def one(values: Array) -> tuple[float, float, bool]:
        try:
            fit = MixedLM(values, design.x, groups=design.cluster).fit()
        except (np.linalg.LinAlgError, ValueError):
            return np.nan, np.nan, False
        return float(fit.cov_re[0, 0] / fit.scale), float(fit.fe_params[1]), bool(fit.converged)

    return _gathered([one(values) for values in y])


def by_lme_python(design: Design, y: Array) -> Fits:
    """Return the fits of lme-python; its theta is the ratio of the two standard deviations."""
    import lme_python

    frame = design.frame.assign(municipality=design.frame["cluster"].astype(str))
    prepared = lme_python.prepare_lmer(design.formula + " + (1 | municipality)", frame)

    def one(values: Array) -> tuple[float, float, bool]:
        fit = lme_python.fit_prepared(prepared, y=values.tolist())
        return float(fit.theta[0]) ** 2, float(fit.coefficients[1]), bool(fit.converged)

    return _gathered([one(values) for values in y])


def restricted_deviance(design: Design, y: Array, theta: float) -> float:
    """Return -2 log restricted likelihood at a variance ratio and the best residual variance, by whole matrices."""
    same = (design.cluster[:, None] == design.cluster).astype(float)
    v = np.eye(y.size) + theta * same
    vx, vy = np.linalg.solve(v, design.x), np.linalg.solve(v, y)
    information = design.x.T @ vx
    residual = y - design.x @ np.linalg.solve(information, vx.T @ y)
    df = y.size - design.x.shape[1]
    variance = residual @ (vy - vx @ np.linalg.solve(information, vx.T @ y)) / df
    logs = np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1]
    return float(df * (1 + np.log(2 * np.pi * variance)) + logs)


def main(name: str, icc: float, n: int) -> Result:
    """Return counts of misses by program on `n` data sets with the intra-class correlation `icc`."""
    design, rng = DESIGNS[name](), np.random.default_rng(SEED)
    level, noise = rng.standard_normal((n, 10)), rng.standard_normal((n, 256))
    y = np.sqrt(icc) * level[:, design.cluster] + np.sqrt(1 - icc) * noise
    found: dict[str, Any] = {}
    for program, fit in (("mtb_eval", ours), ("statsmodels MixedLM", by_statsmodels), ("lme-python", by_lme_python)):
        try:
            found[program] = fit(design, y)
        except ImportError as missing:
            found[program] = str(missing)
    fits = {program: f for program, f in found.items() if isinstance(f, Fits)}
    deviance = {program: _deviances(design, y, f.theta) for program, f in fits.items()}
    best = np.nanmin(list(deviance.values()), axis=0)
    effect = _of_the_best(fits, deviance)
    counts = {program: _counts(f, deviance[program] - best, effect) for program, f in fits.items()}
    errors = {program: {"error": f} for program, f in found.items() if not isinstance(f, Fits)}
    return {"design": name, "icc": icc, "n": n, "programs": counts | errors}


def _gathered(fits: list[tuple[float, float, bool]]) -> Fits:
    theta, effect, converged = (np.array(column) for column in zip(*fits, strict=True))
    return Fits(theta=theta, effect=effect, converged=converged.astype(bool))


def _deviances(design: Design, y: Array, theta: Array) -> Array:
    pairs = zip(y, theta, strict=True)
    return np.array([restricted_deviance(design, v, t) if np.isfinite(t) else np.nan for v, t in pairs])


def _of_the_best(fits: dict[str, Fits], deviance: dict[str, Array]) -> Array:
    """Return the treatment effect (N,) of the program with the lowest deviance on each data set."""
    effects = np.array([f.effect for f in fits.values()])
    lowest = np.nanargmin(np.array([deviance[program] for program in fits]), axis=0)
    return np.asarray(effects[lowest, np.arange(lowest.size)])


def _counts(fits: Fits, gap: Array, effect: Array) -> Result:
    missed, off = ~(gap <= WORSE), ~(np.abs(fits.effect - effect) <= OFF)
    return {
        "missed": int(missed.sum()),
        "missed, reported as converged": int((missed & fits.converged).sum()),
        "largest gap in -2 log-likelihood": _largest(gap),
        "effect off by .01 SD": int(off.sum()),
        "effect off, reported as converged": int((off & fits.converged).sum()),
        "largest error of an effect reported as converged": _largest(np.abs(fits.effect - effect)[fits.converged]),
        "effect exactly 0": int((fits.effect == 0).sum()),
        "not converged": int((~fits.converged).sum()),
        "variance at 0": int((fits.theta == 0).sum()),
    }


def _largest(values: Array) -> float:
    return float(np.nanmax(values, initial=0.0))


DESIGNS: dict[str, Callable[[], Design]] = {"study": study_design, "whole": whole_design}

if __name__ == "__main__":
    report(main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])))
