"""Effects by family of outcomes."""

from __future__ import annotations

from mtb_eval.report.cells import columns, figure, interval, p, word
from mtb_eval.report.document import Cell, Choice, Fold, Line, Section, Table, absent, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.findings import effect_counts, effect_phrase, not_counted
from mtb_eval.report.flags import disagreements, few_degrees, flags
from mtb_eval.report.numbers import NBSP
from mtb_eval.report.rows import Row, known, number, text
from mtb_eval.report.sections.outcome import outcome_fold
from mtb_eval.report.verdicts import FOUND, found, mark_of, verdict_words

MOST = 6
NUMBERS = "primary_std primary_interval primary_p replica_std replica_p mde"


def effects(edition: Edition) -> Section:
    """Return the section on the effects of care received."""
    rows, earlier = edition.main_outcomes(), edition.earlier_outcomes()
    title = edition.say("effects.title", when=edition.at_wave(edition.main_wave))
    if not rows and not earlier:
        return absent("effects", title, edition.say("absent.outcomes"))
    return Section(
        id="effects",
        title=title,
        finding=_finding(edition, rows),
        figures=("forest",),
        tables=filled(_table(edition, rows, "effects-table", edition.say("effects.caption"))),
        sure=_sure(edition, rows),
        folds=(
            *_earlier(edition, earlier),
            Fold(
                id="outcomes",
                title=edition.say("effects.each"),
                paragraphs=(edition.say("effects.each_text"),),
                folds=tuple(outcome_fold(edition, r) for r in (*rows, *earlier)),
            ),
        ),
    )


def _finding(edition: Edition, rows: list[Row]) -> tuple[str, ...]:
    if not rows:
        return (edition.say("absent.outcomes"),)
    counts = effect_counts(edition, rows)
    paragraphs = [edition.say("effects.finding", **counts), *not_counted(edition, counts["withheld"]), edition.tiers]
    for verdict in FOUND:
        for direction in ("better", "worse"):
            hits = found(rows, "primary", verdict, direction)
            if hits:
                items = edition.words.few([effect_phrase(edition, r) for r in hits], MOST)
                paragraphs.append(edition.say(f"effects.{verdict}_{direction}", items=items))
    smallest = sorted(number(r, "mde") for r in rows if known(r, "mde"))
    if smallest:
        low, high = (edition.numbers.std(v) for v in (smallest[0], smallest[-1]))
        paragraphs.append(edition.say("effects.mde", low=low, high=high))
    return tuple(paragraphs)


def _sure(edition: Edition, rows: list[Row]) -> tuple[str, ...]:
    turns = [r for r in rows if known(r, "loo_std_low", "loo_std_high") and _changes_sign(r)]
    values = {
        **effect_counts(edition, rows),
        "turns": len(turns),
        "wild": len(disagreements(edition, rows)),
        "low_df": len(few_degrees(rows)),
        "p_gap": edition.numbers.threshold(edition.plan.verdicts.p_disagreement),
    }
    keys = ("effects.sure_method", "effects.sure_wrong", "effects.sure_lost", "effects.sure_diagnostics")
    failed = (
        [edition.say("effects.sure_failed", n=len(edition.tables["failures"]))]
        if len(edition.tables["failures"])
        else []
    )
    return (*(edition.say(k, **values) for k in keys), *failed)


def _changes_sign(row: Row) -> bool:
    return number(row, "loo_std_low") < 0 < number(row, "loo_std_high")


def _earlier(edition: Edition, rows: list[Row]) -> tuple[Fold, ...]:
    if not rows:
        return ()
    table = _table(edition, rows, "earlier-table", edition.say("effects.earlier_caption"))
    return (Fold(id="earlier", title=edition.say("effects.earlier", n=len(rows)), tables=(table,)),)


def _table(edition: Edition, rows: list[Row], table: str, caption: str) -> Table:
    keys = ("outcome", "n_arms", *NUMBERS.split()[:3], "primary_verdict", *NUMBERS.split()[3:5])
    return Table(
        id=table,
        caption=caption,
        columns=columns(edition, *keys, "replica_verdict", "mde", numeric=f"{NUMBERS} n_arms"),
        lines=tuple(_line(edition, r) for r in rows),
        note=f"{edition.say('effects.note', level=edition.level)} {edition.tiers}",
        source="outcomes",
        sortable=True,
        choices=_choices(edition, rows),
    )


def _line(edition: Edition, row: Row) -> Line:
    outcome = text(row, "outcome")
    arms = f"{edition.numbers.count(number(row, 'n_mtb'))} + {edition.numbers.count(number(row, 'n_control'))}"
    return Line(
        anchor=f"row-{outcome}",
        cells=(
            word(_label(edition, row), href=f"#outcome-{outcome}", under=edition.family(text(row, "family"))),
            Cell(text=arms, sort=number(row, "n_mtb") + number(row, "n_control")),
            figure(edition, number(row, "primary_std"), 2),
            interval(edition, number(row, "primary_std_low"), number(row, "primary_std_high")),
            p(edition, number(row, "primary_p")),
            _verdict(edition, row, "primary"),
            figure(edition, number(row, "replica_std"), 2),
            p(edition, number(row, "replica_p")),
            _verdict(edition, row, "replica"),
            figure(edition, number(row, "mde"), 2),
        ),
        tags={"family": text(row, "family"), "verdict": text(row, "primary_verdict") or "not estimable"},
    )


def _label(edition: Edition, row: Row) -> str:
    label = edition.outcome(text(row, "outcome"))
    among = edition.population(text(row, "population"))
    marks = "".join(f" [{k}]" for k in flags(edition, row))
    return f"{label}, {among}{marks}" if among else f"{label}{marks}"


def _verdict(edition: Edition, row: Row, estimator: str) -> Cell:
    order = ("significant", "tendency", "no-difference", "not estimable")
    verdict = text(row, f"{estimator}_verdict") or "not estimable"
    rank = float(order.index(verdict)) if verdict in order else float(len(order))
    key = verdict.replace(" ", "-")
    shown = f"{mark_of(row, estimator)}{NBSP}{edition.named('verdict_short', key)}"
    return Cell(text=shown, sort=rank, state=key, aloud=verdict_words(edition, row, estimator))


def _choices(edition: Edition, rows: list[Row]) -> tuple[Choice, ...]:
    families = list(dict.fromkeys(text(r, "family") for r in rows))
    verdicts = list(dict.fromkeys(text(r, "primary_verdict") or "not estimable" for r in rows))
    return (
        Choice(
            tag="family", label=edition.say("filter.family"), values=tuple((f, edition.family(f)) for f in families)
        ),
        Choice(
            tag="verdict",
            label=edition.say("filter.verdict"),
            values=tuple((v, edition.named("verdict", v.replace(" ", "-"))) for v in sorted(verdicts)),
        ),
    )
