"""Rows of a results table as mappings; an empty frame, an absent column and NaN are all read as missing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

Row = Mapping[str, Any]


def records(frame: pd.DataFrame) -> tuple[Row, ...]:
    """Return the rows of a frame, in their order."""
    names, columns = [str(c) for c in frame.columns], [frame[c].tolist() for c in frame.columns]
    return tuple(dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True))


def where(rows: Iterable[Row], **equal: object) -> list[Row]:
    """Return the rows whose columns equal the given values, in their order."""
    found = list(rows)
    for column, value in equal.items():
        found = [r for r in found if column in r and r[column] == value]
    return found


def first(rows: Iterable[Row], **equal: object) -> Row:
    """Return the first row whose columns equal the given values, or an empty row."""
    return next((r for r in rows if all(r.get(k) == v for k, v in equal.items())), {})


def number(row: Row, column: str) -> float:
    """Return a cell as a number; NaN where it is missing."""
    value = row.get(column)
    if value is None or value is pd.NA or value is pd.NaT or isinstance(value, str):
        return math.nan
    return float(value)


def text(row: Row, column: str) -> str:
    """Return a cell as text; empty where it is missing."""
    value = row.get(column)
    missing = value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))
    return "" if missing else str(value)


def known(row: Row, *columns: str) -> bool:
    """Return whether all the cells hold finite numbers."""
    return all(math.isfinite(number(row, c)) for c in columns)


def distinct(rows: Iterable[Row], column: str) -> list[str]:
    """Return the texts of a column in order of first appearance."""
    return list(dict.fromkeys(text(r, column) for r in rows))
