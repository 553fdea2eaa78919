"""Plausible tables on costs, effects and services by the columns of the analyses: no analysis."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from mtb_eval.analysis.economy import BREAK_EVEN_COLUMNS
from mtb_eval.analysis.economy_benefit import (
    COST,
    COSTED,
    EFFECT,
    EVERYWHERE,
    FAMILIES,
    FREE,
    INCREMENTAL_COLUMNS,
    NET_BENEFIT_COLUMNS,
    PLANE_COLUMNS,
    PRICED,
    RATIO,
)
from mtb_eval.analysis.economy_costs import (
    ACTIVITY_COLUMNS,
    MEASURES,
    MUNICIPALITY_COLUMNS,
    SENSITIVITY_COLUMNS,
    SUMMARY_COLUMNS,
)
from mtb_eval.analysis.row_table import row_table
from mtb_eval.analysis.usual_care import (
    ANY,
    INTENSITY_COLUMNS,
    REGISTERED_COLUMNS,
    SERVICE_COLUMNS,
    SERVICES,
    START_COLUMNS,
    TOTAL_COLUMNS,
    VISITS,
)
from mtb_eval.study import Plan

N = {"n_mtb": 138.0, "n_control": 32.0, "n_clusters": 10.0}


def example_economy(plan: Plan, seed: int = 8) -> dict[str, pd.DataFrame]:
    """Return the tables of costs and effects by name."""
    rng = np.random.default_rng(seed)
    places = [_place(m.code, k, rng) for k, m in enumerate(plan.municipalities)]
    outcome = plan.economy.outcome if plan.economy else plan.outcomes[0].id
    base = [
        {"outcome": outcome, "sample": s, "control_cost": c, **N} for s in (EVERYWHERE, COSTED) for c in (FREE, PRICED)
    ]
    return {
        "economy_municipalities": row_table(places, MUNICIPALITY_COLUMNS),
        "economy_summary": row_table((_summary(m) for m in MEASURES), SUMMARY_COLUMNS),
        "economy_activities": row_table(_activities(), ACTIVITY_COLUMNS),
        "economy_sensitivity": row_table(_sensitivity(), SENSITIVITY_COLUMNS),
        "economy_incremental": row_table([*_whole(), *(r for b in base for r in _incremental(b))], INCREMENTAL_COLUMNS),
        "economy_net_benefit": row_table((r for b in base for r in _net_benefit(b)), NET_BENEFIT_COLUMNS),
        "economy_plane": row_table((r for b in base for r in _plane(b, plan, rng)), PLANE_COLUMNS),
        "economy_break_even": row_table(_break_even(), BREAK_EVEN_COLUMNS),
    }


def example_services() -> dict[str, pd.DataFrame]:
    """Return the tables on services by name."""
    return {
        "service_registered": row_table(_registered(), REGISTERED_COLUMNS),
        "service_types": row_table(_types(), SERVICE_COLUMNS),
        "service_start": row_table([{"arm": "control", "months": 0.0, "n": 4.0, "of": 72.0}], START_COLUMNS),
        "service_intensity": row_table(_intensity(), INTENSITY_COLUMNS),
        "service_totals": row_table(_totals(), TOTAL_COLUMNS),
    }


def _place(code: str, k: int, rng: np.random.Generator) -> dict[str, object]:
    if k in (3, 6, 9):
        return {"municipality": code, "n_mtb": 9.0, "warning": "no costs registered"}
    cost = float(rng.uniform(170_000, 195_000))
    told = "the costs are of another number of families than the study has there" if k == 2 else ""
    costs = {"cost_per_family": cost, "cost_per_visit": cost / 66, "cost_per_course": cost / 0.8}
    hours = {"hours_per_family": cost / 360, "n_families": 20.0, "n_mtb": 20.0}
    return {"municipality": code, **hours, **costs, "warning": told}


def _summary(measure: str) -> dict[str, object]:
    middle = {"hours_per_family": 500.0, "cost_per_visit": 2723.0}.get(measure, 180721.0)
    ends = {"ci_low": 0.95 * middle, "ci_high": 1.05 * middle, "df": 6.0}
    return {"measure": measure, "estimate": middle, **ends, "pooled": middle, "n_municipalities": 7.0}


def _activities() -> list[dict[str, object]]:
    ends = {"cost_per_family": 35_000.0, "ci_low": 30_000.0, "ci_high": 40_000.0, "share": 0.2, "n": 7.0}
    return [
        {"activity": a, "staff": s, "hours_per_family": 90.0, **ends}
        for a in ("visit", "training")
        for s in ("nurse", "family_therapist")
    ]


def _sensitivity() -> list[dict[str, object]]:
    ends = {"estimate": 180_721.0, "ci_low": 173_000.0, "ci_high": 188_000.0, "df": 6.0}
    prices = ((w, o) for w in (0.8, 1.0, 1.2) for o in (0.0, 0.3))
    return [
        {"measure": "cost_per_family", "wage_factor": w, "overhead": o, "training_share": 1.0, **ends}
        | {"declared": float((w, o) == (1.0, 0.0))}
        for w, o in prices
    ]


def _whole() -> list[dict[str, object]]:
    ends = {"estimate": 176_700.0, "ci_low": 166_000.0, "ci_high": 187_500.0, "shape": "interval", **N}
    return [
        {"sample": f"{FAMILIES}, {EVERYWHERE}", "control_cost": c, "quantity": COST, **ends} for c in (FREE, PRICED)
    ]


def _incremental(base: dict[str, object]) -> list[dict[str, object]]:
    told = "the effect may be 0: the set is what lies outside the limits"
    return [
        {**base, "quantity": EFFECT, "estimate": 0.36, "ci_low": -0.12, "ci_high": 0.84, "shape": "interval"},
        {**base, "quantity": COST, "estimate": 201e3, "ci_low": 189e3, "ci_high": 212e3, "shape": "interval"},
        {**base, "quantity": RATIO, "estimate": 560e3, "ci_low": -167e4, "ci_high": 24e4, "shape": "outside"}
        | {"warning": told},
    ]


def _net_benefit(base: dict[str, object]) -> list[dict[str, object]]:
    rows = []
    for worth in (0.0, 1e5, 2e5, 4e5, 8e5):
        middle, half = 0.36 * worth - 201e3, 5e3 + 0.48 * worth
        span = {"estimate": middle, "ci_low": middle - half, "ci_high": middle + half}
        rows.append({**base, "willingness": worth, **span, "chance": 0.5 + 0.3 * math.tanh(middle / 1e5)})
    return rows


def _plane(base: dict[str, object], plan: Plan, rng: np.random.Generator) -> list[dict[str, object]]:
    rows = [{**base, "left_out": "", "effect": 0.36, "cost": 201e3}]
    for m in plan.municipalities:
        rows.append({**base, "left_out": m.code, "effect": rng.normal(0.36, 0.08), "cost": rng.normal(201e3, 2e3)})
    return rows


def _break_even() -> list[dict[str, object]]:
    seen = {"risk_difference": -0.055, "rd_low": -0.143, "rd_high": 0.0002}
    rows = []
    for price in (400e3, 700e3, 1e6):
        for years in (1.0, 3.0, 5.0):
            needed = 100 * 180_721 / (price * years)
            span = {"averted_per_100": needed, "averted_low": 0.95 * needed, "averted_high": 1.05 * needed}
            reached = "interval includes both" if needed < 14 else "no"
            rows.append({"dkk_per_year": price, "years": years, **span, **seen, "reached": reached})
    return rows


def _registered() -> list[dict[str, object]]:
    names = ("arm", "n", "registered", "without_service", "served", "unregistered", "unknown_dates")
    rows = (("mtb", 183.0, 0.0, 0.0, 0.0, 183.0, 0.0), ("control", 73.0, 72.0, 34.0, 38.0, 1.0, 0.0))
    return [dict(zip(names, r, strict=True)) for r in rows]


def _types() -> list[dict[str, object]]:
    quartiles = {f"{what}_{q}": 5.0 + k for what in ("start", "months", "contacts") for k, q in enumerate(_QUARTILES)}
    rows = []
    for service, n in (("group", 6.0), ("individual", 15.0), (ANY, 38.0)):
        counts = {"n_services": n, "n_families": n, "share": n / 72, "n_before_birth": 1.0, "n_after_birth": n - 1}
        rows.append({"arm": "control", "service": service, **counts, **quartiles, "n_open": float(service == "group")})
    return rows


_QUARTILES = ("q25", "median", "q75")


def _intensity() -> list[dict[str, object]]:
    rows = []
    for arm, kind, n, level in (("mtb", VISITS, 183.0, 3.4), ("control", SERVICES, 72.0, 1.1)):
        for month in range(-3, 24):
            contacts = level if month < 12 else level / 2
            span = {"months_from": float(month), "months_to": month + 1.0, "n": n}
            rows.append({"arm": arm, "contact": kind, **span, "contacts": contacts, "share_any": contacts / 3.5})
    return rows


def _totals() -> list[dict[str, object]]:
    quartiles = {"median": 10.4, "q25": 0.0, "q75": 31.8}
    gap = {"estimate": 49.0, "ci_low": 43.6, "ci_high": 54.4, "n_mtb": 183.0, "n_control": 72.0, "n_clusters": 10.0}
    return [
        {"arm": "mtb", "method": "mean", "estimate": 67.0, **quartiles, "n_mtb": 183.0},
        {"arm": "control", "method": "mean", "estimate": 18.0, **quartiles, "n_control": 72.0},
        {"arm": "difference", "method": "CR2, Satterthwaite t", **gap},
    ]
