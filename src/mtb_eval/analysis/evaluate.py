"""The whole evaluation: every table of the report from a study and its plan."""

from __future__ import annotations

import pandas as pd

from mtb_eval.analysis.baseline import baseline
from mtb_eval.analysis.claim_power import claim_power
from mtb_eval.analysis.claims import claims, refuse_unknown_checks
from mtb_eval.analysis.detail import detail
from mtb_eval.analysis.dose import dose_bins
from mtb_eval.analysis.effects import Progress, effects, silent
from mtb_eval.analysis.flow import flow, response, training
from mtb_eval.analysis.interaction import change
from mtb_eval.analysis.outcomes import outcomes
from mtb_eval.analysis.placements import placement_times, placements
from mtb_eval.analysis.received import retention, usual_care, visit_counts, visits
from mtb_eval.analysis.results import Results
from mtb_eval.analysis.trajectories import trajectories
from mtb_eval.data.families import Study
from mtb_eval.study import Plan


def evaluate(study: Study, plan: Plan, *, progress: Progress = silent, jobs: int = 1) -> Results:
    """Return every table of the evaluation; `progress` is told what is being done, `jobs` processes share the work.

    Raises PlanError, before any work, if a claim of the plan names a check that does not exist.
    """
    refuse_unknown_checks(plan)
    table = effects(study, plan, progress=progress)
    progress("tables")
    tables = {
        "effects": table,
        "outcomes": outcomes(study, plan, table),
        "flow": flow(study, plan),
        "training": training(study, plan),
        "baseline": baseline(study, plan),
        "response": response(study, plan),
        "visits": visits(study, plan),
        "visit_counts": visit_counts(study, plan),
        "retention": retention(study, plan),
        "dose_bins": dose_bins(study, plan),
        "usual_care": usual_care(study, plan),
        "change": change(study, plan),
        "trajectories": trajectories(study, plan),
        "placements": placements(study, plan),
        "placement_times": placement_times(study, plan),
        "failures": failures(table),
    }
    further = detail(study, plan, tables, progress=progress, jobs=jobs)
    further["claim_power"] = claim_power(plan, {**tables, **further})
    return Results(**tables, claims=claims(study, plan, {**tables, **further}), detail=further)


def failures(effects_table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of an effect table that have an error: outcome, estimand, estimator, error."""
    failed = effects_table[effects_table["error"] != ""]
    return failed[["outcome", "estimand", "estimator", "error"]].reset_index(drop=True)
