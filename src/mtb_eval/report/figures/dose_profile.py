"""Is the threshold special: the difference between doses at every cut, with one band for all cuts."""

from __future__ import annotations

from matplotlib.axes import Axes

from mtb_eval.analysis.dose_data import DIFFERENCE
from mtb_eval.report.dose_values import profile_outcomes, reading_values
from mtb_eval.report.edition import Edition
from mtb_eval.report.figures.intervals import reach_of
from mtb_eval.report.figures.marks import grid
from mtb_eval.report.lettering import wrapped
from mtb_eval.report.rows import Row, known, number
from mtb_eval.report.style import BLUE, GREY, INK, SMALL, WIDE, Absent, Drawing, sheet

PANEL, COLUMNS, FOOT = 27.0, 3, 12.0
SHADE = "#dbe9f4"


def dose_profile(edition: Edition) -> Drawing | Absent:
    """Draw, by outcome, high minus low dose for every cut with its simultaneous band, and which cuts fit."""
    outcomes = profile_outcomes(edition)
    if not outcomes or edition.plan.dose is None:
        return Absent(why=edition.say("absent.dose"))
    words = reading_values(edition)
    body = FOOT + -(-len(outcomes) // COLUMNS) * (PANEL + 10.0) - 1
    page = sheet(edition, edition.say("profile.title", **words), width=WIDE, body=body)
    rows = [r for r in edition.rows("dose_profile", contrast=DIFFERENCE) if known(r, "standardised")]
    reach = reach_of([_band(r) for r in rows], share=0.85, least=1.0)
    panels = grid(page, len(outcomes), columns=COLUMNS, panel=PANEL, foot=FOOT, gap=(11.0, 10.0))
    for k, (outcome, ax) in enumerate(zip(outcomes, panels, strict=True)):
        _panel(edition, ax, [r for r in rows if r["outcome"] == outcome], reach)
        ax.set_title("\n".join(wrapped(edition.outcome(outcome), 46, size=SMALL)), fontsize=SMALL, pad=2)
        ax.tick_params(labelbottom=k >= len(outcomes) - COLUMNS, labelleft=k % COLUMNS == 0)
    page.canvas.text(WIDE / 2, 1, edition.say("profile.axis"), size=SMALL, ha="center", va="bottom")
    return Drawing(
        title=edition.say("profile.title", **words),
        caption=edition.say("profile.caption", **words),
        alt=edition.say("profile.alt", **words),
        figure=page.figure,
    )


def _band(row: Row) -> tuple[float, float, float]:
    return number(row, "standardised"), number(row, "std_band_low"), number(row, "std_band_high")


def _panel(edition: Edition, ax: Axes, rows: list[Row], reach: float) -> None:
    rule = edition.plan.dose
    start, end, threshold = (rule.profile_from, rule.profile_to, rule.threshold) if rule else (0, 100, 0)
    cuts = [number(r, "cut") for r in rows]
    middle, low, high = zip(*(_band(r) for r in rows), strict=True)
    ax.fill_between(cuts, low, high, color=SHADE, linewidth=0, zorder=1, step="mid")
    ax.plot(cuts, middle, color=BLUE, drawstyle="steps-mid", zorder=3)
    ax.axhline(0, color=GREY, linewidth=0.7, zorder=2)
    ax.axvline(threshold, color=GREY, linestyle=(0, (2, 2)), linewidth=0.8, zorder=2)
    kept = [number(r, "cut") for r in rows if r.get("kept")]
    ax.plot(kept, [-0.97 * reach] * len(kept), linestyle="none", marker="s", markersize=1.8, color=INK, zorder=4)
    ax.set(xlim=(start, end), ylim=(-reach, reach))
    ax.set_xticks([t for t in range(0, end + 1, 20) if t >= start])
    ax.yaxis.set_major_formatter(lambda y, _: edition.numbers.plain(y))
