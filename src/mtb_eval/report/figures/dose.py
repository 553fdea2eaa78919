"""Dose: families above and below the threshold beside usual care, and means by number of visits."""

from __future__ import annotations

from dataclasses import replace

from matplotlib.axes import Axes

from mtb_eval.report.edition import Edition
from mtb_eval.report.figures.intervals import Interval, intervals, paired_rows, reach_of
from mtb_eval.report.figures.marks import grid, key
from mtb_eval.report.findings import bin_values, dose_counts, dose_rows
from mtb_eval.report.findings import dose_bins as dose_bin_rows
from mtb_eval.report.lettering import wrapped
from mtb_eval.report.rows import Row, distinct, known, number
from mtb_eval.report.scale import standardised
from mtb_eval.report.style import (
    ARMS,
    DASHED,
    GREY,
    MIDDLE,
    SMALL,
    WHITE,
    WIDE,
    Absent,
    Drawing,
    difference_axis,
    sheet,
)

LABEL, ROW, HEAD, FOOT = 46.0, 7.0, 5.0, 18.0
PANEL, COLUMNS, OWN = 27.0, 3, -19.0
ROOM = 1.12
"""How far an axis goes beyond the greatest values drawn: an arrowhead stands there."""
HIGH, LOW = ARMS["mtb"], replace(ARMS["mtb"], fill=WHITE, line=DASHED)
VISITS = replace(ARMS["mtb"], width=1.0, size=4.0)
CARE = replace(ARMS["control"], width=1.0, size=4.0, line="-")


def dose_contrasts(edition: Edition) -> Drawing | Absent:
    """Draw the difference from usual care for the families above and below the threshold, by outcome."""
    high, low = dose_rows(edition, "high"), dose_rows(edition, "low")
    outcomes = list(dict.fromkeys([*high, *low]))
    if not outcomes or edition.plan.dose is None:
        return Absent(why=edition.say("absent.dose"))
    words = {"threshold": edition.plan.dose.threshold, **dose_counts(edition)}
    body = HEAD + ROW * len(outcomes) + FOOT
    title = edition.say("dose.title" if words["both_doses"] else "dose.title_one_dose", **words)
    page = sheet(edition, title, width=MIDDLE, body=body)
    series = [(look, [standardised(rows.get(o, {})) for o in outcomes]) for look, rows in ((HIGH, high), (LOW, low))]
    ax = paired_rows(page, [edition.outcome(o) for o in outcomes], series, label=LABEL, foot=FOOT)
    difference_axis(edition, ax, edition.say("forest.axis"))
    for y, look, name in ((6.0, HIGH, "dose.high"), (2.0, LOW, "dose.low")):
        key(page.canvas, [(look, edition.say(name, **words))], y=y)
    return Drawing(
        title=title,
        caption=edition.say("dose.caption", level=edition.level, **words),
        alt=edition.say("dose.alt", **words),
        figure=page.figure,
    )


def dose_bins(edition: Edition) -> Drawing | Absent:
    """Draw the mean of each outcome by number of visits, usual care in its own column at the left."""
    rows = dose_bin_rows(edition)
    outcomes = distinct(rows, "outcome")
    if not outcomes or edition.plan.dose is None:
        return Absent(why=edition.say("absent.dose_bins"))
    fewest = edition.plan.disclosure_threshold
    words = {**bin_values(edition), "n": len(outcomes), "fewest": fewest}
    n_rows, foot = -(-len(outcomes) // COLUMNS), 12.0
    body = foot + n_rows * (PANEL + 10.0) - 1
    page = sheet(edition, edition.say("bins.title", **words), width=WIDE, body=body)
    panels = grid(page, len(outcomes), columns=COLUMNS, panel=PANEL, foot=foot, gap=(11.0, 10.0))
    reach = reach_of([_interval(r) for r in rows], share=0.8, least=0.8)
    right = max((number(r, "high") for r in rows if known(r, "high")), default=100.0)
    for k, (outcome, ax) in enumerate(zip(outcomes, panels, strict=True)):
        _bins(edition, ax, [r for r in rows if r["outcome"] == outcome], reach, right)
        title = "\n".join(wrapped(edition.outcome(outcome), 46, size=SMALL))
        ax.set_title(title, fontsize=SMALL, pad=2)
        ax.tick_params(labelbottom=k >= len(outcomes) - COLUMNS, labelleft=k % COLUMNS == 0)
    page.canvas.text(WIDE / 2, 1, edition.say("bins.axis"), size=SMALL, ha="center", va="bottom")
    return Drawing(
        title=edition.say("bins.title", **words),
        caption=edition.say("bins.caption", level=edition.level, **words),
        alt=edition.say("bins.alt", **words),
        figure=page.figure,
    )


def _bins(edition: Edition, ax: Axes, rows: list[Row], reach: float, right: float) -> None:
    threshold = edition.plan.dose.threshold if edition.plan.dose else 0
    ax.axhline(0, color=GREY, linewidth=0.7, zorder=1)
    ax.axvline(threshold, color=GREY, linestyle=(0, (2, 2)), linewidth=0.8)
    ax.axvspan(-32, -6, color="#f4f5f6", linewidth=0, zorder=0)
    own = [r for r in rows if not known(r, "low")]
    others = [r for r in rows if known(r, "low")]
    middles = [(number(r, "low") + number(r, "high")) / 2 for r in others]
    for at, here, look in (([OWN] * len(own), own, CARE), (middles, others, VISITS)):
        intervals(ax, at, [_interval(r) for r in here], look, reach=reach, upright=True)
    ax.set(xlim=(-32, right + 4), ylim=(-ROOM * reach, ROOM * reach))
    ticks = list(range(0, int(right) + 1, 20 if right > 60 else 10))
    ax.set_xticks([OWN, *ticks], [edition.say("bins.control"), *(edition.numbers.count(t) for t in ticks)], fontsize=7)
    ax.yaxis.set_major_formatter(lambda y, _: edition.numbers.plain(y))


def _interval(row: Row) -> Interval:
    return number(row, "std"), number(row, "std_low"), number(row, "std_high")
