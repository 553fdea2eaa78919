"""Which variables are imputed together, and what predicts each: from the plan to the arrays of one chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtb_eval.analysis.model_data import dummies, natural_spline
from mtb_eval.data.families import Study
from mtb_eval.inference.imputation import ImputationModel, Regression
from mtb_eval.study import AttritionRule, Outcome, Plan

Array = NDArray[np.float64]
Texts = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A column of the families table in a chain: what it measures, the child's age, and whether it is a target."""

    variable: str
    stem: str
    months: int
    target: bool
    matched: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """The complete columns of every chain, n families: `columns` (n, p) with `names`, prior SD of slopes and ties (p,).

    A constant, municipalities, calendar time, then the baseline columns, in SD; and the plan's `rule`.
    """

    rule: AttritionRule
    columns: Array
    names: Texts
    slope_sd: Array
    tie_sd: Array


def background(study: Study, plan: Plan, rule: AttritionRule) -> Background:
    """Return the complete columns; a missing baseline value is the mean of its column."""
    families = study.families
    towns = dummies(families["municipality"].to_numpy(dtype=str))
    calendar = _orthogonal(natural_spline(families["calendar_years"].to_numpy(dtype=float), plan.calendar_df))
    names = baseline_names(plan)
    filled = [_in_sd(families[c].to_numpy(dtype=float)) for c in names]
    varying = [i for i, x in enumerate(filled) if x.any()]
    levels = towns.shape[1] + calendar.shape[1]
    sizes = (1, levels, len(varying))
    return Background(
        rule=rule,
        columns=np.column_stack([np.ones(len(families)), towns, calendar, *(filled[i] for i in varying)]),
        names=("",) * (1 + levels) + tuple(names[i] for i in varying),
        slope_sd=np.repeat([np.inf, rule.level_sd, rule.slope_sd], sizes),
        tie_sd=np.repeat([np.inf, rule.level_tie_sd, rule.slope_tie_sd], sizes),
    )


def baseline_names(plan: Plan) -> Texts:
    """Return the baseline columns that predict missing values: covariates, baseline table, outcomes' own baseline."""
    own = (o.baseline for o in plan.outcomes if o.baseline)
    return tuple(dict.fromkeys([*(c.column for c in (*plan.covariates, *plan.baseline_table)), *own]))


def measures(study: Study, plan: Plan, targets: Sequence[Outcome]) -> tuple[Measure, ...]:
    """Return the measures of one chain by age: targets, columns that define whom these are asked of, earlier ones.

    Earlier ones are the plan's outcomes of earlier waves, of the same sample (questionnaire or video) where there are
    any. A column without two different values is left out.
    """
    asked = {plan.population(o.population).column: o.wave for o in targets if o.population}
    wanted = {**{o.variable: o.wave for o in targets}, **asked}
    earlier = {o.variable: o.wave for t in targets for o in _earlier(plan, t)}
    found = []
    for variable, wave in {**wanted, **earlier}.items():
        if _varies(study.families[variable].to_numpy(dtype=float)):
            measure = Measure(
                variable=variable,
                stem=variable.removesuffix(f"_{wave}"),
                months=plan.wave(wave).months,
                target=variable in wanted,
                matched=variable in asked,
            )
            found.append(measure)
    return tuple(sorted(found, key=lambda x: x.months))


def imputation_model(study: Study, plan: Plan, *, behind: Background, chain: Sequence[Measure]) -> ImputationModel:
    """Return the model of a chain: all measures predict each other, save targets of one wave."""
    stems = [column_stem(name, plan) for name in behind.names]
    regressions = []
    for place, measure in enumerate(chain):
        others, own = _predictors(place, chain)
        same = np.concatenate([[s == measure.stem for s in stems], own]).astype(bool)
        regressions.append(regression(behind, others, same, matched=measure.matched))
    arm = study.families["mtb"].to_numpy(dtype=np.intp)
    return ImputationModel(fixed=behind.columns, arm=arm, regressions=tuple(regressions), donors=behind.rule.donors)


def regression(behind: Background, others: Array, own: NDArray[np.bool_], *, matched: bool) -> Regression:
    """Return one variable's regression; `own` (p + k,) marks the same measure at another wave, which may weigh more."""
    rule = behind.rule
    slope = np.concatenate([behind.slope_sd, np.full(others.shape[1], rule.slope_sd)])
    tie = np.concatenate([behind.tie_sd, np.full(others.shape[1], rule.slope_tie_sd)])
    return Regression(
        others=others,
        slope_sd=np.where(own, rule.own_slope_sd, slope),
        tie_sd=np.where(own, rule.own_slope_tie_sd, tie),
        matched=matched,
    )


def column_stem(name: str, plan: Plan) -> str:
    """Return a column's name without the wave at its end."""
    return next((name.removesuffix(f"_{w.id}") for w in plan.waves if name.endswith(f"_{w.id}")), name)


def _predictors(place: int, chain: Sequence[Measure]) -> tuple[Array, NDArray[np.bool_]]:
    """Return what predicts a measure (q, k), and which of these are the same measure at another wave.

    Each other measure by itself, save that targets of later waves enter as one mean beside the same measure.
    """
    this, q = chain[place], len(chain)
    single = [j for j in range(q) if j != place and _alone(this, chain[j])]
    later = [j for j in range(q) if j != place and j not in single and chain[j].months != this.months]
    columns = [np.eye(q)[j] for j in single]
    if later:
        columns.append(sum(np.eye(q)[j] for j in later) / np.sqrt(len(later)))
    own = [chain[j].stem == this.stem for j in single] + [False] * bool(later)
    return np.array(columns).reshape(-1, q).T, np.array(own, dtype=bool)


def _alone(this: Measure, other: Measure) -> bool:
    if other.target and this.months == other.months:
        return not this.target
    return not other.target or other.months < this.months or other.stem == this.stem


def _earlier(plan: Plan, target: Outcome) -> list[Outcome]:
    age = plan.wave(target.wave).months
    before = [o for o in plan.outcomes if plan.wave(o.wave).months < age and o.sample != "register"]
    return [o for o in before if o.sample == target.sample] or before


def _in_sd(x: Array) -> Array:
    known = x[np.isfinite(x)]
    if known.size < 2 or known.std() == 0:
        return np.zeros_like(x)
    return np.where(np.isfinite(x), (x - known.mean()) / known.std(), 0.0)


def _orthogonal(x: Array) -> Array:
    """Return the same space of columns (n, d), uncorrelated, in SD."""
    if not x.size:
        return x
    q, r = np.linalg.qr(x - x.mean(axis=0))
    return np.asarray(q[:, np.abs(np.diag(r)) > 1e-10] * np.sqrt(len(x)))


def _varies(x: Array) -> bool:
    known = x[np.isfinite(x)]
    return bool(known.size > 1 and known.min() < known.max())
