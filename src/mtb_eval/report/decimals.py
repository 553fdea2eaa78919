"""Columns of numbers aligned on the decimal mark."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mtb_eval.report.document import Table

LAST_MARK = re.compile(r"(?P<before>\d*)[.,](?P<after>\d+)$")
LAST_NUMBER = re.compile(r"(?<![.,\d])\d*(?:[.,](?P<decimals>\d+))?$")


def missing_places(table: Table) -> Sequence[Sequence[int]]:
    """Return by line and column how many places a number lacks to the longest of its column.

    Set to the right with that much room after them, numbers stand with their decimal marks under each other. A number
    without decimals lacks the mark as well. Columns of words, and those where a cell holds a digit but ends in
    something else (a unit, a count in brackets), need no room: 0 throughout.
    """
    by_column = [
        _lacking([line.cells[k].text for line in table.lines]) if column.numeric else [0] * len(table.lines)
        for k, column in enumerate(table.columns)
    ]
    return [list(line) for line in zip(*by_column, strict=True)]


def _lacking(texts: Sequence[str]) -> list[int]:
    numbers = [t for t in texts if any(c.isdigit() for c in t)]
    if not all(t[-1].isdigit() for t in numbers) or _in_thousands(numbers):
        return [0] * len(texts)
    longest = max((_places(t) for t in numbers), default=0)
    return [longest - _places(t) if t in numbers else 0 for t in texts]


def _in_thousands(texts: Sequence[str]) -> bool:
    """Return whether the marks divide thousands: three digits after each, and one number such as 12,000."""
    found = [m for m in (LAST_MARK.search(t) for t in texts) if m]
    return any(m["before"].strip("0") for m in found) and all(len(m["after"]) == 3 for m in found)


def _places(text: str) -> int:
    """Return the places after the whole part of the last number of a text, the decimal mark included."""
    found = LAST_NUMBER.search(text)
    decimals = found["decimals"] if found else None
    return len(decimals) + 1 if decimals else 0
