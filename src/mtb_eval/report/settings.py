"""What the plan declares, rule by rule, as labels and values in words; every field of every rule is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass

from mtb_eval.report.edition import Edition, within_sentence

WHENCE = ("status", "source")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of the plan: the plan's name for it, its settings (field, value), status and source."""

    name: str
    settings: tuple[tuple[str, object], ...]
    status: str
    source: str


def rules(edition: Edition) -> list[Rule]:
    """Return the rules of the plan, in its order."""
    return [_rule(name, value) for name, value in _declared(edition) if value is not None]


def _declared(edition: Edition) -> Iterator[tuple[str, object]]:
    for field in fields(edition.plan):
        value = getattr(edition.plan, field.name)
        if is_dataclass(value) and hasattr(value, "source"):
            yield field.name, value


def _rule(name: str, value: object) -> Rule:
    settings = [(f.name, getattr(value, f.name)) for f in fields(value)]  # type: ignore[arg-type]
    source = str(getattr(value, "source", ""))
    return Rule(
        name=name,
        settings=tuple((n, v) for n, v in settings if n not in WHENCE),
        status=status_of(str(getattr(value, "status", "")), source),
        source=source,
    )


def status_of(status: str, source: str) -> str:
    """Return a declared status; where none is declared, what the source says: assumed before inferred."""
    return status or next((s for s in ("assumed", "inferred") if s in source), "")


def rule_title(edition: Edition, rule: Rule) -> str:
    """Return a rule's name in words."""
    return edition.named("rule_name", rule.name)


def setting_label(edition: Edition, rule: Rule, name: str) -> str:
    """Return what a setting is, in words."""
    return edition.named(f"setting.{rule.name}", name)


def setting_value(edition: Edition, value: object) -> str:
    """Return a setting's value as it is read: numbers in the edition's way, known ids by their labels."""
    if isinstance(value, bool):
        return edition.say("word.yes" if value else "word.no")
    if isinstance(value, int) and value > 9999:
        return str(value)  # a seed
    if isinstance(value, int | float):
        return edition.numbers.plain(value) if value < 1e4 else edition.numbers.count(value)
    if isinstance(value, tuple):
        return "; ".join(setting_value(edition, v) for v in value) or edition.say("word.none")
    return _code(edition, str(value))


def _code(edition: Edition, code: str) -> str:
    """Return the label of an outcome, wave, family of outcomes, column or declared word."""
    plan, language = edition.plan, edition.language
    labels = {c.column: c.label for c in (*plan.covariates, *plan.baseline_table)}
    labels |= {o.id: o.label for o in plan.outcomes} | {w.id: w.label for w in plan.waves}
    found = (labels | {f.id: f.label for f in plan.families}).get(code)
    return within_sentence(found.of(language)) if found else edition.named("setting_value", code)
