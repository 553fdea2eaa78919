"""Studies with too little in them: every analysis gives rows that say why, and the report is built all the same."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from functools import reduce
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mtb_eval.analysis.coding import coding
from mtb_eval.analysis.dose import dose
from mtb_eval.analysis.economy import economy
from mtb_eval.analysis.effects import effects
from mtb_eval.analysis.evaluate import evaluate
from mtb_eval.analysis.interaction import change
from mtb_eval.analysis.placements import placements
from mtb_eval.analysis.placements_detail import placements_detail
from mtb_eval.analysis.results import Results
from mtb_eval.data import Study, load_study
from mtb_eval.report.edition import Edition, Provenance, edition
from mtb_eval.report.page import page
from mtb_eval.report.pictures import pictures
from mtb_eval.report.sections import SECTIONS
from mtb_eval.report.style import Absent
from mtb_eval.study import Plan, load_plan

SHIPPED = Path(__file__).parents[2] / "data" / "synthetic"
KEPT = ("asqse_total", "sensitivity", "withdrawal", "sensitivity_12m", "placed_out_of_home", "in_education")


def _edges() -> ModuleType:
    path = Path(__file__).with_name("edge_studies.py")
    spec = importlib.util.spec_from_file_location("edge_studies", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EDGES = _edges()


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The shipped plan with a few outcomes and short runs."""
    full = load_plan()
    return replace(
        full,
        outcomes=tuple(o for o in full.outcomes if o.id in KEPT),
        claims=full.claims[::9],
        attrition=replace(full.attrition, imputations=3, iterations=2),
        placements_detail=replace(full.placements_detail, draws=199),
    )


@pytest.fixture(scope="module")
def shipped(plan: Plan) -> Study:
    return load_study(SHIPPED, plan)


@pytest.fixture(scope="module")
def results(plan: Plan, shipped: Study) -> Results:
    """Everything taken away at once."""
    return evaluate(reduce(lambda study, take: take(study, plan), EDGES.EDGES, shipped), plan)


@pytest.fixture(scope="module")
def one(plan: Plan, results: Results) -> Edition:
    return edition("en", plan, results, Provenance(synthetic=True, seed=1, inputs={}, versions={}))


def section(one: Edition, name: str):
    return next(s for s in (make(one) for make in SECTIONS) if s.id == name)


def said(one: Edition, name: str) -> str:
    made = section(one, name)
    return " ".join((*made.finding, *made.sure, *(p for f in made.folds for p in f.paragraphs)))


def test_no_placement_in_one_arm(plan, shipped, one):
    study = EDGES.no_placement_in_mtb(shipped, plan)
    rows = placements(study, plan).set_index("measure")
    assert rows.loc["risk, MTB", "estimate"] == 0
    assert rows.loc["risk ratio", "estimate"] == np.inf
    tests = placements_detail(study, plan).tests
    assert {"modified Poisson", "hazard ratio"} <= set(tests.loc[tests["error"] != "", "analysis"])
    assert np.isfinite(tests.loc[tests["code"] == "fisher", "p"]).all()
    assert "there is no ratio" in said(one, "placements")
    tables = {t.id: t for f in section(one, "placements").folds for t in f.tables}
    reasons = [line.cells[-1].text for line in tables["placement-failures"].lines]
    assert len(reasons) == 2
    assert all(reasons)


def test_every_family_above_the_threshold(plan, shipped, one):
    study = EDGES.all_above_the_threshold(shipped, plan)
    contrasts = dose(study, plan).dose_contrasts
    low = contrasts[contrasts["contrast"].str.contains("low")]
    assert len(low)
    assert (low["error"] != "").all()
    assert "no family with low dose" in low["error"].iloc[0]
    assert "Too few families had fewer visits" in said(one, "dose")
    assert "fewer visits did better" not in said(one, "dose")


def test_one_coder_only(plan, shipped, one):
    found = coding(EDGES.one_coder(shipped, plan), plan).coder_reliability
    assert len(found)
    assert found["value"].isna().all()
    assert (found["error"] != "").all()
    assert "no video was rated by two coders" in said(one, "interaction")


def test_no_video_at_the_first_wave(plan, shipped, one):
    study = EDGES.no_earlier_video(shipped, plan)
    rows = change(study, plan)
    assert (rows["n"] == 0).all()
    table = effects(study, plan)
    gaps = table[table["estimand"] == "difference in change"]
    assert len(gaps)
    assert (gaps["error"] != "").all()
    assert "No family was filmed at both 12 and 24 months" in said(one, "interaction")


def test_three_municipalities_with_costs(plan, shipped, one):
    found = economy(EDGES.three_with_costs(shipped, plan), plan)
    assert (found.summary["df"] == 2).all()
    places = found.municipalities.set_index("municipality")
    assert (places["warning"] == "no costs registered").sum() == len(plan.municipalities) - 3
    assert "from 3 municipalities rests on 2 degrees of freedom and says little" in said(one, "economy")
    assert "In the 3 of 10 municipalities" in said(one, "economy")


def test_the_whole_report_is_built_from_all_of_them_at_once(plan, one):
    drawn = pictures(one)
    made = page(one, drawn)
    words = re.findall(r">([^<]+)<", re.sub(r"<(style|script)[^>]*>.*?</\1>", "", made, flags=re.DOTALL))
    assert [w for w in words if w.strip() == "None" or re.search(r"\bnan\b|\{\w+\}", w)] == []
    absent = {name for name, picture in drawn.items() if isinstance(picture, Absent)}
    assert {"change", "agreement"} <= absent
    assert not {"placements", "placement-tests", "costs", "plane", "dose", "forest", "contacts"} & absent
    assert all(s.finding for s in (make(one) for make in SECTIONS))


def test_the_danish_sections_say_it_too(plan, results):
    made = edition("da", plan, results, Provenance(synthetic=True, seed=1, inputs={}, versions={}))
    assert "er der intet forhold" in said(made, "placements")
    assert "For få familier fik færre besøg" in said(made, "dose")
    assert "Ingen familie blev filmet både" in said(made, "interaction")
    assert "siger ikke meget" in said(made, "economy")
