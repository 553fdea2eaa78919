"""The chance of finding each published effect, folded below the claims."""

from __future__ import annotations

from mtb_eval.report.cells import figure, percent, word
from mtb_eval.report.claim_values import Claimed, Values, at_main, claimed
from mtb_eval.report.document import Cell, Column, Fold, Line, Table, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.rows import Row, number, text


def power_fold(edition: Edition, values: Values) -> Fold:
    """Return the tables of the chances at declared and at published sizes."""
    rows = claimed(edition)
    return Fold(
        id="claim-power",
        title=edition.say("claims.power_fold"),
        paragraphs=(edition.say("claims.power_text"),),
        tables=(*filled(_declared(edition, rows, values)), *filled(_published(edition, rows))),
    )


def grade_words(edition: Edition, grades: str) -> str:
    """Return grades (with "; " between them) in words."""
    named = [edition.named("trust", f"grade_{g.replace(' ', '_')}") for g in grades.split("; ") if g]
    return "; ".join(named)


def times(edition: Edition, ratio: float) -> Cell:
    """Return a cell of how many times too large an estimate is."""
    one = figure(edition, ratio, 1)
    return Cell(text=edition.say("claims.times", n=one.text), sort=one.sort)


def _declared(edition: Edition, rows: list[Claimed], values: Values) -> Table:
    rule, plain = edition.plan.claim_power, edition.numbers.plain
    sizes = rule.effects if rule else ()
    say, numeric = edition.say, ("claims.column_type_s", "claims.column_type_m")
    return Table(
        id="claim-power-table",
        caption=say("claims.power_table"),
        columns=(
            Column(title=say("column.outcome")),
            Column(title=say("claims.column_claims")),
            Column(title=say("claims.column_published")),
            Column(title=say("column.grade")),
            Column(title=say("column.std"), numeric=True),
            Column(title=say("claims.column_se"), numeric=True),
            Column(title=say("column.df"), numeric=True),
            *(Column(title=say("claims.column_chance_at", size=plain(s)), numeric=True) for s in sizes),
            *(Column(title=say(k), numeric=True) for k in numeric),
        ),
        lines=tuple(_declared_line(edition, one) for one in rows),
        note=say("claims.power_note", **values),
        source="claim_power",
        sortable=True,
    )


def _declared_line(edition: Edition, one: Claimed) -> Line:
    row, main = one.row, at_main(edition, one)
    return Line(
        cells=(
            word(edition.outcome(one.outcome), under=edition.wave(text(row, "wave"))),
            word(", ".join(one.claims)),
            word(edition.named("claims", f"tier_{text(row, 'published')}")),
            word(grade_words(edition, text(row, "grade"))),
            figure(edition, number(row, "standardised"), 2),
            figure(edition, number(row, "se"), 2),
            figure(edition, number(row, "df"), 1),
            *(percent(edition, number(r, "power")) for r in one.declared),
            percent(edition, number(main, "type_s"), 1),
            times(edition, number(main, "type_m")),
        )
    )


def _published(edition: Edition, rows: list[Claimed]) -> Table:
    say = edition.say
    numeric = ("size", "chance", "type_s", "type_m")
    return Table(
        id="claim-published-table",
        caption=say("claims.published_table"),
        columns=(
            Column(title=say("claims.column_claims")),
            Column(title=say("column.outcome")),
            *(Column(title=say(f"claims.column_{k}"), numeric=True) for k in numeric),
        ),
        lines=tuple(_published_line(edition, r) for one in rows for r in one.published),
        note=say("claims.published_note"),
        source="claim_power",
    )


def _published_line(edition: Edition, row: Row) -> Line:
    return Line(
        cells=(
            word(text(row, "claim")),
            word(edition.outcome(text(row, "outcome")), under=edition.wave(text(row, "wave"))),
            figure(edition, number(row, "true_std"), 2),
            percent(edition, number(row, "power")),
            percent(edition, number(row, "type_s"), 1),
            times(edition, number(row, "type_m")),
        )
    )
