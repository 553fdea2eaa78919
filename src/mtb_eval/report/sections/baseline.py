"""The families before birth."""

from __future__ import annotations

import math

from mtb_eval.report.cells import columns, count, figure, percent, word
from mtb_eval.report.document import Cell, Line, Section, Table, absent, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.numbers import decimals_for
from mtb_eval.report.participants import baseline_values
from mtb_eval.report.rows import Row, number, text


def baseline(edition: Edition) -> Section:
    """Return the section on the families before birth."""
    values, title = baseline_values(edition), edition.say("baseline.heading")
    if not edition.rows("baseline"):
        return absent("baseline", title, edition.say("absent.baseline"))
    finding = edition.say("baseline.finding", **values) if values["n"] else edition.say("absent.baseline")
    return Section(
        id="baseline",
        title=title,
        finding=(finding,),
        figures=("baseline",),
        tables=filled(_table(edition)),
        sure=(edition.say("baseline.sure_method"), edition.say("baseline.sure_wrong")),
    )


def _table(edition: Edition) -> Table:
    numbers = "n_mtb mean_mtb n_control mean_control smd"
    return Table(
        id="baseline-table",
        caption=edition.say("baseline.caption_table"),
        columns=columns(edition, "characteristic", *numbers.split(), numeric=numbers),
        lines=tuple(_line(edition, r) for r in edition.rows("baseline")),
        note=edition.say("baseline.note"),
        source="baseline",
    )


def _line(edition: Edition, row: Row) -> Line:
    return Line(
        cells=(
            word(text(row, f"label_{edition.language}")),
            count(edition, row, "n_mtb"),
            _level(edition, row, "mtb"),
            count(edition, row, "n_control"),
            _level(edition, row, "control"),
            figure(edition, number(row, "smd"), 2),
        )
    )


def _level(edition: Edition, row: Row, arm: str) -> Cell:
    """Return a share as a percentage, a mean with its standard deviation."""
    mean, sd = number(row, f"mean_{arm}"), number(row, f"sd_{arm}")
    if text(row, "kind") == "share":
        return percent(edition, mean)
    decimals = max(1, decimals_for(sd))
    shown = f"{edition.numbers.fixed(mean, decimals)} ({edition.numbers.fixed(sd, decimals)})"
    return Cell(text=shown, sort=mean if math.isfinite(mean) else None)
