"""Which counts must not be shown: the small ones, and those from which a small one could be worked out.

Primary suppression takes the counts from 1 to the threshold less 1; 0 is shown. Secondary suppression takes further
counts until no addition gives a small count away: each addition with something to protect has at least two unknowns,
and what is known of their sum leaves each of them a range at least as wide as the counts under the threshold, and more
than one choice if it is known which of them are small. At the
end no small count may follow from the additions together (row space of their matrix), nor may what they and the
signs of the counts allow be a narrower range (linear programs). Hundepool et al. (2012),
Statistical Disclosure Control, Wiley, chapters 4.2 to 4.4, doi:10.1002/9781118348239.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from mtb_eval.analysis.disclosure_counts import VISITED, Addition, Counts, Quantity
from mtb_eval.analysis.disclosure_declared import Running, declared

Array = NDArray[np.float64]
EXACT, NEAR = 1e-9, 1e-6
UNBOUNDED = 3  # scipy's status


def protected(counts: Counts, running: Iterable[Running], threshold: int) -> set[Quantity]:
    """Return the published quantities that must not be shown."""
    hidden = {q for q in counts.places if _small(counts.values[q], threshold)}
    for rule in running:
        hidden |= _jumps(counts, rule, threshold)
    members = _members(counts.additions)
    waiting = set(range(len(counts.additions)))
    while waiting:
        while waiting:
            added = _cover(counts, counts.additions[waiting.pop()], hidden, threshold)
            hidden |= added
            waiting |= {i for q in added for i in members[q]}
        for look in (_untied, _loosened):
            for additions in [] if waiting else list(_connected(counts, hidden, threshold)):
                added = look(counts, additions, hidden, threshold)
                hidden |= added
                waiting |= {i for q in added for i in members[q]}
    return hidden


def _small(value: float, threshold: int) -> bool:
    return 0 < value < threshold


def _jumps(counts: Counts, rule: Running, threshold: int) -> set[Quantity]:
    """Return the values of a running count that lie too near to one that is shown, most widely shown first."""
    groups: dict[object, list[Quantity]] = defaultdict(list)
    for quantity in counts.places:
        if quantity[0] == rule.quantity:
            groups[tuple(a for a in quantity[1] if a[0] not in (rule.along, "value"))].append(quantity)
    hidden: set[Quantity] = set()
    for quantities in groups.values():
        shown: list[float] = []
        for q in sorted(quantities, key=lambda q: (-len(counts.places[q]), counts.values[q], q)):
            value = counts.values[q]
            if any(_small(abs(value - other), threshold) for other in shown):
                hidden.add(q)
            else:
                shown.append(value)
    return hidden


def _members(additions: Iterable[Addition]) -> dict[Quantity, list[int]]:
    members: dict[Quantity, list[int]] = defaultdict(list)
    for i, addition in enumerate(additions):
        for quantity in (addition.total, *addition.parts):
            members[quantity].append(i)
    return members


def _cover(counts: Counts, addition: Addition, hidden: set[Quantity], threshold: int) -> set[Quantity]:
    """Return what else must be hidden so that an addition gives nothing away that is to be protected."""
    added: set[Quantity] = set()
    while _gives_away(counts, addition, hidden | added, threshold):
        more = _cheapest(counts, addition, hidden | added)
        if not more:
            break
        added |= more
    return added


def _gives_away(counts: Counts, addition: Addition, hidden: set[Quantity], threshold: int) -> bool:
    unknown = [q for q in (addition.total, *addition.parts) if q in hidden or q not in counts.places]
    if not any(_small(counts.values[q], threshold) for q in unknown):
        return False
    if len(unknown) < 2:
        return True
    if addition.total in unknown:
        return False
    least = sum(q in hidden for q in unknown)
    return sum(counts.values[q] for q in unknown) - least < threshold - 1 or _at_an_end(counts, unknown, threshold)


def _at_an_end(counts: Counts, unknown: list[Quantity], threshold: int) -> bool:
    """Return whether a sum leaves but one choice to one who knows which of its parts are small.

    That can be seen: what rests on a small count is not shown, what rests on another is.
    """
    values = [counts.values[q] for q in unknown if q in counts.places]
    if len(values) < len(unknown):
        return False
    small = [_small(v, threshold) for v in values]
    lowest = all(v == (1 if s else threshold) for v, s in zip(values, small, strict=True))
    return lowest or all(v == threshold - 1 for v in values)


def _cheapest(counts: Counts, addition: Addition, hidden: set[Quantity]) -> set[Quantity]:
    """Return the shown member of an addition that stands in the fewest cells, the smallest of these."""
    members = (addition.total, *addition.parts)
    shown = [q for q in members if q in counts.places and q not in hidden and counts.values[q] > 0]
    return {min(shown, key=lambda q: _price(counts, q))} if shown else set()


def _price(counts: Counts, quantity: Quantity) -> tuple[bool, int, float, Quantity]:
    """Return what it costs to hide a quantity: those to keep and those with visits from a number on are dearest."""
    open_class = quantity[0] == VISITED and not {"low", "high"} <= {*dict(quantity[1])}
    kept = quantity[0] in declared().keep or open_class
    return kept, len(counts.places[quantity]), counts.values[quantity], quantity


def _untied(counts: Counts, additions: list[Addition], hidden: set[Quantity], threshold: int) -> set[Quantity]:
    """Return what else must be hidden so that no small count follows from the additions of one group.

    With A u = B v for the unknown u and the shown v, u_j follows if e_j = A' w for some w, and then from the v with
    a weight in B' w: the cheapest of these is hidden.
    """
    if len(additions) < 2:  # one alone has been covered
        return set()
    members = sorted({q for a in additions for q in (a.total, *a.parts)})
    unknown = [q for q in members if _unknown(q, counts, hidden)]
    shown = [q for q in members if q in counts.places and q not in hidden]
    tied, shares = _derived(_matrix(additions, unknown), _matrix(additions, shown))
    added: set[Quantity] = set()
    for j, weights in zip(tied, shares, strict=True):
        used = {q for q, w in zip(shown, weights, strict=True) if abs(w) > EXACT and counts.values[q] > 0}
        if used and not used & added and _small(counts.values[unknown[j]], threshold):
            added.add(min(used, key=lambda q: _price(counts, q)))
    return added


def _loosened(counts: Counts, additions: list[Addition], hidden: set[Quantity], threshold: int) -> set[Quantity]:
    """Return what else must be hidden so that the additions of one group leave each small count its range.

    Linear programs give the least and the greatest value that the others allow (a hidden count is at least 1); what
    one solution shows of all counts is used for all.
    """
    members = sorted({q for a in additions for q in (a.total, *a.parts)})
    unknown = [q for q in members if _unknown(q, counts, hidden)]
    true = np.array([counts.values[q] for q in unknown])
    matrix = _matrix(additions, unknown)
    bounds = Bounds(np.array([float(q in hidden) for q in unknown]), np.inf)
    sums = LinearConstraint(matrix, matrix @ true, matrix @ true)
    low, high, added = true.copy(), true.copy(), set[Quantity]()
    for j, quantity in enumerate(unknown):
        for sign in (-1.0, 1.0):
            if not _small(true[j], threshold) or high[j] - low[j] >= threshold - 1 - NEAR:
                continue
            aim = sign * (np.arange(len(unknown)) == j)
            found = milp(aim, constraints=sums, bounds=bounds)
            if found.status == UNBOUNDED:
                high[j] = np.inf
            elif found.x is not None:  # else nothing is known of the range, and more is hidden
                low, high = np.minimum(low, found.x), np.maximum(high, found.x)
        if _small(true[j], threshold) and high[j] - low[j] < threshold - 1 - NEAR:
            near = [a for a in additions if quantity in (a.total, *a.parts)]
            added |= next((more for a in near if (more := _cheapest(counts, a, hidden))), set())
    return added


def _matrix(additions: list[Addition], columns: list[Quantity]) -> Array:
    at = {q: j for j, q in enumerate(columns)}
    matrix = np.zeros((len(additions), len(columns)))
    for i, a in enumerate(additions):
        for q, sign in ((a.total, 1.0), *((p, -1.0) for p in a.parts)):
            if q in at:
                matrix[i, at[q]] += sign
    return matrix


def _derived(unknown: Array, shown: Array) -> tuple[list[int], Array]:
    """Return which unknowns follow from the shown, and with what weights, one row each."""
    left, sizes, rows = np.linalg.svd(unknown, full_matrices=False)
    rank = int((sizes > EXACT).sum())
    left, sizes, rows = left[:, :rank], sizes[:rank], rows[:rank]
    tied = np.flatnonzero(np.abs((rows**2).sum(axis=0) - 1.0) < EXACT)
    return tied.tolist(), (rows[:, tied].T / sizes) @ left.T @ shown


def _unknown(quantity: Quantity, counts: Counts, hidden: set[Quantity]) -> bool:
    return quantity in hidden or quantity not in counts.places


def _connected(counts: Counts, hidden: set[Quantity], threshold: int) -> Iterator[list[Addition]]:
    """Yield the additions that share unknowns, group by group, if a small count is among them.

    An addition that shares none has been covered.
    """
    by_unknown: dict[Quantity, list[int]] = defaultdict(list)
    for i, a in enumerate(counts.additions):
        for q in (a.total, *a.parts):
            if _unknown(q, counts, hidden):
                by_unknown[q].append(i)
    parent = list(range(len(counts.additions)))
    for group in by_unknown.values():
        for i in group[1:]:
            parent[_root(parent, i)] = _root(parent, group[0])
    groups: Mapping[int, list[Addition]] = defaultdict(list)
    for i in sorted({i for group in by_unknown.values() for i in group}):
        groups[_root(parent, i)].append(counts.additions[i])
    for additions in groups.values():
        unknown = (q for a in additions for q in (a.total, *a.parts) if _unknown(q, counts, hidden))
        if len(additions) > 1 and any(_small(counts.values[q], threshold) for q in unknown):
            yield additions


def _root(parent: list[int], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i
