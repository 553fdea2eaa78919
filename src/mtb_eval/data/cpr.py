"""Danish civil registration (CPR) numbers, which no study file may hold."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from numbers import Real

_WHOLE = re.compile(r"(\d{2})(\d{2})\d{2}[- ]?\d{4}")
_WITHIN = re.compile(r"(?<!\d)(\d{2})(\d{2})\d{2}-\d{4}(?!\d)")


def n_cpr(cells: Mapping[Hashable, int]) -> int:
    """Return in how many rows a column holds what looks like a CPR number, 0 if it does not look like a column of them.

    `cells` maps the distinct cells to their number of rows. DDMMYY-XXXX with a day that exists counts wherever it
    stands, also within a text; ten digits alone (or nine, where a number lost its leading zero) count only if more
    than half of the rows have them. Days above 60 are replacement numbers. Modulus 11 is not used: numbers issued
    since October 2007 need not meet it.
    """
    if not any(isinstance(cell, str) or (isinstance(cell, (int, float)) and cell >= 10**8) for cell in cells):
        return 0
    written = {cell for cell in cells if isinstance(cell, str) and _any_plausible(_WITHIN, cell)}
    whole = written | {cell for cell in cells if _is_whole(cell)}
    n_written, n_whole = sum(cells[c] for c in written), sum(cells[c] for c in whole)
    return n_whole if n_whole > sum(cells.values()) / 2 else n_written


def _is_whole(cell: Hashable) -> bool:
    if isinstance(cell, str):
        text = cell.strip()
        text = text.removesuffix(".0").zfill(10) if re.fullmatch(r"\d{9}(\.0)?|\d{10}\.0", text) else text
    elif isinstance(cell, Real) and 10**8 <= float(cell) < 10**10 and float(cell).is_integer():
        text = f"{int(cell):010d}"
    else:
        return False
    found = _WHOLE.fullmatch(text)
    return found is not None and _plausible(found)


def _any_plausible(pattern: re.Pattern[str], text: str) -> bool:
    return any(_plausible(found) for found in pattern.finditer(text))


def _plausible(found: re.Match[str]) -> bool:
    day, month = int(found[1]), int(found[2])
    longest = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return 1 <= month <= 12 and 1 <= (day - 60 if day > 60 else day) <= longest[month - 1]
