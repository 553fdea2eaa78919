"""Methods, generated from the plan: models, rules, every declared setting, and the literature behind them."""

from __future__ import annotations

from collections.abc import Iterator

from mtb_eval.inference.draws import MAX_EXACT
from mtb_eval.report.cells import columns, figure, note, word
from mtb_eval.report.document import Fold, Line, Section, Table, filled
from mtb_eval.report.edition import Edition, within_sentence
from mtb_eval.report.rows import text
from mtb_eval.report.settings import Rule, rule_title, rules, setting_label, setting_value

REFERENCES = (
    "mixed", "cr2", "wild", "romano", "index", "imputation", "lee", "wwc", "score", "firth", "principal", "staggered",
    "curve_specification", "design_errors", "smd", "curve", "consort",
)  # fmt: skip


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
                id="settings",
                title=edition.say("methods.settings"),
                paragraphs=(edition.say("methods.settings_text"),),
                tables=filled(_settings(edition)),
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
    yield edition.say("methods.ties", most=edition.numbers.count(MAX_EXACT))


def _rules(edition: Edition) -> Iterator[str]:
    """Yield one sentence for each rule that the plan declares."""
    plan, p = edition.plan, edition.numbers.threshold
    bounds = {"significant": p(plan.verdicts.significant), "tendency": p(plan.verdicts.tendency)}
    yield edition.tiers
    yield edition.say("methods.multiplicity")
    yield edition.say("methods.grade", **bounds)
    yield edition.say("methods.missing")
    yield edition.say("methods.standardised")
    yield edition.say("methods.detectable", **bounds)
    if plan.dose:
        values = {"threshold": plan.dose.threshold, "months": plan.dose.landmark_months}
        yield edition.say(f"methods.dose_{plan.dose.comparison}", **values)
        yield edition.say("methods.dose_further", low=plan.dose.profile_from, high=plan.dose.profile_to, **values)
    if plan.lot:
        yield edition.say("methods.lot", n_first=plan.lot.n_first)
    if plan.interaction:
        yield edition.say("methods.interaction")
    if plan.placements:
        yield edition.say("methods.placements", months=plan.placements.months)
    if plan.attrition:
        values = {"imputations": plan.attrition.imputations, "iterations": plan.attrition.iterations}
        yield edition.say("methods.attrition", **values)
    if plan.economy:
        yield edition.say("methods.economy", outcome=within_sentence(edition.outcome(plan.economy.outcome)))
    if plan.claim_power:
        yield edition.say("methods.claim_power", **bounds)
    yield edition.say("methods.disclosure", threshold=plan.disclosure_threshold)
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


def _settings(edition: Edition) -> Table:
    """Return every setting of every rule of the plan."""
    return Table(
        id="settings-table",
        caption=edition.say("methods.settings_caption"),
        columns=columns(edition, "item", "value", "status"),
        lines=tuple(line for rule in rules(edition) for line in _setting_lines(edition, rule)),
        note=edition.say("methods.assumed_note"),
    )


def _setting_lines(edition: Edition, rule: Rule) -> Iterator[Line]:
    status = edition.named("status", rule.status) if rule.status else ""
    for name, value in rule.settings:
        label = word(setting_label(edition, rule, name), under=rule_title(edition, rule))
        yield Line(cells=(label, word(setting_value(edition, value)), word(status)))
