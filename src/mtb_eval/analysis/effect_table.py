"""The effect table: one row per outcome, estimand and estimator, in fixed columns and order, unrounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

EFFECT_COLUMNS = (
    "outcome",
    "family",
    "wave",
    "estimand",
    "estimator",
    "method",
    "estimate",
    "se",
    "df",
    "ci_low",
    "ci_high",
    "p",
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
    full = [_complete(row) for row in rows]
    table = pd.DataFrame(full, columns=list(EFFECT_COLUMNS))
    return table.astype({c: "str" if c in TEXTS else "float64" for c in EFFECT_COLUMNS})


def _complete(row: Mapping[str, object]) -> dict[str, object]:
    unknown = set(row) - set(EFFECT_COLUMNS)
    if unknown:
        raise KeyError(f"not columns of the effect table: {', '.join(sorted(unknown))}")
    return {c: row.get(c, "" if c in TEXTS else float("nan")) for c in EFFECT_COLUMNS}
