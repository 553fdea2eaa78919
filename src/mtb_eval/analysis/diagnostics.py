"""What each primary estimate rests on: the municipalities behind it, and what is left of care received to compare."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import FAILURES, Row, names_of, unusable
from mtb_eval.analysis.model_data import ModelData
from mtb_eval.analysis.outcome_batches import Batch, Models, batches
from mtb_eval.analysis.trust_rows import frame
from mtb_eval.analysis.verdicts import per_sd
from mtb_eval.data.families import Study
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.leverage import effective_clusters, leave_one_out, partial_leverage, partial_leverage_cov
from mtb_eval.inference.ols import LeastSquares, column_contrast, contrast_estimate, loading, ols
from mtb_eval.study import Outcome, Plan

Array = NDArray[np.float64]

LEVERAGE_COLUMNS = (
    "outcome",
    "family",
    "wave",
    "municipality",
    "n_mtb",
    "n_control",
    "both_arms",
    "partial_leverage",
    "estimate_without",
    "standardised_without",
    "change",
    "warning",
)
DIAGNOSTIC_COLUMNS = (
    "outcome",
    "family",
    "wave",
    "n_mtb",
    "n_control",
    "n_clusters",
    "n_both_arms",
    "effective_clusters",
    "leverage_cov",
    "largest_leverage",
    "municipality",
    "df",
    "p",
    "p_wild",
    "p_gap",
    "care_left",
    "standardised",
    "loo_low",
    "loo_high",
    "loo_sign_changes",
    "warning",
    "error",
)


def leverage(study: Study, plan: Plan, models: Models) -> pd.DataFrame:
    """Return, for each outcome and municipality, its share in the primary estimate and the estimate without it.

    `partial_leverage` sums to 1 over municipalities (MacKinnon, Nielsen & Webb 2023, doi 10.1177/1536867X231212433);
    `estimate_without` is raw, `standardised_without` and `change` (without less with) in SD, positive favours MTB.
    """
    return frame(_leverage_rows(study, plan, models), LEVERAGE_COLUMNS)


def diagnostics(study: Study, plan: Plan, outcomes: pd.DataFrame, models: Models, shares: pd.DataFrame) -> pd.DataFrame:
    """Return one row per outcome: what the primary estimate rests on; `shares` is the table of `leverage`.

    `effective_clusters` (partial leverage, rho 0), `leverage_cov` its coefficient of variation, `largest_leverage` and
    the `municipality` that has it, `df` of CR2, `p_gap` between CR2 and WCR31, `care_left` the share of the variance of
    care received that municipality, calendar time and covariates leave, range and sign changes of the estimates without
    one municipality (SD, positive favours MTB).
    """
    known = {str(row["outcome"]): row for row in outcomes.to_dict("records")}
    extra = {row["outcome"]: row for row in _design_rows(study, plan, models)}
    rows = [
        _diagnostic(o, known[o.id], shares[shares["outcome"] == o.id], {**_shape(models[o.id], o), **extra[o.id]})
        for o in plan.outcomes
    ]
    return frame(rows, DIAGNOSTIC_COLUMNS)


def _fit(batch: Batch) -> LeastSquares:
    return ols(cross_products(batch.primary_columns(), batch.y, batch.municipality), collinear="drop")


def _leverage_rows(study: Study, plan: Plan, models: Models) -> Iterator[Row]:
    order = {o.id: i for i, o in enumerate(plan.outcomes)}
    found = [_no_leverage(o, why) for o in plan.outcomes if (why := unusable(models[o.id]))]
    found += [row for batch in batches(study, plan.outcomes, models) for row in _batch_leverage(batch, models)]
    yield from sorted(found, key=lambda row: (order[str(row["outcome"])], str(row["municipality"])))


def _batch_leverage(batch: Batch, models: Models) -> Iterator[Row]:
    try:
        fit = _fit(batch)
    except FAILURES as failure:
        yield from (_no_leverage(o, str(failure)) for o in batch.outcomes)
        return
    contrast = column_contrast(fit, 0)
    shape = (len(batch.outcomes), fit.cross.n_clusters)
    share = np.broadcast_to(partial_leverage(fit, contrast), shape)
    without = np.broadcast_to(leave_one_out(fit, contrast), shape)
    with_all = contrast_estimate(fit, contrast)
    for i, outcome in enumerate(batch.outcomes):
        data = models[outcome.id]
        scale = per_sd(outcome.better, data.sd)
        for g, code in enumerate(np.asarray(fit.cross.labels).tolist()):
            here = data.mtb[data.municipality == code]
            if len(here):
                yield {
                    "outcome": outcome.id,
                    "family": outcome.family,
                    "wave": outcome.wave,
                    "municipality": code,
                    **_arms(here),
                    "partial_leverage": float(share[i, g]),
                    "estimate_without": float(without[i, g]),
                    "standardised_without": scale * float(without[i, g]),
                    "change": scale * float(without[i, g] - with_all[i]),
                    "warning": "" if np.isfinite(without[i, g]) else "the effect cannot be estimated without it",
                }


def _no_leverage(outcome: Outcome, why: str) -> Row:
    return {**names_of(outcome), "municipality": "", "warning": why}


def _arms(mtb: Array) -> Row:
    return {
        "n_mtb": float(mtb.sum()),
        "n_control": float((1 - mtb).sum()),
        "both_arms": bool(0 < mtb.sum() < len(mtb)),
    }


def _design_rows(study: Study, plan: Plan, models: Models) -> Iterator[Row]:
    """Yield what the design alone tells, by outcome; an outcome without a model has the reason as its error."""
    done: dict[str, Row] = {o.id: {"error": unusable(models[o.id])} for o in plan.outcomes}
    for batch in batches(study, plan.outcomes, models):
        try:
            done |= _design_of(batch)
        except FAILURES as failure:
            done |= {o.id: {"error": str(failure)} for o in batch.outcomes}
    yield from ({"outcome": key, **row} for key, row in done.items())


def _design_of(batch: Batch) -> dict[str, Row]:
    fit = _fit(batch)
    contrast = column_contrast(fit, 0)
    k = len(batch.outcomes)
    effective, cov = effective_clusters(fit, contrast, rho=0.0), partial_leverage_cov(fit, contrast)
    # c'(X'X)^-1 c is one over the sum of squares of care received that the other columns leave.
    left = 1 / np.sum(loading(fit, contrast) ** 2, axis=-1)
    values = [np.broadcast_to(v, k) for v in (effective, cov, left)]
    rows: dict[str, Row] = {}
    for i, outcome in enumerate(batch.outcomes):
        mtb = batch.mtb[np.isfinite(batch.y[i])]
        rows[outcome.id] = {
            "effective_clusters": float(values[0][i]),
            "leverage_cov": float(values[1][i]),
            "care_left": float(values[2][i]) / float(np.sum((mtb - mtb.mean()) ** 2)),
        }
    return rows


def _shape(data: ModelData, outcome: Outcome) -> Row:
    codes = set(data.municipality.tolist())
    both = sum(0 < data.mtb[data.municipality == c].sum() < (data.municipality == c).sum() for c in codes)
    return {
        "outcome": outcome.id,
        "family": outcome.family,
        "wave": outcome.wave,
        "n_mtb": float(data.mtb.sum()),
        "n_control": float((1 - data.mtb).sum()),
        "n_clusters": float(data.n_clusters),
        "n_both_arms": float(both),
    }


def _diagnostic(
    outcome: Outcome, known: Mapping[Hashable, Any], shares: pd.DataFrame, made: Mapping[str, object]
) -> Row:
    without = shares["standardised_without"].dropna().to_numpy(dtype=float)
    p, wild, std = (float(known[c]) for c in ("primary_p", "wild_p", "primary_std"))
    shared = shares.dropna(subset="partial_leverage").sort_values("partial_leverage")
    lost = len(shares) - len(without)
    return {
        **made,
        "largest_leverage": float(shared["partial_leverage"].iloc[-1]) if len(shared) else math.nan,
        "municipality": str(shared["municipality"].iloc[-1]) if len(shared) else "",
        "df": float(known["primary_df"]),
        "p": p,
        "p_wild": wild,
        "p_gap": abs(p - wild),
        "standardised": std,
        "loo_low": float(without.min()) if len(without) else math.nan,
        "loo_high": float(without.max()) if len(without) else math.nan,
        "loo_sign_changes": float(np.count_nonzero(without * std < 0)),
        "warning": f"no estimate without {lost} of the municipalities" if lost else "",
    }
