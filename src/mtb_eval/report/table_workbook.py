"""The numbered tables as one workbook: a sheet with the contents, then a sheet for each table."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from xlsxwriter import Workbook

from mtb_eval.report.document import Cell, Column, Line, Table
from mtb_eval.report.edition import Edition
from mtb_eval.report.numbered_tables import NumberedTable
from mtb_eval.report.numbers import Language
from mtb_eval.report.shown_numbers import shown_number

MADE = datetime(2020, 1, 1)  # stands for the clock
HEADER_ROW = 3
NARROWEST, WIDEST = 7, 44
SHORTEST = 60
"""Characters of a line below a table, at least."""
LINE, PADDING = 13.0, 3.0
"""Height of a line and what is added to a row, in points."""
FACE = {"font_name": "Calibri", "font_size": 10}
GREY, INK, BLUE = "#57606A", "#1F2328", "#0072B2"
THIN, MEDIUM = 1, 2
HEAD = {**FACE, "bold": True, "top": MEDIUM, "top_color": INK, "bottom": THIN, "bottom_color": GREY, "text_wrap": True}
CELL = {**FACE, "valign": "top", "text_wrap": True}
STYLES: Mapping[str, Mapping[str, Any]] = {
    "title": {**FACE, "font_size": 11, "bold": True},
    "link": {**FACE, "font_color": BLUE, "underline": 1, "align": "left", "valign": "top"},
    "note": {**FACE, "font_size": 9, "font_color": GREY},
    "head-left": {**HEAD, "align": "left", "valign": "bottom"},
    "head-right": {**HEAD, "align": "right", "valign": "bottom"},
    "left": {**CELL, "align": "left"},
    "right": {**CELL, "align": "right"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Book:
    """A workbook and its formats, made when they are first used."""

    file: Any
    language: Language
    made: dict[tuple[str, str], Any] = field(default_factory=dict)

    def style(self, name: str, number_format: str = "General") -> Any:
        if (name, number_format) not in self.made:
            self.made[name, number_format] = self.file.add_format({**STYLES[name], "num_format": number_format})
        return self.made[name, number_format]


def workbook_file(edition: Edition, tables: Sequence[NumberedTable]) -> bytes:
    """Return an XLSX file: contents with links, then per table its caption, header (frozen), rows and notes.

    A cell that shows nothing but a number is that number (16 digits) in a format that shows it as the report does; all
    others are the texts of the report, a second line below the first.
    """
    buffer = io.BytesIO()
    texts_stay_texts = {"strings_to_urls": False, "strings_to_formulas": False}
    file = Workbook(buffer, {"in_memory": True, **texts_stay_texts})
    file.set_properties({"author": "mtb_eval", "title": edition.plan.title.of(edition.language), "created": MADE})
    book = _Book(file=file, language=edition.language)
    _contents(book, edition, tables)
    for one in tables:
        _sheet(book, one)
    file.close()
    return buffer.getvalue()


def sheet_name(one: NumberedTable) -> str:
    """Return the name of a table's sheet: its number and id, at most 31 characters."""
    return f"{one.number} {one.table.id}"[:31]


def _contents(book: _Book, edition: Edition, tables: Sequence[NumberedTable]) -> None:
    sheet = book.file.add_worksheet(edition.say("page.contents"))
    for column, width in enumerate((11, 80, 44)):
        sheet.set_column(column, column, width)
    _page(sheet)
    sheet.write_string(0, 0, edition.plan.title.of(edition.language), book.style("title"))
    marks = tables[0].marks if tables else ()
    for n, mark in enumerate(marks, 1):
        sheet.write_string(n, 0, mark, book.style("note"))
    for n, one in enumerate(tables, len(marks) + 2):
        sheet.write_url(n, 0, f"internal:'{sheet_name(one)}'!A1", book.style("link"), one.heading)
        sheet.write_string(n, 1, one.table.caption, book.style("left"))
        sheet.write_string(n, 2, one.section, book.style("left"))


def _sheet(book: _Book, one: NumberedTable) -> None:
    table, sheet = one.table, book.file.add_worksheet(sheet_name(one))
    _page(sheet)
    _layout(sheet, table)
    sheet.write_string(0, 0, f"{one.heading}. {table.caption}", book.style("title"))
    for k, column in enumerate(table.columns):
        sheet.write_string(HEADER_ROW - 1, k, column.title, book.style("head-right" if column.numeric else "head-left"))
    for n, line in enumerate(table.lines, HEADER_ROW):
        _row(book, sheet, n, (line, table.columns))
    for n, note in enumerate(note_lines(one), HEADER_ROW + len(table.lines)):
        sheet.write_string(n, 0, note, book.style("note"))


def note_lines(one: NumberedTable) -> list[str]:
    """Return what stands below a table in lines that are not wider than the table, but for words that are."""
    widths = [_width(c, [line.cells[k] for line in one.table.lines]) for k, c in enumerate(one.table.columns)]
    room = max(round(sum(widths)), SHORTEST)
    return [part for note in one.notes for part in textwrap.wrap(note, room, break_on_hyphens=False)]


def _page(sheet: Any) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)


def _layout(sheet: Any, table: Table) -> None:
    """Set widths, and heights for the lines that each row then needs: not every program finds them by itself."""
    sheet.freeze_panes(HEADER_ROW, 1)
    sheet.repeat_rows(HEADER_ROW - 1)
    widths = [_width(c, [line.cells[k] for line in table.lines]) for k, c in enumerate(table.columns)]
    for k, width in enumerate(widths):
        sheet.set_column(k, k, width)
    rows = [[c.title for c in table.columns], *([whole_text(c) for c in line.cells] for line in table.lines)]
    for n, texts in enumerate(rows, HEADER_ROW - 1):
        sheet.set_row(n, LINE * max(map(_n_lines, texts, widths), default=1) + PADDING)


def _n_lines(text: str, width: float) -> int:
    """Return the lines that a text needs in a column of so many characters."""
    return sum(max(1, math.ceil(len(part) / (width - 1))) for part in text.split("\n"))


def _row(book: _Book, sheet: Any, n: int, row: tuple[Line, Sequence[Column]]) -> None:
    for k, (cell, column) in enumerate(zip(row[0].cells, row[1], strict=True)):
        side, number = "right" if column.numeric else "left", shown_number(cell, book.language)
        if number is None:
            sheet.write(n, k, whole_text(cell), book.style(side))
        else:
            sheet.write_number(n, k, number.value, book.style(side, number.format))


def whole_text(cell: Cell) -> str:
    """Return what a cell says: its text and, on a line of its own, what stands below it."""
    return "\n".join(t for t in (cell.text, cell.under) if t)


def _width(column: Column, cells: Sequence[Cell]) -> float:
    """Return a width in characters: the longest line of the cells, and the longest word of the heading."""
    longest = max((len(part) for cell in cells for part in (cell.text, cell.under)), default=0)
    heading = max((len(word) for word in column.title.split()), default=0)
    return float(min(max(longest, heading, NARROWEST), WIDEST) + 2)
