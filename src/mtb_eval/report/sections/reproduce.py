"""How to make this report again."""

from __future__ import annotations

from mtb_eval.report.cells import columns, word
from mtb_eval.report.document import Fold, Line, Section, Table, filled
from mtb_eval.report.edition import Edition


def reproduce(edition: Edition) -> Section:
    """Return the section on how to reproduce the report."""
    seed = edition.provenance.seed
    seeded = edition.say("reproduce.seed", seed=seed) if seed is not None else edition.say("reproduce.no_seed")
    values = {"plan": edition.plan.id, "registration": edition.plan.registration}
    return Section(
        id="reproduce",
        title=edition.say("reproduce.title"),
        finding=(edition.say("reproduce.finding"), edition.say("reproduce.plan", **values), seeded),
        bullets=tuple(edition.say(f"reproduce.{k}") for k in ("report", "verify", "compare", "test")),
        tables=filled(_inputs(edition)),
        folds=(Fold(id="versions", title=edition.say("reproduce.versions"), tables=filled(_versions(edition))),),
    )


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
