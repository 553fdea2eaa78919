"""Folded details on cost against effect: both differences, net benefit, and averted placements that would pay."""

from __future__ import annotations

import math

from mtb_eval.analysis.economy_benefit import EFFECT, RATIO
from mtb_eval.report.cells import columns, count, figure, interval, percent, sort_key, word
from mtb_eval.report.document import Cell, Fold, Line, Table, filled
from mtb_eval.report.economy_values import (
    benefit_rows,
    benefit_values,
    compared,
    control_word,
    dkk,
    dkk_interval,
    fewer,
    rounded,
    sample_word,
)
from mtb_eval.report.edition import Edition
from mtb_eval.report.rows import Row, first, known, number, text
from mtb_eval.report.sections.design_evidence_cells import remark
from mtb_eval.report.sections.economy_detail import amount_interval

INCREMENTAL = "estimate interval n"
BENEFIT = "willingness benefit interval chance_benefit"
EVEN = "dkk_year years_away averted seen seen_interval"


def benefit_fold(edition: Edition) -> Fold:
    """Return cost and effect of the programme, held against each other."""
    estimated = known(first(compared(edition, "economy_incremental"), quantity=EFFECT), "estimate")
    said = ("benefit_finding", "benefit_sure") if estimated and benefit_rows(edition) else ()
    values = benefit_values(edition)
    return Fold(
        id="economy-benefit",
        title=edition.say("economy.benefit"),
        paragraphs=tuple(edition.say(f"economy.{k}", **values) for k in said),
        figures=("plane", "benefit"),
        tables=(*filled(_incremental(edition)), *filled(_benefit(edition))),
    )


def even_fold(edition: Edition) -> Fold:
    """Return how many placements would have to be averted for the programme to pay for itself."""
    rows = [r for r in edition.rows("economy_break_even") if known(r, "averted_per_100")]
    table = Table(
        id="economy-even-table",
        caption=edition.say("economy.even_table"),
        columns=columns(edition, *EVEN.split(), "reached", numeric=EVEN),
        lines=tuple(_even(edition, r) for r in rows),
        note=edition.say("economy.even_note"),
        source="economy_break_even",
    )
    title, said = edition.say("economy.even"), edition.say("economy.even_text")
    return Fold(id="economy-even", title=title, paragraphs=(said,), tables=filled(table))


def _incremental(edition: Edition) -> Table:
    return Table(
        id="economy-incremental",
        caption=edition.say("economy.incremental"),
        columns=columns(edition, "sample_costs", "quantity", *INCREMENTAL.split(), "remark", numeric=INCREMENTAL),
        lines=tuple(_difference(edition, r) for r in edition.rows("economy_incremental")),
        note=edition.say("economy.incremental_note"),
        source="economy_incremental",
    )


def _difference(edition: Edition, row: Row) -> Line:
    quantity, value = text(row, "quantity"), number(row, "estimate")
    n = " + ".join(edition.numbers.count(number(row, c)) for c in ("n_mtb", "n_control"))
    in_sd = quantity == EFFECT
    return Line(
        cells=(
            word(sample_word(edition, row), under=control_word(edition, row)),
            word(edition.named("quantity", quantity.split(" (")[0].replace(" ", "-")) if quantity else ""),
            figure(edition, value, 2) if in_sd else Cell(text=dkk(edition, value), sort=sort_key(rounded(value))),
            _set(edition, row) if quantity == RATIO else _span(edition, row, in_sd=in_sd),
            Cell(text=n),
            remark(edition, row),
        )
    )


def _span(edition: Edition, row: Row, *, in_sd: bool) -> Cell:
    if in_sd:
        return interval(edition, number(row, "ci_low"), number(row, "ci_high"))
    return amount_interval(edition, row)


def _set(edition: Edition, row: Row) -> Cell:
    """Return the set of ratios that the data allow: an interval, what lies outside one, or any value."""
    shown = dkk_interval(edition, number(row, "ci_low"), number(row, "ci_high"))
    words = {
        "outside": edition.say("economy.outside", interval=shown),
        "everywhere": edition.say("economy.everywhere"),
    }
    return Cell(text=words.get(text(row, "shape"), shown))


def _benefit(edition: Edition) -> Table:
    return Table(
        id="economy-net-benefit",
        caption=edition.say("economy.benefit_table"),
        columns=columns(edition, *BENEFIT.split(), numeric=BENEFIT),
        lines=tuple(_net(edition, r) for r in benefit_rows(edition)),
        note=edition.say("economy.benefit_note"),
        source="economy_net_benefit",
    )


def _net(edition: Edition, row: Row) -> Line:
    value = number(row, "estimate")
    return Line(
        cells=(
            count(edition, row, "willingness"),
            Cell(text=dkk(edition, value), sort=sort_key(rounded(value))),
            amount_interval(edition, row),
            percent(edition, number(row, "chance")),
        )
    )


def _even(edition: Edition, row: Row) -> Line:
    seen, low, high = fewer(row)
    reached = text(row, "reached").replace(" ", "-") if math.isfinite(seen) else ""
    needed = edition.numbers.interval(number(row, "averted_low"), number(row, "averted_high"), 1)
    averted = number(row, "averted_per_100")
    return Line(
        cells=(
            count(edition, row, "dkk_per_year"),
            Cell(text=edition.numbers.plain(number(row, "years")), sort=number(row, "years")),
            Cell(text=edition.numbers.fixed(averted, 1), sort=sort_key(averted), under=needed),
            figure(edition, seen, 1),
            interval(edition, low, high, 1),
            word(edition.named("reached", reached) if reached else ""),
        )
    )
