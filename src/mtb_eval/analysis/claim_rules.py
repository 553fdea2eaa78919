"""The rules that test claims: one function per `check` of claims.csv, none of which knows a published number."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from mtb_eval.analysis.claim_effects import EFFECT_RULES
from mtb_eval.analysis.claim_published import kind_labels
from mtb_eval.analysis.claim_words import LANGUAGES, Evidence, Found, inside, number, share
from mtb_eval.study import Claim

Rule = Callable[[Claim, Evidence], Found]
NOT_MEASURED = ("not measured in these data", "ikke målt i disse data")


def _count(claim: Claim, n: int) -> Found:
    return Found.judged(inside(n, claim), float(n), str(n), str(n))


def _percent(claim: Claim, n: int, of: int) -> Found:
    if not of:
        return Found.untestable(*NOT_MEASURED)
    value = 100 * n / of
    return Found.judged(inside(value, claim), value, share(n, of, "en"), share(n, of, "da"))


def _municipalities(claim: Claim, evidence: Evidence) -> Found:
    return _count(claim, int(evidence.study.families["municipality"].nunique()))


def _randomised(claim: Claim, evidence: Evidence) -> Found:
    training = evidence.tables["training"]
    return _count(claim, int(training["randomised"].sum()))


def _added(claim: Claim, evidence: Evidence) -> Found:
    year = int(claim.measure.rsplit("_", 1)[1])
    training = evidence.tables["training"]
    return _count(claim, int((~training["randomised"] & (training["training_wave"] == year)).sum()))


def _arm_rule(claim: Claim, evidence: Evidence) -> Found:
    """MTB families are recruited only where training had been given; controls before training or beside it."""
    training, families = evidence.tables["training"], evidence.study.families
    trained = families["municipality"].map(training.set_index("municipality")["trained_on"])
    early = int(((families["mtb"] == 1) & (families["recruited_on"] < trained)).sum())
    before, after = int(training["n_control_before"].sum()), int(training["n_control_after"].sum())
    en = f"{early} MTB families recruited before training; controls: {before} before training, {after} after"
    da = f"{early} MTB-familier rekrutteret før uddannelse; kontrol: {before} før uddannelse, {after} efter"
    return Found.judged(early == 0 and before > 0 and after > 0, float(early), en, da)


def _minimum(claim: Claim, evidence: Evidence) -> Found:
    low = float(evidence.study.families[claim.measure].min())
    en, da = f"all {number(low, 'en')} or over", f"alle {number(low, 'da')} eller over"
    return Found.judged(inside(low, claim), low, en, da)


def _set(claim: Claim, evidence: Evidence) -> Found:
    levels = sorted({f"{v:g}" for v in evidence.study.families[claim.measure].dropna().astype(float)})
    text = ", ".join(levels)
    return Found.judged(set(levels) <= set(claim.value.split("|")), math.nan, text, text)


def _date_range(claim: Claim, evidence: Evidence) -> Found:
    days = evidence.study.families[claim.measure]
    first, last = days.min().strftime("%Y-%m"), days.max().strftime("%Y-%m")
    low, high = claim.value.split("..")
    return Found.judged(low == first and last == high, math.nan, f"{first} to {last}", f"{first} til {last}")


def _arm(claim: Claim, evidence: Evidence) -> pd.DataFrame:
    families = evidence.study.families
    code = {"mtb": 1.0, "control": 0.0}.get(claim.population)
    return families if code is None else families[families["mtb"] == code]


def _wave(claim: Claim, evidence: Evidence) -> str:
    return next(w.id for w in evidence.plan.waves if str(w.months) == claim.wave_months)


def _questionnaires(claim: Claim, evidence: Evidence) -> Found:
    return _count(claim, int(_arm(claim, evidence)[f"answered_{_wave(claim, evidence)}"].sum()))


def _videos(claim: Claim, evidence: Evidence) -> Found:
    return _count(claim, int(_arm(claim, evidence)[f"video_{_wave(claim, evidence)}"].sum()))


def _video_share(claim: Claim, evidence: Evidence) -> Found:
    here = _arm(claim, evidence)
    return _percent(claim, int(here[f"video_{_wave(claim, evidence)}"].sum()), len(here))


def _interviews(claim: Claim, evidence: Evidence) -> Found:
    held = evidence.study.interviews
    if held.empty:
        return Found.untestable(*NOT_MEASURED)
    return _count(claim, int((held["group"] == claim.population).sum()))


def _cost_municipalities(claim: Claim, evidence: Evidence) -> Found:
    costs = evidence.study.costs
    return Found.untestable(*NOT_MEASURED) if costs.empty else _count(claim, int(costs["municipality"].nunique()))


def _share(claim: Claim, evidence: Evidence) -> Found:
    x = _arm(claim, evidence)[f"{claim.measure}_{_wave(claim, evidence)}"].dropna()
    return _percent(claim, int((x == 1).sum()), len(x))


def _trauma_ranking(claim: Claim, evidence: Evidence) -> Found:
    """The kinds named are those with the highest share of families at or above their cut-off."""
    wave = _wave(claim, evidence)
    prefix, named = f"{claim.measure}_", set(claim.value.split("|"))
    kinds = [c for c in map(str, evidence.study.families) if c.startswith(prefix) and c.endswith(f"_{wave}")]
    shares = evidence.study.families[kinds].mean().sort_values(ascending=False)
    top = [c.removeprefix(prefix).removesuffix(f"_{wave}") for c in map(str, shares.index[: len(named)])]
    labels = kind_labels(evidence.plan, claim.measure)
    both = [(labels.get(k, (k.replace("_", " "),) * 2), f"{100 * s:.0f} %") for k, s in zip(top, shares, strict=False)]
    en, da = (", ".join(f"{label[i]} {percent}" for label, percent in both) for i in (0, 1))
    return Found.judged(set(top) == named, math.nan, en, da)


def _visit_value(evidence: Evidence, measure: str, statistic: str) -> tuple[float, int]:
    table = evidence.tables["visits"]
    hit = table[(table["measure"] == measure) & (table["statistic"] == statistic)]
    return (float(hit["value"].iloc[0]), int(hit["n"].iloc[0])) if len(hit) else (math.nan, 0)


def _mean_visits(claim: Claim, evidence: Evidence) -> Found:
    value, n = _visit_value(evidence, "visits", "mean")
    en, da = (f"{number(value, language)} (n = {n})" for language in LANGUAGES)
    return Found.judged(inside(value, claim), value, en, da)


def _visit_share(measure: str) -> Rule:
    def rule(claim: Claim, evidence: Evidence) -> Found:
        _, n = _visit_value(evidence, measure, "share")
        return _percent(claim, n, int((evidence.study.families["mtb"] == 1).sum()))

    return rule


def _usual_care_share(measure: str) -> Rule:
    def rule(claim: Claim, evidence: Evidence) -> Found:
        table = evidence.tables["usual_care"]
        hit = table[table["measure"] == measure]
        if hit.empty:
            return Found.untestable(*NOT_MEASURED)
        return _percent(claim, int(hit["n"].iloc[0]), int(hit["of"].iloc[0]))

    return rule


def _usual_care_profile(claim: Claim, evidence: Evidence) -> Found:
    """More contacts a month over fewer months than MTB, by medians."""
    table = evidence.tables["usual_care"]
    value = {str(m): float(v) for m, v in zip(table["measure"], table["value"], strict=True)}
    names = ("median_contacts_per_month", "median_months", "mtb_median_visits_per_month", "mtb_median_months")
    if not all(math.isfinite(value.get(n, math.nan)) for n in names):
        return Found.untestable(*NOT_MEASURED)
    rate, months, mtb_rate, mtb_months = (value[n] for n in names)
    en = f"{rate:.1f} contacts a month over {months:.0f} months; MTB {mtb_rate:.1f} over {mtb_months:.0f} (medians)"
    da = f"{rate:.1f} kontakter om måneden i {months:.0f} måneder; MTB {mtb_rate:.1f} i {mtb_months:.0f} (medianer)"
    return Found.judged(rate > mtb_rate and months < mtb_months, rate / mtb_rate, en, da.replace(".", ","))


def _means(claim: Claim, evidence: Evidence) -> dict[str, float]:
    column = f"{claim.measure}_{_wave(claim, evidence)}"
    by_arm = evidence.study.families.groupby("mtb")[column].mean()
    overall = float(evidence.study.families[column].mean())
    return {"all": overall, "mtb": float(by_arm.get(1.0, np.nan)), "control": float(by_arm.get(0.0, np.nan))}


def _mean(claim: Claim, evidence: Evidence) -> Found:
    value = _means(claim, evidence)["all"]
    if not math.isfinite(value):
        return Found.untestable(*NOT_MEASURED)
    return Found.judged(inside(value, claim), value, number(value, "en"), number(value, "da"))


def _mean_by_arm(claim: Claim, evidence: Evidence) -> Found:
    means = _means(claim, evidence)
    if not all(map(math.isfinite, means.values())):
        return Found.untestable(*NOT_MEASURED)
    agrees = all(inside(means[a], claim) for a in ("mtb", "control"))
    en = f"MTB {number(means['mtb'], 'en')}, usual care {number(means['control'], 'en')}"
    da = f"MTB {number(means['mtb'], 'da')}, kontrol {number(means['control'], 'da')}"
    return Found.judged(agrees, means["mtb"] - means["control"], en, da)


def _cutoff(claim: Claim, evidence: Evidence) -> Found:
    """The quoted threshold is declared as a cut-off of the instrument; the share at or above it is shown."""
    scales = [s for i in evidence.plan.instruments.values() for s in i.scales]
    at = {c.at for s in scales for c in s.cutoffs if c.id == claim.measure}
    column = f"{claim.measure}_{evidence.plan.waves[-1].id}"
    if column not in evidence.study.families:
        return Found.untestable(*NOT_MEASURED)
    x = evidence.study.families[column].dropna()
    n = int(x.sum())
    en, da = f"{share(n, len(x), 'en')} score at least that", f"{share(n, len(x), 'da')} scorer mindst det"
    return Found.judged(any(inside(a, claim) for a in at), float(n), en, da)


def _rated(evidence: Evidence, measure: str) -> np.ndarray:
    x = evidence.study.families.get(f"{measure}_{evidence.plan.waves[-1].id}")
    return np.array([]) if x is None else x.dropna().to_numpy(dtype=float)


def _positive_interaction(claim: Claim, evidence: Evidence) -> Found:
    """More than half of the videos are rated above the middle of the scale."""
    x = _rated(evidence, claim.measure)
    if not len(x):
        return Found.untestable(*NOT_MEASURED)
    n = int((x > 3).sum())
    words = (f"{share(n, len(x), 'en')} rated above 3 of 5", f"{share(n, len(x), 'da')} vurderet over 3 af 5")
    return Found.judged(n / len(x) > 0.5, 100 * n / len(x), *words)


def _controlling_play(claim: Claim, evidence: Evidence) -> Found:
    """Some, but not most, videos are rated at or above the middle of the scale for intrusiveness."""
    x = _rated(evidence, claim.measure)
    if not len(x):
        return Found.untestable(*NOT_MEASURED)
    n = int((x >= 3).sum())
    words = (f"{share(n, len(x), 'en')} rated 3 or more", f"{share(n, len(x), 'da')} vurderet til 3 eller mere")
    return Found.judged(0 < n / len(x) < 0.5, 100 * n / len(x), *words)


def _video_coverage(claim: Claim, evidence: Evidence) -> Found:
    families, wave = evidence.study.families, evidence.plan.waves[-1].id
    seen = {a: families.loc[families["mtb"] == code, f"video_{wave}"] for a, code in (("c", 0.0), ("m", 1.0))}
    n, of = {a: int(x.sum()) for a, x in seen.items()}, {a: len(x) for a, x in seen.items()}
    if not all(of.values()):
        return Found.untestable(*NOT_MEASURED)
    gap = n["c"] / of["c"] - n["m"] / of["m"]
    en = f"usual care {share(n['c'], of['c'], 'en')}, MTB {share(n['m'], of['m'], 'en')}"
    da = f"kontrol {share(n['c'], of['c'], 'da')}, MTB {share(n['m'], of['m'], 'da')}"
    return Found.judged(n["c"] / of["c"] < 0.5 and gap < 0, gap, en, da)


def _video_after_start(claim: Claim, evidence: Evidence) -> Found:
    """Months from the first visit to the first video, mean over filmed MTB families."""
    study = evidence.study
    first_visit = study.visits.groupby("family_id")["visited_on"].min()
    first_video = study.ratings.groupby("family_id")["recorded_on"].min()
    months = ((first_video - first_visit).dt.days / (365.25 / 12)).dropna()
    if months.empty:
        return Found.untestable(*NOT_MEASURED)
    value = float(months.mean())
    en = f"{number(value, 'en')} months after the first visit on average"
    return Found.judged(value > 12, value, en, f"{number(value, 'da')} måneder efter første besøg i gennemsnit")


RULES: dict[str, Rule] = {
    "municipalities": _municipalities,
    "municipalities_randomised": _randomised,
    "municipalities_added": _added,
    "arm_rule": _arm_rule,
    "minimum": _minimum,
    "set": _set,
    "date_range": _date_range,
    "questionnaires": _questionnaires,
    "videos": _videos,
    "video_share": _video_share,
    "interviews": _interviews,
    "cost_municipalities": _cost_municipalities,
    "share": _share,
    "trauma_ranking": _trauma_ranking,
    "mean_visits": _mean_visits,
    "retained": _visit_share("retained"),
    "share_at_threshold": _visit_share("at_threshold"),
    "no_service": _usual_care_share("no_service"),
    "service_after_birth": _usual_care_share("began_after_birth"),
    "usual_care_profile": _usual_care_profile,
    "mean": _mean,
    "mean_by_arm": _mean_by_arm,
    "cutoff": _cutoff,
    "positive_interaction": _positive_interaction,
    "controlling_play": _controlling_play,
    "video_coverage": _video_coverage,
    "video_after_start": _video_after_start,
    **EFFECT_RULES,
}
