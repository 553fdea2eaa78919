"""Change between the two interaction waves in each arm, turned so that right is an improvement."""

from __future__ import annotations

from matplotlib.axes import Axes

from mtb_eval.report.edition import Edition
from mtb_eval.report.figures.marks import ARM_ORDER, arm_key, mark
from mtb_eval.report.findings import change_counts, change_outcome
from mtb_eval.report.participants import column_label
from mtb_eval.report.rows import Row, distinct, first, known, number
from mtb_eval.report.scale import turned
from mtb_eval.report.style import ARMS, LINE, MIDDLE, SMALL, Absent, Drawing, difference_axis, sheet, wrapped

LABEL, ROW, HEAD, FOOT = 46.0, 8.0, 5.0, 16.0


def change(edition: Edition) -> Drawing | Absent:
    """Draw the mean change of each rating by arm with its interval."""
    rows = [r for r in edition.rows("change") if known(r, "estimate")]
    if not rows:
        return Absent(why=edition.say("absent.change"))
    columns = distinct(rows, "column")
    body = HEAD + ROW * len(columns) + FOOT
    counts = change_counts(edition)
    page = sheet(edition, edition.say("change.title", **counts), width=MIDDLE, body=body)
    canvas = page.canvas()
    ax = page.axes(LABEL, FOOT, MIDDLE - LABEL - 3, ROW * len(columns))
    ax.set_ylim(ROW * len(columns), 0)
    for k, column in enumerate(columns):
        y = ROW * (k + 0.5)
        label = wrapped(column_label(edition, column), LABEL - 4, size=SMALL)
        canvas.text(1, FOOT + ROW * len(columns) - y, "\n".join(label), size=SMALL, va="center")
        ax.axhline(ROW * (k + 1), color=LINE, linewidth=0.4, zorder=0)
        for arm, shift in zip(ARM_ORDER, (-1.3, 1.3), strict=True):
            _point(edition, ax, first(rows, column=column, arm=arm), y + shift)
    difference_axis(edition, ax, edition.say("change.axis"))
    arm_key(edition, canvas, y=2.2)
    return Drawing(
        title=edition.say("change.title", **counts),
        caption=edition.say("change.caption", level=edition.level, **counts),
        alt=edition.say("change.alt", **counts),
        figure=page.figure,
    )


def _point(edition: Edition, ax: Axes, row: Row, y: float) -> None:
    if not row:
        return
    arm, declared = row["arm"], change_outcome(edition, row["column"])
    lower = declared is not None and declared.better == "lower"
    middle, low, high = turned(
        number(row, "estimate"), number(row, "ci_low"), number(row, "ci_high"), lower_better=lower
    )
    look = ARMS[arm]
    ax.plot([low, high], [y, y], color=look["color"], linestyle=look["linestyle"], zorder=3)
    ax.plot([middle], [y], **mark(arm))
