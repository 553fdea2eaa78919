"""Tables as they are printed: how wide their columns are, and whether they need a page on its side."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mtb_eval.report.decimals import missing_places
from mtb_eval.report.document import Cell, Column, Table
from mtb_eval.report.lettering import width_mm

MOST_ROWS = 45
PORTRAIT, LANDSCAPE = 174.0, 261.0
SIZE, SMALLER = 8.2, 7.4
# Libertinus Serif runs narrower than DejaVu Sans, by which text is measured.
NARROWER = 0.82
GAP = 2.6
PARAGRAPH, LONG_WORD = 36.0, 17.0
HEAD_LINES = 3
"""Lines that a column's heading may take where room is short; one less where there is room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A column's width in millimetres: the least that it can have, and what it would take on one line."""

    least: float
    wanted: float


def printed_table(table: Table, places: Collection[str]) -> dict[str, Any]:
    """Return a table as plain values; its widths in millimetres add up to no more than the page holds."""
    size, wide = _setting(table)
    widths = shared(tracks(table, size), LANDSCAPE if wide else PORTRAIT)
    room = missing_places(table)
    return {
        "id": table.id,
        "caption": table.caption,
        "note": table.note,
        "size": size,
        "wide": wide,
        "widths": widths,
        "columns": [{"title": c.title, "numeric": c.numeric} for c in table.columns],
        "lines": [
            {"id": line.anchor, "cells": [_with_room(c, places, n) for c, n in zip(line.cells, lacks, strict=True)]}
            for line, lacks in zip(table.lines, room, strict=True)
        ],
    }


def printed_cell(cell: Cell, places: Collection[str]) -> dict[str, Any]:
    """Return a cell as plain values; a link stays only if it leads to a place that is printed."""
    to = cell.href.removeprefix("#") if cell.href.startswith("#") else ""
    return {
        "text": cell.text,
        "under": cell.under,
        "lang": cell.lang,
        "state": cell.state,
        "to": to if to in places else "",
    }


def is_long(table: Table) -> bool:
    """Return whether a table is too long to be printed among the details."""
    return len(table.lines) > MOST_ROWS


def tracks(table: Table, size: float) -> list[Track]:
    """Return what each column of a table needs, type of `size` points."""
    return [_track(column, [line.cells[k] for line in table.lines], size) for k, column in enumerate(table.columns)]


def shared(tracks: Sequence[Track], width: float) -> list[float]:
    """Return the widths of columns that share `width` millimetres: what they want, or what they can have.

    Where not all can have what they want, each gets its least and the same share of what it wants beyond.
    """
    least, wanted = sum(t.least for t in tracks), sum(t.wanted for t in tracks)
    if wanted <= width:
        return [t.wanted for t in tracks]
    if least >= width:
        return [t.least * width / least for t in tracks]
    share = (width - least) / (wanted - least)
    return [t.least + share * (t.wanted - t.least) for t in tracks]


def _with_room(cell: Cell, places: Collection[str], lacks: int) -> dict[str, Any]:
    return {**printed_cell(cell, places), "room": lacks}


def _setting(table: Table) -> tuple[float, bool]:
    """Return the size of type and whether the page lies on its side: the first that holds the table."""
    for size, wide in ((SIZE, False), (SMALLER, False), (SIZE, True)):
        if sum(t.least for t in tracks(table, size)) <= (LANDSCAPE if wide else PORTRAIT):
            return size, wide
    return SMALLER, True


def _track(column: Column, cells: Sequence[Cell], size: float) -> Track:
    lines = [_width(c.text, size) for c in cells] + [_width(c.under, 0.85 * size) for c in cells]
    longest = max(lines, default=0.0)
    words = [_width(w, size, "bold") for w in column.title.split(" ")]
    heading = _folded([min(w, LONG_WORD) for w in words], _width(" ", size), HEAD_LINES)
    wanted = max(_folded(words, _width(" ", size), HEAD_LINES - 1), longest) + GAP
    if column.numeric:
        return Track(least=max(heading, longest) + GAP, wanted=wanted)
    longest_word = min(LONG_WORD, max((_longest_word(c.text, size) for c in cells), default=0.0))
    return Track(least=max(heading, longest_word, min(longest, _readable(longest))) + GAP, wanted=wanted)


def _folded(words: Sequence[float], space: float, lines: int) -> float:
    """Return the least width in which words of these widths, set one after the other, take at most so many lines."""
    runs = {sum(words[a:b]) + space * (b - a - 1) for a in range(len(words)) for b in range(a + 1, len(words) + 1)}
    return min((w for w in runs if _lines(words, space, w) <= lines), default=0.0)


def _lines(words: Sequence[float], space: float, width: float) -> float:
    """Return how many lines words take at a width; infinity if one is wider."""
    if max(words) > width + 1e-9:
        return math.inf
    lines, at = 1, -space
    for word in words:
        if at + space + word > width + 1e-9:
            lines, at = lines + 1, -space
        at += space + word
    return lines


def _readable(longest: float) -> float:
    """Return the least width at which a text of this length does not become a tower of words."""
    return min(PARAGRAPH, max(14.0, math.sqrt(longest * 12.0)))


def _longest_word(text: str, size: float) -> float:
    return max((_width(word, size, "bold") for word in text.split(" ")), default=0.0)


def _width(text: str, size: float, weight: str = "normal") -> float:
    """Return about how wide a text is in millimetres."""
    return NARROWER * size / SIZE * _letters(text, weight)


@lru_cache(maxsize=65536)
def _letters(text: str, weight: str) -> float:
    """Return the sum of a text's letters, each measured once."""
    return sum(width_mm(letter, SIZE, weight) for letter in text)
