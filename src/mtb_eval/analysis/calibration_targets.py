"""What a synthetic study is to show, from the plan's claims: which parameter moves it, what to read, where to aim."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from scipy import stats

from mtb_eval.study import Claim, Instrument, Outcome, Plan, Scale, VerdictRule

AIMS = {  # two-sided p-values
    "significant": 0.012,
    "tendency": 0.065,
    "no-difference": 0.30,
    "significant-change": 0.01,
    "no-change": 0.30,
    "difference": 0.12,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One reading of the study and the parameters that raise it.

    `moves` are outcome ids (their effects) or, with a `wave`, scale ids (their shifts at it), all moved alike. `reads`
    says what is read of `of`: the replica's signed normal deviate or estimate of an outcome, the change within MTB of
    a rated scale or the arms' difference in change as a signed deviate, or the mean of a column in an `arm`.
    Bisection aims at `aim`; every value from `low` to `high` shows what was published. Where not `always`, nothing is
    moved while that is so already.
    """

    moves: tuple[str, ...]
    wave: str | None = None
    reads: Literal["deviate", "estimate", "change", "difference", "mean"]
    of: str
    arm: Literal["all", "mtb", "control"] = "all"
    aim: float
    low: float
    high: float
    always: bool = True


def shift_targets(plan: Plan) -> list[Target]:
    """Return the targets that hold for both arms alike: shares and means at a wave, changes between waves."""
    found = {(t.moves, t.wave): t for claim in plan.claims for t in _shifts(plan, claim)}
    return list(found.values())


def effect_targets(plan: Plan) -> list[Target]:
    """Return one target per outcome with a published verdict, size or mean, composite scores left out."""
    found = {t.of: t for claim in plan.claims for t in _effects(plan, claim) if not _parts(plan, t.moves[0])}
    return list({**_early(plan), **found}.values())


def composite_targets(plan: Plan) -> list[Target]:
    """Return targets for scores that hold other outcomes' items, moved through the parts without a verdict."""
    published = {o.id for claim in plan.claims if claim.check == "effect" for o in _outcomes(plan, claim)}
    found = {}
    for target in (t for claim in plan.claims for t in _effects(plan, claim) if _parts(plan, t.moves[0])):
        free = tuple(p for p in _parts(plan, target.moves[0]) if p not in published)
        found[target.of] = replace(target, moves=free or target.moves, always=False)
    return list(found.values())


def difference_targets(plan: Plan) -> list[Target]:
    """Return targets that keep differences in change out of the first tier, if the plan says that there is none."""
    rule = plan.interaction
    said = rule is not None and any(c.check == "difference_in_change" for c in plan.claims)
    rated = [o for o in plan.outcomes if said and rule and o.sample == "video" and o.wave == rule.to_wave]
    limit, aim = _deviate(plan.verdicts.significant), _deviate(AIMS["difference"])
    return [
        Target(moves=(o.id,), reads="difference", of=o.id, aim=aim, low=-limit, high=limit, always=False) for o in rated
    ]


def _shifts(plan: Plan, claim: Claim) -> Iterator[Target]:
    wave = next((w.id for w in plan.waves if claim.wave_months == str(w.months)), None)
    if claim.check == "share" and wave and claim.low is not None and claim.high is not None:
        scales = [s for i in plan.instruments.values() for s in _scales_behind(i, claim.measure)]
        low, high = claim.low / 100, claim.high / 100
        yield _mean_target(claim.measure, wave, scales, aim=(low + high) / 2, low=low, high=high)
    if claim.check == "mean" and wave and claim.low is not None and claim.high is not None:
        aim = (claim.low + claim.high) / 2
        target = _mean_target(claim.measure, wave, [claim.measure], aim=aim, low=claim.low, high=claim.high)
        yield replace(target, arm="control")
    if claim.check == "change" and plan.interaction:
        rated = [o for o in plan.outcomes if o.column == claim.measure and o.wave == plan.interaction.to_wave]
        yield from (_change_target(plan, claim, o) for o in rated)


def _effects(plan: Plan, claim: Claim) -> Iterator[Target]:
    for o in _outcomes(plan, claim):
        if claim.check == "effect":
            yield _verdict_target(o, claim.verdict, _sign(o, claim.direction), plan.verdicts)
        elif (
            claim.check == "effect_size" and claim.statistic == "b" and claim.low is not None and claim.high is not None
        ):
            aim = float(claim.value)
            yield Target(moves=(o.id,), reads="estimate", of=o.id, aim=aim, low=aim - 0.005, high=aim + 0.005)
        elif claim.check == "mean" and claim.low is not None and claim.high is not None:
            aim = (claim.low + claim.high) / 2
            yield Target(moves=(o.id,), reads="mean", of=o.variable, arm="mtb", aim=aim, low=claim.low, high=claim.high)


def _early(plan: Plan) -> dict[str, Target]:
    """Return targets for the child's outcomes before the last wave, if no effect is said to show there."""
    said = any(c.check == "timing" for c in plan.claims) and plan.dose is not None
    families = plan.dose.families if plan.dose and said else ()
    columns = {o.column for o in plan.outcomes if o.family in families}
    early = [o for o in plan.outcomes if o.column in columns and o.wave != plan.waves[-1].id]
    return {o.id: _verdict_target(o, "no-difference", 0, plan.verdicts) for o in early}


def _verdict_target(outcome: Outcome, verdict: str, sign: int, rule: VerdictRule) -> Target:
    aim, low, high = _band(verdict, sign, rule)
    none = verdict == "no-difference"
    return Target(moves=(outcome.id,), reads="deviate", of=outcome.id, aim=aim, low=low, high=high, always=not none)


def _change_target(plan: Plan, claim: Claim, outcome: Outcome) -> Target:
    sign = _sign(outcome, claim.direction)
    aim, low, high = _band(claim.verdict, sign, plan.verdicts)
    return Target(
        moves=(claim.measure,),
        wave=outcome.wave,
        reads="change",
        of=claim.measure,
        aim=aim,
        low=low,
        high=high,
        always=claim.verdict != "no-change",
    )


def _mean_target(column: str, wave: str, scales: list[str], *, aim: float, low: float, high: float) -> Target:
    return Target(moves=tuple(scales), wave=wave, reads="mean", of=f"{column}_{wave}", aim=aim, low=low, high=high)


def _band(verdict: str, sign: int, rule: VerdictRule) -> tuple[float, float, float]:
    """Return aim, low and high of the signed normal deviate of a tier; without a sign both signs are in it."""
    aim = _deviate(AIMS[verdict])
    if verdict in ("no-difference", "no-change"):
        return aim, -_deviate(rule.tendency), _deviate(rule.tendency)
    ends = (_deviate(rule.significant), 9.0)
    if verdict == "tendency":
        ends = (_deviate(rule.tendency), _deviate(rule.significant))
    low, high = sorted((sign * ends[0], sign * ends[1]))
    return sign * aim, low, high


def _deviate(p: float) -> float:
    return float(stats.norm.isf(p / 2))


def _sign(outcome: Outcome, direction: str) -> int:
    return 1 if (direction == "better") == (outcome.better == "higher") else -1


def _outcomes(plan: Plan, claim: Claim) -> list[Outcome]:
    months = {part for part in claim.wave_months.replace("-", "|").split("|") if part}
    waves = {w.id for w in plan.waves if str(w.months) in months}
    return [o for o in plan.outcomes if o.column == claim.measure and o.wave in waves]


def _scales_behind(instrument: Instrument, measure: str) -> list[str]:
    """Return the scales whose cut-offs make an any-of scale, or the one that has a cut-off of that name."""
    cutoffs = {c for s in instrument.scales if s.id == measure for c in s.any_of} or {measure}
    return [s.id for s in instrument.scales if cutoffs & {c.id for c in s.cutoffs}]


def _parts(plan: Plan, outcome_id: str) -> tuple[str, ...]:
    """Return the outcomes of the same wave whose items all lie in this outcome's scale, without itself."""
    whole = plan.outcome(outcome_id)
    mine = _scale(plan, whole)
    others = [(o, _scale(plan, o)) for o in plan.outcomes if o.wave == whole.wave and o.id != whole.id]
    return tuple(o.id for o, s in others if mine and s and s[0] == mine[0] and set(s[1].items) < set(mine[1].items))


def _scale(plan: Plan, outcome: Outcome) -> tuple[str, Scale] | None:
    asked = [s for s in plan.sources if s.wave == outcome.wave or (s.role == "ratings" and s.wave is None)]
    instruments = [plan.instruments[i] for s in asked for i in s.instruments]
    return next(((i.id, s) for i in instruments for s in i.scales if s.id == outcome.column and s.items), None)
