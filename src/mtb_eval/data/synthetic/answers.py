"""Latent scores -> answered items and closed questions, as codes in the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from mtb_eval.data.synthetic.course import Course
from mtb_eval.data.synthetic.design import Bools, Families, Floats
from mtb_eval.data.synthetic.latent import Latent, home_scales
from mtb_eval.data.synthetic.truth import ScaleTruth, Truth
from mtb_eval.study import Column, Instrument, Plan, Scale, Source

DIFFICULTY = 0.12  # answer steps between neighbouring levels of difficulty; five levels
TICK_LEAST, TICK_MOST = 0.005, 0.15  # chance of a ticked concern at the best and the worst answer


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What every answer depends on: declarations, parameters, families, latent scores and their course."""

    plan: Plan
    truth: Truth
    families: Families
    latent: Latent
    course: Course

    def care(self, family: str) -> Floats:
        """Return (n,) how much of an outcome family's effect each family has; 0 among controls."""
        rule = self.plan.dose
        if rule is None or family not in rule.families:
            return self.latent.effect_of
        enough = self.course.n_visits + (rule.comparison == "at_least") > rule.threshold
        return self.latent.effect_of * np.where(enough, 1.0, self.truth.below_threshold)

    def effect(self, column: str, wave: str) -> Floats:
        """Return (n,) the effect of care on a column at a wave, in standard deviations of its latent score."""
        total = np.zeros(self.families.n)
        for o in {(o.column, o.wave): o for o in self.plan.outcomes}.values():
            if (o.column, o.wave) == (column, wave) and o.id in self.truth.effects:
                total = total + self.truth.effects[o.id] * self.care(o.family)
        return total


def questionnaire(world: World, source: Source, rng: np.random.Generator) -> pd.DataFrame:
    """Return a questionnaire as in its file: one row per family that answered at the source's wave, raw codes."""
    wave = world.plan.wave(source.wave or "")
    closed = {c.name: _closed(world, c, wave.id) for c in source.columns if c.type == "category"}
    skipped = _not_asked(world, source, closed)
    columns: dict[str, NDArray[np.generic] | list[str]] = {}
    for c in source.columns:
        columns[c.in_file] = _plain(world, c, wave.months, rng) if c.name not in closed else closed[c.name]
    for name in closed:
        in_file = next(c.in_file for c in source.columns if c.name == name)
        columns[in_file] = _with_missing(closed[name], source, world.truth, rng)
    for instrument in (world.plan.instruments[i] for i in source.instruments):
        points = {k: rng.standard_normal(world.families.n) for k in range(1, instrument.n_items + 1)}
        items = item_steps(world, instrument, wave.id, points)
        for k, steps in items.items():
            codes = codes_of(instrument, k, steps)
            answered = _with_missing(codes, source, world.truth, rng)
            not_asked = skipped.get(instrument.item_column(k))
            code = _code(source, "not_applicable")
            if not_asked is not None and code is not None:
                answered = np.where(not_asked, code, answered)
            columns[instrument.item_column(k)] = answered
        if instrument.concern_points:
            for k, steps in items.items():
                columns[instrument.concern_column(k)] = _ticks(instrument, steps, rng)
    frame = pd.DataFrame(columns)
    return frame[world.course.answered[wave.id]].reset_index(drop=True)


def item_steps(
    world: World, instrument: Instrument, wave: str, noise: Mapping[int, Floats]
) -> dict[int, NDArray[np.int64]]:
    """Return by item the answer (n,) in steps from the lowest points, 0..K-1.

    step = round(level + spread (loading (theta + shift + effect) + sqrt(1 - loading^2) e)), bounded; theta is the
    latent score of the item's home scale; shift and effect sum over every scale that holds the item.
    """
    home, top = home_scales(instrument), len(instrument.answers) - 1
    found = {}
    for k in range(1, instrument.n_items + 1):
        scale = home.get(k)
        own = world.truth.scales.get(scale.id, ScaleTruth()) if scale else ScaleTruth()
        theta = world.latent.scores[scale.id, wave] if scale else world.families.family
        theta = theta + sum(_moved(world, instrument, s, k, wave) for s in instrument.scales if k in s.items)
        y = own.loading * theta + np.sqrt(1 - own.loading**2) * noise[k]
        level, spread = _level(own, scale, top)
        level += DIFFICULTY * ((2 * k) % 5 - 2)
        found[k] = np.clip(np.floor(level + spread * y + 0.5), 0, top).astype(np.int64)
    return found


def codes_of(instrument: Instrument, item: int, steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the codes (n,) in the file for answers in steps of rising points of the item's home scale."""
    codes = sorted(instrument.answers)
    rising = np.array(sorted(codes, key=lambda c: instrument.points.get(c, c)))
    turned = rising[steps]
    scale = home_scales(instrument).get(item)
    return codes[0] + codes[-1] - turned if scale and item in scale.reversed_items else turned


def _level(own: ScaleTruth, scale: Scale | None, top: int) -> tuple[float, float]:
    usual = 0.65 if scale is not None and scale.better == "higher" else 0.25
    level = usual * top if own.level is None else own.level
    return level, 0.8 if own.spread is None else own.spread


def _moved(world: World, instrument: Instrument, scale: Scale, item: int, wave: str) -> Floats:
    home = home_scales(instrument)[item]
    turned = (item in scale.reversed_items) != (item in home.reversed_items)
    own = world.truth.scales.get(scale.id, ScaleTruth())
    names = [scale.id, *(c.id for c in scale.cutoffs)]
    moved = own.shift.get(wave, 0.0) + sum(world.effect(n, wave) for n in names)
    return np.asarray(-moved if turned else moved, dtype=float)


def _closed(world: World, column: Column, wave: str) -> NDArray[np.int64]:
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


def _not_asked(world: World, source: Source, closed: Mapping[str, NDArray[np.int64]]) -> dict[str, Bools]:
    """Return by item column the families (n,) of whom it is not asked: outside the population of its outcome."""
    found = {}
    for outcome in (o for o in world.plan.outcomes if o.population is not None):
        population = world.plan.population(outcome.population or "")
        for v in (v for v in world.plan.variables if v.column in closed):
            if not population.column.startswith(f"{v.id}_"):
                continue
            column = next(c for c in source.columns if c.name == v.column)
            true = [c.code for c in column.categories if c.name in v.true]
            outside = np.isin(closed[v.column], true).astype(float) != population.equals
            for name in _items_of(world.plan, source, outcome.column):
                found[name] = outside
    return found


def _items_of(plan: Plan, source: Source, scale_id: str) -> list[str]:
    pairs = [(i, s) for i in (plan.instruments[n] for n in source.instruments) for s in i.scales if s.id == scale_id]
    return [i.item_column(k) for i, s in pairs for k in s.items]


def _code(source: Source, reason: str) -> int | None:
    return next((code for code, r in source.missing_codes.items() if r == reason), None)


def _with_missing(
    codes: NDArray[np.int64], source: Source, truth: Truth, rng: np.random.Generator
) -> NDArray[np.int64]:
    u = rng.random(codes.size)
    for reason, low, high in (
        ("missing", 0.0, truth.missing_item),
        ("dont_know", truth.missing_item, truth.missing_item + truth.dont_know),
    ):
        code = _code(source, reason)
        if code is not None:
            codes = np.where((u >= low) & (u < high), code, codes)
    return codes


def _ticks(instrument: Instrument, steps: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    worst = len(instrument.answers) - 1
    chance = TICK_LEAST + (TICK_MOST - TICK_LEAST) * (steps / worst) ** 2
    return (rng.random(steps.size) < chance).astype(np.int64)


def _plain(world: World, column: Column, months: int, rng: np.random.Generator) -> NDArray[np.generic] | list[str]:
    n = world.families.n
    if column.type == "id":
        return world.families.ids
    if column.type == "date":
        return _answered_on(world.families, months, rng)
    low = 0.0 if column.low is None else column.low
    high = low + 10.0 if column.high is None else column.high
    drawn = low + (high - low) * rng.random(n)
    return np.round(drawn, 1) if column.type == "decimal" else np.round(drawn).astype(np.int64)


def _answered_on(families: Families, months: int, rng: np.random.Generator) -> NDArray[np.datetime64]:
    if months == 0:
        return families.recruited + rng.integers(0, 22, families.n).astype("timedelta64[D]")
    due = families.born + np.timedelta64(round(months * 30.44), "D")
    return due + rng.integers(-14, 29, families.n).astype("timedelta64[D]")
