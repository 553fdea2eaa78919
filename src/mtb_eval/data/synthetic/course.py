"""What becomes of the families: how much care they take up, who leaves, is placed, answers and is filmed.

Numbers are met exactly: families are ranked by propensity plus chance, and the first so many are taken in each arm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtb_eval.data.synthetic.design import Bools, Days, Families, Floats, Ints, days_of
from mtb_eval.data.synthetic.latent import Latent, film_waves
from mtb_eval.data.synthetic.truth import FEWEST_VISITS, ByArm, Truth
from mtb_eval.study import Plan

MOST_VISITS = 100  # held visits of a family
BIWEEKLY_AFTER = 365  # days from birth: weekly visits before, every second week after
PLACED_OR_LEFT = 1.5  # subtracted from the propensity to answer
REASONS = ("declined", "moved", "lost")
REASON_SHARES = (0.55, 0.25, 0.20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The families' course, arrays (n,).

    `n_visits` held (0 among controls), `end` the last day in care, `left` (day or NaT), `reason` ("" if not left),
    `placed_on` (day or NaT); `answered` and `filmed` (n,) by wave.
    """

    n_visits: Ints
    end: Days
    left: Days
    reason: NDArray[np.str_]
    placed_on: Days
    answered: Mapping[str, Bools]
    filmed: Mapping[str, Bools]


def draw_course(plan: Plan, truth: Truth, *, families: Families, latent: Latent, rng: np.random.Generator) -> Course:
    """Return the course of each family; counts are those of the truth."""
    strain = _index(plan, truth.placement, families, latent)
    take_up = _index(plan, truth.participation, families, latent) + rng.standard_normal(families.n)
    placed = first(strain + 1.5 * rng.standard_normal(families.n), truth.placed, families.mtb)
    take_up = take_up - 2.0 * placed
    n_visits = _visits(plan, truth, families, take_up)
    leaves = _leaves(truth, families, take_up, placed, rng)
    end = _end_of_care(plan, families, n_visits, leaves=leaves, placed=placed, rng=rng)
    reason = np.where(leaves, rng.choice(REASONS, families.n, p=REASON_SHARES), "")
    placeable = max(days_of(plan.waves[-1].months) - 50, 11)
    own_date = families.born + rng.integers(10, placeable, families.n).astype("timedelta64[D]")
    never = np.full(families.n, np.datetime64("NaT", "D"))
    willing = _index(plan, truth.attrition, families, latent) - PLACED_OR_LEFT * (1.0 * leaves + placed)
    willing = willing + 0.8 * rng.standard_normal(families.n)
    answered = {w.id: _takes_part(truth.answered.get(w.id), willing, families, rng) for w in plan.waves}
    filmed = {w: _filmed(truth, w, willing + 1.5 * answered[w], families, rng) for w in film_waves(plan, truth)}
    return Course(
        n_visits=n_visits,
        end=end,
        left=np.where(leaves, end, never),
        reason=np.where(leaves & placed & families.mtb, "placed", reason),
        placed_on=np.where(placed, np.where(families.mtb, end, own_date), never),
        answered=answered,
        filmed=filmed,
    )


def first(score: Floats, count: ByArm, mtb: Bools) -> Bools:
    """Return (n,) whether a family is among the `count` highest scores of its arm."""
    chosen = np.zeros(mtb.size, dtype=bool)
    for arm, k in ((mtb, count.mtb), (~mtb, count.control)):
        index = np.flatnonzero(arm)
        chosen[index[np.argsort(-score[index], kind="stable")[:k]]] = True
    return chosen


def schedule(days_from_recruitment: Floats, days_to_birth: Floats) -> Floats:
    """Return scheduled visits by a day: weekly until the first birthday, every second week after it."""
    weekly = days_to_birth + BIWEEKLY_AFTER
    slower = np.maximum(days_from_recruitment - weekly, 0)
    return np.asarray((np.minimum(days_from_recruitment, weekly) + slower / 2) / 7)


def day_of(scheduled: Floats, days_to_birth: Floats) -> Floats:
    """Return the day, from recruitment, by which so many visits are scheduled: the inverse of `schedule`."""
    weekly = (days_to_birth + BIWEEKLY_AFTER) / 7
    return np.asarray(7 * (np.minimum(scheduled, weekly) + 2 * np.maximum(scheduled - weekly, 0)))


def _index(plan: Plan, weights: Mapping[str, float], families: Families, latent: Latent) -> Floats:
    before_birth = plan.waves[0].id
    known = {"family": families.family, "mother_age": families.mother_age, "education": families.education}
    total = np.zeros(families.n)
    for name, weight in weights.items():
        score = known[name] if name in known else latent.scores[name, before_birth]
        spread = score.std()
        total += weight * (score - score.mean()) / (spread if spread > 0 else 1.0)
    return total


def _visits(plan: Plan, truth: Truth, families: Families, take_up: Floats) -> Ints:
    """Return held visits by rank of take-up: exactly so many at the threshold or above, and exactly the mean."""
    n = int(families.mtb.sum())
    threshold = plan.dose.threshold if plan.dose else max(round(0.67 * truth.mean_visits), FEWEST_VISITS)
    n_high = round(0.8 * n) if truth.n_at_threshold is None else truth.n_at_threshold
    low = FEWEST_VISITS + (threshold - FEWEST_VISITS) * (np.arange(n - n_high) + 0.5) / max(n - n_high, 1)
    ladder = (np.arange(n_high) + 0.5) / max(n_high, 1)
    flat, steep = 0.02, 50.0
    for _ in range(60):
        power = np.sqrt(flat * steep)
        counts = np.floor(np.concatenate([low, threshold + (MOST_VISITS - threshold) * ladder**power]))
        flat, steep = (power, steep) if counts.mean() > truth.mean_visits else (flat, power)
    visits = np.zeros(families.n, dtype=np.int64)
    index = np.flatnonzero(families.mtb)
    visits[index[np.argsort(take_up[index], kind="stable")]] = counts
    return visits


def _leaves(truth: Truth, families: Families, take_up: Floats, placed: Bools, rng: np.random.Generator) -> Bools:
    score = 0.5 * rng.standard_normal(families.n) - take_up + 100.0 * (placed & families.mtb)
    n_left = 0 if truth.n_retained is None else truth.n_mtb - truth.n_retained
    return first(score, ByArm(mtb=n_left, control=truth.n_left_control), families.mtb)


def _end_of_care(
    plan: Plan, families: Families, n_visits: Ints, *, leaves: Bools, placed: Bools, rng: np.random.Generator
) -> Days:
    """Return the last day in care: before the last wave's age and the programme's end, late enough for the visits."""
    to_birth = (families.born - families.recruited).astype(float)
    last = days_of(plan.waves[-1].months)
    full = np.minimum(to_birth + last, days_of(plan.dose.programme_months) if plan.dose else np.inf) - 1
    most = schedule(full, to_birth)
    earliest = np.minimum(np.maximum(n_visits / 0.95, 3.0), 0.95 * most)
    stop = day_of(earliest + (0.96 * most - earliest) * rng.random(families.n) ** 1.5, to_birth)
    stop = np.where(placed, np.maximum(stop, to_birth + 20), stop)
    days = np.where(leaves, np.minimum(stop, full - 10), full)
    return np.asarray(families.recruited + days.astype("timedelta64[D]"))


def _takes_part(count: ByArm | None, willing: Floats, families: Families, rng: np.random.Generator) -> Bools:
    score = willing + 0.5 * rng.standard_normal(families.n)
    return np.ones(families.n, dtype=bool) if count is None else first(score, count, families.mtb)


def _filmed(truth: Truth, wave: str, willing: Floats, families: Families, rng: np.random.Generator) -> Bools:
    return _takes_part(truth.filmed.get(wave), willing, families, rng)
