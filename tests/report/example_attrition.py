"""Plausible tables on missing answers, for any plan, made by a seeded generator: no analysis."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtb_eval.analysis.attrition import COLUMNS, TEXTS
from mtb_eval.analysis.attrition_case import NOTHING_MISSING
from mtb_eval.study import Outcome, Plan

N = {"mtb": (138, 183), "control": (32, 73)}
ANALYSES = ("complete", "ipw", "ipw_jackknife", "mi_scale", "mi_scale_cr2_df", "mi_item")
STEPS = np.linspace(-1.5, 1.5, 13)


def example_attrition(plan: Plan, seed: int = 4) -> dict[str, pd.DataFrame]:
    """Return the attrition tables that the report shows, by name."""
    rng = np.random.default_rng(seed)
    rows = {name: [] for name in COLUMNS}
    rows["response"] = [_response(s, w.id, w.months) for s in ("questionnaire", "video") for w in plan.waves[1:]]
    rows["responders"] = list(_responders(plan, rng))
    for k, outcome in enumerate(plan.outcomes):
        effect, half = (1.2, 0.9) if k == 0 else (rng.normal(0, 0.4), rng.uniform(0.5, 1.0))
        for name, found in _outcome(outcome, effect, half, rng).items():
            rows[name] += found
    return {f"attrition_{name}": _table(rows[name], columns) for name, columns in COLUMNS.items()}


def _table(rows, columns) -> pd.DataFrame:
    full = [{c: r.get(c, "" if c in TEXTS else float("nan")) for c in columns} for r in rows]
    return pd.DataFrame(full, columns=list(columns)).astype({c: "str" if c in TEXTS else "float64" for c in columns})


def _response(sample: str, wave: str, months: int):
    shares = {arm: n / of for arm, (n, of) in N.items()}
    return {
        **{"sample": sample, "wave": wave, "months": months, "overall_attrition": 0.336, "within": "neither"},
        **{f"n_{a}": n for a, (n, _) in N.items()},
        **{f"of_{a}": of for a, (_, of) in N.items()},
        **{f"share_{a}": s for a, s in shares.items()},
        **{"differential_attrition": shares["mtb"] - shares["control"]},
        **{"boundary_cautious": 0.028, "boundary_optimistic": 0.063},
        **{"bias_cautious_low": -0.242, "bias_cautious_high": -0.163},
        **{"bias_optimistic_low": -0.151, "bias_optimistic_high": -0.085},
    }


def _responders(plan: Plan, rng: np.random.Generator):
    for sample in ("questionnaire", "video"):
        for arm in N:
            for c in plan.covariates:
                there, lost = rng.uniform(0.2, 0.8, 2)
                yield {
                    **{"sample": sample, "wave": plan.waves[-1].id, "months": 24, "arm": arm, "column": c.column},
                    **{"label_en": c.label.en, "label_da": c.label.da, "kind": "share", "smd": there - lost},
                    **{"mean_responders": there, "mean_lost": lost},
                }


def _outcome(o: Outcome, effect: float, half: float, rng: np.random.Generator):
    named = {"outcome": o.id, "family": o.family, "wave": o.wave}
    if o.sample == "register":
        said = [{**named, "analysis": a, "warning": NOTHING_MISSING} for a in ANALYSES[1:]]
        return {"analyses": said, "tipping": [{**named, "warning": NOTHING_MISSING}]}
    found = []
    for a in ANALYSES:
        value = effect + rng.normal(0, 0.05)
        span = {"standardised": value, "std_low": value - half, "std_high": value + half}
        found.append({**named, "analysis": a, "estimand": "care received", "estimate": value, "p": 0.2, **span})
    if o.sample == "video":
        found[-1] = {**named, "analysis": "mi_item", "error": "no items of it are at hand: imputed at scale level only"}
    grid = [_shifted(named, effect, half, a, b) for a in STEPS for b in STEPS]
    return {
        "analyses": found,
        "grid": grid,
        "frontier": [
            {**named, "side": "favours MTB", "shift_mtb": a, "shift_control": _touch(effect, half, a)} for a in STEPS
        ],
        "tipping": [_tipping(named, effect, half)],
        "bounds": [
            _bound(named, effect, half, b, m)
            for b in ("lee", "manski")
            for m in ("difference in means", "primary model")
        ],
        "imputation": [_imputed(named, arm, rng) for arm in N],
    }


def _shifted(named, effect: float, half: float, a: float, b: float):
    value = effect + 0.25 * a - 0.55 * b
    span = {"standardised": value, "std_low": value - half, "std_high": value + half}
    return {**named, "shift_mtb": a, "shift_control": b, "estimate": value, **span}


def _touch(effect: float, half: float, a: float) -> float:
    return (effect + 0.25 * a - half) / 0.55


def _tipping(named, effect: float, half: float):
    away = (effect - half) / (0.25**2 + 0.55**2)
    says = "interval excludes 0, favours MTB" if effect > half else "interval includes 0"
    near = {"shift_mtb": -0.25 * away, "shift_control": 0.55 * away, "distance": abs(away) * np.hypot(0.25, 0.55)}
    return {
        **named,
        "conclusion": says,
        **near,
        "shift_control_alone": 0.7,
        "n_imputed_mtb": 45,
        "n_imputed_control": 41,
    }


def _bound(named, effect: float, half: float, bound: str, model: str):
    wide = half * (1 if bound == "lee" else 3)
    spans = {"std_lower": effect - wide, "std_upper": effect + wide, "std_low": effect - wide - 0.4}
    return {**named, "bound": bound, "model": model, **spans, "std_high": effect + wide + 0.4, "trimmed_share": 0.419}


def _imputed(named, arm: str, rng: np.random.Generator):
    n, of = N[arm]
    means = {"mean_observed": 10.2, "sd_observed": 4.1, "mean_imputed": 11.0, "sd_imputed": 4.6}
    shares = {"lost": 0.45, "fmi": 0.6, "r_hat": rng.uniform(1.0, 1.1)}
    return {
        **named,
        "level": "scale",
        "arm": arm,
        "how": "drawn",
        "n_observed": n,
        "n_imputed": of - n,
        **means,
        **shares,
    }
