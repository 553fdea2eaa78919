"""The house style of the figures: colours, type, and a sheet laid out in millimetres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mtb_eval.report.axes import PlainAxes
from mtb_eval.report.edition import Edition
from mtb_eval.report.lettering import TEXT, wrapped
from mtb_eval.report.typeset import DPI

BLUE, VERMILLION = "#0072B2", "#D55E00"
INK, GREY, LINE, BAND, WHITE = "#1f2328", "#57606a", "#c9ced4", "#eef0f2", "#ffffff"
NARROW, MIDDLE, WIDE = 85.0, 130.0, 175.0
MM = 1 / 25.4
HAIR = 0.05
TITLE, SMALL = 10.5, 8.0

Dashes = Any  # a name, or offset and lengths: matplotlib's line styles
DASHED: Dashes = (0, (5, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a mark and its interval are drawn; sizes in points."""

    color: str
    marker: str = "o"
    fill: str
    line: Dashes = "-"
    width: float = 1.4
    size: float = 5.0


ARMS = {
    "mtb": Look(color=BLUE, fill=BLUE),
    "control": Look(color=VERMILLION, marker="s", fill=WHITE, line=DASHED),
}
RULES: Any = {
    "font.family": "DejaVu Sans",
    "font.size": TEXT,
    "text.color": INK,
    "axes.edgecolor": GREY,
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "axes.labelsize": TEXT,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": TEXT,
    "axes.titlelocation": "left",
    "axes.unicode_minus": True,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "lines.linewidth": 1.4,
    "lines.markersize": 5,
    "hatch.linewidth": 0.6,
    "text.hinting": "none",
    "text.parse_math": False,
    "axes.titley": 1.0,
    "svg.fonttype": "none",
    "svg.hashsalt": "mtb_eval",
    "path.simplify": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A drawn figure: its title says the finding, its caption what is shown, its alt text what is to be seen."""

    title: str
    caption: str
    alt: str
    figure: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Why a figure could not be drawn, in one sentence."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A figure with its heading; `width`, `height` and `body` (below the heading) in millimetres.

    `canvas` lies over the whole body, without frame; its units are millimetres.
    """

    figure: Figure
    canvas: Axes
    width: float
    height: float
    body: float

    def axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        """Return axes at a place in millimetres from the lower left corner."""
        place = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(place, axes_class=PlainAxes)


def sheet(edition: Edition, title: str, *, width: float, body: float) -> Sheet:
    """Return an empty sheet with the finding as its heading, marked if the data are synthetic or it is internal."""
    lines = wrapped(title, width - 2, size=TITLE, weight="bold")
    heading = 5.2 + 4.7 * len(lines)
    height = body + heading
    figure = Figure(figsize=_whole_dots(width, height), facecolor=WHITE)
    if edition.provenance.synthetic:
        figure.text(1 / width, 1 - 1 / height, edition.say("synthetic.tag"), size=SMALL, color=GREY, va="top")
    if edition.provenance.internal:
        _mark(figure, edition.say("internal.tag"), width, height)
    for k, line in enumerate(lines):
        figure.text(1 / width, 1 - (5.2 + 4.7 * k) / height, line, size=TITLE, weight="bold", va="top")
    canvas = figure.add_axes((0, 0, 1, body / height), axes_class=PlainAxes)
    canvas.set(xlim=(0, width), ylim=(0, body))
    canvas.set_axis_off()
    return Sheet(figure=figure, canvas=canvas, width=width, height=height, body=body)


def _whole_dots(width: float, height: float) -> tuple[float, float]:
    """Return a size in inches of as many whole dots of a PNG as come nearest, and a hair less.

    typst paints a picture of whole dots into the place it has on the page; where that is not as large, a line of dots
    is lost in the middle, and with it the feet of some letters.
    """
    return (round(width * MM * DPI) - HAIR) / DPI, (round(height * MM * DPI) - 2 * HAIR) / DPI


def _mark(figure: Figure, tag: str, width: float, height: float) -> None:
    """Write the words of an internal edition over a figure: small at the top right, and large and pale across it."""
    place = (1 - 1 / width, 1 - 1 / height)
    figure.text(*place, tag, size=SMALL, weight="bold", color=VERMILLION, va="top", ha="right")
    figure.text(0.5, 0.45, tag, size=0.17 * width, color=GREY, alpha=0.13, va="center", ha="center", rotation=24)


def house_style() -> Any:
    """Return a context in which figures are drawn and written in the house style."""
    return rc_context(RULES)


def difference_axis(edition: Edition, ax: Axes, label: str) -> None:
    """Make the horizontal axis one of differences: a line at zero, round ticks written in full, nothing at the left."""
    ax.axvline(0, color=GREY, linewidth=0.8, zorder=1)
    ax.spines["left"].set_visible(False)
    ax.set_yticks([])
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_formatter(lambda x, _: edition.numbers.plain(x))
    ax.set_xlabel(label, fontsize=SMALL, labelpad=2)
