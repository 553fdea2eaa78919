"""The rules for claims about effects, changes, placements and dose."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from mtb_eval.analysis.claim_words import LANGUAGES, Evidence, Found, Language, inside, number, p_value
from mtb_eval.study import Claim

Rule = Callable[[Claim, Evidence], Found]
NO_OUTCOME = ("no such outcome in these data", "intet sådant udfald i disse data")
NOT_ESTIMABLE = ("the model could not be estimated", "modellen kunne ikke estimeres")
TIERS = {"near-significant": "tendency", "significant-change": "significant", "no-change": "no-difference"}
WORDS_DA = {
    "significant": "signifikant",
    "tendency": "tegn på forskel",
    "no-difference": "ingen sikker forskel",
    "better": "MTB bedre",
    "worse": "MTB dårligere",
    "none": "",
}
WORDS_EN = {"no-difference": "no clear difference", "better": "MTB better", "worse": "MTB worse", "none": ""}


def _effect(claim: Claim, evidence: Evidence) -> Found:
    """The replica's verdict is in the published tier and, where there is one, the published direction, at all waves."""
    outcomes = evidence.outcomes_of(claim)
    if not outcomes:
        return Found.untestable(*NO_OUTCOME)
    rows = [evidence.row(o.id) for o in outcomes]
    if any(r["replica_verdict"] == "not estimable" for r in rows):
        return Found.untestable(*NOT_ESTIMABLE)
    wanted = TIERS.get(claim.verdict, claim.verdict)
    agrees = all(r["replica_verdict"] == wanted for r in rows)
    if wanted != "no-difference":
        agrees = agrees and all(r["replica_direction"] == claim.direction for r in rows)
    en, da = ("; ".join(_by_wave(rows, evidence, language)) for language in LANGUAGES)
    return Found.judged(agrees, float(rows[-1]["replica_std"]), en, da)


def _by_wave(rows: list[pd.Series], evidence: Evidence, language: Language) -> Iterator[str]:
    """Yield what was found at each wave; the wave is named where there are several."""
    for row in rows:
        wave = evidence.plan.wave(str(row["wave"])).label.of(language)
        yield f"{wave}: {_effect_words(row, language)}" if len(rows) > 1 else _effect_words(row, language)


def _effect_words(row: pd.Series, language: Language) -> str:
    words = WORDS_DA if language == "da" else WORDS_EN
    tier, way = str(row["replica_verdict"]), str(row["replica_direction"])
    head = [words.get(tier, tier)] + ([words.get(way, way)] if tier != "no-difference" else [])
    return f"{', '.join(h for h in head if h)}: d = {number(row['replica_std'], language, digits=2)}, " + p_value(
        float(row["replica_p"]), language
    )


def _effect_size(claim: Claim, evidence: Evidence) -> Found:
    """The replica's estimate (or Cohen's d, raw sign) lies in the published interval and in the published tier."""
    outcomes = evidence.outcomes_of(claim)
    if not outcomes:
        return Found.untestable(*NO_OUTCOME)
    row = evidence.row(outcomes[0].id)
    raw, std = float(row["replica_estimate"]), abs(float(row["replica_std"]))
    value = math.copysign(std, raw) if claim.statistic == "d" else raw
    agrees = inside(value, claim) and row["replica_verdict"] == claim.verdict
    p = float(row["replica_p"])
    return Found.judged(
        agrees,
        value,
        f"{claim.statistic} = {number(value, 'en', digits=2)}, {p_value(p, 'en')}",
        f"{claim.statistic} = {number(value, 'da', digits=2)}, {p_value(p, 'da')}",
    )


def _change(claim: Claim, evidence: Evidence) -> Found:
    """The change within MTB is in the published tier and, where it is one, for the better."""
    table = evidence.tables["change"]
    hit = table[(table["column"] == claim.measure) & (table["arm"] == "mtb")]
    if hit.empty or not math.isfinite(float(hit["p"].iloc[0])):
        return Found.untestable(*NO_OUTCOME)
    row, limit = hit.iloc[0], evidence.plan.verdicts.significant
    changed = float(row["p"]) < limit
    if claim.verdict == "no-change":
        agrees = not changed
    else:
        agrees = changed and (float(row["std"]) > 0) == (claim.direction == "better")
    return Found.judged(
        agrees,
        float(row["estimate"]),
        f"{number(row['estimate'], 'en', digits=2)} points, {p_value(float(row['p']), 'en')} (n = {int(row['n'])})",
        f"{number(row['estimate'], 'da', digits=2)} point, {p_value(float(row['p']), 'da')} (n = {int(row['n'])})",
    )


def _difference_in_change(claim: Claim, evidence: Evidence) -> Found:
    """No difference in change between the arms is significant, on any rated scale."""
    table = evidence.tables["effects"]
    rows = table[(table["estimand"] == "difference in change") & table["p"].notna()]
    if rows.empty:
        return Found.untestable(*NO_OUTCOME)
    found = int((rows["p"] < evidence.plan.verdicts.significant).sum())
    smallest = float(rows["p"].min())
    en = f"{found} of {len(rows)} scales differ significantly in change; smallest {p_value(smallest, 'en')}"
    da = f"{found} af {len(rows)} skalaer med signifikant forskel i ændring; mindste {p_value(smallest, 'da')}"
    return Found.judged(found == 0, smallest, en, da)


def _change_by_arm(claim: Claim, evidence: Evidence) -> Found:
    """The share rises from baseline to the last wave in both arms, and the rises do not differ significantly."""
    families, waves = evidence.study.families, evidence.plan.waves
    first, last = (families.get(f"{claim.measure}_{w.id}") for w in (waves[0], waves[-1]))
    outcome = next((o for o in evidence.outcomes_of(claim) if o.wave == waves[-1].id), None)
    if first is None or last is None or outcome is None:
        return Found.untestable(*NO_OUTCOME)
    rise = {a: float((last - first)[families["mtb"] == code].mean()) for a, code in (("mtb", 1.0), ("control", 0.0))}
    p = float(evidence.row(outcome.id)["replica_p"])
    agrees = min(rise.values()) > 0 and p >= evidence.plan.verdicts.significant
    mtb, control = (100 * rise[a] for a in ("mtb", "control"))
    en = f"MTB {number(mtb, 'en')}, usual care {number(control, 'en')} percentage points; {p_value(p, 'en')}"
    da = f"MTB {number(mtb, 'da')}, kontrol {number(control, 'da')} procentpoint; {p_value(p, 'da')}"
    return Found.judged(agrees, mtb - control, en, da)


def _risk_ratio(claim: Claim, evidence: Evidence) -> Found:
    """Risk in usual care over risk in MTB, and Fisher's p in the tier that the plan gives to 'almost significant'."""
    table = evidence.tables["placements"]
    if table.empty:
        return Found.untestable(*NO_OUTCOME)
    ratio = float(table.loc[table["measure"] == "risk ratio", "estimate"].iloc[0])
    p = float(table.loc[table["method"] == "Fisher", "p"].iloc[0])
    rule = evidence.plan.verdicts
    agrees = inside(ratio, claim) and rule.significant <= p < rule.tendency
    en = f"ratio {number(ratio, 'en')}, Fisher {p_value(p, 'en')}"
    return Found.judged(agrees, ratio, en, f"forhold {number(ratio, 'da')}, Fisher {p_value(p, 'da')}")


def _fragility(claim: Claim, evidence: Evidence) -> Found:
    """Moving one or two events changes on which side of the first tier Fisher's p lies."""
    table = evidence.tables["placements"]
    hit = table[table["measure"] == "fragility"] if len(table) else table
    if hit.empty or not np.isfinite(hit["estimate"].iloc[0]):
        return Found.untestable(*NO_OUTCOME)
    moves = int(hit["estimate"].iloc[0])
    en = f"{moves} event{'s' if moves > 1 else ''} more or less would cross p = .05"
    return Found.judged(moves <= 2, float(moves), en, f"{moves} hændelse(r) mere eller mindre ville krydse p = 0,05")


def _dose(claim: Claim, evidence: Evidence) -> Found:
    """Among outcomes with a published effect for the better: high dose beats low dose in most (signed estimates)."""
    table = evidence.tables["effects"]
    claimed = {c.measure for c in evidence.plan.claims if c.kind == "effect" and c.direction == "better"}
    mine = {o.id for o in evidence.plan.outcomes if o.column in claimed}
    high, low, gap = (
        table[(table["estimand"] == e) & table["outcome"].isin(mine)].set_index("outcome")
        for e in ("dose: high v usual care", "dose: low v usual care", "dose: high v low")
    )
    if high.empty:
        return Found.untestable(*NO_OUTCOME)
    larger = int((high["standardised"] > low["standardised"]).sum())
    tested = int((gap["p"] < evidence.plan.verdicts.significant).sum())
    en = f"larger at high dose in {larger} of {len(high)} outcomes; the difference is significant in {tested}"
    da = f"større ved høj dosis for {larger} af {len(high)} udfald; forskellen er signifikant for {tested}"
    return Found.judged(larger > len(high) / 2, larger / len(high), en, da)


def _timing(claim: Claim, evidence: Evidence) -> Found:
    """Child outcomes measured earlier show no effect in any tier, while some at the last wave do."""
    table, plan = evidence.tables["outcomes"], evidence.plan
    child = {o.column for o in plan.outcomes if plan.dose and o.family in plan.dose.families}
    last = plan.waves[-1].id
    columns = {o.id: o.column for o in plan.outcomes}
    here = table[table["outcome"].map(columns).isin(child)]
    early, late = here[here["wave"] != last], here[here["wave"] == last]
    if early.empty or late.empty:
        return Found.untestable(*NO_OUTCOME)
    before, after = (int(t["replica_verdict"].isin(["significant", "tendency"]).sum()) for t in (early, late))
    en = f"effects in {before} of {len(early)} earlier and {after} of {len(late)} later child outcomes"
    da = f"effekter i {before} af {len(early)} tidligere og {after} af {len(late)} senere udfald for barnet"
    return Found.judged(before == 0 and after > 0, float(after), en, da)


EFFECT_RULES: dict[str, Rule] = {
    "effect": _effect,
    "effect_size": _effect_size,
    "change": _change,
    "difference_in_change": _difference_in_change,
    "change_by_arm": _change_by_arm,
    "risk_ratio": _risk_ratio,
    "fragility": _fragility,
    "dose": _dose,
    "timing": _timing,
}
