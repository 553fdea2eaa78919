"""What was received: visits, retention, usual care."""

from __future__ import annotations

from mtb_eval.report.cells import columns, count, figure, percent, word
from mtb_eval.report.document import Fold, Line, Section, Table, absent, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.participants import usual_care_share, visit_values
from mtb_eval.report.rows import Row, number, text
from mtb_eval.report.sections.visit_log import visit_folds


def received(edition: Edition) -> Section:
    """Return the section on what families received."""
    title = edition.say("received.title")
    if not edition.rows("visits") and not edition.rows("usual_care"):
        return absent("received", title, edition.say("absent.visits"))
    return Section(
        id="received",
        title=title,
        finding=_finding(edition),
        figures=("visits",),
        tables=(*filled(_visit_table(edition)), *filled(_usual_care_table(edition))),
        sure=(edition.say("received.sure_method"), edition.say("received.sure_wrong")),
        folds=(
            *visit_folds(edition),
            Fold(
                id="visit-counts",
                title=edition.say("received.counts"),
                tables=(*filled(_count_table(edition)), *filled(_retention_table(edition))),
            ),
        ),
    )


def _finding(edition: Edition) -> tuple[str, ...]:
    visits = "received.finding" if len(edition.tables["visits"]) else "absent.visits"
    found = [edition.say(visits, **visit_values(edition))]
    if len(edition.tables["usual_care"]):
        shares = {m: usual_care_share(edition, m) for m in ("no_service", "began_after_birth")}
        found.append(edition.say("received.usual_care", **shares))
    return tuple(found)


def _visit_table(edition: Edition) -> Table:
    return Table(
        id="visits-table",
        caption=edition.say("received.visits_caption"),
        columns=columns(edition, "measure", "value", "n", numeric="value n"),
        lines=tuple(_visit_line(edition, r) for r in edition.rows("visits")),
        note=edition.say("received.visits_note"),
        source="visits",
    )


def _visit_line(edition: Edition, row: Row) -> Line:
    measure, statistic = text(row, "measure"), text(row, "statistic")
    threshold = edition.plan.dose.threshold if edition.plan.dose else ""
    label = edition.named("visits_measure", f"{measure}_{statistic}", threshold=threshold)
    value = number(row, "value")
    cell = percent(edition, value) if statistic == "share" else figure(edition, value, 1)
    return Line(cells=(word(label), cell, count(edition, row, "n")))


def _usual_care_table(edition: Edition) -> Table:
    return Table(
        id="usual-care-table",
        caption=edition.say("received.usual_care_caption"),
        columns=columns(edition, "measure", "value", "n", "of", numeric="value n of"),
        lines=tuple(_usual_care_line(edition, r) for r in edition.rows("usual_care")),
        note=edition.say("received.usual_care_note"),
        source="usual_care",
    )


def _usual_care_line(edition: Edition, row: Row) -> Line:
    measure, value = text(row, "measure"), number(row, "value")
    cell = figure(edition, value, 1) if "median" in measure else percent(edition, value)
    return Line(
        cells=(word(edition.named("usual_care", measure)), cell, count(edition, row, "n"), count(edition, row, "of"))
    )


def _count_table(edition: Edition) -> Table:
    lines = []
    for r in edition.rows("visit_counts"):
        low, high = number(r, "low"), number(r, "high") - 1
        lines.append(Line(cells=(word(edition.numbers.interval(low, high, 0)), count(edition, r, "n"))))
    return Table(
        id="visit-counts-table",
        caption=edition.say("received.counts_caption"),
        columns=columns(edition, "visits", "families", numeric="families"),
        lines=tuple(lines),
        source="visit_counts",
    )


def _retention_table(edition: Edition) -> Table:
    return Table(
        id="retention-table",
        caption=edition.say("received.retention_caption"),
        columns=columns(edition, "age_months", "families", "retained", numeric="age_months families retained"),
        lines=tuple(_retention_line(edition, r) for r in edition.rows("retention")),
        source="retention",
    )


def _retention_line(edition: Edition, row: Row) -> Line:
    stayed = percent(edition, number(row, "share"))
    return Line(cells=(figure(edition, number(row, "months"), 0), count(edition, row, "n"), stayed))
