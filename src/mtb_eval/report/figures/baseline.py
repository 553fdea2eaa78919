"""Standardised differences before birth."""

from __future__ import annotations

from mtb_eval.report.edition import Edition
from mtb_eval.report.lettering import LEADING, wrapped
from mtb_eval.report.participants import YARDSTICK, baseline_values
from mtb_eval.report.rows import known, number, text
from mtb_eval.report.style import BAND, INK, LINE, MIDDLE, SMALL, Absent, Drawing, difference_axis, sheet

LABEL, ROW, FOOT = 58.0, 6.0, 13.0


def baseline(edition: Edition) -> Drawing | Absent:
    """Draw the standardised mean difference of each characteristic before birth, largest first."""
    rows = [r for r in edition.rows("baseline") if known(r, "smd")]
    if not rows:
        return Absent(why=edition.say("absent.baseline"))
    rows.sort(key=lambda r: -abs(number(r, "smd")))
    values = baseline_values(edition)
    height = ROW * len(rows)
    page = sheet(edition, edition.say("baseline.title", **values), width=MIDDLE, body=height + FOOT + 6)
    canvas, ax = page.canvas, page.axes(LABEL, FOOT, MIDDLE - LABEL - 4, height)
    reach = max(0.5, 1.12 * max(abs(number(r, "smd")) for r in rows))
    ax.set(xlim=(-reach, reach), ylim=(height, 0))
    ax.axvspan(-YARDSTICK, YARDSTICK, color=BAND, linewidth=0, zorder=0)
    for k, row in enumerate(rows):
        y = ROW * (k + 0.5)
        label = wrapped(text(row, f"label_{edition.language}"), LABEL - 3, size=SMALL)
        canvas.text(1, FOOT + height - y, "\n".join(label), size=SMALL, va="center", linespacing=LEADING)
        ax.plot([0, number(row, "smd")], [y, y], color=LINE, linewidth=1, zorder=1)
        ax.plot([number(row, "smd")], [y], marker="o", color=INK, markersize=4.5, zorder=3)
    difference_axis(edition, ax, edition.say("baseline.axis"))
    return Drawing(
        title=edition.say("baseline.title", **values),
        caption=edition.say("baseline.caption", **values),
        alt=edition.say("baseline.alt", **values),
        figure=page.figure,
    )
