"""Response by arm and wave, and means by arm over the waves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from mtb_eval.report.edition import Edition
from mtb_eval.report.figures.marks import ARM_ORDER, arm_key, grid
from mtb_eval.report.lettering import wrapped
from mtb_eval.report.participants import column_label, response_values
from mtb_eval.report.rows import Row, distinct, known, number
from mtb_eval.report.style import ARMS, GREY, MIDDLE, SMALL, WIDE, Absent, Drawing, Look, sheet

COLUMNS = 3


def response(edition: Edition) -> Drawing | Absent:
    """Draw the share of each arm's families with data at each wave as a slope chart, one panel per kind of data."""
    rows = [r for r in edition.rows("response") if known(r, "share", "months")]
    samples = distinct(rows, "sample")
    if not rows:
        return Absent(why=edition.say("absent.response"))
    values = response_values(edition)
    page = sheet(edition, edition.say("response.title", **values), width=MIDDLE, body=77)
    panels = grid(page, len(samples), columns=len(samples), panel=52, foot=18, gap=(13.0, 6.0))
    for sample, ax in zip(samples, panels, strict=True):
        _slopes(edition, ax, [r for r in rows if r["sample"] == sample])
        ax.set_title(edition.named("sample", sample), fontsize=SMALL)
    arm_key(edition, page.canvas, y=2.5)
    return Drawing(
        title=edition.say("response.title", **values),
        caption=edition.say("response.caption", **values),
        alt=edition.say("response.alt", **values),
        figure=page.figure,
    )


def trajectories(edition: Edition) -> Drawing | Absent:
    """Draw each arm's mean with its interval over the waves, one panel per scale measured more than once."""
    rows = [r for r in edition.rows("trajectories") if known(r, "mean", "months")]
    columns = [c for c in distinct(rows, "column") if len({r["months"] for r in rows if r["column"] == c}) > 1]
    if not columns:
        return Absent(why=edition.say("absent.trajectories"))
    n_rows, panel = -(-len(columns) // COLUMNS), 28.0
    body = 20 + n_rows * (panel + 12) - 4
    page = sheet(edition, edition.say("trajectories.title", n=len(columns)), width=WIDE, body=body)
    panels = grid(page, len(columns), columns=COLUMNS, panel=panel, foot=18, gap=(12.0, 12.0))
    for column, ax in zip(columns, panels, strict=True):
        _means(edition, ax, [r for r in rows if r["column"] == column])
        label = column_label(edition, column)
        ax.set_title("\n".join(wrapped(label, 44, size=SMALL)), fontsize=SMALL, pad=3)
    canvas = page.canvas
    canvas.text(WIDE / 2, 7.5, edition.say("trajectories.axis"), size=SMALL, ha="center")
    arm_key(edition, canvas, y=2.5)
    return Drawing(
        title=edition.say("trajectories.title", n=len(columns)),
        caption=edition.say("trajectories.caption", level=edition.level),
        alt=edition.say("trajectories.alt", n=len(columns)),
        figure=page.figure,
    )


def _slopes(edition: Edition, ax: Axes, rows: list[Row]) -> None:
    months = sorted({number(r, "months") for r in rows})
    for arm in ARM_ORDER:
        here = [r for r in rows if r["arm"] == arm]
        x, y = [months.index(number(r, "months")) for r in here], [number(r, "share") for r in here]
        _line(ax, x, y, ARMS[arm])
        above = sum(y) >= sum(number(r, "share") for r in rows if r["arm"] != arm)
        side: dict[str, Any] = {"va": "bottom" if above else "top", "ha": "center", "size": SMALL}
        others = {(number(r, "months"), number(r, "share")) for r in rows if r["arm"] != arm}
        for at, share in zip(x, y, strict=True):
            if not above and (months[at], share) in others:
                continue  # the other arm's number stands there
            ax.text(at, share + (0.04 if above else -0.05), edition.numbers.percent(share), **side)
    ax.set(ylim=(0, 1.12), xlim=(-0.35, max(len(months) - 0.65, 0.65)))
    ax.set_xticks(range(len(months)), [_short(edition, m) for m in months])
    ax.set_yticks([0, 0.5, 1])
    ax.yaxis.set_major_formatter(lambda v, _: edition.numbers.percent(v))


def _means(edition: Edition, ax: Axes, rows: list[Row]) -> None:
    months = sorted({number(r, "months") for r in rows})
    for arm, shift in zip(ARM_ORDER, (-0.35, 0.35), strict=True):
        here = [r for r in rows if r["arm"] == arm]
        x = [number(r, "months") + shift for r in here]
        look, means = ARMS[arm], [number(r, "mean") for r in here]
        _line(ax, x, means, look)
        low, high = ([number(r, end) for r in here] for end in ("ci_low", "ci_high"))
        ax.vlines(x, low, high, colors=look.color, linewidth=1, zorder=2)
    ax.set_xticks(months, [edition.numbers.count(m) for m in months])
    ax.set_xlim(months[0] - 2, months[-1] + 2)
    ax.yaxis.set_major_formatter(lambda v, _: edition.numbers.plain(v))
    ax.tick_params(color=GREY)


def _line(ax: Axes, x: Sequence[float], y: Sequence[float], look: Look) -> None:
    """Draw values joined by a line with a mark at each; the marks have a full outline."""
    ax.plot(x, y, color=look.color, linestyle=look.line, linewidth=look.width, zorder=2)
    marks: dict[str, Any] = {"marker": look.marker, "markersize": look.size, "markerfacecolor": look.fill}
    ax.plot(x, y, color=look.color, linestyle="none", zorder=4, **marks)


def _short(edition: Edition, months: float) -> str:
    return edition.say("word.months_short", months=int(months)) if months else edition.say("word.before_birth_short")
