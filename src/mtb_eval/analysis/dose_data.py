"""The arrays of one outcome with each family's number of visits, and what all dose analyses share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import FAILURES, Row
from mtb_eval.analysis.design_rows import completed
from mtb_eval.analysis.model_data import ModelData, dummies, model_data, stack
from mtb_eval.analysis.received import at_threshold
from mtb_eval.analysis.row_table import ESTIMATE, row_table
from mtb_eval.analysis.verdicts import sign_of
from mtb_eval.data.families import Study
from mtb_eval.study import DoseRule, Outcome, Plan

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

HIGH, LOW, DIFFERENCE = "high v usual care", "low v usual care", "high v low"
NAMED = ("outcome", "family", "wave", "analysis", "contrast")
ESTIMATED = ("method", *ESTIMATE, "standardised", "std_low", "std_high")
COUNTED = ("n_high", "n_low", "n_mtb", "n_control", "n_clusters", "warning", "error")
DOSE_COLUMNS = (*NAMED, *ESTIMATED, *COUNTED)
"""Of every estimate of dose: raw scale; standardised positive where it favours MTB or the higher dose."""

TEXTS = frozenset(
    {"outcome", "family", "wave", "analysis", "contrast", "method", "column", "label_en", "label_da", "sample"}
    | {"kind", "departure", "test", "reading", "warning", "error"}
)
FLAGS = frozenset({"kept", "declared", "declared_kept", "open_low", "open_high", "disjoint"})

Build = Callable[[], Iterator[Row]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseData:
    """An outcome's complete cases whose visits are known: `data`, `visits` (n,), 0 in usual care, `high`, `low` (n,).

    `high` are MTB families at the threshold or above, `low` the other MTB families. `outcome` is what `data` holds.
    """

    outcome: Outcome
    data: ModelData
    visits: Array
    high: Flags
    low: Flags
    level: float

    @property
    def mtb(self) -> Flags:
        """Families that received MTB, (n,)."""
        return np.asarray(self.data.mtb == 1)

    def base(self, analysis: str) -> Row:
        """Return what every row of this outcome and analysis carries."""
        return {
            "outcome": self.outcome.id,
            "family": self.outcome.family,
            "wave": self.outcome.wave,
            "analysis": analysis,
            "n_high": float(self.high.sum()),
            "n_low": float(self.low.sum()),
            "n_mtb": float(self.mtb.sum()),
            "n_control": float((~self.mtb).sum()),
            "n_clusters": float(self.data.n_clusters),
            "scale": self.scale,
        }

    @property
    def scale(self) -> float:
        """What turns a raw difference into standard deviations, positive where it favours the first group."""
        sd = self.data.sd
        return sign_of(self.outcome.better) / sd if sd > 0 else math.nan

    def problem(self) -> str:
        """Return why nothing can be estimated from these families, or an empty text."""
        if not len(self.data.y):
            return "no family has this outcome"
        if not self.mtb.any():
            return "no MTB family has this outcome and a known number of visits"
        if self.mtb.all():
            return "no family with usual care has this outcome"
        if self.data.n_clusters < 2:
            return "all families with this outcome are in one municipality"
        return "" if len(np.unique(self.data.y)) > 1 else "the outcome does not vary"

    def lacking(self, contrast: str, *, fewest: int = 1) -> str:
        """Return why a contrast cannot be estimated, or an empty text; `fewest` families are needed in its groups."""
        for name, group in (("high", self.high), ("low", self.low)):
            n = int(group.sum())
            if name in contrast and n < max(fewest, 1):
                few = f"only {n} families with {name} dose have this outcome, {fewest} are needed"
                return self.problem() or (few if n else f"no family with {name} dose has this outcome")
        return self.problem()


def dose_data(study: Study, plan: Plan, outcome: Outcome, rule: DoseRule, *, among: Flags | None = None) -> DoseData:
    """Return an outcome's families with known visits, of those in `among` (families,)."""
    n_visits = study.families["n_visits"].to_numpy(dtype=float)
    known = np.isfinite(n_visits) if among is None else np.isfinite(n_visits) & among
    data = model_data(study, plan, outcome, among=known)
    visits = n_visits[data.rows]
    high = at_threshold(visits, rule) & (data.mtb == 1)
    return DoseData(outcome=outcome, data=data, visits=visits, high=high, low=(data.mtb == 1) & ~high, level=plan.level)


def adjusted_columns(data: ModelData) -> Array:
    """Return what every dose model adjusts for: municipality dummies, calendar spline, covariates, (n, k)."""
    return stack(dummies(data.municipality), data.calendar, data.covariates)


def tried(base: Mapping[str, object], problem: str, build: Build) -> list[Row]:
    """Return the rows that `build` makes on top of `base`, or one row that says why there is none."""
    rows: list[Row] = []
    if not problem:
        try:
            rows = [completed({**base, **row}) for row in build()]
        except FAILURES as failure:
            problem = str(failure)
    return rows if not problem else [failed(base, problem)]


def failed(base: Mapping[str, object], problem: str) -> Row:
    """Return the row that says why nothing was estimated."""
    return completed({**base, "method": "not estimated", "error": problem})


def frame(rows: Iterable[Mapping[str, object]], columns: tuple[str, ...]) -> pd.DataFrame:
    """Return rows as a frame with these columns: missing numbers NaN, missing texts empty, missing flags False.

    Raises KeyError if a row has another column.
    """
    return row_table(rows, columns, texts=TEXTS, flags=FLAGS)
