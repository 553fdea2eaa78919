"""The report as files: pages and prints in two languages, tables, figures and the manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mtb_eval.analysis.disclosure import released
from mtb_eval.analysis.results import Results
from mtb_eval.analysis.workers import on_workers
from mtb_eval.report.claims_json import claims_json
from mtb_eval.report.csv_text import csv_text
from mtb_eval.report.document import Section
from mtb_eval.report.edition import Edition, Provenance, edition
from mtb_eval.report.figure_files import figure_files
from mtb_eval.report.figures import FIGURES
from mtb_eval.report.folder import replace_folder
from mtb_eval.report.manifest import MANIFEST, Manifest, Output, digest
from mtb_eval.report.numbers import LANGUAGES, Language
from mtb_eval.report.page import FILES, page, table_contents
from mtb_eval.report.pdf import PDF_FILES, pdf
from mtb_eval.report.pictures import Pictures, pictures
from mtb_eval.report.sections import made_sections
from mtb_eval.report.table_files import table_files
from mtb_eval.report.typeset import can_typeset
from mtb_eval.study import Plan

File = tuple[str, bytes, str]
FIRST = ("effects", "claims")
WITHOUT_TYPST = "typst is not installed: no PDF of the report and no PDF or PNG of its figures were made"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What all documents of an edition are put together from; `contents` are the results tables as CSV, by name."""

    drawn: Pictures
    sections: tuple[Section, ...]
    contents: Mapping[str, bytes]


def write_report(
    results: Results,
    plan: Plan,
    *,
    out: str | Path,
    provenance: Provenance,
    progress: Callable[[str], None] | None = None,
    jobs: int = 1,
) -> Manifest:
    """Write the report of `results` as the folder `out` and return its manifest.

    `progress` is told what has been made, and `jobs` processes share the work. Counts under the plan's threshold and
    what would reveal them are left out (analysis/disclosure.py), unless the `provenance` is internal: the report then
    shows all, says so on every page and figure, and must stay in the secure environment.
    The same arguments give the same bytes. `out` is replaced only when everything has been made; raises ReportError
    if it holds something that is no report.
    """
    results = released(results, plan, internal=provenance.internal)
    told = progress or (lambda _: None)
    contents = table_contents(results, provenance.mark)
    files = list(_tables(results, contents, provenance.mark))
    make = partial(_edition_files, plan=plan, results=results, provenance=provenance, contents=contents)
    for language, made in zip(LANGUAGES, on_workers(make, LANGUAGES, jobs=jobs), strict=True):
        told(f"report, {language}")
        files += made
    if not can_typeset():
        told(WITHOUT_TYPST)
    manifest = _manifest(plan, provenance, files)
    written = {name: content for name, content, _ in files}
    replace_folder(Path(out), {**written, MANIFEST: manifest.to_json().encode("utf-8")})
    return manifest


def _tables(results: Results, contents: Mapping[str, bytes], mark: str) -> Iterator[File]:
    made_by = _name(csv_text)
    for name, content in contents.items():
        yield f"tables/{name}.csv", content, made_by
        if name in FIRST:
            yield f"{name}.csv", content, made_by
    claims = claims_json(results.claims, results.detail.get("claim_power"), mark=mark)
    yield "claims.json", claims.encode("utf-8"), _name(claims_json)


def _edition_files(
    language: Language, *, plan: Plan, results: Results, provenance: Provenance, contents: Mapping[str, bytes]
) -> list[File]:
    one = edition(language, plan, results, provenance)
    parts = Parts(drawn=pictures(one), sections=made_sections(one), contents=contents)
    return [file for make in MAKERS for file in make(one, parts)]


def _figures(one: Edition, parts: Parts) -> Iterator[File]:
    folder = "figures" if one.language == "en" else f"figures/{one.language}"
    for name, suffix, content in figure_files(one, parts.drawn):
        yield f"{folder}/{name}.{suffix}", content, _name(FIGURES[name])


def _page(one: Edition, parts: Parts) -> Iterator[File]:
    yield FILES[one.language], page(one, parts.drawn, parts.sections, parts.contents).encode("utf-8"), _name(page)


def _pdf(one: Edition, parts: Parts) -> Iterator[File]:
    if can_typeset():
        yield PDF_FILES[one.language], pdf(one, parts.drawn, parts.sections), _name(pdf)


def _tables_for_papers(one: Edition, parts: Parts) -> Iterator[File]:
    for path, content, made_by in table_files(one, parts.sections):
        yield path, content, _name(made_by)


Maker = Callable[[Edition, Parts], Iterator[File]]
MAKERS: tuple[Maker, ...] = (_figures, _page, _pdf, _tables_for_papers)


def _manifest(plan: Plan, provenance: Provenance, files: list[File]) -> Manifest:
    return Manifest(
        plan=plan.id,
        synthetic=provenance.synthetic,
        internal=provenance.internal,
        seed=provenance.seed,
        versions=provenance.versions,
        inputs=provenance.inputs,
        outputs={name: Output(sha256=digest(content), made_by=made_by) for name, content, made_by in files},
    )


def _name(function: Callable[..., object]) -> str:
    return f"{function.__module__}.{function.__qualname__}"
