"""Agreement of two coders on each rated scale, by wave."""

from __future__ import annotations

from mtb_eval.report.coding import agreement_rows, agreement_waves, coding_values, interval_of
from mtb_eval.report.edition import Edition
from mtb_eval.report.figures.intervals import intervals
from mtb_eval.report.figures.marks import key
from mtb_eval.report.lettering import LEADING, wrapped
from mtb_eval.report.participants import column_label
from mtb_eval.report.style import GREY, INK, LINE, MIDDLE, SMALL, WHITE, Absent, Drawing, Look, sheet

LABEL, ROW, HEAD, FOOT = 46.0, 8.0, 5.0, 16.0
LOOKS = (Look(color=GREY, fill=WHITE, marker="D", size=4.2), Look(color=INK, fill=INK, size=4.4))


def agreement(edition: Edition) -> Drawing | Absent:
    """Draw the intraclass correlation of single ratings with its interval, the two last filmed waves."""
    waves = agreement_waves(edition)[-2:]
    found = {w: agreement_rows(edition, w) for w in waves}
    scales = list(dict.fromkeys(s for rows in found.values() for s in rows))
    if not scales:
        return Absent(why=edition.say("absent.agreement"))
    values, height = coding_values(edition), ROW * len(scales)
    page = sheet(edition, edition.say("agreement.title", **values), width=MIDDLE, body=HEAD + height + FOOT)
    ax = page.axes(LABEL, FOOT, MIDDLE - LABEL - 3, height)
    ax.set(xlim=(0, 1), ylim=(height, 0), yticks=[])
    ax.spines["left"].set_visible(False)
    ax.hlines([ROW * (k + 1) for k in range(len(scales))], 0, 1, colors=LINE, linewidth=0.4, zorder=0)
    for k, scale in enumerate(scales):
        lines = "\n".join(wrapped(column_label(edition, scale), LABEL - 4, size=SMALL))
        page.canvas.text(1, FOOT + height - ROW * (k + 0.5), lines, size=SMALL, va="center", linespacing=LEADING)
    looks = LOOKS[-len(waves) :]
    for j, (wave, look) in enumerate(zip(waves, looks, strict=True)):
        at = [ROW * (k + 0.5) + 2.5 * (j - (len(waves) - 1) / 2) for k in range(len(scales))]
        intervals(ax, at, [interval_of(found[wave].get(s, {})) for s in scales], look, reach=1.0)
    ax.xaxis.set_major_formatter(lambda x, _: edition.numbers.plain(x))
    ax.set_xlabel(edition.say("agreement.axis"), fontsize=SMALL, labelpad=2)
    key(page.canvas, [(look, edition.wave(w)) for w, look in zip(waves, looks, strict=True)], y=2.2)
    return Drawing(
        title=edition.say("agreement.title", **values),
        caption=edition.say("agreement.caption", **values),
        alt=edition.say("agreement.alt", **values),
        figure=page.figure,
    )
