"""Small studies with a lot, made family by family, for the tests of what the design can vouch for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from mtb_eval.data import Study
from mtb_eval.study import Covariate, Outcome, Plan, load_plan
from mtb_eval.study.tables import Text

TEXT = Text(en="y", da="y")
OUTCOME = Outcome(
    id="y",
    label=TEXT,
    family="child",
    wave="m24",
    column="y",
    kind="continuous",
    better="higher",
    unit=TEXT,
    status="assumed",
    source="test",
)


def small_plan(**changes: object) -> Plan:
    """The shipped plan's design with one outcome and one covariate."""
    plan = replace(
        load_plan(),
        outcomes=(OUTCOME,),
        covariates=(Covariate(column="x", label=TEXT),),
        baseline_table=(),
        populations=(),
        dose=None,
        claims=(),
        instruments={},
        sources=(),
    )
    return replace(plan, **changes)


def study_of(families: pd.DataFrame, plan: Plan) -> Study:
    """A study that has families only; `y_m24` and `x` as given, or 0."""
    days = pd.to_datetime(families["recruited_on"])
    full = families.assign(
        family_id=[f"F{i:04d}" for i in range(len(families))],
        recruited_on=days,
        calendar_years=(days - pd.Timestamp(plan.recruited_from)).dt.days / 365.25,
        mtb=families["mtb"].astype(float),
    )
    nothing = pd.DataFrame()
    return Study(
        families=full.reset_index(drop=True),
        answers={},
        ratings=nothing,
        visits=nothing,
        placements=nothing,
        usual_care=nothing,
        costs=nothing,
        interviews=nothing,
        municipalities=nothing,
        missing=nothing,
        files={},
        synthetic=True,
    )


def drawn_families(plan: Plan, rng: np.random.Generator, *, n: int = 256, no_place: float = 0.1) -> pd.DataFrame:
    """Families at random places and days; MTB once the municipality is trained, but for a share without a place."""
    codes = np.array([m.code for m in plan.municipalities])
    trained = np.array([np.datetime64(m.trained_on) for m in plan.municipalities])
    place = rng.integers(len(codes), size=n)
    days = np.datetime64(plan.recruited_from) + rng.integers(0, 4 * 365, size=n)
    offered = days >= trained[place]
    lost = rng.random(n) < no_place
    return pd.DataFrame(
        {
            "municipality": codes[place],
            "recruited_on": days,
            "mtb": (offered & ~lost).astype(float),
            "offered": offered.astype(float),
            "x": rng.normal(size=n),
        }
    )


def municipality_noise(families: pd.DataFrame, rng: np.random.Generator, *, sd: float = 0.3) -> np.ndarray:
    """Errors: a municipality's own level, and a family's."""
    codes = pd.factorize(families["municipality"])[0]
    return sd * rng.normal(size=codes.max() + 1)[codes] + rng.normal(size=len(families))
