"""A reporting checklist as declared: what each item asks, and where the report answers it or why it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mtb_eval.study.tables import PlanError, Text, build_all, read_only, unique


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecklistItem:
    """One item of a reporting checklist, in our own words.

    `sections`: ids of the sections of the report that answer it. status "reported": they do; "stated here": the answer
    is `note`; "not reported": the sources do not tell; "not applicable": not to this study. `note` says what or why and
    is needed unless the item is reported.
    """

    id: str
    topic: Text
    asks: Text
    status: Literal["reported", "stated here", "not reported", "not applicable"] = "reported"
    sections: tuple[str, ...] = ()
    note: Text | None = None


def read_checklist(path: Path) -> tuple[ChecklistItem, ...]:
    """Return the items of a TOML file, or none if there is no such file.

    Raises PlanError on another table, a repeated id, a reported item without a section, and another without a note.
    """
    if not path.exists():
        return ()
    items = build_all(ChecklistItem, read_only(path, "items").get("items", []), path.name)
    unique([i.id for i in items], path.name)
    problems = list(_problems(items))
    if problems:
        raise PlanError(f"{path.name}: {problems[0]}")
    return items


def _problems(items: tuple[ChecklistItem, ...]) -> Iterator[str]:
    for item in items:
        if item.status == "reported" and not item.sections:
            yield f"item {item.id} is reported, but names no section"
        if item.status != "reported" and item.note is None:
            yield f"item {item.id} is {item.status}, but has no note that says why"
