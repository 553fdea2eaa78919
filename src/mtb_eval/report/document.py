"""What a report consists of: sections with findings, figures, tables and folded details; no markup, no files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell as it is read.

    `sort` is what it is sorted by, `href` where it leads, `lang` its language if another, `state` what it stands for;
    `under` is a second line in small type, `aloud` is only for screen readers.
    """

    text: str
    sort: float | str | None = None
    href: str = ""
    lang: str = ""
    state: str = ""
    under: str = ""
    aloud: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column's heading with its unit; numbers are set to the right."""

    title: str
    numeric: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of a table; its first cell is its heading. `tags` are what the table's filters go by."""

    cells: tuple[Cell, ...]
    anchor: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A filter of a table: the tag it goes by, its label, and its values with their names."""

    tag: str
    label: str
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as it is read, and the results table (`source`) that holds its numbers unrounded."""

    id: str
    caption: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    note: str = ""
    source: str = ""
    sortable: bool = False
    numbered: bool = True
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Details that open on demand."""

    id: str
    title: str
    paragraphs: tuple[str, ...] = ()
    bullets: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    folds: tuple[Fold, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section in its fixed order: finding, figures, tables, how sure we can be, details."""

    id: str
    title: str
    finding: tuple[str, ...] = ()
    bullets: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    sure: tuple[str, ...] = ()
    folds: tuple[Fold, ...] = ()
    notice: str = ""
    grid: tuple[tuple[str, tuple[Cell, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A key number of the summary with what it is, and the section that it leads to."""

    value: str
    label: str
    section: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One finding of the summary and the section that it leads to."""

    text: str
    section: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The first screen."""

    lead: str
    cards: tuple[Card, ...]
    points: tuple[Point, ...]
    limits: tuple[str, ...]


def absent(section: str, title: str, why: str) -> Section:
    """Return a section that only says why it has nothing to show."""
    return Section(id=section, title=title, finding=(why,))


def filled(table: Table) -> tuple[Table, ...]:
    """Return the table alone, or nothing if it has no rows."""
    return (table,) if table.lines else ()
