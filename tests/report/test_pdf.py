"""The report to print: complete, tagged, the same bytes each time, texts shown as they are."""

from __future__ import annotations

import json
import os
import re
import signal
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.report.example import example_results, missing_results

from mtb_eval.report.document import Cell, Column, Line, Table
from mtb_eval.report.edition import edition
from mtb_eval.report.figures import FIGURES
from mtb_eval.report.page import page
from mtb_eval.report.pdf import pdf
from mtb_eval.report.pdf_document import printed
from mtb_eval.report.pdf_tables import LANDSCAPE, MOST_ROWS, PORTRAIT, Track, printed_table, shared
from mtb_eval.report.sections import SECTIONS
from mtb_eval.report.style import Absent
from mtb_eval.report.typeset import Order, TypesetError, typeset
from mtb_eval.study import Text

UNDRAWN = dict.fromkeys(FIGURES, Absent(why="not drawn in this test"))
ODD = "Calm \"now\" <b>& #strong[x] _a_ $1 * \\ ` ~ @b // 'æøå' ÆØÅ"


@pytest.fixture(scope="module")
def made(editions, drawn) -> dict[str, bytes]:
    return {language: pdf(one, drawn[language]) for language, one in editions.items()}


def _blocks(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for section in document["sections"]:
        yield from section["blocks"]


def _objects(content: bytes) -> bytes:
    """Return a PDF's objects, those in compressed streams included."""
    streams = re.findall(rb"stream\r?\n(.*?)endstream", content, flags=re.DOTALL)
    return content + b"".join(map(_unpacked, streams))


def _unpacked(stream: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(stream)
    except zlib.error:
        return b""


@pytest.mark.parametrize("language", ["en", "da"])
def test_every_section_figure_and_table_is_printed_with_the_number_of_the_page(editions, drawn, language):
    one = editions[language]
    document = printed(one, drawn[language])
    assert [s["title"] for s in document["sections"]] == [make(one).title for make in SECTIONS]
    web = page(one, drawn[language])
    shown = {b["id"]: b["number"] for b in _blocks(document) if b["kind"] in ("figure", "table")}
    assert len(shown) > 30
    for place, number in shown.items():
        after = web[web.index(f'id="{place}"') :]
        assert not number or re.search(rf"<b>({re.escape(number)})\.</b>", after)[1] == number


@pytest.mark.parametrize("language", ["en", "da"])
def test_the_pdf_is_tagged_with_bookmarks_and_language(made, editions, language):
    found = _objects(made[language])
    assert made[language].startswith(b"%PDF-")
    assert b"<pdfuaid:part>1</pdfuaid:part>" in found
    for key in (b"/StructTreeRoot", b"/MarkInfo", b"/Outlines", b"/TH", b"/Figure", b"/Alt"):
        assert key in found, key
    assert re.search(rb"/Lang\s*\(" + language.encode(), found)
    assert b"CreationDate" not in found
    pages = int(re.search(rb"/Type\s*/Pages.*?/Count (\d+)", found, flags=re.DOTALL)[1])
    assert 20 < pages < 80


def test_the_same_edition_gives_the_same_bytes(made, editions, drawn):
    assert pdf(editions["da"], drawn["da"]) == made["da"]


def test_labels_are_data_and_nothing_in_them_is_read_as_a_command(plan, provenance):
    odd = Text(en=ODD, da=ODD)
    outcomes = tuple(replace(o, label=odd) for o in plan.outcomes)
    named = replace(plan, outcomes=outcomes, title=odd, summary=odd)
    one = edition("da", named, example_results(named), provenance)
    texts = json.dumps(printed(one, UNDRAWN), ensure_ascii=False)
    assert json.dumps(ODD, ensure_ascii=False)[1:-1] in texts
    escaped = ODD.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    found = _objects(pdf(one, UNDRAWN)).decode("utf-8", errors="replace")
    assert escaped in found.replace("&quot;", '"').replace("&#39;", "'").replace("&apos;", "'")


def test_few_outcomes_and_missing_results_still_build(plan, provenance):
    few = replace(plan, outcomes=plan.outcomes[:1], dose=None, placements=None, interaction=None, claims=())
    for results in (example_results(few), missing_results(few)):
        one = edition("en", few, results, replace(provenance, synthetic=False, internal=True))
        document = printed(one, UNDRAWN)
        assert [b["tag"] for b in document["banners"]] == [one.say("internal.banner")]
        assert pdf(one, UNDRAWN).startswith(b"%PDF-")


def test_a_figure_without_alternative_text_is_refused():
    figure = {"svg": '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "alt": None}
    data = {"title": "t", "language": "en", "figures": [figure]}
    with pytest.raises(TypesetError, match="alt"):
        typeset([Order(template="figures.typ", data=data)])


def test_links_lead_to_places_that_are_printed(editions, drawn):
    document = printed(editions["en"], drawn["en"])
    tables = [b for b in _blocks(document) if b["kind"] == "table"]
    cells = [c for t in tables for line in t["lines"] for c in line["cells"]]
    cells += [c for b in _blocks(document) if b["kind"] == "grid" for row in b["rows"] for c in row["cells"]]
    places = {s["id"] for s in document["sections"]} | {b.get("id") for b in _blocks(document)}
    places |= {line["id"] for t in tables for line in t["lines"]}
    linked = {c["to"] for c in cells if c["to"]}
    assert linked
    assert linked <= places


@pytest.mark.parametrize("language", ["en", "da"])
def test_no_table_is_wider_than_its_page_or_too_long_among_the_details(editions, drawn, language):
    document = printed(editions[language], drawn[language])
    for block in _blocks(document):
        if block["kind"] == "table":
            assert sum(block["widths"]) <= (LANDSCAPE if block["wide"] else PORTRAIT) + 1e-6
    folded = [b for s in document["sections"] for b in _after_first_heading(s["blocks"]) if b["kind"] == "table"]
    assert all(len(b["lines"]) <= MOST_ROWS for b in folded)


def _after_first_heading(blocks: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    first = next((k for k, b in enumerate(blocks) if b["kind"] == "heading"), len(blocks))
    return blocks[first:]


def test_columns_get_what_they_want_or_their_share():
    columns = [Track(least=10, wanted=10), Track(least=20, wanted=80)]
    assert shared(columns, 100) == [10, 80]
    assert shared(columns, 60) == [10, 50]
    assert sum(shared(columns, 15)) == pytest.approx(15)


def test_a_table_of_many_wide_columns_lies_on_its_side():
    columns = tuple(Column(title=f"Column {k}", numeric=True) for k in range(14))
    line = Line(cells=tuple(Cell(text="−0.123 to 0.456") for _ in columns))
    made = printed_table(Table(id="t", caption="c", columns=columns, lines=(line,)), frozenset())
    assert made["wide"]
    assert not printed_table(Table(id="t", caption="c", columns=columns[:3], lines=()), frozenset())["wide"]


def test_a_broken_typst_is_one_clear_error(monkeypatch):
    """Installed but not loadable, or killed at work: said with what to do."""
    order = Order(template="report.typ", data={})

    def unloadable(name):
        raise ImportError("wrong ELF class", name=name)

    def killed(name):
        os.kill(os.getpid(), signal.SIGKILL)

    for failing, says in ((unloadable, "cannot be loaded .wrong ELF class."), (killed, "stopped in the middle")):
        monkeypatch.setattr("mtb_eval.report.typeset.import_module", failing)
        with pytest.raises(TypesetError, match=f"{says}.*install it again, or remove it"):
            typeset([order])
