"""An extract of the register of placements: events that agree with the municipalities' registration but for chance."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtb_eval.data.synthetic.columns import table
from mtb_eval.data.synthetic.design import Bools, Days, days_of
from mtb_eval.data.synthetic.world import World
from mtb_eval.study import Source

NOT_HELD, NOT_REGISTERED = 0.05, 0.05  # share of placements that only the registration, only the register has: made up
LATER, PREVENTIVE = 0.02, 0.15  # share of the other children placed after the last wave, with preventive measures
PLACED, MOVED, PREVENTION = 110, 120, 400  # PGF codes; what lies below 200 is placement
FOSTER = 130.0


def register_events(world: World, source: Source, rng: np.random.Generator) -> pd.DataFrame:
    """Return register events as in their file: two events to a placement, the second still running; prevention."""
    begun = _begun(world, rng)
    away = ~np.isnat(begun)
    moved = begun + _days(rng, 40, 160, begun.size)
    helped = _somewhen(world, rng)
    prevented = (rng.random(begun.size) < PREVENTIVE) & ~away
    ids = np.array(world.families.ids)
    n, m = int(away.sum()), int(prevented.sum())
    known = {
        "family_id": np.concatenate([ids[away], ids[away], ids[prevented]]),
        "paragraph": np.repeat([PLACED, MOVED, PREVENTION], [n, n, m]),
        "started_on": np.concatenate([begun[away], moved[away], helped[prevented]]),
        "ended_on": np.concatenate([moved[away], _never(n), helped[prevented] + np.timedelta64(90, "D")]),
        "place_type": np.repeat([FOSTER, FOSTER, np.nan], [n, n, m]),
        "discharged_to": np.full(2 * n + m, np.nan),
    }
    return table(source, known, n=2 * n + m, rng=rng)


def _begun(world: World, rng: np.random.Generator) -> Days:
    """Return the first day out of home that the register holds, (n,), NaT for none."""
    placed_on = world.course.placed_on
    placed: Bools = ~np.isnat(placed_on)
    n, born = placed.size, world.families.born
    held = rng.random(n) >= NOT_HELD
    unregistered = ~placed & (rng.random(n) < NOT_REGISTERED * placed.mean())
    later = ~placed & ~unregistered & (rng.random(n) < LATER)
    days = np.where(placed & held, placed_on + _days(rng, 0, 4, n), _never(n))
    days = np.where(unregistered, _somewhen(world, rng), days)
    after = born + np.timedelta64(days_of(world.plan.waves[-1].months), "D") + _days(rng, 30, 600, n)
    return np.asarray(np.where(later, after, days))


def _somewhen(world: World, rng: np.random.Generator) -> Days:
    born = world.families.born
    return np.asarray(born + _days(rng, 10, max(days_of(world.plan.waves[-1].months) - 10, 11), born.size))


def _days(rng: np.random.Generator, low: int, high: int, n: int) -> np.ndarray:
    return rng.integers(low, high, n).astype("timedelta64[D]")


def _never(n: int) -> Days:
    return np.full(n, np.datetime64("NaT", "D"))
