"""Tables as CSV: unrounded, the shortest digits that read back as the same number, one line end on every system."""

from __future__ import annotations

import math

import pandas as pd


def csv_text(table: pd.DataFrame) -> str:
    """Return a table as CSV text; whole numbers without decimals, missing cells empty, days as year-month-day."""
    written = pd.DataFrame(
        {c: [_cell(v) for v in table[c]] for c in table.columns}, columns=table.columns, dtype=object
    )
    return written.to_csv(index=False, lineterminator="\n")


def _cell(value: object) -> str:
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat() if value == value.normalize() else value.isoformat()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if math.isnan(value):
        return ""
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(float(value))
