"""What the further analyses of placements say: which source decides, its tests, and the numbers that texts quote."""

from __future__ import annotations

import math

from mtb_eval.report.edition import Edition
from mtb_eval.report.rows import Row, distinct, first, known, number, text

Values = dict[str, object]
FAMILIES = (
    *("fisher", "boschloo", "barnard", "pearson", "difference-score", "firth", "firth-adjusted"),
    *("permuted", "log-rank", "log-rank-censored", "mean-difference", "incidence-difference"),
)
MUNICIPALITIES = (
    *("poisson", "poisson-adjusted", "linear-cr2", "linear-wild", "cox", "mean-difference-cluster"),
    *("log-rank-stratified", "permuted-municipality", "permuted-blocks", "strata-municipality", "strata-block"),
)
"""Short names of the tests by what they take as independent, in the order in which they are shown."""
AGAIN, ONCE_MORE = "another study of the same size", "the same families counted again"
OWN_RISK, ONE_RISK = "each arm its own", "one common risk"
EXACT = "Fisher"


def sources(edition: Edition) -> list[str]:
    """Return the sources of placements, the one that decides first; empty without any."""
    return [s for s in distinct(edition.rows("placement_tests"), "source") if s]


def source_rows(edition: Edition, table: str) -> list[Row]:
    """Return the rows of a table on placements that come from the source that decides."""
    found = sources(edition)
    return edition.rows(table, source=found[0]) if found else []


def result_of(edition: Edition, code: str, source: str = "") -> Row:
    """Return the row of a test by its short name, from the source that decides unless another is named."""
    found = sources(edition)
    return first(edition.rows("placement_tests"), code=code, source=source or (found[0] if found else ""))


def with_p(edition: Edition) -> list[Row]:
    """Return the tests that gave a p, families as independent first."""
    rows = [result_of(edition, code) for code in (*FAMILIES, *MUNICIPALITIES)]
    return [r for r in rows if known(r, "p")]


def tally(edition: Edition) -> Values:
    """Return how many tests give a p in which tier, and the extremes."""
    rule, numbers = edition.plan.verdicts, edition.numbers
    found = [number(r, "p") for r in with_p(edition)]
    significant = sum(p < rule.significant for p in found)
    tendency = sum(rule.significant <= p < rule.tendency for p in found)
    return {
        "n_tests": numbers.count(len(found)),
        "n_significant": numbers.count(significant),
        "n_tendency": numbers.count(tendency),
        "n_neither": numbers.count(len(found) - significant - tendency),
        "smallest": numbers.p(min(found, default=math.nan)),
        "largest": numbers.p(max(found, default=math.nan)),
        "significant": numbers.threshold(rule.significant),
        "tendency": numbers.threshold(rule.tendency),
    }


def change_values(edition: Edition) -> Values:
    """Return how few families the finding rests on, and what registration or confounding would have to be."""
    numbers = edition.numbers
    moves = [number(r, "changed") for r in source_rows(edition, "placement_fragility") if known(r, "changed")]
    confounder, registered = result_of(edition, "e-value"), result_of(edition, "relative-registration")
    return {
        "moves": numbers.count(min(moves, default=math.nan)),
        "registered": numbers.percent(number(registered, "estimate")),
        "e_value": numbers.fixed(number(confounder, "estimate"), 1),
        "e_limit": numbers.fixed(number(confounder, "ci_low"), 1),
    }


def later_rows(edition: Edition) -> list[Row]:
    """Return the chances of each verdict in a later count."""
    return [r for r in source_rows(edition, "placement_confirmation") if known(r, "significant")]


def later_values(edition: Edition) -> Values:
    """Return the chances that a later count would be significant by Fisher's test, in words."""
    rule = edition.plan.placements_detail
    rows = [r for r in later_rows(edition) if text(r, "test") == EXACT]
    longer = next((r for r in rows if followed(r)), {})
    chances = {
        "again": first(rows, scenario=AGAIN, risks=OWN_RISK),
        "longer": longer,
        "recount": first(rows, scenario=ONCE_MORE),
        "chance_alone": first(rows, scenario=AGAIN, risks=ONE_RISK),
    }
    return {
        "follow_to": rule.follow_to_months if rule else "",
        **{k: edition.numbers.percent(number(r, "significant")) for k, r in chances.items()},
    }


def followed(row: Row) -> bool:
    """Tell whether a later count is of the same families at a greater age."""
    return text(row, "scenario") not in (AGAIN, ONCE_MORE, "")


def source_values(edition: Edition) -> Values:
    """Return how registration and register extract agree, in words."""
    numbers = edition.numbers
    row = first(edition.rows("placement_agreement"), arm="all")
    counts = {k: numbers.count(number(row, k)) for k in ("both", "only_registration", "only_register")}
    tests = {f"fisher_{s}": numbers.equation(number(result_of(edition, "fisher", s), "p")) for s in sources(edition)}
    missing = numbers.equation(math.nan)
    return {
        **{"fisher_registration": missing, "fisher_register": missing, **tests},
        **counts,
        "kappa": numbers.std(number(row, "kappa")),
    }
