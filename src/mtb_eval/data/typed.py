"""One file by its declaration: typed columns under our names, and every problem to be seen in it alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from mtb_eval.data.cells import folded, whole_of
from mtb_eval.data.columns import Cells, ReadColumn, absent_column, distinct_cells, read_column
from mtb_eval.data.fields import Field, fields_of
from mtb_eval.data.missing import BLANK, is_marked
from mtb_eval.data.problems import Problem, rows
from mtb_eval.data.raw import RawTable
from mtb_eval.data.structure import forbidden_content, structure_problems
from mtb_eval.study import Plan, Source

_MESSAGES = {
    "wrong_type": "not {needed}",
    "not_whole": "a fraction where a whole number is needed",
    "out_of_range": "outside the declared range ({bounds})",
    "mixed_numbers": "a number that can be read in two ways or is written otherwise than the rest; "
    "use one decimal mark and none for thousands",
    "mixed_dates": "a date written otherwise than the rest; write all of them as 2018-06-03",
    "unclear_dates": "a date with slashes, and no row shows which part is the day; write 2018-06-03",
    "excel_error": "an Excel error such as #N/A; correct or clear those cells",
    "answer_not_allowed": "an answer that is not declared (allowed: {codes})",
    "unknown_code": "a code that is not declared (allowed: {codes})",
    "unknown_municipality": "a municipality that is not in the plan",
    "unknown_arm": "an arm that is not in the plan",
    "unknown_wave": "a wave that is not in the plan",
}
_NEEDED = {
    "id": "a study id",
    "text": "a text",
    "date": "a date that exists, such as 2018-06-03 or 03-06-2018",
    "integer": "a whole number",
    "decimal": "a number",
    "closed": "a declared code",
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


def typed_table(
    raw: RawTable, source: Source, plan: Plan, *, file: str, others: Collection[str] = ()
) -> tuple[Table, list[Problem]]:
    """Return a raw table by its declaration, and every problem that can be seen in it alone.

    `others` names columns of the file that are declared by another source.
    """
    fields = fields_of(source, plan)
    cells = {str(name): distinct_cells(raw.frame[name]) for name in raw.frame}
    refused, forbidden = forbidden_content(raw, cells, file)
    problems = [*structure_problems(raw, fields, source, file, others), *forbidden]
    read: dict[str, ReadColumn] = {}
    for field in fields:
        if field.column in cells and field.column not in refused:
            column = cells[field.column]
            read[field.name] = read_column(column, field, raw=raw, missing_codes=source.missing_codes)
            problems += _value_problems(read[field.name], field, len(raw.frame), file)
            problems += _label_problems(column, field, raw, source, file)
    n = len(raw.frame)
    frame = pd.DataFrame({f.name: read[f.name].values if f.name in read else absent_column(f, n) for f in fields})
    return Table(source=source, file=file, frame=frame, missing=_missing(read, fields, source)), problems


def empty_table(source: Source, plan: Plan) -> Table:
    """Return the table of an optional file that is not there: its columns, no rows."""
    fields = fields_of(source, plan)
    frame = pd.DataFrame({f.name: absent_column(f, 0) for f in fields})
    return Table(source=source, file="", frame=frame, missing=_missing({}, fields, source))


def _value_problems(column: ReadColumn, field: Field, n_rows: int, file: str) -> Iterator[Problem]:
    codes = ", ".join(map(str, field.labels)) or ", ".join(field.closed)
    for rule, n in column.broken.items():
        words = _MESSAGES[rule].format(needed=_NEEDED[field.kind], bounds=_bounds(field), codes=codes)
        yield Problem(file=file, column=field.column, rule=rule, n_rows=n, message=f"{rows(n)}: {words}")
    unanswered = sum(n for reason, n in column.missing.items() if reason != "not_applicable")
    if n_rows and sum(column.missing.values()) == n_rows and unanswered and field.required and not field.tick:
        message = "the column is empty though it is required"
        yield Problem(file=file, column=field.column, rule="empty_column", n_rows=n_rows, message=message)
    elif field.never_blank and column.missing.get(BLANK):
        n = column.missing[BLANK]
        message = f"{rows(n)}: blank where a value is always needed"
        yield Problem(file=file, column=field.column, rule="blank_cell", n_rows=n, message=message)


def _bounds(field: Field) -> str:
    if field.low is None or field.high is None:
        return f"{field.low:g} or more" if field.low is not None else f"{field.high or 0:g} or less"
    return f"{field.low:g} to {field.high:g}"


def _label_problems(cells: Cells, field: Field, raw: RawTable, source: Source, file: str) -> Iterator[Problem]:
    """Yield a problem where the file's value labels or own missing codes say otherwise than the declaration."""
    if not field.labels:
        return
    labels = {whole_of(value): label for value, label in raw.labels.get(field.column, {}).items()}
    differing = [c for c, label in labels.items() if c is not None and _contradicts(c, label, field)]
    if differing:
        n = _rows_with(cells, differing)
        codes = ", ".join(map(str, differing))
        message = f"the file's value label of {codes} is not the declared one: correct the file or the declaration"
        yield Problem(file=file, column=field.column, rule="labels_differ", n_rows=n, message=message)
    marked = raw.missing.get(field.column, ())
    lost = [code for code in field.labels if code not in source.missing_codes and is_marked(code, marked)]
    if lost:
        n = _rows_with(cells, lost)
        message = f"the file marks {', '.join(map(str, lost))} as missing, which is declared as an answer"
        yield Problem(file=file, column=field.column, rule="missing_differ", n_rows=n, message=message)


def _contradicts(code: int, label: str, field: Field) -> bool:
    """A declared code must carry its own label; any other code must not carry the label of an answer."""
    text = folded(label)
    return text not in field.labels[code] if code in field.labels else any(text in t for t in field.labels.values())


def _rows_with(cells: Cells, codes: Sequence[int]) -> int:
    return cells.total(lambda cell: whole_of(cell) in codes)


def _missing(read: Mapping[str, ReadColumn], fields: Sequence[Field], source: Source) -> pd.DataFrame:
    counted = [
        (source.id, f.name, reason, n)
        for f in fields
        if f.name in read and not f.tick
        for reason, n in sorted(read[f.name].missing.items())
    ]
    return pd.DataFrame(counted, columns=["source", "column", "reason", "n"]).astype({"n": "int64"})
