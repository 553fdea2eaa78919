"""One outcome as the attrition analyses see it: who answered, the model's arrays for them and for everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import CARE, Design, Row, attempt, base_row, primary_design
from mtb_eval.analysis.model_data import ModelData, dummies, in_population, model_data, stack
from mtb_eval.analysis.row_table import number
from mtb_eval.data.families import Study
from mtb_eval.study import Instrument, Outcome, Plan, Scale

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

NOTHING_MISSING = "no value is missing: the same as complete cases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An outcome, its complete cases, and the same model's arrays for every family, n of them in the families table.

    `complete`: families with the outcome; `everyone`: all families, of whom `y` says nothing; `values` (n,) the
    outcome, NaN where missing or not asked; `asked` (n,) 1 of the outcome's population, 0 not, NaN unknown; `level` of
    intervals.
    """

    outcome: Outcome
    complete: ModelData
    everyone: ModelData
    values: Array
    asked: Array
    level: float

    @property
    def responded(self) -> Flags:
        """Families of whom all that the outcome needs is known, (n,): their answer, or that they are not asked."""
        return np.asarray((self.asked == 0) | ((self.asked == 1) & np.isfinite(self.values)))

    @property
    def lacking(self) -> int:
        """Number of families in the model's data of whom the answer is missing."""
        return int(np.count_nonzero(~self.responded[self.everyone.rows]))


def case_of(study: Study, plan: Plan, outcome: Outcome) -> Case:
    """Return an outcome's case; families that the plan drops for a missing covariate are in neither set."""
    families = study.families
    everybody = families.assign(**{outcome.variable: np.arange(len(families), dtype=float)})
    rule = plan.population(outcome.population) if outcome.population else None
    asked = np.ones(len(families))
    if rule is not None:
        member = families[rule.column].to_numpy(dtype=float)
        asked = np.where(np.isnan(member), np.nan, (member == rule.equals).astype(float))
    values = families[outcome.variable].to_numpy(dtype=float)
    return Case(
        outcome=outcome,
        complete=model_data(study, plan, outcome),
        everyone=model_data(replace(study, families=everybody), plan, replace(outcome, population=None)),
        values=np.where(in_population(families, plan, outcome.population), values, np.nan),
        asked=asked,
        level=plan.level,
    )


def design_columns(data: ModelData) -> Array:
    """Return the columns (n, p) of the primary model, MTB first."""
    return stack(data.mtb, dummies(data.municipality), data.calendar, data.covariates)


def design_of(data: ModelData, y: Array) -> Design:
    """Return the primary design with other outcomes, `y` (..., n) with NaN for rows that are not asked."""
    return primary_design(replace(data, y=y))


def scale_of(plan: Plan, outcome: Outcome) -> tuple[Instrument, Scale] | None:
    """Return the instrument answered at the outcome's wave that has its score, and the scale; None if there is none."""
    for source in plan.sources:
        if source.wave in (outcome.wave, None):
            for instrument in (plan.instruments[i] for i in source.instruments):
                for scale in instrument.scales:
                    if scale.id == outcome.column:
                        return instrument, scale
    return None


def case_rows(case: Case, analysis: str, build: Callable[[Case], Iterator[Row]]) -> list[Row]:
    """Return an analysis's rows on top of the outcome's own columns; a failure is a row with its error.

    Where no value is missing the row says so instead, except for the analysis of complete cases.
    """
    base = {**base_row(case.complete, case.outcome), "estimand": CARE, "analysis": analysis}
    if analysis != "complete" and not case.lacking:
        return [_with_span({**base, "method": "not estimated", "warning": NOTHING_MISSING})]
    rows = attempt(base, case.complete, lambda _data, _level: build(case), case.level)
    return [_with_span({**row, "sign": base["sign"]}) for row in rows]


def _with_span(row: Row) -> Row:
    """Return a row with its standardised interval, ordered, and without the column `sign`."""
    sign = number(row, "sign")
    ends = sorted((sign * number(row, "ci_low"), sign * number(row, "ci_high")))
    rest = {k: v for k, v in row.items() if k != "sign"}
    return {**rest, "standardised": sign * number(row, "estimate"), "std_low": ends[0], "std_high": ends[1]}
