"""Who answered: response and attrition by arm and wave."""

from __future__ import annotations

from mtb_eval.report.cells import columns, figure, share, word
from mtb_eval.report.document import Line, Section, Table, absent, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.participants import response_values
from mtb_eval.report.rows import Row, number, text


def response(edition: Edition) -> Section:
    """Return the section on response and attrition."""
    values, title = response_values(edition), edition.say("response.heading")
    if not edition.rows("response"):
        return absent("response", title, edition.say("absent.response"))
    return Section(
        id="response",
        title=title,
        finding=tuple(edition.say(f"response.{k}", **values) for k in ("finding", "consequence")),
        figures=("response",),
        tables=filled(_table(edition)),
        sure=(edition.say("response.sure_method"), edition.say("response.sure_wrong")),
    )


def _table(edition: Edition) -> Table:
    return Table(
        id="response-table",
        caption=edition.say("response.caption_table"),
        columns=columns(edition, "sample", "wave", "arm", "n", "of", "share", numeric="n of share"),
        lines=tuple(_line(edition, r) for r in edition.rows("response")),
        source="response",
    )


def _line(edition: Edition, row: Row) -> Line:
    n, of = number(row, "n"), number(row, "of")
    return Line(
        cells=(
            word(edition.named("sample", text(row, "sample"))),
            word(edition.wave(text(row, "wave"))),
            word(edition.arm(text(row, "arm"))),
            figure(edition, n, 0),
            figure(edition, of, 0),
            share(edition, n, of),
        )
    )
