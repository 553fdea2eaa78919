"""The course of each outcome over the number of visits, usual care as the zero line and not as a dose."""

from __future__ import annotations

from matplotlib.axes import Axes

from mtb_eval.report.dose_values import course_outcomes, course_values
from mtb_eval.report.edition import Edition
from mtb_eval.report.figures.intervals import Interval, reach_of
from mtb_eval.report.figures.marks import grid
from mtb_eval.report.lettering import wrapped
from mtb_eval.report.rows import Row, known, number
from mtb_eval.report.style import BLUE, GREY, SMALL, WIDE, Absent, Drawing, sheet

PANEL, COLUMNS, FOOT = 27.0, 3, 12.0
SHADE = "#dbe9f4"


def dose_course(edition: Edition) -> Drawing | Absent:
    """Draw, by outcome, the spline over visits among MTB families with its pointwise interval."""
    outcomes = course_outcomes(edition)
    if not outcomes or edition.plan.dose is None:
        return Absent(why=edition.say("absent.dose"))
    words = course_values(edition)
    title = edition.say("course.title", **words)
    page = sheet(edition, title, width=WIDE, body=FOOT + -(-len(outcomes) // COLUMNS) * (PANEL + 10.0) - 1)
    rows = [r for r in edition.rows("dose_curve") if known(r, "visits", "standardised")]
    reach = reach_of([_interval(r) for r in rows], share=0.85, least=0.8)
    ends = min(number(r, "visits") for r in rows), max(number(r, "visits") for r in rows)
    panels = grid(page, len(outcomes), columns=COLUMNS, panel=PANEL, foot=FOOT, gap=(11.0, 10.0))
    for k, (outcome, ax) in enumerate(zip(outcomes, panels, strict=True)):
        _panel(edition, ax, [r for r in rows if r["outcome"] == outcome], (reach, *ends))
        ax.set_title("\n".join(wrapped(edition.outcome(outcome), 46, size=SMALL)), fontsize=SMALL, pad=2)
        ax.tick_params(labelbottom=k >= len(outcomes) - COLUMNS, labelleft=k % COLUMNS == 0)
    page.canvas.text(WIDE / 2, 1, edition.say("course.axis"), size=SMALL, ha="center", va="bottom")
    return Drawing(
        title=title,
        caption=edition.say("course.caption", **words),
        alt=edition.say("course.alt", **words),
        figure=page.figure,
    )


def _interval(row: Row) -> Interval:
    return number(row, "standardised"), number(row, "std_low"), number(row, "std_high")


def _panel(edition: Edition, ax: Axes, rows: list[Row], limits: tuple[float, float, float]) -> None:
    reach, start, end = limits
    threshold = edition.plan.dose.threshold if edition.plan.dose else 0
    visits = [number(r, "visits") for r in rows]
    middle, low, high = zip(*(_interval(r) for r in rows), strict=True)
    ax.fill_between(visits, low, high, color=SHADE, linewidth=0, zorder=1)
    ax.plot(visits, middle, color=BLUE, zorder=3)
    ax.axhline(0, color=GREY, linewidth=0.7, zorder=2)
    ax.axvline(threshold, color=GREY, linestyle=(0, (2, 2)), linewidth=0.8, zorder=2)
    ax.set(xlim=(min(start, threshold) - 2, end), ylim=(-reach, reach))
    ax.set_xticks([t for t in range(0, int(end) + 1, 20) if t >= min(start, threshold) - 2])
    ax.yaxis.set_major_formatter(lambda y, _: edition.numbers.plain(y))
