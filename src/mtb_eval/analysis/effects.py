"""Effects of care received on every outcome, as one effect table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pandas as pd

from mtb_eval.analysis.care_effect import CARE, Row, care_rows
from mtb_eval.analysis.dose import dose_rows
from mtb_eval.analysis.effect_table import effect_table
from mtb_eval.analysis.interaction import difference_rows
from mtb_eval.analysis.model_data import model_data
from mtb_eval.data.families import Study
from mtb_eval.inference.multiplicity import holm
from mtb_eval.study import Plan

Progress = Callable[[str], None]
DECIDING = {
    "replica": {"kenward_roger": "Kenward-Roger", "satterthwaite": "Satterthwaite", "z": ", z"},
    "primary": {"cr2": "CR2"},
}


def silent(_: str) -> None:
    """Report no progress."""


def effects(study: Study, plan: Plan, *, progress: Progress = silent) -> pd.DataFrame:
    """Return the effect table: care received on every outcome, dose contrasts, difference in change.

    `p_adjusted` is Holm's within outcome family, filled for the rows that decide: the replica's deciding method and the
    primary CR2 row. A model that fails is a row with its error. `progress` is told each outcome's id.
    """
    rows = list(_all_rows(study, plan, progress))
    return with_adjusted_p(effect_table(rows), plan)


def deciding_row(table: pd.DataFrame, plan: Plan, outcome: str, estimator: str) -> pd.Series | None:
    """Return the row whose p decides an outcome's verdict under an estimator, or None if there is none."""
    rows = table[(table["outcome"] == outcome) & (table["estimator"] == estimator) & (table["estimand"] == CARE)]
    rows = rows[_decides(rows, plan)]
    return rows.iloc[0] if len(rows) else None


def with_adjusted_p(table: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Return the table with Holm-adjusted p within family for the deciding rows."""
    adjusted = pd.Series(math.nan, index=table.index)
    deciding = table[(table["estimand"] == CARE) & _decides(table, plan)]
    for _, rows in deciding.groupby(["estimator", "family"], sort=False):
        adjusted.loc[rows.index] = holm(rows["p"].to_numpy(dtype=float))
    return table.assign(p_adjusted=adjusted)


def _all_rows(study: Study, plan: Plan, progress: Progress) -> Iterator[Row]:
    for outcome in plan.outcomes:
        progress(outcome.id)
        yield from care_rows(model_data(study, plan, outcome), outcome, plan.level)
    progress("dose")
    yield from dose_rows(study, plan)
    progress("change")
    yield from difference_rows(study, plan)


def _decides(table: pd.DataFrame, plan: Plan) -> pd.Series:
    replica = table["method"].str.contains(DECIDING["replica"][plan.verdicts.decides], regex=False)
    primary = table["method"].str.contains(DECIDING["primary"]["cr2"], regex=False)
    return ((table["estimator"] == "replica") & replica) | ((table["estimator"] == "primary") & primary)
