"""What the design can vouch for: the rows that decide, and the numbers that figures and sentences quote."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median

from mtb_eval.analysis.decomposition_sources import SOURCES
from mtb_eval.analysis.instrument import INSTRUMENT
from mtb_eval.analysis.staggered import PRIMARY
from mtb_eval.analysis.staggered_imputation import SPARSE
from mtb_eval.report.edition import Edition
from mtb_eval.report.figures.intervals import MISSING, Interval
from mtb_eval.report.rows import Row, first, known, number, text

Values = dict[str, object]


def main_ids(edition: Edition) -> list[str]:
    """Return the outcomes of the main wave, by family in the plan's order."""
    return [text(r, "outcome") for r in edition.main_outcomes()]


def main_rows(edition: Edition, table: str, **equal: object) -> dict[str, Row]:
    """Return the first row of each outcome of the main wave in a table: the one that decides."""
    rows = edition.rows(table, **equal)
    found = {o: first(rows, outcome=o) for o in main_ids(edition)}
    return {o: r for o, r in found.items() if r}


def primary_rows(edition: Edition) -> dict[str, Row]:
    """Return the primary estimate of each outcome, with the test that the sources of controls agree."""
    return main_rows(edition, "source_agreement")


def lot_rows(edition: Edition) -> dict[str, Row]:
    """Return the studentised, unadjusted result of the lot window of each outcome."""
    return main_rows(edition, "lot_effects", adjusted=False)


def instrument_rows(edition: Edition) -> dict[str, Row]:
    """Return two-stage least squares with CR2 of each outcome."""
    return main_rows(edition, "instrument_effects", analysis=INSTRUMENT)


def std_interval(row: Row) -> Interval:
    """Return a row's standardised estimate and interval."""
    return (number(row, "standardised"), number(row, "std_low"), number(row, "std_high")) if row else MISSING


def source_weights(edition: Edition, source: str) -> list[float]:
    """Return the weight of a source of controls in the primary estimate, over the outcomes of the main wave."""
    rows = main_rows(edition, "control_sources", source=source).values()
    return [number(r, "weight") for r in rows if known(r, "weight")]


def evidence_values(edition: Edition) -> Values:
    """Return what the sentences on the lot, the weights, the instrument and the waves of training quote."""
    return {**_lot(edition), **_weights(edition), **_instrument(edition), **_waves(edition)}


def _lot(edition: Edition) -> Values:
    rows, numbers = [r for r in lot_rows(edition).values() if known(r, "p")], edition.numbers
    arms = {a: first(edition.rows("lot_receipt", municipality="", lot_arm=a)) for a in ("first", "second")}
    counts = {a: (number(r, "n_mtb"), number(r, "n_families")) for a, r in arms.items()}
    return {
        "n_lot": len(rows),
        "lot_significant": _significant(edition, rows),
        "n_lots": numbers.count(max((number(r, "n_lots") for r in rows), default=math.nan)),
        "p_min": numbers.p(min((number(r, "p_min") for r in rows), default=math.nan)),
        "n_window": numbers.count(sum(of for _, of in counts.values())),
        **{f"received_{a}": numbers.share(n, of) for a, (n, of) in counts.items()},
        **{f"n_places_{a}": numbers.count(number(r, "n_municipalities")) for a, r in arms.items()},
    }


def _weights(edition: Edition) -> Values:
    rows = [r for r in primary_rows(edition).values() if known(r, "p_agree")]
    limit = edition.plan.verdicts.significant
    shares = {s: _median(source_weights(edition, s)) for s in SOURCES}
    return {
        **{f"weight_{slug(s)}": edition.numbers.percent(w) for s, w in shares.items()},
        "n_agree": len(rows),
        "disagree": sum(number(r, "p_agree") < limit for r in rows),
    }


def _instrument(edition: Edition) -> Values:
    rows = [r for r in instrument_rows(edition).values() if known(r, "p")]
    everyone, numbers = first(edition.rows("offer_receipt", municipality="")), edition.numbers
    return {
        "n_iv": len(rows),
        "iv_significant": _significant(edition, rows),
        "iv_same": _same_sign(edition, rows),
        "received_offered": numbers.share(number(everyone, "n_mtb_after"), number(everyone, "n_after")),
        "received_before": numbers.share(number(everyone, "n_mtb_before"), number(everyone, "n_before")),
    }


def _waves(edition: Edition) -> Values:
    weights = main_rows(edition, "staggered_weights", model=PRIMARY).values()
    imputed = [r for r in main_rows(edition, "staggered_imputation", model=SPARSE).values() if known(r, "estimate")]
    negative = [number(r, "share_negative") for r in weights if known(r, "share_negative")]
    return {
        "negative": edition.numbers.percent(_median(negative)),
        "n_imputed_outcomes": len(imputed),
        "imputed_same": _same_sign(edition, imputed),
    }


def slug(source: str) -> str:
    """Return a source of controls as part of a text key."""
    return source.replace(" ", "_")


def _significant(edition: Edition, rows: Iterable[Row]) -> int:
    return sum(number(r, "p") < edition.plan.verdicts.significant for r in rows)


def _same_sign(edition: Edition, rows: Iterable[Row]) -> int:
    """Return how many rows point the same way as the primary estimate of their outcome."""
    primary = primary_rows(edition)
    return sum(number(r, "estimate") * number(primary.get(text(r, "outcome"), {}), "estimate") > 0 for r in rows)


def _median(values: list[float]) -> float:
    return median(values) if values else math.nan
