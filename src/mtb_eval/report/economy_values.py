"""What costs and effects come to: the rows that decide, and the numbers that texts quote."""

from __future__ import annotations

import math

from mtb_eval.analysis.economy_benefit import COST, COSTED, EFFECT, EVERYWHERE, FAMILIES, FREE
from mtb_eval.report.edition import Edition, within_sentence
from mtb_eval.report.rows import Row, first, known, number, text

Values = dict[str, object]
DIGITS = 3


def costed_rows(edition: Edition) -> list[Row]:
    """Return the municipalities whose costs are known."""
    return [r for r in edition.rows("economy_municipalities") if known(r, "cost_per_family")]


def summed(edition: Edition, measure: str = "cost_per_family") -> Row:
    """Return the row of a measure over the municipalities."""
    return first(edition.rows("economy_summary"), measure=measure)


def rounded(value: float) -> float:
    """Return an amount to three significant digits."""
    if not math.isfinite(value) or value == 0:
        return value
    return round(value, DIGITS - 1 - math.floor(math.log10(abs(value))))


def dkk(edition: Edition, value: float) -> str:
    """Return an amount in DKK to three significant digits."""
    return edition.numbers.fixed(rounded(value), 0)


def dkk_interval(edition: Edition, low: float, high: float) -> str:
    """Return an interval of amounts in DKK to three significant digits."""
    return edition.numbers.interval(rounded(low), rounded(high), 0)


def cost_values(edition: Edition) -> Values:
    """Return costs to a family, a visit and a completed course, in words."""
    rows, family = costed_rows(edition), summed(edition)
    costs = [number(r, "cost_per_family") for r in rows]
    values: Values = {
        "n_municipalities": edition.numbers.count(len(rows)),
        "n_all": edition.numbers.count(len(edition.rows("economy_municipalities"))),
        "lowest": dkk(edition, min(costs, default=math.nan)),
        "highest": dkk(edition, max(costs, default=math.nan)),
        "df": edition.numbers.count(number(family, "df")),
        "threshold": edition.plan.dose.threshold if edition.plan.dose else "",
    }
    for name in ("family", "visit", "course"):
        row = summed(edition, f"cost_per_{name}")
        values[name] = dkk(edition, number(row, "estimate"))
        values[f"{name}_interval"] = dkk_interval(edition, number(row, "ci_low"), number(row, "ci_high"))
    more = whole_cost(edition)
    values["more"] = dkk(edition, number(more, "estimate"))
    values["more_interval"] = dkk_interval(edition, number(more, "ci_low"), number(more, "ci_high"))
    return values


def whole_cost(edition: Edition) -> Row:
    """Return the difference in cost over all families, usual care taken as free."""
    rows = edition.rows("economy_incremental", quantity=COST, control_cost=FREE)
    return next((r for r in rows if text(r, "sample").startswith(FAMILIES)), {})


def sample_word(edition: Edition, row: Row) -> str:
    """Return among whom cost and effect are compared, in words."""
    sample = text(row, "sample")
    if sample.startswith(FAMILIES):
        return edition.say("economy.sample_all")
    return edition.say("economy.sample_costed" if sample == COSTED else "economy.sample_outcome")


def control_word(edition: Edition, row: Row) -> str:
    """Return what usual care is taken to cost, in words."""
    return edition.say("economy.free" if text(row, "control_cost") == FREE else "economy.priced")


def compared(edition: Edition, table: str, control_cost: str = FREE) -> list[Row]:
    """Return a table's rows that are shown first: all municipalities, usual care taken as free unless told."""
    return edition.rows(table, sample=EVERYWHERE, control_cost=control_cost)


def benefit_rows(edition: Edition, control_cost: str = FREE) -> list[Row]:
    """Return the net benefit at each willingness to pay, in order."""
    rows = compared(edition, "economy_net_benefit", control_cost)
    return sorted((r for r in rows if known(r, "willingness", "estimate")), key=lambda r: number(r, "willingness"))


def plane_points(edition: Edition) -> list[Row]:
    """Return effect and cost with all municipalities and without each in turn, where they could be computed."""
    return [r for r in compared(edition, "economy_plane") if known(r, "effect", "cost")]


def benefit_values(edition: Edition) -> Values:
    """Return effect, cost and net benefit of the first comparison, in words."""
    rows, numbers, benefit = compared(edition, "economy_incremental"), edition.numbers, benefit_rows(edition)
    effect, cost = first(rows, quantity=EFFECT), first(rows, quantity=COST)
    least, most = (benefit[0], benefit[-1]) if benefit else ({}, {})
    without = [r for r in plane_points(edition) if text(r, "left_out")]
    effects, costs = ([number(r, c) for r in without] or [math.nan] for c in ("effect", "cost"))
    return {
        "outcome": within_sentence(edition.outcome(text(effect, "outcome"))),
        "effect": numbers.std(number(effect, "estimate")),
        "effect_interval": numbers.interval(number(effect, "ci_low"), number(effect, "ci_high")),
        "cost": dkk(edition, number(cost, "estimate")),
        "least": numbers.count(number(least, "willingness")),
        "most": numbers.count(number(most, "willingness")),
        "first": dkk(edition, number(least, "estimate")),
        "last": dkk(edition, number(most, "estimate")),
        "chance": numbers.percent(number(most, "chance")),
        "n_left_out": numbers.count(len(without)),
        **{"effect_low": numbers.std(min(effects)), "effect_high": numbers.std(max(effects))},
        **{"cost_low": dkk(edition, min(costs)), "cost_high": dkk(edition, max(costs))},
    }


def even_row(edition: Edition) -> Row:
    """Return the break-even row that texts quote: the middle one of the declared costs of a placement."""
    rows = [r for r in edition.rows("economy_break_even") if known(r, "averted_per_100")]
    ordered = sorted(rows, key=lambda r: (number(r, "dkk_per_year"), number(r, "years")))
    return ordered[len(ordered) // 2] if ordered else {}


def even_values(edition: Edition) -> Values:
    """Return how many averted placements would pay for the programme, and the difference seen, in words."""
    row, numbers = even_row(edition), edition.numbers
    seen = fewer(row)
    return {
        "averted": numbers.fixed(number(row, "averted_per_100"), 1),
        "dkk_per_year": numbers.count(number(row, "dkk_per_year")),
        "years": numbers.plain(number(row, "years")) if known(row, "years") else "",
        "fewer": numbers.fixed(seen[0], 1),
        "fewer_interval": numbers.interval(seen[1], seen[2], 1),
    }


def fewer(row: Row) -> tuple[float, float, float]:
    """Return how many fewer of 100 families had a placement with the programme, with its interval."""
    value, low, high = (-100 * number(row, c) for c in ("risk_difference", "rd_high", "rd_low"))
    return value, low, high
