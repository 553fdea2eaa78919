"""Folded details on visits: by the child's age, by clinician, against the schedule, and classes of participation."""

from __future__ import annotations

import math

from mtb_eval.analysis.visit_log import ALL, PREGNANCY
from mtb_eval.report.cells import columns, count, figure, percent, word
from mtb_eval.report.document import Fold, Line, Table, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.rows import Row, first, number, text

PERIOD = "families held expected fidelity per_month cancelled father"
LEVEL = "visits n share"
CLINICIAN = "n share"


def visit_folds(edition: Edition) -> tuple[Fold, ...]:
    """Return the details on visits that there are rows for."""
    tables = (*filled(_levels(edition)), *filled(_periods(edition)), *filled(_clinicians(edition)))
    if not tables:
        return ()
    own = first(edition.rows("visit_fidelity"), municipality=ALL)
    values = {k: edition.numbers.percent(number(own, f"family_{k}")) for k in ("median", "q25", "q75")}
    known = ("visit_log.text", "visit_log.fidelity") if own else ("visit_log.text",)
    return (
        Fold(
            id="visit-log",
            title=edition.say("visit_log.heading"),
            paragraphs=tuple(edition.say(k, **values) for k in known),
            tables=tables,
        ),
    )


def _periods(edition: Edition) -> Table:
    return Table(
        id="visit-periods-table",
        caption=edition.say("visit_log.periods"),
        columns=columns(edition, "age_span", *PERIOD.split(), numeric=PERIOD),
        lines=tuple(_period_line(edition, r) for r in edition.rows("visit_periods")),
        note=edition.say("visit_log.periods_note"),
        source="visit_periods",
    )


def _period_line(edition: Edition, row: Row) -> Line:
    return Line(
        cells=(
            word(_period(edition, text(row, "period"))),
            count(edition, row, "n_families"),
            count(edition, row, "held"),
            count(edition, row, "expected"),
            percent(edition, number(row, "fidelity")),
            figure(edition, number(row, "per_month"), 1),
            percent(edition, number(row, "cancelled_share")),
            percent(edition, number(row, "father_share")),
        )
    )


def _period(edition: Edition, period: str) -> str:
    if period in (ALL, PREGNANCY):
        return edition.say(f"visit_log.{period}")
    low, high = (float(month or 0) for month in period.split("-", 1))
    return edition.say("visit_log.months", span=edition.numbers.interval(low, high, 0, null=-1.0))


def _levels(edition: Edition) -> Table:
    return Table(
        id="participation-table",
        caption=edition.say("visit_log.participation"),
        columns=columns(edition, "participation", *LEVEL.split(), numeric=LEVEL),
        lines=tuple(_level_line(edition, r) for r in edition.rows("participation")),
        note=edition.say("visit_log.participation_note"),
        source="participation",
    )


def _level_line(edition: Edition, row: Row) -> Line:
    low, high = number(row, "visits_from"), number(row, "visits_to")
    open_end = edition.say("visit_log.from", n=edition.numbers.count(low))
    visits = edition.numbers.interval(low, high, 0, null=-1.0) if math.isfinite(high) else open_end
    return Line(
        cells=(
            word(edition.say(f"visit_log.{text(row, 'level')}")),
            word(visits),
            count(edition, row, "n"),
            percent(edition, number(row, "share")),
        )
    )


def _clinicians(edition: Edition) -> Table:
    return Table(
        id="clinicians-table",
        caption=edition.say("visit_log.clinicians"),
        columns=columns(edition, "clinician", *CLINICIAN.split(), numeric=CLINICIAN),
        lines=tuple(
            Line(
                cells=(
                    word(edition.named("clinician", text(r, "clinician"))),
                    count(edition, r, "n"),
                    percent(edition, number(r, "share")),
                )
            )
            for r in edition.rows("visit_clinicians", period=ALL)
        ),
        source="visit_clinicians",
    )
