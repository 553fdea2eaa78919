"""The rows of a table as HTML: most of a page, so written without the template's cost for each cell."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from mtb_eval.report.decimals import missing_places
from mtb_eval.report.document import Cell, Line, Table


def table_rows(table: Table) -> Markup:
    """Return the body rows of a table: the first cell of each is its heading; every text is shown as it is."""
    rows = zip(table.lines, missing_places(table), strict=True)
    return Markup("".join(f"      <tr{_of_line(line)}>{_cells(table, line, lacks)}</tr>\n" for line, lacks in rows))


def _cells(table: Table, line: Line, lacks: Sequence[int]) -> str:
    shown = zip(line.cells, table.columns, lacks, strict=True)
    parts = []
    for k, (cell, column, room) in enumerate(shown):
        tag, scope = ("td", "") if k else ("th", ' scope="row"')
        sort = _sort(cell) if table.sortable else ""
        parts.append(f"<{tag}{scope}{_classes(cell, room, numeric=column.numeric)}{sort}>{_text(cell)}</{tag}>")
    return "".join(parts)


def _of_line(line: Line) -> str:
    anchor = f' id="{_safe(line.anchor)}"' if line.anchor else ""
    return anchor + "".join(f' data-{key}="{_safe(value)}"' for key, value in line.tags.items())


def _classes(cell: Cell, room: int, *, numeric: bool) -> str:
    """Return a cell's classes as an attribute: `n` for numbers, its state, `l<n>` for the room after a number."""
    names = ("n" if numeric else "", cell.state, f"l{min(room, 6)}" if room else "")
    given = " ".join(name for name in names if name)
    return f' class="{_safe(given)}"' if given else ""


def _sort(cell: Cell) -> str:
    if cell.sort is None:
        return ""
    return f' data-sort="{_safe(cell.sort) if isinstance(cell.sort, str) else f"{cell.sort:.9g}"}"'


def _text(cell: Cell) -> str:
    text = _safe(cell.text)
    if cell.href:
        text = f'<a href="{_safe(cell.href)}">{text}</a>'
    elif cell.lang and cell.text:
        text = f'<span lang="{_safe(cell.lang)}">{text}</span>'
    aloud = f'<span class="aloud">, {_safe(cell.aloud)}</span>' if cell.aloud else ""
    under = f"<small>{_safe(cell.under)}</small>" if cell.under else ""
    return text + aloud + under


def _safe(text: str) -> str:
    return str(escape(text))
