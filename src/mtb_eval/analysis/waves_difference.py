"""Did the effect grow between two waves? The difference of two standardised effects, with its interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from mtb_eval.analysis.attrition_case import design_columns
from mtb_eval.analysis.care_effect import Row, attempt, base_row, estimate_row, primary_design, unusable, wild_row
from mtb_eval.analysis.design_rows import joined
from mtb_eval.analysis.model_data import ModelData, model_data
from mtb_eval.analysis.verdicts import few_df, sign_of, smallest_detectable
from mtb_eval.analysis.waves_series import Series, series
from mtb_eval.data.families import Study
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.multiplicity import holm
from mtb_eval.inference.ols import LeastSquares, contrast_estimate, ols
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.inference.wild import wild_bootstrap
from mtb_eval.study import Outcome, Plan

Array = NDArray[np.float64]

DIFFERENCE_COLUMNS = (
    *("column", "outcome", "family", "from_wave", "to_wave", "analysis", "method", "estimate", "se", "df"),
    *("ci_low", "ci_high", "p", "p_holm", "effect_from", "effect_to", "mde", "n_mtb", "n_control", "n_clusters"),
    *("warning", "error"),
)
SAME, ALL, MEAN = "same families", "all families", "mean of the scales, same families"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One measure at two waves, in SD of each wave and turned so that higher is better, (n,) of all families."""

    item: Series
    before: Outcome
    after: Outcome
    first: Array
    last: Array


def difference_in_effect_rows(study: Study, plan: Plan) -> Iterator[Row]:
    """Yield effect at the last wave minus effect at the one before it, in SD, positive: it grew in favour of MTB.

    "same families": those measured at both, the primary model on the difference (stacking both waves with all columns
    doubled gives the same numbers), CR2 and WCR31; "all families": both waves stacked, CR2 by municipality, which
    takes in that a family is there twice; "mean of the scales": of a family of outcomes. Each wave's SD (pooled
    within arms) is taken as known. `p_holm` within family of outcomes, CR2 rows of the same families.
    """
    pairs = [_pair(study, plan, item) for item in series(study, plan)]
    rows = [row for pair in pairs for row in _pair_rows(study, plan, pair)]
    yield from _adjusted(rows)
    for family in dict.fromkeys(p.after.family for p in pairs):
        own = [p for p in pairs if p.after.family == family]
        if len(own) > 1:
            yield from _mean_rows(study, plan, own)


def _pair(study: Study, plan: Plan, item: Series) -> Pair:
    before, after = item.outcomes[-2:]
    return Pair(
        item=item,
        before=before,
        after=after,
        first=_in_sd(study, plan, before),
        last=_in_sd(study, plan, after),
    )


def _in_sd(study: Study, plan: Plan, outcome: Outcome) -> Array:
    data = model_data(study, plan, outcome)
    values = np.full(len(study.families), np.nan)
    if data.sd > 0:
        values[data.rows] = sign_of(outcome.better) * data.y / data.sd
    return values


def _pair_rows(study: Study, plan: Plan, pair: Pair) -> Iterator[Row]:
    data = _data(study, plan, pair.after, pair.last - pair.first)
    before, after = _data(study, plan, pair.after, pair.first), _data(study, plan, pair.after, pair.last)
    effects: Row = {"effect_from": _effect(before, data), "effect_to": _effect(after, data)}
    base = {**_base(data, pair), "analysis": SAME, **effects}
    yield from (_finished(r, plan.level) for r in attempt(base, data, _same, plan.level))
    everyone = _stacked_data(before, after)
    base = {**_base(everyone, pair), **_numbers(before, after), "analysis": ALL}
    base |= {"effect_from": _effect(before, before), "effect_to": _effect(after, after)}

    def build(_: ModelData, level: float) -> Iterator[Row]:
        yield _stacked(before, after, level)

    yield from (_finished(r, plan.level) for r in attempt(base, everyone, build, plan.level))


def _mean_rows(study: Study, plan: Plan, pairs: Sequence[Pair]) -> Iterator[Row]:
    """Yield the difference for the mean of a family's scales, in the SD of single scales."""
    last = np.mean([p.last for p in pairs], axis=0)
    first = np.mean([p.first for p in pairs], axis=0)
    data = _data(study, plan, pairs[0].after, last - first)
    base: Row = {**_base(data, pairs[0]), "column": "", "outcome": "", "analysis": MEAN}
    before, after = (_data(study, plan, pairs[0].after, y) for y in (first, last))
    base |= {"effect_from": _effect(before, data), "effect_to": _effect(after, data)}
    note = f"mean of {len(pairs)} scales, families with all of them"
    for row in attempt(base, data, _same, plan.level):
        yield _finished({**row, "warning": joined(str(row.get("warning", "")), note)}, plan.level)


def _data(study: Study, plan: Plan, outcome: Outcome, y: Array) -> ModelData:
    """Return the primary model's arrays with `y` (n of all families) as the outcome."""
    made = replace(outcome, column=f"{outcome.column}.made", better="higher", population=None)
    families = study.families.assign(**{made.variable: y})
    return model_data(replace(study, families=families), plan, made)


def _base(data: ModelData, pair: Pair) -> Row:
    row = base_row(data, pair.after)
    kept = {k: row[k] for k in ("outcome", "family", "n_mtb", "n_control", "n_clusters")}
    return {
        **{**kept, "column": pair.after.column},
        **{"from_wave": pair.before.wave, "to_wave": pair.after.wave, "sign": 1.0},
    }


def _numbers(before: ModelData, after: ModelData) -> Row:
    """Return the arms' numbers of families that are there at either wave."""
    arm = {**dict(zip(before.rows, before.mtb, strict=True)), **dict(zip(after.rows, after.mtb, strict=True))}
    n_mtb = float(sum(arm.values()))
    return {"n_mtb": n_mtb, "n_control": len(arm) - n_mtb}


def _same(data: ModelData, level: float) -> Iterator[Row]:
    fit, contrast = _fit(data)
    yield estimate_row(cluster_robust(fit, contrast, level=level))
    yield wild_row(wild_bootstrap(fit, contrast, variant="wcr31", level=level))


def _fit(data: ModelData) -> tuple[LeastSquares, Array]:
    design = primary_design(data)
    return ols(design.cross, collinear="drop"), design.contrast


def _effect(data: ModelData, among: ModelData) -> float:
    """Return the primary estimate on `data`, for the families of `among` only; NaN where there is none."""
    kept = np.isin(data.rows, among.rows)
    if not kept.any():
        return math.nan
    part = replace(
        data,
        y=data.y[kept],
        mtb=data.mtb[kept],
        municipality=data.municipality[kept],
        covariates=data.covariates[kept],
        calendar=data.calendar[kept],
        rows=data.rows[kept],
    )
    if unusable(part):
        return math.nan
    fit, contrast = _fit(part)
    return float(contrast_estimate(fit, contrast))


def _stacked_data(before: ModelData, after: ModelData) -> ModelData:
    n = len(before.y) + len(after.y)
    return replace(
        before,
        y=np.concatenate([before.y, after.y]),
        mtb=np.concatenate([before.mtb, after.mtb]),
        municipality=np.concatenate([before.municipality, after.municipality]),
        rows=np.concatenate([before.rows, after.rows]),
        covariates=np.empty((n, 0)),
        calendar=np.empty((n, 0)),
        names=(),
    )


def _stacked(before: ModelData, after: ModelData, level: float) -> Row:
    parts = [design_columns(d) for d in (before, after)]
    x = linalg.block_diag(*parts)
    contrast = np.zeros(x.shape[1])
    contrast[0], contrast[parts[0].shape[1]] = -1.0, 1.0
    towns = np.concatenate([before.municipality, after.municipality])
    fit = ols(cross_products(x, np.concatenate([before.y, after.y]), towns), collinear="drop")
    return estimate_row(cluster_robust(fit, contrast, level=level))


def _finished(row: Row, level: float) -> Row:
    rest = {k: v for k, v in row.items() if k != "standardised"}
    se, df = (float(row.get(k, math.nan)) for k in ("se", "df"))  # type: ignore[arg-type]
    warning = joined(str(row.get("warning", "")), few_df(df))
    return {**rest, "mde": smallest_detectable(se, df, level=level), "warning": warning}


def _adjusted(rows: list[Row]) -> Iterator[Row]:
    deciding = [r for r in rows if r["analysis"] == SAME and str(r["method"]).startswith("CR2")]
    adjusted: dict[int, float] = {}
    for family in dict.fromkeys(r["family"] for r in deciding):
        own = [r for r in deciding if r["family"] == family]
        p = holm(np.array([float(r["p"]) for r in own]))  # type: ignore[arg-type]
        adjusted |= {id(r): float(v) for r, v in zip(own, p, strict=True)}
    yield from ({**r, "p_holm": adjusted.get(id(r), math.nan)} for r in rows)
