"""The report's numbered tables, as the files for papers take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mtb_eval.report.document import Section, Table
from mtb_eval.report.edition import Edition
from mtb_eval.report.page import tables_of
from mtb_eval.report.sections import made_sections


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedTable:
    """A table with the number and the title it has in the report, its section, and what must stand beside it."""

    number: int
    heading: str
    section: str
    table: Table
    marks: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What stands below the table: its note, then what must be known of all numbers."""
        return tuple(n for n in (self.table.note, *self.marks) if n)


def numbered_tables(edition: Edition, sections: Sequence[Section] | None = None) -> tuple[NumberedTable, ...]:
    """Return the numbered tables of the report, in its order, those of folded details included.

    `sections` are those of the edition if they have been made already.
    """
    marks = tuple(" ".join(banner) for banner in edition.banners)
    made = made_sections(edition) if sections is None else sections
    pairs = [(s.title, t) for s in made for t in tables_of(s) if t.numbered]
    return tuple(
        NumberedTable(
            number=n,
            heading=edition.say("page.table", n=n),
            section=section,
            table=table,
            marks=marks,
        )
        for n, (section, table) in enumerate(pairs, 1)
    )
