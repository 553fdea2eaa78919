"""One row per outcome: what the replica and the primary model say, how they are read, and what to distrust."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from mtb_eval.analysis.care_effect import CARE, FAILURES, primary_design
from mtb_eval.analysis.effects import deciding_row
from mtb_eval.analysis.model_data import ModelData, model_data
from mtb_eval.analysis.verdicts import direction, few_df, per_sd, smallest_detectable, verdict
from mtb_eval.data.families import Study
from mtb_eval.inference.leverage import effective_clusters, leave_one_out, partial_leverage
from mtb_eval.inference.multiplicity import benjamini_hochberg
from mtb_eval.inference.ols import ols
from mtb_eval.study import Outcome, Plan

Values = dict[str, object]


def outcomes(study: Study, plan: Plan, effects: pd.DataFrame) -> pd.DataFrame:
    """Return one row per outcome of the plan from the effect table; columns as in Results.outcomes."""
    table = pd.DataFrame([_row(study, plan, o, effects) for o in plan.outcomes])
    return table.assign(p_bh=_by_family(table))


def _row(study: Study, plan: Plan, outcome: Outcome, effects: pd.DataFrame) -> Values:
    data = model_data(study, plan, outcome)
    scale = per_sd(outcome.better, data.sd)
    primary = _read(deciding_row(effects, plan, outcome.id, "primary"), plan, outcome, scale)
    replica = _read(deciding_row(effects, plan, outcome.id, "replica"), plan, outcome, scale)
    wild = _wild(effects, outcome.id, scale)
    row = {
        **_described(data, outcome),
        **{f"replica_{k}": v for k, v in replica.items()},
        **{f"primary_{k}": v for k, v in primary.items()},
        **wild,
        "p_holm": primary["p_holm"],
        "mde": smallest_detectable(_number(primary, "se") * abs(scale), _number(primary, "df"), level=plan.level),
        **_diagnostics(data, scale),
    }
    return {**row, "flag": _flag(row, plan)}


def _described(data: ModelData, outcome: Outcome) -> Values:
    arms = {a: data.y[data.mtb == code] for a, code in (("mtb", 1.0), ("control", 0.0))}
    return {
        "outcome": outcome.id,
        "family": outcome.family,
        "wave": outcome.wave,
        "kind": outcome.kind,
        "better": outcome.better,
        "sample": outcome.sample,
        "population": outcome.population or "",
        "n_mtb": len(arms["mtb"]),
        "n_control": len(arms["control"]),
        "n_clusters": data.n_clusters,
        "mean_mtb": float(arms["mtb"].mean()) if len(arms["mtb"]) else math.nan,
        "mean_control": float(arms["control"].mean()) if len(arms["control"]) else math.nan,
        "sd": data.sd,
    }


def _read(row: pd.Series | None, plan: Plan, outcome: Outcome, scale: float) -> Values:
    """Return a deciding row's numbers, standardised limits, verdict and direction."""
    if row is None:
        nothing = dict.fromkeys(("estimate", "std", "std_low", "std_high", "p", "df", "se", "p_holm"), math.nan)
        return {**nothing, "method": "", "verdict": "not estimable", "direction": "none"}
    low, high = sorted((scale * row["ci_low"], scale * row["ci_high"]))
    return {
        "estimate": row["estimate"],
        "std": scale * row["estimate"],
        "std_low": low,
        "std_high": high,
        "p": row["p"],
        "df": row["df"],
        "se": row["se"],
        "p_holm": row["p_adjusted"],
        "method": row["method"],
        "verdict": verdict(float(row["p"]), plan.verdicts),
        "direction": direction(float(row["estimate"]), outcome.better),
    }


def _wild(effects: pd.DataFrame, outcome: str, scale: float) -> Values:
    rows = effects[
        (effects["outcome"] == outcome) & (effects["estimator"] == "primary") & (effects["estimand"] == CARE)
    ]
    rows = rows[rows["method"].str.contains("WCR31", case=False, regex=False)]
    if rows.empty:
        return dict.fromkeys(("wild_p", "wild_std_low", "wild_std_high"), math.nan)
    low, high = sorted((scale * rows["ci_low"].iloc[0], scale * rows["ci_high"].iloc[0]))
    return {"wild_p": rows["p"].iloc[0], "wild_std_low": low, "wild_std_high": high}


def _diagnostics(data: ModelData, scale: float) -> Values:
    names = ("partial_leverage_max", "effective_clusters", "loo_std_low", "loo_std_high")
    nothing: Values = dict.fromkeys(names, math.nan)
    if data.n_clusters < 2 or not 0 < data.mtb.sum() < len(data.mtb):
        return nothing
    try:
        design = primary_design(data)
        fit = ols(design.cross, collinear="drop")
        without = scale * leave_one_out(fit, design.contrast)
        shares = partial_leverage(fit, design.contrast)
        effective = float(effective_clusters(fit, design.contrast, rho=0.0))
    except FAILURES:
        return nothing
    known = without[np.isfinite(without)]
    ends = (float(known.min()), float(known.max())) if len(known) else (math.nan, math.nan)
    return {
        "partial_leverage_max": float(np.max(shares)),
        "effective_clusters": effective,
        "loo_std_low": ends[0],
        "loo_std_high": ends[1],
    }


def _flag(row: Mapping[str, object], plan: Plan) -> str:
    """Return what a reader must know of the primary result, or ''."""
    p, wild, df = (_number(row, k) for k in ("primary_p", "wild_p", "primary_df"))
    if not math.isfinite(p):
        return "the primary model could not be estimated"
    notes = [few_df(df)] if few_df(df) else []
    if math.isfinite(wild) and abs(p - wild) > plan.verdicts.p_disagreement:
        notes.append(f"CR2 and wild bootstrap p differ by more than {plan.verdicts.p_disagreement:g}")
    return "; ".join(notes)


def _by_family(table: pd.DataFrame) -> pd.Series:
    adjusted = pd.Series(math.nan, index=table.index)
    for _, rows in table.groupby("family", sort=False):
        adjusted.loc[rows.index] = benjamini_hochberg(rows["primary_p"].to_numpy(dtype=float))
    return adjusted


def _number(row: Mapping[str, object], key: str) -> float:
    return float(row[key])  # type: ignore[arg-type]
