"""Tables for papers: the files open again, hold what the model holds, escape what must be, and have the same bytes."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from docx import Document
from docx.oxml.ns import qn
from openpyxl import load_workbook
from tests.report.example import example_results

from mtb_eval.report.document import Cell, Column, Line, Table
from mtb_eval.report.edition import Edition, edition
from mtb_eval.report.numbered_tables import NumberedTable, numbered_tables
from mtb_eval.report.shown_numbers import shown_number
from mtb_eval.report.table_files import table_files
from mtb_eval.report.table_latex import SPECIAL, escaped, latex_table
from mtb_eval.report.table_word import is_wide, word_file
from mtb_eval.report.table_workbook import HEADER_ROW, sheet_name, whole_text, workbook_file
from mtb_eval.study import Text

ODD = 'Calm <b>"now"</b> & 100 % of {x}_1 #2 $3 ~^\\ æøå ÆØÅ = 1'
LINES = 60


@pytest.fixture(scope="module", params=["en", "da"])
def one(request, editions) -> Edition:
    return editions[request.param]


@pytest.fixture(scope="module")
def tables(one) -> tuple[NumberedTable, ...]:
    return numbered_tables(one)


@pytest.fixture(scope="module")
def files(one) -> dict[str, bytes]:
    return {path: content for path, content, _ in table_files(one)}


def numbered(*lines: Line, columns: tuple[Column, ...] = (Column(title="a"), Column(title="b"))) -> NumberedTable:
    table = Table(id="odd-table", caption=ODD, columns=columns, lines=lines, note=ODD)
    return NumberedTable(number=1, heading="Table 1", section="x", table=table, marks=())


def test_every_numbered_table_is_in_every_file_in_both_folders(one, tables, files):
    folder = {"en": "publication", "da": "publication/da"}[one.language]
    latex = {f"{folder}/latex/{t.table.id}.tex" for t in tables} | {f"{folder}/latex/tables.tex"}
    assert set(files) == {f"{folder}/tables.xlsx", f"{folder}/tables.docx"} | latex
    assert len(tables) > LINES
    assert [t.number for t in tables] == list(range(1, len(tables) + 1))


def test_the_numbers_are_those_of_the_page(one, tables):
    from mtb_eval.report.figures import FIGURES
    from mtb_eval.report.page import page
    from mtb_eval.report.style import Absent

    shown = page(one, dict.fromkeys(FIGURES, Absent(why="not drawn in this test")))
    found = re.findall(r"<caption><b>(.*?)\.</b>", shown)
    assert found == [t.heading for t in tables]


def test_the_workbook_opens_with_every_cell_of_the_model(one, tables, files):
    book = load_workbook(io.BytesIO(next(c for p, c in files.items() if p.endswith(".xlsx"))))
    assert book.sheetnames[1:] == [sheet_name(t) for t in tables]
    captions = [row[1] for row in book[book.sheetnames[0]].iter_rows(values_only=True) if row[1]]
    assert captions == [t.table.caption for t in tables]
    for t in tables:
        sheet = book[sheet_name(t)]
        rows = list(sheet.iter_rows(values_only=True))
        assert sheet.freeze_panes == f"B{HEADER_ROW + 1}"
        assert rows[0][0] == f"{t.heading}. {t.table.caption}"
        assert list(rows[HEADER_ROW - 1]) == [c.title or None for c in t.table.columns]
        for line, row in zip(t.table.lines, rows[HEADER_ROW:], strict=False):
            for cell, value in zip(line.cells, row, strict=True):
                number = shown_number(cell, one.language)
                shown = (whole_text(cell) or None) if number is None else pytest.approx(number.value, rel=1e-14)
                assert value == shown
        below = " ".join(str(r[0]) for r in rows[HEADER_ROW + len(t.table.lines) :])
        assert below == re.sub(" +", " ", " ".join(t.notes))


def test_numbers_are_numbers(one, tables):
    cells = [c for t in tables for line in t.table.lines for c in line.cells]
    numbers = [c for c in cells if shown_number(c, one.language)]
    digits = [c for c in cells if re.fullmatch(r"[−]?[\d.,\u00a0]+(\u00a0%)?", c.text) and not c.under]
    assert len(numbers) > 500
    assert [c.text for c in digits if isinstance(c.sort, int | float) and not shown_number(c, one.language)] == []


@pytest.mark.parametrize(
    ("text", "sort", "language", "value", "shown"),
    [
        ("−0.42", -0.4178, "en", -0.4178, "#,##0.00"),
        ("−0,42", -0.4178, "da", -0.4178, "#,##0.00"),
        (".03", 0.0312, "en", 0.0312, ".00"),
        ("0,03", 0.0312, "da", 0.0312, "#,##0.00"),
        ("75\u00a0%", 0.754, "en", 0.754, '#,##0" "%'),
        ("50,000", 50000.0, "en", 50000.0, "#,##0"),
        ("50.000", 50000.0, "da", 50000.0, "#,##0"),
    ],
)
def test_a_number_keeps_its_value_and_its_look(text, sort, language, value, shown):
    found = shown_number(Cell(text=text, sort=sort), language)
    assert found is not None
    assert (found.value, found.format) == (value, shown)


@pytest.mark.parametrize(
    "cell",
    [
        Cell(text="–", sort=None),
        Cell(text="<\u00a0.001", sort=0.0002),
        Cell(text="0.10 to 0.30", sort=0.1),
        Cell(text="75\u00a0% (138\u00a0of\u00a0183)", sort=0.754),
        Cell(text="12", sort=3.0),
        Cell(text="12", sort="12"),
        Cell(text="0.42", sort=0.42, under="p = .03"),
        Cell(text="", sort=0.0),
    ],
)
def test_what_is_more_than_a_number_stays_text(cell):
    assert shown_number(cell, "en") is None


def test_the_word_file_opens_with_every_cell_of_the_model(one, tables, files):
    document = Document(io.BytesIO(next(c for p, c in files.items() if p.endswith(".docx"))))
    assert len(document.tables) == len(tables)
    texts = [p.text for p in document.paragraphs]
    for t, made in zip(tables, document.tables, strict=True):
        assert f"{t.heading}. {t.table.caption}" in texts
        assert all(note in texts for note in t.notes)
        rows = made._tbl.tr_lst
        assert rows[0].find(qn("w:trPr")).find(qn("w:tblHeader")) is not None
        words = [["".join(_words(cell)) for cell in row.tc_lst] for row in rows]
        assert words[0] == [c.title for c in t.table.columns]
        assert words[1:] == [[whole_text(c) for c in line.cells] for line in t.table.lines]


def _words(cell):
    for part in cell.iter(qn("w:t"), qn("w:br")):
        yield part.text or "" if part.tag == qn("w:t") else "\n"


def test_wide_tables_stand_on_landscape_pages_and_the_language_is_set(one, tables, files):
    document = Document(io.BytesIO(next(c for p, c in files.items() if p.endswith(".docx"))))
    turned = [s.page_width > s.page_height for s in document.sections]
    assert True in turned and False in turned
    assert turned[0] == is_wide(tables[0].table)
    language = next(document.styles.element.iter(qn("w:lang")))
    assert language.get(qn("w:val")) == {"en": "en-GB", "da": "da-DK"}[one.language]


def test_latex_is_balanced_and_complete(tables, files):
    for path, content in files.items():
        if path.endswith(".tex"):
            _balanced(content.decode("utf-8"))
    document = next(c for p, c in files.items() if p.endswith("tables.tex")).decode("utf-8")
    assert re.findall(r"\\input\{(.*?)\}", document) == [t.table.id for t in tables]
    for t in tables:
        text = latex_table(t)
        assert f"\\caption{{{escaped(t.table.caption)}}}\\label{{tab:{t.table.id}}}" in text
        assert text.count("\\toprule") in (1, 2)
        assert len(re.findall(r"(?<!\\)\\\\$", text, flags=re.M)) >= len(t.table.lines) + 1


def _balanced(text: str) -> None:
    """Every brace and environment that is opened is closed, and no special character stands bare."""
    bare = re.sub(
        r"\\(?:textbackslash|[{}$&#%_])", "", "\n".join(re.sub(r"(?<!\\)%.*", "", x) for x in text.splitlines())
    )
    assert bare.count("{") == bare.count("}")
    opened, closed = (re.findall(rf"\\{w}\{{(\w+\*?)\}}", text) for w in ("begin", "end"))
    assert sorted(opened) == sorted(closed)
    assert bare.count("$") % 2 == 0
    assert not re.search(r"[#^~](?!$)", bare.replace("~", ""))
    assert [c for c in bare if ord(c) > 127 and not c.isalpha()] == []


@pytest.mark.parametrize("character", list(SPECIAL))
def test_every_special_character_is_escaped(character):
    text = escaped(f"a{character}b")
    assert text.startswith("a") and text.endswith("b")
    assert text != f"a{character}b"


def test_odd_texts_are_shown_as_they_are(one):
    odd = numbered(
        Line(cells=(Cell(text=ODD, under="<i>&</i>"), Cell(text="=1+1"))), Line(cells=(Cell(text="[a]"), Cell(text="")))
    )
    sheet = load_workbook(io.BytesIO(workbook_file(one, [odd])))[sheet_name(odd)]
    assert sheet["A4"].value == f"{ODD}\n<i>&</i>"
    assert (sheet["B4"].value, sheet["B4"].data_type) == ("=1+1", "s")
    document = Document(io.BytesIO(word_file(one, [odd])))
    assert document.tables[0].cell(1, 0).text == f"{ODD}\n<i>&</i>"
    text = latex_table(odd)
    _balanced(text)
    assert r"\& 100 \% of \{x\}\_1 \#2 \$3 \textasciitilde{}\textasciicircum{}\textbackslash{} æøå" in text
    assert "\n{}[a] &" in text


def test_labels_reach_the_files_escaped(plan, provenance):
    label = Text(en=ODD, da="Ro")
    named = replace(plan, outcomes=tuple(replace(o, label=label) for o in plan.outcomes))
    made = edition("en", named, example_results(named), provenance)
    tex = {p: c for p, c, _ in table_files(made)}["publication/latex/effects-table.tex"].decode("utf-8")
    _balanced(tex)
    assert escaped(ODD) in tex


def test_a_long_table_is_a_longtable_and_a_wide_one_lies_down():
    short = latex_table(numbered(Line(cells=(Cell(text="x"), Cell(text="y")))))
    assert "\\begin{table}" in short and "landscape" not in short.split("\n", 1)[1]
    long = latex_table(numbered(*[Line(cells=(Cell(text="x"), Cell(text="y")))] * LINES))
    assert "\\begin{longtable}" in long and "\\endhead" in long
    columns = tuple(Column(title="A longer heading") for _ in range(9))
    cells = tuple(Cell(text="a text of some length") for _ in columns)
    assert "\\begin{landscape}" in latex_table(numbered(Line(cells=cells), columns=columns))


def test_the_same_edition_gives_the_same_bytes(one, files):
    assert {path: content for path, content, _ in table_files(one)} == files


def test_what_must_stand_by_all_numbers_stands_by_every_table(tables):
    assert all(t.marks and t.marks[-1] in t.notes for t in tables)
