"""Being recruited where MTB was on offer as an instrument for receiving MTB.

Z = 1 if the municipality had been trained when the family was recruited, D = 1 if the family received MTB. Staff chose
which families went without where places ran out; they did not choose Z. Two-stage least squares beside the columns of
the primary model gives the effect among families that receive MTB because it is on offer (Imbens & Angrist 1994,
doi 10.2307/2951620), if, given municipality and calendar time, Z moves outcomes through D only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import Row, estimate_row
from mtb_eval.analysis.decomposition_sources import on_offer
from mtb_eval.analysis.design_rows import ESTIMATE_COLUMNS, Build, attempted, shared, table, without_unit
from mtb_eval.analysis.model_data import ModelData, dummies, model_data, stack
from mtb_eval.data.families import Study
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.estimating_equations import robust_estimate
from mtb_eval.inference.iv import IvModel, anderson_rubin, first_stage, iv_model, two_stage_least_squares
from mtb_eval.inference.ols import column_contrast, ols
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.study import Plan

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

OFFER = "effect of the offer (reduced form)"
INSTRUMENT = "effect of care received (instrument)"
FIRST_STAGE = "effect of the offer on receipt (first stage)"
INSTRUMENT_COLUMNS = (
    *ESTIMATE_COLUMNS[:14],
    "shape",
    "gap_low",
    "gap_high",
    "n_offered",
    *ESTIMATE_COLUMNS[14:],
)
FIRST_STAGE_COLUMNS = (
    *ESTIMATE_COLUMNS[:11],
    "f",
    "df_numerator",
    "df_denominator",
    "p_f",
    "effective_f",
    "n_offered",
    "n_never",
    "n_always",
    *ESTIMATE_COLUMNS[14:],
)
RECEIPT_COLUMNS = (
    "municipality",
    "randomised",
    "n_before",
    "n_mtb_before",
    "n_after",
    "n_mtb_after",
    "share_before",
    "share_after",
    "one_sided",
    "warning",
)
SAME = "everyone got MTB where it was on offer and no one elsewhere: the instrument is care received itself"
NO_MOVE = "being on offer does not vary beyond municipality, calendar time and covariates among these families"


def offer_receipt(study: Study, plan: Plan) -> pd.DataFrame:
    """Return who received MTB before and after the training of their municipality, and (municipality "") in all.

    `n_before`, `n_after` families recruited before and from the training on, `n_mtb_*` of them with MTB, `share_*`;
    `one_sided`: no family had MTB before it was on offer.
    """
    families = study.families
    offered, mtb = on_offer(families, plan), families["mtb"].to_numpy(dtype=float)
    places = families["municipality"].to_numpy(dtype=str)
    groups = [(m.code, m.randomised, places == m.code) for m in plan.municipalities]
    groups.append(("", False, np.ones(len(families), dtype=bool)))
    rows = [
        {"municipality": code, "randomised": lot, **_received(mtb[here], offered[here])} for code, lot, here in groups
    ]
    return table(rows, RECEIPT_COLUMNS)


def first_stages(study: Study, plan: Plan) -> pd.DataFrame:
    """Return, by outcome, how much more often MTB is received where it is on offer, among families with the outcome.

    `estimate` is a difference in shares beside the columns of the primary model, CR2 with Satterthwaite df; `f` (CR1S)
    on `df_numerator` and `df_denominator` = G - 1 with `p_f`, and `effective_f` (Montiel Olea & Pflueger 2013,
    doi 10.1080/00401706.2013.806694); infinite where the instrument is care received itself. Of `n_offered` families
    `n_never` did not receive it; `n_always` received it without the offer.
    """
    rows = without_unit(_each(study, plan, _first_stage), FIRST_STAGE_COLUMNS)
    return table(({**row, "analysis": FIRST_STAGE} for row in rows), FIRST_STAGE_COLUMNS)


def instrument_effects(study: Study, plan: Plan) -> pd.DataFrame:
    """Return the effect of the offer and, by the instrument, of care received, by outcome and method.

    Methods: CR2 with Satterthwaite df and CR1S with t(G-1) for two-stage least squares; the Anderson-Rubin set (CR2),
    valid however weak the instrument: `shape` of the set, its outermost ends `ci_low` and `ci_high` (infinite where
    unbounded), and the gap (`gap_low`, `gap_high`) outside it if it is two half-lines; `p` is for no effect.
    """
    return table(_each(study, plan, _effects), INSTRUMENT_COLUMNS)


def instrument_model(data: ModelData, offered: Flags) -> IvModel:
    """Return the model of `data` with `offered` (n,) as the instrument; exogenous columns as an orthonormal basis.

    Raises ValueError if the instrument is a combination of the exogenous columns.
    """
    z = offered.astype(float)
    w = _basis(stack(dummies(data.municipality), data.calendar, data.covariates))
    left = z - w @ (w.T @ z)
    if left @ left <= 1e-10 * max(float(z @ z), 1.0):
        raise ValueError(NO_MOVE)
    return iv_model(data.y, data.mtb, exogenous=w, instruments=z, cluster=data.municipality)


def _basis(w: Array) -> Array:
    """Return an orthonormal basis (n, r) of the columns of w."""
    u, size, _ = np.linalg.svd(w / np.maximum(np.linalg.norm(w, axis=0), np.finfo(float).tiny), full_matrices=False)
    return np.asarray(u[:, size > 1e-10 * size[0]])


def _received(mtb: Array, offered: Flags) -> Row:
    before, after = mtb[~offered], mtb[offered]
    return {
        "n_before": float(len(before)),
        "n_mtb_before": float(before.sum()),
        "n_after": float(len(after)),
        "n_mtb_after": float(after.sum()),
        "share_before": float(before.mean()) if len(before) else math.nan,
        "share_after": float(after.mean()) if len(after) else math.nan,
        "one_sided": not before.any(),
        "warning": "no family was recruited here" if not len(mtb) else "",
    }


def _each(study: Study, plan: Plan, make: Callable[[Flags], Build]) -> Iterator[Row]:
    offered = on_offer(study.families, plan)
    for outcome in plan.outcomes:
        data = model_data(study, plan, outcome)
        here = offered[data.rows]
        base = {**shared(data, outcome, data.sd), "analysis": INSTRUMENT, "n_offered": float(here.sum())}
        yield from attempted(base, data, make(here), plan.level)


def _first_stage(offered: Flags) -> Build:
    def build(data: ModelData, level: float) -> Iterator[Row]:
        model = instrument_model(data, offered)
        x = np.column_stack([model.instruments, model.exogenous])
        fit = ols(cross_products(x, data.mtb, data.municipality))
        row = estimate_row(cluster_robust(fit, column_contrast(fit, 0), kind="CR2", level=level))
        never, always = offered & (data.mtb == 0), ~offered & (data.mtb == 1)
        yield {
            **row,
            **_strength(model),
            "n_never": float(never.sum()),
            "n_always": float(always.sum()),
            "warning": SAME if _is_care(model) else row["warning"],
        }

    return build


def _strength(model: IvModel) -> Row:
    if _is_care(model):
        return {"f": math.inf, "df_numerator": 1.0, "effective_f": math.inf, "p_f": 0.0}
    found = first_stage(model)
    return {
        "f": found.f,
        "df_numerator": float(found.df[0]),
        "df_denominator": float(found.df[1]),
        "p_f": found.p,
        "effective_f": found.effective_f,
    }


def _is_care(model: IvModel) -> bool:
    return bool(np.array_equal(model.instruments[:, 0], model.endogenous))


def _effects(offered: Flags) -> Build:
    def build(data: ModelData, level: float) -> Iterator[Row]:
        model = instrument_model(data, offered)
        x = np.column_stack([model.instruments, model.exogenous])
        fit = ols(cross_products(x, data.y, data.municipality))
        yield {
            **estimate_row(cluster_robust(fit, column_contrast(fit, 0), kind="CR2", level=level)),
            "analysis": OFFER,
        }
        same = SAME if _is_care(model) else ""
        for row in (*_two_stage(model, level), _anderson_rubin(model, level)):
            yield {**row, "warning": same}

    return build


def _two_stage(model: IvModel, level: float) -> Iterator[Row]:
    equations = two_stage_least_squares(model)
    effect = np.eye(len(equations.coefficients))[0]
    yield estimate_row(robust_estimate(equations, effect, kind="CR2", method="2SLS", level=level))
    yield estimate_row(robust_estimate(equations, effect, kind="CR1S", reference="G-1", method="2SLS", level=level))


def _anderson_rubin(model: IvModel, level: float) -> Row:
    found = anderson_rubin(model, level=level)
    low, high = (found.intervals[0][0], found.intervals[-1][1]) if found.intervals else (math.nan, math.nan)
    gap = (found.intervals[0][1], found.intervals[1][0]) if len(found.intervals) == 2 else (math.nan, math.nan)
    return {
        "method": found.method,
        "estimate": float(two_stage_least_squares(model).coefficients[0]),
        "ci_low": low,
        "ci_high": high,
        "p": found.p,
        "shape": found.shape,
        "gap_low": gap[0],
        "gap_high": gap[1],
    }
