"""What measurement error does to effects on rated scales: smaller standardised effects, larger detectable ones."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from mtb_eval.analysis.care_effect import Row, attempt, base_row, estimate_row, primary_design
from mtb_eval.analysis.coding_reliability import USED
from mtb_eval.analysis.design_rows import completed, joined
from mtb_eval.analysis.model_data import ModelData, model_data
from mtb_eval.analysis.row_table import ESTIMATE, number
from mtb_eval.analysis.verdicts import smallest_detectable
from mtb_eval.data.families import Study
from mtb_eval.inference.ols import ols
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.study import Outcome, Plan

ATTENUATION_COLUMNS = (
    *("outcome", "family", "wave", "method", *ESTIMATE),
    *("standardised", "std_low", "std_high", "mde", "reliability", "reliability_low", "reliability_high", "ratings"),
    *("true_std", "true_low", "true_high", "true_mde", "n_mtb", "n_control", "n_clusters", "warning", "error"),
)
KNOWN = "reliability taken as known; its own uncertainty is beside it"


def attenuation_rows(study: Study, plan: Plan, reliability: pd.DataFrame) -> Iterator[Row]:
    """Yield per video outcome the primary effect, corrected for reliability, and the smallest effect detectable.

    Standardised effects shrink by the root of the reliability of the scores used, d = d_true sqrt(rel); so limits and
    the smallest detectable effect in SD of the true score are 1 / sqrt(rel) times as large. p does not change.
    Spearman (1904), doi 10.2307/1412159.
    """
    for outcome in plan.outcomes:
        if outcome.sample == "video":
            row = primary_row(study, plan, outcome)
            mde = smallest_detectable(_standardised_se(row), number(row, "df"), level=plan.level)
            yield {**row, "mde": mde, **_corrected({**row, "mde": mde}, _reliability(reliability, outcome))}


def primary_row(study: Study, plan: Plan, outcome: Outcome) -> Row:
    """Return the primary model's CR2 row of an outcome with standardised limits, or its row with the error."""
    data = model_data(study, plan, outcome)
    base = base_row(data, outcome)
    scale = base.pop("sign")
    row = attempt({**base, "sign": scale}, data, _primary, plan.level)[0]
    return completed({**{k: v for k, v in row.items() if k != "standardised"}, "scale": scale})


def _primary(data: ModelData, level: float) -> Iterator[Row]:
    design = primary_design(data)
    yield estimate_row(cluster_robust(ols(design.cross, collinear="drop"), design.contrast, level=level))


def _standardised_se(row: Row) -> float:
    estimate, standardised = number(row, "estimate"), number(row, "standardised")
    return abs(standardised / estimate) * number(row, "se") if estimate else math.nan


def _reliability(reliability: pd.DataFrame, outcome: Outcome) -> pd.Series | None:
    """Return the reliability of the scores used at the outcome's wave, or else of all waves."""
    rows = reliability[(reliability["scale"] == outcome.column) & (reliability["coefficient"] == USED)]
    for wave in (outcome.wave, ""):
        here = rows[(rows["wave"] == wave) & np.isfinite(rows["value"])]
        if len(here):
            return pd.Series(here.iloc[0])
    return None


def _corrected(row: Row, found: pd.Series | None) -> Row:
    warning = str(row.get("warning", ""))
    if found is None:
        return {"warning": joined(warning, "reliability is not known: no correction")}
    value = float(found["value"])
    known: Row = {"reliability": value, "reliability_low": found["ci_low"], "reliability_high": found["ci_high"]}
    known["ratings"] = float(found["k"])
    if value <= 0:
        return {**known, "warning": joined(warning, "the estimated reliability is not above 0: no correction")}
    other = "" if found["wave"] == row["wave"] else "reliability of all waves together"
    pairs = (("true_std", "standardised"), ("true_low", "std_low"), ("true_high", "std_high"), ("true_mde", "mde"))
    true = {new: number(row, old) / math.sqrt(value) for new, old in pairs}
    return {**known, **true, "warning": joined(warning, KNOWN, other)}
