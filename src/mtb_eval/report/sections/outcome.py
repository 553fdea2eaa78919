"""One outcome in detail: every estimator, diagnostics, where its declaration comes from."""

from __future__ import annotations

import math

from mtb_eval.report.cells import columns, figure, interval, note, p, word
from mtb_eval.report.document import Fold, Line, Table, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.flags import flags
from mtb_eval.report.numbers import decimals_for
from mtb_eval.report.rows import Row, known, number, text
from mtb_eval.report.verdicts import mark_of, verdict_words

NUMBERS = "estimate interval standardised p df"


def outcome_fold(edition: Edition, row: Row) -> Fold:
    """Return the details of one outcome."""
    outcome = text(row, "outcome")
    when = edition.wave(text(row, "wave"))
    verdict = f"{mark_of(row, 'primary')} {verdict_words(edition, row, 'primary')}"
    return Fold(
        id=f"outcome-{outcome}",
        title=f"{edition.outcome(outcome)} ({when}): {verdict}",
        paragraphs=_described(edition, row),
        bullets=_diagnostics(edition, row),
        tables=filled(_estimates(edition, row)),
    )


def _described(edition: Edition, row: Row) -> tuple[str, ...]:
    outcome, numbers = text(row, "outcome"), edition.numbers
    means = [number(row, "mean_mtb"), number(row, "mean_control"), number(row, "sd")]
    decimals = max(1, decimals_for(means[2])) if math.isfinite(means[2]) else 1
    values = {k: numbers.fixed(v, decimals) for k, v in zip(("mean_mtb", "mean_control", "sd"), means, strict=True)}
    if text(row, "kind") == "binary":
        values.update(mean_mtb=numbers.percent(means[0]), mean_control=numbers.percent(means[1]))
    counts = {k: numbers.count(number(row, k)) for k in ("n_mtb", "n_control", "n_clusters")}
    among = edition.population(text(row, "population"))
    unit = {"unit": edition.unit(outcome), "direction": edition.direction(outcome)}
    first = edition.say("outcome.means", **values, **counts, **unit)
    known = edition.declared(outcome)
    declared = [edition.say("outcome.declared", status=edition.named("status", known.status))] if known else []
    return (
        first,
        *declared,
        *([edition.say("outcome.among", among=among)] if among else []),
        *flags(edition, row).values(),
    )


def _diagnostics(edition: Edition, row: Row) -> tuple[str, ...]:
    numbers, found = edition.numbers, []
    if known(row, "wild_p"):
        low, high = number(row, "wild_std_low"), number(row, "wild_std_high")
        values = {"p": numbers.equation(number(row, "wild_p")), "interval": numbers.interval(low, high)}
        found.append(edition.say("outcome.wild", **values))
    if known(row, "p_holm"):
        values = {"holm": numbers.equation(number(row, "p_holm")), "bh": numbers.equation(number(row, "p_bh"))}
        found.append(edition.say("outcome.multiplicity", **values))
    if known(row, "loo_std_low", "loo_std_high"):
        span = numbers.interval(number(row, "loo_std_low"), number(row, "loo_std_high"))
        found.append(edition.say("outcome.leave_one_out", interval=span))
    if known(row, "effective_clusters"):
        values = {
            "clusters": numbers.fixed(number(row, "effective_clusters"), 1),
            "leverage": numbers.percent(number(row, "partial_leverage_max")),
            "df": numbers.fixed(number(row, "primary_df"), 1),
        }
        found.append(edition.say("outcome.leverage", **values))
    if known(row, "mde"):
        found.append(edition.say("outcome.mde", mde=numbers.std(number(row, "mde"))))
    return tuple(found)


def _estimates(edition: Edition, row: Row) -> Table:
    outcome = text(row, "outcome")
    rows = edition.rows("effects", outcome=outcome)
    return Table(
        id=f"estimates-{outcome}",
        caption=edition.say("outcome.caption", label=edition.outcome(outcome), unit=edition.unit(outcome)),
        columns=columns(edition, "estimand", "estimator", "method", *NUMBERS.split(), "remark", numeric=NUMBERS),
        lines=tuple(_line(edition, r) for r in rows),
        note=edition.say("outcome.note"),
        numbered=False,
    )


def _line(edition: Edition, row: Row) -> Line:
    ends = [number(row, c) for c in ("estimate", "ci_low", "ci_high")]
    decimals = decimals_for(*ends)
    remark = "error" if text(row, "error") else "warning"
    return Line(
        cells=(
            word(edition.named("estimand", text(row, "estimand").replace(" ", "-").replace(":", ""))),
            word(edition.named("analysis", text(row, "estimator"))),
            note(edition, row, "method"),
            figure(edition, ends[0], decimals),
            interval(edition, ends[1], ends[2], decimals),
            figure(edition, number(row, "standardised"), 2),
            p(edition, number(row, "p")),
            figure(edition, number(row, "df"), 1),
            note(edition, row, remark),
        )
    )
