"""Single cells to values: numbers, dates, texts and ids as Danish files write them."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from numbers import Real
from typing import SupportsFloat

import numpy as np

from mtb_eval.data.raw import DecimalMark

_MARK = re.compile(r"[.,]")
_NUMBERS = {
    ",": re.compile(r"[+-]?(?:\d+|[1-9]\d{0,2}(?:\.\d{3})+)?(?:,\d+)?"),
    ".": re.compile(r"[+-]?(?:\d+|[1-9]\d{0,2}(?:,\d{3})+)?(?:\.\d*)?(?:[eE][+-]?\d+)?"),
}
_WHOLE = re.compile(r"([+-]?\d{1,300})(?:[.,]0+)?")
_TIME = r"(?:[ T]\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d+)?)?)?"
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})" + _TIME)
_DAY_FIRST = re.compile(r"(\d{1,2})([-./])(\d{1,2})\2(\d{4})" + _TIME)
_EXCEL_ERRORS = frozenset({"#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!"})
_EXACT = 2**53  # whole numbers beyond this are rounded when a file stores them as floating point


def is_blank(cell: object, *, text: bool) -> bool:
    """Return whether a cell is empty; in columns that hold no text, "." and "NA" also stand for nothing."""
    return isinstance(cell, str) and (cell.strip() in ("", ".", "NA") if not text else not cell.strip())


def is_excel_error(cell: object) -> bool:
    """Return whether a cell is what Excel leaves where a formula failed, such as #N/A."""
    return isinstance(cell, str) and cell.strip() in _EXCEL_ERRORS


def number_of(cell: object, mark: DecimalMark) -> float | None:
    """Return the number that a cell holds, its text read with `mark` as decimal mark; None if it holds none."""
    if isinstance(cell, str):
        text, decimal = _digits(cell), mark or "."
        other = "." if decimal == "," else ","
        return _finite(float(text.replace(other, "").replace(",", "."))) if _reads(text, decimal) else None
    return _finite(_float(cell)) if isinstance(cell, (float, int, Real, Decimal, np.bool_)) else None


def decimal_mark(cells: Iterable[object], expected: DecimalMark) -> DecimalMark:
    """Return the decimal mark that a column's texts use, "" if they mix marks or can be read either way.

    A text such as 1.234 is a thousand or one point two: it is settled by other cells, or by the mark `expected`
    of the file; otherwise it is not guessed.
    """
    marked = [_digits(cell) for cell in cells if isinstance(cell, str) and is_marked_number(cell)]
    if not marked:
        return expected or "."
    fits = {mark: all(_reads(t, mark) for t in marked) for mark in (",", ".")}
    if fits[","] != fits["."]:
        return "," if fits[","] else "."
    if fits[","] and expected and all(_MARK.findall(t) == [expected] for t in marked):
        return expected
    return ""


def is_marked_number(cell: object) -> bool:
    """Return whether a cell is a number written as text with a comma or point in it."""
    return isinstance(cell, str) and bool(_MARK.search(cell)) and any(_reads(_digits(cell), m) for m in _NUMBERS)


def date_layout(cell: object) -> str:
    """Return how a cell writes a date: "date" (a real one), "iso", "-", "." or "/" (day first), "" if it is none."""
    if isinstance(cell, date):
        return "date"
    if not isinstance(cell, str):
        return ""
    if _ISO.fullmatch(cell.strip()):
        return "iso"
    found = _DAY_FIRST.fullmatch(cell.strip())
    return found.group(2) if found else ""


def date_of(cell: object) -> date | None:
    """Return the day that a cell holds (time of day is dropped); None if it is no date or one that never was."""
    if isinstance(cell, date):
        return cell.date() if isinstance(cell, datetime) else cell
    if not isinstance(cell, str):
        return None
    iso, day_first = _ISO.fullmatch(cell.strip()), _DAY_FIRST.fullmatch(cell.strip())
    try:
        if iso:
            return date(int(iso[1]), int(iso[2]), int(iso[3]))
        return date(int(day_first[4]), int(day_first[3]), int(day_first[1])) if day_first else None
    except ValueError:
        return None


def text_of(cell: object) -> str | None:
    """Return a cell as text: composed letters, no outer blanks, whole numbers without a decimal mark (7.0 is "7").

    None for a truth value, a fraction, and a number too large to have been stored exactly.
    """
    if isinstance(cell, str):
        return unicodedata.normalize("NFC", cell.strip())
    if isinstance(cell, (float, int, Real, Decimal)) and not isinstance(cell, bool):
        value = _float(cell)
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else None
    return cell.isoformat() if isinstance(cell, date) else None


def folded(cell: object) -> str:
    """Return a text for comparison: without case, outer or double blanks; "1.0" and "1,0" are "1"."""
    text = " ".join((text_of(cell) or "").casefold().split())
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def whole_of(cell: object) -> int | None:
    """Return the whole number that a cell holds, as number or text (9, "9", "9.0", "9,0"); None if it holds none."""
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() else None
    whole = _WHOLE.fullmatch(folded(cell).replace("\u2212", "-"))
    return int(whole[1]) if whole else None


def _float(number: SupportsFloat) -> float:
    try:
        return float(number)
    except OverflowError:  # a whole number with more digits than floating point holds
        return math.inf


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _digits(text: str) -> str:
    return text.strip().replace("\u2212", "-").replace("\u00a0", "")


def _reads(text: str, mark: str) -> bool:
    return bool(_NUMBERS[mark].fullmatch(text)) and any(c.isdigit() for c in text)
