"""The commands on the shipped study: exit codes, one-line errors, earlier output untouched by a failure."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mtb_eval.cli import USER_ERRORS, main
from mtb_eval.study import load_plan

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "data" / "synthetic"


def digests(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("report") / "report"
    assert main(["report", str(SHIPPED), "--out", str(out), "--quiet"]) == 0
    return out


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    shutil.copytree(SHIPPED, folder)
    return folder


def test_the_report_has_all_its_parts(report):
    names = {str(p.relative_to(report)) for p in report.rglob("*")}
    assert {"report.html", "report.da.html", "effects.csv", "claims.csv", "manifest.json"} <= names
    assert "tables/outcomes.csv" in names
    assert {"figures/forest.svg", "figures/forest.png", "figures/da/forest.svg"} <= names


def test_the_same_study_gives_the_same_bytes(report, tmp_path):
    again = tmp_path / "again"
    assert main(["report", str(SHIPPED), "--out", str(again), "--quiet"]) == 0
    assert digests(again) == digests(report)


def test_the_manifest_names_inputs_outputs_versions_and_seed(report):
    manifest = json.loads((report / "manifest.json").read_text())
    inputs = {n: d for n, d in digests(SHIPPED).items() if n in manifest["inputs"]}
    assert manifest["inputs"] == inputs
    assert set(inputs) >= {"families.xlsx", "visits.csv", "placements.dta", "questionnaire_24m.sav"}
    outputs = {n: d for n, d in digests(report).items() if n != "manifest.json"}
    assert {n: o["sha256"] for n, o in manifest["outputs"].items()} == outputs
    assert manifest["synthetic"] is True
    assert isinstance(manifest["seed"], int)
    assert {"mtb_eval", "numpy", "pandas"} <= set(manifest["versions"])
    assert str(ROOT) not in json.dumps(manifest)


def test_the_page_says_that_the_data_are_synthetic(report):
    assert "synthetic" in (report / "report.html").read_text(encoding="utf-8").lower()
    assert "syntetisk" in (report / "report.da.html").read_text(encoding="utf-8").lower()


def test_no_family_is_named_in_what_leaves(report):
    ids = pd.read_excel(SHIPPED / "families.xlsx", dtype=str)["family_id"]
    texts = [p.read_text(encoding="utf-8") for p in report.rglob("*") if p.suffix in (".html", ".csv", ".json")]
    assert not [i for i in ids if any(f">{i}<" in t or f",{i}," in t for t in texts)]


def test_effects_are_those_of_the_report_and_of_the_reference(report, tmp_path, capsys):
    out = tmp_path / "effects.csv"
    assert main(["effects", str(SHIPPED), "--out", str(out), "--quiet"]) == 0
    assert out.read_bytes() == (report / "effects.csv").read_bytes()
    assert main(["compare", str(ROOT / "tests" / "reference" / "effects.csv"), str(out)]) == 0
    assert "no difference" in capsys.readouterr().out


def test_compare_tells_what_changed_and_exits_1(report, tmp_path, capsys):
    table = pd.read_csv(report / "effects.csv")
    row = table.index[(table["outcome"] == "asqse_compliance") & table["p"].notna()][0]
    table.loc[row, "p"] = 0.9
    table.drop(index=table.index[-1]).to_csv(tmp_path / "changed.csv", index=False)
    assert main(["compare", str(report), str(tmp_path / "changed.csv")]) == 1
    told = capsys.readouterr().out
    assert "verdicts that changed: 1" in told
    assert "asqse_compliance" in told
    assert "only in" in told


def test_claims_agree_and_say_that_the_data_are_synthetic(tmp_path, capsys):
    assert (
        main(
            ["claims", str(SHIPPED), "--quiet", "--internal", "--language", "da", "--out", str(tmp_path / "claims.csv")]
        )
        == 0
    )
    told = capsys.readouterr().out
    assert "Synthetic data" in told
    assert "256 gravide besvarede" in told
    counts = pd.read_csv(tmp_path / "claims.csv")["result"].value_counts()
    assert counts["agrees"] == sum(c.check != "none" for c in load_plan().claims)


def test_check_is_silent_about_good_files_and_lists_all_problems_of_bad_ones(copied, tmp_path, capsys):
    assert main(["check", str(copied)]) == 0
    text = (copied / "visits.csv").read_text(encoding="utf-8")
    (copied / "visits.csv").write_text(text.replace("minutes", "minuts", 1), encoding="utf-8")
    (copied / "placements.dta").unlink()
    capsys.readouterr()
    assert main(["check", str(copied), "--out", str(tmp_path / "problems.csv")]) == 1
    told = capsys.readouterr().out
    assert "visits.csv" in told
    assert "placements" in told
    assert "did you mean" in told
    assert len(pd.read_csv(tmp_path / "problems.csv")) >= 2


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: (f / "families.xlsx").write_bytes(b"no workbook"), "families.xlsx"),
        (lambda f: (f / "families.xlsx").unlink(), "families"),
        (lambda f: (f / "questionnaire_24m.sav").write_bytes(b""), "questionnaire_24m.sav"),
        (lambda f: (f / "usual_care.dta").write_bytes((f / "usual_care.dta").read_bytes()[:200]), "usual_care.dta"),
        (shutil.rmtree, "study"),
    ],
    ids=["corrupt", "missing", "empty", "truncated", "no folder"],
)
def test_a_broken_study_is_one_line_and_leaves_the_earlier_report_alone(copied, tmp_path, capsys, spoil, says):
    out = tmp_path / "report"
    out.mkdir()
    (out / "report.html").write_text("earlier")
    spoil(copied)
    assert main(["report", str(copied), "--out", str(out), "--quiet"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert says in told
    assert told.count("\n") == 1
    assert digests(out) == {"report.html": hashlib.sha256(b"earlier").hexdigest()}


@pytest.mark.parametrize("place", ["a folder with other files", "below a file", "a broken truth.toml"])
def test_what_would_stop_the_report_at_the_end_stops_it_before_the_analyses(
    copied, tmp_path, capsys, monkeypatch, place
):
    monkeypatch.setattr("mtb_eval.analysis.evaluate", None)
    (tmp_path / "file").write_text("mine")
    out = {"a folder with other files": tmp_path, "below a file": tmp_path / "file" / "report"}.get(
        place, tmp_path / "r"
    )
    if place == "a broken truth.toml":
        (copied / "truth.toml").write_text("seed = [")
    assert main(["report", str(copied), "--out", str(out), "--quiet"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert (tmp_path / "file").read_text() == "mine"


def test_a_broken_plan_is_one_line(tmp_path, capsys):
    assert main(["report", str(SHIPPED), "--plan", str(tmp_path / "nowhere"), "--out", str(tmp_path / "r")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "r").exists()


def test_a_reader_that_leaves_is_no_error(tmp_path):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "mtb_eval.cli", "check", str(tmp_path / "bad")]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert done.returncode == 141
    assert "rror" not in done.stderr


def test_ctrl_c_leaves_the_earlier_report_alone_and_no_half_written_one(tmp_path):
    out = tmp_path / "report"
    out.mkdir()
    (out / "manifest.json").write_text('{"outputs": {"report.html": {}}}')
    (out / "report.html").write_text("earlier")
    before = digests(tmp_path)
    command = [sys.executable, "-m", "mtb_eval.cli", "report", str(SHIPPED), "--out", str(out), "--jobs", "2"]
    # A shell that starts the tests in the background has them ignore interrupts; the command must not inherit that.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    own: dict[str, Any] = {"start_new_session": True, "preexec_fn": heed}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **own) as running:
        time.sleep(4)
        os.killpg(running.pid, signal.SIGINT)
        told = running.stderr.read()
    # Python itself ends by the signal if it came within an `exec` of a library: for a shell that is 130 too.
    assert running.returncode in (130, -signal.SIGINT)
    assert told == "stopped; nothing already written was touched\n"
    assert digests(tmp_path) == before


def test_what_is_no_file_is_written_to_or_refused_but_never_replaced(tmp_path, capsys):
    bad = tmp_path / "bad"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as reader:
        read = reader.submit(pipe.read_text)
        assert main(["check", str(bad), "--out", str(pipe)]) == 1
        assert read.result(timeout=10).startswith("file,column,rule")
    assert pipe.is_fifo()
    capsys.readouterr()
    for out in (str(tmp_path), "."):
        assert main(["check", str(bad), "--out", out]) == 2
        assert "is a folder; name a file" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pipe"]


def test_synth_refuses_a_folder_with_other_files(tmp_path, capsys):
    real = tmp_path / "real"
    real.mkdir()
    (real / "families.xlsx").write_bytes(b"the only copy")
    assert main(["synth", "--out", str(real), "--quiet"]) == 2
    told = capsys.readouterr().err
    assert "no synthetic study" in told
    assert told.count("\n") == 1
    assert digests(real) == {"families.xlsx": hashlib.sha256(b"the only copy").hexdigest()}


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "a", "b", "--rtol", "-1"],
        ["compare", "a", "b", "--atol", "nan"],
        ["synth", "--seed", "-1"],
        ["report", "--jobs", "two"],
    ],
)
def test_numbers_out_of_range_are_refused_with_the_argument_named(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert f"argument {arguments[-2]}: {arguments[-1]!r} is not a" in capsys.readouterr().err


def test_help_names_every_command_and_the_exit_codes(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    told = capsys.readouterr().out
    for word in ("report", "effects", "check", "synth", "claims", "compare", "fit", "exit codes"):
        assert word in told


def test_no_arguments_and_unknown_commands_exit_2():
    for arguments in ([], ["reprot"]):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == 2


def test_the_package_itself_is_the_command_line():
    done = subprocess.run([sys.executable, "-m", "mtb_eval", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "exit codes" in done.stdout


def test_a_fault_of_the_program_is_one_line_without_its_words(monkeypatch, capsys):
    """An exception nobody foresaw may quote a value of a person: only its kind and place are told."""

    def broken(*_, **__):
        raise ZeroDivisionError("secret value 4711")

    monkeypatch.setattr("mtb_eval.data.check_study", broken)
    assert main(["check", str(SHIPPED)]) == 70
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "ZeroDivisionError in cli.py, line" in told
    assert "4711" not in told and "Traceback" not in told
    monkeypatch.setenv("MTB_EVAL_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(["check", str(SHIPPED)])


def test_every_error_for_the_user_is_where_the_command_line_looks_for_it():
    for home, name in USER_ERRORS:
        found = getattr(import_module(home), name)
        assert issubclass(found, Exception) and found.__name__ == name


def test_an_interrupt_that_a_library_turned_into_an_error_is_an_interrupt(monkeypatch, capsys):
    def importing(*_, **__):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as cause:
            raise ImportError("half imported") from cause

    monkeypatch.setattr("mtb_eval.data.check_study", importing)
    assert main(["check", str(SHIPPED)]) == 130
    assert capsys.readouterr().err == "stopped; nothing already written was touched\n"
