"""The chance that a design like this one finds a claimed effect, and what an effect so found would be worth."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd

from mtb_eval.analysis.care_effect import Row
from mtb_eval.analysis.claim_words import outcomes_of
from mtb_eval.analysis.effects import deciding_row
from mtb_eval.analysis.row_table import row_table
from mtb_eval.inference.design_errors import design_errors
from mtb_eval.study import Claim, Outcome, Plan

CLAIM_POWER_COLUMNS = (
    "claim",
    "outcome",
    "wave",
    "published",
    "grade",
    "standardised",
    "se",
    "df",
    "p",
    "size",
    "true_std",
    "power",
    "type_s",
    "type_m",
    "power_tendency",
    "error",
)
TEXTS = frozenset({"claim", "outcome", "wave", "published", "grade", "size", "error"})
NO_OUTCOME = "no such outcome in these data"
NOT_ESTIMATED = "the primary model could not be estimated"


def claim_power(plan: Plan, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per claimed effect, outcome and supposed true effect; `tables` are those made so far, by name.

    claim, outcome, wave; published: the tier that was claimed; grade: of the outcome, from the table `grades`.
    standardised, se, df, p: the primary analysis (CR2, Satterthwaite df), in standard deviations, positive for MTB.
    size: where true_std comes from, "published" or "declared"; true_std: the supposed true effect, in standard
    deviations without sign. power: the chance of p below the plan's first tier, by the noncentral t test at that se and
    df; type_s, type_m: of the estimates below it, the share with the wrong sign and the mean size over the true one
    (Gelman & Carlin 2014, doi 10.1177/1745691614551642). power_tendency: the same chance for the second tier.
    A published b is divided by the outcome's standard deviation in these data, a published risk ratio is turned into a
    difference at the risk of usual care in these data.
    Claims of kind "effect" only; empty if the plan declares no sizes.
    """
    if plan.claim_power is None:
        return _frame([])
    rows = [row for claim in plan.claims if claim.kind == "effect" for row in _claim_rows(claim, plan, tables)]
    return _with_errors(_frame(rows), plan)


def _frame(rows: list[Row]) -> pd.DataFrame:
    return row_table(rows, CLAIM_POWER_COLUMNS, texts=TEXTS)


def _claim_rows(claim: Claim, plan: Plan, tables: Mapping[str, pd.DataFrame]) -> Iterator[Row]:
    base: Row = {"claim": claim.id, "published": claim.verdict}
    outcomes = outcomes_of(plan, claim)
    if not outcomes:
        yield {**base, "error": NO_OUTCOME}
    for outcome in outcomes:
        own = {**base, **_estimated(outcome, plan, tables)}
        if own.get("error"):
            yield own
            continue
        for size, effect in _true_effects(claim, outcome, plan, tables):
            yield {**own, "size": size, "true_std": effect}


def _estimated(outcome: Outcome, plan: Plan, tables: Mapping[str, pd.DataFrame]) -> Row:
    """Return what the primary analysis gave for an outcome, standardised, and its grade."""
    names: Row = {"outcome": outcome.id, "wave": outcome.wave, "grade": _grade(outcome, tables)}
    found = deciding_row(tables["effects"], plan, outcome.id, "primary")
    sd = float(_described(outcome, tables)["sd"])
    if found is None or not math.isfinite(float(found["se"])) or not sd > 0:
        return {**names, "error": NOT_ESTIMATED}
    numbers = {k: float(found[k]) for k in ("standardised", "df", "p")}
    return {**names, **numbers, "se": float(found["se"]) / sd}


def _grade(outcome: Outcome, tables: Mapping[str, pd.DataFrame]) -> str:
    table = tables.get("grades")
    if table is None or table.empty:
        return ""
    return next(iter(table.loc[table["outcome"] == outcome.id, "grade"]), "")


def _described(outcome: Outcome, tables: Mapping[str, pd.DataFrame]) -> pd.Series:
    table = tables["outcomes"]
    return table[table["outcome"] == outcome.id].iloc[0]


def _true_effects(
    claim: Claim, outcome: Outcome, plan: Plan, tables: Mapping[str, pd.DataFrame]
) -> Iterator[tuple[str, float]]:
    published = PUBLISHED.get(claim.statistic)
    for effect in published(claim, _described(outcome, tables)) if published else ():
        yield "published", effect
    for effect in plan.claim_power.effects if plan.claim_power else ():
        yield "declared", effect


def _as_it_is(claim: Claim, described: pd.Series) -> tuple[float, ...]:
    return (abs(float(claim.value)),)


def _raw(claim: Claim, described: pd.Series) -> tuple[float, ...]:
    return (abs(float(claim.value)) / float(described["sd"]),)


def _risk_ratio(claim: Claim, described: pd.Series) -> tuple[float, ...]:
    """Risk of usual care (1 - 1 / ratio), over the standard deviation, at both ends of the published span."""
    ratios = [r for r in (claim.low, claim.high) if r is not None and r > 0]
    risk, sd = float(described["mean_control"]), float(described["sd"])
    return tuple(abs(risk * (1 - 1 / r)) / sd for r in ratios)


PUBLISHED: dict[str, Callable[[Claim, pd.Series], tuple[float, ...]]] = {
    "d": _as_it_is,
    "b": _raw,
    "risk_ratio_control_vs_mtb": _risk_ratio,
}


def _with_errors(table: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    effect, se, df = (table[c].to_numpy(dtype=np.float64) for c in ("true_std", "se", "df"))
    found = design_errors(effect, se, df, alpha=plan.verdicts.significant)
    looser = design_errors(effect, se, df, alpha=plan.verdicts.tendency)
    return table.assign(power=found.power, type_s=found.type_s, type_m=found.type_m, power_tendency=looser.power)


def chance_of(claim: str, table: pd.DataFrame, plan: Plan) -> Row:
    """Return the row of the claim_power table that stands for a claim, or an empty one.

    It is that at the published size if there is one, else at the plan's main size; of several (waves, ends of a
    span) that with the least chance.
    """
    mine = table[(table["claim"] == claim) & table["power"].notna()]
    published = mine[mine["size"] == "published"]
    main = plan.claim_power.main if plan.claim_power else math.nan
    shown = published if len(published) else mine[mine["true_std"] == main]
    first = shown.sort_values("power", kind="stable").head(1)
    return {str(column): first[column].iloc[0] for column in first} if len(first) else {}
