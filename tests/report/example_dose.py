"""Plausible tables on dose and visits for any plan, made by a seeded generator: no analysis."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtb_eval.analysis.dose_contrasts import dose_outcomes
from mtb_eval.analysis.dose_curve import CURVE_COLUMNS, LEVEL, LINE, TEST_COLUMNS
from mtb_eval.analysis.dose_data import DIFFERENCE, HIGH, LOW, frame
from mtb_eval.analysis.dose_landmark import LANDMARK_COLUMNS, RATE
from mtb_eval.analysis.dose_placebo import ANALYSED, EVERYONE, PLACEBO_COLUMNS
from mtb_eval.analysis.dose_principal import BOUND_COLUMNS, DEPARTURE_COLUMNS, PRINCIPAL_COLUMNS
from mtb_eval.analysis.dose_profile import PROFILE_COLUMNS, THRESHOLD_COLUMNS
from mtb_eval.analysis.dose_reading import READING_COLUMNS, reading_of
from mtb_eval.analysis.visit_log import (
    CLINICIAN_COLUMNS,
    FIDELITY_COLUMNS,
    PARTICIPATION_COLUMNS,
    PERIOD_COLUMNS,
)
from mtb_eval.study import Plan

COUNTS = {"n_high": 129.0, "n_low": 9.0, "n_mtb": 138.0, "n_control": 32.0, "n_clusters": 10.0}


def example_dose(plan: Plan, seed: int = 5) -> dict[str, pd.DataFrame]:
    """Return the tables of dose and of the visit log that the report shows, by name."""
    rng = np.random.default_rng(seed)
    chosen = dose_outcomes(plan)
    shared = [{"outcome": o.id, "family": o.family, "wave": o.wave, **COUNTS} for o in chosen]
    return {
        "dose_readings": frame((_reading(s, rng) for s in shared), READING_COLUMNS),
        "dose_thresholds": frame(({**s, **_threshold(rng)} for s in shared), THRESHOLD_COLUMNS),
        "dose_profile": frame((r for s in shared for r in _profile(s, rng)), PROFILE_COLUMNS),
        "dose_placebo": frame(_placebo(plan, rng), PLACEBO_COLUMNS),
        "dose_landmark": frame(({**s, "contrast": RATE, **_estimate(rng)} for s in shared), LANDMARK_COLUMNS),
        "dose_principal": frame(
            (
                {**s, "contrast": c, **_estimate(rng), "method": "jackknife"}
                for s in shared
                for c in (HIGH, LOW, DIFFERENCE)
            ),
            PRINCIPAL_COLUMNS,
        ),
        "dose_departures": frame(
            (
                {**s, "contrast": c, "departure": "difference", "value": v, **_estimate(rng)}
                for s in shared
                for c in (HIGH, LOW, DIFFERENCE)
                for v in (-0.5, 0.0, 0.5)
            ),
            DEPARTURE_COLUMNS,
        ),
        "dose_bounds": frame(
            ({**s, "contrast": HIGH, "std_lower": 0.1, "std_upper": 0.6} for s in shared), BOUND_COLUMNS
        ),
        "dose_curve": frame((r for s in shared for r in _course(s, rng)), CURVE_COLUMNS),
        "dose_curve_tests": frame(
            ({**s, "test": t, "p": float(rng.uniform(0.01, 0.9))} for s in shared for t in (LINE, LEVEL)), TEST_COLUMNS
        ),
        **_visits(),
    }


def _estimate(rng: np.random.Generator) -> dict[str, float]:
    std = float(rng.normal(0.3, 0.3))
    return {"standardised": std, "std_low": std - 0.6, "std_high": std + 0.6, "p": float(rng.uniform(0.01, 0.9))}


def _reading(shared: dict[str, object], rng: np.random.Generator) -> dict[str, object]:
    found = _estimate(rng)
    return {
        **{k: v for k, v in shared.items() if k in READING_COLUMNS},
        "difference_std": found["standardised"],
        "difference_low": found["std_low"],
        "difference_high": found["std_high"],
        "difference_p": found["p"],
        "difference_wild_p": 0.9 * found["p"],
        "e_value": 2.0,
        "e_value_limit": 1.0,
        "placebo_p": 0.18,
        "placebo_all_p": 0.03,
        "p_any_threshold": float(rng.uniform(0.01, 0.9)),
        "cut_low": 40.0,
        "cut_high": 71.0,
        "declared_kept": True,
        "nonlinear_p": 0.4,
        "any_association_p": 0.2,
        "reading": reading_of(found["p"], 0.18, significant=0.05),
    }


def _threshold(rng: np.random.Generator) -> dict[str, object]:
    return {
        "n_cuts": 58.0,
        "best_cut": 44.0,
        "cut_low": 40.0,
        "cut_high": 71.0,
        "n_kept": 31.0,
        "declared_kept": True,
        "p_any_difference": float(rng.uniform(0.01, 0.9)),
    }


def _profile(shared: dict[str, object], rng: np.random.Generator):
    level = float(rng.normal(0.4, 0.3))
    for cut in range(20, 96):
        std = level - 0.01 * (cut - 45)
        estimated = cut >= 38
        yield {
            **shared,
            "contrast": DIFFERENCE,
            "cut": float(cut),
            "standardised": std if estimated else np.nan,
            "std_band_low": std - 1.1 if estimated else np.nan,
            "std_band_high": std + 1.1 if estimated else np.nan,
            "kept": 40 <= cut <= 71,
            "declared": cut == 45,
            "warning": "" if estimated else "too few families on one side of the cut",
        }


def _course(shared: dict[str, object], rng: np.random.Generator):
    slope = float(rng.normal(0.01, 0.01))
    for visits in range(30, 98):
        std = slope * (visits - 45)
        ends = {"standardised": std, "std_low": std - 0.5, "std_high": std + 0.5}
        yield {**shared, "contrast": "MTB v usual care", "visits": float(visits), **ends}


def _placebo(plan: Plan, rng: np.random.Generator):
    measures = (*plan.covariates, *plan.baseline_table)
    for sample in (EVERYONE, ANALYSED):
        for c in measures:
            yield {
                "column": c.column,
                "label_en": c.label.en,
                "label_da": c.label.da,
                "sample": sample,
                "contrast": DIFFERENCE,
                **_estimate(rng),
                "p_joint": 0.18,
                "n_measures": len(measures),
            }


def _visits() -> dict[str, pd.DataFrame]:
    spans = (
        ("pregnancy", np.nan, 0),
        ("0-6", 0, 6),
        ("6-12", 6, 12),
        ("12-18", 12, 18),
        ("18-24", 18, 24),
        ("all", np.nan, 24),
    )
    periods = [(*span, 183, 2000, 220, 0.1, 0.3, 2400.0, 0.83, 2.9) for span in spans]
    levels = (("low", 0.0, 44.0, 38), ("standard", 45.0, 67.0, 36), ("high", 68.0, np.nan, 109))
    names = (("both", 744), ("family_therapist", 5811), ("nurse", 5706))
    own = ("all", 183, 12000, 14400.0, 0.83, 0.82, 0.88, 0.71, 0.98, 67.0, "")
    return {
        "visit_periods": pd.DataFrame(periods, columns=list(PERIOD_COLUMNS)),
        "visit_clinicians": pd.DataFrame(
            [("all", name, n, 12261, n / 12261) for name, n in names], columns=list(CLINICIAN_COLUMNS)
        ),
        "visit_fidelity": pd.DataFrame([own], columns=list(FIDELITY_COLUMNS)),
        "participation": pd.DataFrame(
            [(*level, 183, level[3] / 183, "assumed") for level in levels], columns=list(PARTICIPATION_COLUMNS)
        ),
    }
