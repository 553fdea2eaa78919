"""What was published, in words of both languages."""

from __future__ import annotations

from mtb_eval.study import Claim, Plan

VERDICTS = {
    "no-difference": ("no difference", "ingen forskel"),
    "significant": ("significant", "signifikant"),
    "tendency": ("tendency", "tegn på forskel"),
    "near-significant": ("almost significant", "tilnærmelsesvis signifikant"),
    "significant-change": ("significant change", "signifikant ændring"),
    "no-change": ("no change", "ingen ændring"),
}
DIRECTIONS = {"better": ("MTB better", "MTB bedre"), "worse": ("MTB worse", "MTB dårligere")}
WORDS = ("ranking", "set")
Both = tuple[str, str]


def published(claim: Claim, plan: Plan) -> Both:
    """Return a claim's figure, tier and direction as they were published, in English and in Danish."""
    verdict = VERDICTS.get(claim.verdict, ("", ""))
    way = DIRECTIONS.get(claim.direction, ("", "")) if claim.kind == "effect" else ("", "")
    parts = [_figure(claim, plan), verdict, way]
    en, da = (", ".join(p[i] for p in parts if p[i]) for i in (0, 1))
    return en, da


def _figure(claim: Claim, plan: Plan) -> Both:
    if claim.statistic == "range":
        return _span(*claim.value.split(".."))
    if claim.statistic in WORDS:
        return _words(claim, plan)
    if not claim.value and claim.low is not None and claim.high is not None:
        return _span(f"{claim.low:g}", f"{claim.high:g}")
    unit = " %" if claim.statistic == "percent" else ""
    en, da = _number(claim.value + unit)
    if claim.statistic == "b" and claim.low is not None and claim.high is not None:
        low, high = (_number(f"{v:g}") for v in (claim.low, claim.high))
        return f"{en} ({low[0]} to {high[0]})", f"{da} ({low[1]} til {high[1]})"
    return en, da


def _span(low: str, high: str) -> Both:
    return f"{low} to {high}", f"{low} til {high}"


def _number(text: str) -> Both:
    en = text.replace("-", "\N{MINUS SIGN}")
    return en, en.replace(".", ",")


def _words(claim: Claim, plan: Plan) -> Both:
    """Return listed values; those that are named like a scale or cut-off of an instrument by its label."""
    labels = kind_labels(plan, claim.measure)
    named = [labels.get(v, (v.replace("_", " "),) * 2) for v in claim.value.split("|")]
    return ", ".join(n[0] for n in named), ", ".join(n[1] for n in named)


def kind_labels(plan: Plan, prefix: str) -> dict[str, Both]:
    """Return the labels (English, Danish) of the scales behind cut-offs called `prefix`_kind, by kind."""
    return {
        cutoff.id.removeprefix(f"{prefix}_"): (scale.label.en.lower(), scale.label.da.lower())
        for instrument in plan.instruments.values()
        for scale in instrument.scales
        for cutoff in scale.cutoffs
        if cutoff.id.startswith(f"{prefix}_")
    }
