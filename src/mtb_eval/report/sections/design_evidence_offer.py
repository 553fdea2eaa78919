"""What was on offer, by lot and by time: the lot window and the instrument."""

from __future__ import annotations

from mtb_eval.analysis.instrument import OFFER
from mtb_eval.report.cells import columns, count, figure, interval, p, share, word
from mtb_eval.report.document import Fold, Line, Table, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.rows import Row, number, text
from mtb_eval.report.sections.design_evidence_cells import outcome_cell, outcome_rows, remark, tested_cells


def lot_fold(edition: Edition, values: dict[str, object]) -> tuple[Fold, ...]:
    """Return who received what in the lot window and every test of it; nothing without a lot."""
    if not edition.rows("lot_receipt") and not edition.rows("lot_effects"):
        return ()
    return (
        Fold(
            id="evidence-lot",
            title=edition.say("evidence.window"),
            paragraphs=(edition.say("evidence.window_text", **values),),
            tables=(*filled(_receipt(edition)), *filled(_lot(edition))),
        ),
    )


def instrument_fold(edition: Edition, values: dict[str, object]) -> Fold:
    """Return who received what before and after the offer, and every estimate by the instrument."""
    return Fold(
        id="evidence-instrument",
        title=edition.say("evidence.offer"),
        paragraphs=(edition.say("evidence.offer_text", **values),),
        tables=(*filled(_offer(edition)), *filled(_first_stages(edition)), *filled(_instrument(edition))),
    )


def _receipt(edition: Edition) -> Table:
    lines = [
        Line(
            cells=(
                word(text(r, "municipality") or edition.say("word.all")),
                word(edition.say(f"evidence.arm_{text(r, 'lot_arm')}")),
                count(edition, r, "n_families"),
                share(edition, number(r, "n_mtb"), number(r, "n_families")),
            )
        )
        for r in edition.rows("lot_receipt")
    ]
    return Table(
        id="evidence-receipt-table",
        caption=edition.say("evidence.receipt_caption"),
        columns=columns(edition, "municipality", "lot_arm", "families", "received", numeric="families received"),
        lines=tuple(lines),
        source="lot_receipt",
    )


def _lot(edition: Edition) -> Table:
    keys = "n_lot std interval p p_min"
    return Table(
        id="evidence-lot-table",
        caption=edition.say("evidence.lot_caption"),
        columns=columns(edition, "outcome", "method", *keys.split(), "remark", numeric=keys),
        lines=tuple(_lot_line(edition, r) for r in outcome_rows(edition, "lot_effects")),
        note=edition.say("evidence.lot_note"),
        source="lot_effects",
        sortable=True,
    )


def _lot_line(edition: Edition, row: Row) -> Line:
    kind = "difference" if "coefficient" in text(row, "method") else "studentised"
    arms = " + ".join(edition.numbers.count(number(row, f"n_{a}")) for a in ("first", "second"))
    return Line(
        cells=(
            outcome_cell(edition, row),
            word(edition.say(f"evidence.lot_{'adjusted' if row.get('adjusted') else kind}")),
            word(arms),
            *tested_cells(edition, row),
            p(edition, number(row, "p_min")),
            remark(edition, row),
        )
    )


def _offer(edition: Edition) -> Table:
    keys = "received_before received_after"
    lines = [
        Line(
            cells=(
                word(text(r, "municipality") or edition.say("word.all")),
                word(edition.say("word.yes" if r.get("randomised") else "word.no") if text(r, "municipality") else ""),
                share(edition, number(r, "n_mtb_before"), number(r, "n_before")),
                share(edition, number(r, "n_mtb_after"), number(r, "n_after")),
            )
        )
        for r in edition.rows("offer_receipt")
    ]
    return Table(
        id="evidence-offer-table",
        caption=edition.say("evidence.offer_caption"),
        columns=columns(edition, "municipality", "lot", *keys.split(), numeric=keys),
        lines=tuple(lines),
        source="offer_receipt",
    )


def _first_stages(edition: Edition) -> Table:
    keys = "n_offered first_stage interval f"
    lines = [
        Line(
            cells=(
                outcome_cell(edition, r),
                count(edition, r, "n_offered"),
                figure(edition, 100 * number(r, "estimate"), 0),
                interval(edition, 100 * number(r, "ci_low"), 100 * number(r, "ci_high"), 0),
                figure(edition, number(r, "f"), 0),
                remark(edition, r),
            )
        )
        for r in outcome_rows(edition, "first_stages")
    ]
    return Table(
        id="evidence-first-table",
        caption=edition.say("evidence.first_caption"),
        columns=columns(edition, "outcome", *keys.split(), "remark", numeric=keys),
        lines=tuple(lines),
        note=edition.say("evidence.first_note"),
        source="first_stages",
    )


def _instrument(edition: Edition) -> Table:
    keys = "std interval p df"
    lines = [
        Line(
            cells=(
                outcome_cell(edition, r),
                word(_method(edition, r)),
                *tested_cells(edition, r),
                figure(edition, number(r, "df"), 1),
                remark(edition, r),
            )
        )
        for r in outcome_rows(edition, "instrument_effects")
    ]
    return Table(
        id="evidence-instrument-table",
        caption=edition.say("evidence.instrument_caption"),
        columns=columns(edition, "outcome", "method", *keys.split(), "remark", numeric=keys),
        lines=tuple(lines),
        note=edition.say("evidence.instrument_note"),
        source="instrument_effects",
        sortable=True,
    )


def _method(edition: Edition, row: Row) -> str:
    """Return an estimate's method in words; a set that is not one interval says what it is."""
    if text(row, "analysis") == OFFER:
        return edition.say("evidence.iv_offer")
    if text(row, "shape"):
        said, shape = edition.say("evidence.iv_set"), text(row, "shape").replace(" ", "_")
        return said if shape == "interval" else f"{said}: {edition.named('shape', shape, **_gap(edition, row))}"
    return edition.say("evidence.iv_g1" if "CR1S" in text(row, "method") else "evidence.iv_cr2")


def _gap(edition: Edition, row: Row) -> dict[str, object]:
    """Return what lies outside two half-lines, on the outcome's own scale."""
    return {"gap": edition.numbers.interval(number(row, "gap_low"), number(row, "gap_high"))}
