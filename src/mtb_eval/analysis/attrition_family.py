"""Every attrition row of one outcome family: its outcomes share a chain of imputations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtb_eval.analysis.attrition_bounds import bound_rows
from mtb_eval.analysis.attrition_case import NOTHING_MISSING, Case, case_of, case_rows, scale_of
from mtb_eval.analysis.attrition_chain import Background, measures
from mtb_eval.analysis.attrition_imputed import (
    Chained,
    Completed,
    chained,
    completed,
    imputation_rows,
    imputed_row,
    pooled_shifts,
)
from mtb_eval.analysis.attrition_items import chained_items, item_model, scored_sheets, scores_by_family, sheets
from mtb_eval.analysis.attrition_tipping import frontier_rows, grid_rows, tipping_row
from mtb_eval.analysis.attrition_weights import response_model, weighted_rows
from mtb_eval.analysis.care_effect import FAILURES, Row, estimate_row, names_of, primary_design
from mtb_eval.data.families import Study
from mtb_eval.inference.ols import ols
from mtb_eval.inference.pooling import ShiftedPool
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.study import Plan

Array = NDArray[np.float64]
Found = tuple[Completed, ShiftedPool]
TABLES = ("analyses", "imputation", "bounds", "tipping", "grid", "frontier")
NO_ITEMS = "no items of it are at hand: imputed at scale level only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """The chains of a family at scale and at item level; None with the reason where there is none."""

    scale: Chained | None
    item: Chained | None
    why_scale: str
    why_item: str


def family_rows(study: Study, plan: Plan, behind: Background, family: str) -> dict[str, list[Row]]:
    """Return the rows of every table in TABLES for the outcomes of one family.

    All randomness comes from the rule's seed and the family's place in the plan, so that neither the order of
    families nor the number of workers matters.
    """
    cases = [case_of(study, plan, o) for o in plan.outcomes if o.family == family]
    place = [f.id for f in plan.families].index(family)
    levels = _levels(study, plan, behind, cases=cases, place=place)
    found: dict[str, list[Row]] = {name: [] for name in TABLES}
    for case in cases:
        for name, rows in _case_tables(case, plan, behind, levels=levels, study=study).items():
            found[name] += rows
    return found


def _levels(study: Study, plan: Plan, behind: Background, *, cases: Sequence[Case], place: int) -> Levels:
    lacking = [c for c in cases if c.lacking and len(c.complete.y)]
    chain = measures(study, plan, [c.outcome for c in lacking])
    if not chain:
        return Levels(scale=None, item=None, why_scale=NOTHING_MISSING, why_item=NOTHING_MISSING)
    seeds = [np.random.SeedSequence(behind.rule.seed, spawn_key=(place, k)) for k in range(2)]
    try:
        scale = chained(study, plan, behind=behind, chain=chain, seed=seeds[0])
    except FAILURES as failure:
        return Levels(scale=None, item=None, why_scale=str(failure), why_item=str(failure))
    try:
        item = _item_level(study, plan, behind, cases=lacking, earlier=scale, seed=seeds[1])
    except FAILURES as failure:
        return Levels(scale=scale, item=None, why_scale="", why_item=str(failure))
    return Levels(scale=scale, item=item, why_scale="", why_item=NO_ITEMS)


def _item_level(
    study: Study,
    plan: Plan,
    behind: Background,
    *,
    cases: Sequence[Case],
    earlier: Chained,
    seed: np.random.SeedSequence,
) -> Chained | None:
    groups = _sheet_groups(plan, cases)
    seeds = seed.spawn(len(groups) + 1)
    scores: dict[str, Array] = {}
    for group, own in zip(groups, seeds, strict=False):
        kept = sheets(study, plan, [c.outcome for c in group])
        if kept is not None:
            model = item_model(study, plan, behind=behind, kept=kept)
            scored = scored_sheets(kept, model, behind.rule, own)
            scores |= {c.outcome.variable: scores_by_family(scored, kept, c) for c in group}
    if not scores:
        return None
    return chained_items(study, plan, behind=behind, earlier=earlier, scores=scores, seed=seeds[-1])


def _sheet_groups(plan: Plan, cases: Sequence[Case]) -> list[list[Case]]:
    """Return the cases whose scores come from one instrument at one wave, group by group, questionnaires only."""
    groups: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        found = scale_of(plan, case.outcome)
        if found is not None and case.outcome.sample == "questionnaire":
            groups.setdefault((found[0].id, case.outcome.wave), []).append(case)
    return list(groups.values())


def _case_tables(
    case: Case, plan: Plan, behind: Background, *, levels: Levels, study: Study
) -> Mapping[str, list[Row]]:
    rule = behind.rule
    logit = response_model(behind, study.families["mtb"].to_numpy(dtype=float), rule)
    tables: dict[str, list[Row]] = {name: [] for name in TABLES}
    tables["analyses"] += case_rows(case, "complete", _complete)
    tables["analyses"] += case_rows(case, "ipw", lambda c: weighted_rows(c, logit, rule))
    for level, chain, why in (("scale", levels.scale, levels.why_scale), ("item", levels.item, levels.why_item)):
        made = _found(case, plan, chain, why)
        tables["analyses"] += case_rows(case, f"mi_{level}", _imputed(made))
        if not isinstance(made, str):
            tables["imputation"] += list(imputation_rows(case, *made))
        if level == "scale":
            _add_tipping(tables, case, made, behind)
    tables["bounds"] += list(bound_rows(case, plan))
    return tables


def _found(case: Case, plan: Plan, chain: Chained | None, why: str) -> Found | str:
    """Return an outcome's completed values and pooled model, or why there are none."""
    if not case.lacking:
        return NOTHING_MISSING
    if chain is None:
        return why
    try:
        made = completed(case, plan, chain)
        return made, pooled_shifts(case, made)
    except FAILURES as failure:
        return str(failure)


def _imputed(made: Found | str) -> Callable[[Case], Iterator[Row]]:
    def build(case: Case) -> Iterator[Row]:
        if isinstance(made, str):
            raise ValueError(made)
        return imputed_row(case, *made)

    return build


def _add_tipping(tables: dict[str, list[Row]], case: Case, made: Found | str, behind: Background) -> None:
    named = names_of(case.outcome)
    if isinstance(made, str):
        why = "warning" if made == NOTHING_MISSING else "error"
        tables["tipping"].append({**named, why: made})
        return
    tables["tipping"].append(tipping_row(case, made[1], made[0], behind.rule))
    tables["grid"] += list(grid_rows(case, made[1], behind.rule))
    tables["frontier"] += list(frontier_rows(case, made[1], behind.rule))


def _complete(case: Case) -> Iterator[Row]:
    design = primary_design(case.complete)
    yield estimate_row(cluster_robust(ols(design.cross, collinear="drop"), design.contrast, level=case.level))
