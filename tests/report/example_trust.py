"""Plausible tables on trust, for any plan, made by a seeded generator: no analysis."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from mtb_eval.analysis.diagnostics import DIAGNOSTIC_COLUMNS, LEVERAGE_COLUMNS
from mtb_eval.analysis.diagnostics_calendar import CALENDAR_COLUMNS
from mtb_eval.analysis.diagnostics_placebo import PLACEBO_COLUMNS
from mtb_eval.analysis.family_index import WEIGHT_COLUMNS
from mtb_eval.analysis.grades import GRADE_COLUMNS
from mtb_eval.analysis.multiplicity_rows import MULTIPLICITY_COLUMNS
from mtb_eval.analysis.municipality_effects import EFFECT_COLUMNS, SPREAD_COLUMNS
from mtb_eval.analysis.municipality_icc import ICC_COLUMNS
from mtb_eval.analysis.specification import CURVE_COLUMNS, SPECIFICATION_COLUMNS
from mtb_eval.analysis.specification_designs import CALENDARS
from mtb_eval.analysis.trust_rows import MODEL_COLUMNS, frame
from mtb_eval.study import Outcome, Plan

GRADES = ("not supported", "suggestive", "robust", "not estimable")
POISSON = "modified Poisson, log risk ratio, CR2 (bias-reduced under the working model), t(satterthwaite)"


def example_trust(plan: Plan, seed: int = 3) -> dict[str, pd.DataFrame]:
    """Return every table of TrustTables by name."""
    rng = np.random.default_rng(seed)
    each = plan.outcomes
    curves = {o.id: _specifications(o, rng) for o in each}
    specifications = frame((r for rows in curves.values() for r in rows), SPECIFICATION_COLUMNS)
    codes = [m.code for m in plan.municipalities]
    primary = specifications[specifications["municipality_dummies"] & specifications["covariates"]]
    return {
        "further_models": frame((r for o in each for r in _models(o, rng)), MODEL_COLUMNS),
        "index_weights": frame((_weight(o, len(each)) for o in each), WEIGHT_COLUMNS),
        "multiplicity": frame((_many(o, rng) for o in each), MULTIPLICITY_COLUMNS),
        "grades": frame((_grade(o, i, rng) for i, o in enumerate(each)), GRADE_COLUMNS),
        "municipality_leverage": frame((_leverage(o, c, rng) for o in each for c in codes), LEVERAGE_COLUMNS),
        "effect_diagnostics": frame((_diagnostic(o, codes[-1], rng) for o in each), DIAGNOSTIC_COLUMNS),
        "baseline_placebo": frame(_placebo(plan, rng), PLACEBO_COLUMNS),
        "calendar_forms": primary.drop_duplicates(["outcome", "calendar"])[list(CALENDAR_COLUMNS)].reset_index(
            drop=True
        ),
        "municipality_effects": frame((_local(o, c, rng) for o in each for c in codes), EFFECT_COLUMNS),
        "effect_spread": frame((_spread(o, rng) for o in each), SPREAD_COLUMNS),
        "municipality_icc": frame((_alike(o, rng) for o in each), ICC_COLUMNS),
        "specifications": specifications,
        "specification_curve": frame((_curve(o, curves[o.id], rng) for o in each), CURVE_COLUMNS),
    }


def _alike(o: Outcome, rng: np.random.Generator) -> dict[str, object]:
    icc = float(rng.uniform(0, 0.1))
    found = {"icc": icc, "icc_low": icc / 2, "icc_high": 4 * icc, "df": 150.0, "p": float(rng.uniform())}
    return {**_names(o), **found, "n_mtb": 120.0, "n_control": 50.0, "n_clusters": 10.0, "method": "made"}


def _names(o: Outcome) -> dict[str, object]:
    return {"outcome": o.id, "family": o.family, "wave": o.wave}


def _std(rng: np.random.Generator, half: float) -> dict[str, object]:
    value = float(rng.normal(0.2, half / 2))
    return {"standardised": value, "std_low": value - half, "std_high": value + half}


def _models(o: Outcome, rng: np.random.Generator) -> list[dict[str, object]]:
    base = {**_names(o), "n_mtb": 138, "n_control": 32, "n_clusters": 10, "p": float(rng.uniform(0.01, 0.9))}
    index = {**base, "outcome": f"{o.family}_index", "estimator": "mean index", "method": "CR2", **_std(rng, 0.5)}
    if o.kind == "binary":
        ratio = {"estimate": -0.5, "ratio": 0.61, "ratio_low": 0.2, "ratio_high": 1.7}
        return [
            {**base, "estimator": "logit", "method": "logit", "estimate": 0.1, "ci_low": -0.2, "ci_high": 0.4},
            {**base, "estimator": "modified Poisson", "method": f"{POISSON}, unadjusted", **ratio},
            {
                **base,
                "estimator": "modified Poisson",
                "error": "the columns separate the 9 rows with events",
                "p": np.nan,
            },
        ]
    return [{**index, "estimand": "care received, index of the family", "warning": "left out: asqse_total"}]


def _weight(o: Outcome, n: int) -> dict[str, object]:
    return {"family": o.family, "wave": o.wave, "component": o.id, "estimator": "mean index", "weight": 1 / n}


def _many(o: Outcome, rng: np.random.Generator) -> dict[str, object]:
    p = float(rng.uniform(0.001, 0.6))
    corrected = {c: min(1.0, 5 * p) for c in ("p_holm", "p_bh", "q_sharpened", "q_sharpened_all", "p_romano_wolf")}
    return {**_names(o), "n_family": 5, "p": p, "p_wild": p, **corrected, "replica_p": p, "replica_p_holm": 5 * p}


def _grade(o: Outcome, i: int, rng: np.random.Generator) -> dict[str, object]:
    p = {f"{c}_{part}": float(rng.uniform(0.01, 0.9)) for c in ("cr2", "wcr31", "lot") for part in ("p", "p_adjusted")}
    shown = {"passed": 1, "missing": "multiple imputation", "reachable": i % 2 == 0}
    return {**_names(o), "grade": GRADES[i % 4], **p, **shown}


def _leverage(o: Outcome, code: str, rng: np.random.Generator) -> dict[str, object]:
    return {**_names(o), "municipality": code, "partial_leverage": 0.1, "change": float(rng.normal(0, 0.05))}


def _diagnostic(o: Outcome, code: str, rng: np.random.Generator) -> dict[str, object]:
    low = float(rng.normal(0, 0.2))
    return {
        **_names(o),
        "n_clusters": 10,
        "n_both_arms": 9,
        "effective_clusters": 7.4,
        "largest_leverage": 0.21,
        "municipality": code,
        "df": 6.4,
        "care_left": 0.59,
        "loo_low": low,
        "loo_high": low + 0.3,
        "loo_sign_changes": 2,
    }


def _placebo(plan: Plan, rng: np.random.Generator) -> list[dict[str, object]]:
    items = (*plan.covariates, *plan.baseline_table)
    last = plan.waves[-1].id
    return [
        {
            "sample": sample,
            "measure": item.column,
            "label_en": item.label.en,
            "label_da": item.label.da,
            "p": float(rng.uniform(0.03, 0.9)),
            "p_joint": 0.3,
            **_std(rng, 0.4 + 0.1 * k),
        }
        for k, sample in enumerate(("all families", f"answered {last}", f"video {last}"))
        for item in items
    ]


def _local(o: Outcome, code: str, rng: np.random.Generator) -> dict[str, object]:
    return {**_names(o), "municipality": code, "n_mtb": 12, "n_control": 4, **_std(rng, 1.0)}


def _spread(o: Outcome, rng: np.random.Generator) -> dict[str, object]:
    mean, p = float(rng.normal(0.2, 0.2)), float(rng.uniform(0.01, 0.9))
    tau = {"tau_std": 0.2, "tau_std_low": 0.0, "tau_std_high": float(rng.uniform(0.3, 1.0))}
    ends = {"mean_std": mean, "prediction_low": mean - 1.1, "prediction_high": mean + 1.1}
    return {**_names(o), "n_effects": 9, "q": 8.0, "p": p, **tau, **ends, "replica_df": 159, "primary_df": 6.4}


def _specifications(o: Outcome, rng: np.random.Generator) -> list[dict[str, object]]:
    middle = float(rng.normal(0.2, 0.25))
    rows = [
        {
            **_names(o),
            "municipality_dummies": levels,
            "calendar": calendar,
            "covariates": covariates,
            "baseline": bool(o.baseline),
            "weights": "none",
            "decides": levels and covariates and calendar == "spline",
            "p": float(rng.uniform(0.01, 0.9)),
            "value": middle + float(rng.normal(0, 0.1)),
        }
        for levels, calendar, covariates in product((True, False), CALENDARS, (True, False))
    ]
    rows.sort(key=lambda r: r["value"])
    shown = []
    for k, row in enumerate(rows):
        value = row.pop("value")
        shown.append({**row, "rank": k + 1, "standardised": value, "std_low": value - 0.5, "std_high": value + 0.5})
    return shown


def _curve(o: Outcome, rows: list[dict[str, object]], rng: np.random.Generator) -> dict[str, object]:
    values = [float(r["standardised"]) for r in rows]
    return {
        **_names(o),
        "n_specifications": len(values),
        "n_positive": sum(v > 0 for v in values),
        "std_lowest": min(values),
        "std_median": float(np.median(values)),
        "std_highest": max(values),
        "p_median": float(rng.uniform(0.01, 0.9)),
        "share_significant": 0.25,
        "p_share": float(rng.uniform(0.01, 0.9)),
        "n_draws": 1024,
    }
