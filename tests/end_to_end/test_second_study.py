"""A second study description runs from files to the report without a line of Python changed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from mtb_eval.cli import main


def _second_study() -> ModuleType:
    path = Path(__file__).with_name("second_study.py")
    spec = importlib.util.spec_from_file_location("second_study", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("second")
    made = _second_study()
    made.write_plan(folder / "plan")
    made.write_files(folder / "files")
    arguments = [str(folder / "files"), "--plan", str(folder / "plan"), "--out", str(folder / "report"), "--quiet"]
    assert main(["report", *arguments]) == 0
    return folder


def test_the_report_holds_its_own_outcomes_and_no_banner(built):
    page = (built / "report" / "report.html").read_text(encoding="utf-8")
    assert "Calm &lt;Start&gt; &amp; more" in page
    assert "<18 m>" not in page
    assert "synthetic" not in page.lower()
    effects = pd.read_csv(built / "report" / "effects.csv")
    assert set(effects["outcome"]) == {"calm_t1", "sleeps_t1"}
    assert effects["error"].isna().all()
    assert (effects["n_clusters"] == 5).all()


def test_the_danish_report_is_there_with_danish_letters(built):
    page = (built / "report" / "report.da.html").read_text(encoding="utf-8")
    assert 'lang="da"' in page
    assert "Rolig start på æøå" in page


def test_check_effects_and_claims_run_on_it(built, capsys):
    study = [str(built / "files"), "--plan", str(built / "plan")]
    assert main(["check", *study]) == 0
    assert main(["effects", *study, "--out", str(built / "effects.csv"), "--quiet"]) == 0
    assert main(["claims", *study, "--quiet"]) == 0
    same = [str(built / "effects.csv"), str(built / "report")]
    assert main(["compare", *same, "--plan", str(built / "plan")]) == 0
    assert "no difference" in capsys.readouterr().out
