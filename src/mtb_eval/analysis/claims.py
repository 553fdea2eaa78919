"""Each published statement beside what these data give: agrees, differs, or cannot be tested, by declared rules."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mtb_eval.analysis.claim_rules import RULES
from mtb_eval.analysis.claim_words import Evidence, Found
from mtb_eval.data.families import Study
from mtb_eval.study import Claim, Plan

CLAIM_RESULT_COLUMNS = (
    "id",
    "kind",
    "topic",
    "statement_en",
    "statement_da",
    "published_en",
    "published_da",
    "found_en",
    "found_da",
    "value",
    "result",
    "why_en",
    "why_da",
)
NOT_TESTABLE = {
    "qualitative": (
        "from interviews; the study files hold no interview texts",
        "fra interview; datafilerne rummer ingen interviewtekster",
    ),
    "recommendation": ("a recommendation, not a finding", "en anbefaling, ikke et resultat"),
    "caveat": ("a caveat that data cannot test", "et forbehold, som data ikke kan afprøve"),
    "design": ("a definition, not a finding", "en definition, ikke et resultat"),
}
NO_FIGURE = ("no figure was published", "der er ikke offentliggjort et tal")


def claims(study: Study, plan: Plan, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per claim of the plan; `tables` are the tables of Results made so far, by name.

    Raises KeyError if a claim names a check that does not exist.
    """
    evidence = Evidence(study=study, plan=plan, tables=tables)
    rows = [_as_row(c, _found(c, evidence)) for c in plan.claims]
    return pd.DataFrame(rows, columns=list(CLAIM_RESULT_COLUMNS))


def _found(claim: Claim, evidence: Evidence) -> Found:
    if claim.check == "none":
        return Found.untestable(*NOT_TESTABLE.get(claim.kind, NO_FIGURE))
    return RULES[claim.check](claim, evidence)


def _as_row(claim: Claim, found: Found) -> dict[str, object]:
    published_en, published_da = _published(claim)
    return {
        "id": claim.id,
        "kind": claim.kind,
        "topic": claim.topic,
        "statement_en": claim.statement_en,
        "statement_da": claim.statement_da,
        "published_en": published_en,
        "published_da": published_da,
        "found_en": found.en,
        "found_da": found.da,
        "value": found.value,
        "result": found.result,
        "why_en": found.why_en,
        "why_da": found.why_da,
    }


VERDICTS = {
    "no-difference": ("no difference", "ingen forskel"),
    "significant": ("significant", "signifikant"),
    "tendency": ("tendency", "tegn på forskel"),
    "near-significant": ("almost significant", "tilnærmelsesvis signifikant"),
    "significant-change": ("significant change", "signifikant ændring"),
    "no-change": ("no change", "ingen ændring"),
}
DIRECTIONS = {"better": ("MTB better", "MTB bedre"), "worse": ("MTB worse", "MTB dårligere")}


def _published(claim: Claim) -> tuple[str, str]:
    value_en, value_da = claim.value, claim.value.replace(".", ",") if claim.statistic != "range" else claim.value
    if not value_en and claim.low is not None and claim.high is not None:
        value_en = value_da = f"{claim.low:g}-{claim.high:g}"
    value_en, value_da = (v.replace("|", ", ").replace("_", " ") for v in (value_en, value_da))
    if claim.statistic == "percent":
        value_en, value_da = f"{value_en} %", f"{value_da} %"
    verdict = VERDICTS.get(claim.verdict, ("", ""))
    way = DIRECTIONS.get(claim.direction, ("", "")) if claim.kind == "effect" else ("", "")
    parts = ([value_en, verdict[0], way[0]], [value_da, verdict[1], way[1]])
    en, da = (", ".join(x for x in side if x) for side in parts)
    return en, da


def disagreements(table: pd.DataFrame) -> int:
    """Return how many claims differ."""
    return int((table["result"] == "differs").sum()) if len(table) else 0


def n_testable(table: pd.DataFrame) -> int:
    """Return how many claims could be tested."""
    return int((table["result"] != "cannot be tested").sum()) if len(table) else 0
