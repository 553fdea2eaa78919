"""Simulated studies shaped like the one evaluated: 256 families in ten unequal municipalities.

Two families of designs, each with outcomes of variance 1 under the null, and one seed for everything.

Fixed designs, `scenario("M_icc05_het4")`. "B" treats whole municipalities: the five largest, 183 families against
73. "M" has the allocation of synth_study.csv: 57 % of the variance of treatment lies between municipalities, and
five of them hold 71 of the 73 controls beside treated families. "icc05": intra-class correlation .05. "het4": the
effect differs between municipalities with mean 0 and SD .4. "att": only rows that have y1 in
synth_study_attrition.csv (for M). The model has a constant, treatment and three covariates.

Staggered designs, `staggered_cross`: every study draws its own training and recruitment dates, its over-capacity
controls and who responds; a time trend and effects that differ come on top.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.inference.cross import Cross, cross_products

Array = NDArray[np.float64]

SEED = 20180601
REFERENCE = Path(__file__).parents[1] / "reference"
CONTRAST = np.array([0.0, 1.0, 0.0, 0.0, 0.0])
COVARIATES = ["x1_baseline", "x2_age", "x3_male"]
B_SIZES = (8, 11, 14, 18, 22, 26, 32, 37, 42, 46)
STAGGERED_SIZES = (44, 38, 34, 30, 27, 24, 20, 16, 12, 11)
SCENARIOS = (
    *("B_icc02", "B_icc05", "B_icc10", "M_icc02", "M_icc05", "M_icc10"),
    *("M_icc05_att", "M_icc05_het4", "B_icc05_het4"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A fixed design x (n, 5) with `cluster` (n,) in 0..9, and the variances of the outcomes on it.

    `number` tells its random streams from those of the others.
    """

    number: int
    x: Array
    cluster: NDArray[np.intp]
    icc: float
    effect_sd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trends:
    """What is true of a staggered study: ICC, SD of the effect over municipalities, trend in SD a year."""

    icc: float
    effect_sd: float = 0.0
    trend: float = 0.0


@cache
def scenario(name: str) -> Scenario:
    """Return the fixed design called `name`, one of SCENARIOS."""
    letter, icc, *more = name.split("_")
    table = pd.read_csv(REFERENCE / "synth_study.csv")
    if letter == "B":
        cluster = np.repeat(np.arange(10), B_SIZES)
        treat = (cluster >= 5).astype(float)
    else:
        cluster = table["cluster"].to_numpy() - 1
        treat = table["treat"].to_numpy(dtype=float)
    x = np.column_stack([np.ones(cluster.size), treat, table[COVARIATES].to_numpy(dtype=float)])
    kept = np.ones(cluster.size, dtype=bool)
    if "att" in more:
        kept = pd.read_csv(REFERENCE / "synth_study_attrition.csv")["y1"].notna().to_numpy()
    return Scenario(
        number=SCENARIOS.index(name),
        x=x[kept],
        cluster=cluster[kept],
        icc=int(icc.removeprefix("icc")) / 100,
        effect_sd=0.4 if "het4" in more else 0.0,
    )


def outcomes(design: Scenario, studies: range, *, effect: float = 0.0) -> Array:
    """Return the outcomes (studies, n) of the studies numbered `studies`; study i is the same in any range.

    Study i draws from the i-th child of the scenario's child of the seed sequence, as `SeedSequence.spawn` makes them.
    """
    n, draws = design.cluster.size, np.empty((len(studies), 20 + design.cluster.size))
    for row, i in enumerate(studies):
        stream = np.random.SeedSequence(SEED, spawn_key=(design.number, i))
        np.random.default_rng(stream).standard_normal(out=draws[row])
    levels, effects, noise = np.split(draws, [10, 20], axis=1)
    effects = effect + design.effect_sd * effects[:, design.cluster]
    y = np.sqrt(design.icc) * levels[:, design.cluster] + np.sqrt(1 - design.icc) * noise[:, :n]
    return np.asarray(y + effects * design.x[:, 1])


def scenario_cross(name: str, studies: range, *, effect: float = 0.0) -> Cross:
    """Return the cross-products of the studies of a scenario, one batch axis."""
    design = scenario(name)
    return cross_products(design.x, outcomes(design, studies, effect=effect), design.cluster)


def staggered_cross(truth: Trends, n_studies: int, *, number: int, calendar: bool = True) -> Cross:
    """Return the cross-products of staggered studies, in each of which the treatment has no effect on average.

    Columns: constant, treatment, one covariate and, with `calendar`, the date of recruitment in years. All studies are
    summed at once, each with ten clusters of its own, and then given a batch axis; a municipality without a response
    keeps its place there, with no rows.
    """
    rng = np.random.default_rng(np.random.SeedSequence(SEED, spawn_key=(len(SCENARIOS) + number,)))
    cluster = np.repeat(np.arange(10), STAGGERED_SIZES)
    trained = rng.permuted(np.tile(np.repeat([0.25, 1.25, 2.25], [4, 4, 2]), (n_studies, 1)), axis=1)
    date = rng.uniform(0, 4, (n_studies, 256))
    treat = (date > trained[:, cluster]) & (rng.random(date.shape) > 0.1)
    responds = rng.random(date.shape) < np.where(treat, 0.754, 0.438)
    covariate, noise = rng.standard_normal((2, *date.shape))
    level, effect = rng.standard_normal((2, n_studies, 10))
    y = np.sqrt(truth.icc) * level[:, cluster] + np.sqrt(1 - truth.icc) * noise + truth.trend * date
    y += truth.effect_sd * effect[:, cluster] * treat + 0.3 * covariate
    columns = [np.ones(date.shape), treat, covariate, *([date] if calendar else [])]
    x = np.stack(columns, axis=-1).astype(float)
    label = 10 * np.arange(n_studies)[:, None] + cluster
    return _by_study(cross_products(x[responds], y[responds], label[responds]), n_studies)


def _by_study(sums: Cross, n_studies: int) -> Cross:
    """Return sums over clusters labelled 10 * study + municipality with a batch axis for studies."""
    parts = {}
    for name in ("xx", "xy", "yy", "n", "x1", "y1"):
        value = getattr(sums, name)
        wide = np.zeros((10 * n_studies, *value.shape[1:]))
        wide[sums.labels] = value
        parts[name] = wide.reshape(n_studies, 10, *value.shape[1:])
    offset = np.broadcast_to(sums.offset, (n_studies, sums.n_columns))
    return replace(sums, **parts, offset=offset, labels=None)
