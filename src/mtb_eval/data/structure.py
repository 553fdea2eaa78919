"""The frame of a file: which columns it has, and cells that no study file may hold whatever their column."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from mtb_eval.data.cells import date_of, folded, number_of
from mtb_eval.data.columns import Cells
from mtb_eval.data.cpr import n_cpr
from mtb_eval.data.fields import Field, row_keys
from mtb_eval.data.problems import Problem, rows
from mtb_eval.data.raw import RawTable
from mtb_eval.study import Source


def structure_problems(
    raw: RawTable, fields: Sequence[Field], source: Source, file: str, others: Collection[str]
) -> Iterator[Problem]:
    """Yield a problem for no header, no or repeated rows, and each missing or unknown column (with a near name)."""
    expected = {f.column for f in fields}
    if not expected & set(raw.frame.columns):
        message = "no declared column is in the file: is its first row the header?"
        yield Problem(file=file, rule="no_header", message=message)
        return
    if raw.frame.empty and source.required:
        message = "the file has a header but no rows; a file that may be empty is declared with required = false"
        yield Problem(file=file, rule="no_rows", message=message)
    yield from _repeated_rows(raw, source, file)
    absent = {folded(f.column): f.column for f in fields if f.column not in raw.frame}
    for field in fields:
        if field.required and field.column not in raw.frame:
            message = "a declared column is not in the file"
            yield Problem(file=file, column=field.column, rule="missing_column", message=message)
    for position, name in enumerate(raw.frame.columns, start=1):
        if name not in expected and name not in others:
            near = difflib.get_close_matches(folded(name), list(absent), n=1, cutoff=0.7)
            hint = f"; did you mean {absent[near[0]]!r}?" if near else ""
            message = f"the column is not declared{hint}"
            yield Problem(file=file, column=column_name(name, position), rule="unknown_column", message=message)


def _repeated_rows(raw: RawTable, source: Source, file: str) -> Iterator[Problem]:
    """Yield a problem for rows that are the same in every cell, in a file whose rows nothing else tells apart."""
    n = 0 if row_keys(source) else int(raw.frame.duplicated().sum())
    if n:
        message = (
            f"{rows(n)}: the same in every column as an earlier row, and would count twice; remove the repeats, "
            "or add a column that tells them apart and declare it"
        )
        yield Problem(file=file, rule="repeated_rows", n_rows=n, message=message)


def forbidden_content(raw: RawTable, cells: Mapping[str, Cells], file: str) -> tuple[set[str], list[Problem]]:
    """Return the columns refused for CPR numbers, and a problem for each with them or with damaged letters."""
    refused: set[str] = set()
    problems: list[Problem] = []
    for position, (name, column) in enumerate(cells.items(), start=1):
        shown = column_name(name, position)
        n = n_cpr(dict(zip(column.distinct, column.counts, strict=True)))
        if n:
            refused.add(name)
            message = f"{rows(n)}: what looks like a CPR number, which is refused; replace them with study ids"
            problems.append(Problem(file=file, column=shown, rule="cpr", n_rows=n, message=message))
        problems += _bad_letters(column, list(raw.labels.get(name, {}).values()), file=file, column=shown)
    return refused, problems


def column_name(name: str, position: int) -> str:
    """Return a column's name; its position instead where the name looks like a value, as in a file without header."""
    value_like = number_of(name, ".") is not None or date_of(name) is not None or re.search(r"\d{6}-?\d{4}", name)
    return f"(column {position})" if value_like else name


def _bad_letters(cells: Cells, labels: list[str], *, file: str, column: str) -> Iterator[Problem]:
    damaged = cells.total(lambda cell: isinstance(cell, str) and _damaged(cell))
    if damaged or any(_damaged(label) for label in labels):
        where = rows(damaged) if damaged else "value labels"
        message = f"{where}: damaged letters (UTF-8 read as Latin-1); export the file again in its own encoding"
        yield Problem(file=file, column=column, rule="damaged_letters", n_rows=damaged, message=message)


def _damaged(text: str) -> bool:
    if text.isascii():
        return False
    for encoding in ("latin-1", "cp1252"):
        try:
            text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        return True
    return "\ufffd" in text
