"""What every column of every results table is, for disclosure control: read from disclosure.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any

NAMES = ("key", "plain", "model", "text", "hidden")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """A declared addition: the quantities of `parts` make up `total`, for each combination of the axes `each`.

    With `over`, the total is the one whose axis `over` is `all` and the parts are the others. `where` are values of
    axes that total and parts must have, if they have the axis at all; with `only`, the total has just these axes. A
    total that no table shows is made: the parts of two additions with one such total are then known to have one sum.
    """

    total: str
    parts: tuple[str, ...]
    each: tuple[str, ...] = ()
    over: str = ""
    all: str = ""
    only: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A quantity counted anew along an axis: two values that differ by a small count are not both shown."""

    quantity: str
    along: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRule:
    """What the columns of one table are.

    `kinds`: class of a column by name: key (says which row it is), plain (says nothing of families), model (rests on
    the counts in `rests`), text (written by an analysis), hidden (individual content, never shown). `n` and `count`:
    quantity of a count by column ("" for one that stands nowhere else). `of`: the count of which another is a part.
    `share`: base and quantity of a proportion. `mean`: the same of a mean that is a proportion in rows of yes/no
    columns. `stat`: the cells that a number would reveal. `part`: the bases of which a number is a part in some rows:
    the `stat` columns of an analysis go where that part is small. `quantile`: base by column, or base and the column
    that names the statistic. `rests`: what a model column rests on by its name, "" for all others; so too for columns
    of other classes. `people`: a column and its value in rows that count people. `withheld`: no row is shown, for each
    is of a single family.
    """

    kinds: Mapping[str, str]
    n: Mapping[str, str]
    count: Mapping[str, str]
    of: Mapping[str, str]
    share: Mapping[str, tuple[str, str]]
    mean: Mapping[str, tuple[str, str]]
    stat: Mapping[str, tuple[str, ...]]
    part: Mapping[str, tuple[str, ...]]
    quantile: Mapping[str, tuple[str, str]]
    rests: Mapping[str, tuple[str, ...]]
    people: Mapping[str, str]
    withheld: bool

    def kind(self, column: str) -> str:
        """Return the class of a column; empty if it has none."""
        if self.withheld:
            return "hidden"
        for name in ("n", "count", "share", "mean", "stat", "quantile"):
            if column in getattr(self, name):
                return name
        if column in self.kinds:
            return self.kinds[column]
        return next((k for pattern, k in self.kinds.items() if "*" in pattern and fnmatchcase(column, pattern)), "")

    def of_kind(self, columns: Iterable[str], *kinds: str) -> list[str]:
        """Return the columns of these classes."""
        return [c for c in columns if self.kind(c) in kinds]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """The whole classification: rules by table, additions, running counts, and quantities with two names.

    `keep` are quantities that are given up last where a count must be hidden to protect another.
    """

    tables: Mapping[str, TableRule]
    sums: tuple[Sum, ...]
    running: tuple[Running, ...]
    alias: Mapping[str, str]
    keep: frozenset[str]


@cache
def declared() -> Declared:
    """Return the classification of disclosure.toml."""
    file = resources.files("mtb_eval.analysis") / "disclosure.toml"
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    shared, presets = content["shared"], content["like"]
    return Declared(
        tables={
            name: _table({**presets.get(t.get("like", ""), {}), **t}, shared) for name, t in content["table"].items()
        },
        sums=tuple(_sum(s) for s in content["sum"]),
        running=tuple(Running(**r) for r in content["running"]),
        alias=content["alias"],
        keep=frozenset(shared["keep"].split()),
    )


def unclassified(table: str, columns: Iterable[str]) -> list[str]:
    """Return the columns of a table that have no class: all of them if the table is not declared."""
    rule = declared().tables.get(table)
    return [c for c in columns if rule is None or not rule.kind(c)]


def _table(given: Mapping[str, Any], shared: Mapping[str, Any]) -> TableRule:
    kinds = {c: k for k in NAMES for c in shared.get(k, "").split()}
    return TableRule(
        kinds={**kinds, **{c: k for k in NAMES for c in given.get(k, "").split()}},
        n={c: str(q) for c, q in given.get("n", {}).items()},
        count={c: str(q) for c, q in given.get("count", {}).items()},
        of=given.get("of", {}),
        share={c: _two(v) for c, v in given.get("share", {}).items()},
        mean={c: _two(v) for c, v in given.get("mean", {}).items()},
        stat={c: tuple(v.split()) for c, v in given.get("stat", {}).items()},
        part={c: tuple(v.split()) for c, v in given.get("part", {}).items()},
        quantile={c: _two(v) for c, v in given.get("quantile", {}).items()},
        rests={c: tuple(v.split()) for c, v in given.get("rests", {}).items()},
        people=given.get("people", {}),
        withheld=given.get("withheld", False),
    )


def _two(given: str | list[str]) -> tuple[str, str]:
    return (given, "") if isinstance(given, str) else (given[0], given[1])


def _sum(given: Mapping[str, Any]) -> Sum:
    return Sum(
        total=given["total"],
        parts=tuple(given["parts"].split()),
        each=tuple(given.get("each", "").split()),
        over=given.get("over", ""),
        all=given.get("all", ""),
        only=tuple(given.get("only", "").split()),
        where=given.get("where", {}),
    )
