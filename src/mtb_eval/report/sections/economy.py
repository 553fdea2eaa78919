"""What the programme costs, and what its cost buys."""

from __future__ import annotations

from mtb_eval.report.cells import columns, count, figure, word
from mtb_eval.report.document import Cell, Line, Section, Table, absent, filled
from mtb_eval.report.economy_values import (
    cost_values,
    costed_rows,
    dkk,
    even_row,
    even_values,
    fewer,
    rounded,
    summed,
    whole_cost,
)
from mtb_eval.report.edition import Edition
from mtb_eval.report.flags import FEW_DEGREES
from mtb_eval.report.rows import Row, known, number, text
from mtb_eval.report.sections.economy_benefit import benefit_fold, even_fold
from mtb_eval.report.sections.economy_detail import activities_fold, sensitivity_fold, summary_fold

PLACES = "costed_families hours_family cost_family cost_visit cost_course"
REMARK_WORDS = 5


def economy(edition: Edition) -> Section:
    """Return the section on costs and effects."""
    title = edition.say("economy.title")
    if not costed_rows(edition):
        return absent("economy", title, edition.say("absent.economy"))
    values = cost_values(edition)
    folds = (
        summary_fold(edition, values),
        activities_fold(edition),
        sensitivity_fold(edition),
        benefit_fold(edition),
        even_fold(edition),
    )
    return Section(
        id="economy",
        title=title,
        finding=_finding(edition),
        figures=("costs",),
        tables=filled(_places(edition)),
        sure=tuple(edition.say(f"economy.{k}", **values) for k in _doubts(edition)),
        folds=tuple(f for f in folds if f.tables),
    )


def _finding(edition: Edition) -> tuple[str, ...]:
    """Return the sentences that there are numbers for."""
    values, more = cost_values(edition), even_values(edition)
    several = known(summed(edition), "ci_low")
    said = [edition.say("economy.finding" if several else "economy.finding_one", **values)]
    if several and known(summed(edition, "cost_per_course"), "ci_low"):
        said.append(edition.say("economy.finding_visit", **values))
    if known(whole_cost(edition), "estimate"):
        said.append(edition.say("economy.finding_cost", **values))
    if known({"seen": fewer(even_row(edition))[0]}, "seen"):
        said.append(edition.say("economy.finding_even", **more))
    return tuple(said)


def _doubts(edition: Edition) -> list[str]:
    """Return the keys of what limits the costs: with few municipalities, assumed prices, made data."""
    df = number(summed(edition), "df")
    few = ["sure_few"] if 0 < df < FEW_DEGREES else []
    assumed = ["sure_assumed"] if edition.plan.economy and edition.plan.economy.status == "assumed" else []
    made = ["sure_synthetic"] if edition.provenance.synthetic else []
    return ["sure_method", *few, "sure_wrong", *assumed, *made]


def _places(edition: Edition) -> Table:
    threshold = edition.plan.dose.threshold if edition.plan.dose else ""
    return Table(
        id="economy-places",
        caption=edition.say("economy.places"),
        columns=columns(edition, "municipality", *PLACES.split(), "remark", numeric=PLACES),
        lines=tuple(_place(edition, r) for r in edition.rows("economy_municipalities")),
        note=edition.say("economy.places_note", threshold=threshold),
        source="economy_municipalities",
        sortable=True,
    )


def _place(edition: Edition, row: Row) -> Line:
    return Line(
        cells=(
            word(text(row, "municipality")),
            count(edition, row, "n_families"),
            figure(edition, number(row, "hours_per_family"), 0),
            *(amount(edition, number(row, f"cost_per_{k}")) for k in ("family", "visit", "course")),
            word(_remark(edition, row)),
        )
    )


def amount(edition: Edition, value: float) -> Cell:
    """Return a cell of an amount in DKK."""
    return Cell(text=dkk(edition, value), sort=rounded(value) if known({"x": value}, "x") else None)


def _remark(edition: Edition, row: Row) -> str:
    """Return what to know of a municipality's costs, by the first words of what the analysis wrote."""
    written = text(row, "warning")
    key = "-".join(written.replace(":", "").replace(";", "").split()[:REMARK_WORDS])
    return edition.named("cost_remark", key) if written else ""
