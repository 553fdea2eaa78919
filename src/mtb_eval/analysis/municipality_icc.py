"""How alike families of one municipality are: the intraclass correlation of every outcome."""

from __future__ import annotations

import pandas as pd

from mtb_eval.analysis.care_effect import FAILURES, Row, names_of, replica_design, unusable
from mtb_eval.analysis.model_data import ModelData
from mtb_eval.analysis.outcome_batches import Models
from mtb_eval.analysis.trust_rows import frame
from mtb_eval.inference.mixed import fit_mixed
from mtb_eval.inference.mixed_exact import exact_icc
from mtb_eval.study import Plan

ICC_COLUMNS = (
    *("outcome", "family", "wave", "method", "icc", "icc_low", "icc_high", "df", "p", "n_mtb", "n_control"),
    *("n_clusters", "warning", "error"),
)


def icc_table(plan: Plan, models: Models) -> pd.DataFrame:
    """Return the intraclass correlation of each outcome given MTB, baseline score and covariates (the replica's model).

    By REML, with the exact interval and the p of no correlation (`inference/mixed_exact.py`); `df` within
    municipalities. CONSORT for cluster trials asks for it. A row that cannot be estimated has `error`.
    """
    return frame(({**names_of(o), **_row(models[o.id], plan.level)} for o in plan.outcomes), ICC_COLUMNS)


def _row(data: ModelData, level: float) -> Row:
    counts: Row = {
        "n_mtb": float(data.mtb.sum()),
        "n_control": float((1 - data.mtb).sum()),
        "n_clusters": float(data.n_clusters),
    }
    problem = unusable(data)
    if problem:
        return {**counts, "error": problem}
    try:
        e = exact_icc(fit_mixed(replica_design(data).cross), level=level)
    except FAILURES as failure:
        return {**counts, "error": str(failure)}
    found = {"icc": e.estimate, "icc_low": e.ci_low, "icc_high": e.ci_high, "df": e.df, "p": e.p}
    return {**counts, "method": e.method, **{k: float(v) for k, v in found.items()}, "warning": e.warning}
