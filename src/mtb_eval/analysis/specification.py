"""The specification curve: the effect under every set of choices, and whether the whole of it could be chance.

The set holds municipality dummies or not, four forms of calendar time, covariates and baseline score or not, and
response weights where they are given. It holds no mixed models: they have no restricted residuals to draw signs for.
Simonsohn, Simmons & Nelson (2020), doi 10.1038/s41562-020-0912-z.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import FAILURES, Row, names_of, unusable
from mtb_eval.analysis.model_data import ModelData
from mtb_eval.analysis.outcome_batches import Batch, Models, all_municipalities, batches
from mtb_eval.analysis.row_table import ESTIMATE
from mtb_eval.analysis.specification_designs import Specification, columns, specifications
from mtb_eval.analysis.trust_rows import frame
from mtb_eval.analysis.verdicts import per_sd
from mtb_eval.data.families import Study
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.draws import Draws
from mtb_eval.inference.estimate import Estimate
from mtb_eval.inference.joint_wild import JointWild, chosen, joint_wild, stacked
from mtb_eval.inference.ols import column_contrast, ols
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.inference.specification_null import joint_null
from mtb_eval.study import Outcome, Plan

Array = NDArray[np.float64]

SPECIFICATION_COLUMNS = (
    "outcome",
    "family",
    "wave",
    "form",
    "municipality_dummies",
    "calendar",
    "covariates",
    "baseline",
    "weights",
    "decides",
    "rank",
    *ESTIMATE,
    "p_wild",
    "standardised",
    "std_low",
    "std_high",
    "n_mtb",
    "n_control",
    "n_clusters",
    "warning",
    "error",
)
CURVE_COLUMNS = (
    "outcome",
    "family",
    "wave",
    "n_specifications",
    "n_positive",
    "std_lowest",
    "std_median",
    "std_highest",
    "p_median",
    "share_significant",
    "share_expected",
    "p_share",
    "n_draws",
    "warning",
    "error",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecificationTables:
    """specifications: one row per outcome and set of choices (`form` in words), ordered by `rank` of `standardised`
        within outcome; estimate with CR2, Satterthwaite df; `p_wild` WCR31; `decides` marks the primary model.
    specification_curve: one row per outcome: the number of specifications, of those that favour MTB, lowest, median
        and highest standardised effect; `p_median`: the chance of so large a median without any effect, `p_share` that
        of so large a share of specifications with WCR31 p below the bound in one direction, from WCR31 draws with the
        same sign for a municipality in all specifications; `share_expected` under the draws.
    """

    specifications: pd.DataFrame
    specification_curve: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fitted:
    """A batch under one specification: estimates and wild draws of its k outcomes, or why there are none."""

    choice: Specification
    estimate: Estimate | None = None
    wild: JointWild | None = None
    error: str = ""


def specification_tables(
    study: Study,
    plan: Plan,
    models: Models,
    draws: Draws | None,
    *,
    weights: Mapping[str, Array] | None = None,
) -> SpecificationTables:
    """Return the specification curve of every outcome.

    `weights`: by outcome id, response weights of all families (0 or NaN: not used), for a weighted half of the curve.
    Without `draws` (too many municipalities to list all signs) there are no wild p.
    """
    labels, rows, curves = all_municipalities(study), dict[str, list[Row]](), dict[str, Row]()
    for batch in batches(study, plan.outcomes, models):
        plain = _fits(batch, _choices(batch, weighted=False), draws, (labels, None), plan.level)
        for i, outcome in enumerate(batch.outcomes):
            made = [(f, i) for f in plain]
            if weights and outcome.id in weights:
                used = np.nan_to_num(np.asarray(weights[outcome.id], dtype=float)[batch.rows])
                alone = replace(batch, outcomes=(outcome,), y=batch.y[i : i + 1])
                choices = _choices(batch, weighted=True)
                made += [(f, 0) for f in _fits(alone, choices, draws, (labels, used), plan.level)]
            rows[outcome.id] = _ranked([_row(f, at, outcome, models[outcome.id]) for f, at in made])
            curves[outcome.id] = _curve(made, rows[outcome.id], plan)
    named = [{**names_of(o), **curves.get(o.id, {"error": unusable(models[o.id])})} for o in plan.outcomes]
    return SpecificationTables(
        specifications=frame((r for o in plan.outcomes for r in rows.get(o.id, [])), SPECIFICATION_COLUMNS),
        specification_curve=frame(named, CURVE_COLUMNS),
    )


def _choices(batch: Batch, *, weighted: bool) -> list[Specification]:
    others = len(batch.names) > bool(batch.baseline)
    found = specifications(baseline=bool(batch.baseline), covariates=others, weighted=weighted)
    return [choice for choice in found if (choice.weights == "response") == weighted]


def _fits(
    batch: Batch,
    choices: list[Specification],
    draws: Draws | None,
    drawn_by: tuple[NDArray[np.str_], Array | None],
    level: float,
) -> list[_Fitted]:
    labels, weights = drawn_by
    fits = []
    for choice in choices:
        try:
            cross = cross_products(columns(batch, choice), batch.y, batch.municipality, weights=weights)
            fit = ols(cross, collinear="drop")
            contrast = column_contrast(fit, 0)
            estimate = cluster_robust(fit, contrast, kind="CR2", level=level)
            wild = joint_wild(fit, contrast, draws, labels) if draws else None
            fits.append(_Fitted(choice=choice, estimate=estimate, wild=wild))
        except FAILURES as failure:
            fits.append(_Fitted(choice=choice, error=str(failure)))
    return fits


def _row(fitted: _Fitted, at: int, outcome: Outcome, data: ModelData) -> Row:
    choice, e = fitted.choice, fitted.estimate
    values = {k: _at(getattr(e, k), at) for k in ESTIMATE} if e else {}
    scale = per_sd(outcome.better, data.sd)
    ends = sorted(scale * values.get(k, math.nan) for k in ("ci_low", "ci_high"))
    lost = e is not None and not math.isfinite(values["se"])
    return {
        **names_of(outcome),
        "form": choice.form,
        "municipality_dummies": choice.municipality_dummies,
        "calendar": choice.calendar,
        "covariates": choice.covariates,
        "baseline": choice.baseline,
        "weights": choice.weights,
        "decides": choice.primary and choice.baseline == (outcome.baseline in data.names),
        **values,
        "p_wild": float(fitted.wild.p[at]) if fitted.wild else math.nan,
        "standardised": scale * values.get("estimate", math.nan),
        "std_low": ends[0],
        "std_high": ends[1],
        "n_mtb": float(data.mtb.sum()),
        "n_control": float((1 - data.mtb).sum()),
        "n_clusters": float(data.n_clusters),
        "error": "the effect cannot be estimated with these columns" if lost else fitted.error,
    }


def _at(values: Array, at: int) -> float:
    """Return one outcome's value of a field that may be the same for the whole batch."""
    return float(values) if np.ndim(values) == 0 else float(np.asarray(values).reshape(-1)[at])


def _ranked(rows: list[Row]) -> list[Row]:
    """Return the rows from the least to the most favourable standardised effect, with their rank; NaN last."""
    last = sorted(rows, key=lambda row: (math.isnan(_number(row)), _number(row)))
    return [{**row, "rank": float(i + 1) if math.isfinite(_number(row)) else math.nan} for i, row in enumerate(last)]


def _curve(made: list[tuple[_Fitted, int]], rows: list[Row], plan: Plan) -> Row:
    found = np.array([_number(row) for row in rows])
    found = found[np.isfinite(found)]
    if not len(found):
        return {"error": "no specification could be estimated"}
    row: Row = {
        "n_specifications": float(len(found)),
        "n_positive": float((found > 0).sum()),
        "std_lowest": float(found.min()),
        "std_median": float(np.median(found)),
        "std_highest": float(found.max()),
    }
    wild = [chosen(f.wild, [at]) for f, at in made if f.wild is not None]
    if not wild:
        return {**row, "warning": "no joint test: the signs of so many municipalities cannot be listed"}
    try:
        test = joint_null(stacked(wild), significant=plan.verdicts.significant)
    except FAILURES as failure:
        return {**row, "error": str(failure)}
    return {
        **row,
        "p_median": test.p_median,
        "share_significant": test.share,
        "share_expected": test.share_expected,
        "p_share": test.p_share,
        "n_draws": float(test.n_draws),
        "warning": f"{len(rows) - test.k} specifications could not be estimated" if test.k < len(rows) else "",
    }


def _number(row: Row) -> float:
    return float(row["standardised"])  # type: ignore[arg-type]
