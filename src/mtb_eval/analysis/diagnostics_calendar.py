"""The primary model under four forms of calendar time, side by side."""

from __future__ import annotations

import pandas as pd

from mtb_eval.analysis.row_table import ESTIMATE
from mtb_eval.analysis.specification_designs import CALENDARS

CALENDAR_COLUMNS = (
    "outcome",
    "family",
    "wave",
    "calendar",
    "decides",
    *ESTIMATE,
    "p_wild",
    "standardised",
    "std_low",
    "std_high",
    "n_mtb",
    "n_control",
    "n_clusters",
    "warning",
    "error",
)


def calendar_forms(specifications: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the specification table that differ from the primary model in calendar time only.

    One row per outcome and form (none, linear, spline, half-years), in that order; CR2 with Satterthwaite df, `p_wild`
    WCR31. A trend in time that is left out passes for an effect: MTB families were recruited later.
    """
    primary = specifications[specifications["decides"]].set_index("outcome")
    of = specifications["outcome"]
    same = pd.Series(True, index=specifications.index)
    for choice in ("municipality_dummies", "covariates", "baseline", "weights"):
        same &= specifications[choice] == of.map(primary[choice])
    order = {form: i for i, form in enumerate(CALENDARS)}
    rows = specifications[same].assign(place=lambda t: t["calendar"].map(order), first=lambda t: _place(t["outcome"]))
    return rows.sort_values(["first", "place"])[list(CALENDAR_COLUMNS)].reset_index(drop=True)


def _place(outcome: pd.Series) -> pd.Series:
    return outcome.map({name: i for i, name in enumerate(outcome.unique())})
