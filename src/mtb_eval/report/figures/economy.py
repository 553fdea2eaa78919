"""Costs by municipality, cost against effect, and what both come to by what an effect is worth."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mtb_eval.analysis.economy_benefit import COST, EFFECT, FREE, PRICED
from mtb_eval.report.economy_values import (
    benefit_rows,
    benefit_values,
    compared,
    control_word,
    cost_values,
    costed_rows,
    dkk,
    plane_points,
    summed,
)
from mtb_eval.report.edition import Edition
from mtb_eval.report.figures.marks import key, percent_axis
from mtb_eval.report.rows import Row, first, known, number, text
from mtb_eval.report.style import (
    BLUE,
    DASHED,
    GREY,
    INK,
    MIDDLE,
    SMALL,
    WHITE,
    Absent,
    Drawing,
    Look,
    Sheet,
    sheet,
)

THOUSAND = 1000.0
LEFT, ROW, FOOT, LABEL = 16.0, 5.2, 11.0, 26.0
PANEL, GAP = 40.0, 10.0
SHADE = "#dbe9f4"
WHOLE = Look(color=BLUE, marker="D", fill=BLUE, size=6.0)
PART = Look(color=GREY, fill=WHITE, width=0.0, size=4.5)


def costs(edition: Edition) -> Drawing | Absent:
    """Draw the cost a family by municipality, dearest first, and the mean with its interval."""
    rows = sorted(costed_rows(edition), key=lambda r: -number(r, "cost_per_family"))
    if not rows:
        return Absent(why=edition.say("absent.economy"))
    values = cost_values(edition)
    page = sheet(edition, edition.say("costs.title", **values), width=MIDDLE, body=FOOT + ROW * (len(rows) + 1.6) + 2)
    ax = page.axes(LABEL, FOOT, MIDDLE - LABEL - 18, page.body - FOOT - 1)
    at = [*(float(k) for k in range(len(rows))), len(rows) + 0.4]
    _cost_marks(edition, ax, rows, at)
    _cost_words(edition, page, rows, at)
    return Drawing(
        title=edition.say("costs.title", **values),
        caption=edition.say("costs.caption", **values),
        alt=edition.say("costs.alt", **values),
        figure=page.figure,
    )


def _cost_words(edition: Edition, page: Sheet, rows: list[Row], at: list[float]) -> None:
    """Write the municipalities at the left and their cost at the right, the mean below them."""
    height = page.body - FOOT - 1
    named = [(text(r, "municipality"), number(r, "cost_per_family")) for r in rows]
    for (name, cost), line in zip([*named, (edition.say("costs.mean"), _mean(edition))], at, strict=True):
        y, weight = FOOT + height * (1 - (line + 0.7) / (len(rows) + 1.6)), "bold" if line == at[-1] else "normal"
        page.canvas.text(1, y, name, size=SMALL, va="center", weight=weight)
        page.canvas.text(MIDDLE - 1, y, dkk(edition, cost), size=SMALL, va="center", ha="right", weight=weight)


def _mean(edition: Edition) -> float:
    return number(summed(edition), "estimate")


def _cost_marks(edition: Edition, ax: Axes, rows: list[Row], at: list[float]) -> None:
    mean = summed(edition)
    values = [number(r, "cost_per_family") / THOUSAND for r in rows]
    ends = [number(mean, c) / THOUSAND for c in ("ci_low", "ci_high") if known(mean, c)]
    low, high = min([*values, *ends]), max([*values, *ends])
    room = 0.08 * (high - low) or 0.05 * high
    ax.hlines(at, low - room, high + room, color="#e3e6e9", linewidth=0.5, zorder=0)
    ax.plot(values, at[:-1], linestyle="none", marker="o", color=BLUE, markersize=5)
    if ends:
        ax.hlines(at[-1], ends[0], ends[-1], color=BLUE, linewidth=1.6)
    ax.plot([_mean(edition) / THOUSAND], [at[-1]], marker="D", color=BLUE, markersize=6, linestyle="none")
    ax.set(xlim=(low - room, high + room), ylim=(len(rows) + 0.9, -0.7), yticks=[])
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_formatter(lambda x, _: edition.numbers.plain(x))
    ax.set_xlabel(edition.say("costs.axis"), fontsize=SMALL, labelpad=2)


def plane(edition: Edition) -> Drawing | Absent:
    """Draw effect and cost with all municipalities and their intervals, and without each municipality in turn."""
    points, rows = plane_points(edition), compared(edition, "economy_incremental")
    effect, cost = first(rows, quantity=EFFECT), first(rows, quantity=COST)
    if not points or not (known(effect, "estimate") and known(cost, "estimate")):
        return Absent(why=edition.say("absent.plane"))
    values = benefit_values(edition)
    page = sheet(edition, edition.say("plane.title", **values), width=MIDDLE, body=76.0)
    ax = page.axes(LEFT, FOOT, MIDDLE - LEFT - 3, 76.0 - FOOT - 7)
    without = [r for r in points if text(r, "left_out")]
    x, y = ([number(r, c) / unit for r in without] for c, unit in (("effect", 1.0), ("cost", THOUSAND)))
    _cross(ax, effect, cost)
    ax.plot(x, y, linestyle="none", marker="o", color=GREY, markerfacecolor=WHITE, markersize=4.5, zorder=4)
    _plane_axes(edition, ax, effect, (x, [*y, number(cost, "ci_high") / THOUSAND]))
    looks = ((WHOLE, edition.say("plane.all")), (PART, edition.say("plane.without")))
    key(page.canvas, looks, y=76.0 - 3)
    return Drawing(
        title=edition.say("plane.title", **values),
        caption=edition.say("plane.caption", **values),
        alt=edition.say("plane.alt", **values),
        figure=page.figure,
    )


def _cross(ax: Axes, effect: Row, cost: Row) -> None:
    """Draw the estimate of all municipalities with the intervals of effect and cost."""
    x, y = number(effect, "estimate"), number(cost, "estimate") / THOUSAND
    if known(effect, "ci_low", "ci_high"):
        ax.hlines(y, number(effect, "ci_low"), number(effect, "ci_high"), color=BLUE, linewidth=1.4, zorder=3)
    if known(cost, "ci_low", "ci_high"):
        low, high = (number(cost, c) / THOUSAND for c in ("ci_low", "ci_high"))
        ax.vlines(x, low, high, color=BLUE, linewidth=1.4, zorder=3)
    ax.plot([x], [y], linestyle="none", marker="D", color=BLUE, markersize=6, zorder=5)


def _plane_axes(edition: Edition, ax: Axes, effect: Row, shown: tuple[list[float], list[float]]) -> None:
    """Set axes that hold the origin and everything shown, and the line of the largest willingness to pay."""
    ends = [number(effect, c) for c in ("ci_low", "ci_high", "estimate")]
    xs = [v for v in (0.0, *shown[0], *ends) if math.isfinite(v)]
    ys = [v for v in (0.0, *shown[1]) if math.isfinite(v)]
    room = 0.06 * (max(xs) - min(xs))
    ax.set(xlim=(min(xs) - room, max(xs) + room), ylim=(1.1 * min(ys), 1.15 * max(ys)))
    ax.axhline(0, color=GREY, linewidth=0.7, zorder=1)
    ax.axvline(0, color=GREY, linewidth=0.7, zorder=1)
    worth = [number(r, "willingness") for r in benefit_rows(edition)]
    if worth and max(worth) > 0:
        most = max(worth) / THOUSAND
        ax.plot([0, 10], [0, 10 * most], color=INK, linestyle=(0, (1, 2)), linewidth=1.0, zorder=2, scalex=False)
        ax.set_ylim(1.1 * min(ys), 1.15 * max(ys))
        _ray(edition, ax, most)
    ax.set_xlabel(edition.say("plane.effect"), fontsize=SMALL, labelpad=2)
    ax.set_ylabel(edition.say("plane.cost"), fontsize=SMALL, labelpad=2)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(lambda v, _: edition.numbers.plain(v))


def _ray(edition: Edition, ax: Axes, most: float) -> None:
    """Name the line of the largest willingness to pay where it leaves the axes."""
    (left, right), top = ax.get_xlim(), ax.get_ylim()[1]
    name = edition.say("plane.ray", most=edition.numbers.count(most * THOUSAND))
    if top / most < left + 0.55 * (right - left):
        ax.text(top / most, top, f"  {name}", size=SMALL, va="top", ha="left")


def benefit(edition: Edition) -> Drawing | Absent:
    """Draw net benefit over willingness to pay, and the chance that it is above zero."""
    rows = benefit_rows(edition)
    if not rows:
        return Absent(why=edition.say("absent.plane"))
    values = benefit_values(edition)
    title = edition.say(_verdict(rows[-1]), **values)
    page = sheet(edition, title, width=MIDDLE, body=FOOT + 2 * PANEL + GAP + 6)
    above = page.axes(LEFT, FOOT + PANEL + GAP, MIDDLE - LEFT - 4, PANEL)
    below = page.axes(LEFT, FOOT, MIDDLE - LEFT - 4, PANEL)
    _net(edition, above, rows)
    _chances(edition, below)
    for ax in (above, below):
        ax.set_xlim(0, max(number(r, "willingness") for r in rows) / THOUSAND)
        ax.xaxis.set_major_formatter(lambda v, _: edition.numbers.plain(v))
    above.tick_params(labelbottom=False)
    below.set_xlabel(edition.say("benefit.willingness"), fontsize=SMALL, labelpad=2)
    return Drawing(
        title=title,
        caption=edition.say("benefit.caption", **values),
        alt=edition.say("benefit.alt", **values),
        figure=page.figure,
    )


def _verdict(most: Row) -> str:
    """Return the key of what the interval at the largest willingness to pay says."""
    if number(most, "ci_low") > 0:
        return "benefit.title_above"
    return "benefit.title_below" if number(most, "ci_high") < 0 else "benefit.title_open"


def _net(edition: Edition, ax: Axes, rows: list[Row]) -> None:
    x = [number(r, "willingness") / THOUSAND for r in rows]
    middle, low, high = ([number(r, c) / THOUSAND for r in rows] for c in ("estimate", "ci_low", "ci_high"))
    ax.fill_between(x, low, high, color=SHADE, linewidth=0, zorder=1)
    ax.plot(x, middle, color=BLUE, marker="o", markersize=3.5, zorder=3, clip_on=False)
    ax.axhline(0, color=GREY, linewidth=0.8, zorder=2)
    ax.set_title(edition.say("benefit.axis"), fontsize=SMALL, color=GREY, pad=3)
    ax.yaxis.set_major_formatter(lambda v, _: edition.numbers.plain(v))


def _chances(edition: Edition, ax: Axes) -> None:
    """Draw the chance of a net benefit above zero, usual care free and priced, each named at its right end."""
    ax.axhline(0.5, color=GREY, linewidth=0.6, zorder=1)
    for control_cost, line, fill in ((FREE, "-", BLUE), (PRICED, DASHED, WHITE)):
        rows = [r for r in benefit_rows(edition, control_cost) if known(r, "chance")]
        if not rows:
            continue
        x, y = [number(r, "willingness") / THOUSAND for r in rows], [number(r, "chance") for r in rows]
        look: dict[str, Any] = {"linestyle": line, "markerfacecolor": fill, "markersize": 3.5, "clip_on": False}
        ax.plot(x, y, color=BLUE, marker="o", zorder=3, **look)
        above = control_cost == FREE
        place: dict[str, Any] = {"ha": "right" if above else "left", "va": "bottom" if above else "top"}
        k = len(x) - 3 if len(x) > 3 else 0
        ax.text(x[k], y[k], f"  {control_word(edition, rows[0])}  ", size=SMALL, color=BLUE, **place)
    ax.set_ylim(0, 1)
    percent_axis(edition, ax.yaxis)
    ax.set_title(edition.say("benefit.chance"), fontsize=SMALL, color=GREY, pad=3)
