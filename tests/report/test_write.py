"""The report as files: complete, the same bytes each time, replaced whole or not at all."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from tests.report.conftest import INPUTS, VERSIONS

from mtb_eval.analysis.disclosure import released
from mtb_eval.report import ReportError, write_report
from mtb_eval.report.csv_text import csv_text
from mtb_eval.report.edition import Edition
from mtb_eval.report.figures import FIGURES
from mtb_eval.report.folder import replace_folder
from mtb_eval.report.write import WITHOUT_TYPST


def _files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_report_is_complete(written, results, plan):
    out, manifest = written
    names = set(_files(out))
    tables = {f"tables/{name}.csv" for name in released(results, plan, internal=False).named()}
    pages = {f"report{language}.{kind}" for language in ("", ".da") for kind in ("html", "pdf")}
    drawn = {name for name in FIGURES if f"figures/{name}.svg" in names}
    figures = {f"figures/{d}{n}.{s}" for n in drawn for d in ("", "da/") for s in ("svg", "png", "pdf")}
    papers = {n for n in names if n.startswith("publication/")}
    assert names - papers == tables | pages | figures | {"effects.csv", "claims.csv", "claims.json", "manifest.json"}
    for folder in ("publication", "publication/da"):
        assert {f"{folder}/tables.xlsx", f"{folder}/tables.docx", f"{folder}/latex/tables.tex"} <= papers
    assert len(drawn) > len(FIGURES) / 2
    assert set(manifest.outputs) == names - {"manifest.json"}


def test_the_same_results_give_the_same_bytes(written, results, plan, provenance, tmp_path):
    """Written a second time, elsewhere and by two processes: every file is the same to the byte."""
    again = tmp_path / "some where" / "else"
    manifest = write_report(results, plan, out=again, provenance=provenance, jobs=2)
    assert manifest == written[1]
    assert _files(again) == _files(written[0])


def test_the_manifest_names_inputs_versions_and_what_made_each_output(written):
    out, _ = written
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["inputs"] == INPUTS
    assert (manifest["plan"], manifest["seed"], manifest["synthetic"]) == ("mtb-dk", 7, True)
    assert manifest["versions"] == VERSIONS
    assert {"mtb_eval", "python", "numpy", "pandas", "matplotlib"} <= set(VERSIONS)
    for name, output in manifest["outputs"].items():
        assert output["sha256"] == hashlib.sha256((out / name).read_bytes()).hexdigest()
    made_by = {name: output["made_by"] for name, output in manifest["outputs"].items()}
    assert made_by["figures/forest.svg"] == "mtb_eval.report.figures.forest.forest"
    assert made_by["report.da.html"] == "mtb_eval.report.page.page"
    assert made_by["report.pdf"] == "mtb_eval.report.pdf.pdf"


def test_without_typst_the_page_is_written_and_it_is_said_what_is_missing(
    results, plan, provenance, drawn, monkeypatch, tmp_path
):
    monkeypatch.setattr("mtb_eval.report.write.pictures", lambda one: drawn[one.language])
    monkeypatch.setattr("mtb_eval.report.typeset.find_spec", lambda name: None)
    told: list[str] = []
    write_report(results, plan, out=tmp_path / "report", provenance=provenance, progress=told.append)
    made = set(_files(tmp_path / "report"))
    assert {"report.html", "report.da.html", "figures/forest.svg"} <= made
    assert not [name for name in made if name.endswith((".pdf", ".png"))]
    assert [t for t in told if t.startswith("typst is not installed")] == [WITHOUT_TYPST]


def test_nothing_written_tells_when_or_where(written):
    out, _ = written
    texts = [c.decode("utf-8") for n, c in _files(out).items() if n.endswith((".html", ".svg", ".json", ".csv"))]
    assert not any(str(Path.home()) in t or str(out) in t for t in texts)
    assert not any(re.search(r"<dc:date>|\d\d:\d\d:\d\d", t) for t in texts)


def test_every_table_reads_back_unrounded(written, results, plan):
    out, _ = written
    for name, frame in released(results, plan, internal=False).named().items():
        text = (out / "tables" / f"{name}.csv").read_text(encoding="utf-8")
        assert text == csv_text(frame, mark="synthetic")
        read = pd.read_csv(out / "tables" / f"{name}.csv")
        for column in frame.select_dtypes("number").columns:
            pd.testing.assert_series_equal(read[column].astype(float), frame[column].astype(float), check_exact=True)
    assert (out / "effects.csv").read_bytes() == (out / "tables" / "effects.csv").read_bytes()
    assert (out / "claims.csv").read_bytes() == (out / "tables" / "claims.csv").read_bytes()


def test_a_failure_leaves_the_earlier_report_as_it_was(written, results, plan, provenance, monkeypatch):
    def broken(one: Edition) -> None:
        raise RuntimeError("a figure fails")

    monkeypatch.setattr("mtb_eval.report.write.pictures", broken)
    out, _ = written
    before = _files(out)
    with pytest.raises(RuntimeError, match="a figure fails"):
        write_report(results, plan, out=out, provenance=provenance)
    assert _files(out) == before
    assert [p.name for p in out.parent.iterdir()] == [out.name]


def _manifest(*names: str) -> bytes:
    return json.dumps({"outputs": {name: {} for name in names}}).encode()


def test_files_of_the_earlier_report_do_not_remain_and_other_files_do(tmp_path):
    out = tmp_path / "report"
    replace_folder(
        out, {"old.csv": b"1", "figures/old.svg": b"1", "manifest.json": _manifest("old.csv", "figures/old.svg")}
    )
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    replace_folder(out, {"new.csv": b"2", "manifest.json": _manifest("new.csv")})
    assert set(_files(out)) == {"new.csv", "manifest.json", "notes.txt"}
    assert [p.name for p in tmp_path.iterdir()] == ["report"]


def test_a_folder_that_holds_no_report_is_refused(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ReportError, match="holds 1 files or folders but no report"):
        replace_folder(tmp_path / "mine", {"a": b""})
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ReportError, match="a folder is needed"):
        replace_folder(tmp_path / "file", {"a": b""})
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "manifest.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ReportError, match="not that of a report"):
        replace_folder(tmp_path / "odd", {"a": b""})
    assert (tmp_path / "mine" / "thesis.txt").read_text(encoding="utf-8") == "mine"


def test_a_half_written_report_is_not_put_in_place(tmp_path, monkeypatch):
    out = tmp_path / "report"
    replace_folder(out, {"a.csv": b"1", "manifest.json": _manifest("a.csv")})

    def full(self: Path, content: bytes) -> int:
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space left"):
        replace_folder(out, {"a.csv": b"2", "manifest.json": _manifest("a.csv")})
    assert set(_files(out)) == {"a.csv", "manifest.json"}
    assert (out / "a.csv").read_bytes() == b"1"
