"""Every effect at the main wave, grouped by family: conventional and primary analysis as paired marks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.patches import Rectangle

from mtb_eval.report.edition import Edition
from mtb_eval.report.figures.intervals import Interval, intervals, reach_of
from mtb_eval.report.figures.marks import key
from mtb_eval.report.findings import effect_counts
from mtb_eval.report.lettering import LEADING, TEXT, wrapped
from mtb_eval.report.rows import Row, number, text
from mtb_eval.report.style import (
    BAND,
    GREY,
    INK,
    LINE,
    SMALL,
    WHITE,
    WIDE,
    Absent,
    Drawing,
    Look,
    difference_axis,
    sheet,
)
from mtb_eval.report.verdicts import mark_of

LABEL, PLOT, ESTIMATE, COUNT, MARK = 52.0, 55.0, 37.0, 17.0, 14.0
ROW, FAMILY, HEAD, FOOT = 6.0, 6.4, 8.5, 24.0


Align = Literal["left", "center", "right"]


LOOKS = {
    "replica": Look(color=GREY, marker="D", fill=WHITE, width=1.0, size=4.4),
    "primary": Look(color=INK, fill=INK, width=1.7, size=4.4),
}
SHIFTS = {"replica": -1.15, "primary": 1.15}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the figure: an outcome, or the name of a family (`row` empty); `y` its middle from the top, in mm."""

    y: float
    height: float
    label: str
    row: Row


def forest(edition: Edition) -> Drawing | Absent:
    """Draw the effects of care received at the main wave; right of zero favours MTB."""
    rows = edition.main_outcomes()
    if not rows:
        return Absent(why=edition.say("absent.outcomes"))
    lines = _lines(edition, rows)
    body = HEAD + sum(line.height for line in lines) + FOOT
    page = sheet(edition, edition.say("forest.title", **effect_counts(edition, rows)), width=WIDE, body=body)
    canvas = page.canvas
    reach = reach_of([_interval(r, estimator) for r in rows for estimator in LOOKS])
    ax = page.axes(LABEL, FOOT, PLOT, body - HEAD - FOOT)
    ax.set(xlim=(-reach, reach), ylim=(body - HEAD - FOOT, 0))
    _frame(edition, ax)
    _headings(edition, canvas, body)
    for line in lines:
        _write(edition, canvas, line, top=body - HEAD)
    _plot(ax, [line for line in lines if line.row], reach)
    _key(edition, canvas)
    return Drawing(
        title=edition.say("forest.title", **effect_counts(edition, rows)),
        caption=edition.say("forest.caption", level=edition.level, tiers=edition.tiers, n=len(rows)),
        alt=edition.say("forest.alt", **effect_counts(edition, rows)),
        figure=page.figure,
    )


def _lines(edition: Edition, rows: list[Row]) -> list[Line]:
    found: list[Line] = []
    y, family = 0.0, None
    for row in rows:
        if text(row, "family") != family:
            family = text(row, "family")
            found.append(Line(y=y + FAMILY / 2, height=FAMILY, label=edition.family(family), row={}))
            y += FAMILY
        label = f"{edition.outcome(text(row, 'outcome'))} {edition.arrow(text(row, 'outcome'))}"
        found.append(Line(y=y + ROW / 2, height=ROW, label=label, row=row))
        y += ROW
    return found


def _frame(edition: Edition, ax: Axes) -> None:
    difference_axis(edition, ax, edition.say("forest.axis"))
    ax.tick_params(axis="x", length=2.5)


def _headings(edition: Edition, canvas: Axes, body: float) -> None:
    y, middle = body - HEAD / 2, LABEL + PLOT / 2
    places: tuple[tuple[float, str, Align, float], ...] = (
        (middle - 1, "forest.left", "right", PLOT / 2),
        (middle + 1, "forest.right", "left", PLOT / 2),
        (LABEL + PLOT + 2, "forest.estimate", "left", ESTIMATE),
        (LABEL + PLOT + ESTIMATE + COUNT / 2, "forest.n", "center", COUNT),
        (WIDE - 1, "forest.verdict", "right", MARK),
    )
    for x, heading, align, width in places:
        lines = "\n".join(wrapped(edition.say(heading), width, size=SMALL))
        canvas.text(x, y, lines, size=SMALL, color=GREY, va="center", ha=align, linespacing=LEADING)
    canvas.plot([0, WIDE], [body - HEAD + 0.3] * 2, color=LINE, linewidth=0.7)


def _write(edition: Edition, canvas: Axes, line: Line, *, top: float) -> None:
    y, number_of = top - line.y, edition.numbers
    if not line.row:
        canvas.text(0.6, y - 0.5, line.label, size=TEXT, weight="bold", va="center")
        return
    canvas.text(
        2.5, y, "\n".join(wrapped(line.label, LABEL - 3.5, size=SMALL)), size=SMALL, va="center", linespacing=LEADING
    )
    value, low, high = (number(line.row, f"primary_std{end}") for end in ("", "_low", "_high"))
    canvas.text(LABEL + PLOT + 2, y, number_of.estimate(value, low, high), size=SMALL, va="center")
    counts = f"{number_of.count(number(line.row, 'n_mtb'))} + {number_of.count(number(line.row, 'n_control'))}"
    canvas.text(LABEL + PLOT + ESTIMATE + COUNT / 2, y, counts, size=SMALL, va="center", ha="center")
    for k, estimator in enumerate(("replica", "primary")):
        mark = mark_of(line.row, estimator)
        canvas.text(WIDE - MARK + 4.5 + 6.5 * k, y, mark, size=TEXT, va="center", ha="center", color=INK if k else GREY)


def _plot(ax: Axes, lines: list[Line], reach: float) -> None:
    known = [(line.y, min(number(line.row, "mde"), reach)) for line in lines if math.isfinite(number(line.row, "mde"))]
    bands = [Rectangle((-half, y - ROW / 2), 2 * half, ROW) for y, half in known]
    ax.add_collection(PatchCollection(bands, facecolor=BAND, edgecolor="none", zorder=0))
    for estimator, look in LOOKS.items():
        values = [_interval(line.row, estimator) for line in lines]
        intervals(ax, [line.y + SHIFTS[estimator] for line in lines], values, look, reach=reach)


def _interval(row: Row, estimator: str) -> Interval:
    return number(row, f"{estimator}_std"), number(row, f"{estimator}_std_low"), number(row, f"{estimator}_std_high")


def _key(edition: Edition, canvas: Axes) -> None:
    y = 10.0
    for x, (estimator, look) in zip((1, 47), LOOKS.items(), strict=True):
        key(canvas, [(look, edition.say(f"analysis.{estimator}"))], y=y, left=x)
    canvas.add_patch(Rectangle((90, y - 1.6), 7, 3.2, facecolor=BAND, edgecolor=LINE, linewidth=0.5))
    canvas.text(99, y, edition.say("forest.band"), size=SMALL, va="center")
    for k, line in enumerate(wrapped(edition.say("forest.marks"), WIDE - 2, size=SMALL)):
        canvas.text(1, 6.0 - 3.8 * k, line, size=SMALL, va="center", color=GREY)
