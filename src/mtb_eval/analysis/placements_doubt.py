"""How much the finding on placements leans on: confounding, single families, registration, and later counts."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import Row
from mtb_eval.analysis.placements_data import Placed
from mtb_eval.analysis.verdicts import verdict
from mtb_eval.data.families import Study
from mtb_eval.inference.bounds import worst_case
from mtb_eval.inference.confirmation import (
    Confirmation,
    confirmation,
    fisher_p_values,
    new_events,
    new_events_together,
    pearson_p_values,
    recounted,
)
from mtb_eval.inference.counts import Counts, counts, risk_difference, risk_ratio, two_arms
from mtb_eval.inference.evalue import e_value
from mtb_eval.inference.exact import conditional_p
from mtb_eval.inference.fragility import fragility
from mtb_eval.study import Outcome, PlacementsDetail, VerdictRule

Array = NDArray[np.float64]

FRAGILITY_COLUMNS = (
    "source",
    "arm",
    "change",
    "changed",
    "p_before",
    "tier_before",
    "n_mtb_events",
    "n_control_events",
)
CHANGE_COLUMNS = (
    "source",
    "change",
    "changed",
    "n_mtb_events",
    "n_control_events",
    "risk_difference",
    "risk_ratio",
    "p_fisher",
    "p_pearson",
    "tier",
    "tier_before",
)
CONFIRMATION_COLUMNS = (
    "source",
    "scenario",
    "risks",
    "test",
    "significant",
    "tendency",
    "opposite",
    "neither",
    "events_mtb",
    "events_control",
    "assumption",
)
CHANGES = (
    ("unregistered in usual care", 0, 1),
    ("over-registered in usual care", 0, -1),
    ("unregistered in MTB", 1, 0),
    ("over-registered in MTB", -1, 0),
)


def e_value_rows(data: Placed, level: float) -> Iterator[Row]:
    """Yield the E-value of the risk ratio (`estimate`) and of its limit nearer to 1 (`ci_low`)."""
    ratio = risk_ratio(data.counts.swapped(), level=level)
    if not math.isfinite(float(ratio.estimate)):
        none = {"method": "of the risk ratio", "warning": "the risk ratio is not finite"}
        yield {"measure": "E-value", "code": "e-value", **none}
        return
    found = e_value(ratio.estimate, ratio.ci_low, ratio.ci_high)
    method = "of the risk ratio; lower limit: of the interval's end nearer to 1"
    yield {
        "measure": "E-value",
        "code": "e-value",
        "method": method,
        "estimate": float(found.estimate),
        "ci_low": float(found.limit),
    }


def relative_registration_rows(data: Placed, level: float) -> Iterator[Row]:
    """Yield how much less often placements in MTB would have to be registered for the true risks to be equal.

    With every registered placement true, true ratio = seen ratio x share registered in MTB / share in usual care.
    """
    seen = risk_ratio(data.counts, level=level)
    yield {
        "measure": "relative registration",
        "code": "relative-registration",
        "method": "share registered in MTB over share in usual care at which the true risks are equal",
        "estimate": float(seen.estimate),
        "ci_low": float(seen.ci_low),
        "ci_high": float(seen.ci_high),
        "warning": seen.warning,
    }


def worst_case_rows(study: Study, outcome: Outcome, data: Placed, *, level: float) -> Iterator[Row]:
    """Yield the risk difference with unknown families at their worst and best: none known, then those who left too.

    Families that moved or died before a placement was registered may have had one elsewhere. Limits: the lower score
    limit of the lower bound and the upper one of the upper bound (Horowitz & Manski 2000,
    doi 10.1080/01621459.2000.10473902).
    """
    event, mtb = study.families[outcome.variable].to_numpy(dtype=float), study.families["mtb"].to_numpy(dtype=float)
    left = np.full(len(event), np.nan)
    left[np.isfinite(event)] = np.where((data.leaving < data.until) & (data.event == 0), np.nan, data.event)
    cases = (("bound", event, "status unknown"), ("bound-moved", left, "status unknown, moved or died"))
    for code, values, words in cases:
        n = int(np.isnan(values).sum())
        ends = worst_case(values, np.where(mtb == 1, 1.0, -1.0), (0.0, 1.0))
        low, high = (risk_difference(two_arms(v, mtb), level=level) for v in ends)
        for name, e in (("lower", low), ("upper", high)):
            yield {
                "measure": f"risk difference, {name} bound",
                "code": f"{code}-{name}",
                "method": f"Manski bound, {words}",
                "estimate": float(e.estimate),
                "ci_low": float(low.ci_low),
                "ci_high": float(high.ci_high),
                "warning": f"{n} families of unknown status" if n else "no family of unknown status",
            }


def fragility_rows(data: Placed, rule: VerdictRule) -> Iterator[Row]:
    """Yield for each arm and direction how many families with the other outcome move Fisher's p across the bound."""
    found = fragility(data.counts, alpha=rule.significant)
    moves = {
        ("mtb", "more placed"): found.first_more,
        ("mtb", "fewer placed"): found.first_fewer,
        ("control", "more placed"): found.second_more,
        ("control", "fewer placed"): found.second_fewer,
    }
    for (arm, change), n in moves.items():
        yield {
            **_events(data.counts),
            "arm": arm,
            "change": change,
            "changed": math.nan if n is None else float(n),
            "p_before": found.p,
            "tier_before": verdict(found.p, rule),
        }


def change_rows(data: Placed, rule: VerdictRule, most: int) -> Iterator[Row]:
    """Yield what 0 to `most` wrongly registered families of one kind would make of the comparison."""
    before = verdict(conditional_p(data.counts), rule)
    for change, in_mtb, in_control in CHANGES:
        for k in range(most + 1):
            moved = _moved(data.counts, k * in_mtb, k * in_control)
            if moved is None:
                break
            fisher = conditional_p(moved)
            yield {
                **_events(moved),
                "change": change,
                "changed": float(k),
                **_effects(moved),
                "p_fisher": fisher,
                "p_pearson": _pearson(moved),
                "tier": verdict(fisher, rule),
                "tier_before": before,
            }


def confirmation_rows(data: Placed, rule: VerdictRule, detail: PlacementsDetail) -> Iterator[Row]:
    """Yield the chances that a later count is significant, a tendency, opposite or none of these, by scenario."""
    t = data.counts
    sizes = int(t.n_first), int(t.n_second)
    tests = {"Fisher": fisher_p_values(*sizes), "Pearson": pearson_p_values(*sizes)}
    for scenario, risks, chance, assumption in _scenarios(t, detail, data.until):
        for test, p in tests.items():
            found = confirmation(p, chance, significant=rule.significant, tendency=rule.tendency)
            names = {"scenario": scenario, "risks": risks, "test": test, "assumption": assumption}
            yield {**names, **_chances(found)}


def _scenarios(t: Counts, detail: PlacementsDetail, until: float) -> Iterator[tuple[str, str, Array, str]]:
    a, n, b, m = (int(v) for v in (t.events_first, t.n_first, t.events_second, t.n_second))
    prior, own = _pair(detail.risk_prior), "each arm its own"
    words = f"risk {_words(prior)}"
    again = np.outer(new_events(a, n, prior=prior), new_events(b, m, prior=prior))
    yield "another study of the same size", own, again, words
    both = new_events_together(a + b, n + m, prior=prior, arms=(n, m))
    yield "another study of the same size", "one common risk", both, words
    spans = (detail.follow_to_months - until) / until
    if spans > 0:
        longer = np.outer(_followed(a, n, prior, spans), _followed(b, m, prior, spans))
        told = f"{words}, constant over age"
        yield f"the same families followed to {detail.follow_to_months} months", own, longer, told
    registered, confirmed = _pair(detail.registered_prior), _pair(detail.confirmed_prior)
    counted = [recounted(e, k, prior=prior, registered=registered, confirmed=confirmed) for e, k in ((a, n), (b, m))]
    told = f"{words}, registered {_words(registered)}, confirmed {_words(confirmed)}"
    yield "the same families counted again", own, np.outer(*counted), told


def _followed(events: int, n: int, prior: tuple[float, float], spans: float) -> Array:
    """Return the distribution of events once those without one have been followed for `spans` more periods."""
    later = new_events(events, n, prior=prior, among=n - events, spans=spans)
    return np.concatenate([np.zeros(events), later])


def _pair(prior: tuple[float, ...]) -> tuple[float, float]:
    return prior[0], prior[1]


def _words(prior: tuple[float, float]) -> str:
    return f"Beta({prior[0]:g}, {prior[1]:g})"


def _chances(found: Confirmation) -> Row:
    return {
        "significant": found.significant,
        "tendency": found.tendency,
        "opposite": found.opposite,
        "neither": found.neither,
        "events_mtb": found.events_first,
        "events_control": found.events_second,
    }


def _events(t: Counts) -> Row:
    return {"n_mtb_events": float(t.events_first), "n_control_events": float(t.events_second)}


def _effects(t: Counts) -> Row:
    """Return the risk difference, MTB minus usual care, and the ratio, usual care over MTB (inf or NaN at 0)."""
    mtb, control = float(t.events_first / t.n_first), float(t.events_second / t.n_second)
    ratio = control / mtb if mtb else (math.inf if control else math.nan)
    return {"risk_difference": mtb - control, "risk_ratio": ratio}


def _moved(t: Counts, first: int, second: int) -> Counts | None:
    a, b = int(t.events_first) + first, int(t.events_second) + second
    if not (0 <= a <= int(t.n_first) and 0 <= b <= int(t.n_second)):
        return None
    return counts(events_first=a, n_first=t.n_first, events_second=b, n_second=t.n_second)


def _pearson(t: Counts) -> float:
    p = pearson_p_values(int(t.n_first), int(t.n_second))
    return float(p[int(t.events_first), int(t.events_second)])
