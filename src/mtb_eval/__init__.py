"""Reproduces the evaluation of Minding the Baby and says which of its numbers to believe.

plan -> study -> rows -> report: `load_plan`, `load_study`, `effects` or `evaluate`, `write_report`. `fit` takes any
table.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mtb_eval.analysis import Results, effects, evaluate, fit
    from mtb_eval.data import DataError, Study, check_study, load_study
    from mtb_eval.data.synthetic import simulate_study
    from mtb_eval.report import Provenance, show, write_report
    from mtb_eval.study import Plan, PlanError, load_plan

__version__ = "0.1.0"

_HOMES = {
    "Results": "analysis",
    "effects": "analysis",
    "evaluate": "analysis",
    "fit": "analysis",
    "DataError": "data",
    "Study": "data",
    "check_study": "data",
    "load_study": "data",
    "simulate_study": "data.synthetic",
    "Provenance": "report",
    "show": "report",
    "write_report": "report",
    "Plan": "study",
    "PlanError": "study",
    "load_plan": "study",
}

__all__ = [
    "DataError",
    "Plan",
    "PlanError",
    "Provenance",
    "Results",
    "Study",
    "check_study",
    "effects",
    "evaluate",
    "fit",
    "load_plan",
    "load_study",
    "show",
    "simulate_study",
    "write_report",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that `import mtb_eval` and `--help` stay fast."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mtb_eval' has no attribute {name!r}")
    return getattr(import_module(f"mtb_eval.{_HOMES[name]}"), name)
