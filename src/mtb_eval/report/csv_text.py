"""Tables as CSV: unrounded, the shortest digits that read back as the same number, one line end on every system."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MARK = "data"
WHOLE = 2**53


def csv_text(table: pd.DataFrame, *, mark: str = "") -> str:
    """Return a table as CSV text; whole numbers without decimals, missing cells empty, days as year-month-day.

    With a `mark` ("synthetic", "internal") each row says so in a last column `data`, wherever the file ends up.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = [_cells(table[c]) for c in table.columns]
    writer.writerow([*table.columns, *([MARK] if mark else [])])
    writer.writerows(zip(*columns, *([[mark] * len(table)] if mark else []), strict=True))
    return text.getvalue()


def mark_of(*, synthetic: bool, internal: bool) -> str:
    """Return what every row of a file says of itself: "synthetic", "internal", both or nothing."""
    return ", ".join(word for word, holds in (("synthetic", synthetic), ("internal", internal)) if holds)


def _cells(column: pd.Series) -> list[str]:
    return _numbers(column.to_numpy()) if column.dtype == "float64" else list(map(_cell, column.tolist()))


def _numbers(values: NDArray[np.float64]) -> list[str]:
    texts = list(map(repr, values.tolist()))
    for k in np.flatnonzero((values == np.rint(values)) | np.isnan(values)).tolist():
        texts[k] = _number(float(values[k]))
    return texts


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
    return str(int(value)) if abs(value) < WHOLE and value == int(value) else repr(float(value))
