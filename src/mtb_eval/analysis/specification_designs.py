"""The choices that another analyst might have made, each a design of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mtb_eval.analysis.model_data import dummies, stack
from mtb_eval.analysis.outcome_batches import Batch

Array = NDArray[np.float64]
Calendar = Literal["none", "linear", "spline", "half-years"]
Weighting = Literal["none", "response"]

CALENDARS: tuple[Calendar, ...] = ("none", "linear", "spline", "half-years")


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """One set of choices; `baseline` is the score before birth, `covariates` the plan's other covariates."""

    municipality_dummies: bool
    calendar: Calendar
    covariates: bool
    baseline: bool
    weights: Weighting = "none"

    @property
    def primary(self) -> bool:
        """Whether these are the choices of the primary model; `baseline` is its own where there is no such score."""
        return self.municipality_dummies and self.calendar == "spline" and self.covariates and self.weights == "none"

    @property
    def form(self) -> str:
        """The choices in words."""
        parts = (
            "municipality dummies" if self.municipality_dummies else "no municipality dummies",
            f"calendar {self.calendar}",
            "covariates" if self.covariates else "no covariates",
            *(("baseline score",) if self.baseline else ()),
            *(("response weights",) if self.weights == "response" else ()),
        )
        return ", ".join(parts)


def specifications(*, baseline: bool, covariates: bool, weighted: bool) -> Iterator[Specification]:
    """Yield every combination of choices that differ: with a baseline score, other covariates, weights or not."""
    weights: tuple[Weighting, ...] = ("none", "response") if weighted else ("none",)
    for weight, fixed, calendar, adjusted, before in product(
        weights, (True, False), CALENDARS, _yes_no(covariates), _yes_no(baseline)
    ):
        yield Specification(
            municipality_dummies=fixed, calendar=calendar, covariates=adjusted, baseline=before, weights=weight
        )


def columns(batch: Batch, choice: Specification) -> Array:
    """Return the design (n, p) of a batch under a specification, MTB first."""
    level = dummies(batch.municipality) if choice.municipality_dummies else np.ones((len(batch.mtb), 1))
    is_baseline = np.array([name == batch.baseline for name in batch.names], dtype=bool)
    kept = np.where(is_baseline, choice.baseline, choice.covariates)
    return stack(batch.mtb, level, CALENDAR_COLUMNS[choice.calendar](batch), batch.covariates[:, kept])


def half_years(years: Array) -> Array:
    """Return one 0/1 column for each half-year since the first recruitment that has families, but the first."""
    return dummies(np.char.zfill(np.floor(2 * years).astype(int).astype(str), 4))[:, 1:]


def _yes_no(possible: bool) -> tuple[bool, ...]:
    return (True, False) if possible else (False,)


CALENDAR_COLUMNS: dict[Calendar, Callable[[Batch], Array]] = {
    "none": lambda batch: np.empty((len(batch.mtb), 0)),
    "linear": lambda batch: batch.years[:, None],
    "spline": lambda batch: batch.calendar,
    "half-years": lambda batch: half_years(batch.years),
}
