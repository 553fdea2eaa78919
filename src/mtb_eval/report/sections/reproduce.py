"""How to make this report again, and what of it cannot be made again."""

from __future__ import annotations

from mtb_eval.report.cells import columns, word
from mtb_eval.report.document import Fold, Line, Section, Table, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.sections.disclosure import disclosure
from mtb_eval.report.settings import rule_title, rules

COMMANDS = ("report", "own", "verify", "compare", "claims", "check", "test")
LIMITS = ("published", "instruments", "digits")


def reproduce(edition: Edition) -> Section:
    """Return the section on how to reproduce the report."""
    values = {"plan": edition.plan.id, "registration": edition.plan.registration}
    synthetic = "synthetic" if edition.provenance.synthetic else "real"
    return Section(
        id="reproduce",
        title=edition.say("reproduce.title"),
        finding=(edition.say("reproduce.finding"), edition.say("reproduce.plan", **values), _seeds(edition)),
        bullets=tuple(edition.say(f"reproduce.{k}") for k in COMMANDS),
        tables=filled(_inputs(edition)),
        sure=tuple(edition.say(f"reproduce.not_{k}") for k in (synthetic, *LIMITS)),
        folds=(
            disclosure(edition),
            Fold(id="versions", title=edition.say("reproduce.versions"), tables=filled(_versions(edition))),
        ),
    )


def _seeds(edition: Edition) -> str:
    """Return a sentence with every seed: of the synthetic study, and of the analyses that draw."""
    drawn = [
        f"{rule_title(edition, rule)} {value}"
        for rule in rules(edition)
        for name, value in rule.settings
        if name == "seed"
    ]
    made = edition.provenance.seed
    if made is not None:
        drawn.insert(0, edition.say("reproduce.seed_study", seed=made))
    return edition.say("reproduce.seeds", seeds="; ".join(drawn)) if drawn else edition.say("reproduce.no_seed")


def _inputs(edition: Edition) -> Table:
    inputs = sorted(edition.provenance.inputs.items())
    return Table(
        id="inputs-table",
        caption=edition.say("reproduce.inputs"),
        columns=columns(edition, "file", "sha256"),
        lines=tuple(Line(cells=(word(name), word(digest, state="hash"))) for name, digest in inputs),
        note=edition.say("reproduce.inputs_note"),
    )


def _versions(edition: Edition) -> Table:
    return Table(
        id="versions-table",
        caption=edition.say("reproduce.versions_caption"),
        columns=columns(edition, "software", "version"),
        lines=tuple(Line(cells=(word(k), word(v))) for k, v in edition.provenance.versions.items()),
    )
