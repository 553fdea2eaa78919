"""One raw column to values: distinct cells are judged once, and every count follows from how often each stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

import numpy as np
import pandas as pd

from mtb_eval.data.cells import (
    date_layout,
    date_of,
    decimal_mark,
    folded,
    is_blank,
    is_excel_error,
    is_marked_number,
    number_of,
    text_of,
)
from mtb_eval.data.fields import Field
from mtb_eval.data.missing import BLANK, reason_missing
from mtb_eval.data.raw import RawTable

Value = str | float | np.datetime64
Values = np.ndarray | pd.api.extensions.ExtensionArray
Judge = Callable[[Hashable], "Verdict"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a cell is: a value, missing for a reason, or an offence against a rule."""

    value: Value | None = None
    missing: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadColumn:
    """A column's values (float, datetime64 or str; NaN where missing), counts by reason and by broken rule."""

    values: Values
    missing: Mapping[str, int]
    broken: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """The distinct cells of a column and how often each stands; `codes` points into them (-1: nothing there)."""

    distinct: Sequence[Hashable]
    counts: Sequence[int]
    codes: np.ndarray
    n_empty: int

    def total(self, which: Callable[[Hashable], bool]) -> int:
        """Return in how many rows a cell stands for which `which` holds."""
        return sum(n for cell, n in zip(self.distinct, self.counts, strict=True) if which(cell))


def distinct_cells(column: pd.Series) -> Cells:
    """Return a raw column as its distinct cells."""
    plain = isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiubO"
    codes, found = pd.factorize(column.to_numpy() if plain else column)
    distinct = found.tolist()
    counts = np.bincount(codes[codes >= 0], minlength=len(distinct)).tolist()
    return Cells(distinct=distinct, counts=counts, codes=codes, n_empty=int((codes < 0).sum()))


def read_column(cells: Cells, field: Field, *, raw: RawTable, missing_codes: Mapping[int, str]) -> ReadColumn:
    """Return a column of a raw table, given as its distinct cells, as its field declares it.

    Blank cells and missing codes are NaN and counted by reason. Numbers and dates whose way of writing is mixed or
    can be read in two ways break a rule and are not guessed. Ids and names of the plan have no missing codes.
    """
    codes, marked = ({}, ()) if field.keyed else (missing_codes, raw.missing.get(field.column, ()))
    text = field.kind in ("id", "text")
    reasons = [BLANK if is_blank(c, text=text) else reason_missing(c, codes, marked) for c in cells.distinct]
    present = {c: n for c, n, r in zip(cells.distinct, cells.counts, reasons, strict=True) if r is None}
    judge = _JUDGES[field.kind](field, present, raw)
    verdicts = [_verdict(c, r, judge) for c, r in zip(cells.distinct, reasons, strict=True)]
    missing, broken = Counter[str](), Counter[str]()
    for verdict, n in zip([*verdicts, Verdict(missing=BLANK)], [*cells.counts, cells.n_empty], strict=True):
        missing[verdict.missing or ""] += n
        broken[verdict.rule or ""] += n
    return ReadColumn(values=_values(cells, verdicts, field), missing=_counted(missing), broken=_counted(broken))


def absent_column(field: Field, n_rows: int) -> Values:
    """Return the values of a column that is not in the file."""
    return _values(Cells(distinct=[], counts=[], codes=np.full(n_rows, -1), n_empty=n_rows), [], field)


def _verdict(cell: Hashable, reason: str | None, judge: Judge) -> Verdict:
    if reason:
        return Verdict(missing=reason)
    return Verdict(rule="excel_error") if is_excel_error(cell) else judge(cell)


def _values(cells: Cells, verdicts: Sequence[Verdict], field: Field) -> Values:
    found = [v.value for v in verdicts] + [None]  # code -1 (nothing there) takes the last
    if field.kind == "date":
        days = np.array(["NaT" if v is None else v for v in found], dtype="datetime64[us]")
        return cast(np.ndarray, days[cells.codes])
    if field.holds_text:
        return cast(pd.api.extensions.ExtensionArray, pd.array(np.array(found, dtype=object)[cells.codes], dtype="str"))
    numbers = np.array([np.nan if v is None else v for v in found], dtype=float)
    return cast(np.ndarray, numbers[cells.codes])


def _counted(counts: Counter[str]) -> dict[str, int]:
    return {name: n for name, n in counts.items() if name and n}


def _number_judge(field: Field, present: Mapping[Hashable, int], raw: RawTable) -> Judge:
    mark = decimal_mark(present, raw.decimal)

    def judge(cell: Hashable) -> Verdict:
        if not mark and is_marked_number(cell):
            return Verdict(rule="mixed_numbers")
        value = number_of(cell, mark)
        if value is None:
            return Verdict(rule="wrong_type")
        if field.kind == "integer" and not value.is_integer():
            return Verdict(rule="not_whole")
        outside = (field.low is not None and value < field.low) or (field.high is not None and value > field.high)
        return Verdict(rule="out_of_range") if outside else Verdict(value=value)

    return judge


def _date_judge(field: Field, present: Mapping[Hashable, int], raw: RawTable) -> Judge:
    layouts = {cell: date_layout(cell) for cell in present}
    n_rows = Counter[str]()
    for cell, layout in layouts.items():
        n_rows[layout] += present[cell] if layout else 0
    commonest = max(n_rows, key=lambda name: n_rows[name], default="")
    slashed = [str(cell).strip() for cell, layout in layouts.items() if layout == "/"]
    unclear = commonest == "/" and not any(int(text.split("/")[0]) > 12 for text in slashed)

    def judge(cell: Hashable) -> Verdict:
        layout, day = layouts[cell], date_of(cell)
        if layout and layout != commonest:
            return Verdict(rule="mixed_dates")
        if unclear and layout:
            return Verdict(rule="unclear_dates")
        return Verdict(rule="wrong_type") if day is None else Verdict(value=np.datetime64(day, "D"))

    return judge


def _text_judge(field: Field, present: Mapping[Hashable, int], raw: RawTable) -> Judge:
    def judge(cell: Hashable) -> Verdict:
        text = None if field.kind == "id" and isinstance(cell, date) else text_of(cell)
        return Verdict(rule="wrong_type") if text is None else Verdict(value=text)

    return judge


def _closed_judge(field: Field, present: Mapping[Hashable, int], raw: RawTable) -> Judge:
    labels: Mapping[Any, str] = raw.labels.get(field.column, {})

    def judge(cell: Hashable) -> Verdict:
        value = field.closed.get(folded(cell))
        if value is None and field.keyed and cell in labels:  # a code that the file's value labels explain
            value = field.closed.get(folded(labels[cell]))
        return Verdict(rule=field.unknown) if value is None else Verdict(value=value)

    return judge


_JUDGES: Mapping[str, Callable[[Field, Mapping[Hashable, int], RawTable], Judge]] = {
    "id": _text_judge,
    "text": _text_judge,
    "date": _date_judge,
    "integer": _number_judge,
    "decimal": _number_judge,
    "closed": _closed_judge,
}
