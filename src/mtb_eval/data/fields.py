"""What a source's columns may hold: the declared columns and the items of its instruments, in one form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from mtb_eval.data.cells import folded
from mtb_eval.study import Column, Instrument, Plan, PlanError, Source

Kind = Literal["id", "text", "date", "integer", "decimal", "closed"]
# Columns that cleaning uses by name, without which a row cannot be placed.
_NEVER_BLANK = {
    "families": ("family_id", "municipality", "arm", "recruited_on"),
    "questionnaire": ("family_id",),
    "ratings": ("family_id",),
    "visits": ("family_id", "visited_on"),
    "usual_care": ("family_id",),
    "placements": ("family_id", "placed_on"),
    "register_events": ("family_id", "paragraph", "started_on"),
    "municipalities": ("municipality",),
    "costs": (),
    "interviews": (),
}
_UNKNOWN = {"municipality": "unknown_municipality", "arm": "unknown_arm", "wave": "unknown_wave"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One expected column: `name` here, `column` in the file, what its cells may be.

    closed: by folded text (code, name or label), the value that stands for it here. labels: the folded texts that
    a code may carry as its value label. unknown: the rule broken by any other cell. keyed: an id or a name of the
    plan, to which missing codes do not apply. never_blank: a value in each row. tick: blank means not ticked.
    """

    name: str
    column: str
    kind: Kind
    required: bool = True
    never_blank: bool = False
    keyed: bool = False
    tick: bool = False
    low: float | None = None
    high: float | None = None
    closed: Mapping[str, str | float] = field(default_factory=dict)
    labels: Mapping[int, frozenset[str]] = field(default_factory=dict)
    unknown: str = "unknown_code"

    @property
    def holds_text(self) -> bool:
        """Whether the values are texts (else floats or dates)."""
        return self.kind in ("id", "text") or any(isinstance(v, str) for v in self.closed.values())


def fields_of(source: Source, plan: Plan) -> tuple[Field, ...]:
    """Return every column that a source's file must or may have; raises PlanError if the source lacks a needed one."""
    filled = _never_blank(source)
    ages = source.role == "families" and (plan.dose is not None or plan.placements is not None)
    declared = {c.name for c in source.columns}
    absent = [name for name in (*filled, *(("born_on",) if ages else ()), *source.unique) if name not in declared]
    if absent:
        raise PlanError(f"sources.toml, source {source.id!r}: a column named {absent[0]!r} must be declared")
    columns = [_declared(c, plan, never_blank=c.name in filled) for c in source.columns]
    items = [f for i in source.instruments for f in _answers(plan.instruments[i])]
    return (*columns, *items)


def row_keys(source: Source) -> list[tuple[str, ...]]:
    """Return the sets of columns that may stand only once: as declared, and as joining to families needs."""
    in_time = () if source.wave else ("wave",)
    grain: dict[str, tuple[str, ...]] = {
        "families": ("family_id",),
        "questionnaire": ("family_id", *in_time),
        "municipalities": ("municipality",),
    }
    return list(dict.fromkeys(key for key in (source.unique, grain.get(source.role, ())) if key))


def item_columns(source: Source, plan: Plan) -> list[str]:
    """Return the item columns (not the concern ticks) of a source's instruments."""
    instruments = [plan.instruments[i] for i in source.instruments]
    return [i.item_column(k) for i in instruments for k in range(1, i.n_items + 1)]


def _declared(column: Column, plan: Plan, *, never_blank: bool) -> Field:
    closed = column.type in ("category", "municipality", "arm", "wave")
    kind: Kind = "closed" if closed else cast(Kind, column.type)
    labels = {c.code: frozenset({folded(c.label), folded(c.name)}) for c in column.categories}
    return Field(
        name=column.name, column=column.in_file, kind=kind, required=column.required, never_blank=never_blank,
        keyed=column.type in ("id", "municipality", "arm", "wave"), low=column.low, high=column.high,
        closed=_closed(column, plan), labels=labels, unknown=_UNKNOWN.get(column.type, "unknown_code"),
    )  # fmt: skip


def _closed(column: Column, plan: Plan) -> dict[str, str | float]:
    """Return the accepted texts; where two say the same, the later one (code, id) holds."""
    texts: list[tuple[str, str]] = []
    if column.type == "municipality":
        texts = [(m.code, m.code) for m in plan.municipalities]
    elif column.type == "arm":
        texts = [(t, a.id) for a in plan.arms for t in (a.label.en, a.label.da, a.code, a.id)]
    elif column.type == "wave":
        texts = [(t, w.id) for w in plan.waves for t in (w.label.en, w.label.da, str(w.months), w.id)]
    elif column.type == "category":
        texts = [(t, c.name) for c in column.categories for t in (c.label, c.name)]
        texts += [(str(c.code), c.name) for c in column.categories]
    return {folded(text): value for text, value in texts}


def _answers(instrument: Instrument) -> Iterator[Field]:
    """Yield the items, whose answers may stand as code or label, and the concern ticks (1 ticked, 0 or blank not)."""
    texts = [(label, code) for code, label in instrument.answers.items()] + [(str(c), c) for c in instrument.answers]
    closed: dict[str, str | float] = {folded(text): float(code) for text, code in texts}
    labels = {code: frozenset({folded(label)}) for code, label in instrument.answers.items()}
    ticks: dict[str, str | float] = {"0": 0.0, "1": 1.0}
    rule = "answer_not_allowed"
    for column in instrument.columns[: instrument.n_items]:
        yield Field(name=column, column=column, kind="closed", closed=closed, labels=labels, unknown=rule)
    for column in instrument.columns[instrument.n_items :]:
        yield Field(name=column, column=column, kind="closed", closed=ticks, tick=True, unknown=rule)


def _never_blank(source: Source) -> tuple[str, ...]:
    in_time = source.role in ("questionnaire", "ratings") and source.wave is None
    return _NEVER_BLANK[source.role] + (("wave",) if in_time else ())
