"""Families before birth, by arm, with standardised differences and no tests (CONSORT)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtb_eval.data.families import Study
from mtb_eval.study import Plan


def baseline(study: Study, plan: Plan) -> pd.DataFrame:
    """Return mean or share by arm and the standardised mean difference; columns as in Results.baseline.

    The difference is MTB minus usual care over the root mean of the two variances (Austin 2009,
    doi 10.1002/sim.3697); no p-values, since chance is not the question.
    """
    rows = []
    for item in (*plan.covariates, *plan.baseline_table):
        x = study.families[item.column].to_numpy(dtype=float)
        mtb, control = (_moments(x[study.families["mtb"].to_numpy() == code]) for code in (1.0, 0.0))
        binary = set(np.unique(x[np.isfinite(x)])) <= {0.0, 1.0}
        rows.append(
            {
                "column": item.column,
                "label_en": item.label.en,
                "label_da": item.label.da,
                "kind": "share" if binary else "mean",
                "n_mtb": mtb[0],
                "mean_mtb": mtb[1],
                "sd_mtb": mtb[2],
                "n_control": control[0],
                "mean_control": control[1],
                "sd_control": control[2],
                "smd": (mtb[1] - control[1]) / np.sqrt((mtb[2] ** 2 + control[2] ** 2) / 2),
            }
        )
    return pd.DataFrame(rows)


def _moments(x: np.ndarray) -> tuple[int, float, float]:
    known = x[np.isfinite(x)]
    if len(known) < 2:
        return len(known), float(known.mean()) if len(known) else float("nan"), float("nan")
    return len(known), float(known.mean()), float(known.std(ddof=1))
