"""Methods, generated from the plan, and what in it is assumed."""

from __future__ import annotations

from collections.abc import Iterator

from mtb_eval.report.cells import columns, figure, note, word
from mtb_eval.report.document import Fold, Line, Section, Table, filled
from mtb_eval.report.edition import Edition, within_sentence
from mtb_eval.report.rows import text

REFERENCES = ("mixed", "cr2", "wild", "score", "smd", "curve", "consort")


def methods(edition: Edition) -> Section:
    """Return the section on methods."""
    return Section(
        id="methods",
        title=edition.say("methods.title"),
        finding=(edition.say("methods.estimand"), *_models(edition)),
        bullets=tuple(_rules(edition)),
        tables=filled(_conventions(edition)),
        folds=(
            Fold(
                id="assumptions",
                title=edition.say("methods.assumed"),
                paragraphs=(edition.say("methods.assumed_text"),),
                tables=filled(_assumptions(edition)),
            ),
            Fold(
                id="references",
                title=edition.say("methods.references"),
                bullets=tuple(edition.say(f"reference.{k}") for k in REFERENCES),
            ),
        ),
    )


def _models(edition: Edition) -> Iterator[str]:
    plan = edition.plan
    labels = [within_sentence(c.label.of(edition.language)) for c in plan.covariates]
    listed = edition.words.listed(labels) if labels else edition.say("word.none")
    yield edition.say("methods.replica", decides=edition.say(f"method.{plan.verdicts.decides}"), covariates=listed)
    yield edition.say("methods.primary", calendar_df=plan.calendar_df)


def _rules(edition: Edition) -> Iterator[str]:
    plan = edition.plan
    yield edition.tiers
    yield edition.say("methods.multiplicity")
    yield edition.say("methods.missing")
    yield edition.say("methods.standardised")
    if plan.dose:
        yield edition.say(f"methods.dose_{plan.dose.comparison}", threshold=plan.dose.threshold)
    if plan.placements:
        yield edition.say("methods.placements", months=plan.placements.months)
    yield edition.say("methods.level", level=edition.level)


def _conventions(edition: Edition) -> Table:
    rows = [r for r in edition.rows("effects") if not text(r, "error")]
    seen: dict[tuple[str, str, str], int] = {}
    for r in rows:
        key = (text(r, "estimand"), text(r, "estimator"), text(r, "method"))
        seen[key] = seen.get(key, 0) + 1
    lines = [
        Line(
            cells=(
                word(edition.named("estimand", estimand.replace(" ", "-").replace(":", ""))),
                word(edition.named("analysis", estimator)),
                note(edition, {"method": method}, "method"),
                figure(edition, n, 0),
            )
        )
        for (estimand, estimator, method), n in seen.items()
    ]
    return Table(
        id="conventions-table",
        caption=edition.say("methods.conventions"),
        columns=columns(edition, "estimand", "estimator", "method", "n_rows", numeric="n_rows"),
        lines=tuple(lines),
    )


def _assumptions(edition: Edition) -> Table:
    return Table(
        id="assumptions-table",
        caption=edition.say("methods.assumed_caption"),
        columns=columns(edition, "item", "status", "source"),
        lines=tuple(_assumption(edition, *item) for item in _declared(edition)),
        note=edition.say("methods.assumed_note"),
    )


def _declared(edition: Edition) -> Iterator[tuple[str, str, str]]:
    """Yield what is declared as inferred or assumed: item, status, source."""
    plan, language = edition.plan, edition.language
    yield edition.say("methods.item_verdicts"), plan.verdicts.status, plan.verdicts.source
    rules = (("dose", plan.dose), ("placements", plan.placements), ("interaction", plan.interaction), ("lot", plan.lot))
    for name, rule in rules:
        if rule is not None:
            yield edition.say(f"methods.item_{name}"), "", rule.source
    for instrument in plan.instruments.values():
        yield instrument.label.of(language), instrument.status, instrument.source
    for outcome in plan.outcomes:
        label = f"{outcome.label.of(language)} ({edition.wave(outcome.wave)})"
        yield label, outcome.status, outcome.source


def _assumption(edition: Edition, item: str, status: str, source: str) -> Line:
    other = "en" if edition.language != "en" else ""
    return Line(cells=(word(item), word(edition.named("status", status) if status else ""), word(source, lang=other)))
