"""Write what effects.R reads: the synthetic families' model columns, and which outcome uses which."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mtb_eval.analysis.model_data import covariate_names
from mtb_eval.data import Study, load_study
from mtb_eval.study import Plan, load_plan

HERE = Path(__file__).parent


def specification(plan: Plan) -> pd.DataFrame:
    """Return one row per outcome: id, column, covariates, and the population's column and value."""
    rows = []
    for outcome in plan.outcomes:
        population = plan.population(outcome.population) if outcome.population else None
        rows.append(
            {
                "outcome": outcome.id,
                "column": outcome.variable,
                "covariates": "|".join(covariate_names(plan, outcome)),
                "among": population.column if population else "",
                "equals": population.equals if population else "",
            }
        )
    return pd.DataFrame(rows)


def model_columns(study: Study, plan: Plan) -> pd.DataFrame:
    """Return the families table's columns that any outcome's model needs, without identifiers."""
    spec = specification(plan)
    needed = {*spec["column"], *"|".join(spec["covariates"]).split("|"), *spec["among"]} - {""}
    return study.families[["municipality", "mtb", "calendar_years", *sorted(needed)]]


if __name__ == "__main__":
    declared = load_plan()
    shipped = load_study(HERE.parents[1] / "data" / "synthetic", declared)
    specification(declared).to_csv(HERE / "effects_outcomes.csv", index=False)
    model_columns(shipped, declared).to_csv(HERE / "effects_families.csv", index=False)
