"""Placements out of home: cumulative share with numbers at risk and counts.

Layout of the curves: Morris et al. (2019), doi 10.1136/bmjopen-2019-030215.
"""

from __future__ import annotations

import math
from typing import Any

from matplotlib.axes import Axes

from mtb_eval.report.edition import Edition
from mtb_eval.report.figures.marks import ARM_ORDER, percent_axis
from mtb_eval.report.findings import placement_risks, placement_values
from mtb_eval.report.rows import Row, known, number
from mtb_eval.report.style import ARMS, GREY, INK, MIDDLE, SMALL, WHITE, Absent, Drawing, sheet

LEFT, PLOT, LINE_HEIGHT, BARS = 33.0, 48.0, 4.4, 22.0


def placements(edition: Edition) -> Drawing | Absent:
    """Draw the cumulative share of children placed by age, numbers at risk below it, and risks with counts."""
    times = [r for r in edition.rows("placement_times") if known(r, "months", "cumulative")]
    risks = placement_risks(edition)
    if not times and not risks:
        return Absent(why=edition.say("absent.placements"))
    parts = _parts(times)
    table = 3 * len(parts) * LINE_HEIGHT + 4
    body = PLOT + table + BARS + 38 if times else BARS + 14
    values = placement_values(edition)
    page = sheet(edition, edition.say("placements.title", **values), width=MIDDLE, body=body)
    bottom = BARS + table + 28
    if times:
        ax = page.axes(LEFT, bottom, MIDDLE - LEFT - 5, PLOT)
        _curves(edition, ax, times)
        _at_risk(edition, page.canvas, times, parts, top=bottom - 13)
    if risks:
        _bars(edition, page.axes(LEFT, 8, MIDDLE - LEFT - 40, BARS), risks)
    drawn = "" if times else "_bars"
    return Drawing(
        title=edition.say("placements.title", **values),
        caption=edition.say(f"placements.caption{drawn}", **values),
        alt=edition.say(f"placements.alt{drawn}", **values),
        figure=page.figure,
    )


def _curves(edition: Edition, ax: Axes, rows: list[Row]) -> None:
    end = max(number(r, "months") for r in rows)
    for arm in ARM_ORDER:
        here = _ordered(rows, arm)
        if not here:
            continue
        months = [0.0, *(number(r, "months") for r in here), end]
        look = ARMS[arm]
        shares = [0.0, *(number(r, "cumulative") for r in here)]
        ax.step(months, [*shares, shares[-1]], where="post", color=look.color, linestyle=look.line, zorder=3)
        low, high = ([0.0, *(number(r, c) for r in here)] for c in ("ci_low", "ci_high"))
        ax.fill_between(
            months, [*low, low[-1]], [*high, high[-1]], step="post", color=look.color, alpha=0.10, linewidth=0
        )
        place: dict[str, Any] = {"xytext": (-2, 2), "textcoords": "offset points", "ha": "right", "va": "bottom"}
        ax.annotate(edition.arm(arm), (end, shares[-1]), size=SMALL, color=look.color, **place)
    ax.set(xlim=(0, end), ylim=(0, None))
    ax.set_xticks(_ticks(end))
    percent_axis(edition, ax.yaxis)
    ax.set_xlabel(edition.say("placements.age"), fontsize=SMALL, labelpad=1)
    ax.set_title(edition.say("placements.curve"), fontsize=SMALL, color=GREY)


def _ticks(end: float) -> list[float]:
    step = max(1, round(end / 4))
    return [float(m) for m in range(0, int(end) + 1, step)]


def _parts(rows: list[Row]) -> tuple[str, ...]:
    """Return the parts of the table below the curves; censoring only where there is any."""
    arms = [_ordered(rows, arm) for arm in ARM_ORDER]
    censored = any(_standing(here, number(here[-1], "months"))["censored"] for here in arms if here)
    return ("at_risk", "censored", "events") if censored else ("at_risk", "events")


def _ordered(rows: list[Row], arm: str) -> list[Row]:
    return sorted((r for r in rows if r["arm"] == arm), key=lambda r: number(r, "months"))


def _at_risk(edition: Edition, canvas: Axes, rows: list[Row], parts: tuple[str, ...], *, top: float) -> None:
    end, y = max(number(r, "months") for r in rows), top
    for part in parts:
        canvas.text(1, y, edition.say(f"placements.{part}"), size=SMALL, weight="bold", va="center")
        for arm in ARM_ORDER:
            y -= LINE_HEIGHT
            canvas.text(1, y, edition.arm(arm), size=7, va="center", color=ARMS[arm].color)
            here = _ordered(rows, arm)
            for month in _ticks(end):
                x = LEFT + (MIDDLE - LEFT - 5) * month / end
                value = edition.numbers.count(_standing(here, month)[part])
                canvas.text(x, y, value, size=SMALL, ha="center", va="center")
        y -= LINE_HEIGHT


def _standing(rows: list[Row], month: float) -> dict[str, float]:
    """Return how many are at risk, censored and placed at an age, read off the steps of one arm."""
    if not rows:
        return {"at_risk": math.nan, "censored": math.nan, "events": math.nan}
    start = number(rows[0], "at_risk")
    past = [r for r in rows if number(r, "months") <= month]
    events = sum(number(r, "events") for r in past)
    left = [number(r, "at_risk") for r in rows if number(r, "months") > month]
    at_end = number(past[-1], "at_risk") - number(past[-1], "events") if past else start
    at_risk = left[0] if left else at_end
    return {"at_risk": at_risk, "events": events, "censored": start - events - at_risk}


def _bars(edition: Edition, ax: Axes, risks: list[tuple[str, float, float]]) -> None:
    for k, (arm, events, of) in enumerate(risks):
        look = ARMS[arm]
        open_bar = arm != "mtb"
        ax.barh(
            k, events / of if of else 0, height=0.55, facecolor=WHITE if open_bar else look.color,
            edgecolor=look.color, hatch="////" if open_bar else None, linewidth=1.2,
        )  # fmt: skip
        ax.text(
            events / of if of else 0, k, f"  {edition.numbers.share(events, of)}", va="center", size=SMALL, color=INK
        )
    ax.set_yticks(range(len(risks)), [edition.arm(arm) for arm, _, _ in risks])
    ax.invert_yaxis()
    ax.set_xlim(0, None)
    percent_axis(edition, ax.xaxis)
    ax.tick_params(axis="y", length=0)
    ax.set_title(edition.say("placements.risks", **placement_values(edition)), fontsize=SMALL, color=GREY)
