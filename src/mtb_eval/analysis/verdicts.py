"""Reading a p-value by the declared two-tier rule."""

from __future__ import annotations

import math
from typing import Literal

from scipy import optimize, stats

from mtb_eval.study import VerdictRule

Verdict = Literal["significant", "tendency", "no-difference", "not estimable"]
Direction = Literal["better", "worse", "none"]
POWER = 0.8
"""The chance with which an effect is called detectable."""

LEAST_DF = 4.0
"""Satterthwaite degrees of freedom below which a p is not read: Tipton (2015), doi 10.1037/met0000011."""

FEW_DF = f"fewer than {LEAST_DF:g} degrees of freedom: p and interval are unreliable"


def verdict(p: float, rule: VerdictRule) -> Verdict:
    """Return the tier of a p-value: below `significant`, below `tendency`, or neither (both bounds excluded)."""
    if not math.isfinite(p):
        return "not estimable"
    if p < rule.significant:
        return "significant"
    return "tendency" if p < rule.tendency else "no-difference"


def direction(estimate: float, better: Literal["higher", "lower"]) -> Direction:
    """Return whether an estimate (MTB minus usual care) favours MTB, usual care or neither."""
    if not math.isfinite(estimate) or estimate == 0:
        return "none"
    return "better" if (estimate > 0) == (better == "higher") else "worse"


def sign_of(better: Literal["higher", "lower"]) -> float:
    """Return +1 where higher is better, -1 where lower is: what turns an effect so that positive favours MTB."""
    return 1.0 if better == "higher" else -1.0


def per_sd(better: Literal["higher", "lower"], sd: float) -> float:
    """Return what turns an effect into standard deviations, positive favouring MTB; NaN if the outcome is constant."""
    return sign_of(better) / sd if sd > 0 else math.nan


def few_df(df: float) -> str:
    """Return the warning for a p with fewer than `LEAST_DF` Satterthwaite degrees of freedom, else ''."""
    return FEW_DF if df < LEAST_DF else ""


def smallest_detectable(se: float, df: float, *, level: float = 0.95, power: float = POWER) -> float:
    """Return the smallest effect that a two-sided t test at `level` finds with `power`, in the unit of `se`.

    Solves power by the noncentral t distribution with `df`; NaN where se or df are not usable.
    """
    if not (math.isfinite(se) and se > 0 and df > 0):
        return math.nan
    if math.isinf(df):
        return se * float(stats.norm.ppf(0.5 + level / 2) + stats.norm.ppf(power))
    critical = float(stats.t.ppf(0.5 + level / 2, df))

    def missed(shift: float) -> float:
        wrong_sign = float(stats.nct.cdf(-critical, df, shift))  # scipy gives NaN where this tail is next to nothing
        return float(stats.nct.sf(critical, df, shift)) + (0.0 if math.isnan(wrong_sign) else wrong_sign) - power

    enough = critical
    while missed(enough) < 0:
        enough *= 1.25
    return se * float(optimize.brentq(missed, 1e-6, enough, xtol=1e-10))
