"""Studies of one arm, of one or two municipalities, with hardly any answers: the report is built, with no p of 0."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mtb_eval.analysis.evaluate import evaluate
from mtb_eval.data import Study, load_study
from mtb_eval.report.edition import Provenance, edition
from mtb_eval.report.page import page
from mtb_eval.report.pictures import pictures
from mtb_eval.report.sections import made_sections
from mtb_eval.study import Plan, load_plan

SHIPPED = Path(__file__).parents[2] / "data" / "synthetic"
KEPT = ("asqse_total", "sensitivity", "sensitivity_12m", "placed_out_of_home")


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The shipped plan with a few outcomes, all claims and short runs."""
    full = load_plan()
    return replace(
        full,
        outcomes=tuple(o for o in full.outcomes if o.id in KEPT),
        attrition=replace(full.attrition, imputations=3, iterations=2),
        placements_detail=replace(full.placements_detail, draws=99),
    )


@pytest.fixture(scope="module")
def shipped(plan: Plan) -> Study:
    return load_study(SHIPPED, plan)


def only(study: Study, families: pd.Series) -> Study:
    """Return the study of the families chosen; what is not of a family stays."""
    ids = set(study.families.loc[families, "family_id"])
    tables = ("families", "ratings", "visits", "placements", "register_events", "usual_care")
    kept = {n: t[t["family_id"].isin(ids)].reset_index(drop=True) for n in tables if len(t := getattr(study, n))}
    answers = {w: t[t["family_id"].isin(ids)].reset_index(drop=True) for w, t in study.answers.items()}
    return replace(study, **kept, answers=answers)


def hardly_answered(study: Study) -> Study:
    late = [c for c in study.families if c.endswith("_m24") and study.families[c].dtype == float]
    few = study.families.index < 4
    families = study.families.assign(**{c: study.families[c].where(few) for c in late})
    return replace(study, families=families, ratings=study.ratings.head(5))


SMALL = {
    "no control family": lambda s: only(s, s.families["mtb"] == 1),
    "no MTB family": lambda s: only(s, s.families["mtb"] == 0),
    "one municipality": lambda s: only(s, s.families["municipality"] == "K01"),
    "two municipalities": lambda s: only(s, s.families["municipality"].isin(["K01", "K02"])),
    "hardly any answer": hardly_answered,
}


@pytest.mark.parametrize("name", SMALL)
def test_the_report_is_built(plan, shipped, name):
    results = evaluate(SMALL[name](shipped), plan)
    one = edition("en", plan, results, Provenance(synthetic=True, seed=1, inputs={}, versions={}))
    text = page(one, pictures(one), made_sections(one), {})
    assert not re.search(r">\s*-?(nan|inf)\s*<", text, re.IGNORECASE)
    known = results.effects[results.effects["p"].notna() & ~results.effects["method"].str.startswith("WC")]
    assert (known["se"].isna() | (known["se"] > 0)).all()
    assert not np.any(known["p"] < 1e-12)
    failed = results.effects[results.effects["error"] != ""]
    assert failed["error"].str.len().gt(10).all()
