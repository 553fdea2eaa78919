"""A report for release shows nothing small, anywhere; an internal one shows all and says so everywhere."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from mtb_eval.analysis.disclosure import released
from mtb_eval.analysis.results import Results
from mtb_eval.report import Provenance, write_report
from mtb_eval.report.csv_text import csv_text
from mtb_eval.report.edition import edition
from mtb_eval.report.figures.flow import flow
from mtb_eval.report.findings import effect_counts, withheld
from mtb_eval.report.left_out import FIGURE_TABLES, left_out, noted
from mtb_eval.report.manifest import Manifest
from mtb_eval.report.numbers import LANGUAGES
from mtb_eval.report.page import page
from mtb_eval.report.sections import SECTIONS, summary
from mtb_eval.report.sections.reproduce import reproduce
from mtb_eval.report.show import show
from mtb_eval.report.style import Absent, Drawing, house_style

PLANTED, LIMIT = 731, 1000
IN_TABLE = re.compile(rf"(?<![\d.]){PLANTED}(?![\d.])")
IN_TEXT = re.compile(rf"(?<!\d)(?<!\d[.,]){PLANTED}(?![\d])(?![.,]\d)")


@pytest.fixture(scope="module")
def planted(results) -> Results:
    """A study in which a number stands in many tables that is small beside an enormous threshold."""
    counts = {"flow": "n", "training": "n_control", "visit_counts": "n", "dose_bins": "n", "response": "n"}
    own = {name: getattr(results, name).assign(**{column: PLANTED}) for name, column in counts.items()}
    families = results.flow["level"] == "families"
    own["flow"] = results.flow.assign(n=results.flow["n"].mask(families, PLANTED))
    events = results.placements.assign(n_mtb_events=PLANTED, n_mtb=2000)
    said = results.claims.assign(found_en=f"31 % ({PLANTED} of 2400)", found_da=f"31 % ({PLANTED} af 2400)")
    effects = results.effects.assign(n_control=PLANTED, warning=f"only {PLANTED} families")
    return replace(results, **own, placements=events, claims=said, effects=effects)


def test_a_planted_count_is_in_no_file(tmp_path, planted, plan):
    """With everything under the limit hidden, the number is in no page, table, figure or list."""
    strict = replace(plan, disclosure_threshold=LIMIT)
    out = tmp_path / "report"
    manifest = write_report(planted, strict, out=out, provenance=Provenance(synthetic=False, versions={}))
    readable = {".html", ".csv", ".svg", ".json", ".tex"}
    files = [f for f in out.rglob("*") if f.suffix in readable and f.name != "manifest.json"]
    assert len(files) > 90
    assert [f"{f.name}: {hit}" for f in files for hit in _hits(f.read_text(encoding="utf-8"), f.suffix)] == []
    assert not manifest.internal
    assert (out / "tables" / "suppressed.csv").exists()


def test_the_planted_count_is_in_an_internal_edition(planted, plan, provenance, drawn):
    strict = replace(plan, disclosure_threshold=LIMIT)
    inside = released(planted, strict, internal=True)
    one = edition("en", strict, inside, replace(provenance, internal=True))
    written = page(one, drawn["en"])
    assert _hits(written, ".html")
    assert one.words("internal.banner_text") in written
    assert written.index(one.words("internal.banner_text")) < written.index("<h1>")
    assert _hits(csv_text(inside.flow), ".csv")


def test_only_an_internal_edition_is_marked(plan, results, provenance):
    for language in LANGUAGES:
        marked = edition(language, plan, results, replace(provenance, internal=True))
        tag = marked.words("internal.tag")
        assert marked.words("internal.banner") in [head for head, _ in marked.banners]
        assert _texts_of(flow(marked)).count(tag) == 2
        plain = edition(language, plan, results, provenance)
        assert tag not in _texts_of(flow(plain))
        assert plain.words("internal.banner") not in [head for head, _ in plain.banners]


def test_the_manifest_says_which_it_is():
    made = Manifest(plan="p", synthetic=True, internal=True, seed=1, versions={}, inputs={}, outputs={})
    assert '"internal": true' in made.to_json()


@pytest.mark.parametrize("limit", [5, 10, 20])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_section_reads_well_however_much_is_hidden(results, plan, provenance, language, limit):
    strict = replace(plan, disclosure_threshold=limit)
    one = edition(language, strict, released(results, strict), provenance)
    said = [t for make in (*SECTIONS, summary) for t in _strings(make(one))]
    assert [t for t in said if re.search(r"\bnan\b|\bNaT\b|<NA>|\bNone\b[^,:. ”]", t)] == []


def test_the_reader_is_told_what_is_not_shown_and_why(plan, results, provenance):
    strict = replace(plan, disclosure_threshold=20)
    shown = released(results, strict)
    one = edition("en", strict, shown, provenance)
    fold = next(f for f in reproduce(one).folds if f.id == "disclosure")
    cells = [line.cells[3].text.replace(",", "") for t in fold.tables for line in t.lines]
    assert sum(int(c) for c in cells) == shown.detail["suppressed"]["n_cells"].sum()
    assert "from 1 to 19 " in fold.paragraphs[0]
    assert len(left_out(one)) == len(cells)


def test_a_figure_says_that_something_is_left_out(plan, results, provenance):
    strict = replace(plan, disclosure_threshold=20)
    one = edition("da", strict, released(results, strict), provenance)
    with house_style():
        made = noted(one, "flow", flow(one))
    assert isinstance(made, Drawing)
    assert made.caption.endswith(one.words("disclosure.figure"))
    missing = noted(one, "placements", Absent(why="?"))
    assert isinstance(missing, Absent)
    assert missing.why == one.words("disclosure.absent")


def test_every_figure_names_its_tables(results):
    from mtb_eval.analysis.disclosure_declared import declared
    from mtb_eval.report.figures import FIGURES

    assert set(FIGURES) <= set(FIGURE_TABLES)
    assert {t for tables in FIGURE_TABLES.values() for t in tables} <= set(declared().tables)


def test_a_hidden_number_stands_in_a_sentence_as_words(plan, results, provenance):
    one = edition("en", plan, results, provenance)
    assert one.say("flow.lost", n="–").endswith("[not shown]")
    inside = edition("en", plan, results, replace(provenance, internal=True))
    assert inside.say("flow.lost", n="–").endswith("–")


def _hits(content: str, suffix: str) -> list[str]:
    """Return what stands around each place at which a file says the planted count."""
    text, seek = _text(content, suffix), IN_TABLE if suffix == ".csv" else IN_TEXT
    return [text[max(m.start() - 60, 0) : m.end() + 20] for m in seek.finditer(text)]


def _text(content: str, suffix: str) -> str:
    """Return what of a file is read: of SVG and HTML the text between tags, for the rest are coordinates and code."""
    if suffix not in (".svg", ".html"):
        return content
    bare = re.sub(r"<(script|style)\b.*?</\1>", " ", content, flags=re.DOTALL)
    return " ".join(re.findall(r">([^<]+)<", bare)) + " ".join(re.findall(r'aria-label="([^"]*)"', bare))


def _texts_of(made: Drawing | Absent) -> list[str]:
    return [t.get_text() for t in made.figure.texts] if isinstance(made, Drawing) else []


def _strings(thing: object) -> list[str]:
    if isinstance(thing, str):
        return [thing]
    if isinstance(thing, tuple | list):
        return [s for x in thing for s in _strings(x)]
    slots = getattr(type(thing), "__slots__", ())
    return [s for name in slots for s in _strings(getattr(thing, name))]


def test_a_figure_for_a_notebook_is_disclosed_or_marked(plan, results):
    strict, words = replace(plan, disclosure_threshold=20), "Internal: small counts shown"
    outward, inside = (show(results, strict, "flow", synthetic=True, internal=inside) for inside in (False, True))
    assert "is left out" in outward.caption
    assert "is left out" not in inside.caption
    assert words in inside.svg
    assert words not in outward.svg


def test_a_tally_leaves_out_what_is_not_shown(plan, results, provenance):
    """An outcome that is hidden is not counted as one without a difference."""
    strict = replace(plan, disclosure_threshold=30)
    one = edition("en", strict, released(results, strict), provenance)
    shown, counts = one.main_outcomes(), effect_counts(one, one.main_outcomes())
    hidden = withheld(one, "outcomes", "primary_verdict") & {str(r["outcome"]) for r in shown}
    assert 0 < len(hidden) < len(shown)
    assert (counts["n"], counts["withheld"]) == (len(shown) - len(hidden), len(hidden))
    said = one.say("disclosure.outcomes", withheld=len(hidden))
    assert said in " ".join(p.text for p in summary(one).points)
    inside = edition("en", strict, released(results, strict, internal=True), replace(provenance, internal=True))
    assert effect_counts(inside, inside.main_outcomes())["n"] == len(shown)
