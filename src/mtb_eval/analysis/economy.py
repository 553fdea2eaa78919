"""What the programme costs, and what its cost buys."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd

from mtb_eval.analysis.care_effect import Row
from mtb_eval.analysis.economy_benefit import (
    INCREMENTAL_COLUMNS,
    NET_BENEFIT_COLUMNS,
    PLANE_COLUMNS,
    CostEffect,
    attempted,
    comparisons,
    cost_comparisons,
    cost_rows,
    incremental_rows,
    net_benefit_rows,
    plane_rows,
)
from mtb_eval.analysis.economy_costs import (
    ACTIVITY_COLUMNS,
    MUNICIPALITY_COLUMNS,
    SENSITIVITY_COLUMNS,
    SUMMARY_COLUMNS,
    activity_rows,
    declared_prices,
    has_costs,
    mean_over,
    municipality_costs,
    sensitivity_rows,
    summary_rows,
)
from mtb_eval.analysis.placements_data import placed_families, placement_outcome
from mtb_eval.analysis.row_table import number, row_table
from mtb_eval.data.families import Study
from mtb_eval.inference.counts import risk_difference
from mtb_eval.inference.estimate import Estimate
from mtb_eval.study import EconomyRule, Plan

BREAK_EVEN_COLUMNS = (
    "dkk_per_year",
    "years",
    "cost_of_placement",
    "cost_per_family",
    "averted_per_100",
    "averted_low",
    "averted_high",
    "risk_difference",
    "rd_low",
    "rd_high",
    "reached",
    "warning",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EconomyTables:
    """The economy; DKK of the price level of the cost file, prices and willingness to pay as declared (assumed).

    municipalities: every municipality of the plan: families the costs are of, MTB families of the study, visits a
        family, share that completed the course (the plan's threshold), hours of contact by the visit log, then hours
        and cost to a family, a visit and a completed course; fixed cost a family and variable cost a visit.
    summary: each of these over municipalities: mean with t(G-1) interval, sd, median, extremes, pooled over families.
    activities: hours and cost to a family by activity and staff, dearest first, with the share of all cost.
    sensitivity: mean cost under each wage factor, overhead and share of training; `declared` 1 for the plan's own.
    incremental: effect (SD, positive favours MTB), cost, and cost of one SD (Fieller set; `shape`), MTB minus usual
        care, primary model with CR2 and Satterthwaite df; by sample and by what usual care is taken to cost. Families
        with the outcome had more visits than the rest, so cost alone is also given for all families.
    net_benefit: willingness x effect - cost over the declared willingness to pay for one SD; `chance` that it is
        positive (one-sided t).
    plane: effect and cost with all municipalities (left_out "") and without each in turn (jackknife).
    break_even: placements to be averted among 100 families for their cost to equal that of the programme, with the
        limits from the mean cost's interval, beside the risk difference seen (score interval; negative: fewer in MTB)
        and whether it reaches that ("yes", "no", "interval includes both").
    """

    municipalities: pd.DataFrame
    summary: pd.DataFrame
    activities: pd.DataFrame
    sensitivity: pd.DataFrame
    incremental: pd.DataFrame
    net_benefit: pd.DataFrame
    plane: pd.DataFrame
    break_even: pd.DataFrame


def economy(study: Study, plan: Plan) -> EconomyTables:
    """Return the tables on costs and effects; without a cost file all are empty, without a rule all but the costs."""
    given, rule = has_costs(study), plan.economy
    prices = declared_prices(rule)
    costs = municipality_costs(study, plan, prices) if given else row_table([], MUNICIPALITY_COLUMNS)
    pairs = list(comparisons(study, plan, costs, rule)) if given and rule else []

    def each(make: Callable[[CostEffect, EconomyRule], Iterator[Row]]) -> list[Row]:
        return [row for one in pairs if rule for row in attempted(one, make(one, rule))]

    level = plan.level
    return EconomyTables(
        municipalities=costs,
        summary=row_table(summary_rows(costs, level) if given else [], SUMMARY_COLUMNS),
        activities=row_table(activity_rows(study, plan, prices) if given else [], ACTIVITY_COLUMNS),
        sensitivity=row_table(sensitivity_rows(study, plan, rule) if given and rule else [], SENSITIVITY_COLUMNS),
        incremental=row_table(
            [*_whole(study, plan, costs), *each(lambda one, _: incremental_rows(one, level))], INCREMENTAL_COLUMNS
        ),
        net_benefit=row_table(each(lambda one, r: net_benefit_rows(one, r, level)), NET_BENEFIT_COLUMNS),
        plane=row_table(each(lambda one, _: plane_rows(one)), PLANE_COLUMNS),
        break_even=row_table(_break_even(study, plan, costs, rule) if given and rule else [], BREAK_EVEN_COLUMNS),
    )


def _whole(study: Study, plan: Plan, costs: pd.DataFrame) -> list[Row]:
    rule = plan.economy
    if rule is None or costs.empty:
        return []
    return [
        row for one in cost_comparisons(study, plan, costs, rule) for row in attempted(one, cost_rows(one, plan.level))
    ]


def _break_even(study: Study, plan: Plan, costs: pd.DataFrame, rule: EconomyRule) -> Iterator[Row]:
    cost = mean_over(costs, "cost_per_family", plan.level)
    seen = _risk_difference(study, plan)
    for price in rule.placement_dkk_per_year:
        for years in rule.placement_years:
            whole = price * years
            needed = {k: 100 * number(cost, v) / whole for k, v in _LIMITS.items()}
            yield {
                **{"dkk_per_year": price, "years": years, "cost_of_placement": whole},
                "cost_per_family": number(cost, "estimate"),
                **needed,
                **_seen(seen),
                "reached": _reached(needed["averted_per_100"] / 100, seen),
                "warning": "" if seen else "no comparison of placements",
            }


_LIMITS = {"averted_per_100": "estimate", "averted_low": "ci_low", "averted_high": "ci_high"}


def _risk_difference(study: Study, plan: Plan) -> Estimate | None:
    outcome = placement_outcome(plan)
    if outcome is None:
        return None
    data = placed_families(study, plan, outcome)
    return risk_difference(data.counts, level=plan.level) if 0 < data.mtb.sum() < len(data.mtb) else None


def _seen(e: Estimate | None) -> Row:
    if e is None:
        return {}
    return {"risk_difference": float(e.estimate), "rd_low": float(e.ci_low), "rd_high": float(e.ci_high)}


def _reached(needed: float, e: Estimate | None) -> str:
    """Say whether so many fewer placements a family lie below, above or within the interval of what was seen."""
    if e is None or not math.isfinite(needed):
        return ""
    if -needed > float(e.ci_high):
        return "yes"
    return "no" if -needed < float(e.ci_low) else "interval includes both"
