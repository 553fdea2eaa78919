"""From families to the arrays of one model: outcome, treatment, municipality, covariates, calendar time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.data.families import Study
from mtb_eval.study import Outcome, Plan

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelData:
    """The complete cases of one outcome, n rows and k covariates.

    `y` (n,), `mtb` (n,) 1 or 0, `municipality` (n,) labels, `covariates` (n, k) with names, `calendar` (n, d) a natural
    spline of the recruitment date, `rows` (n,) positions in the families table, `dropped` covariates that did not vary.
    """

    y: Array
    mtb: Array
    municipality: NDArray[np.str_]
    covariates: Array
    names: tuple[str, ...]
    calendar: Array
    rows: NDArray[np.int64]
    dropped: tuple[str, ...]

    @property
    def sd(self) -> float:
        """Standard deviation of the outcome, pooled within arms (denominator n - 2)."""
        return pooled_sd(self.y, self.mtb)

    @property
    def n_clusters(self) -> int:
        """Number of municipalities with a family in the model."""
        return len(set(self.municipality.tolist()))


def model_data(study: Study, plan: Plan, outcome: Outcome, *, among: NDArray[np.bool_] | None = None) -> ModelData:
    """Return the arrays for an outcome's models: families with the outcome, in its population, and in `among`.

    A missing covariate is replaced by its mean over all families (rule "mean") or drops the family (rule "drop").
    Knots of the calendar spline are set on all families, so that they do not move with the outcome.
    """
    families = study.families
    values = families[outcome.variable].to_numpy(dtype=float)
    kept = np.isfinite(values) & in_population(families, plan, outcome.population)
    if among is not None:
        kept &= among
    names = covariate_names(plan, outcome)
    filled = _filled(families, plan, names)
    kept &= np.isfinite(filled).all(axis=1)
    varies = np.array([len(np.unique(filled[kept, j])) > 1 for j in range(len(names))], dtype=bool)
    calendar = natural_spline(families["calendar_years"].to_numpy(dtype=float), plan.calendar_df)
    return ModelData(
        y=values[kept],
        mtb=families["mtb"].to_numpy(dtype=float)[kept],
        municipality=families["municipality"].to_numpy(dtype=str)[kept],
        covariates=filled[kept][:, varies],
        names=tuple(n for n, v in zip(names, varies, strict=True) if v),
        calendar=calendar[kept],
        rows=np.flatnonzero(kept),
        dropped=tuple(n for n, v in zip(names, varies, strict=True) if not v),
    )


def covariate_names(plan: Plan, outcome: Outcome) -> tuple[str, ...]:
    """Return the columns adjusted for: the baseline score where there is one, then the plan's or the outcome's own."""
    own = outcome.covariates if outcome.covariates is not None else tuple(c.column for c in plan.covariates)
    first = (outcome.baseline,) if outcome.baseline else ()
    return first + tuple(c for c in own if c not in first)


def in_population(families: pd.DataFrame, plan: Plan, population: str | None) -> NDArray[np.bool_]:
    """Return which families an outcome is asked of, (n,)."""
    if population is None:
        return np.ones(len(families), dtype=bool)
    rule = plan.population(population)
    return np.asarray(families[rule.column].to_numpy(dtype=float) == rule.equals)


def pooled_sd(y: Array, mtb: Array) -> float:
    """Return the standard deviation pooled within arms; NaN with under three values, an empty arm or no variation."""
    groups = [y[mtb == 1], y[mtb == 0]]
    if len(y) < 3 or not all(len(g) for g in groups):
        return float("nan")
    squares = sum(float(np.sum((g - g.mean()) ** 2)) for g in groups)
    return float(np.sqrt(squares / (len(y) - 2))) if squares > 0 else float("nan")


def natural_spline(x: Array, df: int) -> Array:
    """Return a basis (n, df) of natural cubic splines in x without intercept, linear beyond the range of x.

    Interior knots at equal quantiles, boundary knots at the extremes (the space of R's ns(x, df)); truncated power
    form of Hastie, Tibshirani & Friedman (2009, section 5.2.1), on x scaled to 0..1.
    """
    low, high = float(np.min(x)), float(np.max(x))
    if high == low or df < 1:
        return np.empty((len(x), 0))
    u = (x - low) / (high - low)
    knots = np.unique(np.quantile(u, np.linspace(0, 1, df + 1)))
    last = _ramp(u, knots[-2], knots[-1])
    curved = [_ramp(u, k, knots[-1]) - last for k in knots[:-2]]
    return np.column_stack([u, *curved])


def dummies(labels: NDArray[np.str_]) -> Array:
    """Return one 0/1 column per label that occurs, in sorted order, (n, number of labels)."""
    return np.asarray(labels[:, None] == np.unique(labels)[None, :], dtype=float)


def stack(*columns: Array | Sequence[float]) -> Array:
    """Return columns and blocks of columns side by side, (n, p)."""
    return np.column_stack([np.asarray(c, dtype=float) for c in columns])


def _ramp(u: Array, knot: float, last: float) -> Array:
    cubes = np.clip(u - knot, 0, None) ** 3 - np.clip(u - last, 0, None) ** 3
    return np.asarray(cubes / (last - knot))


def _filled(families: pd.DataFrame, plan: Plan, names: tuple[str, ...]) -> Array:
    dropping = {c.column for c in plan.covariates if c.fill == "drop"}
    columns = []
    for name in names:
        x = families[name].to_numpy(dtype=float)
        columns.append(x if name in dropping else np.where(np.isfinite(x), x, np.nanmean(x)))
    return np.column_stack(columns) if columns else np.empty((len(families), 0))
