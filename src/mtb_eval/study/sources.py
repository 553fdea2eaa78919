"""Files as declared: which columns a study file has, their types, ranges, labels and missing codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mtb_eval.study.tables import Text

ColumnType = Literal["id", "municipality", "arm", "wave", "date", "integer", "decimal", "category", "text"]
Role = Literal[
    "families",
    "questionnaire",
    "ratings",
    "visits",
    "usual_care",
    "placements",
    "register_events",
    "municipalities",
    "costs",
    "interviews",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One answer of a closed question: its code in the file, its name here, its Danish label."""

    code: int
    name: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a file: `name` here, `column` in the file (default: the same), type and rules.

    `low` and `high` bound integers and decimals (inclusive). `not_before` names a date column that must not be later.
    """

    name: str
    column: str | None = None
    label: Text | None = None
    type: ColumnType
    required: bool = True
    low: float | None = None
    high: float | None = None
    categories: tuple[Category, ...] = ()
    not_before: str | None = None

    @property
    def in_file(self) -> str:
        """The column's name in the file."""
        return self.column or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One study file: `file` is its name without suffix; the suffix decides the reader.

    `instruments` are answered in it; their item columns are expected too. `unique` names columns that together
    may occur only once. `missing_codes` maps user-missing codes to reasons; a code whose reason is
    "not_applicable" is kept apart from missing answers.
    """

    id: str
    role: Role
    file: str
    wave: str | None = None
    required: bool = True
    instruments: tuple[str, ...] = ()
    columns: tuple[Column, ...]
    unique: tuple[str, ...] = ()
    missing_codes: Mapping[int, str] = field(default_factory=dict)
    label: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A family-level variable made from one answered column of a wave.

    Its column in the families table is `id` + "_" + wave. kind "binary": 1 where the category is one of `true`, 0
    where it is another, missing where unanswered or not applicable. kind "number": the code or number itself.
    """

    id: str
    label: Text
    column: str
    waves: tuple[str, ...]
    kind: Literal["binary", "number"]
    true: tuple[str, ...] = ()
    source: str
