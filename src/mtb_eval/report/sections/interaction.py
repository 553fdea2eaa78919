"""Interaction on video: change between two waves."""

from __future__ import annotations

from mtb_eval.report.cells import columns, figure, interval, p, word
from mtb_eval.report.document import Fold, Line, Section, Table, absent, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.findings import DIFFERENCE_IN_CHANGE, change_counts, change_outcome
from mtb_eval.report.participants import column_label
from mtb_eval.report.rows import Row, distinct, first, number, text
from mtb_eval.report.sections.interaction_coding import coding_folds

CHANGE = "n mean_from mean_to change interval p"
GAP = "gap interval p n_pairs"


def interaction(edition: Edition) -> Section:
    """Return the section on change in interaction."""
    counts, rows = change_counts(edition), edition.rows("change")
    title = edition.say("interaction.title" if edition.plan.interaction else "interaction.title_none", **counts)
    if not rows:
        return absent("interaction", title, edition.say("absent.change"))
    return Section(
        id="interaction",
        title=title,
        finding=tuple(edition.say(f"interaction.{k}", **counts) for k in _said(rows)),
        figures=("change",),
        tables=(*filled(_change_table(edition, rows)), *filled(_gap_table(edition))),
        sure=(edition.say("interaction.sure_method"), edition.say("interaction.sure_wrong", **counts)),
        folds=(
            *coding_folds(edition),
            Fold(
                id="trajectories",
                title=edition.say("interaction.trajectories"),
                paragraphs=(edition.say("interaction.trajectories_text"),),
                figures=("trajectories",),
            ),
        ),
    )


def _said(rows: list[Row]) -> tuple[str, ...]:
    """Return the keys of the finding, or of why there is none: no family rated at both waves."""
    return ("finding_none",) if all(number(r, "n") == 0 for r in rows) else ("finding", "finding_gap")


def _change_table(edition: Edition, rows: list[Row]) -> Table:
    pairs = [(c, a) for c in distinct(rows, "column") for a in ("mtb", "control")]
    counts = change_counts(edition)
    return Table(
        id="change-table",
        caption=edition.say("interaction.caption", **counts),
        columns=columns(edition, "scale", "arm", *CHANGE.split(), numeric=CHANGE),
        lines=tuple(
            _change_line(edition, first(rows, column=c, arm=a)) for c, a in pairs if first(rows, column=c, arm=a)
        ),
        note=edition.say("interaction.note"),
        source="change",
    )


def _change_line(edition: Edition, row: Row) -> Line:
    column = text(row, "column")
    return Line(
        cells=(
            word(f"{column_label(edition, column)}{_direction(edition, column)}"),
            word(edition.arm(text(row, "arm"))),
            figure(edition, number(row, "n"), 0),
            figure(edition, number(row, "mean_from"), 2),
            figure(edition, number(row, "mean_to"), 2),
            figure(edition, number(row, "estimate"), 2),
            interval(edition, number(row, "ci_low"), number(row, "ci_high")),
            p(edition, number(row, "p")),
        )
    )


def _direction(edition: Edition, column: str) -> str:
    outcome = change_outcome(edition, column)
    return f" ({edition.direction(outcome.id)})" if outcome else ""


def _gap_table(edition: Edition) -> Table:
    rows = edition.rows("effects", estimand=DIFFERENCE_IN_CHANGE)
    return Table(
        id="gap-table",
        caption=edition.say("interaction.gap_caption"),
        columns=columns(edition, "scale", *GAP.split(), numeric=GAP),
        lines=tuple(_gap_line(edition, r) for r in rows),
        note=edition.say("interaction.gap_note"),
        source="effects",
    )


def _gap_line(edition: Edition, row: Row) -> Line:
    outcome = text(row, "outcome")
    counts = f"{edition.numbers.count(number(row, 'n_mtb'))} + {edition.numbers.count(number(row, 'n_control'))}"
    return Line(
        cells=(
            word(f"{edition.outcome(outcome)} ({edition.direction(outcome)})", href=f"#outcome-{outcome}"),
            figure(edition, number(row, "estimate"), 2),
            interval(edition, number(row, "ci_low"), number(row, "ci_high")),
            p(edition, number(row, "p")),
            word(counts),
        )
    )
