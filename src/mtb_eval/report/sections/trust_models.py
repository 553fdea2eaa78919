"""Many outcomes at once, and other models of the same effect."""

from __future__ import annotations

from mtb_eval.report.cells import columns, figure, interval, p, word
from mtb_eval.report.document import Cell, Fold, Line, Table, filled
from mtb_eval.report.edition import Edition, within_sentence
from mtb_eval.report.evidence import main_ids, main_rows
from mtb_eval.report.numbers import decimals_for
from mtb_eval.report.rows import Row, known, number, text
from mtb_eval.report.sections.design_evidence_cells import remark
from mtb_eval.report.trust import Values

LEFT_OUT = "left out: "
CORRECTED = ("p", "p_holm", "p_bh", "q_sharpened", "p_wild", "p_romano_wolf", "replica_p", "replica_p_holm")


def many_fold(edition: Edition, values: Values) -> Fold:
    """Return p before and after correction for the outcomes of the family."""
    rows = main_rows(edition, "multiplicity").values()
    keys = "primary_p p_holm p_bh q_sharpened p_wild p_romano_wolf p_conventional replica_p_holm"
    table = Table(
        id="trust-many-table",
        caption=edition.say("trust.many_caption"),
        columns=columns(edition, "outcome", *keys.split(), numeric=keys),
        lines=tuple(_corrected(edition, r) for r in rows),
        note=edition.say("trust.many_note"),
        source="multiplicity",
        sortable=True,
    )
    text_ = (edition.say("trust.many_text", **values),)
    return Fold(id="trust-many", title=edition.say("trust.many"), paragraphs=text_, tables=filled(table))


def models_fold(edition: Edition) -> Fold:
    """Return the further models: outcomes with two values, ordered ones, composites, indices of families."""
    wanted = {*main_ids(edition), *(f"{f.id}_index" for f in edition.plan.families)}
    rows = [r for r in edition.rows("further_models") if text(r, "outcome") in wanted and not _no_index(r)]
    table = Table(
        id="trust-models-table",
        caption=edition.say("trust.models_caption"),
        columns=columns(
            edition, "outcome", "model", "estimate", "interval", "p", "remark", numeric="estimate interval p"
        ),
        lines=tuple(_model(edition, r) for r in rows if "WCR31" not in text(r, "method")),
        note=edition.say("trust.models_note"),
        source="further_models",
    )
    return Fold(
        id="trust-models",
        title=edition.say("trust.models"),
        paragraphs=(edition.say("trust.models_text"),),
        tables=filled(table),
    )


def _corrected(edition: Edition, row: Row) -> Line:
    outcome = text(row, "outcome")
    name = word(edition.outcome(outcome), under=edition.family(text(row, "family")))
    return Line(cells=(name, *(p(edition, number(row, c)) for c in CORRECTED)))


def _model(edition: Edition, row: Row) -> Line:
    label = edition.declared(text(row, "outcome"))
    name = edition.outcome(text(row, "outcome")) if label else edition.family(text(row, "family"))
    kind = text(row, "estimator").lower().replace(" ", "_")
    return Line(
        cells=(
            word(name),
            word(edition.named("model", kind), under=_variant(edition, row)),
            *_numbers(edition, row),
            p(edition, number(row, "p")),
            remark(edition, _with_labels(edition, row)),
        )
    )


def _no_index(row: Row) -> bool:
    """Return whether a family has no index: one component alone is no finding to show."""
    return text(row, "estimator").endswith("index") and bool(text(row, "error"))


def _with_labels(edition: Edition, row: Row) -> Row:
    """Return an index's row with the outcomes that were left out by name."""
    warning = text(row, "warning")
    if not warning.startswith(LEFT_OUT):
        return row
    first, *rest = warning.removeprefix(LEFT_OUT).split("; ")
    names = ", ".join(within_sentence(edition.outcome(o)) for o in first.split(", "))
    return {**row, "warning": "; ".join([f"{LEFT_OUT}{names}", *rest])}


def _variant(edition: Edition, row: Row) -> str:
    """Return which columns a model was made with, if it is not the fullest."""
    method = text(row, "method")
    return next((edition.say(f"model.{k}") for k in ("unadjusted", "without") if _ends(method, k)), "")


def _ends(method: str, kind: str) -> bool:
    return method.endswith("unadjusted" if kind == "unadjusted" else "without municipality dummies")


def _numbers(edition: Edition, row: Row) -> tuple[Cell, Cell]:
    """Return estimate and interval: a ratio, standard deviations for an index, else percentage points."""
    if known(row, "ratio"):
        ends = [number(row, c) for c in ("ratio", "ratio_low", "ratio_high")]
        decimals = min(2, max(1, decimals_for(ends[0])))
        return figure(edition, ends[0], decimals), interval(edition, ends[1], ends[2], decimals, null=1.0)
    index = text(row, "estimator").endswith("index")
    names = ("standardised", "std_low", "std_high") if index else ("estimate", "ci_low", "ci_high")
    value, low, high = (number(row, c) * (1 if index else 100) for c in names)
    decimals = 2 if index else 0
    return figure(edition, value, decimals), interval(edition, low, high, decimals)
