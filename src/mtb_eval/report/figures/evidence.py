"""What the design can vouch for: three analyses of each outcome, and where the weight of the primary one lies."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import median

from matplotlib.axes import Axes

from mtb_eval.analysis.decomposition_sources import LOT_WINDOW, SOURCES
from mtb_eval.report.edition import Edition
from mtb_eval.report.evidence import (
    evidence_values,
    instrument_rows,
    lot_rows,
    main_ids,
    main_rows,
    primary_rows,
    slug,
    source_weights,
    std_interval,
)
from mtb_eval.report.figures.intervals import paired_rows
from mtb_eval.report.figures.marks import key, percent_axis
from mtb_eval.report.lettering import LEADING, wrapped
from mtb_eval.report.rows import number
from mtb_eval.report.style import (
    BAND,
    DASHED,
    GREY,
    INK,
    MIDDLE,
    SMALL,
    WHITE,
    Absent,
    Drawing,
    Look,
    difference_axis,
    sheet,
)

LABEL, ROW, HEAD, FOOT = 46.0, 8.0, 5.0, 17.0
PRIMARY = Look(color=INK, fill=INK, size=4.4)
INSTRUMENT = Look(color=GREY, fill=WHITE, marker="D", size=4.2)
LOT = replace(PRIMARY, fill=WHITE, marker="s", line=DASHED, width=1.1)
SOURCE_LABEL, SOURCE_ROW, SOURCE_NUMBERS = 48.0, 11.0, 34.0


def evidence(edition: Edition) -> Drawing | Absent:
    """Draw the primary estimate, the instrument's and the lot window's, by outcome of the main wave."""
    found = [(PRIMARY, primary_rows(edition)), (INSTRUMENT, instrument_rows(edition)), (LOT, lot_rows(edition))]
    outcomes = [o for o in main_ids(edition) if any(o in rows for _, rows in found)]
    if not outcomes:
        return Absent(why=edition.say("absent.evidence"))
    values = evidence_values(edition)
    page = sheet(
        edition, edition.say("evidence.figure", **values), width=MIDDLE, body=HEAD + ROW * len(outcomes) + FOOT
    )
    series = [(look, [std_interval(rows.get(o, {})) for o in outcomes]) for look, rows in found]
    ax = paired_rows(page, [edition.outcome(o) for o in outcomes], series, label=LABEL, foot=FOOT)
    difference_axis(edition, ax, edition.say("forest.axis"))
    names = ((PRIMARY, "evidence.primary"), (INSTRUMENT, "evidence.instrument"), (LOT, "evidence.lot"))
    key(page.canvas, [(look, edition.say(name)) for look, name in names], y=2.5)
    return Drawing(
        title=edition.say("evidence.figure", **values),
        caption=edition.say("evidence.figure_caption", n=len(outcomes), tiers=edition.tiers, **values),
        alt=edition.say("evidence.figure_alt", n=len(outcomes), **values),
        figure=page.figure,
    )


def evidence_weights(edition: Edition) -> Drawing | Absent:
    """Draw the weight of each source of controls in the primary estimate: median and range over outcomes."""
    weights = {s: source_weights(edition, s) for s in SOURCES}
    if not any(weights.values()):
        return Absent(why=edition.say("absent.evidence"))
    values = evidence_values(edition)
    height, foot = SOURCE_ROW * len(SOURCES), 10.0
    page = sheet(edition, edition.say("evidence.weights", **values), width=MIDDLE, body=height + foot + 3)
    ax = page.axes(SOURCE_LABEL, foot, MIDDLE - SOURCE_LABEL - SOURCE_NUMBERS, height)
    canvas = page.canvas
    for k, source in enumerate(SOURCES):
        y = SOURCE_ROW * (k + 0.5)
        _bar(ax, y, sorted(weights[source]), by_lot=source == LOT_WINDOW)
        name = wrapped(edition.say(f"evidence.source_{slug(source)}"), SOURCE_LABEL - 4, size=SMALL)
        canvas.text(1, foot + height - y, "\n".join(name), size=SMALL, va="center", linespacing=LEADING)
        canvas.text(MIDDLE - 1, foot + height - y, _counted(edition, source), size=SMALL, va="center", ha="right")
    lowest = min(0.0, *(w for ws in weights.values() for w in ws))
    ax.set(xlim=(1.05 * lowest, None), ylim=(height, 0), yticks=[])
    ax.axvline(0, color=GREY, linewidth=0.8)
    ax.spines["left"].set_visible(False)
    percent_axis(edition, ax.xaxis)
    ax.set_xlabel(edition.say("evidence.weights_axis"), fontsize=SMALL, labelpad=1)
    return Drawing(
        title=edition.say("evidence.weights", **values),
        caption=edition.say("evidence.weights_caption", **values),
        alt=edition.say("evidence.weights_alt", **values),
        figure=page.figure,
    )


def _bar(ax: Axes, y: float, weights: list[float], *, by_lot: bool) -> None:
    if not weights:
        return
    ax.barh(y, median(weights), height=5.0, color=INK if by_lot else BAND, edgecolor=INK, linewidth=0.9, zorder=2)
    ax.plot([weights[0], weights[-1]], [y + 3.6] * 2, color=GREY, linewidth=1.2, marker="|", markersize=4, zorder=3)


def _counted(edition: Edition, source: str) -> str:
    """Return the control families of a source, lowest and highest over the outcomes."""
    sizes = sorted(number(r, "n_source") for r in main_rows(edition, "control_sources", source=source).values())
    known_sizes = sorted({n for n in sizes if math.isfinite(n)})
    if len(known_sizes) < 2:
        shown = edition.numbers.count(known_sizes[0] if known_sizes else math.nan)
    else:
        shown = edition.numbers.interval(known_sizes[0], known_sizes[-1], 0, null=-1.0)
    return edition.say("evidence.families", n=shown)
