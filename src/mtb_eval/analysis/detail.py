"""The further analyses, each of which gives an object of tables; here they become tables by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from typing import Any

import pandas as pd

from mtb_eval.analysis.design_tables import design_evidence
from mtb_eval.analysis.effects import Progress
from mtb_eval.analysis.workers import on_workers
from mtb_eval.data.families import Study
from mtb_eval.study import Plan

Analysis = Callable[[Study, Plan], Any]

ANALYSES: Mapping[str, Analysis] = {"design": design_evidence}


def detail(study: Study, plan: Plan, *, progress: Progress, jobs: int = 1) -> dict[str, pd.DataFrame]:
    """Return the tables of every further analysis by name; `progress` is told which has been made.

    Raises ValueError if two analyses give a table of one name.
    """
    found: dict[str, pd.DataFrame] = {}
    names = list(ANALYSES)
    for name, made in zip(names, on_workers(partial(_made, study=study, plan=plan), names, jobs=jobs), strict=True):
        progress(name)
        twice = sorted(set(made) & set(found))
        if twice:
            raise ValueError(f"analysis {name!r}: there already is a table {twice[0]!r}")
        found.update(made)
    return found


def tables_of(made: object) -> dict[str, pd.DataFrame]:
    """Return the tables of a tables object by the name of their field."""
    return {f.name: getattr(made, f.name) for f in fields(made)}  # type: ignore[arg-type]


def _made(name: str, *, study: Study, plan: Plan) -> dict[str, pd.DataFrame]:
    return tables_of(ANALYSES[name](study, plan))
