"""What every answer depends on: declarations, parameters, families, latent scores and the families' course."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mtb_eval.data.synthetic.course import Course, draw_course
from mtb_eval.data.synthetic.design import Families, Floats, draw_families
from mtb_eval.data.synthetic.latent import Latent, draw_latent
from mtb_eval.data.synthetic.truth import Truth
from mtb_eval.study import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A study before its answers."""

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
        visits = self.course.n_visits
        enough = visits >= rule.threshold if rule.comparison == "at_least" else visits > rule.threshold
        return self.latent.effect_of * np.where(enough, 1.0, self.truth.below_threshold)

    def effect(self, column: str, wave: str) -> Floats:
        """Return (n,) the effect of care on a column at a wave, in standard deviations of its latent score."""
        total = np.zeros(self.families.n)
        for o in self.plan.outcomes:
            if (o.column, o.wave) == (column, wave) and o.id in self.truth.effects:
                total = total + self.truth.effects[o.id] * self.care(o.family)
        return total


def draw_world(plan: Plan, truth: Truth, rng: np.random.Generator) -> World:
    """Return families, latent scores and course, each from its own stream of random numbers."""
    for_families, for_latent, for_course = rng.spawn(3)
    families = draw_families(plan, truth, for_families)
    latent = draw_latent(plan, truth, families=families, rng=for_latent)
    course = draw_course(plan, truth, families=families, latent=latent, rng=for_course)
    return World(plan=plan, truth=truth, families=families, latent=latent, course=course)
