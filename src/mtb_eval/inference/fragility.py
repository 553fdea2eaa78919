"""How many changed outcomes turn a verdict: the fragility index, both ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mtb_eval.inference.counts import Counts, counts
from mtb_eval.inference.exact import conditional_p


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragility:
    """Fewest changed outcomes in one arm that move p across alpha; None where no number does.

    `significant` says on which side the given table is: True gives fragility, False reverse fragility. `smallest`
    is the least of the four numbers; `p` is that of the given table.
    """

    significant: bool
    p: float
    first_more: int | None
    first_fewer: int | None
    second_more: int | None
    second_fewer: int | None
    smallest: int | None


def fragility(table: Counts, *, alpha: float = 0.05, test: Callable[[Counts], float] = conditional_p) -> Fragility:
    """Return how many families with the other outcome, arm sizes kept, would turn p < alpha or p >= alpha round.

    Each arm is changed alone, towards more and towards fewer events, one at a time until p is on the other side.
    Walsh et al. (2014), doi 10.1016/j.jclinepi.2013.10.019, change one arm only; reverse fragility is the same
    count from p >= alpha. Raises ValueError unless `table` is one table.
    """
    p = test(table)
    moves = [
        _changes(table, arm, step, alpha=alpha, test=test, significant=p < alpha) for arm in (0, 1) for step in (1, -1)
    ]
    found = [m for m in moves if m is not None]
    return Fragility(
        significant=p < alpha,
        p=p,
        first_more=moves[0],
        first_fewer=moves[1],
        second_more=moves[2],
        second_fewer=moves[3],
        smallest=min(found, default=None),
    )


def _changes(
    table: Counts, arm: int, step: int, *, alpha: float, test: Callable[[Counts], float], significant: bool
) -> int | None:
    if table.n_first.size != 1:
        raise ValueError(f"fragility is of one table, found {table.n_first.size}")
    events = [int(table.events_first.item()), int(table.events_second.item())]
    sizes = (int(table.n_first.item()), int(table.n_second.item()))
    room = sizes[arm] - events[arm] if step > 0 else events[arm]
    for changed in range(1, room + 1):
        events[arm] += step
        moved = counts(events_first=events[0], n_first=sizes[0], events_second=events[1], n_second=sizes[1])
        if (test(moved) < alpha) != significant:
            return changed
    return None
