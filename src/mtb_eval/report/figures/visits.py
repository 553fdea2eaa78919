"""Visits by family and how many stayed in the programme."""

from __future__ import annotations

from matplotlib.axes import Axes

from mtb_eval.report.edition import Edition
from mtb_eval.report.participants import visit_values
from mtb_eval.report.rows import Row, known, number
from mtb_eval.report.style import BLUE, GREY, INK, MIDDLE, SMALL, Absent, Drawing, Sheet, sheet

PANEL, GAP, LEFT = 42.0, 19.0, 14.0
BACK = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}


def visits(edition: Edition) -> Drawing | Absent:
    """Draw MTB families by number of visits, and below it the share still in the programme by the child's age."""
    counts = [r for r in edition.rows("visit_counts") if known(r, "low")]
    stayed = [r for r in edition.rows("retention") if known(r, "months", "share")]
    if not any(known(r, "n") for r in counts) and not stayed:
        return Absent(why=edition.say("absent.visits"))
    values = visit_values(edition)
    page = sheet(edition, edition.say("visits.title", **values), width=MIDDLE, body=2 * (PANEL + GAP) - 3)
    _histogram(edition, _panel(page, 1), counts)
    _retention(edition, _panel(page, 0), stayed)
    return Drawing(
        title=edition.say("visits.title", **values),
        caption=edition.say("visits.caption", **values),
        alt=edition.say("visits.alt", **values),
        figure=page.figure,
    )


def _panel(page: Sheet, k: int) -> Axes:
    return page.axes(LEFT, 11 + k * (PANEL + GAP), MIDDLE - LEFT - 4, PANEL)


def _histogram(edition: Edition, ax: Axes, rows: list[Row]) -> None:
    ax.set_title(edition.say("visits.families"), fontsize=SMALL, color=GREY)
    ax.set_xlabel(edition.say("visits.number"), fontsize=SMALL)
    if not rows:
        return
    top = max((number(r, "n") for r in rows if known(r, "n")), default=0.0)
    for r in rows:
        low, high, n = (number(r, c) for c in ("low", "high", "n"))
        tall = n if known(r, "n") else 0.05 * top  # of a number that is not shown, the dash
        ax.bar(low, tall, width=high - low - 0.8, align="edge", color=BLUE if known(r, "n") else "none")
        if n:
            over, count = 1.03 * tall + 0.2, edition.numbers.count(n)
            ax.text((low + high) / 2, over, count, ha="center", va="bottom", size=SMALL, zorder=5, bbox=BACK)
    ax.set_ylim(0, top * 1.28 + 1)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xticks(sorted({int(number(r, "low")) for r in rows} | {int(number(rows[-1], "high"))}))
    if edition.plan.dose:
        at = edition.plan.dose.threshold
        ax.axvline(at, color=INK, linestyle=(0, (3, 2)), linewidth=1)
        label = edition.say("visits.threshold", threshold=at)
        ax.text(at, top * 1.26, f" {label}", size=SMALL, va="top")


def _retention(edition: Edition, ax: Axes, rows: list[Row]) -> None:
    ax.set_title(edition.say("visits.retention"), fontsize=SMALL, color=GREY)
    ax.set_xlabel(edition.say("visits.age"), fontsize=SMALL)
    ax.set_ylim(0, 1.04)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
    ax.yaxis.set_major_formatter(lambda y, _: edition.numbers.percent(y))
    if not rows:
        return
    months = [number(r, "months") for r in rows]
    ax.step(months, [number(r, "share") for r in rows], where="post", color=BLUE, linewidth=1.8)
    ax.set_xlim(months[0], months[-1] * 1.02)
    ax.set_xticks([m for m in range(int(months[0]), int(months[-1]) + 1) if m % 3 == 0])
    ax.axvline(0, color=GREY, linewidth=0.7, linestyle=(0, (2, 2)))
    ax.text(0.2, 0.05, edition.say("visits.birth"), size=SMALL, color=GREY)
    last = rows[-1]
    ax.text(
        months[-1], number(last, "share") + 0.07, edition.numbers.percent(number(last, "share")), ha="right", size=SMALL
    )
