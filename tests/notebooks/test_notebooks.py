"""The notebooks are committed without outputs and run; what they show is what the tables hold."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def test_there_are_notebooks():
    assert {p.stem for p in NOTEBOOKS} >= {"first_look", "one_outcome", "difference_to_grade"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_committed_without_outputs(path):
    cells = nbformat.read(path, as_version=4).cells
    assert not any(c.get("outputs") or c.get("execution_count") for c in cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_runs_from_its_own_folder(path):
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(FOLDER)}}).execute()
    shown = [o for c in notebook.cells for o in c.get("outputs", [])]
    assert not [o for o in shown if o["output_type"] in ("error", "stream")]
    assert any("text/html" in o.get("data", {}) for o in shown)
    if path.stem == "first_look":
        assert "<svg" in shown[-1]["data"]["image/svg+xml"]
