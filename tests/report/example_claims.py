"""Plausible chances of finding what was claimed, for the tests of the report: no analysis."""

from __future__ import annotations

import math

import pandas as pd

from mtb_eval.study import Claim, Plan

GRADES = ("robust", "suggestive", "not supported")


def example_claims(plan: Plan) -> dict[str, pd.DataFrame]:
    """Return the table claim_power with every outcome of the plan claimed, the first with a published size."""
    sizes = plan.claim_power.effects if plan.claim_power else ()
    ids = [c.id for c in plan.claims if c.kind == "effect"] or ["E00"]
    rows = []
    for k, o in enumerate(plan.outcomes):
        base = {
            "claim": ids[k % len(ids)], "outcome": o.id, "wave": o.wave, "grade": GRADES[k % 3],
            "published": "tendency" if k % 2 else "no-difference", "standardised": 0.31, "se": 0.22, "df": 6.1,
            "p": 0.031, "type_s": 0.004, "error": "",
        }  # fmt: skip
        published = [(0.43, "published")] if k == 0 else []
        for true, size in [*published, *((e, "declared") for e in sizes)]:
            chance = {"power": true / 1.1, "type_m": 0.9 / true, "power_tendency": true}
            rows.append({**base, "size": size, "true_std": true, **chance})
    return {"claim_power": pd.DataFrame(rows)}


def design_columns(claim: Claim) -> dict[str, object]:
    """Return grade and chance of a claim: known for effects only."""
    if claim.kind != "effect":
        return {
            **dict.fromkeys(("grade", "size"), ""),
            **dict.fromkeys(("true_std", "power", "type_s", "type_m"), math.nan),
        }
    return {"grade": "suggestive", "size": "declared", "true_std": 0.35, "power": 0.31, "type_s": 0.01, "type_m": 1.6}
