"""What families had beside or instead of the programme: the series that are shown, and the numbers that texts quote."""

from __future__ import annotations

import math

from mtb_eval.analysis.usual_care import ANY, SERVICES, VISITS
from mtb_eval.report.edition import Edition
from mtb_eval.report.rows import Row, first, known, number, text

Values = dict[str, object]
Series = tuple[str, str, list[Row]]
BIRTHDAY = 12.0


def contact_series(edition: Edition) -> list[Series]:
    """Return arm, kind of contact and months of each series of contacts that has a number."""
    rows = [r for r in edition.rows("service_intensity") if known(r, "months_from", "months_to")]
    pairs = dict.fromkeys((text(r, "arm"), text(r, "contact")) for r in rows if known(r, "contacts"))
    return [(a, c, [r for r in rows if (r["arm"], r["contact"]) == (a, c)]) for a, c in pairs]


def total_row(edition: Edition, arm: str) -> Row:
    """Return the row of contacts in all of an arm, or of the difference."""
    return first(edition.rows("service_totals"), arm=arm)


def service_values(edition: Edition) -> Values:
    """Return contacts in all and a month by arm, in words."""
    fixed, months = edition.numbers.fixed, edition.main_wave.months
    gap, control = total_row(edition, "difference"), total_row(edition, "control")
    monthly = {k: fixed(v, 1) for k, v in _monthly(edition).items()}
    return {
        "months": months,
        "mean_mtb": fixed(number(total_row(edition, "mtb"), "estimate"), 0),
        "mean_control": fixed(number(control, "estimate"), 0),
        "median_control": fixed(number(control, "median"), 0),
        "gap": fixed(number(gap, "estimate"), 0),
        "gap_interval": edition.numbers.interval(number(gap, "ci_low"), number(gap, "ci_high"), 0),
        **monthly,
        **_registered(edition),
    }


def monthly_known(edition: Edition) -> bool:
    """Tell whether contacts a month are known in both arms before and after the first birthday."""
    return all(math.isfinite(v) for v in _monthly(edition).values())


def _registered(edition: Edition) -> Values:
    count, fixed = edition.numbers.count, edition.numbers.fixed
    row = first(edition.rows("service_registered"), arm="control")
    mtb = first(edition.rows("service_registered"), arm="mtb")
    anything = first(edition.rows("service_types"), arm="control", service=ANY)
    some = number(mtb, "registered") > 0
    beside = {"n": count(number(mtb, "registered")), "of": count(number(mtb, "n"))}
    names = ("n", "registered", "without_service", "served", "unregistered")
    return {
        **{k: count(number(row, k)) for k in names},
        "n_before": count(number(anything, "n_before_birth")),
        "start": fixed(number(anything, "start_median"), 1),
        "lasts": fixed(number(anything, "months_median"), 1),
        "beside": edition.say("services.beside_some", **beside) if some else edition.say("services.beside_none"),
    }


def _monthly(edition: Edition) -> dict[str, float]:
    """Return contacts a month before and after the first birthday by arm; NaN if a month is missing."""
    found = {}
    for arm, kind in (("mtb", VISITS), ("control", SERVICES)):
        series = next((rows for a, c, rows in contact_series(edition) if (a, c) == (arm, kind)), [])
        for year, low, high in (("first", 0.0, BIRTHDAY), ("second", BIRTHDAY, math.inf)):
            values = [number(r, "contacts") for r in series if low <= number(r, "months_from") < high]
            found[f"{year}_{arm}"] = sum(values) / len(values) if values else math.nan
    return found
