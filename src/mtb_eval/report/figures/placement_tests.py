"""Every test of the same placements: its p on a square-root axis, by what the test allows for."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.axes import Axes

from mtb_eval.report.edition import Edition
from mtb_eval.report.placement_values import FAMILIES, MUNICIPALITIES, result_of, sources, tally, with_p
from mtb_eval.report.rows import known, number
from mtb_eval.report.style import GREY, INK, LINE, MIDDLE, SMALL, WHITE, Absent, Drawing, Sheet, sheet

LABEL, RIGHT, ROW, FOOT, HEAD = 59.0, 13.0, 4.7, 11.0, 6.0
SIGNIFICANT, TENDENCY = "#d5dade", "#eceff1"
TICKS = (0.01, 0.05, 0.25, 0.5, 1.0)


def placement_tests(edition: Edition) -> Drawing | Absent:
    """Draw p of each test of placements in two groups, with the bounds of the tiers."""
    if not with_p(edition):
        return Absent(why=edition.say("absent.placement_tests"))
    values, places = tally(edition), _places(edition)
    body = FOOT + ROW * (max(places.values()) + 1) + HEAD
    page = sheet(edition, edition.say("ptests.title", **values), width=MIDDLE, body=body)
    ax = page.axes(LABEL, FOOT, MIDDLE - LABEL - RIGHT, body - FOOT - 2)
    ax.set(xlim=(0, 1), ylim=(max(places.values()) + 0.9, -0.9))
    _tiers(edition, ax)
    _labels(edition, page, ax, places)
    _dots(edition, ax, places)
    return Drawing(
        title=edition.say("ptests.title", **values),
        caption=_caption(edition, values),
        alt=edition.say("ptests.alt", **values),
        figure=page.figure,
    )


def _caption(edition: Edition, values: dict[str, object]) -> str:
    named = [edition.say(f"ptests.{s}") for s in sources(edition)]
    key = "ptests.caption_two" if len(named) > 1 else "ptests.caption"
    return edition.say(key, source=named[0], other=named[-1], **values)


def _places(edition: Edition) -> dict[str, float]:
    """Return the line of each test, and of the headings "families" and "municipalities", from the top."""
    places: dict[str, float] = {}
    line = 0.0
    for group, codes in (("families", FAMILIES), ("municipalities", MUNICIPALITIES)):
        shown = [c for c in codes if known(result_of(edition, c), "p")]
        for name in (group, *shown) if shown else ():
            places[name] = line
            line += 1.0
        line += 0.4
    return places


def _tiers(edition: Edition, ax: Axes) -> None:
    """Shade the tiers below which p is significant or a tendency, and label the axis in p."""
    rule = edition.plan.verdicts
    ax.axvspan(0, math.sqrt(rule.significant), color=SIGNIFICANT, linewidth=0, zorder=0)
    ax.axvspan(math.sqrt(rule.significant), math.sqrt(rule.tendency), color=TENDENCY, linewidth=0, zorder=0)
    ax.set_xticks([math.sqrt(t) for t in TICKS], [_tick(edition, t) for t in TICKS])
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(edition.say("ptests.axis"), fontsize=SMALL, labelpad=2)


def _tick(edition: Edition, p: float) -> str:
    return edition.numbers.threshold(p) if p < 1 else edition.numbers.count(p)


def _labels(edition: Edition, page: Sheet, ax: Axes, places: dict[str, float]) -> None:
    """Write the tests' names at the left and their p at the right; a faint line leads from one to the other."""
    top, bottom = FOOT + (page.body - FOOT - 2), FOOT
    high, low = ax.get_ylim()[1], ax.get_ylim()[0]
    for name, line in places.items():
        y = top - (top - bottom) * (line - high) / (low - high)
        if name in ("families", "municipalities"):
            page.canvas.text(1, y, edition.say(f"ptests.{name}"), size=SMALL, weight="bold", va="center")
            continue
        page.canvas.text(1, y, edition.say(f"ptest.{name}"), size=SMALL, va="center")
        shown = edition.numbers.p(number(result_of(edition, name), "p"))
        page.canvas.text(MIDDLE - 1, y, shown, size=SMALL, va="center", ha="right")
        ax.plot([0, 1], [line, line], color=LINE, linewidth=0.4, zorder=1)


def _dots(edition: Edition, ax: Axes, places: dict[str, float]) -> None:
    """Mark p by each source: the one that decides filled, the other open and larger, so that both show where equal."""
    looks = ((INK, INK, 4.0, 4), (GREY, WHITE, 6.5, 3))
    for source, (edge, fill, size, over) in zip(sources(edition), looks, strict=False):
        rows = {line: result_of(edition, name, source) for name, line in places.items()}
        points = [(math.sqrt(number(r, "p")), line) for line, r in rows.items() if known(r, "p")]
        if points:
            x, y = zip(*points, strict=True)
            marks: dict[str, Any] = {"color": edge, "markerfacecolor": fill, "markersize": size, "zorder": over}
            ax.plot(x, y, linestyle="none", marker="o", clip_on=False, **marks)
