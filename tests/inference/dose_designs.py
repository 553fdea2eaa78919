"""A fixed design with a dose: 170 rows in ten unequal clusters, four of five treated, with 4 to 100 visits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SEED = 20241129
SIZES = (30, 26, 23, 20, 18, 16, 13, 10, 8, 6)
CUTS = np.arange(20, 96)
FEWEST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseDesign:
    """`common` (n, p): treated, clusters, calendar, covariates; `visits` (n,), 0 untreated; `above` by cut (C, n).

    `strain` (n,) is what keeps families from visits (never in the model); `stream` numbers the studies on the design.
    """

    common: Array
    visits: Array
    treated: NDArray[np.bool_]
    cluster: NDArray[np.intp]
    strain: Array
    cuts: Array
    above: NDArray[np.bool_]


def dose_design(*, selection: float = 0.0, seed: int = SEED) -> DoseDesign:
    """Return the design; `selection` is the correlation of visits with the families' strain, of which fewer come."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(10), SIZES)
    n = cluster.size
    treated = rng.random(n) < 0.78
    date = rng.uniform(0, 4, n) - treated
    strain, other = rng.standard_normal((2, n))
    take_up = -selection * strain + np.sqrt(1 - selection**2) * other
    visits = np.where(treated, np.clip(np.round(65 + 24 * take_up), 4, 100), 0.0)
    columns = [treated, cluster[:, None] == np.arange(10), date, date**2, rng.standard_normal((n, 3))]
    above = np.array([(visits >= c) & treated for c in CUTS])
    used = (above.sum(axis=1) >= FEWEST) & (treated.sum() - above.sum(axis=1) >= FEWEST)
    return DoseDesign(
        common=np.column_stack(columns).astype(float),
        visits=visits,
        treated=treated,
        cluster=cluster,
        strain=strain,
        cuts=CUTS[used],
        above=above[used],
    )


def noise(design: DoseDesign, n_studies: int, *, number: int, icc: float = 0.05, effect_sd: float = 0.0) -> Array:
    """Return errors (n_studies, n) of variance 1 with an intra-cluster correlation, and an effect that varies."""
    rng = np.random.default_rng([SEED, number])
    n = design.cluster.size
    level, effect = rng.standard_normal((2, n_studies, 10))
    own = rng.standard_normal((n_studies, n))
    errors = np.sqrt(icc) * level[:, design.cluster] + np.sqrt(1 - icc) * own
    return np.asarray(errors + effect_sd * effect[:, design.cluster] * design.treated)
