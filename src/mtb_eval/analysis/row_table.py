"""Rows to a frame with fixed columns: numbers are NaN and texts empty where a row has none."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import pandas as pd

TEXTS = frozenset(
    {"source", "outcome", "analysis", "measure", "method", "warning", "error", "arm", "code", "change", "cause", "what"}
    | {"scenario", "risks", "test", "tier", "tier_before", "assumption", "service", "contact", "municipality"}
    | {"activity", "staff", "sample", "control_cost", "quantity", "shape", "left_out", "reached"}
)


ESTIMATE = ("estimate", "se", "df", "ci_low", "ci_high", "p")
"""What every estimate has: raw scale, MTB minus usual care where it is a comparison."""


def row_table(
    rows: Iterable[Mapping[str, object]],
    columns: tuple[str, ...],
    *,
    texts: frozenset[str] = TEXTS,
    flags: frozenset[str] = frozenset(),
) -> pd.DataFrame:
    """Return rows as a frame with these columns: texts as str, flags as bool and the rest as float64.

    Missing texts are empty, missing flags False, missing numbers NaN. Raises KeyError if a row has another column.
    """
    full = list(rows)
    unknown = {k for row in full for k in row} - set(columns)
    if unknown:
        raise KeyError(f"not columns of this table: {', '.join(sorted(unknown))}")
    empty: dict[str, object] = {c: "" if c in texts else False if c in flags else math.nan for c in columns}
    kinds = {c: "str" if c in texts else "bool" if c in flags else "float64" for c in columns}
    return pd.DataFrame([{**empty, **row} for row in full], columns=list(columns)).astype(kinds)


def number(row: Mapping[str, object], key: str) -> float:
    """Return a cell of a row as a number, NaN where the row has none."""
    return float(row.get(key, math.nan))  # type: ignore[arg-type]
