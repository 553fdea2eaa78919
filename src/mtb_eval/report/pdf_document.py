"""The report as the printing template reads it: plain values in the order of the pages, no markup."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mtb_eval.report.document import Fold, Section, Summary, Table
from mtb_eval.report.edition import Edition
from mtb_eval.report.page import tables_of
from mtb_eval.report.pdf_tables import is_long, printed_cell, printed_table
from mtb_eval.report.pictures import Picture, Pictures
from mtb_eval.report.sections import made_sections, summary

MOST_FOLDS = 12
Block = dict[str, Any]


def printed(edition: Edition, drawn: Pictures, made: Sequence[Section] | None = None) -> Mapping[str, Any]:
    """Return what the printed report of an edition holds.

    Left to the web page, with a sentence that says so: long folded tables, and details of
    which there are more than MOST_FOLDS of a kind (those of each outcome). `made` are the sections of the edition if
    they have been made already.
    """
    sections = made_sections(edition) if made is None else made
    places = frozenset(destinations(sections))
    printer = Printer(edition=edition, drawn=drawn, numbers=numbers(sections, drawn), places=places)
    return {
        "language": edition.language,
        "title": edition.plan.title.of(edition.language),
        "kicker": " · ".join(t for t in (edition.say("page.kicker"), edition.plan.registration) if t),
        "banners": [{"tag": tag, "text": text} for tag, text in edition.banners],
        "watermark": edition.say("internal.banner").rstrip(".") if edition.provenance.internal else "",
        "words": {k: edition.say(f"pdf.{k}") for k in ("page", "details")}
        | {k: edition.say(f"page.{k}") for k in ("contents", "summary", "limits", "sure")},
        "summary": _summary(edition, summary(edition), sections),
        "sections": [{"id": s.id, "title": s.title, "blocks": printer.section(s)} for s in sections],
        "files": edition.say("pdf.files"),
    }


def _summary(edition: Edition, found: Summary, sections: Sequence[Section]) -> Mapping[str, Any]:
    numbers = {s.id: n for n, s in enumerate(sections, 1)}
    where = {s: edition.say("pdf.where", number=n) for s, n in numbers.items()}
    return {
        "lead": found.lead,
        "cards": [{"value": c.value, "label": c.label, "to": c.section} for c in found.cards],
        "points": [{"text": p.text, "to": p.section, "where": where[p.section]} for p in found.points],
        "limits": list(found.limits),
        "tiers": edition.tiers,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Printer:
    """Puts sections into blocks; knows the numbers of figures and tables and the places that links can lead to."""

    edition: Edition
    drawn: Pictures
    numbers: Mapping[str, int]
    places: frozenset[str]

    def section(self, section: Section) -> list[Block]:
        """Return a section's blocks in their fixed order."""
        return list(self._section(section))

    def _section(self, s: Section) -> Iterator[Block]:
        if s.notice:
            yield {"kind": "notice", "text": s.notice}
        for k, text in enumerate(s.finding):
            yield {"kind": "paragraph" if k else "finding", "text": text}
        yield from _bullets(s.bullets)
        if s.grid:
            yield self._grid(s)
        yield from map(self._figure, s.figures)
        for table in s.tables:
            yield self._table(table)
        if s.sure:
            yield {"kind": "sure", "items": list(s.sure)}
        for fold in s.folds:
            yield from self._fold(fold, 2)

    def _fold(self, fold: Fold, level: int) -> Iterator[Block]:
        if len(fold.folds) > MOST_FOLDS:
            yield self._left_folds(fold)
            return
        yield {"kind": "heading", "level": level, "text": fold.title, "id": fold.id}
        for text in fold.paragraphs:
            yield {"kind": "paragraph", "text": text}
        yield from _bullets(fold.bullets)
        yield from map(self._figure, fold.figures)
        for table in fold.tables:
            yield self._left_table(table) if is_long(table) else self._table(table)
        for inner in fold.folds:
            yield from self._fold(inner, min(level + 1, 3))

    def _figure(self, name: str) -> Block:
        picture = self.drawn[name]
        if not isinstance(picture, Picture):
            return {"kind": "absent", "text": self.edition.say("absent.figure", why=picture.why)}
        return {
            "kind": "figure",
            "id": f"figure-{name}",
            "number": self.edition.say("page.figure", n=self.numbers[name]),
            "caption": picture.caption,
            "alt": picture.alt,
            "svg": picture.svg,
            "size": list(picture.size),
        }

    def _table(self, table: Table) -> Block:
        number = self.edition.say("page.table", n=self.numbers[table.id]) if table.numbered else ""
        source = self.edition.say("pdf.unrounded", file=f"tables/{table.source}.csv") if table.source else ""
        return {"kind": "table", "number": number, "source": source, **printed_table(table, self.places)}

    def _grid(self, section: Section) -> Block:
        rows = [{"topic": t, "cells": [printed_cell(c, self.places) for c in cells]} for t, cells in section.grid]
        return {"kind": "grid", "rows": rows}

    def _left_table(self, table: Table) -> Block:
        values = {"caption": table.caption, "n": len(table.lines), "file": f"tables/{table.source}.csv"}
        return {
            "kind": "left",
            "text": self.edition.say("pdf.left_table" if table.source else "pdf.left_page", **values),
        }

    def _left_folds(self, fold: Fold) -> Block:
        values = {"title": fold.title, "n": len(fold.folds)}
        ends = {"first": fold.folds[0].title, "last": fold.folds[-1].title}
        return {"kind": "left", "text": self.edition.say("pdf.left_folds", **values, **ends)}


def numbers(sections: Sequence[Section], drawn: Pictures) -> Mapping[str, int]:
    """Return the number of each figure and table, counted as on the web page; both kinds start at 1."""
    figures = [f for s in sections for f in (*s.figures, *(f for fold in s.folds for f in fold.figures))]
    shown = [f for f in figures if isinstance(drawn.get(f), Picture)]
    tables = [t.id for s in sections for t in tables_of(s) if t.numbered]
    return {**{f: n for n, f in enumerate(shown, 1)}, **{t: n for n, t in enumerate(tables, 1)}}


def destinations(sections: Sequence[Section]) -> Iterator[str]:
    """Yield the places of the printed report that a link can lead to."""
    for section in sections:
        yield section.id
        yield from (line.anchor for table in section.tables for line in table.lines if line.anchor)
        yield from (fold.id for fold in section.folds if len(fold.folds) <= MOST_FOLDS)


def _bullets(items: Sequence[str]) -> Iterator[Block]:
    if items:
        yield {"kind": "bullets", "items": list(items)}
