"""Excel workbooks: the one sheet that holds the data."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import openpyxl.utils.exceptions

from mtb_eval.data.raw import RawTable, UnreadableError, table_of_rows

_FAILURES = (
    zipfile.BadZipFile, zlib.error, openpyxl.utils.exceptions.InvalidFileException,
    KeyError, ValueError, TypeError, AttributeError, IndexError, SyntaxError, EOFError, RuntimeError, OSError,
)  # fmt: skip
_DAMAGED = "is not a complete Excel workbook: it is damaged, cut off or of another kind"
Cells = list[tuple[Any, ...]]


def read_xlsx(path: Path) -> RawTable:
    """Return the one sheet with content (if several have any: the one named as the file), first row as header.

    Cells keep Excel's own type. Raises UnreadableError if the file is protected or damaged, several sheets hold
    data, or formulas stand in it without a stored result.
    """
    _refuse_other_kinds(path)
    sheet, cells = _the_sheet(_sheets(path, stored=True), path.stem)
    _refuse_uncalculated(path, sheet, cells)
    width = max(_width(row) for row in cells)
    body = [_fit(row, width) for row in cells]
    return RawTable(frame=table_of_rows(body[0], body[1:]), decimal=",")


def _refuse_other_kinds(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(4)
    if start == b"\xd0\xcf\x11\xe0":
        raise UnreadableError("is protected by a password or an old .xls: save it as .xlsx without a password")
    if start != b"PK\x03\x04":
        raise UnreadableError("is not an Excel workbook: it is damaged or of another kind")


def _sheets(path: Path, *, stored: bool) -> dict[str, Cells]:
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=stored)
        try:
            return {sheet.title: _cells(sheet) for sheet in book.worksheets}
        finally:
            book.close()
    except _FAILURES:
        raise UnreadableError(_DAMAGED) from None


def _cells(sheet: Any) -> Cells:
    sheet.reset_dimensions()  # the stored size can be wrong; rows beyond it would be lost
    return [tuple(row) for row in sheet.iter_rows(values_only=True) if any(cell is not None for cell in row)]


def _the_sheet(sheets: dict[str, Cells], stem: str) -> tuple[str, Cells]:
    filled = {name: cells for name, cells in sheets.items() if cells}
    if not filled:
        raise UnreadableError("has no sheet with content")
    if len(filled) > 1 and stem not in filled:
        raise UnreadableError(f"has {len(filled)} sheets with content: keep one, or name one as the file ({stem})")
    name = stem if len(filled) > 1 else next(iter(filled))
    return name, filled[name]


def _refuse_uncalculated(path: Path, sheet: str, stored: Cells) -> None:
    if not _has_formulas(path):
        return
    written = _sheets(path, stored=False)[sheet]
    n = sum(_uncalculated(w, s) for w, s in zip(written, stored, strict=False)) + max(len(written) - len(stored), 0)
    if n:
        raise UnreadableError(f"has formulas without a stored result in {n} of its rows: save it in Excel as values")


def _has_formulas(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as parts:
            names = [n for n in parts.namelist() if n.startswith("xl/worksheets/") and n.endswith(".xml")]
            return any(b"<f" in parts.read(n) for n in names)
    except _FAILURES:
        raise UnreadableError(_DAMAGED) from None


def _uncalculated(written: Sequence[Any], stored: Sequence[Any]) -> bool:
    formulas = [i for i, cell in enumerate(written) if isinstance(cell, str) and cell.startswith("=")]
    return any(i >= len(stored) or stored[i] is None for i in formulas)


def _width(row: Sequence[Any]) -> int:
    return max((i for i, cell in enumerate(row, start=1) if cell is not None), default=0)


def _fit(row: tuple[Any, ...], width: int) -> tuple[Any, ...]:
    return row[:width] + (None,) * (width - len(row))
