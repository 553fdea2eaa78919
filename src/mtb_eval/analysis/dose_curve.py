"""The course of an outcome over the number of visits among MTB families, usual care as a level of its own.

No line joins 0 visits to the others: usual care is not a dose of MTB.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mtb_eval.analysis.care_effect import FAILURES, Row
from mtb_eval.analysis.design_rows import completed
from mtb_eval.analysis.dose_data import COUNTED, ESTIMATED, NAMED, DoseData, adjusted_columns, frame
from mtb_eval.analysis.model_data import stack
from mtb_eval.analysis.row_table import ESTIMATE
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.cuts import hansen_quantile
from mtb_eval.inference.joint import joint_test
from mtb_eval.inference.ols import LeastSquares, ols, with_spectrum
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.inference.segmented import best_bend
from mtb_eval.inference.spline_basis import restricted_cubic_spline
from mtb_eval.study import DoseDetail

CURVE_COLUMNS = (*NAMED, "visits", *ESTIMATED, *COUNTED)
TEST_COLUMNS = (
    *("outcome", "family", "wave", "analysis", "test", "method", "statistic", "df_numerator", "df_denominator", "p"),
    *COUNTED,
)
BEND_COLUMNS = (
    *("outcome", "family", "wave", "analysis", "method", "psi", "psi_low", "psi_high", "open_low", "open_high"),
    *("disjoint", "slope", "change", "rss", "rss_line", *COUNTED),
)
CENTRE = 0.9
"""Share of MTB families, by visits, over whose range the curve is given."""
ANALYSIS = "spline of visits"
LINE, LEVEL = "the course is a line", "no association with visits"


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveTables:
    """The spline, its tests, and the one-bend line of each outcome; columns in the docstring of `DoseTables`."""

    curve: pd.DataFrame
    tests: pd.DataFrame
    bends: pd.DataFrame


def curve(doses: list[DoseData], detail: DoseDetail | None) -> CurveTables:
    """Return each outcome's course over visits by a restricted cubic spline with the declared knots, CR2."""
    parts = [_spline(dose, detail) for dose in doses if detail]
    bends = [_bend(dose) for dose in doses if detail]
    return CurveTables(
        curve=frame([row for p in parts for row in p[0]], CURVE_COLUMNS),
        tests=frame([row for p in parts for row in p[1]], TEST_COLUMNS),
        bends=frame(bends, BEND_COLUMNS),
    )


def _spline(dose: DoseData, detail: DoseDetail) -> tuple[list[Row], list[Row]]:
    base = {**dose.base(ANALYSIS), "contrast": "MTB v usual care"}
    problem = dose.problem()
    try:
        if not problem:
            n_terms = len(detail.knots) - 1
            terms = restricted_cubic_spline(dose.visits, detail.knots) * dose.data.mtb[:, None]
            x = stack(dose.data.mtb, terms, adjusted_columns(dose.data))
            fit = with_spectrum(ols(cross_products(x, dose.data.y, dose.data.municipality), collinear="drop"))
            return _curve_rows(dose, base, fit, detail.knots), list(_tests(base, fit, n_terms))
    except FAILURES as failure:
        problem = str(failure)
    failed = completed({**base, "method": "not estimated", "error": problem})
    return [failed], [_only(failed, TEST_COLUMNS)]


def _curve_rows(dose: DoseData, base: Row, fit: LeastSquares, knots: tuple[float, ...]) -> list[Row]:
    ends = np.quantile(dose.visits[dose.mtb], [(1 - CENTRE) / 2, (1 + CENTRE) / 2])
    visits = np.arange(np.ceil(ends[0]), np.floor(ends[1]) + 1)
    contrasts = np.zeros((visits.size, fit.cross.n_columns))
    contrasts[:, 0] = 1.0
    contrasts[:, 1 : len(knots)] = restricted_cubic_spline(visits, knots)
    found = cluster_robust(fit, contrasts, kind="CR2", level=dose.level)
    names = ESTIMATE
    return [
        completed(
            {**base, "visits": v, "method": found.method, **{n: float(getattr(found, n)[k]) for n in names}}
            | {"warning": found.warning}
        )
        for k, v in enumerate(visits)
    ]


def _tests(base: Row, fit: LeastSquares, n_terms: int) -> Iterator[Row]:
    """Yield the joint tests that the course is a line, and that it is level."""
    columns = np.eye(fit.cross.n_columns)
    for test, first in ((LINE, 2), (LEVEL, 1)):
        found = joint_test(fit, columns[first : n_terms + 1])
        yield {
            **_only(base, TEST_COLUMNS),
            "test": test,
            "method": found.method,
            "statistic": float(found.statistic),
            "df_numerator": float(found.df_numerator),
            "df_denominator": float(found.df_denominator),
            "p": float(found.p),
            "warning": found.warning,
        }


def _bend(dose: DoseData) -> Row:
    """Return the one-bend line among MTB families, its place by profile likelihood."""
    base = _only({**dose.base("one bend, MTB families"), "n_control": 0.0}, BEND_COLUMNS)
    mtb = dose.mtb
    try:
        if problem := dose.problem():
            raise ValueError(problem)
        x = adjusted_columns(dose.data)[mtb]
        found = best_bend(x, dose.visits[mtb], dose.data.y[mtb], criterion=hansen_quantile(dose.level))
    except FAILURES as failure:
        return {**base, "method": "not estimated", "error": str(failure)}
    return {
        **base,
        "method": "exact profile of the residual sum of squares, Hansen's quantile, independent families",
        "psi": found.psi,
        "psi_low": found.low,
        "psi_high": found.high,
        "open_low": found.open_low,
        "open_high": found.open_high,
        "disjoint": found.disjoint,
        "slope": found.slope,
        "change": found.change,
        "rss": found.rss,
        "rss_line": found.rss_line,
    }


def _only(row: Row, columns: tuple[str, ...]) -> Row:
    return {k: v for k, v in row.items() if k in columns}
