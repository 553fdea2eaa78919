"""Folded details on placements: every test of the same question, and the two sources held against each other."""

from __future__ import annotations

from mtb_eval.report.cells import columns, count, figure, interval, p, percent, word
from mtb_eval.report.document import Cell, Column, Fold, Line, Table, filled
from mtb_eval.report.edition import Edition, sentence_case
from mtb_eval.report.placement_values import (
    FAMILIES,
    MUNICIPALITIES,
    result_of,
    source_rows,
    source_values,
    sources,
    tally,
    with_p,
)
from mtb_eval.report.rows import Row, known, number, text
from mtb_eval.report.sections.design_evidence_cells import remark

SHARES = ("risk difference", "cumulative incidence difference")
COUNTS = "both only_registration only_register neither unknown"
AGREEMENT_HEAD = "both only_registration only_register neither status_unknown agreement kappa interval days_between"


def tests_fold(edition: Edition) -> Fold:
    """Return every test of whether placements are as frequent in both groups, by what it allows for."""
    values = tally(edition)
    tiers = sum(values[k] != edition.numbers.count(0) for k in ("n_significant", "n_tendency", "n_neither"))
    finding = "ptests.finding" if tiers > 1 else "ptests.finding_one"
    said = (finding, "ptests.sure") if with_p(edition) else ()
    tables = (_table(edition, "families", FAMILIES), _table(edition, "municipalities", MUNICIPALITIES))
    return Fold(
        id="placement-tests",
        title=edition.say("ptests.heading"),
        paragraphs=tuple(edition.say(k, **values) for k in said),
        figures=("placement-tests",) if said else (),
        tables=tuple(t for table in (*tables, _failures(edition)) for t in filled(table)),
    )


def sources_fold(edition: Edition) -> Fold:
    """Return how registration and register extract agree, and what the extract holds."""
    agreed, held = filled(_agreement(edition)), filled(_extract(edition))
    said = ("psources.finding",) if agreed else ("psources.extract_only",) if held else ()
    return Fold(
        id="placement-sources",
        title=edition.say("psources.heading"),
        paragraphs=tuple(edition.say(k, **source_values(edition)) for k in said),
        tables=(*agreed, *held),
    )


def _table(edition: Edition, group: str, codes: tuple[str, ...]) -> Table:
    others = sources(edition)[1:]
    lines = [_line(edition, result_of(edition, c), others) for c in codes if result_of(edition, c)]
    named = tuple(_p_by(edition, s) for s in others)
    head = columns(edition, "test", "estimate", "interval", "p", numeric="estimate interval p")
    notes = {"families": "ptests.note", "municipalities": "ptests.note_municipalities"}
    return Table(
        id=f"placement-tests-{group}",
        caption=edition.say("ptests.table", group=edition.say(f"ptests.{group}").lower()),
        columns=(*head, *named, *columns(edition, "remark")),
        lines=tuple(lines),
        note=edition.say(notes[group]),
        source="placement_tests",
    )


def _p_by(edition: Edition, source: str) -> Column:
    return Column(title=edition.say("ptests.p_by", source=edition.say(f"ptests.{source}")), numeric=True)


def _line(edition: Edition, row: Row, others: list[str]) -> Line:
    code = text(row, "code")
    return Line(
        cells=(
            word(edition.say(f"ptest.{code}"), under=_measure(edition, row)),
            _estimate(edition, row),
            _interval(edition, row),
            p(edition, number(row, "p")),
            *(p(edition, number(result_of(edition, code, s), "p")) for s in others),
            remark(edition, row),
        )
    )


def _measure(edition: Edition, row: Row) -> str:
    """Return what is estimated, in words; nothing where the test gives p alone."""
    measure = text(row, "measure")
    return "" if measure == "test" else edition.named("pmeasure", measure.replace(", ", "-").replace(" ", "-"))


def _estimate(edition: Edition, row: Row) -> Cell:
    share = text(row, "measure") in SHARES
    return figure(edition, number(row, "estimate") * (100 if share else 1), 1)


def _interval(edition: Edition, row: Row) -> Cell:
    measure, low, high = text(row, "measure"), number(row, "ci_low"), number(row, "ci_high")
    if measure in SHARES:
        return interval(edition, 100 * low, 100 * high, 1)
    return interval(edition, low, high, 1, null=1.0 if "ratio" in measure else 0.0)


def _failures(edition: Edition) -> Table:
    """Return the analyses that could not be computed, each with its reason."""
    rows = [r for r in source_rows(edition, "placement_tests") or edition.rows("placement_tests") if text(r, "error")]
    return Table(
        id="placement-failures",
        caption=edition.say("ptests.failed"),
        columns=columns(edition, "test", "remark"),
        lines=tuple(Line(cells=(word(_analysis(edition, r)), remark(edition, r))) for r in rows),
        source="placement_tests",
    )


def _analysis(edition: Edition, row: Row) -> str:
    return edition.named("panalysis", text(row, "analysis").replace(" ", "-"))


def _agreement(edition: Edition) -> Table:
    rows = [r for r in edition.rows("placement_agreement") if known(r, "n")]
    return Table(
        id="placement-agreement",
        caption=edition.say("psources.table"),
        columns=columns(edition, "arm", *AGREEMENT_HEAD.split(), "remark", numeric=AGREEMENT_HEAD),
        lines=tuple(_agreement_line(edition, r) for r in rows),
        note=edition.say("psources.note"),
        source="placement_agreement",
    )


def _agreement_line(edition: Edition, row: Row) -> Line:
    arm = text(row, "arm")
    named = sentence_case(edition.say("word.all")) if arm == "all" else edition.arm(arm)
    return Line(
        cells=(
            word(named),
            *(count(edition, row, k) for k in COUNTS.split()),
            percent(edition, number(row, "agreement")),
            figure(edition, number(row, "kappa"), 2),
            interval(edition, number(row, "kappa_low"), number(row, "kappa_high")),
            figure(edition, number(row, "days_between"), 1),
            remark(edition, row),
        )
    )


def _extract(edition: Edition) -> Table:
    rows = edition.rows("placement_extract")
    return Table(
        id="placement-extract",
        caption=edition.say("psources.extract"),
        columns=columns(edition, "event", "n", numeric="n"),
        lines=tuple(
            Line(cells=(word(edition.named("pextract", _key(text(r, "what")))), count(edition, r, "n"))) for r in rows
        ),
        source="placement_extract",
    )


def _key(what: str) -> str:
    return what.replace(", ", "-").replace(" ", "-")
