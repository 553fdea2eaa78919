"""The effect in each municipality, and how far the effects differ.

The replica's degrees of freedom count families, as if the effect were the same everywhere. If it differs between
municipalities, the comparison rests on as many effects as there are municipalities and the replica's p is too small:
in simulated studies of this design its 5 % test has a size of 5 to 6 % where effects have an SD of 0.2 standard
deviations, and of 10 % where they have an SD of 0.4. The primary analysis (CR2, wild bootstrap) does not assume it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from mtb_eval.analysis.care_effect import FAILURES, Row, names_of, unusable
from mtb_eval.analysis.design_rows import completed
from mtb_eval.analysis.model_data import ModelData, dummies, stack
from mtb_eval.analysis.outcome_batches import Models
from mtb_eval.analysis.row_table import ESTIMATE
from mtb_eval.analysis.trust_rows import frame
from mtb_eval.analysis.verdicts import per_sd
from mtb_eval.data.families import Study
from mtb_eval.inference.estimate import t_estimate
from mtb_eval.inference.heterogeneity import Heterogeneity, heterogeneity
from mtb_eval.study import Outcome, Plan

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

EFFECT_COLUMNS = (
    "outcome",
    "family",
    "wave",
    "municipality",
    "method",
    *ESTIMATE,
    "standardised",
    "std_low",
    "std_high",
    "n_mtb",
    "n_control",
    "warning",
    "error",
)
SPREAD_COLUMNS = (
    "outcome",
    "family",
    "wave",
    "n_effects",
    "q",
    "q_df",
    "q_df_residual",
    "p",
    "i_squared",
    "tau_std",
    "tau_std_low",
    "tau_std_high",
    "tau_std_dl",
    "mean_std",
    "prediction_low",
    "prediction_high",
    "replica_df",
    "primary_df",
    "warning",
    "error",
)
METHOD = "one effect for each municipality beside the primary model's columns, independent families of one variance"
FEW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class MunicipalityTables:
    """municipality_effects: one row per outcome and municipality: MTB minus usual care there, t on the residual df of
        families as independent (a municipality alone shows no variation between municipalities), standardised in SD of
        the whole sample, positive favours MTB. A municipality with one arm only is a row with `error`.
    effect_spread: one row per outcome: Cochran's `q` referred to F(`q_df`, `q_df_residual`), tau (SD of the true
        effects, in SD of the outcome) by REML with its Q-profile interval, and by DerSimonian-Laird; the mean of the
        effects and the interval in which the effect of a new municipality would lie (`new_municipality`); df of replica
        and primary.
    """

    municipality_effects: pd.DataFrame
    effect_spread: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class _Effects:
    """Effects (k,) in the municipalities `codes` (k,) that have both arms, their covariance (k, k) and residual df."""

    codes: NDArray[np.str_]
    estimates: Array
    covariance: Array
    df: float


def municipality_tables(study: Study, plan: Plan, models: Models, outcomes: pd.DataFrame) -> MunicipalityTables:
    """Return the effect in each municipality and the spread of the effects, for every outcome."""
    known = {str(row["outcome"]): row for row in outcomes.to_dict("records")}
    rows: list[Row] = []
    spreads: list[Row] = []
    for outcome in plan.outcomes:
        data = models[outcome.id]
        found, problem = _effects_or_reason(data)
        scale = per_sd(outcome.better, data.sd)
        rows += _rows(outcome, data, (found, problem), (scale, plan.level))
        rests = {k: float(known[outcome.id][k]) for k in ("replica_df", "primary_df", "primary_se")}
        spreads.append({**names_of(outcome), **_spread(found, problem, scale, plan.level, rests), **_df(rests)})
    return MunicipalityTables(
        municipality_effects=frame(rows, EFFECT_COLUMNS), effect_spread=frame(spreads, SPREAD_COLUMNS)
    )


def effects_by_municipality(data: ModelData) -> _Effects:
    """Return least-squares effects of care received in each municipality with both arms, one residual variance.

    Raises ValueError if no municipality has both arms or no residual degree of freedom is left.
    """
    codes = np.unique(data.municipality)
    both = np.array([0 < data.mtb[data.municipality == c].sum() < (data.municipality == c).sum() for c in codes])
    if not both.any():
        raise ValueError("no municipality has families of both arms with this outcome")
    own = (data.municipality[:, None] == codes[both][None, :]) * data.mtb[:, None]
    x = stack(own, dummies(data.municipality), data.calendar, data.covariates)
    k, rank = own.shape[1], int(np.linalg.matrix_rank(x / np.maximum(np.abs(x).max(axis=0), 1e-300)))
    df = len(data.y) - rank
    if df < 1:
        raise ValueError(f"{len(data.y)} families for {rank} parameters leave no residual degree of freedom")
    coefficients = np.asarray(np.linalg.lstsq(x, data.y, rcond=None)[0], dtype=float)
    residual = data.y - x @ coefficients
    inverse = np.linalg.pinv(x.T @ x, hermitian=True)
    return _Effects(
        codes=codes[both],
        estimates=coefficients[:k],
        covariance=inverse[:k, :k] * float(residual @ residual) / df,
        df=float(df),
    )


def _effects_or_reason(data: ModelData) -> tuple[_Effects | None, str]:
    problem = unusable(data)
    if problem:
        return None, problem
    try:
        return effects_by_municipality(data), ""
    except FAILURES as failure:
        return None, str(failure)


def _rows(
    outcome: Outcome, data: ModelData, found: tuple[_Effects | None, str], scaled: tuple[float, float]
) -> Iterator[Row]:
    effects, problem = found
    scale, level = scaled
    for code in np.unique(data.municipality).tolist():
        here = data.mtb[data.municipality == code]
        base: Row = {
            **names_of(outcome),
            "municipality": code,
            "n_mtb": float(here.sum()),
            "n_control": float((1 - here).sum()),
            "scale": scale,
        }
        if effects is None or code not in effects.codes:
            arm = "received MTB" if here.all() else "received usual care"
            why = problem or f"all {len(here)} families with this outcome {arm}"
            yield completed({**base, "method": "not estimated", "error": why})
        else:
            yield completed({**base, **_estimate(effects, code, level), "warning": _few(here)})


def _estimate(effects: _Effects, code: str, level: float) -> Row:
    i = int(np.flatnonzero(effects.codes == code)[0])
    se = np.sqrt(np.maximum(effects.covariance[i, i], 0.0))
    e = t_estimate(effects.estimates[i], se, df=effects.df, method=METHOD, level=level)
    return {"method": METHOD, **{k: float(getattr(e, k)) for k in ESTIMATE}}


def _few(mtb: Array) -> str:
    least = int(min(mtb.sum(), (1 - mtb).sum()))
    return f"fewer than {FEW} families in one arm" if least < FEW else ""


def _df(rests: Mapping[str, float]) -> Row:
    return {k: v for k, v in rests.items() if k.endswith("_df")}


def _spread(found: _Effects | None, problem: str, scale: float, level: float, rests: Mapping[str, float]) -> Row:
    if found is None:
        return {"error": problem}
    try:
        h = heterogeneity(found.estimates, found.covariance, df=found.df, level=level)
    except FAILURES as failure:
        return {"n_effects": float(len(found.codes)), "error": str(failure)}
    half = scale * new_municipality(h, se=rests["primary_se"], df=rests["primary_df"], level=level)
    return {**_spread_row(h, found.df, scale), **_ends(scale * h.mean, abs(half))}


def new_municipality(h: Heterogeneity, *, se: float, df: float, level: float) -> float:
    """Return the half width of the interval for the effect in a new municipality, raw; NaN for two effects.

    t sqrt(tau^2 + se^2) with the larger of the mean's own and the primary `se`, and t on the smaller of k - 2 and the
    primary `df`: Higgins, Thompson & Spiegelhalter (2009) take families of a municipality as independent, which would
    make it narrower than the primary interval wherever tau is put at 0.
    """
    if h.k < 3:
        return math.nan
    used = min(h.k - 2, df) if math.isfinite(df) and df > 0 else h.k - 2
    error = max(h.se, se) if math.isfinite(se) else h.se
    return float(stats.t.ppf(0.5 + level / 2, used)) * math.hypot(h.tau, error)


def _ends(middle: float, half: float) -> Row:
    return {"prediction_low": middle - half, "prediction_high": middle + half}


def _spread_row(h: Heterogeneity, df: float, scale: float) -> Row:
    return {
        "n_effects": float(h.k),
        "q": h.q,
        "q_df": float(h.k - 1),
        "q_df_residual": df,
        "p": h.p,
        "i_squared": h.i_squared,
        "tau_std": abs(scale) * h.tau,
        "tau_std_low": abs(scale) * h.tau_low,
        "tau_std_high": abs(scale) * h.tau_high,
        "tau_std_dl": abs(scale) * h.tau_dl,
        "mean_std": scale * h.mean,
    }
