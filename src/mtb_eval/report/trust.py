"""How far each effect can be trusted: the rows of the main wave, and the numbers that figures and sentences quote."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median

from mtb_eval.report.edition import Edition
from mtb_eval.report.evidence import main_rows
from mtb_eval.report.findings import effect_phrase, withheld
from mtb_eval.report.rows import Row, distinct, first, known, number, text

Values = dict[str, object]

ESTIMATORS = ("replica", "primary")
GRADES = ("robust", "suggestive", "not supported", "not estimable")
ALL = "all families"
MOST = 6
WIDE_SPREAD = 0.4
"""Spread of effects, in SD, at which the conventional 5 % test has a size of 10 % in simulated studies like this."""


def grade_rows(edition: Edition) -> dict[str, Row]:
    """Return the grade of each outcome of the main wave."""
    return main_rows(edition, "grades")


def curve_rows(edition: Edition) -> dict[str, Row]:
    """Return the specification curve of each outcome of the main wave that has one."""
    rows = main_rows(edition, "specification_curve")
    return {o: r for o, r in rows.items() if known(r, "std_lowest", "std_highest")}


def spread_rows(edition: Edition) -> dict[str, Row]:
    """Return how the effects differ between municipalities, for outcomes of the main wave that allow it."""
    return {o: r for o, r in main_rows(edition, "effect_spread").items() if known(r, "q")}


def alike_rows(edition: Edition) -> dict[str, Row]:
    """Return how alike families of a municipality are, for outcomes of the main wave that allow it."""
    return {o: r for o, r in main_rows(edition, "municipality_icc").items() if known(r, "icc", "icc_high")}


def specifications_of(edition: Edition, outcome: str) -> list[Row]:
    """Return an outcome's specifications that could be estimated, least favourable first."""
    return [r for r in edition.rows("specifications", outcome=outcome) if known(r, "standardised")]


def placebo_samples(edition: Edition) -> list[str]:
    """Return the samples of families in which measures before birth were compared, all families first."""
    return [s for s in distinct(edition.rows("baseline_placebo"), "sample") if not s.startswith("with ")]


def sample_name(edition: Edition, sample: str) -> str:
    """Return a sample in words: 'all families', 'answered at 24 months'."""
    kind, _, wave = sample.partition(" ")
    found = next((w for w in edition.plan.waves if w.id == wave), None)
    if found is None:
        return edition.say("trust.sample_all")
    return edition.say(f"trust.sample_{kind}", when=edition.at_wave(found))


def lead_outcome(edition: Edition) -> str:
    """Return the outcome of the main wave with a curve whose primary p is smallest, or ""."""
    rows = {o: first(edition.rows("outcomes"), outcome=o) for o in curve_rows(edition)}
    tested = {o: number(r, "primary_p") for o, r in rows.items() if known(r, "primary_p")}
    return min(tested, key=lambda o: tested[o], default="")


def trust_values(edition: Edition) -> Values:
    """Return what the sentences on grades, corrections, other choices, placebo and spread quote."""
    return {
        **_grades(edition),
        **_many(edition),
        **_choices(edition),
        **_placebo(edition),
        **_spread(edition),
        **_alike(edition),
        "when": edition.at_wave(edition.main_wave),
        "significant": edition.numbers.threshold(edition.plan.verdicts.significant),
    }


def graded(edition: Edition, grade: str) -> str:
    """Return the outcomes of a grade with their primary effects, in words; empty if there are none."""
    ids = [o for o, r in grade_rows(edition).items() if text(r, "grade") == grade]
    rows = [first(edition.rows("outcomes"), outcome=o) for o in ids]
    return edition.words.few([effect_phrase(edition, r) for r in rows], MOST)


def _grades(edition: Edition) -> Values:
    everyone, hidden = grade_rows(edition), withheld(edition, "grades", "grade")
    rows = {o: r for o, r in everyone.items() if o not in hidden}
    counts = {g: sum(text(r, "grade") == g for r in rows.values()) for g in GRADES}
    return {
        "n": len(rows),
        "withheld": len(everyone) - len(rows),
        **{g.replace(" ", "_"): n for g, n in counts.items()},
        "unreachable": sum(not r.get("reachable", True) for r in rows.values()),
        "n_missing": sum(bool(text(r, "missing")) for r in rows.values()),
    }


def _many(edition: Edition) -> Values:
    rows, limit = main_rows(edition, "multiplicity").values(), edition.plan.verdicts.significant
    columns = {
        "unadjusted": "p",
        "holm": "p_holm",
        "rw": "p_romano_wolf",
        "replica_unadjusted": "replica_p",
        "replica_holm": "replica_p_holm",
    }
    return {name: _below(rows, column, limit) for name, column in columns.items()}


def _choices(edition: Edition) -> Values:
    rows, limit = curve_rows(edition).values(), edition.plan.verdicts.significant
    sizes = sorted({int(number(r, "n_specifications")) for r in rows})
    least, most = (sizes[0], sizes[-1]) if sizes else (0, 0)
    count = edition.numbers.count
    return {
        "n_curve": len(rows),
        "one_sign": sum(number(r, "n_positive") in (0.0, number(r, "n_specifications")) for r in rows),
        "curve": _below(rows, "p_median", limit),
        "n_choices": count(most) if least == most else edition.numbers.interval(least, most, 0, null=-1.0),
    }


def _placebo(edition: Edition) -> Values:
    everyone = [r for r in edition.rows("baseline_placebo", sample=ALL) if known(r, "p")]
    other = [s for s in placebo_samples(edition) if s.startswith("answered")]
    answered = first(r for s in other for r in edition.rows("baseline_placebo", sample=s) if known(r, "p_joint"))
    return {
        "n_measures": len(everyone),
        "placebo": _below(everyone, "p", edition.plan.verdicts.significant),
        "p_joint": edition.numbers.equation(_joint(everyone)),
        "p_joint_answered": edition.numbers.equation(number(answered, "p_joint")),
    }


def _spread(edition: Edition) -> Values:
    rows = list(spread_rows(edition).values())
    df = {name: edition.numbers.count(_middle([number(r, f"{name}_df") for r in rows])) for name in ESTIMATORS}
    return {
        "n_spread": len(rows),
        "spread": _below(rows, "p", edition.plan.verdicts.significant),
        "open_spread": sum(number(r, "tau_std_high") > WIDE_SPREAD for r in rows),
        "wide_spread": edition.numbers.fixed(WIDE_SPREAD, 1),
        **{f"{name}_df": value for name, value in df.items()},
    }


def _alike(edition: Edition) -> Values:
    rows, limit = list(alike_rows(edition).values()), edition.plan.verdicts.significant
    shown = edition.numbers.fixed
    return {
        "n_alike": len(rows),
        "alike": _below(rows, "p", limit),
        "icc": shown(_middle([number(r, "icc") for r in rows]), 2),
        "icc_most": shown(max((number(r, "icc") for r in rows), default=math.nan), 2),
        "icc_high": shown(_middle([number(r, "icc_high") for r in rows]), 2),
    }


def _below(rows: Iterable[Row], column: str, limit: float) -> int:
    return sum(number(r, column) < limit for r in rows)


def _joint(rows: list[Row]) -> float:
    return number(rows[0], "p_joint") if rows else math.nan


def _middle(values: list[float]) -> float:
    return median([v for v in values if math.isfinite(v)] or [math.nan])
