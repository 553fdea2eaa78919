"""How robust an effect is: one grade from four analyses that may fail in different ways."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from mtb_eval.analysis.care_effect import Row
from mtb_eval.analysis.trust_rows import frame
from mtb_eval.inference.multiplicity import holm
from mtb_eval.study import Plan

Grade = Literal["robust", "suggestive", "not supported", "not estimable"]

ANALYSES = ("cr2", "wcr31", "imputed", "lot")
NAMES = {
    "cr2": "CR2",
    "wcr31": "wild bootstrap",
    "imputed": "multiple imputation",
    "lot": "lot window",
}
GRADE_COLUMNS = (
    "outcome",
    "family",
    "wave",
    "grade",
    *(f"{name}_{part}" for name in ANALYSES for part in ("estimate", "p", "p_adjusted")),
    "same_sign",
    "passed",
    "reachable",
    "missing",
    "why",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One analysis of an outcome: its estimate, its p, the p corrected in the outcome's family.

    `p_least` is the smallest corrected p that the analysis could give (0 unless it is a test on few assignments).
    An analysis that is missing has NaN.
    """

    name: str
    estimate: float = math.nan
    p: float = math.nan
    p_adjusted: float = math.nan
    p_least: float = 0.0

    @property
    def made(self) -> bool:
        """Whether the analysis gave a result."""
        return math.isfinite(self.estimate) and math.isfinite(self.p_adjusted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """A grade, the sentence that says why, the analyses that are missing, how many of the four passed."""

    grade: Grade
    why: str
    missing: tuple[str, ...]
    passed: int
    same_sign: bool
    reachable: bool


def grade(checks: Sequence[Check], *, significant: float) -> Graded:
    """Return the grade of one outcome from its checks; the first is the primary analysis (CR2).

    "robust": all four analyses were made, agree in sign, and exclude 0 after correction within the family (corrected
    p below `significant`). "suggestive": not robust, but the primary p is below `significant` without correction. "not
    estimable": the primary analysis gave nothing. Else "not supported". An analysis that is missing keeps the grade
    from being robust, and so does one that cannot reach significance whatever the data (`reachable`).
    """
    primary = checks[0]
    signs = {math.copysign(1.0, c.estimate) for c in checks if c.made and c.estimate != 0}
    missing = tuple(c.name for c in checks if not c.made)
    passed = sum(c.made and c.p_adjusted < significant for c in checks)
    reachable = all(c.p_least < significant for c in checks)
    found: Grade = "not supported"
    if not primary.made:
        found = "not estimable"
    elif not missing and len(signs) == 1 and passed == len(checks):
        found = "robust"
    elif primary.p < significant:
        found = "suggestive"
    return Graded(
        grade=found,
        why="; ".join(_reasons(checks, significant)),
        missing=missing,
        passed=passed,
        same_sign=len(signs) == 1,
        reachable=reachable,
    )


def grades(
    plan: Plan,
    multiplicity: pd.DataFrame,
    *,
    imputed: pd.DataFrame | None = None,
    lot: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return one row per outcome: the grade, the four analyses behind it, and why.

    `imputed` and `lot` have one row per outcome with columns outcome, estimate, p; `lot` also p_min, the smallest p
    that so few lots can give. CR2, imputation and lot window are corrected by Holm within family, WCR31 by Romano-Wolf.
    """
    table = multiplicity.set_index("outcome", drop=False)
    others = {"imputed": _corrected(table, imputed), "lot": _corrected(table, lot)}
    rows = [_row(outcome, others, plan) for _, outcome in table.iterrows()]
    return frame(rows, GRADE_COLUMNS)


def _corrected(table: pd.DataFrame, found: pd.DataFrame | None) -> Mapping[str, Check]:
    """Return the check of each outcome of a table of estimates, corrected by Holm within family."""
    if found is None or found.empty:
        return {}
    mine = found[found["outcome"].isin(table.index) & found["p"].notna()].drop_duplicates("outcome")
    mine = mine.assign(family=mine["outcome"].map(table["family"]))
    least = mine["p_min"] if "p_min" in mine else pd.Series(0.0, index=mine.index)
    checks = {}
    for _, rows in mine.groupby("family", sort=False):
        p = rows["p"].to_numpy(dtype=float)
        for i, (index, p_adjusted) in enumerate(zip(rows.index, holm(p), strict=True)):
            checks[str(rows["outcome"].iloc[i])] = Check(
                name="",
                estimate=float(rows["estimate"].iloc[i]),
                p=float(p[i]),
                p_adjusted=float(p_adjusted),
                p_least=min(1.0, len(rows) * float(np.nan_to_num(least.loc[index]))),
            )
    return checks


def _row(outcome: pd.Series, others: Mapping[str, Mapping[str, Check]], plan: Plan) -> Row:
    own = {
        "cr2": Check(name="", estimate=outcome["estimate"], p=outcome["p"], p_adjusted=outcome["p_holm"]),
        "wcr31": Check(name="", estimate=outcome["estimate"], p=outcome["p_wild"], p_adjusted=outcome["p_romano_wolf"]),
    }
    by_name = {**own, **{k: v.get(str(outcome["outcome"]), Check(name="")) for k, v in others.items()}}
    graded = grade([replace(c, name=NAMES[k]) for k, c in by_name.items()], significant=plan.verdicts.significant)
    values = {
        f"{k}_{part}": float(getattr(c, part)) for k, c in by_name.items() for part in ("estimate", "p", "p_adjusted")
    }
    return {
        **{k: outcome[k] for k in ("outcome", "family", "wave")},
        **values,
        "grade": graded.grade,
        "same_sign": graded.same_sign,
        "passed": float(graded.passed),
        "reachable": graded.reachable,
        "missing": "; ".join(graded.missing),
        "why": graded.why,
    }


def _reasons(checks: Sequence[Check], significant: float) -> list[str]:
    reasons = []
    primary = checks[0]
    for c in checks:
        if not c.made:
            reasons.append(f"{c.name}: not available")
        elif c.p_least >= significant:
            reasons.append(f"{c.name}: corrected p cannot be below {c.p_least:.3g} with so few assignments")
        elif c.p_adjusted >= significant:
            before = " (without correction it is)" if c.p < significant else ""
            reasons.append(f"{c.name}: corrected p {c.p_adjusted:.3g} is not below {significant:g}{before}")
        if c.made and primary.made and c.estimate * primary.estimate < 0:
            reasons.append(f"{c.name}: opposite sign")
    return reasons or ["all analyses agree in sign and exclude 0 after correction"]
