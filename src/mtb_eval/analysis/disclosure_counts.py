"""The counts in the results tables as quantities, and the additions that hold between them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pandas as pd

from mtb_eval.analysis.disclosure_declared import Sum, TableRule, declared
from mtb_eval.study import Plan

Axes = tuple[tuple[str, str], ...]
Quantity = tuple[str, Axes]
Place = tuple[str, int, str]
"""Table, row and column of a cell."""
Columns = Mapping[str, list[Any]]
VISITED = "visited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """`parts` add up to `total`; what is not published among them is a hidden rest."""

    total: Quantity
    parts: tuple[Quantity, ...]


@dataclass(slots=True, kw_only=True)
class Counts:
    """Every quantity with its value and the cells that show it; `clashes` are quantities with two values.

    `columns` are those of each table, by name.
    """

    values: dict[Quantity, float] = field(default_factory=dict)
    places: dict[Quantity, list[Place]] = field(default_factory=lambda: defaultdict(list))
    at: dict[Place, Quantity] = field(default_factory=dict)
    columns: dict[str, Columns] = field(default_factory=dict)
    additions: list[Addition] = field(default_factory=list)
    clashes: list[Quantity] = field(default_factory=list)

    def add(self, quantity: Quantity, value: float, place: Place) -> None:
        """Note that a cell shows a quantity; a second value of one quantity becomes a quantity of its own."""
        if self.values.get(quantity, value) != value:
            self.clashes.append(quantity)
            quantity = (quantity[0], (*quantity[1], ("value", f"{value:g}")))
        self.values[quantity] = value
        self.places[quantity].append(place)
        self.at[place] = quantity

    def parts(self, total: Quantity, parts: tuple[Quantity, ...]) -> None:
        """Note an addition; what the parts leave is a hidden rest. One that does not add up is left out."""
        rest = self.values[total] - sum(self.values[p] for p in parts)
        if rest < 0:
            return
        if rest > 0:
            hidden = ("rest", (("addition", str(len(self.additions))),))
            self.values[hidden] = rest
            parts = (*parts, hidden)
        self.additions.append(Addition(total=total, parts=parts))


def counts_of(tables: Mapping[str, pd.DataFrame], plan: Plan) -> Counts:
    """Return every declared count of the tables and the additions between them."""
    counts = Counts()
    for name, frame in tables.items():
        rule = declared().tables.get(name)
        if rule is not None:
            counts.columns[name] = {str(c): frame[c].tolist() for c in frame.columns}
            _collect(counts, _Table(name=name, columns=counts.columns[name], n=len(frame), rule=rule, plan=plan))
    for name, frame in tables.items():
        rule = declared().tables.get(name)
        for part, whole in rule.of.items() if rule is not None else ():
            _parts_of(counts, name, len(frame), part, whole)
    kinds: dict[str, list[Quantity]] = defaultdict(list)
    for quantity in counts.values:
        kinds[quantity[0]].append(quantity)
    for declaration in declared().sums:
        _declared_sums(counts, declaration, kinds)
    _populations(counts, plan)
    _intervals(counts)
    return counts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A table of n rows by its columns; `axes` are those that have been read."""

    name: str
    columns: Columns
    n: int
    rule: TableRule
    plan: Plan
    axes: dict[str, list[str]] = field(default_factory=dict)

    def axis(self, value: str) -> list[str]:
        """Return for each row where it lies on an axis: at a value, or where its @column says."""
        if value not in self.axes:
            self.axes[value] = _axis(value, self)
        return self.axes[value]


def _is_share(table: _Table) -> list[bool]:
    """Return for each row whether its mean is a proportion: by its kind, else by the kind of its outcome or column."""
    columns = table.columns
    if "kind" in columns:
        return [k in ("share", "binary") for k in columns["kind"]]
    key = next(c for c in ("outcome", "column") if c in columns)
    yes_no = {getattr(o, {"outcome": "id"}.get(key, key)) for o in table.plan.outcomes if o.kind == "binary"}
    return [c in yes_no for c in columns[key]]


def _people_rows(table: _Table) -> list[bool]:
    """Return for each row whether its counts are counts of people."""
    columns = [(table.columns[c], v) for c, v in table.rule.people.items()]
    return [all(values[k] == v for values, v in columns) for k in range(table.n)]


def _collect(counts: Counts, table: _Table) -> None:
    name, rule = table.name, table.rule
    mine = _people_rows(table) if rule.people else [True] * table.n
    for column, text in {**rule.n, **rule.count}.items():
        if column not in table.columns:
            continue
        quantity = _reader(text, table, column)
        for k, value in enumerate(table.columns[column]):
            if mine[k] and _known(value):
                counts.add(quantity(k), float(value), (name, k, column))
    _collect_shares(counts, table)


def _collect_shares(counts: Counts, table: _Table) -> None:
    name, rule, columns = table.name, table.rule, table.columns
    yes_no = _is_share(table) if rule.mean else []
    for column, (base, text) in {**rule.share, **rule.mean}.items():
        if column not in columns or base not in columns:
            continue
        quantity = _reader(text, table, column)
        for k, (value, n) in enumerate(zip(columns[column], columns[base], strict=True)):
            share = column in rule.share or yes_no[k]
            if share and _known(value) and _known(n) and (name, k, base) in counts.at:
                counts.add(quantity(k), float(round(value * n)), (name, k, column))
                counts.parts(counts.at[name, k, base], (counts.at[name, k, column],))


def _known(value: object) -> bool:
    return value is not None and value is not pd.NA and math.isfinite(float(value))  # type: ignore[arg-type]


def _reader(text: str, table: _Table, column: str) -> Callable[[int], Quantity]:
    """Return what makes the quantity of a row from its declaration; one without is the cell's own."""
    own = f"{table.name}.{column}"
    if not text:
        return lambda k: (own, (("row", str(k)),))
    kind, *axes = text.split()
    prefix, at, named_in = kind.partition("@")
    kinds = [prefix + str(v) for v in table.columns[named_in]] if at else [kind] * table.n
    alias = declared().alias
    values = [(a, table.axis(v or f"@{a}")) for a, _, v in (x.partition("=") for x in axes)]

    def quantity(k: int) -> Quantity:
        named, *more = alias.get(kinds[k], kinds[k]).split()
        found = {a: v[k] for a, v in values}
        found.update((a, v) for a, _, v in (m.partition("=") for m in more))
        if found.get("outcome") == "":
            return own, (("row", str(k)),)
        return _bounds(named, found, table.plan) if named == VISITED else (named, _axes(found))

    return quantity


def _axis(value: str, table: _Table) -> list[str]:
    columns = table.columns
    if not value.startswith("@"):
        return [value] * table.n
    column = value[1:]
    if column == "outcome" and column not in columns:
        ids = {(o.column, o.wave): o.id for o in table.plan.outcomes}
        return [ids.get(pair, "") for pair in zip(columns["column"], columns["wave"], strict=True)]
    return [_code(v) for v in columns[column]] if column in columns else [""] * table.n


def _code(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _axes(found: Mapping[str, str]) -> Axes:
    return tuple(sorted((a, v) for a, v in found.items() if v != ""))


def _bounds(kind: str, found: dict[str, str], plan: Plan) -> Quantity:
    """Return a class of visits with its lower and its upper bound (exclusive); "dose" is the plan's threshold."""
    if found.get("to"):
        found["high"] = f"{float(found['to']) + 1:g}"
    found.pop("to", None)
    if found.get("low") == "0":
        del found["low"]
    cut = dose_cut(plan)
    return kind, _axes({a: cut if v == "dose" else v for a, v in found.items()})


def dose_cut(plan: Plan) -> str:
    """Return the number of visits from which a dose is high, as it stands in a quantity; empty if none is declared."""
    return "" if plan.dose is None else str(plan.dose.threshold + (plan.dose.comparison == "more_than"))


def _parts_of(counts: Counts, name: str, n_rows: int, part: str, whole: str) -> None:
    for k in range(n_rows):
        if (name, k, part) in counts.at and (name, k, whole) in counts.at:
            counts.parts(counts.at[name, k, whole], (counts.at[name, k, part],))


def _declared_sums(counts: Counts, rule: Sum, kinds: Mapping[str, list[Quantity]]) -> None:
    groups: dict[Axes, list[Quantity]] = defaultdict(list)
    for quantity in (q for kind in rule.parts for q in kinds.get(kind, ())):
        named = dict(quantity[1])
        if not _fits(named, rule) or {*rule.each} - {*named} or "value" in named:
            continue
        if "all" in named.values() or (rule.over and named.get(rule.over, rule.all) == rule.all):
            continue
        groups[tuple((a, named[a]) for a in rule.each)].append(quantity)
    if rule.total not in kinds:
        _common_total(counts, rule.total, groups)
    for total in kinds.get(rule.total, ()):
        named = dict(total[1])
        outer = not rule.over or named.get(rule.over, rule.all) == rule.all
        if not outer or not _fits(named, rule) or "value" in named or (rule.only and {*rule.only} != {*named}):
            continue
        if all(a in named for a in rule.each):
            mine = [tuple((a, named[a]) for a in rule.each)]
        else:
            mine = [g for g in groups if all(named.get(a, v) == v for a, v in g)]
        for group in mine:
            if group in groups and total not in groups[group]:
                counts.parts(total, tuple(groups[group]))


def _common_total(counts: Counts, kind: str, groups: Mapping[Axes, list[Quantity]]) -> None:
    """Note a total that no table shows where two additions have it, and give the same."""
    for group, parts in groups.items():
        value = sum(counts.values[p] for p in parts)
        if counts.values.setdefault((kind, group), value) == value:
            counts.additions.append(Addition(total=(kind, group), parts=tuple(parts)))


def _populations(counts: Counts, plan: Plan) -> None:
    """Note that the families of an outcome asked of some are part of those who answered at its wave."""
    for outcome in (o for o in plan.outcomes if o.population):
        for arm in ("mtb", "control"):
            total = ("questionnaire", _axes({"wave": outcome.wave, "arm": arm}))
            part = ("analysed", _axes({"outcome": outcome.id, "arm": arm}))
            if total in counts.values and part in counts.values:
                counts.parts(total, (part,))


def _fits(named: Mapping[str, str], rule: Sum) -> bool:
    return all(named.get(a, v) == v for a, v in rule.where.items())


def _intervals(counts: Counts) -> None:
    """Note what classes of one measure with different bounds give away together.

    The number below each bound that can be worked out from the classes gives the number between two neighbouring
    bounds; each class is the sum of these.
    """
    groups: dict[Axes, dict[tuple[float, float], Quantity]] = defaultdict(dict)
    for quantity in [q for q in counts.values if q[0] == VISITED]:
        named = dict(quantity[1])
        bounds = (float(named.pop("low", "0")), float(named.pop("high", "inf")))
        if "value" not in named and (bounds != (0.0, math.inf) or "outcome" not in named):
            groups[tuple(named.items())][bounds] = quantity
    for group, classes in groups.items():
        total = ("analysed", _axes({**dict(group), "arm": "mtb"})) if group else ("recruited", (("arm", "mtb"),))
        if total in counts.values:
            classes.setdefault((0.0, math.inf), total)
        below = _below(counts, classes)
        cuts = sorted(below)
        for low, high in pairwise(cuts):
            counts.values.setdefault(_atom(group, low, high, classes), below[high] - below[low])
        for (low, high), quantity in classes.items():
            inner = [c for c in cuts if low <= c <= high]
            if len(inner) > 2:
                atoms = (_atom(group, a, b, classes) for a, b in pairwise(inner))
                counts.parts(quantity, tuple(a for a in atoms if counts.values[a] > 0))


def _atom(group: Axes, low: float, high: float, classes: Mapping[tuple[float, float], Quantity]) -> Quantity:
    return classes.get((low, high), ("between", (*group, ("low", f"{low:g}"), ("high", f"{high:g}"))))


def _below(counts: Counts, classes: Mapping[tuple[float, float], Quantity]) -> dict[float, float]:
    """Return the number below each bound that follows from the classes, beginning with none below 0."""
    below, found = {0.0: 0.0}, True
    while found:
        found = False
        for (low, high), quantity in classes.items():
            n = counts.values[quantity]
            if low in below and high not in below:
                below[high], found = below[low] + n, True
            elif high in below and low not in below:
                below[low], found = below[high] - n, True
    return below
