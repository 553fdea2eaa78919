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


def row_table(rows: Iterable[Mapping[str, object]], columns: tuple[str, ...]) -> pd.DataFrame:
    """Return rows as a frame with these columns, texts as str and the rest as float64.

    Raises KeyError if a row has another column.
    """
    full = list(rows)
    unknown = {k for row in full for k in row} - set(columns)
    if unknown:
        raise KeyError(f"not columns of this table: {', '.join(sorted(unknown))}")
    complete = [{c: row.get(c, "" if c in TEXTS else math.nan) for c in columns} for row in full]
    kinds = {c: "str" if c in TEXTS else "float64" for c in columns}
    return pd.DataFrame(complete, columns=list(columns)).astype(kinds)
