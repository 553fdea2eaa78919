"""Contacts over time by arm: visits of the programme, and registered contacts in usual care."""

from __future__ import annotations

from dataclasses import replace

from matplotlib.axes import Axes

from mtb_eval.analysis.usual_care import VISITS
from mtb_eval.report.edition import Edition
from mtb_eval.report.figures.marks import percent_axis
from mtb_eval.report.lettering import width_mm
from mtb_eval.report.rows import known, number
from mtb_eval.report.service_values import Series, contact_series, service_values, total_row
from mtb_eval.report.style import ARMS, GREY, MIDDLE, SMALL, Absent, Drawing, Look, sheet

LEFT, PANEL, GAP, FOOT, KEY = 12.0, 36.0, 9.0, 11.0, 6.0


def contacts(edition: Edition) -> Drawing | Absent:
    """Draw contacts a family and month, and the share of families with any, by the child's age."""
    series = contact_series(edition)
    if not series:
        return Absent(why=edition.say("absent.contacts"))
    values = service_values(edition)
    compared = known(total_row(edition, "control"), "estimate")
    title = edition.say("contacts.title" if compared else "contacts.title_visits", **values)
    page = sheet(edition, title, width=MIDDLE, body=FOOT + 2 * PANEL + GAP + KEY + 4)
    width = MIDDLE - LEFT - 3
    for k, column in enumerate(("share_any", "contacts")):
        ax = page.axes(LEFT, FOOT + k * (PANEL + GAP), width, PANEL)
        _steps(ax, series, column)
        ax.set_title(edition.say("contacts.share" if k == 0 else "contacts.mean"), fontsize=SMALL, color=GREY, pad=3)
        ax.tick_params(labelbottom=k == 0)
        if k == 0:
            percent_axis(edition, ax.yaxis)
            ax.set_xlabel(edition.say("contacts.age"), fontsize=SMALL, labelpad=2)
        else:
            ax.yaxis.set_major_formatter(lambda y, _: edition.numbers.plain(y))
        ax.xaxis.set_major_formatter(lambda x, _: edition.numbers.plain(x))
    _key(edition, page.canvas, series, y=page.body - 3)
    return Drawing(
        title=title,
        caption=edition.say("contacts.caption"),
        alt=edition.say("contacts.alt", **values),
        figure=page.figure,
    )


def _look(arm: str, kind: str) -> Look:
    """Return the look of a series; services beside the programme are dotted."""
    return replace(ARMS[arm], line=(0, (1, 1.5))) if arm == "mtb" and kind != VISITS else ARMS[arm]


def _steps(ax: Axes, series: list[Series], column: str) -> None:
    for arm, kind, rows in series:
        look = _look(arm, kind)
        edges = [*(number(r, "months_from") for r in rows), number(rows[-1], "months_to")]
        values = [number(r, column) for r in rows]
        ax.step(edges, [*values, values[-1]], where="post", color=look.color, linestyle=look.line, linewidth=1.6)
    edges = [number(r, e) for _, _, rows in series for r in rows for e in ("months_from", "months_to")]
    ax.axvline(0, color=GREY, linestyle=(0, (1, 2)), linewidth=0.9, zorder=1)
    ax.set(xlim=(min(edges), max(edges)), ylim=(0, 1.02 if column == "share_any" else None))
    ax.set_xticks([m for m in range(-12, int(max(edges)) + 1, 6 if max(edges) > 9 else 3) if m >= min(edges)])


def _key(edition: Edition, canvas: Axes, series: list[Series], *, y: float) -> None:
    """Write which line is what, side by side."""
    x = 1.0
    for arm, kind, _ in series:
        look = _look(arm, kind)
        key = "contacts.visits" if kind == VISITS else "contacts.services"
        name = edition.say(key, arm=edition.arm(arm))
        canvas.plot([x, x + 8], [y, y], color=look.color, linestyle=look.line, linewidth=1.6)
        canvas.text(x + 10, y, name, size=SMALL, va="center")
        x += 16 + width_mm(name, SMALL)
