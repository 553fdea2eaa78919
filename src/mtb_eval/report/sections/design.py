"""Design and participants."""

from __future__ import annotations

from mtb_eval.report.cells import columns, count, word
from mtb_eval.report.document import Fold, Line, Section, Table, absent, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.participants import flow_values
from mtb_eval.report.rows import Row, text


def design(edition: Edition) -> Section:
    """Return the section on design and flow."""
    values, title = flow_values(edition), edition.say("design.title")
    if not edition.rows("flow"):
        return absent("design", title, edition.say("absent.flow"))
    return Section(
        id="design",
        title=title,
        finding=(edition.say("design.finding", **values), edition.say("design.consequence", **values)),
        figures=("flow",),
        tables=filled(_flow_table(edition)),
        sure=(edition.say("design.sure_method"), edition.say("design.sure_wrong", **values)),
        folds=(
            Fold(
                id="training",
                title=edition.say("design.training"),
                paragraphs=(edition.say("design.training_text"),),
                figures=("calendar",),
                tables=filled(_training_table(edition)),
            ),
        ),
    )


def _flow_table(edition: Edition) -> Table:
    rows = edition.rows("flow")
    return Table(
        id="flow-table",
        caption=edition.say("design.flow_caption"),
        columns=columns(edition, "step", "wave", "level", "arm", "reason", "n", numeric="n"),
        lines=tuple(_flow_line(edition, r) for r in rows),
        source="flow",
    )


def _flow_line(edition: Edition, row: Row) -> Line:
    arm, wave, reason = (text(row, c) for c in ("arm", "wave", "reason"))
    return Line(
        cells=(
            word(edition.named("step", text(row, "step"))),
            word(edition.wave(wave) if wave else ""),
            word(edition.named("level", text(row, "level"))),
            word(edition.arm(arm) if arm in ("mtb", "control") else edition.say("word.all")),
            word(edition.named("reason", reason) if reason else ""),
            count(edition, row, "n"),
        )
    )


def _training_table(edition: Edition) -> Table:
    numbers = "training_wave n_mtb n_control n_control_before n_control_after"
    keys = ("municipality", "lot", *numbers.split())
    return Table(
        id="training-table",
        caption=edition.say("design.training_caption"),
        columns=columns(edition, *keys, numeric=numbers),
        lines=tuple(_training_line(edition, r) for r in edition.rows("training")),
        note=edition.say("design.training_note"),
        source="training",
    )


def _training_line(edition: Edition, row: Row) -> Line:
    lot = edition.say("word.yes" if row.get("randomised") else "word.no")
    counts = (count(edition, row, c) for c in ("n_mtb", "n_control", "n_control_before", "n_control_after"))
    return Line(cells=(word(text(row, "municipality")), word(lot), word(text(row, "training_wave")), *counts))
