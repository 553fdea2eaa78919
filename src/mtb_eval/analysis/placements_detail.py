"""Everything on placements beyond the first comparison: each source, each test, and how far to trust the finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mtb_eval.analysis.care_effect import Row
from mtb_eval.analysis.model_data import model_data
from mtb_eval.analysis.placements_counts import (
    difference_rows,
    exact_rows,
    firth_rows,
    linear_rows,
    poisson_rows,
    ratio_rows,
    risk_rows,
    standardised,
    stratified_rows,
)
from mtb_eval.analysis.placements_data import (
    NO_DATA,
    TEST_COLUMNS,
    Placed,
    attempted,
    by_source,
    placed_families,
    placement_outcome,
)
from mtb_eval.analysis.placements_doubt import (
    CHANGE_COLUMNS,
    CONFIRMATION_COLUMNS,
    FRAGILITY_COLUMNS,
    change_rows,
    confirmation_rows,
    e_value_rows,
    fragility_rows,
    relative_registration_rows,
    worst_case_rows,
)
from mtb_eval.analysis.placements_time import (
    INCIDENCE_COLUMNS,
    cox_rows,
    incidence_rows,
    incidence_table,
    log_rank_rows,
    permutation_rows,
    restricted_mean_rows,
)
from mtb_eval.analysis.registers import agreement, extract
from mtb_eval.analysis.row_table import row_table
from mtb_eval.data.families import Study
from mtb_eval.study import Outcome, Plan

Make = Callable[[Placed], Iterator[Row]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementTables:
    """The further analyses of placements; `source` is "registration" (the municipalities') or "register".

    tests: one row per analysis, measure and method (`code` is its short name), the counts of both arms beside each.
        Differences are MTB minus usual care; risk, odds and hazard ratios usual care over MTB, as published, with
        `se` that of the log. Measures: risk (Wilson), risk difference (scores; primary linear model with CR2 and WCR31;
        blocks permuted),
        risk ratio (scores; modified Poisson CR2), odds ratio (Firth; exact within strata), test (p alone), restricted
        mean (months at home to the age limit), hazard ratio, cumulative incidence, E-value (`estimate`, and `ci_low`
        for the limit), relative registration, Manski bounds. df inf: normal. `standardised` for risk differences,
        positive favouring MTB. `n_free`: strata with both arms and a placement, which alone inform tests within
        strata. What could not be computed has `error`.
    incidence: steps of the cumulative incidence of placement and of moving or death, by arm.
    fragility: for each arm and direction the fewest families with the other outcome that move Fisher's p across the
        bound of the first tier (NaN: no number does), with p and tier as registered.
    changes: what 0 to so many wrongly registered families of one kind make of ratio, difference, p and tier.
    confirmation: chances of each verdict in a later count, by scenario, risks and test; the assumption in words.
    agreement: registration against register by arm, counts only. extract: what the register extract holds.
    """

    tests: pd.DataFrame
    incidence: pd.DataFrame
    fragility: pd.DataFrame
    changes: pd.DataFrame
    confirmation: pd.DataFrame
    agreement: pd.DataFrame
    extract: pd.DataFrame


def placements_detail(study: Study, plan: Plan) -> PlacementTables:
    """Return every further table on placements, for the registration and, where given, the register extract.

    Without a placement outcome in the plan all tables are empty; without data `tests` has one row that says so.
    """
    outcome = placement_outcome(plan)
    sources = dict(by_source(study, plan))
    usable = list(_usable(sources, plan, outcome)) if outcome else []
    rule, detail = plan.verdicts, plan.placements_detail
    tests = [r for source, s, d in usable for r in _tests(source, s, d, plan=plan)]
    if outcome is not None and not usable:
        tests = [{"outcome": outcome.id, "analysis": "placements", "method": "not estimated", "error": NO_DATA}]

    def each(make: Make) -> list[Row]:
        return [{"source": source, **row} for source, _, data in usable for row in make(data)]

    return PlacementTables(
        tests=row_table(tests, TEST_COLUMNS),
        incidence=row_table(each(lambda d: incidence_table(d, plan.level)), INCIDENCE_COLUMNS),
        fragility=row_table(each(lambda d: fragility_rows(d, rule)), FRAGILITY_COLUMNS),
        changes=row_table(each(lambda d: change_rows(d, rule, detail.most_changes)) if detail else [], CHANGE_COLUMNS),
        confirmation=row_table(
            each(lambda d: confirmation_rows(d, rule, detail)) if detail else [], CONFIRMATION_COLUMNS
        ),
        agreement=agreement(sources, plan),
        extract=extract(study, sources, plan),
    )


def _usable(sources: Mapping[str, Study], plan: Plan, outcome: Outcome) -> Iterator[tuple[str, Study, Placed]]:
    for source, own in sources.items():
        data = placed_families(own, plan, outcome)
        if 0 < data.mtb.sum() < len(data.mtb):
            yield source, own, data


def _tests(source: str, study: Study, data: Placed, *, plan: Plan) -> Iterator[Row]:
    outcome = plan.outcome(plan.placements.outcome) if plan.placements else plan.outcomes[0]
    t, level, model = data.counts, plan.level, model_data(study, plan, outcome)
    base = {
        "source": source,
        "outcome": outcome.id,
        "n_mtb_events": float(t.events_first),
        "n_mtb": float(t.n_first),
        "n_control_events": float(t.events_second),
        "n_control": float(t.n_second),
        "n_clusters": float(data.n_clusters),
    }
    detail = plan.placements_detail
    rng = np.random.default_rng(detail.seed if detail else 1)
    builds: tuple[tuple[str, Callable[[], Iterator[Row]]], ...] = (
        ("risk", lambda: risk_rows(data, level)),
        ("risk difference", lambda: difference_rows(data, level)),
        ("risk ratio", lambda: ratio_rows(data, level)),
        ("two proportions", lambda: exact_rows(data)),
        ("penalised logistic", lambda: firth_rows(data, level)),
        ("modified Poisson", lambda: poisson_rows(data, level)),
        ("primary linear model", lambda: linear_rows(model, level)),
        ("within strata", lambda: stratified_rows(data, level)),
        ("permutation", lambda: permutation_rows(data, draws=detail.draws if detail else 999, rng=rng)),
        ("time at home", lambda: restricted_mean_rows(data, level)),
        ("log-rank", lambda: log_rank_rows(data)),
        ("hazard ratio", lambda: cox_rows(data, level)),
        ("competing events", lambda: incidence_rows(data, level)),
        ("confounding", lambda: e_value_rows(data, level)),
        ("misclassification", lambda: relative_registration_rows(data, level)),
        ("unknown status", lambda: worst_case_rows(study, outcome, data, level=level)),
    )
    yield from (standardised(row, model.sd) for row in attempted(base, builds))
