"""The dose contrasts on what was measured before birth, which no visit can have changed.

A difference there is selection: families that go on to have many visits were others from the start.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from mtb_eval.analysis.care_effect import FAILURES, Row, estimate_row
from mtb_eval.analysis.dose_contrasts import WEIGHTS
from mtb_eval.analysis.dose_data import Array, Flags, frame
from mtb_eval.analysis.model_data import dummies, natural_spline, pooled_sd, stack
from mtb_eval.analysis.received import at_threshold
from mtb_eval.data.families import Study
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.draws import wild_draws
from mtb_eval.inference.estimate import Estimate
from mtb_eval.inference.max_t import max_t_p
from mtb_eval.inference.ols import LeastSquares, ols, with_spectrum
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.inference.wild import wild_statistics
from mtb_eval.inference.wild_scores import wild_scores
from mtb_eval.study import DoseRule, Outcome, Plan

PLACEBO_COLUMNS = (
    *("column", "label_en", "label_da", "sample", "contrast", "method", "estimate", "se", "df", "ci_low", "ci_high"),
    *("p", "standardised", "std_low", "std_high", "p_joint", "n_measures", "n_high", "n_low", "n_control"),
    *("n_clusters", "warning", "error"),
)
EVERYONE, ANALYSED = "all families", "families with an outcome"


def placebo(
    study: Study, plan: Plan, outcomes: list[Outcome], *, rng: np.random.Generator | None = None
) -> pd.DataFrame:
    """Return the dose contrasts on every pre-birth measure, among all families and those with one of `outcomes`.

    Model: high, low, municipality dummies, calendar spline; CR2. `p_joint` is of the largest |t| of a contrast over
    all measures of the sample (WCR31, the same signs for all). `rng` is needed with more than 12 municipalities.
    """
    measures = _measures(plan, study)
    if plan.dose is None or not measures:
        return frame([], PLACEBO_COLUMNS)
    n_visits = study.families["n_visits"].to_numpy(dtype=float)
    answered = study.families[[o.variable for o in outcomes]].notna().any(axis=1).to_numpy(dtype=bool)
    samples = {EVERYONE: np.isfinite(n_visits), ANALYSED: np.isfinite(n_visits) & answered}
    return frame(
        [row for name, kept in samples.items() for row in _rows(study, plan, (name, kept), measures, rng)],
        PLACEBO_COLUMNS,
    )


def joint_p(table: pd.DataFrame, contrast: str, *, sample: str = ANALYSED) -> float:
    """Return the joint p of a contrast in a placebo table; NaN if there is none."""
    rows = table[(table["contrast"] == contrast) & (table["sample"] == sample)]
    return float(rows["p_joint"].iloc[0]) if len(rows) else math.nan


def _measures(plan: Plan, study: Study) -> dict[str, tuple[str, str]]:
    """Return the labels of pre-birth columns: those of the baseline table, covariates, and outcomes' own baselines."""
    found = {c.column: (c.label.en, c.label.da) for c in (*plan.covariates, *plan.baseline_table)}
    own = {o.baseline: (o.label.en, o.label.da) for o in plan.outcomes if o.baseline and o.baseline not in found}
    return {c: label for c, label in (found | own).items() if c in study.families}


def _rows(
    study: Study,
    plan: Plan,
    sample: tuple[str, Flags],
    measures: dict[str, tuple[str, str]],
    rng: np.random.Generator | None,
) -> list[Row]:
    name, kept = sample
    families = study.families[kept]
    mtb = families["mtb"].to_numpy(dtype=float) == 1
    high = mtb & _high(families, plan.dose)
    counts = {"n_high": float(high.sum()), "n_low": float((mtb & ~high).sum()), "n_control": float((~mtb).sum())}
    shared: Row = {"sample": name, "n_measures": float(len(measures)), **counts}
    empty = [k.removeprefix("n_") for k, v in counts.items() if not v]
    problem = f"no family of the group {empty[0]}" if empty else ""
    try:
        found = {} if problem else _estimates(study, plan, kept, list(measures), rng)
    except FAILURES as failure:
        problem, found = str(failure), {}
    if problem:
        return [{**shared, "contrast": c, "method": "not estimated", "error": problem} for c in WEIGHTS]
    return [
        {**shared, "column": column, "label_en": label[0], "label_da": label[1], "contrast": contrast, **row}
        for contrast, rows in found.items()
        for (column, label), row in zip(measures.items(), rows, strict=True)
    ]


def _high(families: pd.DataFrame, rule: DoseRule | None) -> Flags:
    n_visits = families["n_visits"].to_numpy(dtype=float)
    return at_threshold(n_visits, rule) if rule else np.zeros(len(families), dtype=bool)


def _estimates(
    study: Study, plan: Plan, kept: Flags, columns: list[str], rng: np.random.Generator | None
) -> dict[str, list[Row]]:
    """Return for each contrast one row per column."""
    families = study.families[kept]
    mtb = families["mtb"].to_numpy(dtype=float)
    high = mtb * _high(families, plan.dose)
    place = families["municipality"].to_numpy(dtype=str)
    calendar = natural_spline(study.families["calendar_years"].to_numpy(dtype=float), plan.calendar_df)[kept]
    x = stack(high, mtb - high, dummies(place), calendar)
    y = families[columns].to_numpy(dtype=float).T
    fit = with_spectrum(ols(cross_products(x, y, place), collinear="drop"))
    sd = np.array([_sd(v, mtb) for v in y])
    return {c: _contrast_rows(fit, np.array(w), plan.level, sd, rng) for c, w in WEIGHTS.items()}


def _contrast_rows(
    fit: LeastSquares, weights: Array, level: float, sd: Array, rng: np.random.Generator | None
) -> list[Row]:
    contrast = np.concatenate([weights, np.zeros(fit.cross.n_columns - weights.size)])
    found = cluster_robust(fit, contrast, kind="CR2", level=level)
    scores = wild_scores(fit, contrast, variant="wcr31")
    draws = wild_draws(fit.cross.n_clusters, rng=rng)
    t, drawn = wild_statistics(scores, draws)
    p_joint = max_t_p(t, drawn, exact=draws.exact)
    clusters = np.broadcast_to(fit.n_clusters, sd.shape)
    return [
        {**_row(found, k), **_standardised(found, k, sd[k]), "p_joint": p_joint, "n_clusters": float(clusters[k])}
        for k in range(sd.size)
    ]


def _row(found: Estimate, k: int) -> Row:
    one = Estimate(
        estimate=found.estimate[k],
        se=found.se[k],
        df=found.df[k],
        ci_low=found.ci_low[k],
        ci_high=found.ci_high[k],
        p=found.p[k],
        method=found.method,
        warning="" if np.isfinite(found.p[k]) else "the measure does not vary enough for a standard error",
    )
    return estimate_row(one)


def _standardised(found: Estimate, k: int, sd: float) -> Row:
    scale = 1 / sd if sd > 0 else math.nan
    names = {"standardised": found.estimate, "std_low": found.ci_low, "std_high": found.ci_high}
    return {name: float(values[k]) * scale for name, values in names.items()}


def _sd(values: Array, mtb: Array) -> float:
    there = np.isfinite(values)
    return pooled_sd(values[there], mtb[there])
