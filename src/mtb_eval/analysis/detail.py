"""The further analyses, each of which gives an object of tables; here they become tables by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from typing import Any

import pandas as pd

from mtb_eval.analysis.attrition import attrition
from mtb_eval.analysis.coding import coding
from mtb_eval.analysis.design_tables import design_evidence
from mtb_eval.analysis.dose import dose
from mtb_eval.analysis.economy import economy
from mtb_eval.analysis.effects import Progress
from mtb_eval.analysis.placements_detail import placements_detail
from mtb_eval.analysis.trust_tables import OtherAnalyses, trust
from mtb_eval.analysis.usual_care import services
from mtb_eval.analysis.visit_log import visit_log
from mtb_eval.analysis.waves import waves
from mtb_eval.analysis.workers import on_workers
from mtb_eval.data.families import Study
from mtb_eval.study import Plan

Tables = dict[str, pd.DataFrame]
Analysis = Callable[[Study, Plan], Any]

# Longest first, so that the processes end together.
ANALYSES: Mapping[str, Analysis] = {
    "attrition": attrition,
    "dose": dose,
    "design": design_evidence,
    "placements": placements_detail,
    "coding": coding,
    "economy": economy,
    "waves": waves,
    "visits": visit_log,
    "services": services,
}
PREFIXED = {
    "attrition": "attrition_",
    "placements": "placement_",
    "economy": "economy_",
    "services": "service_",
}
"""Analyses whose tables have names that other analyses use too."""


def detail(study: Study, plan: Plan, tables: Tables, *, progress: Progress, jobs: int = 1) -> Tables:
    """Return the tables of every further analysis by name, trust last since it grades what the others found.

    `tables` are those of Results made so far. `progress` is told which analysis has been made. Raises ValueError if two
    analyses give a table of one name.
    """
    found: Tables = {}
    names = list(ANALYSES)
    for name, made in zip(names, on_workers(partial(_made, study=study, plan=plan), names, jobs=jobs), strict=True):
        progress(name)
        _add(found, name, made, taken=tables)
    progress("trust")
    others = OtherAnalyses(imputed=_imputed(found), lot=_lot(found))
    graded = trust(study, plan, tables["effects"], tables["outcomes"], others=others)
    _add(found, "trust", tables_of(graded), taken=tables)
    return found


def tables_of(made: object) -> Tables:
    """Return the tables of a tables object by the name of their field."""
    return {f.name: getattr(made, f.name) for f in fields(made)}  # type: ignore[arg-type]


def _made(name: str, *, study: Study, plan: Plan) -> Tables:
    return tables_of(ANALYSES[name](study, plan))


def _add(found: Tables, name: str, made: Tables, *, taken: Tables) -> None:
    named = {PREFIXED.get(name, "") + table: frame for table, frame in made.items()}
    twice = sorted(set(named) & (set(found) | set(taken)))
    if twice:
        raise ValueError(f"analysis {name!r}: there already is a table {twice[0]!r}")
    found.update(named)


def _imputed(found: Tables) -> pd.DataFrame | None:
    """Return the pooled rows of the imputation at scale level, one per outcome."""
    rows = found["attrition_analyses"]
    return rows[rows["analysis"] == "mi_scale"] if len(rows) else None


def _lot(found: Tables) -> pd.DataFrame | None:
    """Return the deciding lot row of each outcome: studentised, unadjusted."""
    rows = found["lot_effects"]
    return rows.drop_duplicates("outcome") if len(rows) else None
