"""The README lists every results table, every figure and every numbered table with the function and file behind it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest
from tests.report.example import example_results

from mtb_eval.analysis.detail import ANALYSES, PREFIXED
from mtb_eval.analysis.results import Results
from mtb_eval.analysis.trust_tables import trust
from mtb_eval.report.edition import Provenance, edition
from mtb_eval.report.figures import FIGURES
from mtb_eval.report.numbered_tables import numbered_tables
from mtb_eval.study import load_plan

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
AFTERWARDS = ("claim_power", "suppressed")


def listed(heading: str) -> dict[str, str]:
    """Return what a table of the README lists: name -> `file: functions`."""
    body = README.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    rows = re.findall(r"^\| (.+?) \| `(.+?)` \|$", body, flags=re.M)
    return {name: made_by for names, made_by in rows for name in names.split(", ")}


def results_tables() -> Iterator[str]:
    yield from (f.name for f in fields(Results) if f.name != "detail")
    for name, analysis in {**ANALYSES, "trust": trust}.items():
        yield from (PREFIXED.get(name, "") + f.name for f in fields(get_type_hints(analysis)["return"]))
    yield from AFTERWARDS


def made_by(function: Callable[..., object]) -> str:
    return f"{function.__module__.removeprefix('mtb_eval.').replace('.', '/')}.py: {function.__name__}"


def test_every_results_table_is_listed_and_no_other():
    assert set(listed("results table")) == set(results_tables())


def test_every_figure_is_listed_with_the_function_that_draws_it():
    assert listed("figure") == {name: made_by(draw) for name, draw in FIGURES.items()}


def test_every_numbered_table_of_the_report_is_listed():
    plan = load_plan()
    one = edition("en", plan, example_results(plan), Provenance(synthetic=True, seed=1, inputs={"a": "b"}, versions={}))
    ids = {t.table.id for t in numbered_tables(one)}
    assert ids - set(listed("numbered tables of the report")) == set()


@pytest.mark.parametrize("heading", ["results table", "figure", "numbered tables of the report"])
def test_every_function_named_exists(heading):
    for place in set(listed(heading).values()):
        file, functions = place.split(": ")
        module = importlib.import_module(f"mtb_eval.{file.removesuffix('.py').replace('/', '.')}")
        assert [f for f in functions.split(", ") if not callable(getattr(module, f, None))] == []
