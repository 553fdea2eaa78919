"""Published statements beside what these data give."""

from __future__ import annotations

from mtb_eval.report.cells import columns, word
from mtb_eval.report.document import Cell, Choice, Line, Section, Table, absent, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.findings import claim_counts
from mtb_eval.report.rows import Row, distinct, text
from mtb_eval.report.verdicts import SIGNS


def claims(edition: Edition) -> Section:
    """Return the section on the published statements."""
    rows, counts = edition.rows("claims"), claim_counts(edition)
    title = edition.say("claims.heading")
    if not rows:
        return absent("claims", title, edition.say("absent.claims"))
    return Section(
        id="claims",
        title=title,
        finding=(edition.say("claims.finding", **counts),),
        notice=edition.say("claims.synthetic") if edition.provenance.synthetic else "",
        grid=_grid(edition, rows),
        tables=filled(_table(edition, rows)),
        sure=(edition.say("claims.sure_method"), edition.say("claims.sure_wrong")),
    )


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


def _table(edition: Edition, rows: list[Row]) -> Table:
    results = sorted(set(distinct(rows, "result")))
    return Table(
        id="claims-table",
        caption=edition.say("claims.caption_table"),
        columns=columns(edition, "claim", "statement", "published", "found", "result"),
        lines=tuple(_line(edition, r) for r in rows),
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


def _line(edition: Edition, row: Row) -> Line:
    language, result = edition.language, text(row, "result")
    shown = text(row, f"found_{language}") or text(row, f"why_{language}")
    return Line(
        anchor=f"claim-{text(row, 'id')}",
        cells=(
            word(text(row, "id")),
            word(text(row, f"statement_{language}")),
            word(text(row, f"published_{language}")),
            word(shown),
            word(f"{SIGNS.get(result, '?')} {_result(edition, row)}", state=result.replace(" ", "-")),
        ),
        tags={"result": result, "topic": text(row, "topic")},
    )
