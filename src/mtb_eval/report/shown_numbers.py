"""Cells that show nothing but a number: what it is, and how it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mtb_eval.report.document import Cell
from mtb_eval.report.numbers import MINUS, NBSP, Language

PLAIN = re.compile(r"(?P<minus>-?)(?P<whole>\d*)(?:\.(?P<part>\d+))?(?P<percent>%?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownNumber:
    """The unrounded number, and the number format of a spreadsheet that shows it as the cell does."""

    value: float
    format: str


def shown_number(cell: Cell, language: Language) -> ShownNumber | None:
    """Return the number that a cell shows, or None if it shows anything else or its value is not known.

    The value is the cell's sorting value; it must round to what is written, as a number or as a percentage.
    """
    if cell.under or not isinstance(cell.sort, int | float):
        return None
    text = _english(cell.text, language)
    found = PLAIN.fullmatch(text)
    if not found or not (found["whole"] or found["part"]):
        return None
    decimals, percent = len(found["part"] or ""), bool(found["percent"])
    written, value = float(text.rstrip("%")), float(cell.sort)
    if abs(value * (100 if percent else 1) - written) > 0.5000001 * 10.0**-decimals:
        return None
    return ShownNumber(value=value, format=_format(cell.text, decimals, percent=percent))


def _english(text: str, language: Language) -> str:
    plain = text.replace(MINUS, "-").replace(NBSP, "").replace(" ", "")
    group, point = (",", ".") if language == "en" else (".", ",")
    return plain.replace(group, "").replace(point, ".")


def _format(text: str, decimals: int, *, percent: bool) -> str:
    """Return the format: thousands apart, no zero before the point where none is written, 75 % with its space."""
    leading = "" if text.lstrip(MINUS).startswith(".") else "#,##0"
    part = f".{'0' * decimals}" if decimals else ""
    return f'{leading}{part}" "%' if percent and NBSP in text else f"{leading}{part}{'%' if percent else ''}"
