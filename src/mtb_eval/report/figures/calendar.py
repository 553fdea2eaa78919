"""The training calendar: municipality by time, families before and after training."""

from __future__ import annotations

from datetime import date
from typing import Any

from matplotlib.axes import Axes

from mtb_eval.report.edition import Edition
from mtb_eval.report.lettering import LEADING
from mtb_eval.report.participants import design_values
from mtb_eval.report.rows import Row, number, text
from mtb_eval.report.style import BLUE, GREY, INK, MIDDLE, SMALL, VERMILLION, WHITE, Absent, Drawing, sheet

LABEL, ROW, HEAD, FOOT, COUNTS = 26.0, 6.4, 10.0, 16.0, 43.0
BEFORE: dict[str, Any] = {"facecolor": WHITE, "edgecolor": VERMILLION, "hatch": "////", "linewidth": 0.8}
AFTER: dict[str, Any] = {"facecolor": BLUE, "edgecolor": BLUE, "linewidth": 0.8}


def calendar(edition: Edition) -> Drawing | Absent:
    """Draw when each municipality recruited and was trained, with counts of families by care received."""
    rows = edition.rows("training")
    if not rows:
        return Absent(why=edition.say("absent.training"))
    values = design_values(edition)
    height = ROW * len(rows)
    page = sheet(edition, edition.say("calendar.title", **values), width=MIDDLE, body=height + HEAD + FOOT)
    canvas, ax = page.canvas, page.axes(LABEL, FOOT, MIDDLE - LABEL - COUNTS, height)
    ax.set(xlim=(_day(edition.plan.recruited_from), _day(edition.plan.recruited_to)), ylim=(height, 0))
    for k, row in enumerate(rows):
        y = ROW * (k + 0.5)
        _bar(edition, ax, row, y)
        _write(edition, canvas, row, FOOT + height - y)
    _frame(edition, ax, canvas, height)
    return Drawing(
        title=edition.say("calendar.title", **values),
        caption=edition.say("calendar.caption", **values),
        alt=edition.say("calendar.alt", **values),
        figure=page.figure,
    )


def _bar(edition: Edition, ax: Axes, row: Row, y: float) -> None:
    trained = _trained_on(edition, text(row, "municipality"))
    left, right = (_day(d) for d in (edition.plan.recruited_from, edition.plan.recruited_to))
    at = min(max(_day(trained), left), right) if trained else right
    for start, end, look in ((left, at, BEFORE), (at, right, AFTER)):
        ax.barh(y, end - start, left=start, height=3.0, zorder=2, **look)
    if trained:
        ax.plot([at], [y], marker="D", color=INK, markersize=4, zorder=4)


def _day(day: date) -> float:
    return float(day.toordinal())


def _trained_on(edition: Edition, code: str) -> date | None:
    return next((m.trained_on for m in edition.plan.municipalities if m.code == code), None)


def _write(edition: Edition, canvas: Axes, row: Row, y: float) -> None:
    lot = "calendar.lot" if row.get("randomised") else "calendar.joined"
    canvas.text(1, y, f"{text(row, 'municipality')}  {edition.say(lot)}", size=SMALL, va="center")
    count = edition.numbers.count
    for k, column in enumerate(("n_control_before", "n_mtb", "n_control_after")):
        canvas.text(MIDDLE - COUNTS + 7 + 14 * k, y, count(number(row, column)), size=SMALL, va="center", ha="center")


def _frame(edition: Edition, ax: Axes, canvas: Axes, height: float) -> None:
    ax.spines["left"].set_visible(False)
    ax.set_yticks([])
    first, last = edition.plan.recruited_from.year + 1, edition.plan.recruited_to.year
    ax.set_xticks([_day(date(y, 1, 1)) for y in range(first, last + 1)], [str(y) for y in range(first, last + 1)])
    top = FOOT + height + 4.5
    for k, key in enumerate(("calendar.before", "calendar.mtb", "calendar.after")):
        x = MIDDLE - COUNTS + 7 + 14 * k
        canvas.text(x, top, edition.say(key), size=7, color=GREY, ha="center", va="center", linespacing=LEADING)
    y = 2.6
    for x, key, look in ((1, "calendar.key_before", BEFORE), (50, "calendar.key_after", AFTER)):
        canvas.barh(y, 7, left=x, height=2.6, **look)
        canvas.text(x + 9, y, edition.say(key), size=SMALL, va="center")
    canvas.plot([100], [y], marker="D", color=INK, markersize=4)
    canvas.text(103, y, edition.say("calendar.key_trained"), size=SMALL, va="center")
