"""Plausible tables on coding and on effects over time, for any plan, made by a seeded generator: no analysis."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtb_eval.analysis.coding_attenuation import ATTENUATION_COLUMNS
from mtb_eval.analysis.coding_reliability import FORMS, RATER_COLUMNS, RELIABILITY_COLUMNS, USED
from mtb_eval.analysis.coding_table import table
from mtb_eval.analysis.waves_difference import DIFFERENCE_COLUMNS, SAME
from mtb_eval.analysis.waves_longitudinal import ANCOVA, CLDA, EFFECT, LONGITUDINAL_COLUMNS
from mtb_eval.analysis.waves_series import BY_WAVE_COLUMNS
from mtb_eval.study import Plan

WAVES = ("m12", "m24")


def example_coding(plan: Plan, seed: int = 3) -> dict[str, pd.DataFrame]:
    """Return the tables of coding and waves that the report shows, by name."""
    rng = np.random.default_rng(seed)
    scales = list(dict.fromkeys(o.column for o in plan.outcomes if o.sample == "video"))
    raters = ({"wave": w, "arm": "all", "n_videos": 124, "n_double": 31, "n_coders": 3} for w in WAVES)
    return {
        "video_raters": table(raters, RATER_COLUMNS),
        "coder_reliability": table(_reliability(scales, rng), RELIABILITY_COLUMNS),
        "attenuation": table(_attenuation(plan, rng), ATTENUATION_COLUMNS),
        "wave_effects": table(_wave_effects(scales, rng), BY_WAVE_COLUMNS),
        "wave_differences": table(_differences(scales, rng), DIFFERENCE_COLUMNS),
        "longitudinal": table(_longitudinal(rng), LONGITUDINAL_COLUMNS),
    }


def _reliability(scales: list[str], rng: np.random.Generator):
    for scale in scales:
        for wave in WAVES:
            value = rng.uniform(0.5, 0.9)
            for form in (*FORMS, USED):
                yield {"scale": scale, "wave": wave, "coefficient": form, "value": value} | {
                    "ci_low": value - 0.2, "ci_high": value + 0.08, "n_videos": 31, "n_coders": 3, "n_ratings": 62
                }  # fmt: skip


def _attenuation(plan: Plan, rng: np.random.Generator):
    for o in plan.outcomes:
        if o.sample == "video":
            mde = rng.uniform(0.6, 1.2)
            yield {"outcome": o.id, "family": o.family, "wave": o.wave, "mde": mde, "true_mde": 1.1 * mde}


def _wave_effects(scales: list[str], rng: np.random.Generator):
    for scale in scales:
        for wave in WAVES:
            yield {"column": scale, "wave": wave, **_std(rng)}


def _differences(scales: list[str], rng: np.random.Generator):
    for scale in scales:
        value = rng.normal(0, 0.3)
        yield {
            "column": scale, "from_wave": "m12", "to_wave": "m24", "analysis": SAME, "method": "CR2, Satterthwaite t",
            "estimate": value, "ci_low": value - 0.6, "ci_high": value + 0.6, "p": 0.3, "p_holm": 0.6,
            "effect_from": 0.1, "effect_to": 0.1 + value, "mde": 0.9,
        }  # fmt: skip


def _longitudinal(rng: np.random.Generator):
    for analysis in (CLDA, ANCOVA):
        for wave in WAVES:
            yield {"column": "epds_total", "measure": EFFECT, "analysis": analysis, "wave": wave, **_std(rng)} | {
                "p": 0.2,
                "n_families": 250,
            }


def _std(rng: np.random.Generator) -> dict[str, float]:
    value = rng.normal(0.1, 0.2)
    return {"standardised": value, "std_low": value - 0.5, "std_high": value + 0.5}
