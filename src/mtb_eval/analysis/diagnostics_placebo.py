"""Baseline placebo: the primary model on what was measured before birth, where no effect can be.

An "effect" here says that the families compared differed before the programme began: by who received MTB (all
families), or also by who answered (families with a later measurement).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import FAILURES, Row, estimate_row, primary_design, unusable
from mtb_eval.analysis.model_data import ModelData, covariate_names, model_data
from mtb_eval.analysis.outcome_batches import Models, all_municipalities
from mtb_eval.analysis.row_table import ESTIMATE
from mtb_eval.analysis.trust_rows import frame, with_column
from mtb_eval.data.families import Study
from mtb_eval.inference.draws import Draws
from mtb_eval.inference.joint_wild import joint_wild
from mtb_eval.inference.multiplicity import romano_wolf
from mtb_eval.inference.ols import ols
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.study import Outcome, Plan
from mtb_eval.study.plan import Covariate
from mtb_eval.study.tables import Text

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

PLACEBO_COLUMNS = (
    "sample",
    "measure",
    "label_en",
    "label_da",
    "method",
    *ESTIMATE,
    "p_wild",
    "p_romano_wolf",
    "p_joint",
    "standardised",
    "std_low",
    "std_high",
    "n_mtb",
    "n_control",
    "n_clusters",
    "warning",
    "error",
)
METHOD = "primary model on a measure before birth, CR2, Satterthwaite t"
ALL = "all families"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placebo:
    """A measure in a sample: its model's arrays, and what it is called."""

    data: ModelData
    sample: str
    measure: str
    label: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """A finished row and, where it could be drawn, WCR31 t and its draws (draws,)."""

    row: Row
    t: float = math.nan
    drawn_t: Array | None = None


def placebo(study: Study, plan: Plan, models: Models, draws: Draws | None) -> pd.DataFrame:
    """Return the primary model on each measure before birth, by sample; rows follow the plan's baseline table.

    `sample`: "all families", "answered <wave>" and "video <wave>" for the last wave, and for an outcome with a baseline
    score "with <outcome>" for that score alone. Covariates are the plan's but the measure itself; missing covariates
    are filled as in the models, missing measures leave the family out. Sign: raw, MTB minus usual care; `standardised`
    in SD, not turned. `p_romano_wolf` corrects WCR31 over a sample's measures, `p_joint` is the smallest of them: the
    test that none differs.
    """
    labels = all_municipalities(study)
    rows: list[Row] = []
    for name, among in _samples(study, plan).items():
        items = (_placebo(study, plan, item, among, name) for item in (*plan.covariates, *plan.baseline_table))
        rows += _corrected([_fitted(one, plan.level, draws, labels) for one in items], draws)
    own = (_own(study, plan, o, models[o.id]) for o in plan.outcomes if o.baseline)
    rows += [_fitted(one, plan.level, draws, labels).row for one in own]
    return frame(rows, PLACEBO_COLUMNS)


def _samples(study: Study, plan: Plan) -> dict[str, Flags]:
    families, n = study.families, len(study.families)
    samples = {ALL: np.ones(n, dtype=bool)}
    for name in ("answered", "video"):
        column = f"{name}_{plan.waves[-1].id}"
        if column in families and 0 < families[column].sum() < n:
            samples[f"{name} {plan.waves[-1].id}"] = families[column].to_numpy(dtype=bool)
    return samples


def _placebo(study: Study, plan: Plan, item: Covariate, among: Flags, sample: str) -> _Placebo:
    others = tuple(c.column for c in plan.covariates if c.column != item.column)
    data = _arrays(study, plan, item.column, others, among)
    return _Placebo(data=data, sample=sample, measure=item.column, label=item.label)


def _own(study: Study, plan: Plan, outcome: Outcome, model: ModelData) -> _Placebo:
    """Return the placebo of an outcome's own baseline score among the families of its models."""
    name = outcome.baseline or ""
    among = np.zeros(len(study.families), dtype=bool)
    among[model.rows] = True
    others = tuple(c for c in covariate_names(plan, outcome) if c != name)
    data = _arrays(study, plan, name, others, among)
    return _Placebo(data=data, sample=f"with {outcome.id}", measure=name, label=outcome.label)


def _arrays(study: Study, plan: Plan, name: str, others: tuple[str, ...], among: Flags) -> ModelData:
    """Return the arrays of the model that has the measure as its outcome."""
    made = replace(plan.outcomes[0], column="placebo", baseline=None, covariates=others, population=None)
    values = study.families[name].to_numpy(dtype=float)
    return model_data(with_column(study, made.variable, values), plan, made, among=among)


def _fitted(one: _Placebo, level: float, draws: Draws | None, labels: NDArray[np.str_]) -> _Drawn:
    data = one.data
    row: Row = {
        "sample": one.sample,
        "measure": one.measure,
        "label_en": one.label.en,
        "label_da": one.label.da,
        "method": METHOD,
        "n_mtb": float(data.mtb.sum()),
        "n_control": float((1 - data.mtb).sum()),
        "n_clusters": float(data.n_clusters),
        "error": unusable(data),
    }
    if row["error"]:
        return _Drawn(row=row)
    try:
        design = primary_design(data)
        fit = ols(design.cross, collinear="drop")
        e = cluster_robust(fit, design.contrast, kind="CR2", level=level)
        wild = joint_wild(fit, design.contrast, draws, labels) if draws else None
    except FAILURES as failure:
        return _Drawn(row={**row, "error": str(failure)})
    made = {k: v for k, v in estimate_row(e).items() if k != "method"}
    standard = {
        "standardised": float(e.estimate) / data.sd,
        "std_low": float(e.ci_low) / data.sd,
        "std_high": float(e.ci_high) / data.sd,
    }
    if wild is None:
        return _Drawn(row={**row, **made, **standard})
    row = {**row, **made, **standard, "p_wild": float(wild.p[0])}
    return _Drawn(row=row, t=float(wild.t[0]), drawn_t=wild.drawn_t[0])


def _corrected(found: list[_Drawn], draws: Draws | None) -> list[Row]:
    """Return the rows of a sample with p corrected over its measures, and the joint p."""
    used = [i for i, one in enumerate(found) if one.drawn_t is not None]
    rows = [one.row for one in found]
    if not used or draws is None:
        return rows
    stars = np.stack([star for one in found if (star := one.drawn_t) is not None])
    adjusted = romano_wolf([found[i].t for i in used], stars, exact=draws.exact)
    for i, p in zip(used, adjusted.tolist(), strict=True):
        rows[i] = {**rows[i], "p_romano_wolf": p, "p_joint": float(np.nanmin(adjusted))}
    return rows
