"""Published statements by state: agrees, differs, cannot be tested."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from mtb_eval.report.edition import Edition
from mtb_eval.report.findings import claim_counts
from mtb_eval.report.lettering import LEADING, width_mm, wrapped
from mtb_eval.report.rows import Row, distinct, text
from mtb_eval.report.style import BLUE, GREY, INK, MIDDLE, SMALL, VERMILLION, WHITE, Absent, Drawing, sheet
from mtb_eval.report.verdicts import SIGNS

LABEL, CELL, STEP, FOOT = 34.0, 8.2, 9.6, 9.0


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How the cells of a result look."""

    face: str
    edge: str
    ink: str


STATES = {
    "agrees": State(face=BLUE, edge=BLUE, ink=WHITE),
    "differs": State(face=WHITE, edge=VERMILLION, ink=VERMILLION),
    "cannot be tested": State(face=WHITE, edge="#b6bcc3", ink=GREY),
}


def claims(edition: Edition) -> Drawing | Absent:
    """Draw one cell per published statement, in rows by topic, coloured and signed by what the data give."""
    rows = edition.rows("claims")
    if not rows:
        return Absent(why=edition.say("absent.claims"))
    per_line = int((MIDDLE - LABEL) // STEP)
    groups = [(topic, [r for r in rows if text(r, "topic") == topic]) for topic in distinct(rows, "topic")]
    heights = [STEP * -(-len(group) // per_line) for _, group in groups]
    values = claim_counts(edition)
    body = sum(heights) + FOOT + 4
    page = sheet(edition, edition.say("claims.title", **values), width=MIDDLE, body=body)
    y = body - STEP - 1
    for (topic, group), height in zip(groups, heights, strict=True):
        label = wrapped(edition.named("topic", topic), LABEL - 2, size=SMALL)
        page.canvas.text(1, y + CELL / 2, "\n".join(label), size=SMALL, va="center")
        for k, row in enumerate(group):
            _cell(page.canvas, row, LABEL + k % per_line * STEP, y - k // per_line * STEP)
        y -= height
    _key(edition, page.canvas)
    return Drawing(
        title=edition.say("claims.title", **values),
        caption=edition.say("claims.caption", **values),
        alt=edition.say("claims.alt", **values),
        figure=page.figure,
    )


def _cell(canvas: Axes, row: Row, x: float, y: float) -> None:
    result = text(row, "result")
    look, words = STATES.get(result, STATES["cannot be tested"]), f"{SIGNS.get(result, '?')}\n{text(row, 'id')}"
    _box(canvas, look, x, y, CELL)
    canvas.text(
        x + CELL / 2, y + CELL / 2, words, size=7, color=look.ink, ha="center", va="center", linespacing=LEADING
    )


def _box(canvas: Axes, look: State, x: float, y: float, size: float) -> None:
    canvas.add_patch(Rectangle((x, y), size, size, facecolor=look.face, edgecolor=look.edge))


def _key(edition: Edition, canvas: Axes) -> None:
    x = 1.0
    for state, look in STATES.items():
        name = edition.named("result", state.replace(" ", "-"))
        _box(canvas, look, x, 1.5, 4)
        canvas.text(x + 2, 3.5, SIGNS[state], size=7, color=look.ink, ha="center", va="center")
        canvas.text(x + 6, 3.5, name, size=SMALL, va="center", color=INK)
        x += 14 + width_mm(name, SMALL)
