"""The shipped study with too little in it: each function takes something away, and they can be put after each other."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from mtb_eval.data import Study
from mtb_eval.study import Plan

COSTED = ("K01", "K02", "K03")


def no_placement_in_mtb(study: Study, plan: Plan) -> Study:
    """No child with MTB was placed, by either source."""
    families = study.families
    mtb = families.loc[families["mtb"] == 1, "family_id"]
    events = study.register_events
    variable = plan.outcome(plan.placements.outcome).variable
    return replace(
        study,
        families=families.assign(**{variable: families[variable].where(families["mtb"] == 0, 0.0)}),
        placements=_without(study.placements, mtb),
        register_events=_without(events, mtb) if "family_id" in events else events,
    )


def all_above_the_threshold(study: Study, plan: Plan) -> Study:
    """Every family with MTB had more visits than the plan's threshold."""
    families = study.families
    raised = families["n_visits"].clip(lower=plan.dose.threshold + 1).where(families["mtb"] == 1, 0.0)
    return replace(study, families=families.assign(n_visits=raised))


def one_coder(study: Study, plan: Plan) -> Study:
    """Every video was rated by one and the same coder, so that none was rated twice."""
    ratings = study.ratings.drop_duplicates(["family_id", "wave"])
    return replace(study, ratings=ratings.assign(coder=ratings["coder"].iloc[0]))


def no_earlier_video(study: Study, plan: Plan) -> Study:
    """No family was filmed at the first of the two interaction waves."""
    wave = plan.interaction.from_wave
    families = study.families
    rated = [c for c in families if c.endswith(f"_{wave}") and c.removesuffix(f"_{wave}") in _rated(plan)]
    gone = families.assign(**{f"video_{wave}": False}, **dict.fromkeys(rated, float("nan")))
    return replace(study, families=gone, ratings=study.ratings[study.ratings["wave"] != wave])


def three_with_costs(study: Study, plan: Plan) -> Study:
    """Three municipalities registered costs."""
    return replace(study, costs=study.costs[study.costs["municipality"].isin(COSTED)])


EDGES = (no_placement_in_mtb, all_above_the_threshold, one_coder, no_earlier_video, three_with_costs)


def _rated(plan: Plan) -> set[str]:
    return {o.column for o in plan.outcomes if o.sample == "video"}


def _without(rows: pd.DataFrame, families: pd.Series) -> pd.DataFrame:
    return rows[~rows["family_id"].isin(families)].reset_index(drop=True)
