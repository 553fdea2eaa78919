"""Questionnaires as in their files: closed questions and items, with the codes for answers that were not given."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from mtb_eval.data.synthetic.design import Bools, Families, Ints, days_of
from mtb_eval.data.synthetic.items import codes_of, item_steps
from mtb_eval.data.synthetic.world import World
from mtb_eval.study import Column, Instrument, Plan, Source

TICK_LEAST, TICK_MOST = 0.005, 0.15  # chance of a ticked concern at the best and at the worst answer
Cells = NDArray[np.generic] | list[str]


def questionnaire(world: World, source: Source, rng: np.random.Generator) -> pd.DataFrame:
    """Return a questionnaire as in its file, raw codes: one row per family that answered at a wave of the source."""
    waves = world.plan.waves_of(source)
    return pd.concat([_answered(world, source, w, rng) for w in waves], ignore_index=True)


def _answered(world: World, source: Source, wave: str, rng: np.random.Generator) -> pd.DataFrame:
    closed = {c.name: _closed(world, c, wave) for c in source.columns if c.type == "category"}
    skipped = _not_asked(world.plan, source, closed)
    columns = {c.in_file: _plain(world, c, wave, rng) for c in source.columns if c.name not in closed}
    columns |= {
        c.in_file: _with_missing(closed[c.name], source, world, rng) for c in source.columns if c.name in closed
    }
    for instrument in (world.plan.instruments[i] for i in source.instruments):
        columns |= _instrument(world, source, instrument, wave, rng)
    not_asked = _code(source, "not_applicable")
    if not_asked is not None:
        columns |= {name: np.where(outside, not_asked, columns[name]) for name, outside in skipped.items()}
    order = [c.in_file for c in source.columns]
    order += [name for name in columns if name not in order]
    return pd.DataFrame({name: columns[name] for name in order})[world.course.answered[wave]]


def _instrument(
    world: World, source: Source, instrument: Instrument, wave: str, rng: np.random.Generator
) -> dict[str, NDArray[np.generic]]:
    noise = {k: rng.standard_normal(world.families.n) for k in range(1, instrument.n_items + 1)}
    steps = item_steps(world, instrument, wave=wave, noise=noise)
    codes = codes_of(instrument, steps)
    columns: dict[str, NDArray[np.generic]] = {
        instrument.item_column(k): _with_missing(c, source, world, rng) for k, c in codes.items()
    }
    if instrument.concern_points:
        columns |= {instrument.concern_column(k): _ticks(instrument, s, rng) for k, s in steps.items()}
    return columns


def _closed(world: World, column: Column, wave: str) -> Ints:
    """Return the codes (n,) of a closed question; answers in the declared order rise with the latent score."""
    codes = np.array([c.code for c in column.categories])
    shares = world.truth.questions.get(column.name, {}).get(wave, (1.0,) * codes.size)
    limits = stats.norm.ppf(np.cumsum(shares)[:-1] / np.sum(shares))
    score = world.latent.questions[column.name, wave]
    for v in (v for v in world.plan.variables if v.column == column.name):
        score = score + _direction(column, v.true) * world.effect(v.id, wave)
    return codes[np.searchsorted(limits, score)]


def _direction(column: Column, true: tuple[str, ...]) -> float:
    """Return +1 if the answers that count as true stand late among the answers, else -1."""
    names = [c.name for c in column.categories]
    places = [names.index(t) for t in true if t in names]
    return 1.0 if places and np.mean(places) > (len(names) - 1) / 2 else -1.0


def _not_asked(plan: Plan, source: Source, closed: Mapping[str, Ints]) -> dict[str, Bools]:
    """Return by item column the families (n,) of whom it is not asked: outside the population of its outcome."""
    found: dict[str, Bools] = {}
    for outcome in (o for o in plan.outcomes if o.population is not None):
        population = plan.population(outcome.population or "")
        for v in (v for v in plan.variables if v.column in closed and population.column.startswith(f"{v.id}_")):
            column = next(c for c in source.columns if c.name == v.column)
            true = [c.code for c in column.categories if c.name in v.true]
            outside = np.isin(closed[v.column], true).astype(float) != population.equals
            found |= dict.fromkeys(_items_of(plan, source, outcome.column), outside)
    return found


def _items_of(plan: Plan, source: Source, scale_id: str) -> list[str]:
    pairs = [(i, s) for i in (plan.instruments[n] for n in source.instruments) for s in i.scales if s.id == scale_id]
    return [i.item_column(k) for i, s in pairs for k in s.items]


def _code(source: Source, reason: str) -> int | None:
    return next((code for code, r in source.missing_codes.items() if r == reason), None)


def _with_missing(codes: Ints, source: Source, world: World, rng: np.random.Generator) -> Ints:
    u, low = rng.random(codes.size), 0.0
    for reason, share in (("missing", world.truth.missing_item), ("dont_know", world.truth.dont_know)):
        code = _code(source, reason)
        if code is not None:
            codes = np.where((u >= low) & (u < low + share), code, codes)
        low += share
    return codes


def _ticks(instrument: Instrument, steps: Ints, rng: np.random.Generator) -> Ints:
    worst = len(instrument.answers) - 1
    chance = TICK_LEAST + (TICK_MOST - TICK_LEAST) * (steps / worst) ** 2
    return (rng.random(steps.size) < chance).astype(np.int64)


def _plain(world: World, column: Column, wave: str, rng: np.random.Generator) -> Cells:
    """Return a column that is no closed question: id, wave, date of the answer, or a number within its bounds."""
    n = world.families.n
    if column.type == "id":
        return world.families.ids
    if column.type == "wave":
        return [wave] * n
    if column.type == "date":
        return _answered_on(world.families, world.plan.wave(wave).months, rng)
    low = 0.0 if column.low is None else column.low
    high = low + 10.0 if column.high is None else column.high
    drawn = low + (high - low) * rng.random(n)
    return np.round(drawn, 1) if column.type == "decimal" else np.round(drawn).astype(np.int64)


def _answered_on(families: Families, months: int, rng: np.random.Generator) -> NDArray[np.datetime64]:
    if months == 0:
        return np.asarray(families.recruited + rng.integers(0, 22, families.n).astype("timedelta64[D]"))
    due = families.born + np.timedelta64(days_of(months), "D")
    return np.asarray(due + rng.integers(-14, 29, families.n).astype("timedelta64[D]"))
