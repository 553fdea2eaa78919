"""Registers beside the questionnaires: families, placements, municipalities, costs and interviews."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtb_eval.data.synthetic.columns import codes, table
from mtb_eval.data.synthetic.design import Floats
from mtb_eval.data.synthetic.world import World
from mtb_eval.study import Source

HOURS = {  # a family in the whole course, by activity: made up
    "visit": 95.0,
    "transport": 40.0,
    "preparation": 55.0,
    "coordination": 22.0,
    "supervision": 18.0,
    "training": 25.0,
}
DKK_PER_HOUR = {"nurse": 352.0, "family_therapist": 371.0}  # made up
USUAL_HOURS, USUAL_PRICE = 30.0, 350.0


def families(world: World, source: Source, rng: np.random.Generator) -> pd.DataFrame:
    """Return the register of families as in its file."""
    f, c = world.families, world.course
    reasons = codes(source, "left_reason")
    known = {
        "family_id": f.ids,
        "municipality": np.array([m.code for m in world.plan.municipalities])[f.municipality],
        "arm": np.where(f.mtb, world.plan.arm("mtb").code, world.plan.arm("control").code),
        "recruited_on": f.recruited,
        "born_on": f.born,
        "mother_age": f.mother_age,
        "care_level": f.care_level,
        "first_child": f.first_child,
        "left_on": c.left,
        "left_reason": [reasons.get(r, np.nan) for r in c.reason],
    }
    return table(source, known, n=f.n, rng=rng)


def placements(world: World, source: Source, rng: np.random.Generator) -> pd.DataFrame:
    """Return placement spells as in their file; the first child placed changes its place once."""
    rows = np.flatnonzero(~np.isnat(world.course.placed_on))
    begun = world.course.placed_on[rows]
    moved = begun + rng.integers(30, 90, rows.size).astype("timedelta64[D]")
    spells = np.concatenate([rows, rows[:1]])
    ended = np.full(spells.size, np.datetime64("NaT", "D"))
    ended[: rows[:1].size] = moved[:1]
    known = {
        "family_id": np.array(world.families.ids)[spells],
        "placed_on": np.concatenate([begun, moved[:1]]),
        "ended_on": ended,
        "place": rng.choice(list(codes(source, "place").values()) or [0], spells.size),
    }
    return table(source, known, n=spells.size, rng=rng)


def municipalities(world: World, source: Source, rng: np.random.Generator) -> pd.DataFrame:
    """Return the municipalities as in their file."""
    places = world.plan.municipalities
    known = {
        "municipality": [m.code for m in places],
        "training_wave": [m.training_wave for m in places],
        "trained_on": np.array([m.trained_on for m in places], dtype="datetime64[D]"),
        "randomised": [int(m.randomised) for m in places],
    }
    return table(source, known, n=len(places), rng=rng)


def costs(world: World, source: Source, rng: np.random.Generator) -> pd.DataFrame:
    """Return time use and hourly costs as in their file, municipality x activity x staff; all numbers are made up."""
    served = np.bincount(world.families.municipality[world.families.mtb], minlength=len(world.plan.municipalities))
    chosen = np.sort(np.argsort(-served, kind="stable")[: world.truth.n_cost_municipalities])
    chosen = chosen[served[chosen] > 0]
    activities, staff = codes(source, "activity") or {"": 0}, codes(source, "staff") or {"": 0}
    cells = [(m, a, s) for m in chosen for a in activities for s in staff]
    hours = np.array([HOURS.get(a, USUAL_HOURS) * served[m] for m, a, _ in cells])
    price = np.array([DKK_PER_HOUR.get(s, USUAL_PRICE) for _, _, s in cells])
    known = {
        "municipality": [world.plan.municipalities[m].code for m, _, _ in cells],
        "activity": [activities[a] for _, a, _ in cells],
        "staff": [staff[s] for _, _, s in cells],
        "hours": np.round(hours * _lognormal(0.12, len(cells), rng), 1),
        "dkk_per_hour": np.round(price * _lognormal(0.04, len(cells), rng), 2),
        "n_families": [served[m] for m, _, _ in cells],
    }
    return table(source, known, n=len(cells), rng=rng)


def interviews(world: World, source: Source, rng: np.random.Generator) -> pd.DataFrame:
    """Return the interviews held as in their file: as many in each group as the truth says."""
    held = world.truth.interviews
    groups = [code for name, code in codes(source, "group").items() for _ in range(held.get(name, 0))]
    return table(source, {"interview": np.arange(1, len(groups) + 1), "group": groups}, n=len(groups), rng=rng)


def _lognormal(sd: float, n: int, rng: np.random.Generator) -> Floats:
    return np.asarray(np.exp(sd * rng.standard_normal(n)))
