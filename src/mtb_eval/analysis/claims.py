"""Each published statement beside what these data give: agrees, differs, or cannot be tested, by declared rules."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping

import pandas as pd

from mtb_eval.analysis.claim_power import chance_of
from mtb_eval.analysis.claim_published import published
from mtb_eval.analysis.claim_rules import RULES
from mtb_eval.analysis.claim_words import Evidence, Found
from mtb_eval.data.families import Study
from mtb_eval.study import Claim, Plan, PlanError

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
    "outcomes",
    "grade",
    "size",
    "true_std",
    "power",
    "type_s",
    "type_m",
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
CHANCE = ("size", "true_std", "power", "type_s", "type_m")
NO_FIGURE = ("no figure was published", "der er ikke offentliggjort et tal")


def claims(study: Study, plan: Plan, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per claim of the plan; `tables` are the tables of Results made so far, by name.

    What was published, what these data give (`found`, `value`) and whether they agree (`result`); for claims of kind
    "effect" also: outcomes (ids, "; " between), grade (of each outcome, one where all are the same), and from the table
    `claim_power` at the published or, failing that, the plan's main size: size, true_std, power, type_s, type_m.
    Raises KeyError if a claim names a check that does not exist.
    """
    evidence = Evidence(study=study, plan=plan, tables=tables)
    power = tables.get("claim_power", pd.DataFrame())
    rows = [{**_as_row(c, _found(c, evidence), plan), **_design(c, power, plan)} for c in plan.claims]
    return pd.DataFrame(rows, columns=list(CLAIM_RESULT_COLUMNS))


def refuse_unknown_checks(plan: Plan) -> None:
    """Raise PlanError if a claim names a check that does not exist."""
    unknown = [c for c in plan.claims if c.check != "none" and c.check not in RULES]
    if unknown:
        near = difflib.get_close_matches(unknown[0].check, RULES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(RULES)}"
        raise PlanError(f"claims.csv: row {unknown[0].id}: there is no check {unknown[0].check!r}{hint}")


def _design(claim: Claim, power: pd.DataFrame, plan: Plan) -> dict[str, object]:
    """Return the outcomes of an effect claim, their grades, and the chance of its being found."""
    mine = power[(power["claim"] == claim.id) & (power["outcome"] != "")] if len(power) else power
    if mine.empty:
        return {**dict.fromkeys(("outcomes", "grade", "size"), ""), **dict.fromkeys(CHANCE[1:], math.nan)}
    graded = mine.drop_duplicates("outcome")
    grades = [g for g in graded["grade"] if g]
    shown = chance_of(claim.id, power, plan)
    return {
        "outcomes": "; ".join(graded["outcome"]),
        "grade": "; ".join(grades if len(set(grades)) > 1 else grades[:1]),
        **{name: shown.get(name, "" if name == "size" else math.nan) for name in CHANCE},
    }


def _found(claim: Claim, evidence: Evidence) -> Found:
    if claim.check == "none":
        return Found.untestable(*NOT_TESTABLE.get(claim.kind, NO_FIGURE))
    return RULES[claim.check](claim, evidence)


def _as_row(claim: Claim, found: Found, plan: Plan) -> dict[str, object]:
    published_en, published_da = published(claim, plan)
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


def disagreements(table: pd.DataFrame) -> int:
    """Return how many claims differ."""
    return int((table["result"] == "differs").sum()) if len(table) else 0


def n_testable(table: pd.DataFrame) -> int:
    """Return how many claims could be tested."""
    return int((table["result"] != "cannot be tested").sum()) if len(table) else 0
