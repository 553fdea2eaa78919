"""Usual care among controls, as the municipalities registered it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mtb_eval.data.synthetic.columns import codes, table
from mtb_eval.data.synthetic.course import first
from mtb_eval.data.synthetic.design import Bools, Days, Ints, days_of
from mtb_eval.data.synthetic.truth import ByArm
from mtb_eval.data.synthetic.world import World
from mtb_eval.study import Source

SECOND_SERVICE = 0.35  # chance of a second service among those served
MEDIAN_CONTACTS = 5.0  # a month
DAYS_SERVED = (45, 250)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """Controls (n,): without a service, served, and served only after the birth; the rest is not registered."""

    without: Bools
    served: Bools
    late: Bools


def usual_care(world: World, source: Source, rng: np.random.Generator) -> pd.DataFrame:
    """Return usual care as in its file: a row per service, or one that says none; MTB families have no row."""
    f = world.families
    groups = _groups(world, rng)
    again = np.flatnonzero(groups.served & (rng.random(f.n) < SECOND_SERVICE))
    rows = np.concatenate([np.flatnonzero(groups.served), again])
    begun = _begun(world, rows, groups.late, rng)
    length = rng.integers(*DAYS_SERVED, rows.size).astype("timedelta64[D]")
    contacts = np.exp(np.log(MEDIAN_CONTACTS) + 0.45 * rng.standard_normal(rows.size))
    none = world.plan.usual_care.none_code if world.plan.usual_care else "none"
    service = codes(source, "service")
    real = [code for name, code in service.items() if name != none]
    without = np.flatnonzero(groups.without)
    blank = np.full(without.size, np.datetime64("NaT", "D"))
    index = np.concatenate([rows, without])
    known = {
        "family_id": np.array(f.ids)[index],
        "service": np.concatenate([rng.choice(real or [0], rows.size), np.full(without.size, service.get(none, 0))]),
        "began_on": np.concatenate([begun, blank]),
        "ended_on": np.concatenate(
            [np.minimum(begun + length, f.born[rows] + days_of(world.plan.waves[-1].months)), blank]
        ),
        "contacts_per_month": np.concatenate([np.round(contacts, 1), np.full(without.size, np.nan)]),
    }
    return table(source, known, n=index.size, rng=rng).iloc[np.argsort(index, kind="stable")].reset_index(drop=True)


def _groups(world: World, rng: np.random.Generator) -> _Served:
    """Return who is registered with what: the more strained the family, the likelier a service."""
    f, care = world.families, world.truth.care
    unregistered = first(rng.random(f.n), ByArm(mtb=0, control=care.unregistered), f.mtb)
    calm = np.where(unregistered, -np.inf, rng.standard_normal(f.n) - f.family)
    without = first(calm, ByArm(mtb=0, control=care.without_service), f.mtb) & ~unregistered
    served = ~f.mtb & ~unregistered & ~without
    late = first(np.where(served, rng.random(f.n), -1.0), ByArm(mtb=0, control=care.after_birth), f.mtb) & served
    return _Served(without=without, served=served, late=late)


def _begun(world: World, rows: Ints, late: Bools, rng: np.random.Generator) -> Days:
    """Return the first day of each service; a family's second one (its row comes later) begins after the birth."""
    f = world.families
    n_first = np.unique(rows).size
    delay = np.where(late[rows], rng.integers(10, 330, rows.size), -rng.integers(5, 40, rows.size))
    delay = np.where(np.arange(rows.size) < n_first, delay, rng.integers(60, 420, rows.size))
    return np.asarray(np.maximum(f.born[rows] + delay.astype("timedelta64[D]"), f.recruited[rows]))
