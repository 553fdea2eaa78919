"""Values that figures and sentences quote about who took part and what they received: read off, put in words."""

from __future__ import annotations

import math

from mtb_eval.report.edition import Edition, sentence_case
from mtb_eval.report.figures.marks import ARM_ORDER
from mtb_eval.report.rows import Row, first, known, number, text

Values = dict[str, object]
YARDSTICK = 0.25


def design_values(edition: Edition) -> Values:
    """Return municipalities (all, drawn, joined), families by arm and the dates of recruitment, in words."""
    rows, count = edition.rows("training"), edition.numbers.count
    drawn = sum(bool(r.get("randomised")) for r in rows)
    recruited = {a: number(first(edition.rows("flow"), step="recruited", arm=a), "n") for a in ARM_ORDER}
    timing = {c: count(_timed(edition, c)) for c in ("n_control_before", "n_control_after")}
    return {
        "n_municipalities": count(len(rows)),
        "n_drawn": count(drawn),
        "n_joined": count(len(rows) - drawn),
        "n_families": count(sum(recruited.values())),
        **{f"n_{arm}": count(n) for arm, n in recruited.items()},
        **timing,
        "first_day": edition.numbers.month(edition.plan.recruited_from),
        "last_day": edition.numbers.month(edition.plan.recruited_to),
    }


def _timed(edition: Edition, column: str) -> float:
    """Return the controls recruited before or after training: by municipality, or by the total where one is hidden."""
    n = sum(number(r, column) for r in edition.rows("training"))
    when, whole = column.removeprefix("n_control_"), first(edition.rows("offer_receipt"), municipality="")
    return n if math.isfinite(n) else number(whole, f"n_{when}") - number(whole, f"n_mtb_{when}")


def response_row(edition: Edition, sample: str, arm: str) -> Row:
    """Return an arm's row at the last wave that has that kind of data, or an empty row."""
    rows = [r for r in edition.rows("response", sample=sample, arm=arm) if known(r, "months")]
    return max(rows, key=lambda r: number(r, "months"), default={})


def response_values(edition: Edition) -> Values:
    """Return response by arm at the main wave: shares with counts, and both apart, in words."""
    numbers, when = edition.numbers, edition.at_wave(edition.main_wave)
    values: Values = {"when": when, "When": sentence_case(when)}
    for arm in ARM_ORDER:
        for sample in ("questionnaire", "video"):
            row = response_row(edition, sample, arm)
            values[f"{sample}_{arm}"] = numbers.share(number(row, "n"), number(row, "of"))
        row = response_row(edition, "questionnaire", arm)
        values[f"percent_{arm}"] = numbers.percent(number(row, "share"))
        values[f"counts_{arm}"] = numbers.counts(number(row, "n"), number(row, "of"))
    return values


def flow_values(edition: Edition) -> Values:
    """Return the numbers of the participant flow that its heading quotes."""
    return {**design_values(edition), **response_values(edition)}


def baseline_values(edition: Edition) -> Values:
    """Return how many characteristics differ by more than the yardstick, and the largest difference."""
    rows = [r for r in edition.rows("baseline") if known(r, "smd")]
    largest: Row = max(rows, key=lambda r: abs(number(r, "smd")), default={})
    return {
        "n": len(rows),
        "beyond": sum(abs(number(r, "smd")) > YARDSTICK for r in rows),
        "yardstick": edition.numbers.std(YARDSTICK),
        "largest": text(largest, f"label_{edition.language}"),
        "smd": edition.numbers.std(number(largest, "smd")),
    }


def visit_values(edition: Edition) -> Values:
    """Return the visits' mean, spread, median and the shares retained and at the threshold, in words."""
    rows = edition.rows("visits")

    def value(measure: str, statistic: str) -> float:
        return number(first(rows, measure=measure, statistic=statistic), "value")

    of = number(first(rows, measure="visits", statistic="mean"), "n")
    numbers = edition.numbers
    return {
        "n": numbers.count(of),
        "mean": numbers.count(value("visits", "mean")),
        "sd": numbers.count(value("visits", "sd")),
        "median": numbers.count(value("visits", "median")),
        "q25": numbers.count(value("visits", "q25")),
        "q75": numbers.count(value("visits", "q75")),
        "retained": numbers.share(number(first(rows, measure="retained"), "n"), of),
        "at_threshold": numbers.share(number(first(rows, measure="at_threshold"), "n"), of),
        "threshold": edition.plan.dose.threshold if edition.plan.dose else numbers.count(math.nan),
        "when": edition.at_wave(edition.main_wave),
    }


def usual_care_share(edition: Edition, measure: str) -> str:
    """Return a share of the usual-care table with its counts."""
    row = first(edition.rows("usual_care"), measure=measure)
    return edition.numbers.share(number(row, "n"), number(row, "of"))


def column_label(edition: Edition, column: str) -> str:
    """Return the label of a measure taken at several waves: its outcome's at the latest wave, else its scale's."""
    months = {w.id: w.months for w in edition.plan.waves}
    outcomes = sorted((o for o in edition.plan.outcomes if o.column == column), key=lambda o: -months.get(o.wave, 0))
    if outcomes:
        return outcomes[0].label.of(edition.language)
    scales = [s for i in edition.plan.instruments.values() for s in i.scales if s.id == column]
    return scales[0].label.of(edition.language) if scales else column.replace("_", " ")
