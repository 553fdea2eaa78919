"""Published statements beside what these data give."""

from __future__ import annotations

from mtb_eval.report.cells import columns, percent, word
from mtb_eval.report.claim_values import Values, power_values
from mtb_eval.report.document import Cell, Choice, Column, Line, Section, Table, absent, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.findings import claim_counts
from mtb_eval.report.numbers import NBSP
from mtb_eval.report.rows import Row, distinct, known, number, text
from mtb_eval.report.sections.claim_power import grade_words, power_fold
from mtb_eval.report.verdicts import SIGNS


def claims(edition: Edition) -> Section:
    """Return the section on the published statements."""
    rows, counts = edition.rows("claims"), claim_counts(edition)
    title = edition.say("claims.heading")
    if not rows:
        return absent("claims", title, edition.say("absent.claims"))
    power = power_values(edition)
    known_power = ("power", "grades") if power["n_power"] else ()
    fold = power_fold(edition, power)
    return Section(
        id="claims",
        title=title,
        finding=(
            edition.say("claims.finding", **counts),
            *([edition.say("disclosure.claims", **counts)] if counts["withheld"] else []),
            *(edition.say(f"claims.finding_{k}", **power) for k in known_power),
        ),
        notice=edition.say("claims.synthetic") if edition.provenance.synthetic else "",
        grid=_grid(edition, rows),
        figures=("claim-power",) if known_power else (),
        tables=filled(_table(edition, rows, power)),
        sure=_sure(edition, power),
        folds=(fold,) if fold.tables else (),
    )


def _sure(edition: Edition, power: Values) -> tuple[str, ...]:
    keys = ("claims.sure_method", "claims.sure_wrong")
    rule = edition.plan.claim_power
    if rule is None or not power["n_power"]:
        return tuple(edition.say(k) for k in keys)
    more = ("claims.sure_power", "claims.sure_sizes", "claims.sure_standard_error")
    status = edition.named("status", rule.status)
    return tuple(edition.say(k, **power, status=status) for k in (*keys, *more))


def _grid(edition: Edition, rows: list[Row]) -> tuple[tuple[str, tuple[Cell, ...]], ...]:
    topics = distinct(rows, "topic")
    return tuple(
        (edition.named("topic", t), tuple(_grid_cell(edition, r) for r in rows if text(r, "topic") == t))
        for t in topics
    )


def _grid_cell(edition: Edition, row: Row) -> Cell:
    result, claim = text(row, "result"), text(row, "id")
    label = f"{SIGNS.get(result, '?')} {claim}"
    return Cell(text=label, href=f"#claim-{claim}", state=result.replace(" ", "-"), sort=_result(edition, row))


def _result(edition: Edition, row: Row) -> str:
    return edition.named("result", text(row, "result").replace(" ", "-"))


def _table(edition: Edition, rows: list[Row], power: Values) -> Table:
    results = sorted(set(distinct(rows, "result")))
    chance = Column(title=edition.say("claims.column_chance"), numeric=True)
    return Table(
        id="claims-table",
        caption=edition.say("claims.caption_table"),
        columns=(*columns(edition, "claim", "statement", "published", "found", "result", "grade"), chance),
        lines=tuple(_line(edition, r) for r in rows),
        note=edition.say("claims.table_note", **power) if power["n_power"] else "",
        source="claims",
        sortable=True,
        choices=(
            Choice(
                tag="result",
                label=edition.say("filter.result"),
                values=tuple((r, edition.named("result", r.replace(" ", "-"))) for r in results),
            ),
            Choice(
                tag="topic",
                label=edition.say("filter.topic"),
                values=tuple((t, edition.named("topic", t)) for t in distinct(rows, "topic")),
            ),
        ),
    )


def _unbroken(shown: str) -> str:
    """Return a text in which no number is parted from its letter at the end of a line."""
    return shown.replace(" = ", f"{NBSP}={NBSP}").replace(" < ", f"{NBSP}<{NBSP}")


def _line(edition: Edition, row: Row) -> Line:
    language, result = edition.language, text(row, "result")
    shown = text(row, f"found_{language}") or text(row, f"why_{language}")
    return Line(
        anchor=f"claim-{text(row, 'id')}",
        cells=(
            word(text(row, "id")),
            word(text(row, f"statement_{language}")),
            word(text(row, f"published_{language}")),
            word(_unbroken(shown)),
            word(f"{SIGNS.get(result, '?')} {_result(edition, row)}", state=result.replace(" ", "-")),
            word(grade_words(edition, text(row, "grade"))),
            percent(edition, number(row, "power")) if known(row, "power") else Cell(text=""),
        ),
        tags={"result": result, "topic": text(row, "topic")},
    )
