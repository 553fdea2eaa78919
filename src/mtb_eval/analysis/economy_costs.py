"""What the programme cost by municipality: hours and DKK to a family, a visit and a completed course."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from mtb_eval.analysis.care_effect import Row
from mtb_eval.analysis.received import at_threshold
from mtb_eval.analysis.row_table import row_table
from mtb_eval.data.families import Study
from mtb_eval.inference.estimate import t_estimate
from mtb_eval.study import EconomyRule, Plan

NEEDED = ("municipality", "activity", "hours", "dkk_per_hour", "n_families")
MEASURES = ("hours_per_family", "cost_per_family", "cost_per_visit", "cost_per_course")
MUNICIPALITY_COLUMNS = (
    "municipality",
    "n_families",
    "n_mtb",
    "visits_per_family",
    "share_completed",
    "contact_hours_per_family",
    *MEASURES,
    "fixed_per_family",
    "variable_per_visit",
    "warning",
)
SUMMARY_COLUMNS = (
    "measure",
    "method",
    "estimate",
    "se",
    "df",
    "ci_low",
    "ci_high",
    "sd",
    "median",
    "low",
    "high",
    "pooled",
    "n_municipalities",
    "n_families",
    "warning",
)
ACTIVITY_COLUMNS = ("activity", "staff", "hours_per_family", "cost_per_family", "share", "ci_low", "ci_high", "df", "n")
SENSITIVITY_COLUMNS = (
    "measure",
    "wage_factor",
    "overhead",
    "training_share",
    "declared",
    "estimate",
    "ci_low",
    "ci_high",
    "df",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What an hour is charged at: its cost in the file times `wage_factor`, plus `overhead` as a share of that.

    Hours of training activities are charged at `training_share`.
    """

    wage_factor: float = 1.0
    overhead: float = 0.0
    training_share: float = 1.0


def declared_prices(rule: EconomyRule | None) -> Prices:
    """Return the plan's prices; without a rule the file's own."""
    return Prices(overhead=rule.overhead, training_share=rule.training_share) if rule else Prices()


def has_costs(study: Study) -> bool:
    """Return whether there is a cost file with the columns needed and at least one row."""
    return len(study.costs) > 0 and all(c in study.costs for c in NEEDED)


def municipality_costs(study: Study, plan: Plan, prices: Prices) -> pd.DataFrame:
    """Return one row per municipality of the plan, columns MUNICIPALITY_COLUMNS; NaN where no cost is registered.

    cost_per_family: total cost over the families it was spent on (`n_families` of the file). Per visit and per
    completed course: cost_per_family over visits a family, over the share of families that completed the course, among
    the MTB families of the study (`n_mtb`). `fixed_per_family` and `variable_per_visit`: cost of the activities that
    do not and that do follow visits. `contact_hours_per_family`: from the minutes of the visit log.
    """
    charged = _charged(study.costs, plan.economy, prices)
    by_place = {str(m): rows for m, rows in charged.groupby("municipality")}
    mtb = study.families[study.families["mtb"] == 1]
    contact = _contact_hours(study, mtb)
    rows = [
        _municipality(m.code, by_place.get(m.code), mtb[mtb["municipality"] == m.code], plan, contact)
        for m in plan.municipalities
    ]
    return row_table(rows, MUNICIPALITY_COLUMNS)


def summary_rows(table: pd.DataFrame, level: float) -> Iterator[Row]:
    """Yield mean, t(G-1) interval, spread and pooled value of each measure over the municipalities with costs."""
    for measure in MEASURES:
        yield {"measure": measure, **mean_over(table, measure, level)}


def mean_over(table: pd.DataFrame, measure: str, level: float) -> Row:
    """Return the unweighted mean of a measure over municipalities with its t(G-1) interval, and its spread.

    The municipality is the unit: they decide on organisation and prices. `pooled` weights by families.
    """
    known = table[np.isfinite(table[measure])]
    x = known[measure].to_numpy(dtype=float)
    n = len(x)
    if n == 0:
        return {"n_municipalities": 0.0, "warning": "no municipality has it"}
    sd = float(x.std(ddof=1)) if n > 1 else math.nan
    e = t_estimate(np.asarray(x.mean()), np.asarray(sd / math.sqrt(n)), df=n - 1, method="t(G-1) on means", level=level)
    weights = known["n_families"].to_numpy(dtype=float)
    return {
        "method": f"mean of {n} municipalities, t({n - 1})",
        **{k: float(getattr(e, k)) for k in ("estimate", "se", "df", "ci_low", "ci_high")},
        **{"sd": sd, "median": float(np.median(x)), "low": float(x.min()), "high": float(x.max())},
        "pooled": float(x @ weights / weights.sum()),
        **{"n_municipalities": float(n), "n_families": float(weights.sum())},
        "warning": "" if n > 2 else f"{n} municipalities: an interval from so few says little",
    }


def activity_rows(study: Study, plan: Plan, prices: Prices) -> Iterator[Row]:
    """Yield hours and cost to a family by activity and staff, means over municipalities, dearest activity first."""
    charged = _charged(study.costs, plan.economy, prices)
    places = charged["municipality"].unique()
    per_family = charged.assign(
        hours=charged["hours"] / charged["n_families"], cost=charged["cost"] / charged["n_families"]
    )
    total = per_family["cost"].sum()
    groups = per_family.groupby([per_family["activity"], per_family["staff"]], sort=True)
    for (activity, staff), rows in sorted(groups, key=lambda g: -g[1]["cost"].sum()):
        by_place = rows.groupby("municipality")[["hours", "cost"]].sum().reindex(places).fillna(0.0)
        table = by_place.assign(n_families=1.0)
        found = mean_over(table, "cost", plan.level)
        yield {
            "activity": activity,
            "staff": staff,
            "hours_per_family": float(by_place["hours"].mean()),
            "cost_per_family": found["estimate"],
            "share": float(rows["cost"].sum() / total) if total else math.nan,
            **{k: found[k] for k in ("ci_low", "ci_high", "df")},
            "n": found["n_municipalities"],
        }


def sensitivity_rows(study: Study, plan: Plan, rule: EconomyRule) -> Iterator[Row]:
    """Yield the mean cost under every declared share of training, wage factor and overhead."""
    base = declared_prices(rule)
    for training in rule.training_shares:
        plain = municipality_costs(study, plan, Prices(training_share=training))
        for wage, overhead in product(rule.wage_factors, rule.overheads):
            prices = Prices(wage_factor=wage, overhead=overhead, training_share=training)
            table = plain.assign(**{m: plain[m] * wage * (1 + overhead) for m in MEASURES[1:]})
            for measure in MEASURES[1:]:
                found = mean_over(table, measure, plan.level)
                yield {
                    "measure": measure,
                    **{"wage_factor": wage, "overhead": overhead, "training_share": training},
                    "declared": float(prices == base),
                    **{k: found.get(k, math.nan) for k in ("estimate", "ci_low", "ci_high", "df")},
                }


def _charged(costs: pd.DataFrame, rule: EconomyRule | None, prices: Prices) -> pd.DataFrame:
    """Return the cost file with `cost` in DKK at the prices, complete rows only, and a staff column."""
    known = costs.dropna(subset=list(NEEDED))
    training = known["activity"].isin(rule.training_activities if rule else ())
    share = np.where(training, prices.training_share, 1.0)
    cost = known["hours"] * known["dkk_per_hour"] * prices.wage_factor * (1 + prices.overhead) * share
    return known.assign(cost=cost, staff=known.get("staff", ""))


def _municipality(
    code: str, rows: pd.DataFrame | None, mtb: pd.DataFrame, plan: Plan, contact: pd.Series
) -> dict[str, object]:
    visits = mtb["n_visits"].to_numpy(dtype=float)
    visits = visits[np.isfinite(visits)]
    mean_visits = float(visits.mean()) if len(visits) else math.nan
    completed = float(at_threshold(visits, plan.dose).mean()) if len(visits) and plan.dose else math.nan
    found = {
        "municipality": code,
        "n_mtb": float(len(mtb)),
        "visits_per_family": mean_visits,
        "share_completed": completed,
        "contact_hours_per_family": float(contact.reindex(mtb["family_id"]).mean()) if len(mtb) else math.nan,
    }
    nothing = dict.fromkeys((*MEASURES, "n_families", "fixed_per_family", "variable_per_visit"), math.nan)
    if rows is None:
        return {**nothing, **found, "warning": "no costs registered"}
    return {**nothing, **found, **_costed(rows, mean_visits, completed, plan.economy), "warning": _differs(rows, mtb)}


def _costed(rows: pd.DataFrame, visits: float, completed: float, rule: EconomyRule | None) -> dict[str, object]:
    families = float(rows["n_families"].max())
    follows = rows["activity"].isin(rule.visit_activities if rule else ())
    cost, variable = float(rows["cost"].sum()) / families, float(rows.loc[follows, "cost"].sum()) / families
    per_visit = variable / visits if visits > 0 else math.nan
    return {
        "n_families": families,
        "hours_per_family": float(rows["hours"].sum()) / families,
        "cost_per_family": cost,
        "cost_per_visit": cost / visits if visits > 0 else math.nan,
        "cost_per_course": cost / completed if completed > 0 else math.nan,
        "fixed_per_family": cost - variable,
        "variable_per_visit": per_visit,
    }


def _differs(rows: pd.DataFrame, mtb: pd.DataFrame) -> str:
    families = rows["n_families"].unique()
    if len(families) > 1:
        return "the file gives different numbers of families; the largest is used"
    if len(mtb) and float(families[0]) != len(mtb):
        return "the costs are of another number of families than the study has there"
    return "" if len(mtb) else "no MTB family of the study is there: no cost per visit or course"


def _contact_hours(study: Study, mtb: pd.DataFrame) -> pd.Series:
    """Return hours of visits held by family, 0 for MTB families without one; NaN without minutes in the log."""
    log = study.visits
    if log.empty or "minutes" not in log:
        return pd.Series(np.nan, index=mtb["family_id"])
    held = log[log["status"] == "held"] if "status" in log else log
    return held.groupby("family_id")["minutes"].sum().reindex(mtb["family_id"]).fillna(0.0) / 60
