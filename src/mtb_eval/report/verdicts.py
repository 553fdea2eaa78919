"""Verdicts of outcomes and results of claims as marks and words."""

from __future__ import annotations

from mtb_eval.report.edition import Edition
from mtb_eval.report.rows import Row, text

MARKS = {
    ("significant", "better"): "\N{BLACK RIGHT-POINTING POINTER}",
    ("tendency", "better"): "\N{WHITE RIGHT-POINTING POINTER}",
    ("significant", "worse"): "\N{BLACK LEFT-POINTING POINTER}",
    ("tendency", "worse"): "\N{WHITE LEFT-POINTING POINTER}",
}
NO_DIFFERENCE, NOT_ESTIMABLE = "\N{MIDDLE DOT}", "\N{MULTIPLICATION SIGN}"
FOUND = ("significant", "tendency")
SIGNS = {"agrees": "\N{CHECK MARK}", "differs": "\N{NOT EQUAL TO}", "cannot be tested": "?"}


def mark_of(row: Row, estimator: str) -> str:
    """Return the verdict mark of an outcome: filled or open pointer, dot for none found, cross for not estimable."""
    verdict = text(row, f"{estimator}_verdict")
    if verdict not in (*FOUND, "no-difference"):
        return NOT_ESTIMABLE
    return MARKS.get((verdict, text(row, f"{estimator}_direction")), NO_DIFFERENCE)


def verdict_words(edition: Edition, row: Row, estimator: str) -> str:
    """Return the verdict of an outcome in words, with the arm it favours."""
    verdict = text(row, f"{estimator}_verdict") or "not estimable"
    key = verdict.replace(" ", "-")
    if verdict in FOUND and text(row, f"{estimator}_direction") in ("better", "worse"):
        return edition.say(f"verdict.{key}-{text(row, f'{estimator}_direction')}")
    return edition.named("verdict", key)


def found(rows: list[Row], estimator: str, verdict: str, direction: str = "") -> list[Row]:
    """Return the outcomes with a verdict, and, if asked, a direction."""
    hits = [r for r in rows if text(r, f"{estimator}_verdict") == verdict]
    return [r for r in hits if not direction or text(r, f"{estimator}_direction") == direction]
