"""Cells made from numbers and texts of a row."""

from __future__ import annotations

import math

from mtb_eval.report.document import Cell, Column
from mtb_eval.report.edition import Edition
from mtb_eval.report.rows import Row, number, text


def word(value: str, **more: str) -> Cell:
    """Return a cell of text."""
    return Cell(text=value, sort=value.casefold(), **more)


def figure(edition: Edition, value: float, decimals: int) -> Cell:
    """Return a cell of a number with fixed decimals."""
    return Cell(text=edition.numbers.fixed(value, decimals), sort=sort_key(value))


def count(edition: Edition, row: Row, column: str) -> Cell:
    """Return a cell of a count."""
    return figure(edition, number(row, column), 0)


def interval(edition: Edition, low: float, high: float, decimals: int = 2, *, null: float = 0.0) -> Cell:
    """Return a cell of an interval, sorted by its lower end; `null` is the value of no difference."""
    return Cell(text=edition.numbers.interval(low, high, decimals, null=null), sort=sort_key(low))


def p(edition: Edition, value: float) -> Cell:
    """Return a cell of a p-value."""
    return Cell(text=edition.numbers.p(value), sort=sort_key(value))


def share(edition: Edition, n: float, of: float) -> Cell:
    """Return a cell of a percentage with its counts."""
    return Cell(text=edition.numbers.share(n, of), sort=sort_key(n / of if of else math.nan))


def note(edition: Edition, row: Row, column: str) -> Cell:
    """Return a cell of a text that the analyses wrote in English; marked as English where it stays so."""
    written = text(row, column)
    shown = edition.technical(written)
    return word(shown, lang="en" if shown == written and edition.language != "en" else "")


def columns(edition: Edition, *keys: str, numeric: str = "") -> tuple[Column, ...]:
    """Return columns titled by text keys; those named in `numeric` (separated by spaces) hold numbers."""
    numbers = set(numeric.split())
    values = {"level": edition.level}
    return tuple(Column(title=edition.say(f"column.{k}", **values), numeric=k in numbers) for k in keys)


def percent(edition: Edition, share: float, decimals: int = 0) -> Cell:
    """Return a cell of a percentage."""
    return Cell(text=edition.numbers.percent(share, decimals), sort=sort_key(share))


def sort_key(value: float) -> float | None:
    """Return what a number is sorted by: itself, or nothing where it is missing or without end."""
    return value if math.isfinite(value) else None
