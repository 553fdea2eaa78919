"""A reporting checklist: each item, and where the report answers it or why it does not."""

from __future__ import annotations

from mtb_eval.report.cells import word
from mtb_eval.report.document import Cell, Choice, Column, Line, Section, Table, absent, filled
from mtb_eval.report.edition import Edition
from mtb_eval.study import ChecklistItem

STATUSES = ("reported", "stated here", "not reported", "not applicable")


def checklist(edition: Edition) -> Section:
    """Return the section with the checklist."""
    items, title = edition.plan.checklist, edition.say("checklist.title")
    if not items:
        return absent("checklist", title, edition.say("checklist.absent"))
    counts = {s.replace(" ", "_"): len([i for i in items if i.status == s]) for s in STATUSES}
    return Section(
        id="checklist",
        title=title,
        finding=(edition.say("checklist.finding", n=len(items), **counts),),
        tables=filled(_table(edition)),
        sure=(
            edition.say("checklist.sure_method", reference=edition.say("reference.consort")),
            edition.say("checklist.sure_wrong"),
        ),
    )


def _table(edition: Edition) -> Table:
    keys = ("item", "asks", "answer", "where")
    return Table(
        id="checklist-table",
        caption=edition.say("checklist.caption"),
        columns=tuple(Column(title=edition.say(f"checklist.column_{k}")) for k in keys),
        lines=tuple(_line(edition, item) for item in edition.plan.checklist),
        choices=(
            Choice(
                tag="status",
                label=edition.say("checklist.column_answer"),
                values=tuple((s, _status(edition, s)) for s in STATUSES),
            ),
        ),
    )


def _line(edition: Edition, item: ChecklistItem) -> Line:
    language = edition.language
    note = item.note.of(language) if item.note else ""
    return Line(
        cells=(
            Cell(text=f"{item.id} {item.topic.of(language)}", sort=item.id),
            word(item.asks.of(language)),
            word(_status(edition, item.status), under=note),
            _where(edition, item),
        ),
        anchor=f"checklist-{item.id}",
        tags={"status": item.status},
    )


def _where(edition: Edition, item: ChecklistItem) -> Cell:
    """Return the sections that answer an item: the first as a link, the others below it."""
    named = [edition.say(f"checklist.section_{s}") for s in item.sections]
    if not named:
        return Cell(text="")
    return word(named[0], href=f"#{item.sections[0]}", under="; ".join(named[1:]))


def _status(edition: Edition, status: str) -> str:
    return edition.say(f"checklist.status_{status.replace(' ', '_')}")
