"""Disclosure control of the effect table alone, when no other table has been made."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtb_eval.analysis.disclosure import disclosed_tables
from mtb_eval.analysis.model_data import model_data
from mtb_eval.data.families import Study
from mtb_eval.study import Outcome, Plan

COLUMNS = ("outcome", "kind", "n_mtb", "n_control", "mean_mtb", "mean_control")


def disclosed_effects(table: pd.DataFrame, study: Study, plan: Plan) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return an effect table as it may leave the secure environment, and what was suppressed of it.

    An estimate on a yes/no outcome is not shown if the outcome's numbers of yes or no are small in an arm.
    """
    events = pd.DataFrame([_events(study, plan, o) for o in plan.outcomes if o.kind == "binary"], columns=list(COLUMNS))
    shown, suppressed = disclosed_tables({"effects": table, "outcomes": events}, plan)
    return shown["effects"], suppressed[suppressed["table"] == "effects"].reset_index(drop=True)


def _events(study: Study, plan: Plan, outcome: Outcome) -> dict[str, object]:
    data = model_data(study, plan, outcome)
    arms = {a: data.y[data.mtb == code] for a, code in (("mtb", 1.0), ("control", 0.0))}
    n = {f"n_{a}": float(len(y)) for a, y in arms.items()}
    means = {f"mean_{a}": float(np.mean(y)) if len(y) else np.nan for a, y in arms.items()}
    return {"outcome": outcome.id, "kind": outcome.kind, **n, **means}
