"""A file as read, before anything is interpreted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

DecimalMark = Literal[",", ".", ""]


class UnreadableError(ValueError):
    """A file that is no table: the rest of a sentence that begins with its name, the rule, and how many rows."""

    def __init__(self, message: str, *, rule: str = "unreadable", n_rows: int = 0) -> None:
        super().__init__(message)
        self.rule, self.n_rows = rule, n_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class UserMissing:
    """Values from `low` to `high` that the file itself marks as missing (SPSS codes, Stata and SAS letters)."""

    low: float | str
    high: float | str
    reason: str = "user_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTable:
    """A file's cells, untouched.

    frame: one column per column of the file, by name. labels: value labels by column and value. missing: what the
    file marks as missing, by column. decimal: the decimal mark that goes with the file's delimiter, "" if unknown.
    """

    frame: pd.DataFrame
    labels: Mapping[str, Mapping[float | str, str]] = field(default_factory=dict)
    missing: Mapping[str, tuple[UserMissing, ...]] = field(default_factory=dict)
    decimal: DecimalMark = ""


def table_of_rows(header: Sequence[object], body: Sequence[Sequence[object]]) -> pd.DataFrame:
    """Return rows of cells under their header, as objects; wholly blank rows and nameless blank columns are dropped.

    Raises UnreadableError if a name stands twice, a column has values but no name, or a row has too many or few cells.
    """
    kept = [row for row in body if any(map(_filled, row))]
    ragged = sum(len(row) != len(header) for row in kept)
    if ragged:
        raise UnreadableError("more or fewer fields than the header, as if cut off", rule="ragged_rows", n_rows=ragged)
    columns = list(zip(*kept, strict=True)) if kept else [()] * len(header)
    names = [str(name).strip() if _filled(name) else "" for name in header]
    for position, (name, cells) in enumerate(zip(names, columns, strict=True), start=1):
        if not name and any(map(_filled, cells)):
            raise UnreadableError(f"has values but no name in its column {position}", rule="no_header")
    named = [(name, cells) for name, cells in zip(names, columns, strict=True) if name]
    unique_names([name for name, _ in named])
    return pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in named})


def unique_names(names: Sequence[str]) -> None:
    """Raise UnreadableError if a column name stands more than once."""
    twice = len(names) - len(set(names))
    if twice:
        what = "a column name stands" if twice == 1 else f"{twice} column names stand"
        raise UnreadableError(f"has a header in which {what} more than once", rule="duplicate_column")


def _filled(cell: object) -> bool:
    return bool(cell.strip()) if isinstance(cell, str) else cell is not None
