"""Latent scores: what every scale and question of a study would show, before the items are answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from mtb_eval.data.synthetic.design import Families, Floats
from mtb_eval.data.synthetic.truth import Truth, Variances
from mtb_eval.study import Instrument, Plan, Scale, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Latent:
    """Latent scores (n,) by scale and wave, higher is a higher score, without the effect of care.

    `effect_of` (n,) is 1 in the mean for MTB families and 0 for controls; it varies between municipalities.
    """

    scores: Mapping[tuple[str, str], Floats]
    questions: Mapping[tuple[str, str], Floats]
    effect_of: Floats


def home_scales(instrument: Instrument) -> dict[int, Scale]:
    """Return by item number the scale it belongs to: the one with the fewest items."""
    found: dict[int, Scale] = {}
    for scale in sorted(instrument.scales, key=lambda s: len(s.items)):
        found |= {k: scale for k in scale.items if k not in found}
    return found


def answered_in(plan: Plan, truth: Truth) -> Iterator[tuple[Source, str]]:
    """Yield every source that holds instruments with each of its waves, in the plan's order."""
    for source in plan.sources:
        if source.role == "questionnaire":
            yield from ((source, w) for w in plan.waves_of(source))
        elif source.role == "ratings":
            yield from ((source, w) for w in film_waves(plan, truth))


def film_waves(plan: Plan, truth: Truth) -> list[str]:
    """Return the waves at which videos are recorded: those of the truth, else those of the plan's interaction rule."""
    declared = [plan.interaction.from_wave, plan.interaction.to_wave] if plan.interaction else []
    wanted = set(truth.filmed) or set(declared)
    return [w.id for w in plan.waves if w.id in wanted]


def draw_latent(plan: Plan, truth: Truth, *, families: Families, rng: np.random.Generator) -> Latent:
    """Return latent scores with family, instrument, municipality and calendar-time variance.

    score = sign (a F + b C + c S + d E) + municipality + sign slope (years - mean): F is shared by the family, C by
    an instrument's scales, S lasts for the scale, E is of the wave; sign is +1 where higher is worse.
    """
    kept: dict[str, Floats] = {}
    n, places = families.n, len(plan.municipalities)
    scores, v = {}, truth.variances
    for source, wave in answered_in(plan, truth):
        for instrument in (plan.instruments[i] for i in source.instruments):
            factor = "factor " + truth.factors.get(instrument.id, instrument.id)
            for scale in dict.fromkeys(s.id for s in home_scales(instrument).values()):
                for name, size in ((factor, n), (f"scale {scale}", n), (f"place {scale}", places)):
                    if name not in kept:
                        kept[name] = rng.standard_normal(size)
                parts = [families.family, kept[factor], kept[f"scale {scale}"], rng.standard_normal(n)]
                worse = _worse(instrument, scale)
                place = v.municipality_sd * kept[f"place {scale}"][families.municipality]
                trend = worse * v.calendar_slope * (families.years - families.years.mean())
                scores[scale, wave] = worse * _mixed(v, parts) + place + trend
    spread = 1 + v.effect_cv * rng.standard_normal(places)[families.municipality]
    questions = _questions(plan, families, rng)
    return Latent(scores=scores, questions=questions, effect_of=np.where(families.mtb, spread, 0.0))


def _mixed(variances: Variances, parts: list[Floats]) -> Floats:
    shares = (variances.family, variances.instrument, variances.scale, variances.wave)
    return np.asarray(np.sum([np.sqrt(s) * p for s, p in zip(shares, parts, strict=True)], axis=0))


def _worse(instrument: Instrument, scale_id: str) -> float:
    better = next(s.better for s in instrument.scales if s.id == scale_id)
    return 1.0 if better == "lower" else -1.0


def _questions(plan: Plan, families: Families, rng: np.random.Generator) -> dict[tuple[str, str], Floats]:
    """Return a latent score for each closed question and wave; later answers go with a more strained family."""
    kept: dict[str, Floats] = {}
    found = {("education_level", w.id): families.education for w in plan.waves}
    for source in (s for s in plan.sources if s.role == "questionnaire"):
        closed = [c.name for c in source.columns if c.type == "category"]
        for wave, column in product(plan.waves_of(source), closed):
            if column not in kept:
                kept[column] = rng.standard_normal(families.n)
            own = 0.75 * kept[column] + np.sqrt(1 - 0.75**2) * rng.standard_normal(families.n)
            strained = 0.3 * families.family + np.sqrt(1 - 0.3**2) * own
            found.setdefault((column, wave), strained)
    return found
