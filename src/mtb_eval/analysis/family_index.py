"""One index for each outcome family: do the outcomes of a family move together?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import FAILURES, Row
from mtb_eval.analysis.design_rows import completed, joined
from mtb_eval.analysis.model_data import model_data
from mtb_eval.analysis.trust_rows import model_base, model_rows, primary_with_note, with_column
from mtb_eval.analysis.verdicts import sign_of
from mtb_eval.data.families import Study
from mtb_eval.inference.multiplicity import Index, anderson_index, mean_index
from mtb_eval.study import Outcome, Plan
from mtb_eval.study.plan import OutcomeFamily

Array = NDArray[np.float64]

INDEX = "care received, index of the family"
WEIGHT_COLUMNS = ("family", "wave", "component", "estimator", "weight", "n_mtb", "n_control", "warning")


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyIndex:
    """The rows of all indices: estimates of the primary model, and the weights of the components."""

    estimates: tuple[Row, ...]
    weights: tuple[Row, ...]


def family_indices(study: Study, plan: Plan) -> FamilyIndex:
    """Return, for each family at the last wave, Anderson's index and the plain mean index under the primary model.

    Components are turned so that higher is better and standardised on usual care. Left out are outcomes that only some
    families are asked, and totals whose items hold all items of another component.
    """
    estimates: list[Row] = []
    weights: list[Row] = []
    for family in plan.families:
        parts, left = components(plan, family)
        if parts:
            made = _family(study, plan, family, parts, left)
            estimates += made.estimates
            weights += made.weights
    return FamilyIndex(estimates=tuple(estimates), weights=tuple(weights))


def components(plan: Plan, family: OutcomeFamily) -> tuple[list[Outcome], list[str]]:
    """Return the outcomes that make a family's index at the last wave, and the ids of those left out."""
    last = [o for o in plan.outcomes if o.family == family.id and o.wave == plan.waves[-1].id]
    totals = _totals(plan, {o.column for o in last})
    kept = [o for o in last if o.population is None and o.column not in totals]
    return kept, [o.id for o in last if o not in kept]


def _totals(plan: Plan, columns: set[str]) -> set[str]:
    """Return the scales among `columns` that hold all items of another one of the same instrument, and more."""
    totals = set()
    for instrument in plan.instruments.values():
        items = {s.id: set(s.items) for s in instrument.scales if s.id in columns and s.items}
        totals |= {a for a, held in items.items() if any(other < held for other in items.values())}
    return totals


def _family(study: Study, plan: Plan, family: OutcomeFamily, parts: list[Outcome], left: list[str]) -> FamilyIndex:
    control = study.families["mtb"].to_numpy(dtype=float) == 0
    y = np.column_stack([sign_of(o.better) * study.families[o.variable].to_numpy(dtype=float) for o in parts])
    note = f"left out: {', '.join(left)}" if left else ""
    kinds: tuple[tuple[str, Callable[[Array, NDArray[np.bool_]], Index]], ...] = (
        ("Anderson index", anderson_index),
        ("mean index", mean_index),
    )
    estimates: list[Row] = []
    weights: list[Row] = []
    for name, make in kinds:
        try:
            if len(parts) < 2:
                raise ValueError("the family has one component at the last wave: an index would be that outcome")
            index = make(y, control)
        except FAILURES as failure:
            estimates.append(_reason(family, plan, name, str(failure)))
            continue
        negative = int((index.weights < 0).sum())
        warning = joined(note, f"{negative} components have negative weight" if negative else "")
        estimates += _estimates(study, plan, _outcome(parts[0], family), index.score, (name, warning))
        weights += _weights(parts, y, control, index, name)
    return FamilyIndex(estimates=tuple(estimates), weights=tuple(weights))


def _outcome(like: Outcome, family: OutcomeFamily) -> Outcome:
    return replace(
        like,
        id=f"{family.id}_index",
        label=family.label,
        column=f"{family.id} index",
        kind="continuous",
        better="higher",
        baseline=None,
        primary=False,
    )


def _reason(family: OutcomeFamily, plan: Plan, name: str, why: str) -> Row:
    row: Row = {
        "outcome": f"{family.id}_index",
        "family": family.id,
        "wave": plan.waves[-1].id,
        "estimand": INDEX,
        "estimator": name,
        "method": "not estimated",
        "error": why,
    }
    return {k: v for k, v in completed(row).items() if k not in ("standardised", "std_low", "std_high")}


def _estimates(study: Study, plan: Plan, outcome: Outcome, score: Array, named: tuple[str, str]) -> Iterator[Row]:
    name, warning = named
    data = model_data(with_column(study, outcome.variable, score), plan, outcome)
    base = model_base(data, outcome, estimand=INDEX, estimator=name)
    yield from model_rows(base, data, primary_with_note(warning), plan.level)


def _weights(parts: list[Outcome], y: Array, control: NDArray[np.bool_], index: Index, name: str) -> Iterator[Row]:
    known = np.isfinite(y)
    for j, outcome in enumerate(parts):
        yield {
            "family": outcome.family,
            "wave": outcome.wave,
            "component": outcome.id,
            "estimator": name,
            "weight": float(index.weights[j]),
            "n_mtb": float((known[:, j] & ~control).sum()),
            "n_control": float((known[:, j] & control).sum()),
            "warning": "",
        }
