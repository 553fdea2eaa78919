"""Effects at the last wave beside those at the wave before, for every measure taken at both."""

from __future__ import annotations

from mtb_eval.report.coding import growth_rows, growth_values, wave_interval
from mtb_eval.report.edition import Edition
from mtb_eval.report.figures.intervals import paired_rows
from mtb_eval.report.figures.marks import key
from mtb_eval.report.participants import column_label
from mtb_eval.report.rows import text
from mtb_eval.report.style import GREY, INK, MIDDLE, WHITE, Absent, Drawing, Look, difference_axis, sheet

LABEL, ROW, HEAD, FOOT = 46.0, 8.0, 5.0, 16.0
LOOKS = {"from": Look(color=GREY, fill=WHITE, marker="D", size=4.2), "to": Look(color=INK, fill=INK, size=4.4)}


def growth(edition: Edition) -> Drawing | Absent:
    """Draw the primary effect of each measure at the last wave and at the wave before; right favours MTB."""
    rows = growth_rows(edition)
    if not rows:
        return Absent(why=edition.say("absent.growth"))
    values = growth_values(edition)
    page = sheet(edition, edition.say("growth.title", **values), width=MIDDLE, body=HEAD + ROW * len(rows) + FOOT)
    series = [
        (look, [wave_interval(edition, text(r, "column"), text(r, f"{end}_wave")) for r in rows])
        for end, look in LOOKS.items()
    ]
    labels = [column_label(edition, text(r, "column")) for r in rows]
    ax = paired_rows(page, labels, series, label=LABEL, foot=FOOT)
    difference_axis(edition, ax, edition.say("forest.axis"))
    names = [(look, edition.say("growth.wave", months=values[f"{end}_months"])) for end, look in LOOKS.items()]
    key(page.canvas, names, y=2.2)
    return Drawing(
        title=edition.say("growth.title", **values),
        caption=edition.say("growth.caption", **values),
        alt=edition.say("growth.alt", **values),
        figure=page.figure,
    )
