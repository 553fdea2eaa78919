"""Plausible tables on what the design can vouch for, for any plan, made by a seeded generator: no analysis."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtb_eval.analysis.decomposition import AGREEMENT_COLUMNS, SOURCE_COLUMNS
from mtb_eval.analysis.decomposition_balance import BALANCE_COLUMNS
from mtb_eval.analysis.decomposition_sources import SOURCES
from mtb_eval.analysis.design_rows import table
from mtb_eval.analysis.instrument import FIRST_STAGE_COLUMNS, INSTRUMENT, INSTRUMENT_COLUMNS, OFFER
from mtb_eval.analysis.instrument import RECEIPT_COLUMNS as OFFER_COLUMNS
from mtb_eval.analysis.lot_window import LOT_COLUMNS, RECEIPT_COLUMNS
from mtb_eval.analysis.staggered import HALF_YEARS, PRIMARY, WEIGHT_COLUMNS
from mtb_eval.analysis.staggered_imputation import AS_PRIMARY, IMPUTATION_COLUMNS, SPARSE
from mtb_eval.study import Outcome, Plan

METHODS = ("2SLS, CR2, Satterthwaite", "2SLS, CR1S, t(G-1)", "Anderson-Rubin set")


def example_design(plan: Plan, seed: int = 2) -> dict[str, pd.DataFrame]:
    """Return every table of DesignTables by name."""
    rng = np.random.default_rng(seed)
    each = plan.outcomes
    return {
        "control_sources": table((r for o in each for r in _sources(o, rng)), SOURCE_COLUMNS),
        "source_agreement": table((_agreement(o, rng) for o in each), AGREEMENT_COLUMNS),
        "source_balance": table((r for c in plan.covariates for r in _balance(c, rng)), BALANCE_COLUMNS),
        "staggered_weights": table((r for o in each for r in _weights(o)), WEIGHT_COLUMNS),
        "staggered_imputation": table((r for o in each for r in _imputed(o, rng)), IMPUTATION_COLUMNS),
        "lot_effects": table((r for o in each for r in _lot(o, rng)), LOT_COLUMNS),
        "lot_receipt": table(_receipt(), RECEIPT_COLUMNS),
        "offer_receipt": table(_offer(plan), OFFER_COLUMNS),
        "first_stages": table((_first_stage(o) for o in each), FIRST_STAGE_COLUMNS),
        "instrument_effects": table((r for o in each for r in _instrument(o, rng)), INSTRUMENT_COLUMNS),
    }


def _named(o: Outcome) -> dict[str, object]:
    return {"outcome": o.id, "family": o.family, "wave": o.wave, "n_mtb": 138, "n_control": 32, "n_clusters": 10}


def _effect(o: Outcome, rng: np.random.Generator, width: float) -> dict[str, object]:
    value, p = rng.normal(0.2, width / 3), float(rng.uniform(0.01, 0.9))
    sign = 1 if o.better == "higher" else -1
    low, high = sorted((sign * (value - width), sign * (value + width)))
    numbers = {"estimate": sign * value, "ci_low": low, "ci_high": high, "p": p, "se": width / 2, "df": 5.5}
    return {**_named(o), **numbers, "standardised": value, "std_low": value - width, "std_high": value + width}


def _sources(o: Outcome, rng: np.random.Generator):
    for source, weight, n in zip(SOURCES, (0.15, 0.10, 0.35, 0.40), (6, 8, 11, 7), strict=True):
        weight_here = weight + rng.uniform(-0.04, 0.04)
        yield {**_effect(o, rng, 1.2), "source": source, "weight": weight_here, "n_source": n + (o.sample == "video")}


def _agreement(o: Outcome, rng: np.random.Generator) -> dict[str, object]:
    numbers = {"f": 1.2, "df_numerator": 3, "df_denominator": 3.1, "p_agree": float(rng.uniform(0.02, 0.9))}
    shares = {"randomised_share": 0.15, "mtb_share_in_window": 0.4, "n_sources": 4}
    row = _effect(o, rng, 0.6)
    return {**row, **numbers, **shares, "recomposed": row["estimate"]}


def _balance(covariate, rng: np.random.Generator):
    for source in SOURCES:
        yield {
            "column": covariate.column, "label_en": covariate.label.en, "label_da": covariate.label.da, "kind": "mean",
            "source": source, "n_mtb": 183, "mean_mtb": 1.0, "n_source": 17, "mean_source": 0.9, "sd_source": 1.0,
            "smd": rng.normal(0, 0.3),
        }  # fmt: skip


def _weights(o: Outcome):
    for model in (PRIMARY, HALF_YEARS):
        yield {
            **_named(o), "model": model, "estimate": 0.3, "standardised": 0.3, "n_families": 138, "n_negative": 40,
            "share_negative": 40 / 138, "n_cells": 52, "n_cells_negative": 14, "share_cells_negative": 14 / 52,
            "negative_sum": -0.17, "smallest_sd": 0.5, "smallest_sd_std": 0.2,
        }  # fmt: skip


def _imputed(o: Outcome, rng: np.random.Generator):
    for model in (AS_PRIMARY, SPARSE):
        warning = "11 MTB families cannot be predicted and are left out"
        numbers = {"n_imputed": 127, "n_unpredicted": 11, "n_beyond": 0, "df_untreated": 14, "warning": warning}
        yield {**_effect(o, rng, 1.5), "model": model, **numbers}


def _lot(o: Outcome, rng: np.random.Generator):
    for k, method in enumerate(("studentised", "coefficient", "studentised")):
        counts = {"n_lots": 35, "p_min": 1 / 35, "n_first": 17, "n_second": 6, "received_first": 1.0}
        yield {**_effect(o, rng, 1.6), "method": method, "adjusted": k == 2, **counts, "received_second": 0.0}


def _receipt():
    for arm, share, of in (("first", 24, 25), ("second", 0, 16)):
        yield {"municipality": f"K0{1 + (of < 20)}", "lot_arm": arm, "n_municipalities": 1, "n_families": 8, "n_mtb": 7,
               "share": 7 / 8}  # fmt: skip
        yield {"municipality": "", "lot_arm": arm, "n_municipalities": 4 - (of < 20), "n_families": of, "n_mtb": share,
               "share": share / of}  # fmt: skip


def _offer(plan: Plan):
    for code, lot in (*((m.code, m.randomised) for m in plan.municipalities), ("", False)):
        yield {"municipality": code, "randomised": lot, "n_before": 6, "n_mtb_before": 0, "n_after": 20,
               "n_mtb_after": 18, "share_before": 0.0, "share_after": 0.9, "one_sided": True}  # fmt: skip


def _first_stage(o: Outcome) -> dict[str, object]:
    numbers = {"estimate": 0.95, "se": 0.03, "df": 5.5, "ci_low": 0.9, "ci_high": 1.0, "p": 1e-6, "f": 850.0}
    more = {"df_numerator": 1, "df_denominator": 9, "p_f": 1e-9, "effective_f": 850.0, "n_offered": 145, "n_never": 7}
    return {**_named(o), **numbers, **more, "n_always": 0}


def _instrument(o: Outcome, rng: np.random.Generator):
    yield {**_effect(o, rng, 0.9), "analysis": OFFER, "method": "CR2", "n_offered": 145}
    for method in METHODS:
        shape = "interval" if "Anderson" in method else ""
        yield {**_effect(o, rng, 0.9), "analysis": INSTRUMENT, "method": method, "shape": shape, "n_offered": 145}
