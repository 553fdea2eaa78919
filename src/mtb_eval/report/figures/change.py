"""Change between the two interaction waves in each arm, turned so that right is an improvement."""

from __future__ import annotations

from mtb_eval.report.edition import Edition
from mtb_eval.report.figures.intervals import MISSING, Interval, paired_rows
from mtb_eval.report.figures.marks import ARM_ORDER, arm_key
from mtb_eval.report.findings import change_counts, change_outcome
from mtb_eval.report.participants import column_label
from mtb_eval.report.rows import Row, distinct, first, known, number
from mtb_eval.report.scale import turned
from mtb_eval.report.style import ARMS, MIDDLE, Absent, Drawing, difference_axis, sheet

LABEL, ROW, HEAD, FOOT = 46.0, 8.0, 5.0, 16.0


def change(edition: Edition) -> Drawing | Absent:
    """Draw the mean change of each rating by arm with its interval."""
    rows = [r for r in edition.rows("change") if known(r, "estimate")]
    if not rows:
        return Absent(why=edition.say("absent.change"))
    columns, counts = distinct(rows, "column"), change_counts(edition)
    body = HEAD + ROW * len(columns) + FOOT
    page = sheet(edition, edition.say("change.title", **counts), width=MIDDLE, body=body)
    series = [(ARMS[arm], [_interval(edition, first(rows, column=c, arm=arm)) for c in columns]) for arm in ARM_ORDER]
    ax = paired_rows(page, [column_label(edition, c) for c in columns], series, label=LABEL, foot=FOOT)
    difference_axis(edition, ax, edition.say("change.axis"))
    arm_key(edition, page.canvas, y=2.2)
    return Drawing(
        title=edition.say("change.title", **counts),
        caption=edition.say("change.caption", level=edition.level, **counts),
        alt=edition.say("change.alt", **counts),
        figure=page.figure,
    )


def _interval(edition: Edition, row: Row) -> Interval:
    if not row:
        return MISSING
    outcome = change_outcome(edition, row["column"])
    lower = outcome is not None and outcome.better == "lower"
    return turned(number(row, "estimate"), number(row, "ci_low"), number(row, "ci_high"), lower_better=lower)
