"""Each arm's mean over the waves, for every measure taken more than once."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from mtb_eval.data.families import Study
from mtb_eval.study import Plan


def trajectories(study: Study, plan: Plan) -> pd.DataFrame:
    """Return mean and t interval by measure, wave and arm, families taken as independent: a description."""
    rows = [row for column in _repeated(study, plan) for row in _means(study, plan, column)]
    return pd.DataFrame(rows, columns=["column", "wave", "months", "arm", "n", "mean", "ci_low", "ci_high"])


def _repeated(study: Study, plan: Plan) -> list[str]:
    columns = dict.fromkeys(o.column for o in plan.outcomes)
    return [c for c in columns if sum(f"{c}_{w.id}" in study.families for w in plan.waves) > 1]


def _means(study: Study, plan: Plan, column: str) -> Iterator[tuple[object, ...]]:
    families = study.families
    for wave in plan.waves:
        if f"{column}_{wave.id}" not in families:
            continue
        for arm, code in (("mtb", 1.0), ("control", 0.0)):
            x = families.loc[families["mtb"] == code, f"{column}_{wave.id}"].to_numpy(dtype=float)
            yield column, wave.id, wave.months, arm, *_interval(x[np.isfinite(x)], plan.level)


def _interval(x: np.ndarray, level: float) -> tuple[int, float, float, float]:
    n = len(x)
    if n < 2:
        return n, float(x.mean()) if n else math.nan, math.nan, math.nan
    mean = float(x.mean())
    half = float(stats.t.ppf(0.5 + level / 2, n - 1)) * float(x.std(ddof=1)) / math.sqrt(n)
    return n, mean, mean - half, mean + half
