"""Registers beside the questionnaires: families, usual care, placements, municipalities, costs and interviews."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtb_eval.data.synthetic.answers import World
from mtb_eval.data.synthetic.course import first
from mtb_eval.data.synthetic.design import TWO_YEARS, Floats
from mtb_eval.data.synthetic.truth import ByArm
from mtb_eval.study import Column, Source

SECOND_SERVICE = 0.35  # chance of a second service among those served
HOURS = {
    "visit": 95.0,
    "transport": 40.0,
    "preparation": 55.0,
    "coordination": 22.0,
    "supervision": 18.0,
    "training": 25.0,
}
DKK_PER_HOUR = {"nurse": 352.0, "family_therapist": 371.0}


def families(world: World, source: Source, rng: np.random.Generator) -> pd.DataFrame:
    """Return the register of families as in its file."""
    f, c = world.families, world.course
    codes = (
        {k: _code(source, "left_reason", k) for k in set(c.reason) - {""}} if "left_reason" in _names(source) else {}
    )
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
        "left_reason": [codes.get(r, np.nan) for r in c.reason],
    }
    return _frame(source, known, f.n, rng)


def usual_care(world: World, source: Source, rng: np.random.Generator) -> pd.DataFrame:
    """Return usual care among controls as in its file: a row per service, or one that says none."""
    f, care, controls = world.families, world.truth.care, ~world.families.mtb
    none = world.plan.usual_care.none_code if world.plan.usual_care else "none"
    order = f.family + rng.standard_normal(f.n)
    unregistered = first(rng.random(f.n), ByArm(mtb=0, control=care.unregistered), f.mtb)
    n_without = min(care.without_service, int(controls.sum()))
    without = first(np.where(unregistered, -np.inf, -order), ByArm(mtb=0, control=n_without), f.mtb)
    served = controls & ~unregistered & ~without
    late = first(np.where(served, rng.random(f.n), -1.0), ByArm(mtb=0, control=care.after_birth), f.mtb)
    codes = [c.code for c in _column(source, "service").categories if c.name != none]
    again = np.flatnonzero(served & (rng.random(f.n) < SECOND_SERVICE))
    rows = np.concatenate([np.flatnonzero(served), again])
    delay = np.where(late[rows], rng.integers(10, 330, rows.size), -rng.integers(5, 40, rows.size))
    delay = np.where(np.arange(rows.size) < served.sum(), delay, rng.integers(60, 420, rows.size))
    length = rng.integers(45, 250, rows.size)
    begun = f.born[rows] + delay.astype("timedelta64[D]")
    services = {
        "service": rng.choice(codes, rows.size) if rows.size else np.array([], dtype=np.int64),
        "began_on": np.maximum(begun, f.recruited[rows]),
        "ended_on": np.minimum(begun + length.astype("timedelta64[D]"), f.born[rows] + TWO_YEARS),
        "contacts_per_month": np.round(np.exp(1.6 + 0.45 * rng.standard_normal(rows.size)), 1),
    }
    n_without = int(without.sum())
    nothing = {
        "service": np.full(n_without, _code(source, "service", none)),
        "began_on": np.full(n_without, np.datetime64("NaT", "D")),
        "ended_on": np.full(n_without, np.datetime64("NaT", "D")),
        "contacts_per_month": np.full(n_without, np.nan),
    }
    index = np.concatenate([rows, np.flatnonzero(without)])
    known = {"family_id": np.array(f.ids)[index]} | {k: np.concatenate([services[k], nothing[k]]) for k in services}
    return _frame(source, known, index.size, rng).iloc[np.argsort(index, kind="stable")].reset_index(drop=True)


def placements(world: World, source: Source, rng: np.random.Generator) -> pd.DataFrame:
    """Return placement spells as in their file; the first child placed changes its place once."""
    rows = np.flatnonzero(~np.isnat(world.course.placed_on))
    begun = world.course.placed_on[rows]
    moved = begun + rng.integers(30, 90, rows.size).astype("timedelta64[D]")
    first_only = np.arange(rows.size) == 0
    known = {
        "family_id": np.array(world.families.ids)[np.concatenate([rows, rows[:1]])],
        "placed_on": np.concatenate([begun, moved[:1]]),
        "ended_on": np.concatenate(
            [np.where(first_only, moved, np.datetime64("NaT", "D")), moved[:1] + np.timedelta64("NaT")]
        ),
        "place": rng.choice([c.code for c in _column(source, "place").categories], rows.size + rows[:1].size),
    }
    return _frame(source, known, rows.size + rows[:1].size, rng)


def municipalities(world: World, source: Source, rng: np.random.Generator) -> pd.DataFrame:
    """Return the municipalities as in their file."""
    places = world.plan.municipalities
    known = {
        "municipality": [m.code for m in places],
        "training_wave": [m.training_wave for m in places],
        "trained_on": np.array([m.trained_on for m in places], dtype="datetime64[D]"),
        "randomised": [int(m.randomised) for m in places],
    }
    return _frame(source, known, len(places), rng)


def costs(world: World, source: Source, rng: np.random.Generator) -> pd.DataFrame:
    """Return time use and hourly costs as in their file: municipality x activity x staff, all numbers made up."""
    served = np.bincount(world.families.municipality[world.families.mtb], minlength=len(world.plan.municipalities))
    wanted = world.truth.n_cost_municipalities
    chosen = np.sort(np.argsort(-served, kind="stable")[:wanted])
    activities = _column(source, "activity").categories
    staff = _column(source, "staff").categories
    m, a, s = (g.ravel() for g in np.meshgrid(chosen, np.arange(len(activities)), np.arange(len(staff)), indexing="ij"))
    hours = np.array([HOURS.get(c.name, 30.0) for c in activities])[a] * served[m]
    price = np.array([DKK_PER_HOUR.get(c.name, 350.0) for c in staff])[s]
    known = {
        "municipality": np.array([p.code for p in world.plan.municipalities])[m],
        "activity": np.array([c.code for c in activities])[a],
        "staff": np.array([c.code for c in staff])[s],
        "hours": np.round(hours * _lognormal(0.12, m.size, rng), 1),
        "dkk_per_hour": np.round(price * _lognormal(0.04, m.size, rng), 2),
        "n_families": served[m],
    }
    return _frame(source, known, m.size, rng)


def interviews(world: World, source: Source, rng: np.random.Generator) -> pd.DataFrame:
    """Return the interviews held as in their file: as many in each group as the truth says."""
    groups = [c.code for c in _column(source, "group").categories for _ in range(world.truth.interviews.get(c.name, 0))]
    return _frame(source, {"interview": np.arange(1, len(groups) + 1), "group": groups}, len(groups), rng)


def _frame(source: Source, known: dict[str, object], n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return the source's columns in their order; a column that the generator does not know is drawn."""
    columns = {c.in_file: known[c.name] if c.name in known else _drawn(c, n, rng) for c in source.columns}
    return pd.DataFrame(columns)


def _drawn(column: Column, n: int, rng: np.random.Generator) -> object:
    if column.type == "category":
        return rng.choice([c.code for c in column.categories], n)
    if column.type in ("integer", "decimal"):
        low = 0.0 if column.low is None else column.low
        values = low + ((low + 10.0 if column.high is None else column.high) - low) * rng.random(n)
        return np.round(values, 1) if column.type == "decimal" else np.round(values).astype(np.int64)
    if column.type == "date":
        return np.full(n, np.datetime64("NaT", "D"))
    return [""] * n


def _lognormal(sd: float, n: int, rng: np.random.Generator) -> Floats:
    return np.exp(sd * rng.standard_normal(n))


def _names(source: Source) -> set[str]:
    return {c.name for c in source.columns}


def _column(source: Source, name: str) -> Column:
    return next(c for c in source.columns if c.name == name)


def _code(source: Source, column: str, name: str) -> int:
    return next(c.code for c in _column(source, column).categories if c.name == name)
