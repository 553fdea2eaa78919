"""Folded details on missing answers: response, imputation, tipping points, bounds."""

from __future__ import annotations

from dataclasses import replace

from mtb_eval.report.attrition import QUESTIONNAIRE, VIDEO, Values, bound_rows, shift_phrase, tipping_rows
from mtb_eval.report.cells import columns, figure, interval, percent, share, word
from mtb_eval.report.document import Cell, Fold, Line, Table, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.evidence import main_ids
from mtb_eval.report.numbers import decimals_for
from mtb_eval.report.rows import Row, distinct, first, known, number, text
from mtb_eval.report.sections.design_evidence_cells import remark

RAW = "difference in means"
RESPONSE = "response_mtb response_control overall differential boundary bias"
RESPONDERS = "mtb_there mtb_lost mtb_smd control_there control_lost control_smd"
IMPUTED = "n_seen mean_seen sd_seen n_filled mean_filled sd_filled lost_share r_hat"
TIPPING = "shift_nearest_mtb shift_nearest_control shift_mtb_alone shift_control_alone shift_both"
BOUNDS = "lee_raw lee_model lee_interval manski_raw manski_model"


def response_fold(edition: Edition, values: Values) -> Fold:
    """Return response against the standard, and how those who answered differed before birth from those who did not."""
    rows = edition.rows("attrition_response")
    table = Table(
        id="attrition-response",
        caption=edition.say("attrition.response_caption"),
        columns=columns(edition, "sample", "wave", *RESPONSE.split(), numeric=RESPONSE),
        lines=tuple(_response(edition, r) for r in rows),
        note=edition.say("attrition.response_note", **values),
        source="attrition_response",
    )
    return Fold(
        id="attrition-response-fold",
        title=edition.say("attrition.response"),
        paragraphs=(edition.say("attrition.response_text", **values),),
        tables=(*filled(table), *(t for s in (QUESTIONNAIRE, VIDEO) for t in filled(_responders(edition, s)))),
    )


def without_empty_remarks(lines: list[Line]) -> tuple[list[str], tuple[Line, ...]]:
    """Return the key of the column of remarks and the lines, or no key and lines without it if all are empty."""
    if any(line.cells[-1].text for line in lines):
        return ["remark"], tuple(lines)
    return [], tuple(replace(line, cells=line.cells[:-1]) for line in lines)


def imputed_fold(edition: Edition) -> Fold:
    """Return what was observed and what imputed, by outcome and group."""
    rows = [r for o in main_ids(edition) for r in edition.rows("attrition_imputation", outcome=o, level="scale")]
    last, lines = without_empty_remarks([_imputed(edition, r) for r in rows])
    table = Table(
        id="attrition-imputed",
        caption=edition.say("attrition.imputed_caption"),
        columns=columns(edition, "outcome", "arm", *IMPUTED.split(), *last, numeric=IMPUTED),
        lines=lines,
        note=edition.say("attrition.imputed_note"),
        source="attrition_imputation",
    )
    rule = edition.plan.attrition
    text_ = edition.say(
        "attrition.imputed_text",
        m=rule.imputations if rule else 0,
        iterations=rule.iterations if rule else 0,
        seed=rule.seed if rule else "",
    )
    title = edition.say("attrition.imputed")
    return Fold(id="attrition-imputed-fold", title=title, paragraphs=(text_,), tables=filled(table))


def tipping_fold(edition: Edition) -> Fold:
    """Return the tipping point of every outcome."""
    table = Table(
        id="attrition-tipping",
        caption=edition.say("attrition.tipping_table"),
        columns=columns(edition, "outcome", "conclusion", *TIPPING.split(), numeric=TIPPING),
        lines=tuple(_tipping(edition, r) for r in tipping_rows(edition).values()),
        note=edition.say("attrition.tipping_note"),
        source="attrition_tipping",
        sortable=True,
    )
    rule = edition.plan.attrition
    reach = edition.numbers.plain(rule.shift_to if rule else float("nan"))
    paragraph = edition.say("attrition.tipping_text", reach=reach)
    title = edition.say("attrition.tipping")
    return Fold(id="attrition-tipping-fold", title=title, paragraphs=(paragraph,), tables=filled(table))


def bounds_fold(edition: Edition, values: Values) -> Fold:
    """Return bounds that need no model of the missing answers."""
    lee, raw = bound_rows(edition, "lee"), bound_rows(edition, "lee", RAW)
    worst, worst_raw = bound_rows(edition, "manski"), bound_rows(edition, "manski", RAW)
    lines = [
        _bounds(edition, o, *(b.get(o, {}) for b in (raw, lee, worst_raw, worst)))
        for o in main_ids(edition)
        if o in lee or o in raw
    ]
    last, kept = without_empty_remarks(lines)
    table = Table(
        id="attrition-bounds",
        caption=edition.say("attrition.bounds_caption"),
        columns=columns(edition, "outcome", *BOUNDS.split(), *last, numeric=BOUNDS),
        lines=kept,
        note=edition.say("attrition.bounds_note"),
        source="attrition_bounds",
    )
    paragraph = edition.say("attrition.bounds_text", **values)
    return Fold(
        id="attrition-bounds-fold", title=edition.say("attrition.bounds"), paragraphs=(paragraph,), tables=filled(table)
    )


def _response(edition: Edition, row: Row) -> Line:
    biases = [
        interval(edition, number(row, f"bias_{name}_low"), number(row, f"bias_{name}_high"))
        for name in ("cautious", "optimistic")
    ]
    boundaries = [figure(edition, 100 * number(row, f"boundary_{name}"), 1) for name in ("cautious", "optimistic")]
    return Line(
        cells=(
            word(edition.named("sample", text(row, "sample"))),
            word(edition.wave(text(row, "wave"))),
            *(share(edition, number(row, f"n_{a}"), number(row, f"of_{a}")) for a in ("mtb", "control")),
            percent(edition, number(row, "overall_attrition"), 1),
            figure(edition, 100 * number(row, "differential_attrition"), 1),
            *(replace(one, under=other.text) for one, other in (boundaries, biases)),
        )
    )


def _responders(edition: Edition, sample: str) -> Table:
    rows = edition.rows("attrition_responders", sample=sample, wave=edition.main_wave.id)
    values = {"sample": edition.named("sample", sample).lower(), "when": edition.at_wave(edition.main_wave)}
    return Table(
        id=f"attrition-responders-{sample}",
        caption=edition.say("attrition.responders_caption", **values),
        columns=columns(edition, "characteristic", *RESPONDERS.split(), numeric=RESPONDERS),
        lines=tuple(_responder(edition, rows, c) for c in distinct(rows, "column")),
        note=edition.say("attrition.responders_note"),
        source="attrition_responders",
    )


def _responder(edition: Edition, rows: list[Row], column: str) -> Line:
    arms = [first(rows, column=column, arm=a) for a in ("mtb", "control")]
    cells = []
    for row in arms:
        shown = text(row, "kind") == "share"
        for group in ("responders", "lost"):
            mean = number(row, f"mean_{group}")
            cells.append(percent(edition, mean) if shown else figure(edition, mean, 1))
        cells.append(figure(edition, number(row, "smd"), 2))
    return Line(cells=(word(text(arms[0], f"label_{edition.language}")), *cells))


def _imputed(edition: Edition, row: Row) -> Line:
    names = ("mean_observed", "sd_observed", "mean_imputed", "sd_imputed")
    decimals = decimals_for(*(number(row, c) for c in names)) + 1
    shown = {c: figure(edition, number(row, c), min(decimals, 2)) for c in names}
    return Line(
        cells=(
            word(edition.outcome(text(row, "outcome"))),
            word(edition.arm(text(row, "arm"))),
            figure(edition, number(row, "n_observed"), 0),
            shown["mean_observed"],
            shown["sd_observed"],
            figure(edition, number(row, "n_imputed"), 0),
            shown["mean_imputed"],
            shown["sd_imputed"],
            percent(edition, number(row, "lost")),
            figure(edition, number(row, "r_hat"), 2),
            remark(edition, row),
        )
    )


def _tipping(edition: Edition, row: Row) -> Line:
    shifts = ("shift_mtb", "shift_control", "shift_mtb_alone", "shift_control_alone", "shift_both")
    kind = text(row, "conclusion").replace("interval ", "").replace(", ", "_").replace(" ", "_")
    return Line(
        cells=(
            word(edition.outcome(text(row, "outcome"))),
            word(edition.named("attrition", f"says_{kind}")),
            *(_shift(edition, number(row, c)) for c in shifts),
        )
    )


def _shift(edition: Edition, shift: float) -> Cell:
    shown = shift_phrase(edition, shift) if known({"x": shift}, "x") else edition.numbers.std(shift)
    return Cell(text=shown, sort=shift if known({"x": shift}, "x") else None)


def _bounds(edition: Edition, outcome: str, raw: Row, lee: Row, worst_raw: Row, worst: Row) -> Line:
    spans = [interval(edition, number(r, "std_lower"), number(r, "std_upper")) for r in (raw, lee, worst_raw, worst)]
    outer = interval(edition, number(lee, "std_low"), number(lee, "std_high"))
    return Line(
        cells=(word(edition.outcome(outcome)), spans[0], spans[1], outer, spans[2], spans[3], remark(edition, lee))
    )
