"""Where the control families come from: effects and weights by source, and how training in waves weighs effects."""

from __future__ import annotations

from mtb_eval.analysis.decomposition_sources import SOURCES
from mtb_eval.analysis.staggered import HALF_YEARS, PRIMARY
from mtb_eval.analysis.staggered_imputation import AS_PRIMARY, SPARSE
from mtb_eval.report.cells import columns, count, figure, percent, share, word
from mtb_eval.report.document import Cell, Fold, Line, Table, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.evidence import slug
from mtb_eval.report.rows import Row, first, known, number, text
from mtb_eval.report.sections.design_evidence_cells import outcome_cell, outcome_rows, remark, tested_cells

MODELS = {PRIMARY: "primary", HALF_YEARS: "half_years", AS_PRIMARY: "as_primary", SPARSE: "sparse"}


def sources_fold(edition: Edition, values: dict[str, object]) -> Fold:
    """Return the effect against each source of controls, its weight, and balance before birth."""
    return Fold(
        id="evidence-sources",
        title=edition.say("evidence.sources"),
        paragraphs=(edition.say("evidence.sources_text", **values),),
        figures=("evidence-weights",),
        tables=(*filled(_sources(edition)), *filled(_balance(edition))),
    )


def waves_fold(edition: Edition, values: dict[str, object]) -> Fold:
    """Return the weights of effects under staggered training and the imputation estimates."""
    return Fold(
        id="evidence-waves",
        title=edition.say("evidence.waves"),
        paragraphs=(edition.say("evidence.waves_text", **values),),
        tables=(*filled(_weights(edition)), *filled(_imputation(edition))),
    )


def _sources(edition: Edition) -> Table:
    keys = "n_source weight std interval p df"
    lines = [
        Line(
            cells=(
                outcome_cell(edition, r),
                word(edition.named("evidence", f"source_{slug(text(r, 'source'))}")),
                count(edition, r, "n_source"),
                percent(edition, number(r, "weight")),
                *tested_cells(edition, r),
                figure(edition, number(r, "df"), 1),
                remark(edition, r),
            )
        )
        for r in outcome_rows(edition, "control_sources")
    ]
    return Table(
        id="evidence-sources-table",
        caption=edition.say("evidence.sources_caption"),
        columns=columns(edition, "outcome", "control_source", *keys.split(), "remark", numeric=keys),
        lines=tuple(lines),
        note=edition.say("evidence.sources_note"),
        source="control_sources",
        sortable=True,
    )


def _balance(edition: Edition) -> Table:
    names = list(dict.fromkeys(text(r, "column") for r in edition.rows("source_balance")))
    keys = [f"smd_{slug(s)}" for s in SOURCES]
    return Table(
        id="evidence-balance-table",
        caption=edition.say("evidence.balance_caption"),
        columns=columns(edition, "characteristic", *keys, numeric=" ".join(keys)),
        lines=tuple(_balance_line(edition, edition.rows("source_balance", column=n)) for n in names),
        note=edition.say("evidence.balance_note"),
        source="source_balance",
    )


def _balance_line(edition: Edition, rows: list[Row]) -> Line:
    by_source = [first(rows, source=s) for s in SOURCES]
    cells = (
        Cell(
            text=edition.numbers.fixed(number(r, "smd"), 2),
            under=f"n = {edition.numbers.count(number(r, 'n_source'))}",
            sort=number(r, "smd") if known(r, "smd") else None,
        )
        for r in by_source
    )
    return Line(cells=(word(text(rows[0], f"label_{edition.language}")), *cells))


def _weights(edition: Edition) -> Table:
    keys = "n_mtb negative negative_sum smallest_sd"
    lines = [
        Line(
            cells=(
                outcome_cell(edition, r),
                word(edition.say(f"evidence.model_{MODELS[text(r, 'model')]}")),
                count(edition, r, "n_families"),
                share(edition, number(r, "n_negative"), number(r, "n_families")),
                figure(edition, number(r, "negative_sum"), 2),
                figure(edition, number(r, "smallest_sd_std"), 2),
                remark(edition, r),
            )
        )
        for r in outcome_rows(edition, "staggered_weights")
    ]
    return Table(
        id="evidence-weights-table",
        caption=edition.say("evidence.negative_caption"),
        columns=columns(edition, "outcome", "model", *keys.split(), "remark", numeric=keys),
        lines=tuple(lines),
        note=edition.say("evidence.negative_note"),
        source="staggered_weights",
        sortable=True,
    )


def _imputation(edition: Edition) -> Table:
    keys = "std interval p n_imputed n_unpredicted"
    lines = [
        Line(
            cells=(
                outcome_cell(edition, r),
                word(edition.say(f"evidence.model_{MODELS[text(r, 'model')]}")),
                *tested_cells(edition, r),
                count(edition, r, "n_imputed"),
                count(edition, r, "n_unpredicted"),
                remark(edition, r),
            )
        )
        for r in outcome_rows(edition, "staggered_imputation")
    ]
    return Table(
        id="evidence-imputation-table",
        caption=edition.say("evidence.imputed_caption"),
        columns=columns(edition, "outcome", "model", *keys.split(), "remark", numeric=keys),
        lines=tuple(lines),
        note=edition.say("evidence.imputed_note"),
        source="staggered_imputation",
        sortable=True,
    )
