"""Every effect at the main wave, grouped by family: conventional and primary analysis as paired marks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from mtb_eval.report.edition import Edition
from mtb_eval.report.findings import effect_counts
from mtb_eval.report.rows import Row, known, number, text
from mtb_eval.report.style import (
    BAND,
    GREY,
    INK,
    LINE,
    SMALL,
    TEXT,
    WHITE,
    WIDE,
    Absent,
    Drawing,
    difference_axis,
    sheet,
    wrapped,
)
from mtb_eval.report.verdicts import mark_of

LABEL, PLOT, ESTIMATE, COUNT, MARK = 52.0, 55.0, 37.0, 17.0, 14.0
ROW, FAMILY, HEAD, FOOT = 6.0, 6.4, 8.5, 24.0


Align = Literal["left", "center", "right"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How an estimator is drawn; `shift` from the middle of the line in millimetres, downwards."""

    color: str
    marker: str
    fill: str
    width: float
    shift: float


LOOKS = {
    "replica": Look(color=GREY, marker="D", fill=WHITE, width=1.0, shift=-1.15),
    "primary": Look(color=INK, marker="o", fill=INK, width=1.7, shift=1.15),
}


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
    canvas, limit = page.canvas(), _limit(rows)
    ax = page.axes(LABEL, FOOT, PLOT, body - HEAD - FOOT)
    ax.set(xlim=(-limit, limit), ylim=(body - HEAD - FOOT, 0))
    _frame(edition, ax)
    _headings(edition, canvas, body)
    for line in lines:
        _write(edition, canvas, line, top=body - HEAD)
        if line.row:
            _plot(ax, line, limit)
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


def _limit(rows: list[Row]) -> float:
    """Half the width of the axis: wide enough for 19 of 20 interval ends, in quarter standard deviations."""
    columns = ("replica_std_low", "replica_std_high", "primary_std_low", "primary_std_high")
    ends = sorted(abs(number(r, c)) for r in rows for c in columns if known(r, c))
    most = ends[int(0.95 * (len(ends) - 1))] if ends else 0.5
    return max(0.5, math.ceil(4 * most) / 4)


def _frame(edition: Edition, ax: Axes) -> None:
    difference_axis(edition, ax, edition.say("forest.axis"))
    ax.tick_params(axis="x", length=2.5)
    ax.patch.set_alpha(0)


def _headings(edition: Edition, canvas: Axes, body: float) -> None:
    y, middle = body - HEAD / 2, LABEL + PLOT / 2
    places: tuple[tuple[float, str, Align, float], ...] = (
        (middle - 1, "forest.left", "right", PLOT / 2),
        (middle + 1, "forest.right", "left", PLOT / 2),
        (LABEL + PLOT + 2, "forest.estimate", "left", ESTIMATE),
        (LABEL + PLOT + ESTIMATE + COUNT / 2, "forest.n", "center", COUNT),
        (WIDE - 1, "forest.verdict", "right", MARK),
    )
    for x, key, align, width in places:
        lines = "\n".join(wrapped(edition.say(key), width, size=SMALL))
        canvas.text(x, y, lines, size=SMALL, color=GREY, va="center", ha=align, linespacing=0.95)
    canvas.plot([0, WIDE], [body - HEAD + 0.3] * 2, color=LINE, linewidth=0.7)


def _write(edition: Edition, canvas: Axes, line: Line, *, top: float) -> None:
    y, number_of = top - line.y, edition.numbers
    if not line.row:
        canvas.text(0.6, y - 0.5, line.label, size=TEXT, weight="bold", va="center")
        return
    canvas.text(
        2.5, y, "\n".join(wrapped(line.label, LABEL - 3.5, size=SMALL)), size=SMALL, va="center", linespacing=0.95
    )
    value, low, high = (number(line.row, f"primary_std{end}") for end in ("", "_low", "_high"))
    canvas.text(LABEL + PLOT + 2, y, number_of.estimate(value, low, high), size=SMALL, va="center")
    counts = f"{number_of.count(number(line.row, 'n_mtb'))} + {number_of.count(number(line.row, 'n_control'))}"
    canvas.text(LABEL + PLOT + ESTIMATE + COUNT / 2, y, counts, size=SMALL, va="center", ha="center")
    for k, estimator in enumerate(("replica", "primary")):
        mark = mark_of(line.row, estimator)
        canvas.text(WIDE - MARK + 5.0 + 6.5 * k, y, mark, size=TEXT, va="center", ha="center", color=INK if k else GREY)


def _plot(ax: Axes, line: Line, limit: float) -> None:
    smallest = number(line.row, "mde")
    if math.isfinite(smallest):
        reach = min(smallest, limit)
        ax.add_patch(Rectangle((-reach, line.y - ROW / 2), 2 * reach, ROW, color=BAND, linewidth=0, zorder=0))
    for estimator, look in LOOKS.items():
        if known(line.row, f"{estimator}_std"):
            _interval(
                ax, [number(line.row, f"{estimator}_std{end}") for end in ("", "_low", "_high")], look, line.y, limit
            )


def _interval(ax: Axes, values: list[float], look: Look, y: float, limit: float) -> None:
    """Draw an estimate with its limits; an arrowhead where the interval goes on beyond the axis."""
    (middle, low, high), at = values, y + look.shift
    if not (math.isnan(low) or math.isnan(high)):
        ends = [max(low, -limit), min(high, limit)]
        ax.plot(ends, [at, at], color=look.color, linewidth=look.width, solid_capstyle="butt", zorder=2)
        for cut, end, arrow in ((low < -limit, -limit, "<"), (high > limit, limit, ">")):
            if cut:
                ax.plot([end], [at], marker=arrow, color=look.color, markersize=4, clip_on=False, zorder=3)
    if abs(middle) <= limit:
        _point(ax, middle, at, look)


def _point(ax: Axes, x: float, y: float, look: Look) -> None:
    ax.plot([x], [y], marker=look.marker, color=look.color, markerfacecolor=look.fill, markersize=4.4, zorder=4)


def _key(edition: Edition, canvas: Axes) -> None:
    y = 10.0
    for x, (estimator, look) in zip((1, 47), LOOKS.items(), strict=True):
        canvas.plot([x, x + 7], [y, y], color=look.color, linewidth=look.width)
        _point(canvas, x + 3.5, y, look)
        canvas.text(x + 9, y, edition.say(f"analysis.{estimator}"), size=SMALL, va="center")
    canvas.add_patch(Rectangle((90, y - 1.6), 7, 3.2, facecolor=BAND, edgecolor=LINE, linewidth=0.5))
    canvas.text(99, y, edition.say("forest.band"), size=SMALL, va="center")
    for k, line in enumerate(wrapped(edition.say("forest.marks"), WIDE - 2, size=SMALL)):
        canvas.text(1, 6.0 - 3.8 * k, line, size=SMALL, va="center", color=GREY)
