"""Claimed effects and the chance of finding them: the rows, and the numbers that figure and sentences quote."""

from __future__ import annotations

from dataclasses import dataclass

from mtb_eval.report.edition import Edition
from mtb_eval.report.rows import Row, distinct, first, known, number, text

Values = dict[str, object]

DIFFERENCE = ("significant", "tendency", "near-significant")
"""Tiers that were published as a difference of some kind."""
EVEN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """An outcome with claims about its effect: their ids, whether one of them is a difference, its rows by size."""

    outcome: str
    claims: tuple[str, ...]
    difference: bool
    row: Row
    declared: tuple[Row, ...]
    published: tuple[Row, ...]


def claimed(edition: Edition) -> list[Claimed]:
    """Return the outcomes with claims about their effect and a known chance, those published as a difference first."""
    rows = [r for r in edition.rows("claim_power") if known(r, "power")]
    found = [_claimed(edition, o, [r for r in rows if text(r, "outcome") == o]) for o in distinct(rows, "outcome")]
    return sorted(found, key=lambda c: not c.difference)


def _claimed(edition: Edition, outcome: str, rows: list[Row]) -> Claimed:
    claims = distinct(rows, "claim")
    declared = [r for r in rows if text(r, "size") == "declared" and text(r, "claim") == claims[0]]
    return Claimed(
        outcome=outcome,
        claims=tuple(claims),
        difference=any(text(r, "published") in DIFFERENCE for r in rows),
        row=rows[0],
        declared=tuple(sorted(declared, key=lambda r: number(r, "true_std"))),
        published=tuple(r for r in rows if text(r, "size") == "published"),
    )


def main_size(edition: Edition) -> float:
    """Return the true effect that stands for claims without a published size."""
    rule = edition.plan.claim_power
    return rule.main if rule else float("nan")


def at_main(edition: Edition, one: Claimed) -> Row:
    """Return the outcome's row at the plan's main size."""
    return first(one.declared, true_std=main_size(edition))


def power_values(edition: Edition) -> Values:
    """Return, in words, how likely this design is to find what was published, and how robust that is."""
    numbers, rule = edition.numbers, edition.plan.verdicts
    rows = [r for r in edition.rows("claims", kind="effect") if known(r, "power")]
    power, ratio = (sorted(number(r, c) for r in rows) for c in ("power", "type_m"))
    everything = claimed(edition)
    main = sorted(number(at_main(edition, c), "power") for c in everything)
    differences = [c for c in everything if c.difference]
    df = sorted(number(c.row, "df") for c in everything)
    return {
        "n_power": len(rows),
        "n_published": len([r for r in rows if text(r, "size") == "published"]),
        "main": numbers.plain(main_size(edition)),
        "low": numbers.percent(power[0]) if power else "",
        "high": numbers.percent(power[-1]) if power else "",
        "main_low": numbers.percent(main[0]) if main else "",
        "main_high": numbers.percent(main[-1]) if main else "",
        "even": len([p for p in power if p >= EVEN]) or edition.say("word.none"),
        "ratio_low": numbers.fixed(ratio[0], 1) if ratio else "",
        "ratio_high": numbers.fixed(ratio[-1], 1) if ratio else "",
        "n_outcomes": len(everything),
        "n_differences": len(differences),
        "n_found": len([c for c in differences if number(c.row, "p") < rule.significant]),
        "robust": len([c for c in differences if text(c.row, "grade") == "robust"]),
        "suggestive": len([c for c in differences if text(c.row, "grade") == "suggestive"]),
        "df_low": numbers.fixed(df[0], 1) if df else "",
        "df_high": numbers.fixed(df[-1], 1) if df else "",
        "significant": numbers.threshold(rule.significant),
        "sizes": edition.words.listed([numbers.plain(e) for e in _sizes(edition)]),
    }


def _sizes(edition: Edition) -> tuple[float, ...]:
    return edition.plan.claim_power.effects if edition.plan.claim_power else ()
