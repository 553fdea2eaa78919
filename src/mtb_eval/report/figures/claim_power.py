"""How likely a design like this one is to find what was published."""

from __future__ import annotations

from matplotlib.axes import Axes

from mtb_eval.analysis.verdicts import POWER
from mtb_eval.report.claim_values import Claimed, at_main, claimed, power_values
from mtb_eval.report.edition import Edition
from mtb_eval.report.figures.marks import key, percent_axis, points
from mtb_eval.report.lettering import width_mm, wrapped
from mtb_eval.report.rows import number, text
from mtb_eval.report.style import GREY, INK, LINE, SMALL, VERMILLION, WHITE, WIDE, Absent, Drawing, Look, sheet

LABEL, NUMBER, ROW, HEAD, FOOT = 70.0, 17.0, 5.4, 6.0, 17.0
MAIN = Look(color=INK, fill=INK, size=4.6)
OTHER = Look(color=GREY, fill=GREY, marker="|", width=1.0, size=6.0)
PUBLISHED = Look(color=VERMILLION, fill=WHITE, marker="D", line="none", size=4.4)


def claim_power(edition: Edition) -> Drawing | Absent:
    """Draw, by claimed outcome, the chance of finding each supposed true effect."""
    rows = claimed(edition)
    if not rows:
        return Absent(why=edition.say("absent.claims"))
    values = power_values(edition)
    groups = [(name, [r for r in rows if r.difference is kind]) for name, kind in (("found", True), ("none", False))]
    groups = [(name, group) for name, group in groups if group]
    height = sum(HEAD + ROW * len(group) for _, group in groups)
    page = sheet(edition, edition.say("claims.power_figure", **values), width=WIDE, body=height + FOOT + 2)
    ax = page.axes(LABEL, FOOT, WIDE - LABEL - NUMBER - 3, height)
    ax.set(xlim=(0, 1), ylim=(height, 0))
    top, placed = 0.0, list[tuple[float, Claimed]]()
    for name, group in groups:
        page.canvas.text(1, FOOT + height - top - 4, edition.say(f"claims.group_{name}"), size=SMALL, weight="bold")
        placed += [(top + HEAD + ROW * (k + 0.5), one) for k, one in enumerate(group)]
        top += HEAD + ROW * len(group)
    for at, one in placed:
        _write(edition, page.canvas, one, FOOT + height - at)
    _draw(edition, ax, placed)
    _axis(edition, ax)
    page.canvas.text(WIDE - 1, FOOT + height - 4, edition.say("claims.head_chance", **values), size=SMALL, ha="right")
    _key(edition, page.canvas, values)
    return Drawing(
        title=edition.say("claims.power_figure", **values),
        caption=edition.say("claims.power_caption", **values),
        alt=edition.say("claims.power_alt", **values),
        figure=page.figure,
    )


def _write(edition: Edition, canvas: Axes, one: Claimed, y: float) -> None:
    canvas.text(1, y, _label(edition, one), size=SMALL, va="center")
    power = edition.numbers.percent(number(at_main(edition, one), "power"))
    canvas.text(WIDE - 1, y, power, size=SMALL, va="center", ha="right")


def _draw(edition: Edition, ax: Axes, rows: list[tuple[float, Claimed]]) -> None:
    """Draw every row's chances, each kind of mark in one go."""
    ax.hlines([at for at, _ in rows], 0, 1, colors=LINE, linewidth=0.4, zorder=0)
    spans = [(at, [number(r, "power") for r in one.declared]) for at, one in rows if len(one.declared) > 1]
    if spans:
        places, lows, highs = zip(*((at, min(found), max(found)) for at, found in spans), strict=True)
        ax.hlines(places, lows, highs, colors=OTHER.color, linewidth=OTHER.width, zorder=2)
    kinds = (
        (OTHER, [(at, r) for at, one in rows for r in one.declared]),
        (MAIN, [(at, r) for at, one in rows if (r := at_main(edition, one))]),
        (PUBLISHED, [(at, r) for at, one in rows for r in one.published]),
    )
    for look, marks in kinds:
        points(ax, [number(r, "power") for _, r in marks], [at for at, _ in marks], look)


def _label(edition: Edition, one: Claimed) -> str:
    """Return outcome and wave in one line; a label that is too long loses its last words."""
    months = edition.plan.wave(text(one.row, "wave")).months
    wave = edition.say("word.months_short", months=months)
    room = LABEL - 6 - width_mm(f", {wave}", SMALL)
    lines = wrapped(edition.outcome(one.outcome), room, size=SMALL)
    return f"{lines[0]}{' …' if len(lines) > 1 else ''}, {wave}"


def _axis(edition: Edition, ax: Axes) -> None:
    ax.axvline(POWER, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
    ax.spines["left"].set_visible(False)
    ax.set_yticks([])
    percent_axis(edition, ax.xaxis)
    ax.set_xlabel(edition.say("claims.axis", significant=edition.numbers.threshold(edition.plan.verdicts.significant)))


def _key(edition: Edition, canvas: Axes, values: dict[str, object]) -> None:
    named = [(MAIN, "main"), (OTHER, "sizes"), (PUBLISHED, "published")]
    key(canvas, [(look, edition.say(f"claims.key_{name}", **values)) for look, name in named], y=2.5)
