"""The first screen: what was studied, what was found, what it cannot say."""

from __future__ import annotations

from collections.abc import Iterator

from mtb_eval.report.document import Card, Point, Summary
from mtb_eval.report.edition import Edition
from mtb_eval.report.findings import (
    claim_counts,
    dose_counts,
    dose_rows,
    effect_counts,
    effect_phrase,
    not_counted,
    placement_risks,
    placement_values,
)
from mtb_eval.report.participants import design_values, response_values, visit_values
from mtb_eval.report.verdicts import found

MOST = 4


def summary(edition: Edition) -> Summary:
    """Return the first screen."""
    return Summary(
        lead=edition.plan.summary.of(edition.language),
        cards=tuple(_cards(edition)),
        points=tuple(_points(edition)),
        limits=tuple(_limits(edition)),
    )


def _cards(edition: Edition) -> Iterator[Card]:
    design, response, visits = design_values(edition), response_values(edition), visit_values(edition)
    rows = edition.main_outcomes()
    counts = effect_counts(edition, rows)
    if edition.rows("flow"):
        yield Card(value=str(design["n_families"]), label=edition.say("card.families", **design), section="design")
    if len(edition.tables["response"]):
        value = edition.say("card.response_value", **response)
        yield Card(value=value, label=edition.say("card.response", **response), section="response")
    if len(edition.tables["visits"]):
        yield Card(value=str(visits["mean"]), label=edition.say("card.visits", **visits), section="received")
    if rows:
        value = edition.say("card.effects_value", **counts)
        yield Card(value=value, label=edition.say("card.effects", **counts), section="effects")


def _points(edition: Edition) -> Iterator[Point]:
    rows = edition.main_outcomes()
    if rows:
        counts = effect_counts(edition, rows)
        lost = [edition.say("summary.lost", **counts)] if counts["pointed"] else []
        hidden = not_counted(edition, counts["withheld"])
        yield Point(text=" ".join([edition.say("summary.effects", **counts), *lost, *hidden]), section="effects")
        for direction in ("better", "worse"):
            sure = found(rows, "primary", "significant", direction)
            if sure:
                items = edition.words.few([effect_phrase(edition, r) for r in sure], MOST)
                yield Point(text=edition.say(f"summary.{direction}", items=items), section="effects")
    if edition.plan.dose and dose_rows(edition, "high"):
        values = {"threshold": edition.plan.dose.threshold, **dose_counts(edition)}
        said = "summary.dose" if values["both_doses"] else "dose.finding_one_dose"
        yield Point(text=edition.say(said, **values), section="dose")
    if placement_risks(edition):
        yield Point(text=edition.say("summary.placements", **placement_values(edition)), section="placements")
    if edition.rows("claims"):
        yield Point(text=edition.say("summary.claims", **claim_counts(edition)), section="claims")


def _limits(edition: Edition) -> Iterator[str]:
    if edition.rows("training"):
        yield edition.say("summary.limit_lot", **design_values(edition))
    if len(edition.tables["response"]):
        yield edition.say("summary.limit_response", **response_values(edition))
    yield edition.say("summary.limit_none")
    if len(edition.tables["failures"]):
        yield edition.say("summary.limit_failures", n=len(edition.tables["failures"]))
