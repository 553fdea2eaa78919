"""Marks that several figures share: the key of the two arms, and small multiples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator

from mtb_eval.report.edition import Edition
from mtb_eval.report.lettering import width_mm
from mtb_eval.report.numbers import NBSP
from mtb_eval.report.style import ARMS, SMALL, Look, Sheet

ARM_ORDER = ("mtb", "control")


def arm_key(edition: Edition, canvas: Axes, *, y: float) -> None:
    """Write which mark is which arm, in one line at `y` millimetres."""
    key(canvas, [(ARMS[arm], edition.arm(arm)) for arm in ARM_ORDER], y=y)


def key(canvas: Axes, looks: Sequence[tuple[Look, str]], *, y: float, left: float = 1.0) -> None:
    """Write which mark is what, side by side at `y` millimetres."""
    x = left
    for look, name in looks:
        canvas.plot([x, x + 8], [y, y], color=look.color, linestyle=look.line, linewidth=look.width)
        point(canvas, x + 4, y, look)
        canvas.text(x + 10, y, name, size=SMALL, va="center")
        x += 16 + width_mm(name, SMALL)


def point(ax: Axes, x: float, y: float, look: Look) -> None:
    """Draw one mark."""
    points(ax, [x], [y], look)


def points(ax: Axes, x: Sequence[float], y: Sequence[float], look: Look) -> None:
    """Draw marks in one go."""
    marks: dict[str, Any] = {"marker": look.marker, "markerfacecolor": look.fill, "markersize": look.size}
    ax.plot(x, y, linestyle="none", color=look.color, zorder=4, **marks)


def percent_axis(edition: Edition, axis: Axis) -> None:
    """Label an axis of shares in round percentages."""
    axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(lambda share, _: f"{edition.numbers.plain(100 * share)}{NBSP}%")


def grid(page: Sheet, n: int, *, columns: int, panel: float, foot: float, gap: tuple[float, float]) -> Iterator[Axes]:
    """Yield n axes in rows of `columns`, each `panel` mm high, from the upper left; `gap` left of and above each."""
    width = (page.width - columns * gap[0] - 2) / columns
    rows = -(-n // columns)
    for k in range(n):
        row, column = divmod(k, columns)
        bottom = foot + (rows - 1 - row) * (panel + gap[1])
        yield page.axes(gap[0] + column * (width + gap[0]), bottom, width, panel)
