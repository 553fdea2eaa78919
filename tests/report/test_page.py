"""The pages: self-contained, accessible in structure, escaped, and sensible when results are missing."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from zlib import decompress

import numpy as np
import pandas as pd
import pytest
from tests.report.example import empty_results, example_results, missing_results

from mtb_eval.report.decimals import missing_places
from mtb_eval.report.document import Cell, Column, Line, Section, Table
from mtb_eval.report.edition import edition
from mtb_eval.report.figures import FIGURES
from mtb_eval.report.page import FILES, LARGEST_INSIDE, packed_tables, page, table_contents
from mtb_eval.report.pictures import pictures
from mtb_eval.report.style import Absent
from mtb_eval.study import Text, load_plan

UNDRAWN = dict.fromkeys(FIGURES, Absent(why="not drawn in this test"))
VOID = {"meta", "link", "input", "br", "hr", "img", "path", "use", "rect"}


class Page(HTMLParser):
    """The parts of a page that the tests ask about."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.words.append(data)

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.tags if tag in names]


@pytest.fixture(scope="session")
def pages(written) -> dict[str, str]:
    out, _ = written
    names = {"en": "report.html", "da": "report.da.html"}
    return {language: (out / name).read_text(encoding="utf-8") for language, name in names.items()}


@pytest.mark.parametrize("language", ["en", "da"])
def test_a_page_asks_nothing_of_the_network(pages, language):
    found = Page(pages[language])
    written = re.sub(
        r'<script type="text/plain".*?</script>|sha256-[\w+/=]+|base64,[\w+/=]+|<meta http-equiv', "", pages[language]
    )
    assert "http" not in written
    assert "//" not in re.sub(r"^ *// .*$", "", written, flags=re.MULTILINE)
    for attrs in found.all("a", "link", "script", "img", "use"):
        address = attrs.get("href") or attrs.get("src") or ""
        beside = address in FILES.values() or re.fullmatch(r"tables/\w+\.csv", address)
        assert not address or address.startswith(("#", "data:")) or beside


def test_a_page_runs_only_its_own_scripts(pages):
    page_en = pages["en"]
    rule = Page(page_en).all("meta")[2]["content"] or ""
    scripts = re.findall(r"<script>(.*?)</script>", page_en, flags=re.DOTALL)
    hashes = [b64encode(sha256(s.encode("utf-8")).digest()).decode("ascii") for s in scripts]
    assert len(scripts) == 2
    assert rule.startswith("default-src 'none'")
    assert re.findall(r"'sha256-([^']+)'", rule) == hashes


def test_tables_inside_the_page_are_the_files_beside_it_and_large_ones_stay_files(pages, written):
    out, _ = written
    inside = dict(re.findall(r'<script type="text/plain" data-csv="(\w+)">(.*?)</script>', pages["en"]))
    assert len(inside) > 20
    for name, packed in inside.items():
        assert decompress(b64decode(packed)) == (out / "tables" / f"{name}.csv").read_bytes()
    linked = set(re.findall(r'href="tables/(\w+)\.csv"', pages["en"]))
    assert all((out / "tables" / f"{n}.csv").stat().st_size > LARGEST_INSIDE for n in linked - set(inside))


def test_a_table_longer_than_the_limit_stays_outside():
    long = pd.DataFrame({"x": np.arange(60_000)})
    shown = Table(id="t", caption="", columns=(), lines=(), source="effects")
    results = replace(empty_results(), effects=long)
    assert packed_tables(table_contents(results, ""), [Section(id="s", title="", tables=(shown,))]) == {"effects": ""}


def test_numbers_stand_with_their_decimal_marks_under_each_other():
    texts = [".003", "<\N{NO-BREAK SPACE}.001", ".17", "1", "\N{EN DASH}", "12.5"]
    column = (Column(title="", numeric=True), Column(title=""), Column(title="", numeric=True))
    lines = tuple(Line(cells=(Cell(text=t), Cell(text=t), Cell(text="75 % (3 of 4)"))) for t in texts)
    room = missing_places(Table(id="t", caption="", columns=column, lines=lines))
    assert [line[0] for line in room] == [0, 0, 1, 4, 0, 2]
    assert {tuple(line[1:]) for line in room} == {(0, 0)}


@pytest.mark.parametrize("language", ["en", "da"])
def test_tags_balance_ids_are_unique_and_every_inner_link_arrives(pages, language):
    found = Page(pages[language])
    assert found.unbalanced == []
    assert found.open == []
    ids = [attrs["id"] for _, attrs in found.tags if attrs.get("id")]
    assert len(ids) == len(set(ids))
    targets = {a["href"][1:] for a in found.all("a", "use") if (a.get("href") or "").startswith("#")}
    assert targets - set(ids) == set()


@pytest.mark.parametrize("language", ["en", "da"])
def test_headings_skip_no_level_and_landmarks_are_there(pages, language):
    found = Page(pages[language])
    levels = [int(tag[1]) for tag, _ in found.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    assert found.all("html")[0]["lang"] == language
    assert [len(found.all(t)) for t in ("main", "header")] == [1, 1]
    assert all(n.get("aria-label") for n in found.all("nav"))
    assert found.all("a")[0]["class"] == "skip"


@pytest.mark.parametrize("language", ["en", "da"])
def test_figures_have_alternative_text_and_tables_captions_and_scopes(pages, language):
    found = Page(pages[language])
    images = [a for _, a in found.tags if a.get("role") == "img"]
    assert len(images) == len(found.all("figure")) > len(FIGURES) / 2
    assert all(len(a["aria-label"] or "") > 40 for a in images)
    assert all(s.get("aria-hidden") == "true" for s in found.all("svg"))
    assert len(found.all("table")) == len(found.all("caption")) == len(found.all("thead"))
    assert {a.get("scope") for a in found.all("th")} == {"col", "row"}


@pytest.mark.parametrize("language", ["en", "da"])
def test_the_banner_and_every_caption_say_that_data_are_synthetic(pages, language):
    tag = {"en": "Synthetic data", "da": "Syntetiske data"}[language]
    captions = re.findall(r"<figcaption>.*?</figcaption>", pages[language], flags=re.DOTALL)
    assert captions
    assert all(tag in c for c in captions)
    assert re.search(rf'class="banner"[^>]*><b>{tag}', pages[language])


def test_real_data_have_no_banner(plan, results, provenance, drawn):
    one = edition("en", plan, results, replace(provenance, synthetic=False))
    assert "synthetic" not in page(one, {**drawn["en"]}).lower().replace("synthetic data</", "").split("<figure")[0]


def test_the_languages_link_to_each_other_and_danish_is_danish(pages):
    assert 'href="report.da.html" hreflang="da"' in pages["en"]
    assert 'href="report.html" hreflang="en"' in pages["da"]
    words = " ".join(Page(pages["da"].split('<section id="deviations"')[0]).words)
    assert re.findall(r"(?<![\d.])0\.\d", words) == []
    for english in ("primary analysis", "usual care", "families", "significant,"):
        assert english not in words


def test_labels_are_shown_as_they_are(plan, provenance):
    odd = Text(en='Calm "now" <b>& æøå</b> {x}', da="Ro & 'nærvær' <i>ÆØÅ</i>")
    outcomes = tuple(replace(o, label=odd) for o in plan.outcomes)
    named = replace(plan, outcomes=outcomes, title=odd, summary=odd)
    one = edition("en", named, example_results(named), provenance)
    made = page(one, UNDRAWN)
    assert "<b>& æøå" not in made
    assert 'Calm "now" <b>& æøå</b> {x}' in "".join(Page(made).words)
    assert Page(made).unbalanced == []


@pytest.mark.parametrize("language", ["en", "da"])
@pytest.mark.parametrize("make", [lambda _: empty_results(), missing_results])
def test_missing_results_give_sentences(plan, provenance, language, make):
    one = edition(language, plan, make(plan), provenance)
    made = page(one, pictures(one))
    words = Page(made).words
    assert Page(made).unbalanced == []
    assert [w for w in words if w.strip() == "None" or re.search(r"\bnan\b|\{\w+\}", w)] == []


def test_a_study_without_dose_placements_or_claims(plan, provenance):
    bare = replace(plan, dose=None, placements=None, interaction=None, usual_care=None, claims=())
    one = edition("en", bare, example_results(bare), provenance)
    made = page(one, UNDRAWN)
    assert one.say("absent.dose") in made
    assert one.say("absent.claims") in made


def test_no_python_file_knows_an_outcome_a_wave_or_a_municipality():
    package = Path(page.__code__.co_filename).parent
    code = "\n".join(p.read_text(encoding="utf-8") for p in package.rglob("*.py"))
    full = load_plan()
    names = {o.id for o in full.outcomes} | {o.column for o in full.outcomes} | {w.id for w in full.waves}
    names |= {m.code for m in full.municipalities} - {"baseline"}
    assert [n for n in names - {"baseline"} if re.search(rf"['\"]{re.escape(n)}['\"]", code)] == []
