"""Where this evaluation does otherwise than the published one, and everything in it that is assumed or inferred."""

from __future__ import annotations

from collections.abc import Iterator

from mtb_eval.report.cells import columns, word
from mtb_eval.report.document import Choice, Column, Fold, Line, Section, Table, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.settings import rule_title, rules, status_of

Item = tuple[str, str, str, str]
OPEN = ("assumed", "inferred")
KINDS = ("rule", "instrument", "outcome", "variable")


def deviations(edition: Edition) -> Section:
    """Return the section on deviations and assumptions."""
    items = list(_items(edition))
    open_items = [i for i in items if i[2] in OPEN]
    counts = {status: len([i for i in items if i[2] == status]) for status in OPEN}
    found = edition.plan.deviations
    first = "deviations.finding" if found else "deviations.none"
    return Section(
        id="deviations",
        title=edition.say("deviations.title"),
        finding=(edition.say(first, n=len(found)), edition.say("deviations.open", n=len(items), **counts)),
        tables=(*filled(_deviations(edition)), *filled(_rules(edition, open_items))),
        sure=(edition.say("deviations.sure_method"), edition.say("deviations.sure_wrong")),
        folds=tuple(f for f in (_measures(edition, open_items),) if f.tables),
    )


def _deviations(edition: Edition) -> Table:
    language, keys = edition.language, ("topic", "published", "here", "why")
    return Table(
        id="deviations-table",
        caption=edition.say("deviations.caption"),
        columns=tuple(Column(title=edition.say(f"deviations.column_{k}")) for k in keys),
        lines=tuple(
            Line(cells=tuple(word(t.of(language)) for t in (d.topic, d.published, d.here, d.why)))
            for d in edition.plan.deviations
        ),
    )


def _rules(edition: Edition, items: list[Item]) -> Table:
    return Table(
        id="assumed-rules",
        caption=edition.say("deviations.rules_caption"),
        columns=columns(edition, "item", "status", "source"),
        lines=tuple(_line(edition, i, href="#settings-table") for i in items if i[0] == "rule"),
        note=f"{edition.say('deviations.rules_note')} {edition.say('methods.assumed_note')}",
    )


def _measures(edition: Edition, items: list[Item]) -> Fold:
    mine = [i for i in items if i[0] != "rule"]
    kinds = [k for k in KINDS if any(i[0] == k for i in mine)]
    values = tuple((k, edition.say(f"deviations.kind_{k}")) for k in kinds)
    table = Table(
        id="assumed-measures",
        caption=edition.say("deviations.measures_caption"),
        columns=columns(edition, "item", "status", "source"),
        lines=tuple(_line(edition, i) for i in mine),
        note=edition.say("methods.assumed_note"),
        sortable=True,
        choices=(Choice(tag="kind", label=edition.say("deviations.kind"), values=values),),
    )
    return Fold(
        id="assumptions",
        title=edition.say("deviations.measures"),
        paragraphs=(edition.say("deviations.measures_text"),),
        tables=filled(table),
    )


def _line(edition: Edition, item: Item, *, href: str = "") -> Line:
    kind, label, status, source = item
    danish = edition.plan.danish.get(source, "") if edition.language == "da" else source
    said = word(danish or source, lang="" if danish else "en")
    shown = word(edition.named("status", status) if status else "")
    under = "" if href else edition.say(f"deviations.kind_{kind}")
    return Line(cells=(word(label, under=under, href=href), shown, said), tags={"kind": kind})


def _items(edition: Edition) -> Iterator[Item]:
    """Yield everything that is declared with a source: kind, label, status, source."""
    plan, language = edition.plan, edition.language
    for rule in rules(edition):
        yield "rule", rule_title(edition, rule), rule.status, rule.source
    for instrument in plan.instruments.values():
        name = instrument.label.of(language)
        yield "instrument", name, instrument.status, instrument.source
        for scale in instrument.scales:
            parts = [(scale.label, scale.source), *((c.label, c.source) for c in scale.cutoffs)]
            for part, source in parts:
                yield "instrument", f"{name}: {part.of(language)}", status_of("", source), source
    for outcome in plan.outcomes:
        label = f"{outcome.label.of(language)} ({edition.wave(outcome.wave)})"
        yield "outcome", label, outcome.status, outcome.source
    for variable in plan.variables:
        yield "variable", variable.label.of(language), status_of("", variable.source), variable.source
