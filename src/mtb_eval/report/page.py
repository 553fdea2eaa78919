"""Sections and pictures as one self-contained page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mtb_eval.analysis.results import Results
from mtb_eval.report.csv_text import csv_text
from mtb_eval.report.document import Fold, Section, Table
from mtb_eval.report.edition import Edition
from mtb_eval.report.pictures import Picture, Pictures, inline
from mtb_eval.report.sections import SECTIONS, summary

FILES = {"en": "report.html", "da": "report.da.html"}


def page(edition: Edition, drawn: Pictures) -> str:
    """Return the report of an edition as HTML: one file, its figures, styles and tables inside, no address in it."""
    environment = Environment(
        loader=PackageLoader("mtb_eval.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    sections = [make(edition) for make in SECTIONS]
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
        csv=_downloads(edition.results, sections),
        style=_asset("style.css"),
        script=_asset("page.js"),
        other={"language": other, "file": FILES[other]},
    )


def tables_of(section: Section) -> list[Table]:
    """Return all tables of a section in the order of the page, those of folded details included."""
    return [*section.tables, *(t for fold in section.folds for t in _folded_tables(fold))]


def _folded_tables(fold: Fold) -> list[Table]:
    return [*fold.tables, *(t for inner in fold.folds for t in _folded_tables(inner))]


def _numbers(sections: list[Section], drawn: Pictures) -> Mapping[str, int]:
    """Return the number of each figure and table, counted through the page; both kinds start at 1."""
    figures = [f for s in sections for f in (*s.figures, *(f for fold in s.folds for f in fold.figures))]
    shown = [f for f in figures if isinstance(drawn.get(f), Picture)]
    tables = [t.id for s in sections for t in tables_of(s) if t.numbered]
    return {**{f: n for n, f in enumerate(shown, 1)}, **{t: n for n, t in enumerate(tables, 1)}}


def _downloads(results: Results, sections: list[Section]) -> Mapping[str, str]:
    """Return each results table that the page shows as a data address, by name."""
    shown = {t.source for s in sections for t in tables_of(s) if t.source}
    return {name: _data_address(csv_text(frame)) for name, frame in results.named().items() if name in shown}


def _data_address(text: str) -> str:
    return f"data:text/csv;charset=utf-8;base64,{b64encode(text.encode('utf-8')).decode('ascii')}"


def _marked(picture: Picture) -> Markup:
    return Markup(inline(picture))


def _asset(name: str) -> Markup:
    return Markup((resources.files("mtb_eval.report") / "templates" / name).read_text(encoding="utf-8"))
