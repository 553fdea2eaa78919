"""Participant flow on two levels: municipalities, then families; waves down, arms across, losses and videos outward."""

from __future__ import annotations

from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from mtb_eval.report.edition import Edition
from mtb_eval.report.figures.marks import ARM_ORDER
from mtb_eval.report.lettering import wrapped
from mtb_eval.report.participants import design_values, flow_values
from mtb_eval.report.rows import Row, distinct, first, number, text
from mtb_eval.report.style import ARMS, GREY, LINE, SMALL, WHITE, WIDE, Absent, Drawing, sheet

PAD, LEADING, GAP = 1.8, 3.9, 6.0
MAIN, SIDE = 44.0, 37.0
CENTRE = {"mtb": 64.0, "control": 111.0}
OUTER = {"mtb": 19.0, "control": 156.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box with its lines of text; `x` its centre, `top` its upper edge, in millimetres."""

    lines: tuple[str, ...]
    x: float
    top: float
    width: float
    edge: str = GREY
    dashed: bool = False

    @property
    def height(self) -> float:
        """Height in millimetres."""
        return 2 * PAD + LEADING * len(self.lines)

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.top - self.height


def flow(edition: Edition) -> Drawing | Absent:
    """Draw the participant flow."""
    rows = edition.rows("flow")
    if not any(r["step"] == "recruited" for r in rows):
        return Absent(why=edition.say("absent.flow"))
    values = flow_values(edition)
    boxes, links = _layout(edition, rows)
    lowest = min(b.bottom for b in boxes)
    page = sheet(edition, edition.say("flow.title", **values), width=WIDE, body=2 - lowest)
    canvas = page.canvas
    canvas.set_ylim(lowest - 1, 1)
    for start, end in links:
        _arrow(canvas, start, end)
    for box in boxes:
        _draw(canvas, box)
    return Drawing(
        title=edition.say("flow.title", **values),
        caption=edition.say("flow.caption", **values),
        alt=edition.say("flow.alt", **values),
        figure=page.figure,
    )


Point = tuple[float, float]


def _layout(edition: Edition, rows: list[Row]) -> tuple[list[Box], list[tuple[Point, Point]]]:
    top = _municipalities(edition, rows)
    lowest = min((b.bottom for b in top), default=0.0)
    everyone = Box(lines=_recruited(edition), x=WIDE / 2, top=lowest - GAP, width=84)
    links = [((b.x, b.bottom), (b.x, everyone.top)) for b in top]
    boxes = [*top, everyone]
    y = everyone.bottom - GAP - 2
    above = dict.fromkeys(ARM_ORDER, everyone)
    start = {arm: _box(edition, arm, y, _arm_lines(edition, rows, arm)) for arm in ARM_ORDER}
    for arm, box in start.items():
        links.append(((box.x, everyone.bottom), (box.x, box.top)))
        above[arm] = box
        boxes.append(box)
    y = min(b.bottom for b in start.values())
    for wave in [w for w in distinct(rows, "wave") if w]:
        lost = {arm: _loss_box(edition, rows, wave, arm, y - 2.5) for arm in ARM_ORDER}
        y -= max([GAP, *(b.height + 5 for b in lost.values() if b)])
        for arm in ARM_ORDER:
            found = _wave_boxes(edition, rows, wave, arm, y)
            if not found:
                continue
            main = found[0]
            links.append(((main.x, above[arm].bottom), (main.x, main.top)))
            links += [(_side(main, b), _side(b, main)) for b in found[1:]]
            out = lost[arm]
            if out:
                middle = (out.top + out.bottom) / 2
                links.append(((main.x, middle), _side(out, main)))
            above[arm] = main
            boxes += [*found, *([out] if out else [])]
        y = min(b.bottom for b in boxes)
    return boxes, links


def _municipalities(edition: Edition, rows: list[Row]) -> list[Box]:
    parts = [(step, [r for r in rows if r["step"] == step]) for step in ("randomised", "added")]
    parts = [(step, part) for step, part in parts if part]
    boxes = []
    for k, (step, part) in enumerate(parts):
        total = first(part, reason="")
        years = [r for r in part if text(r, "reason")]
        n = number(total, "n") if total else sum(number(r, "n") for r in years)
        heading = edition.say(f"flow.{step}", n=edition.numbers.count(n))
        lines = [heading, *(_year(edition, r) for r in years)]
        x = WIDE / 2 if len(parts) == 1 else WIDE / 2 + (-31 if k == 0 else 31)
        boxes.append(Box(lines=_fit(lines, 57), x=x, top=0, width=60))
    return boxes


def _year(edition: Edition, row: Row) -> str:
    return edition.say("flow.trained", n=edition.numbers.count(number(row, "n")), year=text(row, "reason"))


def _recruited(edition: Edition) -> tuple[str, ...]:
    values = design_values(edition)
    return _fit([edition.say("flow.recruited", **values), edition.say("flow.dates", **values)], 82)


def _arm_lines(edition: Edition, rows: list[Row], arm: str) -> list[str]:
    n = number(first(rows, step="recruited", arm=arm), "n")
    return [edition.arm(arm), edition.say("flow.families", n=edition.numbers.count(n))]


def _box(edition: Edition, arm: str, top: float, lines: list[str]) -> Box:
    return Box(lines=_fit(lines, MAIN - 3), x=CENTRE[arm], top=top, width=MAIN, edge=ARMS[arm].color)


def _wave_boxes(edition: Edition, rows: list[Row], wave: str, arm: str, top: float) -> list[Box]:
    answered = first(rows, step="answered", wave=wave, arm=arm)
    video = first(rows, step="video", wave=wave, arm=arm)
    of = number(first(rows, step="recruited", arm=arm), "n")
    if not answered and not video:
        return []
    share = edition.numbers.share(number(answered, "n"), of)
    main = _box(edition, arm, top, [edition.wave(wave), edition.say("flow.answered"), share])
    if not video:
        return [main]
    lines = _fit([edition.say("flow.video"), edition.numbers.share(number(video, "n"), of)], SIDE - 3)
    beside = Box(lines=lines, x=OUTER[arm], top=top, width=SIDE, edge=ARMS[arm].color, dashed=True)
    return [main, replace(beside, top=top - (main.height - beside.height) / 2)]


def _loss_box(edition: Edition, rows: list[Row], wave: str, arm: str, top: float) -> Box | None:
    lost = [r for r in rows if r["step"] == "lost" and r["wave"] == wave and r["arm"] == arm]
    if not lost:
        return None
    count = edition.numbers.count
    recruited = number(first(rows, step="recruited", arm=arm), "n")
    answered = number(first(rows, step="answered", wave=wave, arm=arm), "n")
    lines = [edition.say("flow.lost", n=count(recruited - answered))]
    lines += [
        f"{edition.named('reason', text(r, 'reason'))}: {count(number(r, 'n'))}" for r in lost if text(r, "reason")
    ]
    return Box(lines=_fit(lines, SIDE - 3), x=OUTER[arm], top=top, width=SIDE, edge=LINE)


def _fit(lines: list[str], width: float) -> tuple[str, ...]:
    """Return the lines broken to a width; the first is set in bold."""
    first = wrapped(lines[0], width, size=SMALL, weight="bold")
    return (*first, *(part for line in lines[1:] for part in wrapped(line, width, size=SMALL)))


def _side(box: Box, towards: Box) -> Point:
    half = box.width / 2 if towards.x > box.x else -box.width / 2
    return box.x + half, (box.top + box.bottom) / 2


def _arrow(canvas: Axes, start: Point, end: Point) -> None:
    style = {"arrowstyle": "-|>", "color": GREY, "lw": 0.8, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 7}
    canvas.annotate("", xy=end, xytext=start, arrowprops=style)


def _draw(canvas: Axes, box: Box) -> None:
    line = (0, (3, 2)) if box.dashed else "-"
    canvas.add_patch(
        FancyBboxPatch(
            (box.x - box.width / 2, box.bottom), box.width, box.height, boxstyle="round,pad=0,rounding_size=1",
            facecolor=WHITE, edgecolor=box.edge, linewidth=1.0, linestyle=line, zorder=3,
        )
    )  # fmt: skip
    for k, line_text in enumerate(box.lines):
        y = box.top - PAD - LEADING * (k + 0.5)
        weight = "bold" if k == 0 else "normal"
        canvas.text(box.x, y, line_text, size=SMALL, weight=weight, ha="center", va="center", zorder=4)
