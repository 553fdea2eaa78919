"""What the rows say, counted and put in words by rule: the numbers that figures and sentences quote."""

from __future__ import annotations

import math
import re

from mtb_eval.report.edition import Edition, within_sentence
from mtb_eval.report.rows import Row, first, known, number, text
from mtb_eval.report.verdicts import FOUND, found
from mtb_eval.study import Outcome

Values = dict[str, object]
DOSE = {"high": "dose: high v usual care", "low": "dose: low v usual care", "difference": "dose: high v low"}
DIFFERENCE_IN_CHANGE = "difference in change"
OUTCOME = re.compile(r"\boutcome ([^,]+)")


def effect_counts(edition: Edition, rows: list[Row]) -> Values:
    """Return how many outcomes have which verdict in the primary and in the conventional analysis.

    Outcomes whose results are not shown are not among the `n`; `withheld` is how many they are.
    """
    hidden = withheld(edition, "outcomes", "primary_verdict")
    rows, n_hidden = (
        [r for r in rows if text(r, "outcome") not in hidden],
        sum(text(r, "outcome") in hidden for r in rows),
    )
    counts = {
        f"{estimator}_{verdict}": len(found(rows, estimator, verdict))
        for estimator in ("primary", "replica")
        for verdict in ("significant", "tendency")
    }
    pointed = [r for r in rows if text(r, "replica_verdict") in FOUND]
    lost = [r for r in pointed if text(r, "primary_verdict") not in FOUND]
    when = edition.at_wave(edition.main_wave)
    told = {"n": len(rows), "withheld": n_hidden, "pointed": len(pointed), "lost": len(lost)}
    return {**told, "when": when, **counts}


def withheld(edition: Edition, table: str, column: str) -> frozenset[str]:
    """Return the outcomes whose cells in a column are not shown; none in an internal edition."""
    rows = [] if edition.provenance.internal else edition.rows("suppressed")
    found = (
        OUTCOME.search(text(r, "row"))
        for r in rows
        if text(r, "table") == table and column in text(r, "column").split()
    )
    return frozenset(m[1] for m in found if m)


def not_counted(edition: Edition, n_withheld: object) -> list[str]:
    """Return the sentence on outcomes that a tally leaves out since they are not shown, if there are any."""
    return [edition.say("disclosure.outcomes", withheld=n_withheld)] if n_withheld else []


def effect_phrase(edition: Edition, row: Row, estimator: str = "primary") -> str:
    """Return an outcome with its standardised effect and interval: 'peer problems (0.41 SD, 0.05 to 0.77)'."""
    value, low, high = (number(row, f"{estimator}_std{end}") for end in ("", "_low", "_high"))
    label = within_sentence(edition.outcome(text(row, "outcome")))
    numbers = edition.numbers
    return edition.say("effects.phrase", label=label, value=numbers.std(value), interval=numbers.interval(low, high))


def change_outcome(edition: Edition, column: str) -> Outcome | None:
    """Return the outcome that a rated scale is at the later of the two interaction waves."""
    rule = edition.plan.interaction
    return next((o for o in edition.plan.outcomes if rule and o.column == column and o.wave == rule.to_wave), None)


def change_counts(edition: Edition) -> Values:
    """Return how many ratings changed for the better or worse in each arm, and where the changes differ."""
    rows, limit = edition.rows("change"), edition.plan.verdicts.significant
    gaps = [r for r in edition.rows("effects", estimand=DIFFERENCE_IN_CHANGE) if known(r, "p")]
    lost = {text(r, "column") for r in rows if not known(r, "p", "std")}
    told = [r for r in rows if text(r, "column") not in lost]
    values: Values = {"n": len({text(r, "column") for r in told}), "n_gaps": len(gaps)}
    for arm in ("mtb", "control"):
        here = [r for r in rows if r["arm"] == arm]
        sure = [r for r in told if r["arm"] == arm and number(r, "p") < limit]
        values[f"{arm}_better"] = sum(number(r, "std") > 0 for r in sure)
        values[f"{arm}_worse"] = sum(number(r, "std") < 0 for r in sure)
        values[f"{arm}_n"] = _span(edition, [number(r, "n") for r in here])
    values["gaps"] = sum(number(r, "p") < limit for r in gaps)
    return {**values, **_wave_pair(edition)}


def dose_rows(edition: Edition, contrast: str) -> dict[str, Row]:
    """Return the first row of each outcome for a dose contrast: 'high', 'low' (v usual care) or 'difference'."""
    found_rows: dict[str, Row] = {}
    for row in edition.rows("effects", estimand=DOSE[contrast]):
        found_rows.setdefault(text(row, "outcome"), row)
    return {k: r for k, r in found_rows.items() if not text(r, "error")}


def dose_bins(edition: Edition) -> list[Row]:
    """Return the classes of visits that hold enough families to be shown (the plan's threshold), and usual care."""
    fewest = edition.plan.disclosure_threshold
    return [r for r in edition.rows("dose_bins") if known(r, "std") and number(r, "n") >= fewest]


def bin_values(edition: Edition) -> Values:
    """Return how many families with an answer had fewer visits than the last class boundary up to the threshold."""
    threshold = edition.plan.dose.threshold if edition.plan.dose else 0
    rows = [r for r in edition.rows("dose_bins") if known(r, "high")]
    edge = max((number(r, "high") for r in rows if number(r, "high") <= threshold), default=math.nan)
    counted: dict[str, list[float]] = {}
    for r in rows:
        n, sums = number(r, "n"), counted.setdefault(text(r, "outcome"), [0.0, 0.0])
        counted[text(r, "outcome")] = [sums[0] + (n if number(r, "high") <= edge else 0), sums[1] + n]
    below, answered = max(counted.values(), key=lambda c: c[1] if math.isfinite(c[1]) else 0, default=[math.nan] * 2)
    if edge == threshold and not math.isfinite(below):
        both = [(number(r, "n_low"), number(r, "n_high")) for r in edition.rows("dose_readings")]
        below, answered = max(((low, low + high) for low, high in both), default=(below, answered))
    count = edition.numbers.count
    return {"below": count(below), "answered": count(answered), "edge": count(edge), "threshold": threshold}


def dose_counts(edition: Edition) -> Values:
    """Return on how many outcomes high and low dose differ from usual care, and from each other."""
    limit = edition.plan.verdicts.significant
    values: Values = {
        "n": max(sum(known(r, "p") for r in dose_rows(edition, c).values()) for c in DOSE),
        "both_doses": bool(dose_rows(edition, "difference")),
    }
    for contrast in DOSE:
        sure = [r for r in dose_rows(edition, contrast).values() if known(r, "p") and number(r, "p") < limit]
        values[f"{contrast}_better"] = sum(number(r, "standardised") > 0 for r in sure)
        values[f"{contrast}_worse"] = sum(number(r, "standardised") < 0 for r in sure)
        values[f"{contrast}_any"] = len(sure)
    return values


def placement_risks(edition: Edition) -> list[tuple[str, float, float]]:
    """Return arm, children placed and children, for each arm whose counts are known."""
    row = first(edition.rows("placements"))
    counts = [(arm, number(row, f"n_{arm}_events"), number(row, f"n_{arm}")) for arm in ("mtb", "control")]
    return [c for c in counts if math.isfinite(c[1] + c[2])]


def placement_values(edition: Edition) -> Values:
    """Return risks by arm, difference, ratio and exact p of placements, in words."""
    rows, numbers = edition.rows("placements"), edition.numbers
    risks = {arm: numbers.share(events, of) for arm, events, of in placement_risks(edition)}
    ratio, gap = first(rows, measure="risk ratio"), first(rows, measure="risk difference")
    fisher = first(rows, measure="test", method="Fisher")
    rule = edition.plan.placements
    return {
        "risk_mtb": risks.get("mtb", numbers.share(math.nan, math.nan)),
        "risk_control": risks.get("control", numbers.share(math.nan, math.nan)),
        "ratio": numbers.fixed(number(ratio, "estimate"), 1),
        "ratio_interval": numbers.interval(number(ratio, "ci_low"), number(ratio, "ci_high"), 1, null=1.0),
        "gap": numbers.fixed(100 * number(gap, "estimate"), 1),
        "gap_interval": numbers.interval(100 * number(gap, "ci_low"), 100 * number(gap, "ci_high"), 1),
        "fisher": numbers.equation(number(fisher, "p")),
        "months": rule.months if rule else "",
    }


def claim_counts(edition: Edition) -> Values:
    """Return how many published statements there are, and how many agree, differ or cannot be tested."""
    results = [text(r, "result") for r in edition.rows("claims")]
    agrees, differs = results.count("agrees"), results.count("differs")
    untested = len(results) - agrees - differs
    lost = [
        r for r in edition.rows("suppressed") if text(r, "table") == "claims" and "value" in text(r, "column").split()
    ]
    n_lost = 0 if edition.provenance.internal else len(lost)
    return {"n": len(results), "agrees": agrees, "differs": differs, "untested": untested, "withheld": n_lost}


def _span(edition: Edition, values: list[float]) -> str:
    """Return the lowest and highest of some counts as one text: '96' or '92 to 96'."""
    sizes = sorted({v for v in values if math.isfinite(v)})
    if not sizes:
        return edition.numbers.count(math.nan)
    if len(sizes) == 1:
        return edition.numbers.count(sizes[0])
    return edition.numbers.interval(sizes[0], sizes[-1], 0)


def _wave_pair(edition: Edition) -> Values:
    rule = edition.plan.interaction
    if rule is None:
        return {"from_months": "", "to_months": ""}
    months = {w.id: w.months for w in edition.plan.waves}
    return {"from_months": months.get(rule.from_wave, ""), "to_months": months.get(rule.to_wave, "")}
