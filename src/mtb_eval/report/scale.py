"""Turning intervals so that positive is better, and carrying them to the standardised scale of their estimate."""

from __future__ import annotations

import math

from mtb_eval.report.rows import Row, number


def turned(value: float, low: float, high: float, *, lower_better: bool) -> tuple[float, float, float]:
    """Return an estimate and its interval with the sign changed where lower is better."""
    return (-value, -high, -low) if lower_better else (value, low, high)


def standardised(row: Row) -> tuple[float, float, float]:
    """Return a row's standardised estimate with its interval in the same unit and direction.

    The unit is `standardised / estimate` of the row itself; without it (an estimate of 0) the interval is NaN.
    """
    value, raw = number(row, "standardised"), number(row, "estimate")
    if not (math.isfinite(value) and math.isfinite(raw) and raw != 0):
        return value, math.nan, math.nan
    ends = [number(row, end) * value / raw for end in ("ci_low", "ci_high")]
    return value, min(ends), max(ends)
