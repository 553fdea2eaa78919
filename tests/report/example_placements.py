"""Plausible tables of the further analyses of placements, of registration and register: no analysis."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from mtb_eval.analysis.placements_data import REGISTER, REGISTRATION, TEST_COLUMNS
from mtb_eval.analysis.placements_doubt import CHANGE_COLUMNS, CHANGES, CONFIRMATION_COLUMNS, FRAGILITY_COLUMNS
from mtb_eval.analysis.placements_time import INCIDENCE_COLUMNS
from mtb_eval.analysis.registers import AGREEMENT_COLUMNS, EXTRACT_COLUMNS
from mtb_eval.analysis.row_table import row_table
from mtb_eval.study import Plan

SOURCES = (REGISTRATION, REGISTER)
COUNTS = {"n_mtb_events": 4.0, "n_mtb": 183.0, "n_control_events": 5.0, "n_control": 73.0, "n_clusters": 10.0}
TESTS = (
    *(("fisher", "test"), ("boschloo", "test"), ("barnard", "test"), ("pearson", "test")),
    *(("difference-score", "risk difference"), ("difference-newcombe", "risk difference")),
    *(("firth", "odds ratio"), ("firth-adjusted", "odds ratio"), ("poisson", "risk ratio")),
    *(("poisson-adjusted", "risk ratio"), ("linear-cr2", "risk difference"), ("linear-wild", "risk difference")),
    *(("strata-municipality", "odds ratio"), ("strata-block", "odds ratio"), ("permuted", "test")),
    *(("permuted-municipality", "test"), ("permuted-blocks", "risk difference")),
    *(("mean-difference", "restricted mean difference"), ("mean-difference-cluster", "restricted mean difference")),
    *(("log-rank", "placements beyond expected, MTB"), ("log-rank-stratified", "placements beyond expected, MTB")),
    *(("log-rank-censored", "placements beyond expected, MTB"), ("cox", "hazard ratio")),
    ("incidence-difference", "cumulative incidence difference"),
)
OTHERS = (
    ("risk-mtb", 4 / 183, 0.009, 0.055),
    ("incidence-mtb", 4 / 183, 0.01, 0.06),
    ("incidence-control", 4 / 73, 0.02, 0.14),
    ("e-value", 5.7, 1.0, math.nan),
    ("relative-registration", 0.32, 0.1, 1.1),
    ("bound-lower", -0.05, -0.13, 0.002),
    ("bound-upper", -0.05, -0.13, 0.002),
    ("bound-moved-lower", -0.08, -0.18, 0.07),
    ("bound-moved-upper", 0.003, -0.18, 0.07),
)
SCENARIOS = (
    ("another study of the same size", "each arm its own"),
    ("another study of the same size", "one common risk"),
    ("the same families followed to 48 months", "each arm its own"),
    ("the same families counted again", "each arm its own"),
)
HELD = (
    *("events", "preventive measures, not counted", "events of placement", "placements after merging"),
    *("begun before birth, left out", "children ever placed", "children placed before the age limit"),
)


def example_placements(plan: Plan, seed: int = 6) -> dict[str, pd.DataFrame]:
    """Return the tables of the further analyses of placements by name; empty without placements in the plan."""
    rng = np.random.default_rng(seed)
    there = SOURCES if plan.placements else ()
    tests = [{"source": s, "outcome": "", **r, **COUNTS} for s in there for r in _tests(rng)]
    both = len(there) > 1
    return {
        "placement_tests": row_table(tests, TEST_COLUMNS),
        "placement_incidence": row_table(_each(there, _incidence()), INCIDENCE_COLUMNS),
        "placement_fragility": row_table(_each(there, _fragility()), FRAGILITY_COLUMNS),
        "placement_changes": row_table(_each(there, _changes()), CHANGE_COLUMNS),
        "placement_confirmation": row_table(_each(there, _confirmation()), CONFIRMATION_COLUMNS),
        "placement_agreement": row_table(_agreement() if both else [], AGREEMENT_COLUMNS),
        "placement_extract": row_table(
            [{"what": w, "n": float(60 - 7 * k)} for k, w in enumerate(HELD if both else ())], EXTRACT_COLUMNS
        ),
    }


def _each(sources: tuple[str, ...], rows: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{"source": s, **r} for s in sources for r in rows]


def _tests(rng: np.random.Generator) -> list[dict[str, object]]:
    ps = [0.004, 0.03, 0.051, 0.07, *rng.uniform(0.05, 0.9, len(TESTS) - 4)]
    rows = []
    for (code, measure), p in zip(TESTS, ps, strict=True):
        middle = 3.1 if "ratio" in measure else -0.05
        alone = measure == "test"
        ends = (math.nan, math.nan, math.nan) if alone else (middle, middle / 3, 3 * middle)
        span = dict(zip(("estimate", "ci_low", "ci_high"), (ends[0], *sorted(ends[1:])), strict=True))
        warning = "holds only if risks do not change over calendar time" if code == "permuted-blocks" else ""
        rows.append({"analysis": "tests", "measure": measure, "code": code, **span, "p": p, "warning": warning})
    names = ("code", "estimate", "ci_low", "ci_high")
    return [*rows, *({"measure": "other", **dict(zip(names, o, strict=True))} for o in OTHERS)]


def _incidence() -> list[dict[str, object]]:
    rows = []
    for arm, n, times in (("mtb", 183.0, (3.1, 8.4, 15.0)), ("control", 73.0, (1.0, 6.5, 18.0))):
        for cause in ("placed", "moved or died"):
            base = {"arm": arm, "cause": cause, "se": 0.01}
            rows.append({**base, "months": 0.0, "at_risk": n, "events": 0.0, "cumulative": 0.0})
            for k, t in enumerate(times, 1):
                ends = {"ci_low": 0.5 * k / n, "ci_high": 2.5 * k / n}
                rows.append({**base, "months": t, "at_risk": n - k, "events": 1.0, "cumulative": k / n, **ends})
    return rows


def _fragility() -> list[dict[str, object]]:
    moves = {("mtb", "more placed"): 30.0, ("mtb", "fewer placed"): 1.0, ("control", "more placed"): 1.0}
    ways = (*moves, ("control", "fewer placed"))
    return [
        {"arm": a, "change": c, "changed": moves.get((a, c), math.nan), "p_before": 0.0787, "tier_before": "tendency"}
        for a, c in ways
    ]


def _changes() -> list[dict[str, object]]:
    rows = []
    for change, mtb, control in CHANGES:
        for k in range(4):
            a, b = 4.0 + k * mtb, 5.0 + k * control
            ratio = (b / 73) / (a / 183) if a else math.inf
            events = {"n_mtb_events": a, "n_control_events": b, "risk_ratio": ratio}
            tier = "tendency" if k == 0 else "no-difference"
            rows.append({"change": change, "changed": float(k), **events, "p_fisher": 0.08 + k / 10, "tier": tier})
    return rows


def _confirmation() -> list[dict[str, object]]:
    chances = {"significant": 0.46, "tendency": 0.07, "opposite": 0.001, "neither": 0.469, "assumption": "risk"}
    return [{"scenario": s, "risks": r, "test": t, **chances} for s, r in SCENARIOS for t in ("Fisher", "Pearson")]


def _agreement() -> list[dict[str, object]]:
    counts = (("all", 256, 8, 1, 2, 245), ("mtb", 183, 4, 0, 1, 178), ("control", 73, 4, 1, 1, 67))
    names = ("arm", "n", "both", "only_registration", "only_register", "neither")
    more = {"unknown": 0.0, "agreement": 0.99, "kappa": 0.84, "kappa_low": 0.6, "kappa_high": 1.0, "days_between": 2.0}
    return [{**dict(zip(names, c, strict=True)), **more} for c in counts]
