"""Folded details on costs: over the municipalities, by activity, and under other prices."""

from __future__ import annotations

import math

from mtb_eval.report.cells import columns, count, figure, percent, word
from mtb_eval.report.document import Cell, Fold, Line, Table, filled
from mtb_eval.report.economy_values import Values, dkk, dkk_interval, rounded
from mtb_eval.report.edition import Edition
from mtb_eval.report.rows import Row, known, number, text
from mtb_eval.report.sections.design_evidence_cells import remark

SUMMARY = "estimate interval pooled n"
ACTIVITIES = "hours_family cost_family interval share"
PRICES = "wage overhead training cost_family interval"


def summary_fold(edition: Edition, values: Values) -> Fold:
    """Return hours and costs over the municipalities."""
    rows = [r for r in edition.rows("economy_summary") if known(r, "estimate")]
    table = Table(
        id="economy-summary",
        caption=edition.say("economy.summary", **values),
        columns=columns(edition, "measure", *SUMMARY.split(), "remark", numeric=SUMMARY),
        lines=tuple(_summary(edition, r, values) for r in rows),
        note=edition.say("economy.summary_note", **values),
        source="economy_summary",
    )
    return Fold(id="economy-summary-fold", title=edition.say("economy.summary", **values), tables=filled(table))


def activities_fold(edition: Edition) -> Fold:
    """Return hours and cost by activity and staff."""
    rows = [r for r in edition.rows("economy_activities") if known(r, "cost_per_family")]
    table = Table(
        id="economy-activities",
        caption=edition.say("economy.activities_table"),
        columns=columns(edition, "activity", "staff", *ACTIVITIES.split(), numeric=ACTIVITIES),
        lines=tuple(_activity(edition, r) for r in rows),
        note=edition.say("economy.activities_note"),
        source="economy_activities",
        sortable=True,
    )
    return Fold(id="economy-activities-fold", title=edition.say("economy.activities"), tables=filled(table))


def sensitivity_fold(edition: Edition) -> Fold:
    """Return the cost a family under every declared combination of prices."""
    rows = [r for r in edition.rows("economy_sensitivity", measure="cost_per_family") if known(r, "estimate")]
    costs = [number(r, "estimate") for r in rows] or [math.nan]
    table = Table(
        id="economy-sensitivity",
        caption=edition.say("economy.sensitivity_table"),
        columns=columns(edition, *PRICES.split(), "remark", numeric=PRICES),
        lines=tuple(_prices(edition, r) for r in rows),
        note=edition.say("economy.sensitivity_note"),
        source="economy_sensitivity",
        sortable=True,
    )
    said = edition.say("economy.sensitivity_text", least=dkk(edition, min(costs)), dearest=dkk(edition, max(costs)))
    title = edition.say("economy.sensitivity")
    return Fold(id="economy-sensitivity-fold", title=title, paragraphs=(said,), tables=filled(table))


def amount_interval(edition: Edition, row: Row) -> Cell:
    """Return a cell of a row's interval in DKK."""
    low = number(row, "ci_low")
    shown = dkk_interval(edition, low, number(row, "ci_high"))
    return Cell(text=shown, sort=low if math.isfinite(low) else None)


def _summary(edition: Edition, row: Row, values: Values) -> Line:
    hours = text(row, "measure") == "hours_per_family"
    estimate, pooled = (number(row, c) for c in ("estimate", "pooled"))
    return Line(
        cells=(
            word(edition.named("cost_measure", text(row, "measure"), threshold=values["threshold"])),
            _amount(edition, estimate),
            amount_interval(edition, row),
            _amount(edition, pooled),
            count(edition, row, "n_municipalities"),
            Cell(text="") if hours else remark(edition, row),
        )
    )


def _activity(edition: Edition, row: Row) -> Line:
    return Line(
        cells=(
            word(edition.named("activity", text(row, "activity"))),
            word(edition.named("clinician", text(row, "staff"))),
            figure(edition, number(row, "hours_per_family"), 0),
            _amount(edition, number(row, "cost_per_family")),
            amount_interval(edition, row),
            percent(edition, number(row, "share")),
        )
    )


def _prices(edition: Edition, row: Row) -> Line:
    declared = number(row, "declared") == 1
    return Line(
        cells=(
            *(percent(edition, number(row, c)) for c in ("wage_factor", "overhead", "training_share")),
            _amount(edition, number(row, "estimate")),
            amount_interval(edition, row),
            word(edition.say("economy.sensitivity_declared") if declared else ""),
        )
    )


def _amount(edition: Edition, value: float) -> Cell:
    return Cell(text=dkk(edition, value), sort=rounded(value) if math.isfinite(value) else None)
