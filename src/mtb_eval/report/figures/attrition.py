"""Missing answers: the effects under each way of dealing with them, and where a conclusion would tip."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes

from mtb_eval.report.attrition import (
    attrition_values,
    excludes,
    lead_outcome,
    tested_rows,
    tipping_rows,
    tipping_values,
)
from mtb_eval.report.edition import Edition
from mtb_eval.report.evidence import std_interval
from mtb_eval.report.figures.intervals import MISSING, paired_rows
from mtb_eval.report.figures.marks import key
from mtb_eval.report.lettering import wrapped
from mtb_eval.report.rows import Row, distinct, number, text
from mtb_eval.report.style import (
    BAND,
    BLUE,
    DASHED,
    GREY,
    INK,
    MIDDLE,
    SMALL,
    VERMILLION,
    WHITE,
    WIDE,
    Absent,
    Drawing,
    Look,
    difference_axis,
    sheet,
)

LABEL, ROW, FOOT = 50.0, 8.6, 17.0
COMPLETE = Look(color=INK, fill=INK, size=4.6)
WEIGHTED = Look(color=BLUE, fill=WHITE, marker="D", size=4.0, width=1.1)
IMPUTED = replace(COMPLETE, color=VERMILLION, fill=WHITE, marker="s", line=DASHED, width=1.1)
SERIES = {"complete": COMPLETE, "ipw_jackknife": WEIGHTED, "mi_scale": IMPUTED}
PLANE, SIDE, MARGIN = 84.0, 22.0, 14.0


def attrition(edition: Edition) -> Drawing | Absent:
    """Draw each outcome's effect among those who answered, with responders weighted, and after imputation."""
    rows = {a: tested_rows(edition, a) for a in SERIES}
    outcomes = list(rows["complete"])
    if not outcomes:
        return Absent(why=edition.say("absent.attrition"))
    values = attrition_values(edition)
    page = sheet(edition, edition.say("attrition.figure", **values), width=WIDE, body=5 + ROW * len(outcomes) + FOOT)
    series = [
        (look, [std_interval(rows[a][o]) if o in rows[a] else MISSING for o in outcomes]) for a, look in SERIES.items()
    ]
    ax = paired_rows(page, [edition.outcome(o) for o in outcomes], series, label=LABEL, foot=FOOT)
    difference_axis(edition, ax, edition.say("forest.axis"))
    key(page.canvas, [(look, edition.say(f"attrition.{a}")) for a, look in SERIES.items()], y=2.5)
    return Drawing(
        title=edition.say("attrition.figure", **values),
        caption=edition.say("attrition.figure_caption", **values),
        alt=edition.say("attrition.figure_alt", **values),
        figure=page.figure,
    )


def tipping(edition: Edition) -> Drawing | Absent:
    """Draw the plane of shifts of the imputed answers of one outcome, and where its interval touches zero."""
    outcome = lead_outcome(edition)
    grid = edition.rows("attrition_grid", outcome=outcome) if outcome else []
    if not grid:
        return Absent(why=edition.say("absent.attrition"))
    values, row = tipping_values(edition, outcome), tipping_rows(edition)[outcome]
    title = _title(edition, row, values)
    page = sheet(edition, title, width=MIDDLE, body=MARGIN + PLANE + 4)
    ax = page.axes(SIDE, MARGIN, PLANE, PLANE)
    _regions(ax, grid)
    _frontier(ax, edition.rows("attrition_frontier", outcome=outcome))
    _points(edition, ax, row)
    _axes(edition, ax, grid)
    _key(edition, page.canvas, left=SIDE + PLANE + 3, top=MARGIN + PLANE - 3)
    return Drawing(
        title=title,
        caption=edition.say("attrition.tipping_caption", **values),
        alt=edition.say("attrition.tipping_alt", **values),
        figure=page.figure,
    )


def _title(edition: Edition, row: Row, values: dict[str, object]) -> str:
    now = "excludes" if excludes(text(row, "conclusion")) else "includes"
    reached = "" if math.isfinite(number(row, "distance")) else "_beyond"
    return edition.say(f"attrition.tipping_{now}{reached}", **values)


def _regions(ax: Axes, grid: list[Row]) -> None:
    """Shade where the interval excludes zero, by whom the effect favours."""
    mtb, control = (np.unique([number(r, c) for r in grid]) for c in ("shift_mtb", "shift_control"))
    for column, color, levels in (("std_low", BLUE, (0.0, math.inf)), ("std_high", VERMILLION, (-math.inf, 0.0))):
        ends = np.array([number(r, column) for r in grid]).reshape(len(mtb), len(control))
        inside = (ends > levels[0]) & (ends < levels[1])
        if inside.any():
            limits = [max(levels[0], float(ends.min()) - 1), min(levels[1], float(ends.max()) + 1)]
            ax.contourf(mtb, control, ends.T, levels=limits, colors=[color], alpha=0.22, zorder=0)


def _frontier(ax: Axes, rows: list[Row]) -> None:
    """Draw where the interval touches zero: a line for each side, or points where it turns back."""
    for side in distinct(rows, "side"):
        x, y = ([number(r, c) for r in rows if r["side"] == side] for c in ("shift_mtb", "shift_control"))
        single = len(set(x)) == len(x)
        ax.plot(x, y, linestyle="-" if single else "none", marker="" if single else ".", color=INK, linewidth=1.2)


def _points(edition: Edition, ax: Axes, row: Row) -> None:
    """Mark no shift, and the nearest shifts that change the conclusion."""
    ax.axhline(0, color=GREY, linewidth=0.6, zorder=1)
    ax.axvline(0, color=GREY, linewidth=0.6, zorder=1)
    ax.plot([0], [0], marker="o", color=INK, markersize=5, zorder=4)
    x, y = number(row, "shift_mtb"), number(row, "shift_control")
    if math.isfinite(x):
        ax.plot([0, x], [0, y], color=INK, linewidth=1.0, zorder=3)
        ax.plot([x], [y], marker="D", color=INK, markerfacecolor=WHITE, markersize=5, zorder=4)


def _axes(edition: Edition, ax: Axes, grid: list[Row]) -> None:
    reach = max(number(r, "shift_mtb") for r in grid)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", facecolor=BAND)
    ax.set_xlabel(edition.say("attrition.axis_mtb"), fontsize=SMALL, labelpad=2)
    ax.set_ylabel(edition.say("attrition.axis_control"), fontsize=SMALL, labelpad=2)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(lambda v, _: edition.numbers.plain(v))


def _key(edition: Edition, canvas: Axes, *, left: float, top: float) -> None:
    """Write what the shades and marks are, below each other."""
    shades = (("mtb", BLUE, 0.22), ("neither", BAND, 1.0), ("control", VERMILLION, 0.22))
    y = top
    for name, color, alpha in shades:
        for shade, opacity in ((BAND, 1.0), (color, alpha)):
            canvas.fill_between([left, left + 4], y - 1.5, y + 1.5, color=shade, alpha=opacity, linewidth=0)
        y = _written(edition, canvas, f"attrition.region_{name}", left=left, y=y)
    for name, marker, fill in (("now", "o", INK), ("nearest", "D", WHITE)):
        canvas.plot([left + 2], [y], marker=marker, color=INK, markerfacecolor=fill, markersize=5)
        y = _written(edition, canvas, f"attrition.point_{name}", left=left, y=y)


def _written(edition: Edition, canvas: Axes, name: str, *, left: float, y: float) -> float:
    """Write one entry of the key, and return the height of the next."""
    lines = wrapped(edition.say(name), MIDDLE - left - 7, size=SMALL)
    for k, line in enumerate(lines):
        canvas.text(left + 6, y - 3.6 * k, line, size=SMALL, va="center")
    return y - 3.6 * len(lines) - 3.0
