"""The effect table: one row per outcome, estimand and estimator, in fixed columns and order, unrounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from mtb_eval.analysis.row_table import ESTIMATE, row_table

EFFECT_COLUMNS = (
    "outcome",
    "family",
    "wave",
    "estimand",
    "estimator",
    "method",
    *ESTIMATE,
    "p_adjusted",
    "standardised",
    "n_mtb",
    "n_control",
    "n_clusters",
    "warning",
    "error",
)
TEXTS = frozenset({"outcome", "family", "wave", "estimand", "estimator", "method", "warning", "error"})


def effect_table(rows: Iterable[Mapping[str, object]]) -> pd.DataFrame:
    """Return rows as an effect table: missing numbers are NaN, missing texts empty.

    Raises KeyError if a row has a column that is not of the table.
    """
    return row_table(rows, EFFECT_COLUMNS, texts=TEXTS)
