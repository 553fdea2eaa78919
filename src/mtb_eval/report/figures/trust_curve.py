"""The specification curve of one outcome: every effect in order, and below it the choices behind each."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.axes import Axes

from mtb_eval.report.edition import Edition, within_sentence
from mtb_eval.report.evidence import std_interval
from mtb_eval.report.figures.intervals import intervals, reach_of
from mtb_eval.report.rows import Row, number, text
from mtb_eval.report.style import GREY, INK, LINE, MIDDLE, SMALL, WHITE, Absent, Drawing, Look, sheet
from mtb_eval.report.trust import curve_rows, lead_outcome, specifications_of

LABEL, CURVE, STEP = 46.0, 46.0, 4.4
OTHER = Look(color=GREY, fill=WHITE, width=1.0, size=3.6)
PRIMARY = Look(color=INK, fill=INK, width=1.7, size=4.6)

Choice = tuple[str, Callable[[Row], bool]]


def curve(edition: Edition) -> Drawing | Absent:
    """Draw the specification curve of the outcome whose primary p is smallest."""
    outcome = lead_outcome(edition)
    rows = specifications_of(edition, outcome) if outcome else []
    if not rows:
        return Absent(why=edition.say("absent.trust"))
    values = _values(edition, outcome)
    choices = [c for c in _choices() if 0 < sum(c[1](r) for r in rows) < len(rows)]
    grid = STEP * len(choices)
    page = sheet(edition, edition.say("trust.curve_figure", **values), width=MIDDLE, body=CURVE + grid + 6)
    width = MIDDLE - LABEL - 3
    top, below = page.axes(LABEL, grid + 5, width, CURVE - 2), page.axes(LABEL, 1, width, grid)
    _estimates(edition, top, rows)
    _grid(below, rows, choices)
    for k, (name, _) in enumerate(choices):
        page.canvas.text(1, 1 + grid - STEP * (k + 0.5), edition.say(name), size=SMALL, va="center")
    return Drawing(
        title=edition.say("trust.curve_figure", **values),
        caption=edition.say("trust.curve_caption", **values),
        alt=edition.say("trust.curve_alt", **values),
        figure=page.figure,
    )


def _values(edition: Edition, outcome: str) -> dict[str, object]:
    row, numbers = curve_rows(edition)[outcome], edition.numbers
    n = number(row, "n_specifications")
    return {
        "label": edition.outcome(outcome),
        "label_within": within_sentence(edition.outcome(outcome)),
        "n_choices": numbers.count(n),
        "n_significant": numbers.count(round(n * number(row, "share_significant"))),
        "lowest": numbers.std(number(row, "std_lowest")),
        "highest": numbers.std(number(row, "std_highest")),
        "median": numbers.std(number(row, "std_median")),
        "p_median": numbers.equation(number(row, "p_median")),
        "significant": numbers.threshold(edition.plan.verdicts.significant),
    }


def _choices() -> list[Choice]:
    calendars = ("none", "linear", "spline", "half-years")
    return [
        ("trust.choice_municipality", lambda r: bool(r.get("municipality_dummies"))),
        *((f"trust.choice_calendar_{c.replace('-', '_')}", _is_calendar(c)) for c in calendars),
        ("trust.choice_covariates", lambda r: bool(r.get("covariates"))),
        ("trust.choice_baseline", lambda r: bool(r.get("baseline"))),
        ("trust.choice_weights", lambda r: text(r, "weights") == "response"),
    ]


def _is_calendar(form: str) -> Callable[[Row], bool]:
    return lambda row: text(row, "calendar") == form


def _estimates(edition: Edition, ax: Axes, rows: list[Row]) -> None:
    reach = reach_of([std_interval(r) for r in rows])
    for decides, look in ((False, OTHER), (True, PRIMARY)):
        at = [k for k, r in enumerate(rows) if bool(r.get("decides")) is decides]
        intervals(ax, at, [std_interval(rows[k]) for k in at], look, reach=reach, upright=True)
    ax.axhline(0, color=GREY, linewidth=0.8, zorder=1)
    ends = [v for r in rows for v in std_interval(r) if abs(v) <= reach]
    ax.set(xlim=(-0.7, len(rows) - 0.3), ylim=(min(0.0, *ends) - 0.05, max(0.0, *ends) + 0.05), xticks=[])
    ax.spines["bottom"].set_visible(False)
    ax.yaxis.set_major_formatter(lambda y, _: edition.numbers.plain(y))
    ax.set_ylabel(edition.say("forest.axis"), fontsize=SMALL)


def _grid(ax: Axes, rows: list[Row], choices: list[Choice]) -> None:
    """Draw a filled square where a specification makes the choice, an open one where it does not."""
    ax.set(xlim=(-0.7, len(rows) - 0.3), ylim=(len(choices) - 0.5, -0.5), xticks=[], yticks=[])
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    for made, face, edge in ((True, INK, INK), (False, WHITE, LINE)):
        points = [(k, y) for y, (_, holds) in enumerate(choices) for k, r in enumerate(rows) if holds(r) is made]
        if points:
            x, y = zip(*points, strict=True)
            ax.plot(x, y, linestyle="none", marker="s", markersize=3.4, color=edge, markerfacecolor=face)
