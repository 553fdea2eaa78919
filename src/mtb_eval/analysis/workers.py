"""Independent pieces of work on several processes, results in the order of the pieces."""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

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
    with ProcessPoolExecutor(min(jobs, len(items)), mp_context=context, initializer=_collect_seldom) as pool:
        yield from pool.map(make, items)


def _collect_seldom() -> None:
    """Let this process look for garbage seldom, and never in what it started with: that stays."""
    gc.freeze()
    gc.set_threshold(500_000)
