"""The hazard ratio of two arms with a cluster-robust standard error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from statsmodels.duration.hazard_regression import PHReg

from mtb_eval.inference.estimate import Estimate, t_estimate
from mtb_eval.inference.grouping import codes_of
from mtb_eval.inference.survival import arm_rows, checked_times


def cox_log_ratio(
    time: ArrayLike, event: ArrayLike, first: ArrayLike, cluster: ArrayLike, *, level: float = 0.95
) -> Estimate:
    """Return the log hazard ratio of the arm where `first` (n,) is 1 over the other, and its test.

    Cox (1972) with Efron's ties; sandwich by cluster without small-sample factor (Lin & Wei 1989,
    doi 10.1080/01621459.1989.10478874), t on G - 1. With few events or clusters the standard error is too small.
    Raises ValueError if an arm has no event (no finite maximum) and for fewer than two clusters.
    """
    t, d = checked_times(time, event)
    arms = arm_rows(first, len(t))
    codes, labels = codes_of(cluster)
    if len(labels) < 2:
        raise ValueError(f"cluster-robust inference needs at least 2 clusters, found {len(labels)}")
    if not all(d[a].any() for a in arms):
        raise ValueError("an arm has no event: the hazard ratio has no finite estimate")
    x = np.zeros((len(t), 1))
    x[arms[0]] = 1.0
    fit = PHReg(t, x, status=d, ties="efron").fit(groups=codes, disp=0)
    return t_estimate(
        np.asarray(fit.params[0]),
        np.asarray(fit.bse[0]),
        df=len(labels) - 1,
        method="Cox regression, Efron's ties, sandwich by cluster (CR0), t(G-1)",
        level=level,
    )
