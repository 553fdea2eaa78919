"""What the further analyses of dose say: the rows that decide, and the numbers that texts quote."""

from __future__ import annotations

import math

from mtb_eval.analysis.dose_curve import LEVEL, LINE
from mtb_eval.analysis.dose_data import DIFFERENCE
from mtb_eval.analysis.dose_placebo import ANALYSED, EVERYONE
from mtb_eval.analysis.dose_reading import DIFFERS, SELECTED
from mtb_eval.report.edition import Edition
from mtb_eval.report.rows import Row, distinct, first, known, number, text

Values = dict[str, object]


def reading_rows(edition: Edition) -> list[Row]:
    """Return the reading of each outcome whose difference between doses could be estimated."""
    return [r for r in edition.rows("dose_readings") if known(r, "difference_p")]


def reading_values(edition: Edition) -> Values:
    """Return how many outcomes have which reading, the families that the low dose rests on, and where cuts may lie."""
    rows, count = reading_rows(edition), edition.numbers.count
    limit = edition.plan.verdicts.significant
    kept = [r for r in rows if known(r, "cut_low", "cut_high")]
    answered, everyone = (
        first(edition.rows("dose_placebo", contrast=DIFFERENCE, sample=s)) for s in (ANALYSED, EVERYONE)
    )
    low = [number(r, "n_low") for r in rows]
    return {
        "n": count(len(rows)),
        "n_differs": count(sum(text(r, "reading") in (DIFFERS, SELECTED) for r in rows)),
        "n_threshold": count(sum(number(r, "p_any_threshold") < limit for r in rows)),
        "n_kept": count(sum(bool(r.get("declared_kept")) for r in kept)),
        "n_low": _span(edition, low),
        "n_high": _span(edition, [number(r, "n_high") for r in rows]),
        "cut_low": count(min((number(r, "cut_low") for r in kept), default=math.nan)),
        "cut_high": count(max((number(r, "cut_high") for r in kept), default=math.nan)),
        "n_measures": count(number(everyone, "n_measures")),
        "placebo_p": edition.numbers.equation(number(answered, "p_joint")),
        "placebo_all": edition.numbers.equation(number(everyone, "p_joint")),
        "threshold": edition.plan.dose.threshold if edition.plan.dose else "",
        "landmark": edition.plan.dose.landmark_months if edition.plan.dose else "",
        "visits": edition.plan.dose_detail.landmark_visits if edition.plan.dose_detail else "",
    }


def selected(edition: Edition) -> bool:
    """Tell whether high- and low-dose families differed before birth, among all or among those with an answer."""
    rows = edition.rows("dose_placebo", contrast=DIFFERENCE)
    return any(number(r, "p_joint") < edition.plan.verdicts.significant for r in rows)


def placebo_columns(edition: Edition) -> list[tuple[str, Row, Row]]:
    """Return each pre-birth measure's label with its rows of high against low, among all and among those analysed."""
    rows = [r for r in edition.rows("dose_placebo", contrast=DIFFERENCE) if known(r, "standardised")]
    label = f"label_{edition.language}"
    return [
        (
            text(first(rows, column=c), label),
            first(rows, column=c, sample=EVERYONE),
            first(rows, column=c, sample=ANALYSED),
        )
        for c in distinct(rows, "column")
    ]


def departure_span(edition: Edition, outcome: str, contrast: str) -> tuple[float, float]:
    """Return the lowest and highest standardised estimate over the declared departures."""
    rows = edition.rows("dose_departures", outcome=outcome, contrast=contrast)
    found = [number(r, "standardised") for r in rows if known(r, "standardised")]
    return min(found, default=math.nan), max(found, default=math.nan)


def profile_outcomes(edition: Edition) -> list[str]:
    """Return the outcomes that have a threshold profile."""
    return distinct([r for r in edition.rows("dose_profile") if known(r, "standardised")], "outcome")


def course_outcomes(edition: Edition) -> list[str]:
    """Return the outcomes whose course over visits could be estimated."""
    return distinct([r for r in edition.rows("dose_curve") if known(r, "visits", "standardised")], "outcome")


def course_tests(edition: Edition, outcome: str) -> tuple[Row, Row]:
    """Return the tests of an outcome that its course is a line, and that it is level."""
    rows = edition.rows("dose_curve_tests", outcome=outcome)
    return first(rows, test=LINE), first(rows, test=LEVEL)


def course_values(edition: Edition) -> Values:
    """Return on how many outcomes the course departs from a line, or from level, and which visits it covers."""
    outcomes, limit = course_outcomes(edition), edition.plan.verdicts.significant
    tests = [course_tests(edition, o) for o in outcomes]
    visits = [number(r, "visits") for r in edition.rows("dose_curve") if known(r, "visits", "standardised")]
    count = edition.numbers.count
    return {
        "n": count(len(outcomes)),
        "n_bent": count(sum(number(line, "p") < limit for line, _ in tests)),
        "n_related": count(sum(number(level, "p") < limit for _, level in tests)),
        "visits_from": count(min(visits, default=math.nan)),
        "visits_to": count(max(visits, default=math.nan)),
        "threshold": edition.plan.dose.threshold if edition.plan.dose else "",
    }


def _span(edition: Edition, values: list[float]) -> str:
    found = [v for v in values if math.isfinite(v)]
    if not found:
        return ""
    count = edition.numbers.count
    return count(found[0]) if min(found) == max(found) else edition.numbers.interval(min(found), max(found), 0)
