"""What a reader must know of an outcome's primary result, by rule, in words."""

from __future__ import annotations

import math
from collections.abc import Iterable

from mtb_eval.report.edition import Edition
from mtb_eval.report.rows import Row, known, number, text

FEW_DEGREES = 4.0
COVERED = ("could not be estimated", "degrees of freedom", "wild bootstrap")


def flags(edition: Edition, row: Row) -> dict[str, str]:
    """Return the notes on an outcome's primary result by their short mark: a, b, c."""
    found: dict[str, str] = {}
    if few_degrees([row]):
        found["a"] = edition.say("flag.few_degrees", df=edition.numbers.fixed(number(row, "primary_df"), 1))
    if disagreements(edition, [row]):
        p = edition.numbers.p
        found["b"] = edition.say("flag.wild", cr2=p(number(row, "primary_p")), wild=p(number(row, "wild_p")))
    rest = [part for part in text(row, "flag").split("; ") if part and not any(c in part for c in COVERED)]
    if rest:
        found["c"] = "; ".join(rest)
    return found


def few_degrees(rows: Iterable[Row]) -> list[Row]:
    """Return the outcomes whose primary interval rests on too few degrees of freedom to be relied on."""
    return [r for r in rows if known(r, "primary_df") and number(r, "primary_df") < FEW_DEGREES]


def disagreements(edition: Edition, rows: Iterable[Row]) -> list[Row]:
    """Return the outcomes whose two primary p-values lie further apart than the plan allows."""
    gap = edition.plan.verdicts.p_disagreement
    return [r for r in rows if _distance(r) > gap]


def _distance(row: Row) -> float:
    distance = abs(number(row, "primary_p") - number(row, "wild_p"))
    return 0.0 if math.isnan(distance) else distance
