"""Attrition: who answered, and what each effect becomes under every way of dealing with those who did not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd
from joblib import Parallel, delayed

from mtb_eval.analysis.attrition_bounds import BOUND_COLUMNS
from mtb_eval.analysis.attrition_chain import background
from mtb_eval.analysis.attrition_family import TABLES, family_rows
from mtb_eval.analysis.attrition_imputed import IMPUTATION_COLUMNS
from mtb_eval.analysis.attrition_response import RESPONDER_COLUMNS, RESPONSE_COLUMNS, responder_rows, response_rows
from mtb_eval.analysis.attrition_tipping import FRONTIER_COLUMNS, GRID_COLUMNS, TIPPING_COLUMNS
from mtb_eval.analysis.effects import Progress, silent
from mtb_eval.analysis.row_table import ESTIMATE, row_table
from mtb_eval.data.families import Study
from mtb_eval.study import Plan

ANALYSIS_COLUMNS = (
    *("outcome", "family", "wave", "estimand", "analysis", "method", *ESTIMATE),
    *("standardised", "std_low", "std_high", "n_mtb", "n_control", "n_clusters", "warning", "error"),
)
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "response": RESPONSE_COLUMNS,
    "responders": RESPONDER_COLUMNS,
    "analyses": ANALYSIS_COLUMNS,
    "imputation": IMPUTATION_COLUMNS,
    "bounds": BOUND_COLUMNS,
    "tipping": TIPPING_COLUMNS,
    "grid": GRID_COLUMNS,
    "frontier": FRONTIER_COLUMNS,
}
TEXTS = frozenset(
    {
        *("sample", "wave", "within", "arm", "column", "label_en", "label_da", "kind", "outcome", "family"),
        *("estimand", "analysis", "method", "warning", "error", "level", "how", "bound", "model", "trimmed_arm"),
        *("side", "conclusion", "tips_to"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttritionTables:
    """What attrition could have done, unrounded; estimates are MTB minus usual care on the primary model.

    Standardised numbers are in the SD of the complete cases pooled within arms, positive favours MTB.

    response: sample x wave: families and share that answered by arm (n_, of_, share_), overall and differential
        attrition (shares lost; differential: usual care less MTB), the What Works Clearinghouse's boundary (largest
        differential at this overall attrition for tolerable bias) and implied bias in SD over which arm has which
        correlation, cautious and optimistic; `within` says which boundary's bias is tolerable ("cautious",
        "optimistic", "neither"). The parameters are assumed (plan).
    responders: sample x wave x arm x baseline column: number, mean or share and SD of responders and of those lost;
        smd responders minus lost.
    analyses: outcome x analysis: complete (CR2), ipw (weights known, CR2), ipw_jackknife (weights refitted), mi_scale
        and mi_item (Barnard-Rubin df), mi_scale_cr2_df (the same as mi_scale with the CR2 df); n_mtb and n_control are
        the families in the analysis (mean over imputations).
    imputation: outcome x level x arm: what was observed and imputed (n per data set, mean over, SD within data sets),
        R-hat of the imputed mean after the first quarter of the iterations, `lost` share of the pooled variance that
        comes from missing values, fmi.
    bounds: outcome x bound (lee, manski) x model (difference in means, primary model): lower and upper, their se, df,
        Imbens-Manski interval, and the same standardised; trimmed arm and share for Lee.
    tipping: outcome: nearest pair of shifts (SD, positive better) of imputed values that changes whether the interval
        excludes 0, its distance, and the shifts of one arm alone and of both alike; NaN if beyond the plan's reach.
    grid: outcome x pair of shifts: pooled effect. frontier: points where the interval touches 0.
    """

    response: pd.DataFrame
    responders: pd.DataFrame
    analyses: pd.DataFrame
    imputation: pd.DataFrame
    bounds: pd.DataFrame
    tipping: pd.DataFrame
    grid: pd.DataFrame
    frontier: pd.DataFrame


def attrition(study: Study, plan: Plan, *, workers: int = 1, progress: Progress = silent) -> AttritionTables:
    """Return the attrition tables by the plan's rule; all are empty if the plan declares none.

    One seed gives the same tables at any number of `workers` (threads). `progress` is told each outcome family.
    """
    rule = plan.attrition
    if rule is None:
        return _tables({})
    behind = background(study, plan, rule)
    families = [f.id for f in plan.families if any(o.family == f.id for o in plan.outcomes)]
    jobs = (delayed(family_rows)(study, plan, behind, f) for f in _told(families, progress))
    found = Parallel(n_jobs=workers, prefer="threads")(jobs)
    rows: dict[str, Iterable[Mapping[str, object]]] = {t: [r for part in found for r in part[t]] for t in TABLES}
    return _tables({**rows, "response": response_rows(study, plan, rule), "responders": responder_rows(study, plan)})


def _told(families: Iterable[str], progress: Progress) -> Iterable[str]:
    for family in families:
        progress(f"attrition: {family}")
        yield family


def _tables(rows: Mapping[str, Iterable[Mapping[str, object]]]) -> AttritionTables:
    return AttritionTables(**{n: row_table(rows.get(n, ()), columns, texts=TEXTS) for n, columns in COLUMNS.items()})
