"""Danish labels of a file's columns and answers, from the declarations; no item text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mtb_eval.study import Column, Instrument, Plan, Source

REASONS = {"missing": "Uoplyst", "not_applicable": "Ikke relevant", "dont_know": "Ved ikke"}
COLUMNS = {
    "family_id": "Familiens løbenummer",
    "municipality": "Kommune",
    "answered_on": "Besvaret den",
    "partner": "Har en partner",
    "work_status": "Arbejde",
    "education_now": "Under uddannelse",
    "service": "Indsats",
    "began_on": "Indsatsen begyndte den",
    "ended_on": "Sluttede den",
    "contacts_per_month": "Kontakter pr. måned",
    "placed_on": "Anbragt den",
    "place": "Anbringelsessted",
}
TICK = {0: "Nej", 1: "Ja, bekymring"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What a file says of its columns: `file` label, `columns` and `values` by column, user-missing `missing` codes."""

    file: str
    columns: Mapping[str, str]
    values: Mapping[str, Mapping[int, str]]
    missing: Mapping[str, tuple[int, ...]]


def labels_of(plan: Plan, source: Source) -> Labels:
    """Return the Danish labels of a source's file."""
    columns = {c.in_file: _column_label(c) for c in source.columns}
    missing = {code: REASONS.get(reason, reason) for code, reason in source.missing_codes.items()}
    values = {c.in_file: _answers(c) | missing for c in source.columns if c.type == "category"}
    for instrument in (plan.instruments[i] for i in source.instruments):
        columns |= _item_labels(instrument)
        for k in range(1, instrument.n_items + 1):
            values[instrument.item_column(k)] = dict(instrument.answers) | missing
            if instrument.concern_points:
                values[instrument.concern_column(k)] = TICK | missing
    return Labels(
        file=source.label.da,
        columns=columns,
        values=values,
        missing={name: tuple(missing) for name in values} if missing else {},
    )


def _column_label(column: Column) -> str:
    return column.label.da if column.label else COLUMNS.get(column.name, column.name)


def _answers(column: Column) -> dict[int, str]:
    return {c.code: c.label for c in column.categories}


def _item_labels(instrument: Instrument) -> dict[str, str]:
    name = instrument.label.da
    numbers = range(1, instrument.n_items + 1)
    labels = {instrument.item_column(k): f"{name}: spørgsmål {k}" for k in numbers}
    if instrument.concern_points:
        labels |= {instrument.concern_column(k): f"{name}: spørgsmål {k}, bekymring" for k in numbers}
    return labels
