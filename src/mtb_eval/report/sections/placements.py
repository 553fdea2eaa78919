"""Placements out of home."""

from __future__ import annotations

from mtb_eval.report.cells import columns, count, figure, interval, note, p, percent, word
from mtb_eval.report.document import Cell, Fold, Line, Section, Table, absent, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.findings import placement_risks, placement_values
from mtb_eval.report.placement_values import tally, with_p
from mtb_eval.report.rows import Row, first, known, number, text
from mtb_eval.report.sections.placement_doubt import changes_fold, incidence_fold, later_fold
from mtb_eval.report.sections.placement_tests import sources_fold, tests_fold

NUMBERS = "estimate interval p"
SHARES = ("risk", "difference")


def placements(edition: Edition) -> Section:
    """Return the section on placements."""
    values, title = placement_values(edition), edition.say("placements.heading")
    if not placement_risks(edition):
        hidden = known(first(edition.rows("placements")), "n_mtb", "n_control")
        return absent("placements", title, edition.say("placements.hidden" if hidden else "absent.placements"))
    finite = known(first(edition.rows("placements"), measure="risk ratio"), "estimate") and _both_have(edition)
    said = ("finding", "finding_ratio" if finite else "finding_no_ratio")
    finding = [edition.say(f"placements.{k}", **values) for k in said]
    moves = first(edition.rows("placements"), measure="fragility")
    if known(moves, "estimate"):
        finding.append(edition.say("placements.fragility", moves=edition.numbers.count(number(moves, "estimate"))))
    if with_p(edition):
        finding.append(edition.say("placements.finding_tests", **tally(edition)))
    return Section(
        id="placements",
        title=title,
        finding=tuple(finding),
        figures=("placements",),
        tables=filled(_table(edition)),
        sure=(edition.say("placements.sure_method"), edition.say("placements.sure_wrong")),
        folds=tuple(f for f in _folds(edition) if f.tables or f.paragraphs),
    )


def _both_have(edition: Edition) -> bool:
    return all(events > 0 for _, events, _ in placement_risks(edition))


def _folds(edition: Edition) -> tuple[Fold, ...]:
    steps = Fold(id="placement-times", title=edition.say("placements.times"), tables=filled(_times(edition)))
    made = (tests_fold, changes_fold, later_fold, incidence_fold, sources_fold)
    return (*(make(edition) for make in made), steps)


def _table(edition: Edition) -> Table:
    return Table(
        id="placements-table",
        caption=edition.say("placements.caption_table", **placement_values(edition)),
        columns=columns(edition, "measure", "method", *NUMBERS.split(), "remark", numeric=NUMBERS),
        lines=tuple(_line(edition, r) for r in edition.rows("placements")),
        note=edition.say("placements.note", level=edition.level),
        source="placements",
    )


def _line(edition: Edition, row: Row) -> Line:
    measure = text(row, "measure")
    return Line(
        cells=(
            word(edition.named("placement", measure.replace(", ", "-").replace(" ", "-"))),
            note(edition, row, "method"),
            _estimate(edition, row, measure),
            _interval(edition, row, measure),
            p(edition, number(row, "p")),
            note(edition, row, "warning"),
        )
    )


def _estimate(edition: Edition, row: Row, measure: str) -> Cell:
    value = number(row, "estimate")
    if any(s in measure for s in SHARES) and "ratio" not in measure:
        return percent(edition, value, 1)
    return figure(edition, value, 0 if measure == "fragility" else 1)


def _interval(edition: Edition, row: Row, measure: str) -> Cell:
    low, high = number(row, "ci_low"), number(row, "ci_high")
    if any(s in measure for s in SHARES) and "ratio" not in measure:
        return interval(edition, 100 * low, 100 * high, 1)
    return interval(edition, low, high, 1, null=1.0)


def _times(edition: Edition) -> Table:
    numbers = "age_months at_risk events cumulative interval"
    return Table(
        id="placement-times-table",
        caption=edition.say("placements.times_caption"),
        columns=columns(edition, "arm", *numbers.split(), numeric=numbers),
        lines=tuple(_time_line(edition, r) for r in edition.rows("placement_times")),
        note=edition.say("placements.times_note", level=edition.level),
        source="placement_times",
    )


def _time_line(edition: Edition, row: Row) -> Line:
    low, high = number(row, "ci_low"), number(row, "ci_high")
    return Line(
        cells=(
            word(edition.arm(text(row, "arm"))),
            figure(edition, number(row, "months"), 1),
            count(edition, row, "at_risk"),
            count(edition, row, "events"),
            percent(edition, number(row, "cumulative"), 1),
            interval(edition, 100 * low, 100 * high, 1),
        )
    )
