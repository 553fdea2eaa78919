"""Published statements by state: agrees, differs, cannot be tested."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from mtb_eval.report.edition import Edition
from mtb_eval.report.findings import claim_counts
from mtb_eval.report.rows import distinct, text
from mtb_eval.report.style import BLUE, GREY, INK, MIDDLE, SMALL, VERMILLION, WHITE, Absent, Drawing, sheet, wrapped

STATES = {
    "agrees": {"sign": "\N{CHECK MARK}", "face": BLUE, "edge": BLUE, "text": WHITE},
    "differs": {"sign": "\N{NOT EQUAL TO}", "face": WHITE, "edge": VERMILLION, "text": VERMILLION},
    "cannot be tested": {"sign": "?", "face": WHITE, "edge": "#b6bcc3", "text": GREY},
}
LABEL, CELL, STEP, FOOT = 34.0, 8.2, 9.6, 9.0


def claims(edition: Edition) -> Drawing | Absent:
    """Draw one cell per published statement, in rows by topic, coloured and signed by what the data give."""
    rows = edition.rows("claims")
    if not rows:
        return Absent(why=edition.say("absent.claims"))
    per_line = int((MIDDLE - LABEL) // STEP)
    groups = [(topic, [r for r in rows if text(r, "topic") == topic]) for topic in distinct(rows, "topic")]
    n_lines = sum(-(-len(group) // per_line) for _, group in groups)
    values = claim_counts(edition)
    body = n_lines * STEP + FOOT + 2
    page = sheet(edition, edition.say("claims.title", **values), width=MIDDLE, body=body)
    canvas, y = page.canvas, body - STEP + 1
    for topic, group in groups:
        label = wrapped(edition.named("topic", topic), LABEL - 2, size=SMALL)
        canvas.text(1, y + CELL / 2, "\n".join(label), size=SMALL, va="center")
        for k, row in enumerate(group):
            line, place = divmod(k, per_line)
            look = STATES.get(text(row, "result"), STATES["cannot be tested"])
            x, bottom = LABEL + place * STEP, y - line * STEP
            canvas.add_patch(Rectangle((x, bottom), CELL, CELL, facecolor=look["face"], edgecolor=look["edge"]))
            canvas.text(
                x + CELL / 2, bottom + CELL * 0.66, look["sign"], size=9, color=look["text"], ha="center", va="center"
            )
            canvas.text(
                x + CELL / 2,
                bottom + CELL * 0.22,
                text(row, "id"),
                size=6,
                color=look["text"],
                ha="center",
                va="center",
            )
        y -= STEP * -(-len(group) // per_line)
    _key(edition, canvas)
    return Drawing(
        title=edition.say("claims.title", **values),
        caption=edition.say("claims.caption", **values),
        alt=edition.say("claims.alt", **values),
        figure=page.figure,
    )


def _key(edition: Edition, canvas: Axes) -> None:
    x = 1.0
    for state, look in STATES.items():
        canvas.add_patch(Rectangle((x, 1.5), 4, 4, facecolor=look["face"], edgecolor=look["edge"]))
        canvas.text(x + 2, 3.5, look["sign"], size=7, color=look["text"], ha="center", va="center")
        canvas.text(x + 6, 3.5, edition.named("result", state.replace(" ", "-")), size=SMALL, va="center", color=INK)
        x += 36
