"""The visit log of MTB families: one row per visit, held or cancelled."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtb_eval.data.synthetic.columns import codes, table
from mtb_eval.data.synthetic.course import day_of, schedule
from mtb_eval.data.synthetic.design import Bools, Days, Floats, Ints
from mtb_eval.data.synthetic.world import World
from mtb_eval.study import Source

CANCELLED = 0.12  # per held visit, in the mean
MEAN_MINUTES, SD_MINUTES = 75, 15


def visits(world: World, source: Source, rng: np.random.Generator) -> pd.DataFrame:
    """Return the log as in its file, by family and day; held visits are spread over the time in care."""
    held = world.course.n_visits
    status = codes(source, "status")
    cancelled = rng.poisson(CANCELLED * held) if "cancelled" in status else np.zeros_like(held)
    family, position = _numbered(held + cancelled)
    took_place = _held(family, held, rng)
    minutes = 5 * np.round((MEAN_MINUTES + SD_MINUTES * rng.standard_normal(family.size)) / 5)
    father = rng.random(family.size) < _father(world, rng)[family]
    known = {
        "family_id": np.array(world.families.ids)[family],
        "visited_on": _days(
            world, family, (position + 0.1 + 0.8 * rng.random(family.size)) / (held + cancelled)[family]
        ),
        "clinician": _clinician(position, rng),
        "status": np.where(took_place, status.get("held", 0), status.get("cancelled", 0)),
        "father_present": (took_place & father).astype(np.int64),
        "minutes": np.where(took_place, np.clip(minutes, 20, 150), 0).astype(np.int64),
    }
    return table(source, known, n=family.size, rng=rng)


def _numbered(counts: Ints) -> tuple[Ints, Ints]:
    """Return for each row its family's index and its number 0.. within the family."""
    family = np.repeat(np.arange(counts.size), counts)
    start = np.repeat(np.cumsum(counts) - counts, counts)
    return family, np.arange(family.size) - start


def _held(family: Ints, held: Ints, rng: np.random.Generator) -> Bools:
    """Return which rows are held: a random `held` of each family's rows."""
    order = np.lexsort((rng.random(family.size), family))
    _, rank = _numbered(np.bincount(family, minlength=held.size))
    chosen = np.empty(family.size, dtype=bool)
    chosen[order] = rank < held[family]
    return chosen


def _days(world: World, family: Ints, share: Floats) -> Days:
    to_birth = (world.families.born - world.families.recruited).astype(float)
    total = schedule((world.course.end - world.families.recruited).astype(float), to_birth)
    days = np.floor(day_of(share * total[family], to_birth[family]))
    return np.asarray(world.families.recruited[family] + days.astype("timedelta64[D]"))


def _clinician(position: Ints, rng: np.random.Generator) -> Ints:
    """Return who came: nurse and family therapist in turn, both at the first visit and now and then."""
    both = (position == 0) | (rng.random(position.size) < 0.05)
    return np.where(both, 3, 1 + position % 2)


def _father(world: World, rng: np.random.Generator) -> Floats:
    return np.clip(0.3 - 0.15 * world.families.family + 0.15 * rng.standard_normal(world.families.n), 0, 0.9)
