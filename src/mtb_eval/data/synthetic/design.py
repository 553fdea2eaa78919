"""Who is recruited where and when, and which care they receive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mtb_eval.data.synthetic.truth import Truth
from mtb_eval.study import Municipality, Plan

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Days = NDArray[np.datetime64]

JOINED_BEFORE_TRAINING = 365  # days: a municipality that was not drawn begins to recruit a year before its training
DAYS_TO_BIRTH = (45, 101)  # from recruitment, in pregnancy's last third, to birth
AGE_SHAPE, AGE_SCALE = 2.6, 4.1  # gamma years above the plan's minimum age: mean about 25.7 from 15
OLDEST = 45


@dataclass(frozen=True, slots=True, kw_only=True)
class Families:
    """The families (n,), ordered by recruitment: place, care, dates and what was true before birth.

    `municipality` indexes the plan's municipalities; `recruited` and `born` are days; `years` since the plan's first
    recruitment day; `family` is the shared factor, higher is more strained; `education` a latent score.
    """

    municipality: Ints
    mtb: Bools
    recruited: Days
    born: Days
    years: Floats
    family: Floats
    mother_age: Ints
    education: Floats
    care_level: Ints
    first_child: Ints

    @property
    def n(self) -> int:
        """Number of families."""
        return int(self.mtb.size)

    @property
    def ids(self) -> list[str]:
        """Study ids, in order of recruitment."""
        digits = max(3, len(str(self.n)))
        return [f"F{k:0{digits}d}" for k in range(1, self.n + 1)]


def draw_families(plan: Plan, truth: Truth, rng: np.random.Generator) -> Families:
    """Return families: controls before their municipality's training or without a free place after it, MTB after it.

    Numbers by municipality are proportional to its size and the days it recruited so, by largest remainder.
    Raises ValueError if MTB families are wanted but no municipality is trained while recruitment lasts.
    """
    municipality, mtb, recruited = _recruit(plan, truth, rng)
    order = np.lexsort((rng.random(mtb.size), recruited))
    municipality, mtb, recruited = municipality[order], mtb[order], recruited[order]
    n = mtb.size
    family = rng.standard_normal(n)
    z_age = -0.25 * family + np.sqrt(1 - 0.25**2) * rng.standard_normal(n)
    years_above = stats.gamma.ppf(stats.norm.cdf(z_age), AGE_SHAPE, scale=AGE_SCALE)
    return Families(
        municipality=municipality,
        mtb=mtb,
        recruited=recruited,
        born=recruited + rng.integers(*DAYS_TO_BIRTH, n).astype("timedelta64[D]"),
        years=(recruited - np.datetime64(plan.recruited_from, "D")).astype(float) / 365.25,
        family=family,
        mother_age=np.minimum(plan.minimum_age + years_above, OLDEST).astype(np.int64),
        education=-0.4 * family + 0.4 * z_age + np.sqrt(0.6) * rng.standard_normal(n),
        care_level=np.where(0.5 * family + rng.standard_normal(n) > 0.6, 4, 3),
        first_child=(0.4 * z_age + rng.standard_normal(n) < 0.65).astype(np.int64),
    )


def days_of(months: float) -> int:
    """Return months in whole days."""
    return round(months * 365.25 / 12)


def apportion(total: int, weights: Floats) -> Ints:
    """Return whole numbers (k,) that sum to `total`, proportional to weights (k,), by largest remainder."""
    if weights.sum() <= 0:
        weights = np.ones_like(weights)
    exact = total * weights / weights.sum()
    counts: Ints = np.floor(exact).astype(np.int64)
    counts[np.argsort(counts - exact, kind="stable")[: total - int(counts.sum())]] += 1
    return counts


def _recruit(plan: Plan, truth: Truth, rng: np.random.Generator) -> tuple[Ints, Bools, Days]:
    share = np.array([truth.municipality_share.get(m.code, 1.0) for m in plan.municipalities])
    starts, trained = _windows(plan)
    end = np.datetime64(plan.recruited_to, "D") + np.timedelta64(1, "D")
    before = np.maximum((np.minimum(trained, end) - starts).astype(float), 0)
    after = np.maximum((end - trained).astype(float), 0)
    if truth.n_mtb and not after.any():
        raise ValueError("synthetic study: no municipality is trained before recruitment ends, so none can give MTB")
    n_before = round(truth.before_training * truth.n_control) if before.any() else 0
    parts = [
        _dated(apportion(n_before, share * before), starts, np.minimum(trained, end), rng),
        _dated(apportion(truth.n_control - n_before, share * after), trained, end, rng),
        _dated(apportion(truth.n_mtb, share * after), trained, end, rng),
    ]
    mtb = np.repeat([False, False, True], [where.size for where, _ in parts])
    return np.concatenate([where for where, _ in parts]), mtb, np.concatenate([days for _, days in parts])


def _dated(counts: Ints, first: Days, last: Days | np.datetime64, rng: np.random.Generator) -> tuple[Ints, Days]:
    """Return municipality and recruitment day, uniform from its first day to before its last, of `counts` families."""
    index = np.repeat(np.arange(counts.size), counts)
    length = np.maximum((last - first).astype(float), 1)[index]
    return index, np.asarray(first[index] + np.floor(rng.random(index.size) * length).astype("timedelta64[D]"))


def _windows(plan: Plan) -> tuple[Days, Days]:
    """Return the first day of recruitment and of MTB in each municipality."""
    first = np.datetime64(plan.recruited_from, "D")
    starts = np.array([_first_day(m, first) for m in plan.municipalities])
    trained = np.array([np.datetime64(m.trained_on, "D") for m in plan.municipalities])
    return starts, np.maximum(trained, first)


def _first_day(municipality: Municipality, first: np.datetime64) -> np.datetime64:
    joined = np.datetime64(municipality.trained_on, "D") - np.timedelta64(JOINED_BEFORE_TRAINING, "D")
    return first if municipality.randomised else max(first, joined)
