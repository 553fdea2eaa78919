"""The numbered tables as one workbook: a sheet with the contents, then a sheet for each table."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter

from mtb_eval.report.document import Cell, Column, Line, Table
from mtb_eval.report.edition import Edition
from mtb_eval.report.fixed_zip import fixed_zip
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
FACE = "Calibri"
RULE, THICK = Side(style="thin", color="FF57606A"), Side(style="medium", color="FF1F2328")
PLAIN, BOLD = Font(name=FACE, size=10), Font(name=FACE, size=10, bold=True)
HEAD = {"font": BOLD, "border": Border(top=THICK, bottom=RULE)}
STYLES: Mapping[str, Mapping[str, Any]] = {
    "title": {"font": Font(name=FACE, size=11, bold=True)},
    "link": {
        "font": Font(name=FACE, size=10, color="FF0072B2", underline="single"),
        "alignment": Alignment("left", "top"),
    },
    "note": {"font": Font(name=FACE, size=9, color="FF57606A")},
    "head-left": {**HEAD, "alignment": Alignment("left", "bottom", wrap_text=True)},
    "head-right": {**HEAD, "alignment": Alignment("right", "bottom", wrap_text=True)},
    "left": {"font": PLAIN, "alignment": Alignment("left", "top", wrap_text=True)},
    "right": {"font": PLAIN, "alignment": Alignment("right", "top", wrap_text=True)},
}


def workbook_file(edition: Edition, tables: Sequence[NumberedTable]) -> bytes:
    """Return an XLSX file: contents with links, then per table its caption, header (frozen), rows and notes.

    A cell that shows nothing but a number is that number (16 digits) in a format that shows it as the report does; all
    others are the texts of the report, a second line below the first.
    """
    book = Workbook(write_only=True)
    book.properties.creator, book.properties.title = "mtb_eval", edition.plan.title.of(edition.language)
    book.properties.created = book.properties.modified = MADE
    book.properties.language = edition.language
    _contents(book, edition, tables)
    for one in tables:
        _sheet(book, one, edition.language)
    buffer = io.BytesIO()
    book.save(buffer)
    return fixed_zip(buffer.getvalue())


def sheet_name(one: NumberedTable) -> str:
    """Return the name of a table's sheet: its number and id, at most 31 characters."""
    return f"{one.number} {one.table.id}"[:31]


def _contents(book: Any, edition: Edition, tables: Sequence[NumberedTable]) -> None:
    sheet = book.create_sheet(edition.say("page.contents"))
    for column, width in zip("ABC", (11, 80, 44), strict=True):
        sheet.column_dimensions[column].width = width
    _page(sheet)
    styled = _Styled(sheet=sheet)
    sheet.append([styled.cell(edition.plan.title.of(edition.language), "title")])
    for mark in tables[0].marks if tables else ():
        sheet.append([styled.cell(mark, "note")])
    sheet.append([])
    for one in tables:
        link = _made(sheet, "link")
        link.value, link.hyperlink = one.heading, f"#'{sheet_name(one)}'!A1"
        sheet.append(c for c in (link, *map(styled.text, (one.table.caption, one.section))))


def _sheet(book: Any, one: NumberedTable, language: Language) -> None:
    table, sheet = one.table, book.create_sheet(sheet_name(one))
    _page(sheet)
    _layout(sheet, table)
    styled = _Styled(sheet=sheet)
    sheet.append([styled.cell(f"{one.heading}. {table.caption}", "title")])
    sheet.append([])
    sheet.append(styled.cell(c.title, "head-right" if c.numeric else "head-left") for c in table.columns)
    for line in table.lines:
        sheet.append(_row(styled, line, table.columns, language))
    for note in note_lines(one):
        sheet.append([styled.cell(note, "note")])


def note_lines(one: NumberedTable) -> list[str]:
    """Return what stands below a table in lines that are not wider than the table, but for words that are."""
    widths = [_width(c, [line.cells[k] for line in one.table.lines]) for k, c in enumerate(one.table.columns)]
    room = max(round(sum(widths)), SHORTEST)
    return [part for note in one.notes for part in textwrap.wrap(note, room, break_on_hyphens=False)]


def _page(sheet: Any) -> None:
    sheet.page_setup.orientation, sheet.page_setup.fitToHeight = "landscape", 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True


def _layout(sheet: Any, table: Table) -> None:
    """Set widths, and heights for the lines that each row then needs: not every program finds them by itself."""
    sheet.freeze_panes = f"B{HEADER_ROW + 1}"
    sheet.print_title_rows = f"{HEADER_ROW}:{HEADER_ROW}"
    widths = [_width(c, [line.cells[k] for line in table.lines]) for k, c in enumerate(table.columns)]
    for k, width in enumerate(widths):
        sheet.column_dimensions[get_column_letter(k + 1)].width = width
    rows = [[c.title for c in table.columns], *([whole_text(c) for c in line.cells] for line in table.lines)]
    for n, texts in enumerate(rows, HEADER_ROW):
        sheet.row_dimensions[n].height = LINE * max(map(_n_lines, texts, widths), default=1) + PADDING


def _n_lines(text: str, width: float) -> int:
    """Return the lines that a text needs in a column of so many characters."""
    return sum(max(1, math.ceil(len(part) / (width - 1))) for part in text.split("\n"))


def _row(styled: _Styled, line: Line, columns: Sequence[Column], language: Language) -> Iterator[Any]:
    for cell, column in zip(line.cells, columns, strict=True):
        side, number = "right" if column.numeric else "left", shown_number(cell, language)
        if number is None:
            yield styled.cell(whole_text(cell), side)
        else:
            yield styled.cell(number.value, side, number.format)


def whole_text(cell: Cell) -> str:
    """Return what a cell says: its text and, on a line of its own, what stands below it."""
    return "\n".join(t for t in (cell.text, cell.under) if t)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Styled:
    """The cells of one sheet, one for each style: a row is written as it is made, so a cell can be used again."""

    sheet: Any
    made: dict[tuple[str, str], Any] = field(default_factory=dict)

    def cell(self, value: str | float, style: str, number_format: str = "General") -> Any:
        """Return the cell of a style with a value; a text that begins with '=' is no formula."""
        if (style, number_format) not in self.made:
            self.made[style, number_format] = _made(self.sheet, style)
            self.made[style, number_format].number_format = number_format
        cell = self.made[style, number_format]
        cell.value = value
        if isinstance(value, str):
            cell.data_type = "s"
        return cell

    def text(self, value: str) -> Any:
        """Return a text in a cell of its own."""
        cell = _made(self.sheet, "left")
        cell.value = value
        return cell


def _made(sheet: Any, style: str) -> Any:
    cell = WriteOnlyCell(sheet)
    for name, how in STYLES[style].items():
        setattr(cell, name, how)
    return cell


def _width(column: Column, cells: Sequence[Cell]) -> float:
    """Return a width in characters: the longest line of the cells, and the longest word of the heading."""
    longest = max((len(part) for cell in cells for part in (cell.text, cell.under)), default=0)
    heading = max((len(word) for word in column.title.split()), default=0)
    return float(min(max(longest, heading, NARROWEST), WIDEST) + 2)
