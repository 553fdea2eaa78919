"""Dose: families above and below the threshold beside usual care, and means by number of visits."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.axes import Axes

from mtb_eval.report.edition import Edition
from mtb_eval.report.figures.marks import grid
from mtb_eval.report.findings import dose_counts, dose_rows
from mtb_eval.report.rows import Row, distinct, known, number
from mtb_eval.report.scale import standardised
from mtb_eval.report.style import (
    BLUE,
    GREY,
    LINE,
    MIDDLE,
    SMALL,
    VERMILLION,
    WHITE,
    WIDE,
    Absent,
    Drawing,
    difference_axis,
    sheet,
    wrapped,
)

LABEL, ROW, HEAD, FOOT = 46.0, 7.0, 5.0, 18.0
PANEL, COLUMNS = 27.0, 3


def dose_contrasts(edition: Edition) -> Drawing | Absent:
    """Draw the difference from usual care for the families above and below the threshold, by outcome."""
    high, low = dose_rows(edition, "high"), dose_rows(edition, "low")
    outcomes = list(dict.fromkeys([*high, *low]))
    if not outcomes or edition.plan.dose is None:
        return Absent(why=edition.say("absent.dose"))
    words = {"threshold": edition.plan.dose.threshold, **dose_counts(edition)}
    body = HEAD + ROW * len(outcomes) + FOOT
    page = sheet(edition, edition.say("dose.title", **words), width=MIDDLE, body=body)
    canvas, ax = page.canvas(), page.axes(LABEL, FOOT, MIDDLE - LABEL - 3, ROW * len(outcomes))
    ax.set_ylim(ROW * len(outcomes), 0)
    for k, outcome in enumerate(outcomes):
        y = ROW * (k + 0.5)
        label = "\n".join(wrapped(edition.outcome(outcome), LABEL - 4, size=SMALL))
        canvas.text(1, FOOT + ROW * len(outcomes) - y, label, size=SMALL, va="center")
        ax.axhline(ROW * (k + 1), color=LINE, linewidth=0.4, zorder=0)
        _point(ax, high.get(outcome, {}), y - 1.2, fill=BLUE, line="-")
        _point(ax, low.get(outcome, {}), y + 1.2, fill=WHITE, line=(0, (5, 2)))
    difference_axis(edition, ax, edition.say("forest.axis"))
    _key(edition, canvas)
    return Drawing(
        title=edition.say("dose.title", **words),
        caption=edition.say("dose.caption", level=edition.level, **words),
        alt=edition.say("dose.alt", **words),
        figure=page.figure,
    )


def dose_bins(edition: Edition) -> Drawing | Absent:
    """Draw the mean of each outcome by number of visits, usual care in its own column at the left."""
    rows = [r for r in edition.rows("dose_bins") if known(r, "std")]
    outcomes = distinct(rows, "outcome")
    if not outcomes or edition.plan.dose is None:
        return Absent(why=edition.say("absent.dose_bins"))
    words = {"threshold": edition.plan.dose.threshold, "n": len(outcomes)}
    n_rows, foot = -(-len(outcomes) // COLUMNS), 12.0
    body = foot + n_rows * (PANEL + 10.0) - 1
    page = sheet(edition, edition.say("bins.title", **words), width=WIDE, body=body)
    panels = grid(page, len(outcomes), columns=COLUMNS, panel=PANEL, foot=foot, gap=(11.0, 10.0))
    limits = _limits(rows)
    for k, (outcome, ax) in enumerate(zip(outcomes, panels, strict=True)):
        _bins(edition, ax, [r for r in rows if r["outcome"] == outcome], limits)
        title = "\n".join(wrapped(edition.outcome(outcome), 46, size=SMALL))
        ax.set_title(title, fontsize=SMALL, pad=2)
        ax.tick_params(labelbottom=k >= len(outcomes) - COLUMNS, labelleft=k % COLUMNS == 0)
    page.canvas().text(WIDE / 2, 1, edition.say("bins.axis"), size=SMALL, ha="center", va="bottom")
    return Drawing(
        title=edition.say("bins.title", **words),
        caption=edition.say("bins.caption", level=edition.level, **words),
        alt=edition.say("bins.alt", **words),
        figure=page.figure,
    )


def _point(ax: Axes, row: Row, y: float, *, fill: str, line: object) -> None:
    value, low, high = standardised(row)
    if math.isnan(value):
        return
    ax.plot([low, high], [y, y], color=BLUE, linestyle=line, zorder=2)
    ax.plot([value], [y], marker="o", color=BLUE, markerfacecolor=fill, markersize=5, zorder=4)


def _key(edition: Edition, canvas: Axes) -> None:
    threshold = edition.plan.dose.threshold if edition.plan.dose else 0
    for y, fill, line, key in ((6.0, BLUE, "-", "dose.high"), (2.0, WHITE, (0, (5, 2)), "dose.low")):
        canvas.plot([1, 9], [y, y], color=BLUE, linestyle=line)
        canvas.plot([5], [y], marker="o", color=BLUE, markerfacecolor=fill, markersize=5)
        canvas.text(11, y, edition.say(key, threshold=threshold), size=SMALL, va="center")


def _bins(edition: Edition, ax: Axes, rows: list[Row], limits: tuple[float, float, float]) -> None:
    bottom, top, right = limits
    ax.axhline(0, color=GREY, linewidth=0.7, zorder=1)
    ax.axvline(
        edition.plan.dose.threshold if edition.plan.dose else 0, color=GREY, linestyle=(0, (2, 2)), linewidth=0.8
    )
    for row in rows:
        own = math.isnan(number(row, "low"))
        x = -19.0 if own else (number(row, "low") + number(row, "high")) / 2
        look: dict[str, Any] = (
            {"color": VERMILLION, "marker": "s", "markerfacecolor": WHITE} if own else {"color": BLUE, "marker": "o"}
        )
        if known(row, "std_low", "std_high"):
            _span(ax, x, row, limits, look["color"])
        ax.plot([x], [number(row, "std")], linestyle="none", markersize=4, zorder=4, **look)
    ax.axvspan(-32, -6, color="#f4f5f6", linewidth=0, zorder=0)
    ax.set(xlim=(-32, right + 4), ylim=(bottom, top))
    ticks = list(range(0, int(right) + 1, 20 if right > 60 else 10))
    ax.set_xticks([-19, *ticks], [edition.say("bins.control"), *(edition.numbers.count(t) for t in ticks)], fontsize=7)
    ax.yaxis.set_major_formatter(lambda y, _: edition.numbers.plain(y))


def _span(ax: Axes, x: float, row: Row, limits: tuple[float, float, float], color: str) -> None:
    """Draw an interval; an arrowhead where it goes on beyond the panel."""
    bottom, top, _ = limits
    low, high = number(row, "std_low"), number(row, "std_high")
    ax.plot([x, x], [max(low, bottom), min(high, top)], color=color, linewidth=1.0, zorder=2)
    for cut, end, arrow in ((low < bottom, bottom, "v"), (high > top, top, "^")):
        if cut:
            ax.plot([x], [end], marker=arrow, color=color, markersize=3, clip_on=False, zorder=3)


def _limits(rows: list[Row]) -> tuple[float, float, float]:
    """Return bottom, top and right of the panels: every mean fits, and four of five interval ends."""
    ends = sorted(abs(number(r, c)) for r in rows for c in ("std_low", "std_high") if known(r, c))
    means = [1.15 * abs(number(r, "std")) for r in rows]
    reach = max(0.8, *means, ends[int(0.8 * (len(ends) - 1))] if ends else 0.8)
    right = max((number(r, "high") for r in rows if known(r, "high")), default=100.0)
    return -reach, reach, right
