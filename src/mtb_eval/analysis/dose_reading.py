"""What the dose analyses of one outcome say together, by a rule declared here and read off tables alone.

"differs": high and low dose differ (CR2, p below the plan's level of significance) and families did not differ so
before birth; "differs, as before birth": they differ, and so did the families on some pre-birth measure (joint p, among
all families or among those with an outcome, whichever is smaller: the second are few, the first are others);
"no difference shown": the difference is not significant, which is not evidence that doses are alike.
None of these says what visits do. In simulated studies of this size a flat dose is read as "no difference shown" 95
times in 100; selection alone makes doses differ in most studies, and where it does, up to one in three is not seen
before birth (tests/analysis/test_dose_worlds.py).
"""

from __future__ import annotations

import math

import pandas as pd

from mtb_eval.analysis.care_effect import Row
from mtb_eval.analysis.dose_data import DIFFERENCE, HIGH, frame
from mtb_eval.analysis.dose_placebo import ANALYSED, EVERYONE, joint_p
from mtb_eval.analysis.row_table import number

DIFFERS, SELECTED, NOT_SHOWN, NOT_ESTIMABLE = (
    "differs",
    "differs, as before birth",
    "no difference shown",
    "not estimable",
)
READ = (
    *("dose_contrasts", "dose_landmark", "dose_principal", "dose_bounds"),
    *("dose_thresholds", "dose_curve_tests"),
)
READING_COLUMNS = (
    *("outcome", "family", "wave", "n_high", "n_low", "n_control", "difference_std", "difference_low"),
    *(
        "difference_high",
        "difference_p",
        "difference_wild_p",
        "e_value",
        "e_value_limit",
        "placebo_p",
        "placebo_all_p",
        "landmark_std",
    ),
    *(
        "landmark_p",
        "principal_std",
        "principal_p",
        "bound_low",
        "bound_high",
        "p_any_threshold",
        "cut_low",
        "cut_high",
    ),
    *("declared_kept", "nonlinear_p", "any_association_p", "reading", "error"),
)


def readings(tables: dict[str, pd.DataFrame], *, significant: float) -> pd.DataFrame:
    """Return one row per outcome from the other tables of `DoseTables`, by name."""
    placebo_p = tuple(joint_p(tables["dose_placebo"], DIFFERENCE, sample=s) for s in (ANALYSED, EVERYONE))
    outcomes = tables["dose_contrasts"]["outcome"].drop_duplicates()
    rows: dict[str, list[Row]] = {name: _records(tables[name]) for name in READ}
    of_outcome = {o: {n: [r for r in found if r["outcome"] == o] for n, found in rows.items()} for o in outcomes}
    return frame([_reading(of, o, placebo_p, significant) for o, of in of_outcome.items()], READING_COLUMNS)


def reading_of(difference_p: float, placebo_p: float, *, significant: float) -> str:
    """Return the reading of an outcome; a placebo that could not be computed is not held against the families."""
    if not math.isfinite(difference_p):
        return NOT_ESTIMABLE
    if difference_p >= significant:
        return NOT_SHOWN
    return SELECTED if placebo_p < significant else DIFFERS


def _reading(of: dict[str, list[Row]], outcome: str, placebo_p: tuple[float, ...], significant: float) -> Row:
    difference = _row(of["dose_contrasts"], "CR2", contrast=DIFFERENCE)
    wild = _row(of["dose_contrasts"], "WCR31", contrast=DIFFERENCE)
    landmark = _row(of["dose_landmark"], "CR2", contrast=DIFFERENCE)
    principal = _row(of["dose_principal"], "jackknife", contrast=DIFFERENCE)
    bounds, threshold = _row(of["dose_bounds"], "", contrast=HIGH), _row(of["dose_thresholds"], "")
    line = _row(of["dose_curve_tests"], "", test="the course is a line")
    level = _row(of["dose_curve_tests"], "", test="no association with visits")
    shared = ("family", "wave", "n_high", "n_low", "n_control", "error")
    first = next(row for row in of["dose_contrasts"] if row["contrast"] == DIFFERENCE)
    p = number(difference, "p")
    return {
        "outcome": outcome,
        **{c: first[c] for c in shared},
        "difference_std": number(difference, "standardised"),
        "difference_low": number(difference, "std_low"),
        "difference_high": number(difference, "std_high"),
        "difference_p": p,
        "difference_wild_p": number(wild, "p"),
        "e_value": number(difference, "e_value"),
        "e_value_limit": number(difference, "e_value_limit"),
        "placebo_p": placebo_p[0],
        "placebo_all_p": placebo_p[1],
        "landmark_std": number(landmark, "standardised"),
        "landmark_p": number(landmark, "p"),
        "principal_std": number(principal, "standardised"),
        "principal_p": number(principal, "p"),
        "bound_low": number(bounds, "std_lower"),
        "bound_high": number(bounds, "std_upper"),
        "p_any_threshold": number(threshold, "p_any_difference"),
        "cut_low": number(threshold, "cut_low"),
        "cut_high": number(threshold, "cut_high"),
        "declared_kept": bool(threshold.get("declared_kept")),
        "nonlinear_p": number(line, "p"),
        "any_association_p": number(level, "p"),
        "reading": reading_of(
            p, min((q for q in placebo_p if math.isfinite(q)), default=math.nan), significant=significant
        ),
    }


def _records(table: pd.DataFrame) -> list[Row]:
    names = [str(c) for c in table.columns]
    return [dict(zip(names, values, strict=True)) for values in table.itertuples(index=False, name=None)]


def _row(rows: list[Row], method: str, **keys: str) -> Row:
    """Return the first row whose method has a word in it and whose columns have these values; empty if none."""
    wanted = (r for r in rows if method in str(r["method"]) and all(r[c] == v for c, v in keys.items()))
    return next(wanted, {})
