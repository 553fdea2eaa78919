"""A whole synthetic study: raw tables as their files hold them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np
import pandas as pd

from mtb_eval.data.synthetic import registers
from mtb_eval.data.synthetic.questionnaires import questionnaire
from mtb_eval.data.synthetic.ratings import ratings
from mtb_eval.data.synthetic.register_extract import register_events
from mtb_eval.data.synthetic.truth import Truth
from mtb_eval.data.synthetic.truth_check import refuse_unknown
from mtb_eval.data.synthetic.usual_care import usual_care
from mtb_eval.data.synthetic.visits import visits
from mtb_eval.data.synthetic.world import World, draw_world
from mtb_eval.study import Plan, Source

RawStudy = dict[str, pd.DataFrame]
Maker = Callable[[World, Source, np.random.Generator], pd.DataFrame]

MAKERS: Mapping[str, Maker] = {
    "families": registers.families,
    "questionnaire": questionnaire,
    "ratings": ratings,
    "visits": visits,
    "usual_care": usual_care,
    "placements": registers.placements,
    "register_events": register_events,
    "municipalities": registers.municipalities,
    "costs": registers.costs,
    "interviews": registers.interviews,
}


def simulate_study(
    plan: Plan, truth: Truth, rng: np.random.Generator, *, roles: Collection[str] = tuple(MAKERS)
) -> RawStudy:
    """Return a synthetic study: by source id a table with the columns and raw codes of its file.

    Dates are datetime64, missing answers the source's missing codes, blanks NaN. Each source has its own stream of
    random numbers, and effects move answers without changing any draw: two truths that differ in effects only give
    the same families under the two (common random numbers). `roles` draws the sources of some roles only.
    Raises ValueError if the truth names what the plan does not declare, or counts more families than there are.
    """
    refuse_unknown(plan, truth)
    world_rng, *streams = rng.spawn(1 + len(plan.sources))
    world = draw_world(plan, truth, world_rng)
    return {s.id: MAKERS[s.role](world, s, r) for s, r in zip(plan.sources, streams, strict=True) if s.role in roles}
