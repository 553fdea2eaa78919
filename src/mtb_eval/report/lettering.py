"""How large a line of text is: measured letter by letter, each letter once, so that a line costs next to nothing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from matplotlib.ft2font import FT2Font, Kerning, LoadFlags

from mtb_eval.report.fonts import FACES, font_folder

TEXT, POINT = 9.0, 25.4 / 72
WEIGHTS = {"normal": 400, "bold": 700}
LEADING = 1.15
"""From one line to the next, in sizes of type."""
UNIT = 100
"""The size of type in points at which letters are measured."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter of UNIT points: how far the next one stands, and where its ink ends; in points from its origin."""

    advance: float
    right: float
    top: float
    bottom: float


def line_size(text: str, size: float, weight: str) -> tuple[float, float, float]:
    """Return the width, the height and the descent of a line of DejaVu Sans in points, kerned and unhinted.

    As matplotlib has them, but for width where a line holds ligatures: there up to half a hundredth more.
    Raises KeyError for a weight other than "normal" and "bold".
    """
    if not text:
        return 0.0, 0.0, 0.0
    letters = [_letter(sign, weight) for sign in text]
    at = right = 0.0
    for letter, closer in zip(letters, [0.0, *(_kern(a, b, weight) for a, b in pairwise(text))], strict=True):
        right = max(right, at + closer + letter.right)
        at += closer + letter.advance
    bottom = min(letter.bottom for letter in letters)
    height = max(letter.top for letter in letters) - bottom
    return max(at, right) * size / UNIT, height * size / UNIT, -bottom * size / UNIT


@lru_cache(maxsize=4096)
def width_mm(text: str, size: float, weight: str = "normal") -> float:
    """Return the width of a line of text in millimetres."""
    return line_size(text, size, weight)[0] * POINT


def wrapped(text: str, width: float, *, size: float = TEXT, weight: str = "normal") -> list[str]:
    """Return a text in lines no wider than `width` millimetres; a longer word stands alone."""
    lines: list[str] = []
    words = text.split(" ")
    while words:
        n = _n_fitting(words, width, size, weight)
        lines.append(" ".join(words[:n]))
        words = words[n:]
    return lines


def _n_fitting(words: Sequence[str], width: float, size: float, weight: str) -> int:
    """Return how many words stand on one line, at least one."""

    def line_width(n: int) -> float:
        return width_mm(" ".join(words[:n]), size, weight)

    return max(1, bisect_right(range(1, len(words) + 1), width, key=line_width))


@lru_cache(maxsize=2)
def _face(weight: str) -> Any:
    face = FT2Font(str(font_folder() / FACES[WEIGHTS[weight]]))
    face.set_size(UNIT, 72)
    return face


@lru_cache(maxsize=1024)
def _letter(sign: str, weight: str) -> Letter:
    found = _face(weight).load_char(ord(sign), flags=LoadFlags.NO_HINTING)
    _, bottom, right, top = found.bbox
    return Letter(found.horiAdvance / 64, right / 64, top / 64, bottom / 64)


@lru_cache(maxsize=16384)
def _kern(left: str, right: str, weight: str) -> float:
    """Return how much further than its advance the right one of two letters stands in points, mostly less."""
    face = _face(weight)
    places = (face.get_char_index(ord(sign)) for sign in (left, right))
    return float(face.get_kerning(*places, Kerning.DEFAULT)) / 64
