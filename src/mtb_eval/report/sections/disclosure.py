"""What is not shown, by which rule, and how many cells of each table that took."""

from __future__ import annotations

from mtb_eval.report.cells import figure, word
from mtb_eval.report.document import Column, Fold, Line, Table, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.left_out import left_out
from mtb_eval.study import DisclosureRule


def disclosure(edition: Edition) -> Fold:
    """Return the details on disclosure control: the rules, and a table of what they took."""
    rule = edition.plan.disclosure or DisclosureRule()
    threshold, internal = edition.plan.disclosure_threshold, edition.provenance.internal
    values = {"threshold": threshold, "most": threshold - 1, "tail": rule.tail, "model": rule.fewest_model}
    table = _table(edition)
    keys = ["internal"] if internal else []
    keys += ["rule", "rests", "missing", "dominance", "mark" if table.lines else "none"]
    said = [edition.say(f"disclosure.{k}", **values, file="tables/suppressed.csv") for k in keys]
    return Fold(
        id="disclosure",
        title=edition.say("disclosure.title"),
        paragraphs=(*said, edition.say("disclosure.status", source=edition.named("status", rule.status))),
        tables=filled(table),
    )


def _table(edition: Edition) -> Table:
    say = edition.say
    titles = (("table", False), ("reason", False), ("rows", True), ("cells", True))
    return Table(
        id="disclosure-table",
        caption=say("disclosure.caption"),
        columns=tuple(Column(title=say(f"disclosure.{k}"), numeric=n) for k, n in titles),
        lines=tuple(
            Line(cells=(word(f"{t}.csv"), word(say(f"disclosure.why.{r}")), *(figure(edition, n, 0) for n in counted)))
            for (t, r), counted in left_out(edition).items()
        ),
        source="suppressed",
        sortable=True,
    )
