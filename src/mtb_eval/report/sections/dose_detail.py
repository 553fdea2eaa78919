"""Folded details on dose: before birth, by a landmark, against families who resemble each other, and at every cut."""

from __future__ import annotations

from dataclasses import replace

from mtb_eval.analysis.dose_data import HIGH
from mtb_eval.analysis.dose_landmark import RATE
from mtb_eval.report.cells import columns, figure, interval, p, word
from mtb_eval.report.document import Cell, Fold, Line, Table, filled
from mtb_eval.report.dose_values import (
    course_outcomes,
    course_tests,
    course_values,
    departure_span,
    placebo_columns,
    reading_rows,
    reading_values,
    selected,
)
from mtb_eval.report.edition import Edition
from mtb_eval.report.rows import Row, first, known, number, text

READING = "std interval p p_bootstrap e_limit p_line"
PROFILE = "p_any best_cut cuts"
PLACEBO = "std interval p std_answered interval_answered p_answered"
COURSE = "p_line p_level"
LANDMARK = "rate_std rate_interval rate_p n"
PRINCIPAL = "std interval p departures bounds"


def dose_findings(edition: Edition) -> tuple[str, ...]:
    """Return what the further analyses found, in sentences; none if they were not made."""
    if not reading_rows(edition):
        return ()
    values = reading_values(edition)
    before = "dose_detail.selected" if selected(edition) else "dose_detail.not_selected"
    return tuple(edition.say(k, **values) for k in ("dose_detail.few", before, "dose_detail.threshold"))


def dose_folds(edition: Edition) -> tuple[Fold, ...]:
    """Return the details on dose that there are rows for."""
    values = {**reading_values(edition), **course_values(edition)}
    made = (
        ("readings", (), _readings(edition)),
        ("profile", ("dose-profile",), _profile(edition)),
        ("curve", ("dose-course",), _course(edition)),
        ("placebo", (), _placebo(edition)),
        ("landmark", (), _landmark(edition)),
        ("principal", (), _principal(edition)),
    )
    return tuple(
        Fold(
            id=f"dose-{name}",
            title=edition.say(f"dose_detail.{name}", **values),
            paragraphs=(edition.say(f"dose_detail.{name}_text", **values),),
            figures=figures,
            tables=filled(table),
        )
        for name, figures, table in made
        if table.lines
    )


def _table(edition: Edition, name: str, keys: str, lines: list[Line]) -> Table:
    values = {**reading_values(edition), **course_values(edition)}
    return Table(
        id=f"dose-{name}-table",
        caption=edition.say(f"dose_detail.{name}_table", **values),
        columns=columns(edition, "characteristic" if name == "placebo" else "outcome", *keys.split(), numeric=keys),
        lines=tuple(lines),
        note=edition.say(f"dose_detail.{name}_note", **values),
        source=f"dose_{name}",
    )


def _readings(edition: Edition) -> Table:
    lines = [
        Line(
            cells=(
                _outcome(edition, row),
                figure(edition, number(row, "difference_std"), 2),
                interval(edition, number(row, "difference_low"), number(row, "difference_high")),
                p(edition, number(row, "difference_p")),
                p(edition, number(row, "difference_wild_p")),
                figure(edition, number(row, "e_value_limit"), 1),
                p(edition, number(row, "nonlinear_p")),
            )
        )
        for row in reading_rows(edition)
    ]
    return _table(edition, "readings", READING, lines)


def _profile(edition: Edition) -> Table:
    rows = [r for r in edition.rows("dose_thresholds") if known(r, "best_cut")]
    lines = [
        Line(
            cells=(
                _outcome(edition, row),
                p(edition, number(row, "p_any_difference")),
                figure(edition, number(row, "best_cut"), 0),
                interval(edition, number(row, "cut_low"), number(row, "cut_high"), 0, null=-1.0),
            )
        )
        for row in rows
    ]
    return _table(edition, "profile", PROFILE, lines)


def _course(edition: Edition) -> Table:
    tests = [(o, course_tests(edition, o)) for o in course_outcomes(edition)]
    lines = [
        Line(cells=(_outcome(edition, {"outcome": o}), p(edition, number(line, "p")), p(edition, number(level, "p"))))
        for o, (line, level) in tests
    ]
    return replace(_table(edition, "curve", COURSE, lines), source="dose_curve_tests")


def _placebo(edition: Edition) -> Table:
    lines = [
        Line(cells=(word(label), *_estimate(edition, everyone), *_estimate(edition, answered)))
        for label, everyone, answered in placebo_columns(edition)
    ]
    return _table(edition, "placebo", PLACEBO, lines)


def _landmark(edition: Edition) -> Table:
    rows = [r for r in edition.rows("dose_landmark", contrast=RATE) if known(r, "standardised")]
    lines = [
        Line(
            cells=(_outcome(edition, row), *_estimate(edition, row), figure(edition, number(row, "n_mtb"), 0)),
        )
        for row in rows
    ]
    return _table(edition, "landmark", LANDMARK, lines)


def _principal(edition: Edition) -> Table:
    rows = [r for r in edition.rows("dose_principal", contrast=HIGH) if "jackknife" in text(r, "method")]
    lines = [_principal_line(edition, row) for row in rows if known(row, "standardised")]
    return _table(edition, "principal", PRINCIPAL, lines)


def _principal_line(edition: Edition, row: Row) -> Line:
    outcome = text(row, "outcome")
    least, most = departure_span(edition, outcome, HIGH)
    bounds = first(edition.rows("dose_bounds", outcome=outcome, contrast=HIGH))
    return Line(
        cells=(
            _outcome(edition, row),
            *_estimate(edition, row),
            interval(edition, least, most),
            interval(edition, number(bounds, "std_lower"), number(bounds, "std_upper")),
        )
    )


def _outcome(edition: Edition, row: Row) -> Cell:
    outcome = text(row, "outcome")
    return word(edition.outcome(outcome), href=f"#outcome-{outcome}")


def _estimate(edition: Edition, row: Row) -> tuple[Cell, Cell, Cell]:
    return (
        figure(edition, number(row, "standardised"), 2),
        interval(edition, number(row, "std_low"), number(row, "std_high")),
        p(edition, number(row, "p")),
    )
