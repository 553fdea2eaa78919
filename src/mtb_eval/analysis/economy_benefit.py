"""Cost held against effect: incremental cost and effect, net benefit over willingness to pay, jackknife plane."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from mtb_eval.analysis.care_effect import FAILURES, Row, primary_design
from mtb_eval.analysis.model_data import ModelData, model_data
from mtb_eval.analysis.row_table import ESTIMATE
from mtb_eval.analysis.usual_care import family_contacts
from mtb_eval.analysis.verdicts import sign_of
from mtb_eval.data.families import Study
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.estimate import Estimate
from mtb_eval.inference.fieller import fieller
from mtb_eval.inference.leverage import leave_one_out
from mtb_eval.inference.ols import LeastSquares, ols
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.study import EconomyRule, Outcome, Plan

Array = NDArray[np.float64]

EFFECT, COST, RATIO = "effect (SD)", "cost (DKK)", "DKK per SD"
FREE, PRICED = "none", "registered contacts at the declared price"
FAMILIES = "all families"
EVERYWHERE = "all municipalities, those without costs at the mean of the others"
COSTED = "municipalities with costs only"
BASE_COLUMNS = ("outcome", "sample", "control_cost")
TAIL = ("n_mtb", "n_control", "n_clusters", "warning", "error")
INCREMENTAL_COLUMNS = (
    *BASE_COLUMNS,
    "quantity",
    "method",
    *ESTIMATE,
    "shape",
    *TAIL,
)
NET_BENEFIT_COLUMNS = (
    *BASE_COLUMNS,
    "willingness",
    "method",
    *ESTIMATE,
    "chance",
    *TAIL,
)
PLANE_COLUMNS = (*BASE_COLUMNS, "left_out", "effect", "cost", *TAIL)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostEffect:
    """One comparison's arrays, n families: `effect` in SD for the better, `cost` in DKK, with the model's data.

    `names` are the columns outcome, sample and control_cost.
    """

    data: ModelData
    effect: Array
    cost: Array
    names: Row


def family_costs(study: Study, costs: pd.DataFrame) -> Array:
    """Return what the programme cost for each family, DKK (n,): 0 in usual care.

    The fixed cost of the municipality plus its cost per visit times the family's visits; its cost per family where
    visits are not known. Municipalities without costs take the mean of the others.
    """
    table = costs.set_index("municipality")[["fixed_per_family", "variable_per_visit", "cost_per_family"]]
    filled = table.fillna(table.mean()).reindex(study.families["municipality"])
    fixed, per_visit, whole = (filled[c].to_numpy(dtype=float) for c in table.columns)
    visits = study.families["n_visits"].to_numpy(dtype=float)
    own = np.where(np.isfinite(visits) & np.isfinite(per_visit), fixed + per_visit * np.nan_to_num(visits), whole)
    return np.where(study.families["mtb"].to_numpy(dtype=float) == 1, own, 0.0)


def comparisons(study: Study, plan: Plan, costs: pd.DataFrame, rule: EconomyRule) -> Iterator[CostEffect]:
    """Yield the comparisons of cost and effect: by sample of municipalities, usual care free or priced by contact.

    Families with the outcome; with priced contacts, those whose services are registered or who had MTB.
    """
    outcome = next((o for o in plan.outcomes if o.id == rule.outcome), None)
    if outcome is None:
        return
    both = _both_costs(study, plan, costs, rule)
    known = costs.loc[np.isfinite(costs["cost_per_family"]), "municipality"]
    there = study.families["municipality"].isin(known).to_numpy()
    for sample, among in ((EVERYWHERE, np.ones_like(there)), (COSTED, there)):
        if sample == COSTED and there.all():
            continue
        for control_cost, cost in both.items():
            data = model_data(study, plan, outcome, among=among & np.isfinite(cost))
            yield _comparison(data, outcome, cost, sample=sample, control_cost=control_cost)


def cost_comparisons(study: Study, plan: Plan, costs: pd.DataFrame, rule: EconomyRule) -> Iterator[CostEffect]:
    """Yield the comparisons of cost alone, over all families whose cost is known; their effect is NaN."""
    outcome = next((o for o in plan.outcomes if o.id == rule.outcome), None)
    if outcome is None:
        return
    alone = replace(outcome, column="cost", wave="all", baseline=None, population=None)
    for control_cost, cost in _both_costs(study, plan, costs, rule).items():
        families = study.families.assign(**{alone.variable: cost})
        data = model_data(replace(study, families=families), plan, alone)
        names: Row = {"outcome": "", "sample": f"{FAMILIES}, {EVERYWHERE}", "control_cost": control_cost}
        yield CostEffect(data=data, effect=np.full(len(data.y), np.nan), cost=data.y, names=names)


def cost_rows(one: CostEffect, level: float) -> Iterator[Row]:
    """Yield the cost, MTB minus usual care, primary model without the outcome's baseline, CR2."""
    fit, contrast = _fitted(one, one.cost[None])
    e = cluster_robust(fit, contrast, kind="CR2", level=level)
    yield {**one.names, "quantity": COST, "shape": "interval", **_row(e, 0), **_numbers(one)}


def incremental_rows(one: CostEffect, level: float) -> Iterator[Row]:
    """Yield effect, cost and cost of one standard deviation, MTB minus usual care, primary model and CR2."""
    fit, contrast = _fitted(one, np.stack([one.effect, one.cost]))
    e = cluster_robust(fit, contrast, kind="CR2", level=level)
    for k, quantity in enumerate((EFFECT, COST)):
        yield {**one.names, "quantity": quantity, "shape": "interval", **_row(e, k), **_numbers(one)}
    ratio = fieller(
        float(e.estimate[1]),
        float(e.estimate[0]),
        variances=(float(e.se[1]) ** 2, float(e.se[0]) ** 2),
        covariance=_covariance(one, e),
        df=float(e.df[0]),
        level=level,
    )
    told = {
        "interval": "",
        "outside": "the effect may be 0: the set is what lies outside the limits",
        "everywhere": "the effect may be 0: no cost of a standard deviation is ruled out",
        "not estimable": "not estimable",
    }
    yield {
        **one.names,
        "quantity": RATIO,
        "method": "Fieller set, CR2",
        "estimate": ratio.ratio,
        "df": float(e.df[0]),
        **{"ci_low": ratio.low, "ci_high": ratio.high, "shape": ratio.shape, "warning": told[ratio.shape]},
        **_numbers(one),
    }


def net_benefit_rows(one: CostEffect, rule: EconomyRule, level: float) -> Iterator[Row]:
    """Yield the net benefit, willingness x effect - cost, at each willingness to pay, by the primary model and CR2.

    Hoch, Briggs & Willan (2002), doi 10.1002/hec.678; clustered: Bachmann et al. (2007), doi 10.1177/0272989X07304449.
    `chance`: one-sided, of a positive net benefit by the t distribution of the estimate.
    """
    grid = np.asarray(rule.willingness)
    fit, contrast = _fitted(one, grid[:, None] * one.effect - one.cost)
    e = cluster_robust(fit, contrast, kind="CR2", level=level)
    for k, willingness in enumerate(grid):
        row = _row(e, k)
        t = float(e.estimate[k] / e.se[k]) if e.se[k] > 0 else math.nan
        chance = float(stats.t.cdf(t, float(e.df[k])))
        yield {**one.names, "willingness": float(willingness), **row, "chance": chance, **_numbers(one)}


def plane_rows(one: CostEffect) -> Iterator[Row]:
    """Yield effect and cost with all municipalities (left_out "") and without each in turn."""
    fit, contrast = _fitted(one, np.stack([one.effect, one.cost]))
    whole = cluster_robust(fit, contrast, kind="CR2").estimate
    yield {**one.names, "left_out": "", "effect": float(whole[0]), "cost": float(whole[1]), **_numbers(one)}
    without = leave_one_out(fit, contrast)
    for g, label in enumerate(np.unique(one.data.municipality)):
        point = {"effect": float(without[0, g]), "cost": float(without[1, g])}
        yield {**one.names, "left_out": str(label), **point, **_numbers(one)}


def attempted(one: CostEffect, rows: Iterator[Row]) -> list[Row]:
    """Return the rows of one comparison, or one row that says why there are none."""
    problem = _unusable(one.data)
    try:
        return [{**one.names, **_numbers(one), "error": problem}] if problem else list(rows)
    except FAILURES as failure:
        return [{**one.names, **_numbers(one), "error": str(failure)}]


def _both_costs(study: Study, plan: Plan, costs: pd.DataFrame, rule: EconomyRule) -> dict[str, Array]:
    """Return each family's cost (n,) with usual care free, and with registered contacts priced (NaN unregistered)."""
    programme, contacts = family_costs(study, costs), family_contacts(study, plan)[1]
    mtb = study.families["mtb"].to_numpy(dtype=float) == 1
    priced = programme + rule.dkk_per_contact * np.where(mtb, np.nan_to_num(contacts), contacts)
    return {FREE: programme, PRICED: priced}


def _comparison(data: ModelData, outcome: Outcome, cost: Array, *, sample: str, control_cost: str) -> CostEffect:
    return CostEffect(
        data=data,
        effect=sign_of(outcome.better) * data.y / data.sd if data.sd > 0 else np.full(len(data.y), np.nan),
        cost=cost[data.rows],
        names={"outcome": outcome.id, "sample": sample, "control_cost": control_cost},
    )


def _fitted(one: CostEffect, outcomes: Array) -> tuple[LeastSquares, Array]:
    """Return the primary model of several outcomes (k, n) at once, and its contrast."""
    design = primary_design(one.data)
    x = np.column_stack([one.data.mtb, _others(one.data)])
    return ols(cross_products(x, outcomes, one.data.municipality), collinear="drop"), design.contrast


def _others(data: ModelData) -> Array:
    places = data.municipality[:, None] == np.unique(data.municipality)
    return np.column_stack([places.astype(float), data.calendar, data.covariates])


def _covariance(one: CostEffect, e: Estimate) -> float:
    """Return the CR2 covariance of effect and cost, from the variance of their sum in units of their errors."""
    scaled = one.effect / float(e.se[0]) + one.cost / float(e.se[1])
    fit, contrast = _fitted(one, scaled)
    together = float(cluster_robust(fit, contrast, kind="CR2").se) ** 2
    return (together - 2) / 2 * float(e.se[0]) * float(e.se[1])


def _row(e: Estimate, k: int) -> Row:
    values = {c: float(np.broadcast_to(getattr(e, c), e.estimate.shape)[k]) for c in ESTIMATE}
    return {"method": f"primary model, {e.method}", **values, "warning": e.warning}


def _numbers(one: CostEffect) -> Row:
    mtb = float(one.data.mtb.sum())
    return {"n_mtb": mtb, "n_control": len(one.data.mtb) - mtb, "n_clusters": float(one.data.n_clusters)}


def _unusable(data: ModelData) -> str:
    if not 0 < data.mtb.sum() < len(data.mtb):
        return "all families with this outcome and a cost are of one arm"
    return "" if data.sd > 0 else "the outcome does not vary"
