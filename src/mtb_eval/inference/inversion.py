"""Counts of extreme draws, and confidence sets by inverting a resampling test, exactly.

In the wild bootstrap and in randomisation inference the statistic of one draw under the null value r is
t*(x) = (a0 + a1 x) / sqrt(q0 + 2 q1 x + q2 x^2) with x = estimate - r, and the observed one is t(x) = x / se.
A draw therefore starts or stops counting (|t*| >= |t|) only at real roots of a quartic, and p(r) is a step function
whose every step can be found. All roots are isolated by Descartes' rule of signs in the Bernstein basis (Lane and
Riesenfeld 1981, BIT 21) and refined by bisection, so that no hole or island of {r : p(r) > alpha}
is missed, however small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Integers = NDArray[np.intp]
Alternative = Literal["two-sided", "greater", "less"]

TIE = 1e-9
NEAREST, FARTHEST = 1e-6, 1e4
_BISECTIONS, _SPLITS = 50, 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratios:
    """Statistics of D draws as functions of x = estimate - r, for any batch `...`; every field is (..., D).

    Numerator `a0 + a1 x`, squared denominator `q0 + 2 q1 x + q2 x^2`.
    """

    a0: Array
    a1: Array
    q0: Array
    q1: Array
    q2: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceSet:
    """The set {r : p(r) > alpha} for any batch `...`; every field is (...).

    `low`, `high`: its outermost ends, infinite where it is unbounded. `part_low`, `part_high`: the ends of the
    piece that holds the estimate. `disjoint`: the set has holes (then the two pairs differ).
    """

    low: Array
    high: Array
    part_low: Array
    part_high: Array
    disjoint: Flags


@dataclass(frozen=True, slots=True)
class _Side:
    """Outermost end, end of the first piece, and whether there is a hole, for r on one side of the estimate."""

    outer: Array
    first: Array
    hole: Flags


def extreme_counts(
    top: Array, bottom: Array, t: Array, alternative: Alternative
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return how many statistics top / sqrt(bottom) (..., D) are at least as extreme as t (...).

    First with ties within a relative 1e-9 counted, then without them.
    """
    if alternative == "two-sided":
        squared, against = top**2, t[..., None] ** 2 * bottom
        weak, strict = squared >= (1 - TIE) ** 2 * against, squared > (1 + TIE) ** 2 * against
    else:
        sign = 1.0 if alternative == "greater" else -1.0
        root, size = np.sqrt(bottom), np.abs(t)[..., None]
        weak = sign * top >= (sign * t[..., None] - TIE * size) * root
        strict = sign * top > (sign * t[..., None] + TIE * size) * root
    return np.asarray(np.count_nonzero(weak, axis=-1)), np.asarray(np.count_nonzero(strict, axis=-1))


def confidence_set(
    ratios: Ratios,
    estimate: Array,
    se: Array,
    *,
    more_than: float,
    alternative: Alternative = "two-sided",
    strict: bool = False,
) -> ConfidenceSet:
    """Return the null values at which more than `more_than` draws are at least as extreme as the observed statistic.

    `estimate` and `se` are (...). Draws that tie within 1e-9 count, or with `strict` do not. A one-sided
    alternative bounds one end only. An end more than 10^4 standard errors away is reported as infinite; where `se`
    is 0 or not finite the set is NaN.
    """
    usable = np.isfinite(estimate) & np.isfinite(se) & (se > 0)
    safe = np.where(usable, se, 1.0)
    none = _Side(np.full(se.shape, np.inf), np.full(se.shape, np.inf), np.zeros(se.shape, dtype=bool))
    one_sided = alternative != "two-sided"
    sides = [
        none if alternative == omitted else _side(ratios, direction * safe, more_than, strict, one_sided)
        for direction, omitted in ((1.0, "less"), (-1.0, "greater"))
    ]
    below, above = (_masked(side, usable) for side in sides)
    return ConfidenceSet(
        low=estimate - safe * below.outer,
        high=estimate + safe * above.outer,
        part_low=estimate - safe * below.first,
        part_high=estimate + safe * above.first,
        disjoint=below.hole | above.hole,
    )


def joined_sets(parts: list[ConfidenceSet], shape: tuple[int, ...]) -> ConfidenceSet:
    """Return sets of consecutive blocks of a flattened batch as one, with the batch shape given."""

    def join(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts]).reshape(shape)

    return ConfidenceSet(
        low=join("low"),
        high=join("high"),
        part_low=join("part_low"),
        part_high=join("part_high"),
        disjoint=join("disjoint"),
    )


def set_warning(found: ConfidenceSet) -> str:
    """Return a sentence on sets that are unbounded or have holes, or an empty one."""
    unbounded = int(np.count_nonzero(np.isinf(found.low) | np.isinf(found.high)))
    holes = int(np.count_nonzero(found.disjoint))
    parts = [
        f"the confidence set is unbounded for {unbounded} of {found.low.size} outcomes" if unbounded else "",
        f"the confidence set has holes for {holes} of {found.low.size} outcomes" if holes else "",
    ]
    return "; ".join(filter(None, parts))


def _masked(side: _Side, usable: Flags) -> _Side:
    return _Side(np.where(usable, side.outer, np.nan), np.where(usable, side.first, np.nan), side.hole & usable)


def _side(ratios: Ratios, step: Array, more_than: float, strict: bool, one_sided: bool) -> _Side:
    """Ends of the set for x = s * step, s > 0, from the events at which single draws start or stop counting."""
    unit = step[..., None]
    numerator = np.stack([ratios.a0 + 0 * unit, ratios.a1 * unit]).reshape(2, -1)
    numerator *= np.sign(unit + 0 * ratios.a0).reshape(-1)
    quartic = _quartic(ratios, unit, strict).reshape(5, -1)
    started = _positive(_horner(quartic, NEAREST), strict)
    if one_sided:
        started &= _horner(numerator, NEAREST) > 0
    owner, root, change = _events(quartic, strict)
    if one_sided:
        kept = _horner(numerator[:, owner], root) > 0
        owner, root, change = owner[kept], root[kept], change[kept]
    size = quartic.shape[1] // step.size if step.size else 1
    base = started.reshape(step.size, size).sum(axis=1)
    return _ends(base, owner // size, root, change, more_than, step.shape)


def _quartic(ratios: Ratios, unit: Array, strict: bool) -> Array:
    """Coefficients in s of (a0 + a1 x)^2 - k^2 s^2 (q0 + 2 q1 x + q2 x^2) at x = s * unit, lowest first."""
    k2 = (1.0 + TIE if strict else 1.0 - TIE) ** 2
    a1 = ratios.a1 * unit
    rows = (
        ratios.a0**2 + 0 * a1,
        2.0 * ratios.a0 * a1,
        a1**2 - k2 * ratios.q0,
        -2.0 * k2 * ratios.q1 * unit,
        -k2 * ratios.q2 * unit**2,
    )
    return np.stack(np.broadcast_arrays(*rows))


def _positive(value: Array, strict: bool) -> Flags:
    return value > 0 if strict else value >= 0


def _horner(coefficients: Array, s: Array | float) -> Array:
    value = np.asarray(coefficients[-1] * s)
    for row in coefficients[-2:0:-1]:
        value += row
        value *= s
    value += coefficients[0]
    return value


def _events(quartic: Array, strict: bool) -> tuple[Integers, Array, Integers]:
    """Column, position s and change (+1 starts, -1 stops counting) of every root with NEAREST < s < FARTHEST."""
    bernstein = quartic / np.array([1.0, 4.0, 6.0, 4.0, 1.0])[:, None]
    owner, low, width, local = _isolated(bernstein, strict)
    z = low + width * _bisected(local, strict)
    with np.errstate(divide="ignore"):
        s = z / (1.0 - z)
    change = np.where(_positive(local[-1], strict), 1, -1)
    kept = (s > NEAREST) & (s < FARTHEST)
    return owner[kept], s[kept], change[kept]


def _isolated(b: Array, strict: bool) -> tuple[Integers, Array, Array, Array]:
    """Intervals of z = s / (1 + s) in (0, 1) that hold one root each: column, start, width, local coefficients."""
    owner = np.arange(b.shape[1], dtype=np.intp)
    low, width = np.zeros(b.shape[1]), 1.0
    found: list[tuple[Integers, Array, Array, Array]] = []
    for split in range(_SPLITS):
        changes = _sign_changes(b, strict)
        one = changes % 2 == 1 if split == _SPLITS - 1 else changes == 1
        many = changes > 1
        found.append((owner[one], low[one], np.full(int(one.sum()), width), b[:, one]))
        if not many.any():
            break
        left, right = _halves(b[:, many])
        b = np.concatenate([left, right], axis=1)
        width /= 2.0
        owner = np.concatenate([owner[many], owner[many]])
        low = np.concatenate([low[many], low[many] + width])
    return (
        np.concatenate([f[0] for f in found]),
        np.concatenate([f[1] for f in found]),
        np.concatenate([f[2] for f in found]),
        np.concatenate([f[3] for f in found], axis=1),
    )


def _sign_changes(b: Array, strict: bool) -> Integers:
    sign = _positive(b, strict)
    return np.asarray(np.count_nonzero(sign[1:] != sign[:-1], axis=0))


def _halves(b: Array) -> tuple[Array, Array]:
    """De Casteljau's subdivision at the midpoint."""
    left, right = np.empty_like(b), np.empty_like(b)
    for i in range(5):
        left[i], right[4 - i] = b[0], b[-1]
        b = (b[1:] + b[:-1]) / 2.0 if i < 4 else b
    return left, right


def _bisected(b: Array, strict: bool) -> Array:
    """The one root in (0, 1) of each column of Bernstein coefficients."""
    power = np.stack(
        [
            b[0],
            4.0 * (b[1] - b[0]),
            6.0 * (b[2] - 2.0 * b[1] + b[0]),
            4.0 * (b[3] - 3.0 * b[2] + 3.0 * b[1] - b[0]),
            b[4] - 4.0 * b[3] + 6.0 * b[2] - 4.0 * b[1] + b[0],
        ]
    )
    start = _positive(b[0], strict)
    low, step = np.zeros(b.shape[1]), 1.0
    for _ in range(_BISECTIONS):
        step /= 2.0
        same = _positive(_horner(power, low + step), strict) == start
        low += step * same
    return low + step / 2.0


def _ends(
    base: Integers,
    group: Integers,
    root: Array,
    change: Integers,
    more_than: float,
    shape: tuple[int, ...],
) -> _Side:
    order = np.lexsort((root, group))
    bounds = np.searchsorted(group[order], np.arange(base.size + 1))
    outer, first, hole = np.empty(base.size), np.empty(base.size), np.zeros(base.size, dtype=bool)
    for g in range(base.size):
        mine = order[bounds[g] : bounds[g + 1]]
        outer[g], first[g], hole[g] = _pieces(int(base[g]), root[mine], change[mine], more_than)
    return _Side(outer.reshape(shape), first.reshape(shape), hole.reshape(shape))


def _pieces(base: int, root: Array, change: Integers, more_than: float) -> tuple[float, float, bool]:
    """Walk outward over the sorted events: where the count last falls, where it first falls, and if that differs."""
    inside = np.concatenate([[base], base + np.cumsum(change)]) > more_than
    ends = np.append(root, np.inf)
    if not inside.any():
        return 0.0, 0.0, False
    last = int(np.flatnonzero(inside)[-1])
    n_first = int(np.argmin(inside)) if not inside.all() else inside.size
    first = float(ends[n_first - 1]) if n_first else 0.0
    return float(ends[last]), first, bool(n_first <= last)
