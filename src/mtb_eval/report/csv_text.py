"""Tables as CSV: unrounded, the shortest digits that read back as the same number, one line end on every system."""

from __future__ import annotations

import csv
import io
import math

import pandas as pd


def csv_text(table: pd.DataFrame) -> str:
    """Return a table as CSV text; whole numbers without decimals, missing cells empty, days as year-month-day."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(zip(*([_cell(v) for v in table[c].tolist()] for c in table.columns), strict=True))
    return text.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return _number(value)
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat() if value == value.normalize() else value.isoformat()
    return _number(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _number(value: float) -> str:
    if math.isnan(value):
        return ""
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(float(value))
