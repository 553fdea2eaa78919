"""Latent scores -> answered items: in steps from the best known, then as codes in the files."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mtb_eval.data.synthetic.design import Floats, Ints
from mtb_eval.data.synthetic.latent import home_scales
from mtb_eval.data.synthetic.truth import ScaleTruth
from mtb_eval.data.synthetic.world import World
from mtb_eval.study import Instrument, Scale

DIFFICULTY = 0.12  # answer steps between neighbouring levels of difficulty; five levels
USUAL_SPREAD = 0.8
USUAL_LEVEL = {"higher": 0.65, "lower": 0.25}  # of the range of answers, by what is better


def item_steps(world: World, instrument: Instrument, *, wave: str, noise: Mapping[int, Floats]) -> dict[int, Ints]:
    """Return by item the answer (n,) in steps from the lowest points, 0..K-1; `noise` (n,) by item, standard normal.

    step = round(level + spread (loading (theta + shift + effect) + sqrt(1 - loading^2) noise)), bounded; theta is the
    latent score of the item's home scale; shift and effect sum over every scale that holds the item.
    """
    home, top = home_scales(instrument), len(instrument.answers) - 1
    moved = {s.id: _moved(world, s, wave) for s in instrument.scales if s.items}
    found = {}
    for k in range(1, instrument.n_items + 1):
        scale = home.get(k)
        own = _truth(world, scale)
        theta = world.families.family if scale is None else world.latent.scores[scale.id, wave]
        theta = theta + sum(_sign(k, scale, s) * moved[s.id] for s in instrument.scales if k in s.items)
        y = own.loading * theta + np.sqrt(1 - own.loading**2) * noise[k]
        level, spread = _level(own, scale, top)
        level += DIFFICULTY * ((2 * k) % 5 - 2)
        found[k] = np.clip(np.floor(level + spread * y + 0.5), 0, top).astype(np.int64)
    return found


def codes_of(instrument: Instrument, steps: Mapping[int, Ints]) -> dict[int, Ints]:
    """Return by item the codes (n,) in the file for answers in steps of rising points of the item's home scale."""
    home, codes = home_scales(instrument), sorted(instrument.answers)
    rising = np.array(sorted(codes, key=lambda c: instrument.points.get(c, float(c))))
    turned = codes[0] + codes[-1] - rising
    reversed_items = {k for k, scale in home.items() if k in scale.reversed_items}
    return {k: (turned if k in reversed_items else rising)[s] for k, s in steps.items()}


def _sign(item: int, home: Scale | None, scale: Scale) -> float:
    """Return -1 if a scale counts an item the other way than its home scale, else +1."""
    return 1.0 if home is None or (item in scale.reversed_items) == (item in home.reversed_items) else -1.0


def _moved(world: World, scale: Scale, wave: str) -> Floats:
    """Return (n,) what shift and effect of care add to a scale's latent score."""
    columns = (scale.id, *(c.id for c in scale.cutoffs))
    return np.asarray(_truth(world, scale).shift.get(wave, 0.0) + sum(world.effect(c, wave) for c in columns))


def _truth(world: World, scale: Scale | None) -> ScaleTruth:
    return world.truth.scales.get(scale.id, ScaleTruth()) if scale else ScaleTruth()


def _level(own: ScaleTruth, scale: Scale | None, top: int) -> tuple[float, float]:
    usual = USUAL_LEVEL[scale.better if scale else "lower"] * top
    return usual if own.level is None else own.level, USUAL_SPREAD if own.spread is None else own.spread
