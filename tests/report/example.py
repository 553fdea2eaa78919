"""Plausible results made from a plan by a seeded generator: every table and column of the contract, no analysis."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pandas as pd
from tests.report.example_attrition import example_attrition
from tests.report.example_claims import design_columns, example_claims
from tests.report.example_coding import example_coding
from tests.report.example_design import example_design
from tests.report.example_dose import example_dose
from tests.report.example_economy import example_economy, example_services
from tests.report.example_placements import example_placements
from tests.report.example_trust import example_trust

from mtb_eval.analysis.effect_table import effect_table
from mtb_eval.analysis.results import Results
from mtb_eval.study import Outcome, Plan

N_MTB, N_CONTROL = 183, 73
REASONS = (("declined", 20), ("moved", 9), ("placed", 3), ("not recorded", 13))


def example_results(plan: Plan, seed: int = 1) -> Results:
    """Return plausible results for any plan."""
    rng = np.random.default_rng(seed)
    outcomes = pd.DataFrame([_outcome(plan, o, rng) for o in plan.outcomes])
    return Results(
        effects=effect_table(_effects(plan, outcomes, rng)),
        outcomes=outcomes,
        flow=_flow(plan),
        training=_training(plan),
        baseline=_baseline(plan, rng),
        response=_response(plan),
        visits=_visits(),
        visit_counts=pd.DataFrame(
            {"low": range(0, 120, 10), "high": range(10, 130, 10), "n": [4, 6, 9, 12, 10, 12, 25, 38, 34, 20, 9, 4]}
        ),
        retention=pd.DataFrame(
            {"months": range(-3, 25), "n": range(183, 127, -2), "share": np.arange(183, 127, -2) / 183}
        ),
        dose_bins=_dose_bins(plan, rng),
        usual_care=_usual_care(),
        change=_change(plan, rng),
        trajectories=_trajectories(plan, rng),
        placements=_placements(),
        placement_times=_placement_times(),
        claims=_claims(plan, rng),
        failures=pd.DataFrame(columns=["outcome", "estimand", "estimator", "error"]),
        detail={
            **example_design(plan),
            **example_dose(plan),
            **example_coding(plan),
            **example_trust(plan),
            **example_attrition(plan),
            **example_claims(plan),
            **example_placements(plan),
            **example_economy(plan),
            **example_services(),
        },
    )


def empty_results() -> Results:
    """Return results whose tables have no rows and no columns."""
    return Results(**{f.name: pd.DataFrame() for f in fields(Results) if f.name != "detail"})


def missing_results(plan: Plan) -> Results:
    """Return results with every row but without a single number, as if every model had failed."""
    full = example_results(plan)
    frames = {}
    for name, table in full.named().items():
        frame = table.copy()
        for column in frame.select_dtypes("number").columns:
            frame[column] = math.nan
        for column in (c for c in frame.columns if c.endswith("_verdict")):
            frame[column] = "not estimable"
        frames[name] = frame
    frames["effects"]["error"] = "the design matrix is singular"
    frames["failures"] = frames["effects"][["outcome", "estimand", "estimator", "error"]]
    own = {f.name for f in fields(Results)}
    return Results(
        **{k: v for k, v in frames.items() if k in own}, detail={k: v for k, v in frames.items() if k not in own}
    )


def _tier(p: float) -> str:
    return "significant" if p < 0.05 else "tendency" if p < 0.10 else "no-difference"


def _outcome(plan: Plan, o: Outcome, rng: np.random.Generator) -> dict[str, object]:
    std = rng.normal(0.15, 0.2)
    row = {
        "outcome": o.id, "family": o.family, "wave": o.wave, "kind": o.kind, "better": o.better, "sample": o.sample,
        "population": o.population or "", "n_mtb": 138.0, "n_control": 32.0, "n_clusters": 10.0,
        "mean_mtb": rng.uniform(0.2, 0.9) if o.kind == "binary" else rng.uniform(2, 9),
        "mean_control": rng.uniform(0.2, 0.9) if o.kind == "binary" else rng.uniform(2, 9), "sd": 2.5,
    }  # fmt: skip
    for estimator, width, method in (("replica", 0.36, "Kenward-Roger"), ("primary", rng.uniform(0.4, 1.1), "CR2")):
        p = float(rng.uniform() ** 2)
        row.update(
            {
                f"{estimator}_estimate": std * 2.5, f"{estimator}_std": std, f"{estimator}_std_low": std - width,
                f"{estimator}_std_high": std + width, f"{estimator}_p": p, f"{estimator}_df": rng.uniform(3, 9),
                f"{estimator}_method": method, f"{estimator}_verdict": _tier(p),
                f"{estimator}_direction": "better" if std > 0 else "worse",
            }
        )  # fmt: skip
    return {
        **row, "wild_p": rng.uniform(), "wild_std_low": std - 1, "wild_std_high": math.inf, "p_holm": 1.0, "p_bh": 0.6,
        "mde": rng.uniform(0.5, 1.2), "partial_leverage_max": 0.31, "effective_clusters": 5.2, "loo_std_low": std - 0.2,
        "loo_std_high": std + 0.2, "flag": "",
    }  # fmt: skip


def _effects(plan: Plan, outcomes: pd.DataFrame, rng: np.random.Generator) -> list[dict[str, object]]:
    rows = []
    for o in outcomes.to_dict("records"):
        base = {k: o[k] for k in ("outcome", "family", "wave", "n_mtb", "n_control", "n_clusters")}
        care = [("replica", m) for m in ("mixed, Kenward-Roger", "mixed, Satterthwaite", "mixed, z")]
        care += [("primary", "CR2, Satterthwaite"), ("primary", "WCR31"), ("sensitivity", "CR1, t(G-1)")]
        for estimator, method in care:
            rows.append(_effect(base, "care received", estimator, method, rng))
        if plan.dose and o["family"] in plan.dose.families:
            for name in ("high v usual care", "low v usual care", "high v low"):
                rows.append(_effect(base, f"dose: {name}", "dose", "CR2, Satterthwaite", rng))
        if plan.interaction and o["sample"] == "video" and o["wave"] == plan.interaction.to_wave:
            rows.append(_effect(base, "difference in change", "change", "CR2, Satterthwaite", rng))
    return rows


def _effect(
    base: dict[str, object], estimand: str, estimator: str, method: str, rng: np.random.Generator
) -> dict[str, object]:
    b, half = rng.normal(-0.4, 0.5), rng.uniform(0.5, 1.5)
    return {
        **base, "estimand": estimand, "estimator": estimator, "method": method, "estimate": b, "se": half / 2,
        "df": 6.1, "ci_low": b - half, "ci_high": b + half, "p": float(rng.uniform()), "standardised": -b / 2.5,
    }  # fmt: skip


def _flow(plan: Plan) -> pd.DataFrame:
    rows: list[tuple[object, ...]] = [("randomised", "", "all", "municipalities", "", 7)]
    rows += [
        ("randomised", "", "all", "municipalities", "2018", 4),
        ("randomised", "", "all", "municipalities", "2019", 3),
    ]
    rows += [("added", "", "all", "municipalities", "2019", 1), ("added", "", "all", "municipalities", "2020", 2)]
    for arm, n in (("mtb", N_MTB), ("control", N_CONTROL)):
        rows.append(("recruited", "", arm, "families", "", n))
        for k, wave in enumerate(plan.waves):
            rows.append(("answered", wave.id, arm, "families", "", n - 12 * k))
        for reason, lost in REASONS:
            rows.append(("lost", plan.waves[-1].id, arm, "families", reason, lost))
    for wave in plan.waves[-2:]:
        rows += [("video", wave.id, "mtb", "families", "", 104), ("video", wave.id, "control", "families", "", 20)]
    return pd.DataFrame(rows, columns=["step", "wave", "arm", "level", "reason", "n"])


def _training(plan: Plan) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "municipality": m.code, "training_wave": m.training_wave, "trained_on": pd.Timestamp(m.trained_on),
                "randomised": m.randomised, "n_mtb": 18, "n_control": 7, "n_control_before": 5, "n_control_after": 2,
                "first_recruited": pd.Timestamp("2018-06-03"), "last_recruited": pd.Timestamp("2022-06-20"),
            }
            for m in plan.municipalities
        ]
    )  # fmt: skip


def _baseline(plan: Plan, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for k, c in enumerate((*plan.covariates, *plan.baseline_table)):
        share = k % 2 == 1
        a, b = (rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)) if share else (rng.normal(26, 1), rng.normal(26, 1))
        rows.append(
            {
                "column": c.column, "label_en": c.label.en, "label_da": c.label.da,
                "kind": "share" if share else "mean",
                "n_mtb": 183, "mean_mtb": a, "sd_mtb": 0.5 if share else 5.2, "n_control": 73, "mean_control": b,
                "sd_control": 0.5 if share else 5.0, "smd": rng.normal(0, 0.2),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _response(plan: Plan) -> pd.DataFrame:
    rows = []
    for sample, waves in (("questionnaire", plan.waves), ("video", plan.waves[-2:])):
        for k, wave in enumerate(waves):
            for arm, of, drop in (("mtb", N_MTB, 15), ("control", N_CONTROL, 13)):
                n = of - drop * k - (70 if sample == "video" and arm == "mtb" else 0)
                rows.append((sample, wave.id, wave.months, arm, n, of, n / of))
    return pd.DataFrame(rows, columns=["sample", "wave", "months", "arm", "n", "of", "share"])


def _visits() -> pd.DataFrame:
    rows = [("visits", "mean", 67.1, 183), ("visits", "sd", 26.3, 183), ("visits", "median", 73.0, 183)]
    rows += [("visits", "q25", 49.0, 183), ("visits", "q75", 86.0, 183), ("at_threshold", "share", 145 / 183, 145)]
    rows += [("retained", "share", 130 / 183, 130), ("by_nurse", "share", 0.51, 6200)]
    return pd.DataFrame(rows, columns=["measure", "statistic", "value", "n"])


def _usual_care() -> pd.DataFrame:
    rows = [("registered", 1.0, 73, 73), ("no_service", 34 / 73, 34, 73), ("began_after_birth", 35 / 39, 35, 39)]
    return pd.DataFrame([*rows, ("median_months", 5.2, 50, 52)], columns=["measure", "value", "n", "of"])


def _dose_bins(plan: Plan, rng: np.random.Generator) -> pd.DataFrame:
    rows: list[tuple[object, ...]] = []
    for o in plan.outcomes:
        if plan.dose and o.family in plan.dose.families and o.wave == plan.waves[-1].id:
            rows.append((o.id, math.nan, math.nan, 32, 5.0, 0.0, -0.3, 0.3))
            for low in range(0, 120, 15):
                std = rng.normal(0.2, 0.3)
                rows.append((o.id, float(low), low + 15.0, 17, 4.0, std, std - 0.5, std + 0.5))
    return pd.DataFrame(rows, columns=["outcome", "low", "high", "n", "mean", "std", "std_low", "std_high"])


def _change(plan: Plan, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for o in plan.outcomes:
        if plan.interaction and o.sample == "video" and o.wave == plan.interaction.to_wave:
            for arm, n, half in (("mtb", 96, 0.15), ("control", 18, 0.45)):
                b = rng.normal(0.1, 0.15)
                rows.append(
                    (o.column, arm, n, 3.1, 3.1 + b, b, half / 2, 7.0, b - half, b + half, rng.uniform(), b / 0.6)
                )
    columns = ["column", "arm", "n", "mean_from", "mean_to", "estimate", "se", "df", "ci_low", "ci_high", "p", "std"]
    return pd.DataFrame(rows, columns=columns)


def _trajectories(plan: Plan, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for column in list(dict.fromkeys(o.column for o in plan.outcomes))[-4:]:
        for wave in plan.waves:
            for arm in ("mtb", "control"):
                mean = rng.normal(8, 1)
                rows.append((column, wave.id, wave.months, arm, 100, mean, mean - 0.7, mean + 0.7))
    return pd.DataFrame(rows, columns=["column", "wave", "months", "arm", "n", "mean", "ci_low", "ci_high"])


def _placements() -> pd.DataFrame:
    rows = [
        ("risk, MTB", "Wilson", 4 / 183, 0.009, 0.055, math.nan),
        ("risk, usual care", "Wilson", 5 / 73, 0.03, 0.15, math.nan),
        ("risk difference", "Miettinen-Nurminen score", 4 / 183 - 5 / 73, -0.13, 0.002, 0.06),
        ("risk ratio", "Miettinen-Nurminen score", 3.13, 0.9, 10.9, 0.06),
        ("test", "Fisher", math.nan, math.nan, math.nan, 0.0787),
        ("fragility", "fewest events to reach p < 0.05, Fisher", 1.0, math.nan, math.nan, 0.03),
    ]
    frame = pd.DataFrame(rows, columns=["measure", "method", "estimate", "ci_low", "ci_high", "p"])
    return frame.assign(n_mtb_events=4, n_mtb=183, n_control_events=5, n_control=73, warning="")


def _placement_times() -> pd.DataFrame:
    rows: list[tuple[object, ...]] = []
    for arm, n, times in (("mtb", 183, (3.1, 8.4, 15.0, 20.2)), ("control", 73, (1.0, 2.2, 6.5, 12.1, 18.0))):
        rows.append((arm, 0.0, n, 0, 0.0, 0.0, 0.0))
        for k, t in enumerate(times, 1):
            share = k / n
            rows.append((arm, t, n - k + 1, 1, share, share / 2.5, share * 2.2))
        rows.append((arm, 24.0, n - len(times), 0, len(times) / n, len(times) / n / 2.5, len(times) / n * 2.2))
    return pd.DataFrame(rows, columns=["arm", "months", "at_risk", "events", "cumulative", "ci_low", "ci_high"])


def _claims(plan: Plan, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for c in plan.claims:
        result = "cannot be tested" if c.check == "none" else str(rng.choice(["agrees", "agrees", "agrees", "differs"]))
        tested = result != "cannot be tested"
        rows.append(
            {
                "id": c.id, "kind": c.kind, "topic": c.topic, "statement_en": c.statement_en,
                "statement_da": c.statement_da, "published_en": c.value, "published_da": c.value.replace(".", ","),
                "found_en": "67.1 (n = 183)" if tested else "", "found_da": "67,1 (n = 183)" if tested else "",
                "value": 67.1 if tested else math.nan, "result": result, "why_en": "" if tested else "no figure",
                "why_da": "" if tested else "intet tal", **design_columns(c),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
