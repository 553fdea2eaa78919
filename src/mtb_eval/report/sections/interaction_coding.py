"""Folded details on interaction: how well it was rated, and whether effects grew between two waves."""

from __future__ import annotations

from mtb_eval.analysis.coding_reliability import USED
from mtb_eval.analysis.waves_longitudinal import ANCOVA, CLDA, EFFECT
from mtb_eval.report.cells import columns, figure, interval, p, word
from mtb_eval.report.coding import agreement_rows, agreement_waves, coding_values, growth_rows, growth_values
from mtb_eval.report.document import Cell, Fold, Line, Table, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.participants import column_label
from mtb_eval.report.rows import Row, distinct, first, number, text

RELIABILITY = "icc interval rel mde true_mde"
GROWTH = "effect_from effect_to gap interval p p_holm mde"
JOINT = "ancova interval clda clda_interval p n"


def coding_folds(edition: Edition) -> tuple[Fold, ...]:
    """Return the details on coding and on effects over time that there are rows for."""
    return (*_coding(edition), *_growth(edition))


def _coding(edition: Edition) -> tuple[Fold, ...]:
    rows = edition.rows("coder_reliability")
    if not rows:
        return ()
    waves, values = agreement_waves(edition), coding_values(edition)
    found = edition.say("agreement.finding", **values) if waves else edition.say("agreement.none")
    return (
        Fold(
            id="coding",
            title=edition.say("agreement.heading"),
            paragraphs=(found, *((edition.say("agreement.sure", **values),) if waves else ())),
            figures=("agreement",),
            tables=filled(_reliability(edition, waves[-1])) if waves else (),
        ),
    )


def _reliability(edition: Edition, wave: str) -> Table:
    used = agreement_rows(edition, wave, USED)
    return Table(
        id="agreement-table",
        caption=edition.say("agreement.table", at=edition.wave(wave).lower()),
        columns=columns(edition, "scale", *RELIABILITY.split(), numeric=RELIABILITY),
        lines=tuple(
            _reliability_line(edition, row, used.get(scale, {}), _attenuation(edition, scale, wave))
            for scale, row in agreement_rows(edition, wave).items()
        ),
        note=edition.say("agreement.note"),
        source="coder_reliability",
    )


def _attenuation(edition: Edition, scale: str, wave: str) -> Row:
    outcome = next((o.id for o in edition.plan.outcomes if o.column == scale and o.wave == wave), "")
    return first(edition.rows("attenuation"), outcome=outcome)


def _reliability_line(edition: Edition, row: Row, used: Row, effect: Row) -> Line:
    return Line(
        cells=(
            word(column_label(edition, text(row, "scale"))),
            figure(edition, number(row, "value"), 2),
            interval(edition, number(row, "ci_low"), number(row, "ci_high"), null=-1.0),
            figure(edition, number(used, "value"), 2),
            figure(edition, number(effect, "mde"), 2),
            figure(edition, number(effect, "true_mde"), 2),
        )
    )


def _growth(edition: Edition) -> tuple[Fold, ...]:
    rows = growth_rows(edition)
    if not rows:
        return ()
    values = growth_values(edition)
    return (
        Fold(
            id="growth",
            title=edition.say("growth.heading"),
            paragraphs=(edition.say("growth.finding", **values), edition.say("growth.sure", **values)),
            figures=("growth",),
            tables=(*filled(_growth_table(edition, rows)), *filled(_joint_table(edition))),
        ),
    )


def _growth_table(edition: Edition, rows: list[Row]) -> Table:
    return Table(
        id="growth-table",
        caption=edition.say("growth.table", **growth_values(edition)),
        columns=columns(edition, "scale", *GROWTH.split(), numeric=GROWTH),
        lines=tuple(_growth_line(edition, r) for r in rows),
        note=edition.say("growth.note"),
        source="wave_differences",
    )


def _growth_line(edition: Edition, row: Row) -> Line:
    two = {c: figure(edition, number(row, c), 2) for c in ("effect_from", "effect_to", "estimate", "mde")}
    return Line(
        cells=(
            word(column_label(edition, text(row, "column"))),
            two["effect_from"],
            two["effect_to"],
            two["estimate"],
            interval(edition, number(row, "ci_low"), number(row, "ci_high")),
            p(edition, number(row, "p")),
            p(edition, number(row, "p_holm")),
            two["mde"],
        )
    )


def _joint_table(edition: Edition) -> Table:
    rows = edition.rows("longitudinal", measure=EFFECT)
    pairs = [(c, w) for c in distinct(rows, "column") for w in distinct(rows, "wave")]
    lines = (_joint_line(edition, rows, c, w) for c, w in pairs if first(rows, column=c, wave=w))
    return Table(
        id="joint-table",
        caption=edition.say("growth.joint"),
        columns=columns(edition, "scale", *JOINT.split(), numeric=JOINT),
        lines=tuple(lines),
        note=edition.say("growth.joint_note"),
        source="longitudinal",
    )


def _joint_line(edition: Edition, rows: list[Row], column: str, wave: str) -> Line:
    ancova, clda = (first(rows, column=column, wave=wave, analysis=a) for a in (ANCOVA, CLDA))
    return Line(
        cells=(
            word(f"{column_label(edition, column)}, {edition.wave(wave).lower()}"),
            *(c for r in (ancova, clda) for c in _effect(edition, r)),
            p(edition, number(clda, "p")),
            figure(edition, number(clda, "n_families"), 0),
        )
    )


def _effect(edition: Edition, row: Row) -> tuple[Cell, Cell]:
    low, high = number(row, "std_low"), number(row, "std_high")
    return figure(edition, number(row, "standardised"), 2), interval(edition, low, high)
