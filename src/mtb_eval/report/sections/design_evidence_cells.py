"""Cells that the tables on the design share."""

from __future__ import annotations

from collections.abc import Iterator

from mtb_eval.analysis.verdicts import FEW_DF
from mtb_eval.report.cells import figure, interval, note, p, word
from mtb_eval.report.document import Cell
from mtb_eval.report.edition import Edition
from mtb_eval.report.evidence import main_ids, std_interval
from mtb_eval.report.rows import Row, number, text


def outcome_rows(edition: Edition, table: str) -> Iterator[Row]:
    """Yield a table's rows of the main outcomes, in the order of the report."""
    rows = edition.rows(table)
    for outcome in main_ids(edition):
        yield from (r for r in rows if text(r, "outcome") == outcome)


def outcome_cell(edition: Edition, row: Row) -> Cell:
    """Return a cell of the outcome's label."""
    return word(edition.outcome(text(row, "outcome")))


def effect_cells(edition: Edition, row: Row) -> tuple[Cell, Cell]:
    """Return cells of a standardised estimate and its interval."""
    value, low, high = std_interval(row)
    return figure(edition, value, 2), interval(edition, low, high)


def tested_cells(edition: Edition, row: Row) -> tuple[Cell, Cell, Cell]:
    """Return cells of a standardised estimate, its interval and its p."""
    return (*effect_cells(edition, row), p(edition, number(row, "p")))


def remark(edition: Edition, row: Row) -> Cell:
    """Return a cell that says why there is no estimate, or what to be wary of beyond few degrees of freedom."""
    if text(row, "error"):
        return note(edition, row, "error")
    parts = [w for w in text(row, "warning").split("; ") if w != FEW_DF]
    return note(edition, {"warning": "; ".join(parts)}, "warning")
