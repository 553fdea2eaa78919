"""Dose: families above and below the declared number of visits."""

from __future__ import annotations

import math

from mtb_eval.report.cells import columns, figure, interval, p, word
from mtb_eval.report.document import Fold, Line, Section, Table, absent, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.findings import DOSE, dose_bins, dose_counts, dose_rows
from mtb_eval.report.rows import Row, number, text
from mtb_eval.report.scale import standardised
from mtb_eval.report.sections.dose_detail import dose_findings, dose_folds

CONTRAST = "std interval p"
BIN = "n mean std interval"


def dose(edition: Edition) -> Section:
    """Return the section on dose."""
    rule = edition.plan.dose
    values = {"threshold": rule.threshold if rule else "", **dose_counts(edition)}
    title = edition.say("dose.heading", **values) if rule else edition.say("dose.heading_none")
    if not rule or not values["n"]:
        return absent("dose", title, edition.say("absent.dose"))
    said = ("finding", "finding_difference") if values["both_doses"] else ("finding_one_dose",)
    return Section(
        id="dose",
        title=title,
        finding=(
            *(edition.say(f"dose.{k}", **values) for k in said),
            *(dose_findings(edition) if values["both_doses"] else ()),
        ),
        figures=("dose",),
        tables=filled(_contrast_table(edition, values)),
        sure=tuple(edition.say(f"dose.{k}", **values) for k in ("sure_method", "sure_wrong", "sure_instrument")),
        folds=(
            *dose_folds(edition),
            Fold(
                id="dose-by-visits",
                title=edition.say("dose.bins"),
                paragraphs=(edition.say("dose.bins_text"),),
                figures=("dose-bins",),
                tables=filled(_bin_table(edition)),
            ),
        ),
    )


def _contrast_table(edition: Edition, values: dict[str, object]) -> Table:
    rows = {contrast: dose_rows(edition, contrast) for contrast in DOSE}
    lines = [
        _contrast_line(edition, contrast, rows[contrast][outcome])
        for outcome in rows["high"]
        for contrast in DOSE
        if outcome in rows[contrast]
    ]
    return Table(
        id="dose-table",
        caption=edition.say("dose.caption_table", **values),
        columns=columns(edition, "outcome", "contrast", *CONTRAST.split(), numeric=CONTRAST),
        lines=tuple(lines),
        note=f"{edition.say('dose.note', level=edition.level)} {edition.tiers}",
        source="effects",
    )


def _contrast_line(edition: Edition, contrast: str, row: Row) -> Line:
    value, low, high = standardised(row)
    outcome = text(row, "outcome")
    return Line(
        cells=(
            word(edition.outcome(outcome), href=f"#outcome-{outcome}"),
            word(
                edition.say(f"contrast.{contrast}", threshold=edition.plan.dose.threshold if edition.plan.dose else "")
            ),
            figure(edition, value, 2),
            interval(edition, low, high),
            p(edition, number(row, "p")),
        )
    )


def _bin_table(edition: Edition) -> Table:
    return Table(
        id="dose-bins-table",
        caption=edition.say("dose.bins_caption"),
        columns=columns(edition, "outcome", "visits", *BIN.split(), numeric=BIN),
        lines=tuple(_bin_line(edition, r) for r in dose_bins(edition)),
        note=edition.say("dose.bins_note", fewest=edition.plan.disclosure_threshold),
        source="dose_bins",
    )


def _bin_line(edition: Edition, row: Row) -> Line:
    low, high = number(row, "low"), number(row, "high")
    visits = edition.numbers.interval(low, high - 1, 0) if math.isfinite(low) else edition.arm("control")
    return Line(
        cells=(
            word(edition.outcome(text(row, "outcome"))),
            word(visits),
            figure(edition, number(row, "n"), 0),
            figure(edition, number(row, "mean"), 1),
            figure(edition, number(row, "std"), 2),
            interval(edition, number(row, "std_low"), number(row, "std_high")),
        )
    )
