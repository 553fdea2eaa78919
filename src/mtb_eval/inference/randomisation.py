"""Randomisation inference: what the estimate would have been under every assignment that could have happened.

Under the sharp null of a constant effect tau the outcomes that would have been seen under another assignment are known,
y - tau D, so the test is exact for any number of units (Fisher 1935; Rosenbaum 2002, chapter 2; Gerber and Green 2012,
chapter 3). With a studentised statistic it is also valid in large samples for the average effect (Chung and Romano
2013, doi 10.1214/13-AOS1090). The allowed assignments are given by the caller, as a matrix; what was randomised (a
municipality's training date) decides them, not what varies between families.

`p` counts the observed assignment, and ties within a relative 1e-9. Intervals invert the test on y - tau D exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.assignments import RandomisationDesign
from mtb_eval.inference.inversion import (
    Alternative,
    ConfidenceSet,
    Ratios,
    confidence_set,
    extreme_counts,
    joined_sets,
    set_warning,
)

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]
Statistic = Literal["coefficient", "studentised"]

ROUNDING = 1e-12
"""Variation this small beside the size of the outcome is rounding: no statistic can be formed."""
_BLOCK = 2**22


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomisationResult:
    """A randomisation test with its interval; array fields have the batch shape (..., ), which may be ().

    `estimate` is the coefficient of the assignment, `statistic` what was compared (minus the null value, over the
    standard error if studentised). `count` of `n_assignments` are at least as extreme; `p_min` is the smallest
    p that the set of assignments allows. `ci_low`, `ci_high`: outermost ends of {tau : p(tau) > 1 - level}, infinite
    and flagged in `ci_open` where unbounded; `ci_disjoint`: it has holes.
    """

    estimate: Array
    statistic: Array
    p: Array
    p_min: float
    count: Counts
    n_assignments: int
    ci_low: Array
    ci_high: Array
    ci_open: Flags
    ci_disjoint: Flags
    method: str
    warning: str = ""


def randomisation_test(
    y: ArrayLike,
    design: RandomisationDesign,
    *,
    statistic: Statistic = "studentised",
    null: ArrayLike = 0.0,
    alternative: Alternative = "two-sided",
    level: float = 0.95,
) -> RandomisationResult:
    """Return the test of a constant effect `null` and the interval at `level`, for each outcome in y (..., n).

    "coefficient": the OLS coefficient of the assignment (the difference in means without covariates). "studentised":
    that over its cluster-robust standard error CR0, or, without clusters, HC2 (the Welch t without covariates); factors
    common to all assignments change nothing. Raises ValueError for NaN or infinite outcomes or lengths that differ.
    """
    if not 0 < level < 1:
        raise ValueError(f"The confidence level must lie between 0 and 1, got {level}.")
    rows, nulls, batch = _flattened(y, null, design)
    blocks = _row_blocks(rows.shape[0], design)
    parts = [_tested(_compared(rows[i], nulls[i], design, statistic), design, alternative, level) for i in blocks]
    interval = joined_sets([part[-1] for part in parts], batch)
    estimate, t, count = (np.concatenate([part[k] for part in parts]).reshape(batch) for k in range(3))
    return RandomisationResult(
        estimate=estimate,
        statistic=t,
        p=_p(count, t, design),
        p_min=_p_min(design, alternative),
        count=count.astype(np.int64),
        n_assignments=design.assignments.shape[0],
        ci_low=interval.low,
        ci_high=interval.high,
        ci_open=np.isinf(interval.low) | np.isinf(interval.high),
        ci_disjoint=interval.disjoint,
        method=_method(design, statistic, alternative),
        warning=_warning(t, interval, alternative),
    )


def randomisation_statistics(
    y: ArrayLike,
    design: RandomisationDesign,
    *,
    statistic: Statistic = "studentised",
    null: ArrayLike = 0.0,
) -> tuple[Array, Array]:
    """Return the observed statistic (...) and those of all assignments (..., A), for joint (max-t) methods."""
    rows, nulls, batch = _flattened(y, null, design)
    observed, drawn = np.empty(rows.shape[0]), np.empty((rows.shape[0], design.assignments.shape[0]))
    for block in _row_blocks(rows.shape[0], design):
        compared = _compared(rows[block], nulls[block], design, statistic)
        with np.errstate(divide="ignore", invalid="ignore"):
            observed[block], drawn[block] = compared.t, compared.top / np.sqrt(compared.bottom)
    return observed.reshape(batch), drawn.reshape((*batch, -1))


def _flattened(y: ArrayLike, null: ArrayLike, design: RandomisationDesign) -> tuple[Array, Array, tuple[int, ...]]:
    """Outcomes (rows, n) and null values (rows,), checked, and the batch shape they came in."""
    outcomes = np.asarray(y, dtype=float)
    if outcomes.ndim == 0 or outcomes.shape[-1] != design.treat.size:
        raise ValueError(
            f"The outcomes need {design.treat.size} rows on their last axis; their shape is {outcomes.shape}."
        )
    bad = int(np.count_nonzero(~np.isfinite(outcomes)))
    if bad:
        raise ValueError(f"{bad} outcomes are missing or infinite: leave these rows out of outcome and design.")
    batch = outcomes.shape[:-1]
    nulls = np.broadcast_to(np.asarray(null, dtype=float), batch).reshape(-1)
    return outcomes.reshape(-1, outcomes.shape[-1]), nulls, batch


def _row_blocks(n_outcomes: int, design: RandomisationDesign) -> list[slice]:
    step = max(1, _BLOCK // design.assignments.shape[0])
    return [slice(i, i + step) for i in range(0, max(n_outcomes, 1), step)]


class _Compared(NamedTuple):
    """A block of outcomes: its estimates, and the statistics of all assignments as functions and at the null value."""

    estimate: Array
    se: Array
    ratios: Ratios
    t: Array
    top: Array
    bottom: Array


def _compared(y: Array, null: Array, design: RandomisationDesign, statistic: Statistic) -> _Compared:
    estimate, se, ratios = _ratios(y, design, statistic)
    x = (estimate - null)[:, None]
    top = ratios.a0 + ratios.a1 * x
    bottom = np.maximum(ratios.q0 + x * (2 * ratios.q1 + x * ratios.q2), 0.0)
    return _Compared(estimate, se, ratios, x[:, 0] / se, top, bottom)


def _tested(
    compared: _Compared, design: RandomisationDesign, alternative: Alternative, level: float
) -> tuple[Array, Array, NDArray[np.intp], ConfidenceSet]:
    """Estimate, statistic, count and interval of a block of outcomes."""
    count, _ = extreme_counts(compared.top, compared.bottom, compared.t, alternative)
    extra = 0 if design.enumerated else 1
    more_than = (1 - level) * (design.assignments.shape[0] + extra) - extra + 1e-9
    interval = confidence_set(
        compared.ratios, compared.estimate, compared.se, more_than=more_than, alternative=alternative
    )
    return compared.estimate, compared.t, count, interval


def _ratios(y: Array, design: RandomisationDesign, statistic: Statistic) -> tuple[Array, Array, Ratios]:
    """Estimate and standard error (rows,) and the statistics of all assignments as functions of x = estimate - null.

    y - tau D = e + x D with e = y - estimate D, so the coefficient of another assignment is affine in x.
    """
    if statistic not in {"coefficient", "studentised"}:
        raise ValueError(f"Unknown statistic {statistic!r}: choose coefficient or studentised.")
    d, lefts = design.treat_left, design.assignments_left
    left = y - (y @ design.q) @ design.q.T
    estimate = left @ d / (d @ d)
    e = left - estimate[:, None] * d
    squares = (lefts**2).sum(axis=1)
    a0, a1 = e @ lefts.T / squares, lefts @ d / squares
    rounding = ROUNDING * np.linalg.norm(y, axis=1)
    if statistic == "coefficient":
        one = np.ones_like(a0)
        ratios = Ratios(a0=a0, a1=a1 + 0 * one, q0=one, q1=0 * one, q2=0 * one)
        return estimate, np.where(np.linalg.norm(left, axis=1) > rounding, 1.0, np.nan), ratios
    spread = _row_variances if design.group is None else _cluster_variances
    q0, q1, q2 = spread(design, e, a0, a1, lefts)
    observed, _, _ = spread(design, e, np.zeros((e.shape[0], 1)), np.ones(1), d[None, :])
    se = np.sqrt(observed[:, 0])
    se = np.where(se > rounding / np.linalg.norm(d), se, np.nan)
    return estimate, se, Ratios(a0=a0, a1=a1 + 0 * a0, q0=q0, q1=q1, q2=q2)


def _cluster_variances(
    design: RandomisationDesign, e: Array, a0: Array, a1: Array, lefts: Array
) -> tuple[Array, Array, Array]:
    """CR0 variance of the coefficient as q0 + 2 q1 x + q2 x^2, each (rows, A)."""
    squares = (lefts**2).sum(axis=1)
    q0, q1, q2 = (np.zeros_like(a0) for _ in range(3))
    group = np.asarray(design.group)
    for g in range(int(group.max(initial=0)) + 1):
        mine = group == g
        own = lefts[:, mine]
        weight = (own**2).sum(axis=1)
        fixed = (e[:, mine] @ own.T - a0 * weight) / squares
        moving = (own @ design.treat_left[mine] - a1 * weight) / squares
        q0 += fixed**2
        q1 += fixed * moving
        q2 += moving**2
    return q0, q1, q2


def _row_variances(
    design: RandomisationDesign, e: Array, a0: Array, a1: Array, lefts: Array
) -> tuple[Array, Array, Array]:
    """HC2 variance of the coefficient as q0 + 2 q1 x + q2 x^2, each (rows, A); rows of leverage 1 are left out."""
    d, squares = design.treat_left, (lefts**2).sum(axis=1, keepdims=True)
    rest = 1.0 - (design.q**2).sum(axis=1) - lefts**2 / squares
    weight = np.where(rest > 1e-9, lefts**2 / squares**2 / np.where(rest > 1e-9, rest, 1.0), 0.0)
    moving = d - a1[:, None] * lefts
    own = (weight * lefts**2).sum(axis=1)
    with_e = e @ (weight * lefts).T
    q0 = e**2 @ weight.T - 2 * a0 * with_e + a0**2 * own
    q1 = e @ (weight * moving).T - a0 * (weight * lefts * moving).sum(axis=1)
    return np.maximum(q0, 0.0), q1, (weight * moving**2).sum(axis=1) + 0 * q0


def _p(count: Array, statistic: Array, design: RandomisationDesign) -> Array:
    n = design.assignments.shape[0]
    p = count / n if design.enumerated else (1 + count) / (1 + n)
    return np.where(np.isfinite(statistic), p, np.nan)


def _p_min(design: RandomisationDesign, alternative: Alternative) -> float:
    """Share of assignments that tie with the observed one whatever the outcome: itself and, two-sided, its mirror."""
    n = int(design.assignments.shape[0])
    if not design.enumerated:
        return 1 / (1 + n)
    ties = np.asarray((design.assignments == design.treat).all(axis=1))
    if alternative == "two-sided":
        ties |= (design.assignments == 1 - design.treat).all(axis=1)
    return int(np.count_nonzero(ties)) / n


def _method(design: RandomisationDesign, statistic: Statistic, alternative: Alternative) -> str:
    n = design.assignments.shape[0]
    what = f"all {n} assignments" if design.enumerated else f"{n} sampled assignments and the observed one"
    se = "" if statistic == "coefficient" else " by HC2" if design.group is None else " by CR0"
    return f"randomisation inference, {what}, {statistic}{se}, {alternative}, ties counted (1e-9)"


def _warning(t: Array, interval: ConfidenceSet, alternative: Alternative) -> str:
    nan = int(np.count_nonzero(np.isnan(t)))
    constant = f"{nan} of {t.size} outcomes do not vary enough for a statistic and are NaN" if nan else ""
    return "; ".join(filter(None, (constant, set_warning(interval) if alternative == "two-sided" else "")))
