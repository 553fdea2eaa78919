"""Why a cell is missing: left blank, a declared code, or a code that the file itself marks as missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mtb_eval.data.cells import number_of, whole_of
from mtb_eval.data.raw import UserMissing

BLANK = "blank"


def reason_missing(cell: object, codes: Mapping[int, str], marked: Sequence[UserMissing]) -> str | None:
    """Return why a cell is missing, None if it is not.

    A declared code (source.missing_codes) gives its reason, whether the cell is a number or its text; a value that
    the file marks as missing but nobody declared gives the mark's reason ("user_missing", or ".a" in Stata).
    """
    whole = whole_of(cell) if codes else None
    if whole is not None and whole in codes:
        return codes[whole]
    return next((m.reason for m in marked if _within(cell, m)), None)


def is_marked(code: int, marked: Sequence[UserMissing]) -> bool:
    """Return whether the file marks a code as missing."""
    return any(_within(code, m) for m in marked)


def _within(cell: object, marked: UserMissing) -> bool:
    if isinstance(marked.low, str) or isinstance(marked.high, str):
        return cell == marked.low
    number = number_of(cell, ".")
    return number is not None and marked.low <= number <= marked.high
