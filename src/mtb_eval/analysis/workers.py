"""Independent pieces of work on several processes, results in the order of the pieces."""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def on_workers(make: Callable[[Item], Made], items: Sequence[Item], *, jobs: int) -> Iterator[Made]:
    """Yield `make(item)` for each item in order, on up to `jobs` processes; 1 works in this process.

    The results do not depend on `jobs`. An exception of a piece is raised here. Raises ValueError if jobs < 1.
    """
    if jobs < 1:
        raise ValueError(f"at least one job is needed, found {jobs}")
    if jobs == 1 or len(items) < 2:
        yield from map(make, items)
        return
    # Forked processes start at once with everything imported; where there is no fork, each imports again.
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    n = min(jobs, len(items))
    with ProcessPoolExecutor(n, mp_context=context, initializer=_begin, initargs=(make,)) as pool:
        yield from pool.map(_made, items)


_given: list[Callable[[Any], Any]] = []
"""What this process makes of each item: given once, and not at all copied where processes are forked."""


def _begin(make: Callable[[Any], Any]) -> None:
    """Note what is to be made; look for garbage seldom, and never in what this process started with: that stays."""
    _given[:] = [make]
    gc.freeze()
    gc.set_threshold(500_000)


def _made(item: Any) -> Any:
    return _given[0](item)
