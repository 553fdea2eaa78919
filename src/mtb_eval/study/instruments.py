"""Instruments as declared: items, coding, scales, missing rules and cut-offs, each with its source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mtb_eval.study.tables import PlanError, Text, build, read_toml, unique


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoff:
    """A yes/no variable made from a scale: `scale >= at` (or `<= at`); `id` is its column."""

    id: str
    at: float
    side: Literal["at_least", "at_most"] = "at_least"
    label: Text
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """One score of an instrument.

    `items` are item numbers; `reversed_items` are turned (min + max - answer) before points are given.
    A score needs `min_answered` answered items (default: all); with `prorate`, the mean of the answered items
    stands in for the others, rounded half up if `round_half_up`. `any_of` names cut-offs: the scale is then 1 if
    any holds, 0 if all are known not to, else missing.
    """

    id: str
    label: Text
    items: tuple[int, ...] = ()
    reversed_items: tuple[int, ...] = ()
    method: Literal["sum", "mean", "any_of"] = "sum"
    any_of: tuple[str, ...] = ()
    min_answered: int | None = None
    prorate: bool = False
    round_half_up: bool = False
    better: Literal["higher", "lower"]
    low: float
    high: float
    cutoffs: tuple[Cutoff, ...] = ()
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A set of items that are answered alike.

    Column of item k: `prefix` + two digits. `answers` holds the allowed codes with their Danish labels;
    `points` maps codes to points after reversal (default: the code itself). `concern_points` > 0 adds a tick
    column `prefix` + two digits + "c" per item, worth that many points. `status` says what is known of the
    instrument in this study: confirmed, inferred or assumed.
    """

    id: str
    label: Text
    prefix: str
    n_items: int
    answers: Mapping[int, str]
    points: Mapping[int, float] = field(default_factory=dict)
    concern_points: float = 0.0
    scales: tuple[Scale, ...]
    status: Literal["confirmed", "inferred", "assumed"]
    source: str

    def item_column(self, number: int) -> str:
        """Return the column of an item."""
        return f"{self.prefix}{number:02d}"

    def concern_column(self, number: int) -> str:
        """Return the column of an item's concern tick."""
        return f"{self.prefix}{number:02d}c"

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of the instrument, items first."""
        items = [self.item_column(k) for k in range(1, self.n_items + 1)]
        ticks = [self.concern_column(k) for k in range(1, self.n_items + 1)] if self.concern_points else []
        return tuple(items + ticks)


def read_instruments(folder: Path) -> dict[str, Instrument]:
    """Return every instrument declared in `folder`/*.toml by id; raises PlanError."""
    found = [_checked(build(Instrument, read_toml(p), f"instruments/{p.name}")) for p in sorted(folder.glob("*.toml"))]
    unique([i.id for i in found], "instruments")
    return {i.id: i for i in found}


def _checked(instrument: Instrument) -> Instrument:
    where = f"instruments/{instrument.id}"
    unique([s.id for s in instrument.scales], where)
    for scale in instrument.scales:
        problem = next(_problems(scale, instrument), None)
        if problem:
            raise PlanError(f"{where}, scale {scale.id}: {problem}")
    return instrument


def _problems(scale: Scale, instrument: Instrument) -> Iterator[str]:
    numbers, n_items = set(range(1, instrument.n_items + 1)), len(scale.items)
    if scale.method != "any_of" and not scale.items:
        yield "no items"
    if not set(scale.items) <= numbers or not set(scale.reversed_items) <= set(scale.items):
        yield "an item number is outside the scale or the instrument"
    if not set(scale.any_of) <= {c.id for s in instrument.scales for c in s.cutoffs}:
        yield "any_of names a cut-off that is not declared"
    if scale.min_answered is not None and not 1 <= scale.min_answered <= n_items:
        yield f"min_answered {scale.min_answered} must lie between 1 and the number of items ({n_items})"
    if scale.low > scale.high:
        yield f"low {scale.low:g} is above high {scale.high:g}"
