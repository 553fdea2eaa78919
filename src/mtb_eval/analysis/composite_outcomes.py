"""Outcomes that only some families are asked, carried to all of them.

Who belongs to the population (mothers not in work, mothers with a partner) is decided after recruitment and may itself
be changed by the programme; a comparison within it is no comparison of the groups that were formed. So belonging
is analysed as an outcome, and a 0/1 outcome in two ways over everyone: outside the population counted as not having
it (in the population and having it), and counted as having it (outside the population or having it).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import Row
from mtb_eval.analysis.model_data import model_data
from mtb_eval.analysis.trust_rows import model_base, model_rows, primary_with_note, with_column
from mtb_eval.data.families import Study
from mtb_eval.study import Outcome, Plan

Array = NDArray[np.float64]

ALL_ASKED = "care received, all asked"
BELONGING = "share in the population"
BOTH = "in the population and having it"
EITHER = "outside the population or having it"


def composite_rows(study: Study, plan: Plan) -> Iterator[Row]:
    """Yield the primary model of each outcome with a population, carried to all families of whom it is known."""
    for outcome in plan.outcomes:
        if outcome.population is None:
            continue
        inside = _belonging(study, plan, outcome.population)
        belonging = replace(_everyone(plan, outcome), kind="binary")
        yield from _rows(study, plan, belonging, inside, BELONGING)
        if outcome.kind == "binary":
            event = study.families[outcome.variable].to_numpy(dtype=float)
            for name, values in composites(inside, event).items():
                yield from _rows(study, plan, replace(outcome, population=None), values, name)


def composites(inside: Array, event: Array) -> dict[str, Array]:
    """Return both composites (n,) of belonging and an event, 1, 0 or NaN (unknown, or the event unknown inside)."""
    both = np.where(inside == 0, 0.0, np.where(inside == 1, event, np.nan))
    either = np.where(inside == 0, 1.0, np.where(inside == 1, event, np.nan))
    return {BOTH: both, EITHER: either}


def _belonging(study: Study, plan: Plan, population: str) -> Array:
    rule = plan.population(population)
    values = study.families[rule.column].to_numpy(dtype=float)
    return np.where(np.isfinite(values), (values == rule.equals).astype(float), np.nan)


def _everyone(plan: Plan, outcome: Outcome) -> Outcome:
    """Return the outcome for belonging, adjusted for the baseline of the outcome in the same column if there is one."""
    column = plan.population(outcome.population).column if outcome.population else ""
    same = next((o for o in plan.outcomes if o.variable == column), None)
    return replace(outcome, population=None, baseline=same.baseline if same else None)


def _rows(study: Study, plan: Plan, outcome: Outcome, values: Array, name: str) -> Iterator[Row]:
    column = f"{outcome.column} {name}"
    made = replace(outcome, column=column)
    data = model_data(with_column(study, made.variable, values), plan, made)
    base = model_base(data, outcome, estimand=ALL_ASKED, estimator=name)
    undirected = name == BELONGING
    if undirected:
        base["scale"] = np.nan
    note = "belonging to the population has no declared direction" if undirected else ""
    yield from model_rows(base, data, primary_with_note(note), plan.level)
