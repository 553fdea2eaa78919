"""The checklist and the deviations load strictly, in both languages, and are absent where nothing is declared."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtb_eval.study import PlanError, load_plan, read_checklist, read_deviations
from mtb_eval.study.danish import read_danish

ITEM = """
[[items]]
id = "1a"
topic = { en = "Title", da = "Titel" }
asks = { en = "x", da = "y" }
"""
EXTENDED = {"7a", "8b", "10a", "10b", "10c", "13a", "15", "16", "17a", "21"}


def written(folder: Path, text: str) -> Path:
    path = folder / "checklist.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_checklist_has_every_item_of_the_extension():
    items = {i.id: i for i in load_plan().checklist}
    assert {str(n) for n in range(1, 26)} == {i.rstrip("abc") for i in items}
    assert set(items) >= EXTENDED
    assert items["10a"].status == "not reported"
    assert all(t.en and t.da for i in items.values() for t in (i.topic, i.asks, *([i.note] if i.note else [])))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (ITEM + "sections = ['a']\n" + ITEM + "sections = ['a']\n", "1a declared more than once"),
        (ITEM, "item 1a is reported, but names no section"),
        (ITEM + "status = 'not reported'\n", "item 1a is not reported, but has no note"),
        (ITEM + "status = 'maybe'\n", "'maybe' is not one of"),
        (ITEM + "wehre = 'x'\n", "unknown key 'wehre'"),
    ],
)
def test_a_checklist_that_cannot_be_used_is_refused(tmp_path, text, problem):
    with pytest.raises(PlanError, match=problem):
        read_checklist(written(tmp_path, text))


def test_a_study_without_these_files_declares_nothing(tmp_path):
    assert read_checklist(tmp_path / "checklist.toml") == ()
    assert read_deviations(tmp_path / "deviations.toml") == ()


def test_shipped_deviations_say_what_and_why_in_both_languages():
    found = load_plan().deviations
    assert {"model", "few-clusters", "missing", "dose", "placements"} <= {d.id for d in found}
    assert all(t.en and t.da for d in found for t in (d.topic, d.published, d.here, d.why))


@pytest.mark.parametrize(
    ("text", "problem"),
    [("[other]\n", "unknown table 'other'"), ('[sources]\n"a" = 1\n', "needs a Danish text in quotes")],
)
def test_a_wrong_file_of_danish_sources_is_refused(tmp_path, text, problem):
    (tmp_path / "danish.toml").write_text(text, encoding="utf-8")
    with pytest.raises(PlanError, match=problem):
        read_danish(tmp_path / "danish.toml")


def test_without_a_file_of_danish_sources_there_are_none(tmp_path):
    assert read_danish(tmp_path / "danish.toml") == {}
