"""Families before birth by source of controls: standardised differences and no tests."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import Row
from mtb_eval.analysis.decomposition_sources import SOURCES, control_source
from mtb_eval.analysis.design_rows import table
from mtb_eval.data.families import Study
from mtb_eval.study import Covariate, Plan

BALANCE_COLUMNS = (
    "column",
    "label_en",
    "label_da",
    "kind",
    "source",
    "n_mtb",
    "mean_mtb",
    "n_source",
    "mean_source",
    "sd_source",
    "smd",
    "warning",
)
FEW = 5


def source_balance(study: Study, plan: Plan) -> pd.DataFrame:
    """Return the mean (or share) of each baseline column in each source of controls, beside MTB.

    `smd` is MTB minus the source over the root mean of the variances of MTB and of all controls, the unit of the
    baseline table (Austin 2009, doi 10.1002/sim.3697), so that sources are compared in one unit. Columns: kind
    "mean" or "share", n of families with the value, sd with divisor n - 1; `warning` where a source has fewer than 5.
    """
    columns = {item.column: item for item in (*plan.covariates, *plan.baseline_table)}
    source = control_source(study.families, plan)
    return table((r for item in columns.values() for r in _rows(study, item, source)), BALANCE_COLUMNS)


def _rows(study: Study, item: Covariate, source: NDArray[np.str_]) -> Iterator[Row]:
    x = study.families[item.column].to_numpy(dtype=float)
    known = np.isfinite(x)
    mtb, control = x[known & (source == "")], x[known & (source != "")]
    unit = np.sqrt((_variance(mtb) + _variance(control)) / 2)
    for name in SOURCES:
        here = x[known & (source == name)]
        gap = _mean(mtb) - _mean(here)
        yield {
            "column": item.column,
            "label_en": item.label.en,
            "label_da": item.label.da,
            "kind": "share" if set(np.unique(x[known])) <= {0.0, 1.0} else "mean",
            "source": name,
            "n_mtb": float(len(mtb)),
            "mean_mtb": _mean(mtb),
            "n_source": float(len(here)),
            "mean_source": _mean(here),
            "sd_source": float(np.sqrt(_variance(here))),
            "smd": float(gap / unit) if unit > 0 else float("nan"),
            "warning": f"fewer than {FEW} families" if len(here) < FEW else "",
        }


def _mean(x: NDArray[np.float64]) -> float:
    return float(x.mean()) if len(x) else float("nan")


def _variance(x: NDArray[np.float64]) -> float:
    return float(x.var(ddof=1)) if len(x) > 1 else float("nan")
