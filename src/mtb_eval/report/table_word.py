"""The numbered tables as one Word file, three rules a table, ready to be copied into a paper."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from docx import Document
from docx.enum.section import WD_ORIENT, WD_SECTION
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Mm, Pt

from mtb_eval.report.document import Cell, Column, Line, Table
from mtb_eval.report.edition import Edition
from mtb_eval.report.fixed_zip import fixed_zip
from mtb_eval.report.numbered_tables import NumberedTable

MADE = datetime(2020, 1, 1)  # stands for the clock
LANGUAGES = {"en": "en-GB", "da": "da-DK"}
FACE, NORMAL, TITLE, BODY, NOTE = "Calibri", "Normal", "Table title", "Table text", "Table note"
STYLES = ((NORMAL, 10, 0, 4), (TITLE, 10, 12, 4), (BODY, 8.5, 1, 1), (NOTE, 8, 3, 3))
"""Styles with size and room before and after, in points."""
PORTRAIT, MARGIN = (210, 297), 20
WIDE_COLUMNS, WIDE_CHARACTERS = 7, 95
WHOLE = 24
"""Tables of at most so many rows are kept on one page."""
NARROWEST, WIDEST, UNBROKEN = 5, 40, 14
"""Characters of a column, and of a text that is kept on one line."""
FIFTIETHS = 5000  # a table's width in Word: fiftieths of a percent
RULES = '<w:{side} w:val="single" w:sz="{size}" w:space="0" w:color="auto"/>'


def word_file(edition: Edition, tables: Sequence[NumberedTable]) -> bytes:
    """Return a DOCX file: per table a caption, a header row that repeats on every page, rows and notes.

    Wide tables stand on landscape pages. The language of the texts is set, and each table has its caption as its title
    for screen readers.
    """
    document = Document()
    _settings(document, edition)
    document.add_heading(edition.plan.title.of(edition.language), level=1)
    for mark in tables[0].marks if tables else ():
        document.add_paragraph(mark, style=NOTE)
    for k, (wide, group) in enumerate(groupby(tables, key=lambda t: is_wide(t.table))):
        _page(document.add_section(WD_SECTION.NEW_PAGE) if k else document.sections[0], wide=wide)
        for one in group:
            _add(document, one)
    buffer = io.BytesIO()
    document.save(buffer)
    return fixed_zip(buffer.getvalue())


def is_wide(table: Table) -> bool:
    """Return whether a table needs a landscape page: many columns, or long texts in them."""
    return len(table.columns) > WIDE_COLUMNS or sum(_widths(table)) > WIDE_CHARACTERS


def _settings(document: Any, edition: Edition) -> None:
    core = document.core_properties
    core.author, core.title, core.language = "mtb_eval", edition.plan.title.of(edition.language), edition.language
    core.created = core.modified = MADE
    core.comments = core.last_modified_by = ""
    for name, size, before, after in STYLES:
        style = document.styles[name] if name == NORMAL else document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        style.font.name, style.font.size = FACE, Pt(size)
        style.paragraph_format.space_before, style.paragraph_format.space_after = Pt(before), Pt(after)
    document.styles[TITLE].font.bold = True
    document.styles[TITLE].paragraph_format.keep_with_next = True
    for language in document.styles.element.iter(qn("w:lang")):
        language.set(qn("w:val"), LANGUAGES[edition.language])


def _page(section: Any, *, wide: bool) -> None:
    across, down = PORTRAIT[::-1] if wide else PORTRAIT
    section.orientation = WD_ORIENT.LANDSCAPE if wide else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = Mm(across), Mm(down)
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Mm(MARGIN)


def _add(document: Any, one: NumberedTable) -> None:
    body = document.element.body
    title = _paragraph(f"{one.heading}. {one.table.caption}", TITLE)
    for part in (title, table_xml(one), *(_paragraph(note, NOTE) for note in one.notes or ("",))):
        body.insert(len(body) - 1, parse_xml(part))  # before the properties of the last section


def _paragraph(text: str, style: str) -> str:
    return f'<w:p {nsdecls("w")}><w:pPr><w:pStyle w:val="{style.replace(" ", "")}"/></w:pPr>{_run(text, "")}</w:p>'


def table_xml(one: NumberedTable) -> str:
    """Return a table as WordprocessingML: a header row that repeats, a rule above, below it and at the end."""
    table = one.table
    widths = _widths(table)
    shares = [round(FIFTIETHS * w / sum(widths)) for w in widths]
    keep = len(table.lines) <= WHOLE
    head = _row(_header(table.columns, shares), "<w:tblHeader/>")
    lines = [_row(_placed(line, table.columns, shares, keep=keep)) for line in table.lines]
    grid = "".join(f'<w:gridCol w:w="{w}"/>' for w in shares)
    borders = "".join(RULES.format(side=side, size=12) for side in ("top", "bottom"))
    return (
        f'<w:tbl {nsdecls("w")}><w:tblPr><w:tblW w:w="{FIFTIETHS}" w:type="pct"/><w:tblBorders>{borders}</w:tblBorders>'
        f'<w:tblLayout w:type="fixed"/><w:tblCellMar><w:left w:w="60" w:type="dxa"/><w:right w:w="60" w:type="dxa"/>'
        f'</w:tblCellMar><w:tblLook w:firstRow="1" w:firstColumn="1" w:noHBand="1" w:noVBand="1"/>'
        f"<w:tblCaption w:val={quoteattr(f'{one.heading}. {table.caption}')}/></w:tblPr>"
        f"<w:tblGrid>{grid}</w:tblGrid>{head}{''.join(lines)}</w:tbl>"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """What one cell says, and where it stands: its share of the width, in a column of numbers, in a row to be kept."""

    text: str
    share: int
    numeric: bool
    keep: bool
    under: str = ""
    header: bool = False


def _header(columns: Sequence[Column], shares: Sequence[int]) -> Iterator[_Placed]:
    for column, share in zip(columns, shares, strict=True):
        yield _Placed(text=column.title, share=share, numeric=column.numeric, keep=True, header=True)


def _placed(line: Line, columns: Sequence[Column], shares: Sequence[int], *, keep: bool) -> Iterator[_Placed]:
    for cell, column, share in zip(line.cells, columns, shares, strict=True):
        yield _Placed(text=cell.text, under=cell.under, share=share, numeric=column.numeric, keep=keep)


def _row(cells: Iterable[_Placed], more: str = "") -> str:
    return f"<w:tr><w:trPr><w:cantSplit/>{more}</w:trPr>{''.join(_cell(c) for c in cells)}</w:tr>"


def _cell(placed: _Placed) -> str:
    header = placed.header
    rule = f"<w:tcBorders>{RULES.format(side='bottom', size=6)}</w:tcBorders>" if header else ""
    place = '<w:vAlign w:val="bottom"/>' if header else ""
    style = BODY.replace(" ", "")
    side = '<w:jc w:val="right"/>' if placed.numeric else ""
    runs = _run(placed.text, "<w:b/>" if header else "")
    if placed.under:
        runs += "<w:r><w:br/></w:r>" + _run(placed.under, '<w:color w:val="57606A"/><w:sz w:val="15"/>')
    return (
        f'<w:tc><w:tcPr><w:tcW w:w="{placed.share}" w:type="pct"/>{rule}{place}</w:tcPr>'
        f'<w:p><w:pPr><w:pStyle w:val="{style}"/>'
        f"{'<w:keepNext/>' if placed.keep else ''}{side}</w:pPr>{runs}</w:p></w:tc>"
    )


def _run(text: str, look: str) -> str:
    return f'<w:r>{f"<w:rPr>{look}</w:rPr>" if look else ""}<w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def _widths(table: Table) -> list[float]:
    """Return how much room each column needs, in characters: its longest line, within bounds."""
    return [_width(c, [line.cells[k] for line in table.lines]) for k, c in enumerate(table.columns)]


def _width(column: Column, cells: Sequence[Cell]) -> float:
    longest = max((len(t) for c in cells for t in (c.text, c.under)), default=0)
    word = max((len(w) for t in (column.title, *(c.text for c in cells)) for w in t.split(" ")), default=0)
    room = longest + 3 if longest <= UNBROKEN else longest
    return max(min(room, WIDEST), min(word + 1, WIDEST), NARROWEST)
