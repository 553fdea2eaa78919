"""Disclosure control of the claims, whose finding is a sentence with counts in it."""

from __future__ import annotations

import re

import pandas as pd

from mtb_eval.analysis.claim_words import outcomes_of
from mtb_eval.analysis.disclosure_marks import Control
from mtb_eval.study import Claim

QUOTED = {
    "questionnaires": {"recruited", "questionnaire"},
    "videos": {"recruited", "video"},
    "video_share": {"recruited", "video"},
    "retained_to_24m": {"in_care"},
    "standard_or_high_participation": {"visited"},
    "no_specific_service": {"registered", "without_service"},
    "service_began_after_birth": {"with_service", "began_after"},
}
"""The quantities that a claim on a measure quotes."""
WHOLE = re.compile(r"(?<![\d.,])(\d+)(?![\d.,]*\d| ?%)")
PART_OF = re.compile(r"\((\d+) of (\d+)\)")
BASE = re.compile(r"n = (\d+)")
FAMILIES = re.compile(r"(\d+)(?: MTB)? famil|(\d+) before training|(\d+) after")


def hidden_claims(claims: pd.DataFrame, control: Control, withheld: frozenset[str]) -> list[bool]:
    """Return for each claim whether its finding is not shown; `withheld` are outcomes without a shown effect."""
    known = {c.id: c for c in control.plan.claims}
    return [
        bool(row.found_en) and _hidden(str(row.found_en), known.get(str(row.id)), control, withheld)
        for row in claims.itertuples()
    ]


def chance_hidden(claims: pd.DataFrame, withheld: frozenset[str]) -> list[bool]:
    """Return for each claim whether the chance of finding it rests on an outcome without a shown effect."""
    return [not withheld.isdisjoint(str(ids).split("; ")) for ids in claims["outcomes"]]


def _hidden(found: str, claim: Claim | None, control: Control, withheld: frozenset[str]) -> bool:
    if claim is None:
        return True
    if claim.topic == "placement" and any(q[0] == "placed" for q in control.hidden):
        return True
    if any(o.id in withheld for o in outcomes_of(control.plan, claim)):
        return True
    pairs = [(int(n), int(of)) for n, of in PART_OF.findall(found)]
    numbers = [int(n) for n in BASE.findall(found)] + [int(n) for m in FAMILIES.findall(found) for n in m if n]
    if claim.kind == "count" and claim.topic != "economy":
        numbers += [int(n) for n in WHOLE.findall(found)]
    quoted = {*numbers, *(n for pair in pairs for n in pair)}
    hidden = {control.counts.values[q] for q in control.hidden if q[0] in QUOTED.get(claim.measure, ())}
    return bool(quoted & hidden) or any(control.small(n) for n in (*quoted, *(of - n for n, of in pairs)))
