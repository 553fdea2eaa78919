"""How well interaction was rated and whether effects grew: the rows that decide, and the numbers that texts quote."""

from __future__ import annotations

import math

from mtb_eval.analysis.coding_reliability import USED
from mtb_eval.analysis.waves_difference import SAME
from mtb_eval.report.edition import Edition
from mtb_eval.report.figures.intervals import MISSING, Interval
from mtb_eval.report.rows import Row, distinct, first, known, number, text

Values = dict[str, object]
SINGLE = "ICC(2,1)"


def agreement_rows(edition: Edition, wave: str, coefficient: str = SINGLE) -> dict[str, Row]:
    """Return one coefficient of each rated scale at a wave, where it is known."""
    rows = edition.rows("coder_reliability", wave=wave, coefficient=coefficient)
    return {text(r, "scale"): r for r in rows if known(r, "value")}


def interval_of(row: Row) -> Interval:
    """Return a coefficient with its interval."""
    return (number(row, "value"), number(row, "ci_low"), number(row, "ci_high")) if row else MISSING


def agreement_waves(edition: Edition) -> list[str]:
    """Return the filmed waves at which agreement is known."""
    rows = [r for r in edition.rows("coder_reliability", coefficient=SINGLE) if known(r, "value")]
    return [w for w in distinct(rows, "wave") if w]


def coding_values(edition: Edition) -> Values:
    """Return videos rated twice, and over the rated scales the range of reliability and of detectable effects."""
    waves = agreement_waves(edition)
    last = waves[-1] if waves else ""
    raters = first(edition.rows("video_raters"), wave=last, arm="all")
    used = [number(r, "value") for r in agreement_rows(edition, last, USED).values()]
    rows = edition.rows("attenuation", wave=last)
    count = edition.numbers.count
    return {
        "n": count(len(used)),
        "at": edition.wave(last).lower() if last else "",
        "n_double": count(number(raters, "n_double")),
        "n_videos": count(number(raters, "n_videos")),
        "n_coders": count(number(raters, "n_coders")),
        **_ends(edition, "icc", [number(r, "value") for r in agreement_rows(edition, last).values()]),
        **_ends(edition, "rel", used),
        **_ends(edition, "mde", [number(r, "mde") for r in rows]),
        **_ends(edition, "true", [number(r, "true_mde") for r in rows]),
    }


def growth_rows(edition: Edition) -> list[Row]:
    """Return the difference in effect between two waves of each measure, same families, CR2."""
    rows = edition.rows("wave_differences", analysis=SAME)
    return [r for r in rows if text(r, "method").startswith("CR2") and known(r, "estimate")]


def growth_values(edition: Edition) -> Values:
    """Return how many effects grew or shrank significantly between the waves, and how much a difference must be."""
    rows, limit = growth_rows(edition), edition.plan.verdicts.significant
    sure = [number(r, "estimate") for r in rows if number(r, "p") < limit]
    held = [r for r in rows if number(r, "p_holm") < limit]
    months = {w.id: w.months for w in edition.plan.waves}
    pair = first(rows)
    return {
        **{"n": len(rows), "grown": sum(x > 0 for x in sure), "shrunk": sum(x < 0 for x in sure), "held": len(held)},
        **{f"{end}_months": months.get(text(pair, f"{end}_wave"), 0) for end in ("from", "to")},
        **_ends(edition, "mde", [number(r, "mde") for r in rows]),
    }


def wave_interval(edition: Edition, column: str, wave: str) -> Interval:
    """Return a measure's standardised effect at a wave with its interval."""
    row = first(edition.rows("wave_effects"), column=column, wave=wave)
    return (number(row, "standardised"), number(row, "std_low"), number(row, "std_high")) if row else MISSING


def _ends(edition: Edition, name: str, values: list[float]) -> Values:
    found = [v for v in values if math.isfinite(v)]
    low, high = (min(found), max(found)) if found else (math.nan, math.nan)
    return {f"{name}_low": edition.numbers.fixed(low, 2), f"{name}_high": edition.numbers.fixed(high, 2)}
