"""Measures with a true pre-birth baseline over all waves at once: the constrained longitudinal model beside ANCOVA."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import FAILURES, Row, asked_of, estimate_row
from mtb_eval.analysis.coding_attenuation import primary_row
from mtb_eval.analysis.design_rows import joined
from mtb_eval.analysis.model_data import ModelData, dummies, model_data, stack
from mtb_eval.analysis.verdicts import few_df, sign_of
from mtb_eval.analysis.waves_series import Series, series
from mtb_eval.data.families import Study
from mtb_eval.inference.estimating_equations import robust_estimate
from mtb_eval.inference.longitudinal import Longitudinal, fit_longitudinal
from mtb_eval.study import Outcome, Plan

Array = NDArray[np.float64]

LONGITUDINAL_COLUMNS = (
    *(
        "column",
        "family",
        "measure",
        "analysis",
        "wave",
        "months",
        "method",
        "estimate",
        "se",
        "df",
        "ci_low",
        "ci_high",
    ),
    *("p", "standardised", "std_low", "std_high", "n_mtb", "n_control", "n_families", "n_clusters"),
    *("warning", "error"),
)
CLDA, FREE, ANCOVA = "cLDA", "free baseline", "ANCOVA"
EFFECT, CHANGE, BEFORE = "effect", "difference from the wave before", "difference before birth"
CONSTRAINT = (
    "equal means before birth are assumed, which randomising persons would justify; here training was drawn by lot "
    "for some municipalities only"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A measure at T waves, the first before birth: `y` (n, T), columns `x` (n, q), arm and municipality (n,).

    `scale` (T,) turns raw into standardised values (SD of the wave, positive favours MTB).
    """

    item: Series
    waves: tuple[str, ...]
    y: Array
    x: Array
    data: ModelData
    scale: Array


def longitudinal_rows(study: Study, plan: Plan) -> Iterator[Row]:
    """Yield for each measure with a pre-birth score the effect at each wave by three models, and what changed.

    "cLDA": all waves at once, arms equal before birth, unstructured covariance, every family with any answer;
    "free baseline": the same with a difference before birth, effects being changes from it; "ANCOVA": the primary
    model at that wave. All have municipalities, calendar time and the covariates at each wave, CR2 by municipality,
    Satterthwaite df. Measure "difference from the wave before": of two cLDA effects, raw; "difference before
    birth": what cLDA sets to 0.
    """
    for item in series(study, plan):
        history = _history(study, plan, item)
        if history is not None:
            yield from _rows(study, plan, history)


def _history(study: Study, plan: Plan, item: Series) -> History | None:
    """Return the measure's history, or None if it has no baseline of its own."""
    latest = item.latest
    before = next((w for w in plan.waves if w.months == 0 and latest.baseline == f"{latest.column}_{w.id}"), None)
    if before is None:
        return None
    columns = [f"{latest.column}_{before.id}", *(o.variable for o in item.outcomes)]
    everybody = replace(latest, column="everybody.made", population=None, baseline=None)
    here = study.families.assign(**{everybody.variable: np.arange(len(study.families), dtype=float)})
    data = model_data(replace(study, families=here), plan, everybody)
    others = [i for i, name in enumerate(data.names) if name != latest.baseline]
    y = study.families[columns].to_numpy(dtype=float)[data.rows]
    sds = [replace(data, y=v[ok], mtb=data.mtb[ok]).sd for v, ok in ((v, np.isfinite(v)) for v in y.T)]
    return History(
        item=item,
        waves=(before.id, *(o.wave for o in item.outcomes)),
        y=y,
        x=stack(dummies(data.municipality), data.calendar, data.covariates[:, others]),
        data=data,
        scale=np.array([sign_of(latest.better) / sd if sd > 0 else np.nan for sd in sds]),
    )


def _rows(study: Study, plan: Plan, history: History) -> Iterator[Row]:
    n_waves = len(history.waves)
    later = np.arange(n_waves) > 0
    for analysis, arm_at in ((CLDA, later), (FREE, np.ones(n_waves, dtype=bool))):
        try:
            fit = fit_longitudinal(history.y, history.data.mtb, history.x, history.data.municipality, arm_at=arm_at)
        except FAILURES as failure:
            base = _without_scale(_base(plan, history, n_waves - 1))
            yield {**base, "measure": EFFECT, "analysis": analysis, "error": str(failure)}
            continue
        yield from _fitted(plan, history, fit, analysis)
    for outcome in history.item.outcomes:
        yield _ancova(study, plan, history, outcome)


def _fitted(plan: Plan, history: History, fit: Longitudinal, analysis: str) -> Iterator[Row]:
    free = analysis == FREE
    for t in range(len(history.waves)):
        base: Row = {**_base(plan, history, t), "analysis": analysis, "n_families": float(fit.n_families)}
        if t == 0:
            if free:
                yield _row({**base, "measure": BEFORE}, fit, fit.contrasts[0], plan.level)
            continue
        if not np.isfinite(fit.effects[t]):
            error = "care received follows from municipality, time and covariates among those who answered"
            yield {**_without_scale(base), "measure": EFFECT, "error": error}
            continue
        contrast = fit.contrasts[t] - (fit.contrasts[0] if free else 0.0)
        note = "change since before birth" if free else CONSTRAINT
        yield _row({**base, "measure": EFFECT, "warning": note}, fit, contrast, plan.level)
        if t > 1 and not free and np.isfinite(fit.effects[t - 1]):
            step = fit.contrasts[t] - fit.contrasts[t - 1]
            yield _row({**base, "measure": CHANGE, "warning": CONSTRAINT}, fit, step, plan.level)


def _row(base: Row, fit: Longitudinal, contrast: Array, level: float) -> Row:
    scale = float(base["scale"])  # type: ignore[arg-type]
    name = "maximum likelihood, unstructured over waves"
    row = estimate_row(robust_estimate(fit.equations, contrast, method=name, level=level))
    ends = sorted(scale * float(row[c]) for c in ("ci_low", "ci_high"))  # type: ignore[arg-type]
    low = few_df(float(row["df"]))  # type: ignore[arg-type]
    return {
        **_without_scale(base),
        **row,
        "standardised": scale * float(row["estimate"]),  # type: ignore[arg-type]
        **{"std_low": ends[0], "std_high": ends[1]},
        "warning": joined(str(base.get("warning", "")), str(row["warning"]), low),
    }


def _ancova(study: Study, plan: Plan, history: History, outcome: Outcome) -> Row:
    baseline = history.item.latest.baseline
    row = primary_row(study, plan, replace(outcome, baseline=baseline))
    t = history.waves.index(outcome.wave)
    kept = {k: v for k, v in row.items() if k in LONGITUDINAL_COLUMNS}
    base = _without_scale(_base(plan, history, t))
    warning = joined(asked_of(outcome), str(row.get("warning", "")))
    n = float(np.sum([row["n_mtb"], row["n_control"]]))
    named: Row = {"family": base["family"], "measure": EFFECT, "analysis": ANCOVA, "n_families": n}
    return {**base, **kept, **named, "warning": warning}


def _base(plan: Plan, history: History, t: int) -> Row:
    seen = np.isfinite(history.y[:, t])
    wave = history.waves[t]
    return {
        **{"column": history.item.latest.column, "family": history.item.latest.family},
        **{"wave": wave, "months": plan.wave(wave).months, "scale": float(history.scale[t])},
        "n_mtb": float(history.data.mtb[seen].sum()),
        "n_control": float((1 - history.data.mtb[seen]).sum()),
        "n_clusters": float(len(np.unique(history.data.municipality[seen]))),
    }


def _without_scale(row: Row) -> Row:
    return {k: v for k, v in row.items() if k != "scale"}
