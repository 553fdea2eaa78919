"""What an estimate rests on: municipalities, families before birth, one effect or several."""

from __future__ import annotations

from mtb_eval.report.cells import columns, count, figure, interval, p, percent, word
from mtb_eval.report.document import Cell, Column, Fold, Line, Table, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.evidence import main_rows, std_interval
from mtb_eval.report.rows import Row, distinct, first, known, number, text
from mtb_eval.report.trust import Values, alike_rows, placebo_samples, sample_name, spread_rows


def placebo_fold(edition: Edition, values: Values) -> Fold:
    """Return the primary model on what was measured before birth, by sample."""
    samples, rows = placebo_samples(edition), edition.rows("baseline_placebo")
    heads = [
        Column(title=title, numeric=True)
        for s in samples
        for title in (sample_name(edition, s), edition.say("column.p"))
    ]
    measures = distinct([r for r in rows if text(r, "sample") in samples], "measure")
    table = Table(
        id="trust-placebo-table",
        caption=edition.say("trust.placebo_table"),
        columns=(*columns(edition, "characteristic"), *heads),
        lines=tuple(_measure(edition, m, samples) for m in measures),
        note=edition.say("trust.placebo_note"),
        source="baseline_placebo",
    )
    return Fold(
        id="trust-placebo",
        title=edition.say("trust.placebo"),
        paragraphs=(edition.say("trust.placebo_text", **values),),
        figures=("trust-placebo",) if table.lines else (),
        tables=filled(table),
    )


def spread_fold(edition: Edition, values: Values) -> Fold:
    """Return how far the effects differ between municipalities."""
    keys = "n_effects p_same tau tau_interval mean_effect foretold replica_df primary_df"
    table = Table(
        id="trust-spread-table",
        caption=edition.say("trust.spread_table"),
        columns=columns(edition, "outcome", *keys.split(), numeric=keys),
        lines=tuple(_spread(edition, r) for r in spread_rows(edition).values()),
        note=edition.say("trust.spread_note"),
        source="effect_spread",
        sortable=True,
    )
    return Fold(
        id="trust-spread",
        title=edition.say("trust.spread"),
        paragraphs=(edition.say("trust.spread_text", **values),),
        figures=("trust-spread",) if table.lines else (),
        tables=filled(table),
    )


def alike_fold(edition: Edition, values: Values) -> Fold:
    """Return how alike families of one municipality are."""
    table = Table(
        id="trust-alike-table",
        caption=edition.say("trust.alike_table"),
        columns=columns(
            edition, "outcome", "n", "alike", "alike_interval", "p_alike", numeric="n alike alike_interval p_alike"
        ),
        lines=tuple(_alike(edition, r) for r in alike_rows(edition).values()),
        note=edition.say("trust.alike_note"),
        source="municipality_icc",
        sortable=True,
    )
    return Fold(
        id="trust-alike",
        title=edition.say("trust.alike"),
        paragraphs=(edition.say("trust.alike_text", **values),),
        tables=filled(table),
    )


def rests_fold(edition: Edition) -> Fold:
    """Return what each primary estimate rests on."""
    keys = "n_both effective df largest care_left loo turns"
    rows = [r for r in main_rows(edition, "effect_diagnostics").values() if known(r, "effective_clusters")]
    table = Table(
        id="trust-rests-table",
        caption=edition.say("trust.rests_caption"),
        columns=columns(edition, "outcome", *keys.split(), numeric=keys),
        lines=tuple(_rests(edition, r) for r in rows),
        note=edition.say("trust.rests_note"),
        source="effect_diagnostics",
        sortable=True,
    )
    return Fold(
        id="trust-rests",
        title=edition.say("trust.rests"),
        paragraphs=(edition.say("trust.rests_text"),),
        tables=filled(table),
    )


def _measure(edition: Edition, measure: str, samples: list[str]) -> Line:
    rows = edition.rows("baseline_placebo", measure=measure)
    cells: list[Cell] = []
    for sample in samples:
        row = first(rows, sample=sample)
        value, low, high = std_interval(row)
        shown = Cell(text=edition.numbers.fixed(value, 2), sort=value, under=edition.numbers.interval(low, high))
        cells += [shown, p(edition, number(row, "p"))]
    return Line(cells=(word(text(first(rows), f"label_{edition.language}")), *cells))


def _spread(edition: Edition, row: Row) -> Line:
    return Line(
        cells=(
            word(edition.outcome(text(row, "outcome"))),
            count(edition, row, "n_effects"),
            p(edition, number(row, "p")),
            figure(edition, number(row, "tau_std"), 2),
            interval(edition, number(row, "tau_std_low"), number(row, "tau_std_high"), null=-1.0),
            figure(edition, number(row, "mean_std"), 2),
            interval(edition, number(row, "prediction_low"), number(row, "prediction_high")),
            figure(edition, number(row, "replica_df"), 0),
            figure(edition, number(row, "primary_df"), 1),
        )
    )


def _alike(edition: Edition, row: Row) -> Line:
    n = number(row, "n_mtb") + number(row, "n_control")
    return Line(
        cells=(
            word(edition.outcome(text(row, "outcome"))),
            Cell(text=edition.numbers.count(n), sort=n),
            figure(edition, number(row, "icc"), 2),
            interval(edition, number(row, "icc_low"), number(row, "icc_high"), null=-1.0),
            p(edition, number(row, "p")),
        )
    )


def _rests(edition: Edition, row: Row) -> Line:
    largest = percent(edition, number(row, "largest_leverage"))
    both = edition.numbers.counts(number(row, "n_both_arms"), number(row, "n_clusters"))
    return Line(
        cells=(
            word(edition.outcome(text(row, "outcome"))),
            Cell(text=both, sort=number(row, "n_both_arms")),
            figure(edition, number(row, "effective_clusters"), 1),
            figure(edition, number(row, "df"), 1),
            Cell(text=largest.text, sort=largest.sort, under=text(row, "municipality")),
            percent(edition, number(row, "care_left")),
            interval(edition, number(row, "loo_low"), number(row, "loo_high")),
            count(edition, row, "loo_sign_changes"),
        )
    )
