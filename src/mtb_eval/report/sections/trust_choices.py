"""Other choices that an analyst might have made."""

from __future__ import annotations

from mtb_eval.report.cells import columns, count, figure, interval, p, word
from mtb_eval.report.document import Cell, Column, Fold, Line, Table, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.evidence import main_ids
from mtb_eval.report.rows import Row, first, number, text
from mtb_eval.report.trust import Values, curve_rows

CALENDARS = ("none", "linear", "spline", "half-years")


def curve_fold(edition: Edition, values: Values) -> Fold:
    """Return one outcome's specification curve and the joint tests of all."""
    keys = "n_specifications median interval p_median share_significant p_share"
    lines = [_curve(edition, r) for r in curve_rows(edition).values()]
    table = Table(
        id="trust-curve-table",
        caption=edition.say("trust.curves_caption"),
        columns=columns(edition, "outcome", *keys.replace("interval", "span").split(), numeric=f"{keys} span"),
        lines=tuple(lines),
        note=edition.say("trust.curves_note", **values),
        source="specification_curve",
        sortable=True,
    )
    return Fold(
        id="trust-curve",
        title=edition.say("trust.curves"),
        paragraphs=(edition.say("trust.curves_text", **values),),
        figures=("trust-curve",),
        tables=filled(table),
    )


def time_fold(edition: Edition) -> Fold:
    """Return the primary model under four forms of calendar time."""
    lines = [_forms(edition, o) for o in main_ids(edition) if edition.rows("calendar_forms", outcome=o)]
    heads = tuple(Column(title=edition.say(f"trust.time_{c.replace('-', '_')}"), numeric=True) for c in CALENDARS)
    table = Table(
        id="trust-time-table",
        caption=edition.say("trust.time_caption"),
        columns=(*columns(edition, "outcome"), *heads),
        lines=tuple(lines),
        note=edition.say("trust.time_note"),
        source="calendar_forms",
    )
    return Fold(
        id="trust-time",
        title=edition.say("trust.time"),
        paragraphs=(edition.say("trust.time_text"),),
        tables=filled(table),
    )


def _curve(edition: Edition, row: Row) -> Line:
    n = number(row, "n_specifications")
    significant = (
        round(n * number(row, "share_significant"))
        if row.get("share_significant") == row.get("share_significant")
        else float("nan")
    )
    return Line(
        cells=(
            word(edition.outcome(text(row, "outcome"))),
            count(edition, row, "n_specifications"),
            figure(edition, number(row, "std_median"), 2),
            interval(edition, number(row, "std_lowest"), number(row, "std_highest")),
            p(edition, number(row, "p_median")),
            figure(edition, significant, 0),
            p(edition, number(row, "p_share")),
        )
    )


def _forms(edition: Edition, outcome: str) -> Line:
    rows = edition.rows("calendar_forms", outcome=outcome)
    return Line(cells=(word(edition.outcome(outcome)), *(_form(edition, first(rows, calendar=c)) for c in CALENDARS)))


def _form(edition: Edition, row: Row) -> Cell:
    value = number(row, "standardised")
    return Cell(text=edition.numbers.fixed(value, 2), sort=value, under=edition.numbers.equation(number(row, "p")))
