"""Estimates with their intervals as marks: drawn in one go, with an arrowhead where one goes on beyond the axis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from matplotlib.axes import Axes

from mtb_eval.report.lettering import LEADING, wrapped
from mtb_eval.report.style import LINE, SMALL, Look, Sheet

Interval = tuple[float, float, float]
MISSING: Interval = (math.nan, math.nan, math.nan)
BEYOND = {False: ("<", ">"), True: ("v", "^")}


def intervals(
    ax: Axes,
    at: Sequence[float],
    values: Sequence[Interval],
    look: Look,
    *,
    reach: float,
    upright: bool = False,
) -> None:
    """Draw estimates (middle, low, high) at the places `at`, lying or upright; nothing beyond +-`reach` is drawn."""
    found = [(place, *v) for place, v in zip(at, values, strict=True) if math.isfinite(v[0])]
    spans = [
        (a, max(low, -reach), min(high, reach))
        for a, _, low, high in found
        if not (math.isnan(low) or math.isnan(high))
    ]
    lines = ax.vlines if upright else ax.hlines
    if spans:
        places, lows, highs = zip(*spans, strict=True)
        lines(places, lows, highs, colors=look.color, linestyles=look.line, linewidth=look.width, zorder=2)
    for end, arrow in zip((-reach, reach), BEYOND[upright], strict=True):
        cut = [a for a, _, low, high in found if (low < end if end < 0 else high > end)]
        tip = replace(look, marker=arrow, fill=look.color, size=look.size - 1)
        _points(ax, cut, [end] * len(cut), tip, upright=upright)
    shown = [(a, middle) for a, middle, _, _ in found if abs(middle) <= reach]
    _points(ax, [a for a, _ in shown], [m for _, m in shown], look, upright=upright)


def reach_of(values: Iterable[Interval], *, share: float = 0.95, least: float = 0.5) -> float:
    """Return the half width of an axis that holds every estimate and `share` of the interval ends, in quarters."""
    found = [v for v in values if math.isfinite(v[0])]
    ends = sorted(abs(e) for v in found for e in v[1:] if math.isfinite(e))
    most = ends[int(share * (len(ends) - 1))] if ends else least
    return math.ceil(4 * max(least, most, *(1.02 * abs(v[0]) for v in found), 0.0)) / 4


def paired_rows(
    page: Sheet, labels: Sequence[str], series: Sequence[tuple[Look, Sequence[Interval]]], *, label: float, foot: float
) -> Axes:
    """Draw one row per label with one interval per series below each other, and return the axes.

    `label` and `foot` are the millimetres left of and below the axes.
    """
    height, row = page.body - foot - 5.0, (page.body - foot - 5.0) / len(labels)
    ax, canvas = page.axes(label, foot, page.width - label - 3, height), page.canvas
    reach = reach_of([v for _, values in series for v in values])
    ax.set(xlim=(-reach, reach), ylim=(height, 0))
    for k, text in enumerate(labels):
        lines = "\n".join(wrapped(text, label - 4, size=SMALL))
        canvas.text(1, foot + height - row * (k + 0.5), lines, size=SMALL, va="center", linespacing=LEADING)
    ax.hlines([row * (k + 1) for k in range(len(labels))], -reach, reach, colors=LINE, linewidth=0.4, zorder=0)
    for (look, values), shift in zip(series, _shifts(len(series)), strict=True):
        intervals(ax, [row * (k + 0.5) + shift for k in range(len(labels))], values, look, reach=reach)
    return ax


def _points(ax: Axes, at: Sequence[float], values: Sequence[float], look: Look, *, upright: bool) -> None:
    if at:
        x, y = (at, values) if upright else (values, at)
        face: dict[str, Any] = {"color": look.color, "markerfacecolor": look.fill}
        ax.plot(x, y, linestyle="none", marker=look.marker, markersize=look.size, zorder=4, clip_on=False, **face)


def _shifts(n: int) -> list[float]:
    return [2.5 * (k - (n - 1) / 2) for k in range(n)]
