"""What the lot can vouch for: the lot window, the instrument, and the sources of controls."""

from __future__ import annotations

from mtb_eval.report.cells import columns, p, word
from mtb_eval.report.document import Cell, Line, Section, Table, absent, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.evidence import (
    evidence_values,
    instrument_rows,
    lot_rows,
    main_ids,
    primary_rows,
)
from mtb_eval.report.rows import Row, known, number
from mtb_eval.report.sections.design_evidence_cells import effect_cells
from mtb_eval.report.sections.design_evidence_offer import instrument_fold, lot_fold
from mtb_eval.report.sections.design_evidence_sources import sources_fold, waves_fold

NUMBERS = "primary_std primary_interval lot_std lot_interval lot_p iv_std iv_interval iv_p p_agree"


def design_evidence(edition: Edition) -> Section:
    """Return the section on what the design can vouch for."""
    title = edition.say("evidence.title")
    if not primary_rows(edition):
        return absent("evidence", title, edition.say("absent.evidence"))
    values = evidence_values(edition)
    return Section(
        id="evidence",
        title=title,
        finding=_finding(edition, values),
        figures=("evidence",),
        tables=filled(_table(edition)),
        sure=_sure(edition, values),
        folds=(
            sources_fold(edition, values),
            *lot_fold(edition, values),
            instrument_fold(edition, values),
            waves_fold(edition, values),
        ),
    )


def _finding(edition: Edition, values: dict[str, object]) -> tuple[str, ...]:
    lot = "evidence.finding_lot" if values["n_lot"] else "evidence.finding_no_lot"
    keys = (lot, "evidence.finding_weight", "evidence.finding_agree", "evidence.finding_instrument")
    return (*(edition.say(k, **values) for k in keys), edition.tiers)


def _sure(edition: Edition, values: dict[str, object]) -> tuple[str, ...]:
    keys = ("evidence.sure_method", "evidence.sure_wrong", "evidence.sure_waves")
    return tuple(edition.say(k, **values) for k in keys)


def _table(edition: Edition) -> Table:
    rows = primary_rows(edition), lot_rows(edition), instrument_rows(edition)
    lines = [_line(edition, o, *(r.get(o, {}) for r in rows)) for o in main_ids(edition)]
    return Table(
        id="evidence-table",
        caption=edition.say("evidence.caption"),
        columns=columns(edition, "outcome", "n_lot", *NUMBERS.split(), numeric=f"{NUMBERS} n_lot"),
        lines=tuple(lines),
        note=edition.say("evidence.note"),
        source="source_agreement",
        sortable=True,
    )


def _line(edition: Edition, outcome: str, primary: Row, lot: Row, instrument: Row) -> Line:
    return Line(
        cells=(
            word(edition.outcome(outcome), href=f"#outcome-{outcome}"),
            _arms(edition, lot),
            *effect_cells(edition, primary),
            *effect_cells(edition, lot),
            p(edition, number(lot, "p")),
            *effect_cells(edition, instrument),
            p(edition, number(instrument, "p")),
            p(edition, number(primary, "p_agree")),
        )
    )


def _arms(edition: Edition, lot: Row) -> Cell:
    """Return the families of the lot window: first + second by lot."""
    if not known(lot, "n_first", "n_second"):
        return word(edition.numbers.count(number(lot, "n_first")))
    first, second = (number(lot, f"n_{arm}") for arm in ("first", "second"))
    return Cell(text=f"{edition.numbers.count(first)} + {edition.numbers.count(second)}", sort=first + second)
