"""How far effects can be trusted: their range over other choices, measures before birth, spread over municipalities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from matplotlib.axes import Axes

from mtb_eval.report.edition import Edition
from mtb_eval.report.evidence import std_interval
from mtb_eval.report.figures.intervals import MISSING, Interval, intervals, paired_rows, reach_of
from mtb_eval.report.figures.marks import key
from mtb_eval.report.lettering import LEADING, wrapped
from mtb_eval.report.rows import Row, distinct, first, known, number, text
from mtb_eval.report.style import (
    DASHED,
    GREY,
    INK,
    LINE,
    MIDDLE,
    SMALL,
    WHITE,
    WIDE,
    Absent,
    Drawing,
    Look,
    difference_axis,
    sheet,
)
from mtb_eval.report.trust import (
    curve_rows,
    grade_rows,
    placebo_samples,
    sample_name,
    specifications_of,
    spread_rows,
    trust_values,
)

LABEL, ROW, HEAD, FOOT = 50.0, 6.2, 9.0, 17.0
SHARE, CHANCE, GRADE = 24.0, 17.0, 26.0
PLOT = WIDE - LABEL - SHARE - CHANCE - GRADE - 3
PRIMARY = Look(color=INK, fill=INK, size=4.6)
OTHER = Look(color=GREY, fill=GREY, marker="|", width=1.0, size=5.0)
FORETOLD = replace(PRIMARY, color=GREY, fill=WHITE, marker="D", line=DASHED, width=1.1, size=4.0)
SAMPLES = (PRIMARY, replace(PRIMARY, fill=WHITE, marker="s"), FORETOLD)


def trust(edition: Edition) -> Drawing | Absent:
    """Draw, by outcome of the main wave, the effects under all sets of choices, with the grade."""
    rows = curve_rows(edition)
    if not rows:
        return Absent(why=edition.say("absent.trust"))
    values = trust_values(edition)
    height = ROW * len(rows)
    page = sheet(edition, edition.say("trust.figure", **values), width=WIDE, body=HEAD + height + FOOT)
    ax, canvas = page.axes(LABEL, FOOT, PLOT, height), page.canvas
    reach = reach_of([_range(r) for r in rows.values()], share=1.0)
    ax.set(xlim=(-reach, reach), ylim=(height, 0))
    _choices(edition, ax, [(ROW * (k + 0.5), outcome) for k, outcome in enumerate(rows)])
    for k, row in enumerate(rows.values()):
        _write(edition, canvas, row, y=FOOT + height - ROW * (k + 0.5))
    _headings(edition, canvas, FOOT + height)
    difference_axis(edition, ax, edition.say("forest.axis"))
    key(canvas, [(PRIMARY, edition.say("trust.primary")), (OTHER, edition.say("trust.other"))], y=2.5)
    return Drawing(
        title=edition.say("trust.figure", **values),
        caption=edition.say("trust.figure_caption", **values),
        alt=edition.say("trust.figure_alt", **values),
        figure=page.figure,
    )


def placebo(edition: Edition) -> Drawing | Absent:
    """Draw the primary model on what was measured before birth, for all families and for those who answered."""
    rows, samples = edition.rows("baseline_placebo"), placebo_samples(edition)[: len(SAMPLES)]
    measures = [
        m for m in distinct(rows, "measure") if known(first(rows, measure=m, sample=samples[0]), "standardised")
    ]
    if not measures:
        return Absent(why=edition.say("absent.baseline"))
    values = trust_values(edition)
    title, foot, row = edition.say("trust.placebo_figure", **values), 17.0, 8.4
    page = sheet(edition, title, width=MIDDLE, body=5 + row * len(measures) + foot)
    found = [[std_interval(first(rows, measure=m, sample=s)) for m in measures] for s in samples]
    labels = [text(first(rows, measure=m), f"label_{edition.language}") for m in measures]
    series = list(zip(SAMPLES, found, strict=False))
    ax = paired_rows(page, labels, series, label=LABEL, foot=foot)
    difference_axis(edition, ax, edition.say("baseline.axis"))
    key(page.canvas, [(look, sample_name(edition, s)) for look, s in zip(SAMPLES, samples, strict=False)], y=2.5)
    return Drawing(
        title=title,
        caption=edition.say("trust.placebo_caption", **values),
        alt=edition.say("trust.placebo_alt", **values),
        figure=page.figure,
    )


def spread(edition: Edition) -> Drawing | Absent:
    """Draw, by outcome, the primary interval and that in which the effect of a new municipality would lie."""
    rows = spread_rows(edition)
    if not rows:
        return Absent(why=edition.say("absent.spread"))
    values = trust_values(edition)
    title = edition.say("trust.spread_figure", **values)
    page = sheet(edition, title, width=MIDDLE, body=5 + 7.6 * len(rows) + FOOT)
    primary = [_primary(edition, o) for o in rows]
    foretold: list[Interval] = [
        (number(r, "mean_std"), number(r, "prediction_low"), number(r, "prediction_high")) for r in rows.values()
    ]
    labels = [edition.outcome(o) for o in rows]
    ax = paired_rows(page, labels, [(PRIMARY, primary), (FORETOLD, foretold)], label=LABEL, foot=FOOT)
    difference_axis(edition, ax, edition.say("forest.axis"))
    key(page.canvas, [(PRIMARY, edition.say("trust.primary")), (FORETOLD, edition.say("trust.foretold"))], y=2.5)
    return Drawing(
        title=title,
        caption=edition.say("trust.spread_caption", **values),
        alt=edition.say("trust.spread_alt", **values),
        figure=page.figure,
    )


def _primary(edition: Edition, outcome: str) -> Interval:
    row = first(edition.rows("outcomes"), outcome=outcome)
    ends = ("primary_std", "primary_std_low", "primary_std_high")
    return (number(row, ends[0]), number(row, ends[1]), number(row, ends[2])) if row else MISSING


def _range(row: Row) -> Interval:
    return number(row, "std_median"), number(row, "std_lowest"), number(row, "std_highest")


def _choices(edition: Edition, ax: Axes, outcomes: Sequence[tuple[float, str]]) -> None:
    """Draw for each outcome a line over the range, a tick for each set of choices, and the primary estimate."""
    rows = [(y, chosen) for y, o in outcomes if (chosen := specifications_of(edition, o))]
    if not rows:
        return
    found = [(y, [number(r, "standardised") for r in chosen]) for y, chosen in rows]
    lows, highs = [min(values) for _, values in found], [max(values) for _, values in found]
    ax.hlines([y for y, _ in found], lows, highs, colors=LINE, linewidth=2.2, zorder=1)
    marks: dict[str, Any] = {"marker": "|", "color": GREY, "markersize": 6}
    x, at = [v for _, values in found for v in values], [y for y, values in found for _ in values]
    ax.plot(x, at, linestyle="none", zorder=2, **marks)
    decided = [(y, number(r, "standardised")) for y, chosen in rows for r in chosen if r.get("decides")]
    intervals(ax, [y for y, _ in decided], [(v, v, v) for _, v in decided], PRIMARY, reach=1e9)


def _headings(edition: Edition, canvas: Axes, y: float) -> None:
    left = LABEL + PLOT + 2
    half = PLOT / 2
    canvas.text(LABEL + half - 1, y + 4, edition.say("forest.left"), size=SMALL, color=GREY, va="center", ha="right")
    canvas.text(LABEL + half + 1, y + 4, edition.say("forest.right"), size=SMALL, color=GREY, va="center", ha="left")
    for x, width, name in (
        (left, SHARE, "trust.head_share"),
        (left + SHARE, CHANCE, "trust.head_chance"),
        (left + SHARE + CHANCE, GRADE, "trust.head_grade"),
    ):
        said = edition.say(name, significant=edition.numbers.threshold(edition.plan.verdicts.significant))
        lines = "\n".join(wrapped(said, width - 2, size=SMALL))
        canvas.text(x, y + 4, lines, size=SMALL, color=GREY, va="center", linespacing=LEADING)
    canvas.plot([0, WIDE], [y + 0.3] * 2, color=LINE, linewidth=0.7)


def _write(edition: Edition, canvas: Axes, row: Row, *, y: float) -> None:
    outcome, left = text(row, "outcome"), LABEL + PLOT + 2
    label = "\n".join(wrapped(edition.outcome(outcome), LABEL - 3, size=SMALL))
    canvas.text(1, y, label, size=SMALL, va="center", linespacing=LEADING)
    n = number(row, "n_specifications")
    shown = (
        edition.numbers.counts(round(number(row, "share_significant") * n), n)
        if known(row, "share_significant")
        else ""
    )
    grade = text(grade_rows(edition).get(outcome, {}), "grade")
    canvas.text(left, y, shown, size=SMALL, va="center")
    canvas.text(left + SHARE, y, edition.numbers.p(number(row, "p_median")), size=SMALL, va="center")
    if grade:
        name = edition.say(f"trust.grade_{grade.replace(' ', '_')}")
        weight = "bold" if grade in ("robust", "suggestive") else "normal"
        canvas.text(left + SHARE + CHANCE, y, name, size=SMALL, va="center", weight=weight)
