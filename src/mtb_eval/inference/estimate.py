"""One estimate with its standard error, df, interval and p: t, p and interval are made here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
Reference = Literal["t", "z"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """An estimate with its inference; every field has the batch shape (..., ), which may be ().

    `df` is inf where the reference distribution is the normal. `method` names the method and its convention
    (which CR3, which df, which tie rule); `warning` is empty, or one clear sentence.
    """

    estimate: Array
    se: Array
    df: Array
    ci_low: Array
    ci_high: Array
    p: Array
    method: str
    warning: str = ""


def t_estimate(
    estimate: Array, se: Array, *, df: Array | float, method: str, level: float = 0.95, warning: str = ""
) -> Estimate:
    """Return the two-sided test of 0 and the interval from Student's t with `df` (inf: the normal).

    Shapes broadcast. A standard error of 0 or NaN gives NaN p and interval, never a p of 0.
    """
    b, s, nu = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (estimate, se, df)))
    usable = np.isfinite(s) & (s > 0) & (nu > 0)
    safe = np.where(usable, s, np.nan)
    p = 2 * stats.t.sf(np.abs(b / safe), nu)
    half = stats.t.ppf(0.5 + level / 2, nu) * safe
    return Estimate(estimate=b, se=s, df=nu, ci_low=b - half, ci_high=b + half, p=p, method=method, warning=warning)
