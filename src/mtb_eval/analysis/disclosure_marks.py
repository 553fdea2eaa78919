"""Which cells of a table are not shown, and by which rule, once the counts to be hidden are known."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from mtb_eval.analysis.disclosure_counts import Counts, Quantity, dose_cut
from mtb_eval.analysis.disclosure_declared import TableRule
from mtb_eval.study import DisclosureRule, Plan

Reason = Literal["", "count", "rests", "quantile", "individual", "text", "unclassified"]
Marks = dict[str, list[Reason]]
WHOLE = 1e-9
TAILS = (("q25", 0.25), ("q75", 0.25), ("median", 0.5))
PEOPLE = re.compile(
    r"(?<!fewer than )(?<!under )\b(\d+)(?: of (\d+))? (?:[A-Za-z]+ ){0,2}"
    r"(?:famil|placement|child|mother|event|video|rows with events)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What decides: the counts, those to be hidden, the plan, and the yes/no outcomes whose events are hidden."""

    counts: Counts
    hidden: set[Quantity]
    plan: Plan
    outcomes: frozenset[str]

    @property
    def rule(self) -> DisclosureRule:
        """The declared rule, else its defaults."""
        return self.plan.disclosure or DisclosureRule()

    def small(self, value: float) -> bool:
        """Return whether a count is under the threshold and not 0."""
        return 0 < value < self.plan.disclosure_threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One table by its columns, its rule and what decides."""

    name: str
    frame: pd.DataFrame
    values: Mapping[str, list[object]]
    rule: TableRule
    control: Control

    def value(self, column: str, row: int) -> float:
        """Return the count in a cell (of a proportion the count that it is); NaN where there is none."""
        place = (self.name, row, column)
        if place in self.control.counts.at:
            return self.control.counts.values[self.control.counts.at[place]]
        value = self.values[column][row] if column in self.values else math.nan
        return float(value) if isinstance(value, int | float) else math.nan

    def hidden(self, column: str, row: int) -> bool:
        """Return whether the count in a cell is to be hidden."""
        place = (self.name, row, column)
        return place in self.control.counts.at and self.control.counts.at[place] in self.control.hidden


def marked(sheet: Sheet) -> Marks:
    """Return for each column of a table, row by row, why a cell is not shown; empty where it is."""
    columns, rule = list(sheet.frame.columns), sheet.rule
    rows = range(len(sheet.frame))
    marks: Marks = {c: [""] * len(sheet.frame) for c in columns}
    for c in rule.of_kind(columns, "n", "count", "share", "mean"):
        marks[c] = ["count" if sheet.hidden(c, k) else "" for k in rows]
    for c in rule.of_kind(columns, "hidden"):
        marks[c] = ["individual"] * len(rows)
    for c in columns:
        if not rule.kind(c):
            marks[c] = ["unclassified"] * len(rows)
    _models(sheet, marks)
    _means(sheet, marks)
    _stats(sheet, marks)
    _small_parts(sheet, marks)
    for c in rule.of_kind(columns, "text"):
        marks[c] = [_text(sheet, marks, c, k) for k in rows]
    return marks


def _models(sheet: Sheet, marks: Marks) -> None:
    """Mark what a model found on too few families, or on a yes/no outcome whose events are hidden."""
    rule, bases = sheet.rule, tuple(c for c in sheet.rule.n if c in sheet.frame)
    found: dict[tuple[str, ...], list[bool]] = {}
    named = [c for c in rule.rests if c in sheet.frame and rule.kind(c) != "model"]
    for c in (*rule.of_kind(sheet.frame.columns, "model"), *named):
        tokens = rule.rests.get(c, rule.rests.get("", bases))
        if tokens not in found:
            found[tokens] = _few(sheet, tokens)
        marks[c] = ["rests" if few else "" for few in found[tokens]]


def _few(sheet: Sheet, tokens: tuple[str, ...]) -> list[bool]:
    control, n_rows = sheet.control, len(sheet.frame)
    few = [False] * n_rows
    if "outcome" in sheet.frame:
        few = [o in control.outcomes for o in sheet.values["outcome"]]
    for token in tokens:
        if ":" in token:
            few = [f or b for f, b in zip(few, _named(sheet, token, small=True), strict=True)]
            continue
        if token in sheet.rule.mean:
            few = [f or sheet.hidden(token, k) for k, f in enumerate(few)]
            continue
        parts = token.split("+")
        few = [f or control.small(_sum(sheet, parts, k)) for k, f in enumerate(few)]
    plain = [t for t in tokens if t in sheet.rule.n]
    least = control.rule.fewest_model
    return [f or 0 < sum(sheet.value(c, k) for c in plain) < least for k, f in enumerate(few)]


def _sum(sheet: Sheet, columns: list[str], row: int) -> float:
    known = [v for c in columns if math.isfinite(v := sheet.value(c, row))]
    return sum(known) if known else math.nan


def _named(sheet: Sheet, token: str, *, small: bool = False) -> list[bool]:
    """Return whether "kind:axes" is hidden (or small) for each row's axes; an axis may be fixed to the dose."""
    kind, _, axes = token.partition(":")
    names = [a for a in axes.split(",") if a and "=" not in a]
    fixed = {a: dose_cut(sheet.control.plan) for a, _, v in (x.partition("=") for x in axes.split(",")) if v}
    control = sheet.control
    mine = [
        dict(q[1])
        for q in control.counts.places
        if q[0] == kind and (control.small(control.counts.values[q]) if small else q in control.hidden)
    ]
    if fixed:
        mine = [m for m in mine if {*m} == {*names, *fixed} and all(m[a] == v for a, v in fixed.items())]
    shown = [[str(v) for v in sheet.values[a]] for a in names]
    few = {tuple(m.get(a, "") for a in names) for m in mine}
    return [tuple(column[k] for column in shown) in few for k in range(len(sheet.frame))]


def _means(sheet: Sheet, marks: Marks) -> None:
    """Mark means and proportions whose base is hidden: a proportion in full reveals it, unless it is none or all."""
    for c, (base, _) in {**sheet.rule.share, **sheet.rule.mean}.items():
        if c in marks and base in marks:
            plain = [c in sheet.rule.share and v in (0.0, 1.0) for v in sheet.values[c]]
            lost = ["" if ends else m for ends, m in zip(plain, marks[base], strict=True)]
            marks[c] = _either(marks[c], lost)


def _stats(sheet: Sheet, marks: Marks) -> None:
    """Mark what would reveal a hidden cell, and quantiles with few families on a side."""
    for c, tokens in sheet.rule.stat.items():
        if c not in marks:
            continue
        for token in tokens:
            hit: list[bool] | list[Reason] = _named(sheet, token) if ":" in token else marks.get(token, [])
            marks[c] = _either(marks[c], ["rests" if h else "" for h in hit])
    for c, (base, named) in sheet.rule.quantile.items():
        if c in marks:
            marks[c] = [m or _quantile(sheet, marks, (c, base, named), k) for k, m in enumerate(marks[c])]


def _small_parts(sheet: Sheet, marks: Marks) -> None:
    """Mark the analyses in which a number is a small part of a base, or leaves a small rest."""
    analyses = sheet.values.get("analysis", [])
    for column, bases in sheet.rule.part.items():
        pairs = [(k, sheet.value(column, k), sheet.value(b, k)) for k in range(len(analyses)) for b in bases]
        parts = [(k, n * v, n) for k, v, n in pairs if 0 < v < 1 and n > 0 and abs(n * v - round(n * v)) < WHOLE]
        few = {analyses[k] for k, v, n in parts if sheet.control.small(round(v)) or sheet.control.small(n - round(v))}
        for c in (c for c in sheet.rule.stat if c in marks):
            marks[c] = _either(marks[c], ["rests" if a in few else "" for a in analyses])


def _either(first: list[Reason], second: Sequence[str]) -> list[Reason]:
    return [a or ("rests" if b else "") for a, b in zip(first, second, strict=True)] if second else first


def _quantile(sheet: Sheet, marks: Marks, what: tuple[str, str, str], row: int) -> Reason:
    column, base, named = what
    name = str(sheet.values[named][row]) if named else column
    level = next((v for tail, v in TAILS if tail in name), 1.0 if named else 0.5)
    n = _sum(sheet, base.split("+"), row)
    if any(marks.get(b, [""] * (row + 1))[row] for b in base.split("+")):
        return "rests"
    return "quantile" if n > 0 and level < 1 and n * level < sheet.control.rule.tail else ""


def _text(sheet: Sheet, marks: Mapping[str, list[Reason]], column: str, row: int) -> Reason:
    text = sheet.values[column][row]
    found = PEOPLE.findall(text) if isinstance(text, str) and text else []
    if not found:
        return ""
    few = any(_gives_away(n, of, sheet.control) for n, of in found)
    few = few or ("outcome" in sheet.values and sheet.values["outcome"][row] in sheet.control.outcomes)
    counts = [c for c in (*sheet.rule.n, *sheet.rule.count) if c in marks]
    return "text" if few or any(marks[c][row] for c in counts) else ""


def _gives_away(n: str, of: str, control: Control) -> bool:
    return control.small(float(n)) or (of != "" and control.small(float(of) - float(n)))
