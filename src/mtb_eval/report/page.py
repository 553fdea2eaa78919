"""Sections and pictures as one self-contained page."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib import resources
from zlib import compress

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mtb_eval.analysis.results import Results
from mtb_eval.report.csv_text import csv_text
from mtb_eval.report.document import Fold, Section, Table
from mtb_eval.report.edition import Edition
from mtb_eval.report.page_rows import table_rows
from mtb_eval.report.pictures import Picture, Pictures, faces, inline
from mtb_eval.report.sections import made_sections, summary

FILES = {"en": "report.html", "da": "report.da.html"}
LARGEST_INSIDE = 250_000
FIRST_SCRIPT = 'document.documentElement.classList.add("scripted");'


def page(
    edition: Edition,
    drawn: Pictures,
    made: Sequence[Section] | None = None,
    contents: Mapping[str, bytes] | None = None,
) -> str:
    """Return the report of an edition as HTML: one file, its figures, styles and tables inside, no address in it.

    Tables whose CSV is longer than LARGEST_INSIDE bytes stay outside, in the folder `tables` beside the page.
    `made` are the sections of the edition and `contents` its tables as CSV, if they have been made already.
    """
    environment = Environment(
        loader=PackageLoader("mtb_eval.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    sections = list(made_sections(edition) if made is None else made)
    scripts = {"first": Markup(FIRST_SCRIPT), "last": _asset("page.js")}
    other = "da" if edition.language == "en" else "en"
    return environment.get_template("report.html").render(
        edition=edition,
        say=edition.say,
        title=edition.plan.title.of(edition.language),
        summary=summary(edition),
        sections=sections,
        titles={s.id: s.title for s in sections},
        numbered=_numbers(sections, drawn),
        drawn=drawn,
        inline=_marked,
        is_picture=lambda p: isinstance(p, Picture),
        packed=packed_tables(
            table_contents(edition.results, edition.provenance.mark) if contents is None else contents, sections
        ),
        rows=table_rows,
        style=_asset("style.css") + Markup(faces(drawn)),
        scripts=scripts,
        hashes=[_hash(script) for script in scripts.values()],
        shape=_shape,
        other={"language": other, "file": FILES[other]},
    )


def tables_of(section: Section) -> list[Table]:
    """Return all tables of a section in the order of the page, those of folded details included."""
    return [*section.tables, *(t for fold in section.folds for t in _folded_tables(fold))]


def table_contents(results: Results, mark: str) -> Mapping[str, bytes]:
    """Return every results table as CSV, by name, its rows marked as what they are ("synthetic", "internal")."""
    return {name: csv_text(frame, mark=mark).encode("utf-8") for name, frame in results.named().items()}


def packed_tables(contents: Mapping[str, bytes], sections: Sequence[Section]) -> Mapping[str, str]:
    """Return the tables that the sections show, by name: CSV, compressed (zlib), base64; empty if too long."""
    shown = {t.source for s in sections for t in tables_of(s) if t.source}
    return {n: _packed(c) if len(c) <= LARGEST_INSIDE else "" for n, c in contents.items() if n in shown}


def _packed(content: bytes) -> str:
    return b64encode(compress(content, 9)).decode("ascii")


def _folded_tables(fold: Fold) -> list[Table]:
    return [*fold.tables, *(t for inner in fold.folds for t in _folded_tables(inner))]


def _numbers(sections: list[Section], drawn: Pictures) -> Mapping[str, int]:
    """Return the number of each figure and table, counted through the page; both kinds start at 1."""
    figures = [f for s in sections for f in (*s.figures, *(f for fold in s.folds for f in fold.figures))]
    shown = [f for f in figures if isinstance(drawn.get(f), Picture)]
    tables = [t.id for s in sections for t in tables_of(s) if t.numbered]
    return {**{f: n for n, f in enumerate(shown, 1)}, **{t: n for n, t in enumerate(tables, 1)}}


def _marked(picture: Picture) -> Markup:
    return Markup(inline(picture))


def _shape(picture: Picture) -> str:
    """Return the room that a picture takes as CSS, so that it need not be drawn before it is seen."""
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', picture.svg)
    return f"aspect-ratio: {found[1]} / {found[2]}; width: {found[1]}pt" if found else ""


def _hash(script: str) -> str:
    return f"'sha256-{b64encode(sha256(script.encode('utf-8')).digest()).decode('ascii')}'"


def _asset(name: str) -> Markup:
    return Markup((resources.files("mtb_eval.report") / "templates" / name).read_text(encoding="utf-8"))
