"""One file by its declaration: typed columns under our names, and every problem to be seen in it alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from mtb_eval.data.cells import folded, number_of
from mtb_eval.data.columns import ReadColumn, distinct_cells, read_column
from mtb_eval.data.fields import Field, fields_of
from mtb_eval.data.missing import BLANK, is_marked
from mtb_eval.data.problems import Problem, rows
from mtb_eval.data.raw import RawTable
from mtb_eval.data.structure import forbidden_content, structure_problems
from mtb_eval.study import Plan, Source

_KIND_NEEDED = {
    "id": "a study id", "text": "a text", "date": "a date that exists, such as 2018-06-03 or 03-06-2018",
    "integer": "a whole number", "decimal": "a number", "closed": "a declared code",
}  # fmt: skip
_MESSAGES = {
    "wrong_type": "{rows} do not hold {needed}",
    "not_whole": "{rows} hold a fraction where a whole number is needed",
    "out_of_range": "{rows} are outside the range {low} to {high}",
    "mixed_numbers": "{rows} write a number in a way that can be read as thousands or decimals, or otherwise than the "
    "other rows: use one decimal mark and no mark for thousands",
    "mixed_dates": "{rows} write the date otherwise than the other rows: write all of them as 2018-06-03",
    "unclear_dates": "{rows} have a date with slashes, and none shows which part is the day: write 2018-06-03",
    "answer_not_allowed": "{rows} hold an answer that is not declared (allowed: {codes})",
    "unknown_code": "{rows} hold a code that is not declared (allowed: {codes})",
    "unknown_municipality": "{rows} name a municipality that is not in the plan",
    "unknown_arm": "{rows} name an arm that is not in the plan",
    "unknown_wave": "{rows} name a wave that is not in the plan",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A study file read by its source.

    frame: its rows under the declared names; floats, datetime64, str (category, arm and wave by their names here),
    NaN where missing. missing: one row per column and reason (source, column, reason, n).
    """

    source: Source
    file: str
    frame: pd.DataFrame
    missing: pd.DataFrame


def typed_table(raw: RawTable, source: Source, plan: Plan, *, file: str) -> tuple[Table, list[Problem]]:
    """Return a raw table by its declaration, and every problem that can be seen in it alone."""
    fields = fields_of(source, plan)
    refused, forbidden = forbidden_content(raw, file)
    problems = [*structure_problems(raw, fields, source, file), *forbidden]
    read: dict[str, ReadColumn] = {}
    for field in fields:
        if field.column in raw.frame and field.column not in refused:
            read[field.name] = read_column(raw, field, source.missing_codes)
            problems += _value_problems(read[field.name], field, len(raw.frame), file)
            problems += _label_problems(raw, field, source.missing_codes, file)
    frame = pd.DataFrame(
        {f.name: read[f.name].values if f.name in read else _absent(f, raw.frame.index) for f in fields}
    )
    return Table(source=source, file=file, frame=frame, missing=_missing(read, fields, source)), problems


def empty_table(source: Source, plan: Plan) -> Table:
    """Return the table of an optional file that is not there: its columns, no rows."""
    fields = fields_of(source, plan)
    frame = pd.DataFrame({f.name: _absent(f, pd.RangeIndex(0)) for f in fields})
    return Table(source=source, file="", frame=frame, missing=_missing({}, fields, source))


def _value_problems(column: ReadColumn, field: Field, n_rows: int, file: str) -> Iterator[Problem]:
    words = {
        "needed": _KIND_NEEDED[field.kind],
        "low": "any" if field.low is None else f"{field.low:g}",
        "high": "any" if field.high is None else f"{field.high:g}",
        "codes": ", ".join(map(str, field.labels)) or ", ".join(field.closed),
    }
    for rule, n in column.broken.items():
        message = _MESSAGES[rule].format(rows=rows(n), **words)
        yield Problem(file=file, column=field.column, rule=rule, n_rows=n, message=message)
    unanswered = sum(n for reason, n in column.missing.items() if reason != "not_applicable")
    if n_rows and sum(column.missing.values()) == n_rows and unanswered and field.required and not field.tick:
        message = "the column is empty though it is required"
        yield Problem(file=file, column=field.column, rule="empty_column", n_rows=n_rows, message=message)
    elif field.never_blank and column.missing.get(BLANK):
        n = column.missing[BLANK]
        message = f"{rows(n)} blank where a value is always needed"
        yield Problem(file=file, column=field.column, rule="blank_cell", n_rows=n, message=message)


def _label_problems(raw: RawTable, field: Field, missing_codes: Mapping[int, str], file: str) -> Iterator[Problem]:
    """Yield a problem where the file's value labels or own missing codes say otherwise than the declaration."""
    if not field.labels:
        return
    labels = {k: v for k, v in raw.labels.get(field.column, {}).items() if not isinstance(k, str)}
    differing = [int(code) for code, label in labels.items() if _contradicts(int(code), label, field)]
    if differing:
        n = _rows_with(raw, field, differing)
        codes = ", ".join(map(str, differing))
        message = f"the file's value label of {codes} is not the declared one: correct the file or the declaration"
        yield Problem(file=file, column=field.column, rule="labels_differ", n_rows=n, message=message)
    marked = raw.missing.get(field.column, ())
    lost = [code for code in field.labels if code not in missing_codes and is_marked(code, marked)]
    if lost:
        n = _rows_with(raw, field, lost)
        message = f"the file marks {', '.join(map(str, lost))} as missing, which is declared as an answer"
        yield Problem(file=file, column=field.column, rule="missing_differ", n_rows=n, message=message)


def _contradicts(code: int, label: str, field: Field) -> bool:
    """A declared code must carry its own label; any other code must not carry the label of an answer."""
    if code in field.labels:
        return folded(label) not in {folded(text) for text in field.labels[code]}
    return folded(label) in {folded(text) for texts in field.labels.values() for text in texts}


def _rows_with(raw: RawTable, field: Field, codes: Sequence[int]) -> int:
    return distinct_cells(raw.frame[field.column]).total(lambda cell: number_of(cell, ".") in codes)


def _absent(field: Field, index: pd.Index) -> pd.Series:
    dtype = "datetime64[us]" if field.kind == "date" else "str" if field.holds_text else "float64"
    return pd.Series(None if dtype == "str" else float("nan"), index=index, dtype=dtype)


def _missing(read: Mapping[str, ReadColumn], fields: Sequence[Field], source: Source) -> pd.DataFrame:
    counted = [
        (source.id, f.name, reason, n)
        for f in fields
        if f.name in read and not f.tick
        for reason, n in sorted(read[f.name].missing.items())
    ]
    return pd.DataFrame(counted, columns=["source", "column", "reason", "n"]).astype({"n": "int64"})
