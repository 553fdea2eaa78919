"""What missing answers could have done: the rows of the main wave, and the numbers that figures and sentences quote."""

from __future__ import annotations

import math
from collections.abc import Iterable

from mtb_eval.analysis.attrition_case import NOTHING_MISSING
from mtb_eval.report.edition import Edition, sentence_case, within_sentence
from mtb_eval.report.evidence import main_rows
from mtb_eval.report.numbers import NBSP
from mtb_eval.report.rows import Row, first, known, number, text

Values = dict[str, object]
ANALYSES = ("complete", "ipw_jackknife", "mi_scale", "mi_item")
QUESTIONNAIRE, VIDEO = "questionnaire", "video"
LEE_MODEL = "primary model"


def analysis_rows(edition: Edition, analysis: str) -> dict[str, Row]:
    """Return one analysis of each outcome of the main wave that somebody did not answer."""
    rows, whole = main_rows(edition, "attrition_analyses", analysis=analysis), _whole(edition)
    return {o: r for o, r in rows.items() if o not in whole}


def tested_rows(edition: Edition, analysis: str) -> dict[str, Row]:
    """Return the rows of an analysis that have an estimate with its interval."""
    return {
        o: r for o, r in analysis_rows(edition, analysis).items() if known(r, "standardised", "std_low", "std_high")
    }


def bound_rows(edition: Edition, bound: str, model: str = LEE_MODEL) -> dict[str, Row]:
    """Return the bounds of each outcome of the main wave that has them."""
    rows = main_rows(edition, "attrition_bounds", bound=bound, model=model)
    return {o: r for o, r in rows.items() if known(r, "std_lower", "std_upper")}


def tipping_rows(edition: Edition) -> dict[str, Row]:
    """Return the tipping point of each outcome of the main wave that has been imputed."""
    return {o: r for o, r in main_rows(edition, "attrition_tipping").items() if text(r, "conclusion")}


def lead_outcome(edition: Edition) -> str:
    """Return the imputed outcome of the main wave whose p among those who answered is smallest, or ""."""
    tipping, rows = tipping_rows(edition), tested_rows(edition, "complete")
    tested = {o: number(r, "p") for o, r in rows.items() if o in tipping and known(r, "p")}
    return min(tested, key=lambda o: tested[o], default="")


def round_of(edition: Edition, sample: str) -> Row:
    """Return response and implied bias of a sample at the main wave, or an empty row."""
    return first(edition.rows("attrition_response"), sample=sample, wave=edition.main_wave.id)


def attrition_values(edition: Edition) -> Values:
    """Return what the sentences on response, on the effects under each analysis and on bounds quote."""
    return {
        **_response(edition),
        **_effects(edition),
        **_bounds(edition),
        "when": edition.at_wave(edition.main_wave),
        "When": sentence_case(edition.at_wave(edition.main_wave)),
        "significant": edition.numbers.threshold(edition.plan.verdicts.significant),
    }


def tipping_values(edition: Edition, outcome: str) -> Values:
    """Return what the sentences on one outcome's tipping point quote."""
    row, imputed = tipping_rows(edition)[outcome], tested_rows(edition, "mi_scale").get(outcome, {})
    numbers = edition.numbers
    return {
        "label": edition.outcome(outcome),
        "label_within": within_sentence(edition.outcome(outcome)),
        "value": numbers.std(number(imputed, "standardised")),
        "interval": numbers.interval(number(imputed, "std_low"), number(imputed, "std_high")),
        "shift_mtb": shift_phrase(edition, number(row, "shift_mtb")),
        "shift_control": shift_phrase(edition, number(row, "shift_control")),
        "distance": numbers.std(number(row, "distance")),
        "reach": numbers.plain(edition.plan.attrition.shift_to if edition.plan.attrition else math.nan),
        "n_mtb": numbers.count(number(row, "n_imputed_mtb")),
        "n_control": numbers.count(number(row, "n_imputed_control")),
    }


def shift_phrase(edition: Edition, shift: float) -> str:
    """Return a shift in words: '0.31 SD better', '0.20 SD worse'."""
    key = "attrition.better" if shift >= 0 else "attrition.worse"
    return edition.say(key, value=edition.numbers.std(abs(shift)))


def excludes(conclusion: str) -> bool:
    """Return whether a conclusion says that the interval excludes 0."""
    return conclusion.startswith("interval excludes 0")


def _whole(edition: Edition) -> set[str]:
    """Return the outcomes of which nothing is missing."""
    return {o for o, r in main_rows(edition, "attrition_tipping").items() if text(r, "warning") == NOTHING_MISSING}


def _response(edition: Edition) -> Values:
    row, numbers = round_of(edition, QUESTIONNAIRE) or round_of(edition, VIDEO), edition.numbers
    biases = [number(row, f"bias_{name}_{end}") for name in ("cautious", "optimistic") for end in ("low", "high")]
    known_biases = [b for b in biases if math.isfinite(b)] or [math.nan]
    return {
        "rounds": bool(row),
        "differential": numbers.count(100 * number(row, "differential_attrition")),
        "overall": numbers.percent(number(row, "overall_attrition")),
        "boundary": numbers.fixed(100 * number(row, "boundary_cautious"), 1),
        "boundary_optimistic": numbers.fixed(100 * number(row, "boundary_optimistic"), 1),
        "bias": numbers.interval(min(known_biases), max(known_biases)),
        **{f"share_{a}": numbers.share(number(row, f"n_{a}"), number(row, f"of_{a}")) for a in ("mtb", "control")},
        "tolerable": numbers.std(edition.plan.attrition.tolerable_bias if edition.plan.attrition else math.nan),
    }


def _effects(edition: Edition) -> Values:
    limit = edition.plan.verdicts.significant
    rows = {a: tested_rows(edition, a) for a in ANALYSES}
    complete = rows["complete"]
    both = {a: {o: r for o, r in found.items() if o in complete} for a, found in rows.items()}
    return {
        "n": len(complete),
        **{f"n_{a}": len(found) for a, found in both.items()},
        **{f"significant_{a}": _below(found.values(), limit) for a, found in both.items()},
        **{f"same_{a}": sum(_same(r, complete[o]) for o, r in found.items()) for a, found in both.items()},
        "imputations": edition.plan.attrition.imputations if edition.plan.attrition else 0,
    }


def _bounds(edition: Edition) -> Values:
    lee = bound_rows(edition, "lee")
    trimmed = sorted(number(r, "trimmed_share") for r in lee.values())
    ends = (trimmed[0], trimmed[-1]) if trimmed else (math.nan, math.nan)
    return {
        "n_bounds": len(lee),
        "contain": sum(number(r, "std_lower") <= 0 <= number(r, "std_upper") for r in lee.values()),
        "contain_interval": sum(number(r, "std_low") <= 0 <= number(r, "std_high") for r in lee.values()),
        "trimmed": _percents(edition, *ends),
    }


def _percents(edition: Edition, low: float, high: float) -> str:
    """Return one percentage, or two as 'a to b %', kept on one line."""
    if edition.numbers.count(100 * low) == edition.numbers.count(100 * high):
        return edition.numbers.percent(low)
    span = edition.numbers.interval(100 * low, 100 * high, 0, null=-1.0)
    return f"{span} %".replace(" ", NBSP)


def _below(rows: Iterable[Row], limit: float) -> int:
    return sum(number(r, "p") < limit for r in rows)


def _same(row: Row, other: Row) -> bool:
    return number(row, "standardised") * number(other, "standardised") > 0
