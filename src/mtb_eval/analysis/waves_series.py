"""Which measures were taken at which waves, and the effect on each at each wave by the primary model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from mtb_eval.analysis.care_effect import Row, asked_of
from mtb_eval.analysis.coding_attenuation import primary_row
from mtb_eval.analysis.design_rows import joined
from mtb_eval.analysis.row_table import ESTIMATE
from mtb_eval.data.families import Study
from mtb_eval.study import Outcome, Plan, Wave

BY_WAVE_COLUMNS = (
    *("column", "outcome", "family", "wave", "months", "method", *ESTIMATE),
    *("standardised", "std_low", "std_high", "n_mtb", "n_control", "n_clusters", "warning", "error"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A measure taken at two waves or more after birth: its outcomes by age, the last being `latest`."""

    outcomes: tuple[Outcome, ...]

    @property
    def latest(self) -> Outcome:
        """The outcome at the last wave."""
        return self.outcomes[-1]


def series(study: Study, plan: Plan) -> list[Series]:
    """Return every measure of the plan's outcomes that families have at two waves or more after birth.

    At waves for which the plan declares no outcome the latest one stands in, asked of whoever answered.
    """
    found = []
    for column in dict.fromkeys(o.column for o in plan.outcomes):
        outcomes = tuple(_at(plan, column, w) for w in plan.waves if w.months > 0 and _measured(study, column, w))
        if len(outcomes) > 1:
            found.append(Series(outcomes=outcomes))
    return found


def by_wave_rows(study: Study, plan: Plan) -> Iterator[Row]:
    """Yield the primary model's CR2 row for every measure and wave of a series."""
    declared = {o.id for o in plan.outcomes}
    for item in series(study, plan):
        for outcome in item.outcomes:
            row = primary_row(study, plan, outcome)
            yield {
                **row,
                "column": outcome.column,
                "family": item.latest.family,
                "outcome": outcome.id if outcome.id in declared else "",
                "months": plan.wave(outcome.wave).months,
                "warning": joined(asked_of(outcome), str(row.get("warning", ""))),
            }


def _measured(study: Study, column: str, wave: Wave) -> bool:
    name = f"{column}_{wave.id}"
    return name in study.families and bool(np.isfinite(study.families[name].to_numpy(dtype=float)).any())


def _at(plan: Plan, column: str, wave: Wave) -> Outcome:
    own = [o for o in plan.outcomes if o.column == column]
    there = next((o for o in own if o.wave == wave.id), None)
    if there is not None:
        return there
    latest = max(own, key=lambda o: plan.wave(o.wave).months)
    return replace(latest, id=f"{column}_{wave.id}", wave=wave.id, population=None)
