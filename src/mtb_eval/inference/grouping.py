"""Labels to codes, and sums of row products within groups without a loop over groups."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
Labels = NDArray[Any]
LARGEST_BLOCK = 512


def codes_of(labels: ArrayLike | None, *, what: str = "cluster") -> tuple[Codes, Labels]:
    """Return for each row the position of its label among the sorted distinct labels, and those labels.

    `labels` (n,): numbers or strings, in any order and with any gaps. Raises ValueError if labels are missing, or
    if numbers and strings are mixed so that they have no order.
    """
    if labels is None:
        raise ValueError(f"no {what} labels: give the {what} of each row")
    values = np.asarray(labels)
    if values.ndim != 1:
        raise ValueError(f"{what} labels have {values.ndim} dimensions: give one label per row")
    if values.dtype.kind in "iubfM":
        missing = np.isnat(values) if values.dtype.kind == "M" else np.isnan(values)
        _refuse_missing(int(np.count_nonzero(missing)), what)
        levels, codes = np.unique(values, return_inverse=True)
        return codes.astype(np.intp, copy=False), levels
    return _codes_of_objects(values.tolist(), what)


def _codes_of_objects(values: list[Hashable], what: str) -> tuple[Codes, Labels]:
    distinct = set(values)
    absent = {v for v in distinct if v is None or _differs_from_itself(v)}
    _refuse_missing(sum(v in absent for v in values) if absent else 0, what)
    try:
        ordered = sorted(distinct)  # type: ignore[type-var]
    except TypeError as error:
        raise ValueError(f"{what} labels mix types that have no order: make all strings or all numbers") from error
    position = {label: code for code, label in enumerate(ordered)}
    levels = np.fromiter(ordered, dtype=object, count=len(ordered))
    return np.fromiter((position[v] for v in values), dtype=np.intp, count=len(values)), levels


def _differs_from_itself(value: Hashable) -> bool:
    """Tell a missing mark: NaN and NaT differ from themselves, and pandas' NA has no truth value."""
    try:
        return bool(value != value)  # noqa: PLR0124
    except TypeError:
        return True


def _refuse_missing(count: int, what: str) -> None:
    if count:
        raise ValueError(f"{what} label missing in {count} rows: every row needs one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """Rows in blocks of equal length, none of which crosses a group, so that sums are batched matrix products.

    `rows` (n_blocks, length) points at rows; `filled` (n_blocks, length, 1) is 1.0, and 0.0 for padding;
    `starts` is the first block of each group in `present` (the groups that have rows); `n_groups` counts all.
    """

    rows: Codes
    filled: Array
    starts: Codes
    present: Codes
    n_groups: int


def blocks_of(codes: Codes, n_groups: int) -> Blocks:
    """Return the blocks of rows of each group; `codes` (n,) are in 0..n_groups-1, some groups may have no row."""
    counts = np.bincount(codes, minlength=n_groups)
    present = np.flatnonzero(counts)
    mean = max(1, codes.size // max(1, present.size))
    length = min(LARGEST_BLOCK, 1 << (mean - 1).bit_length())
    per_group = -(-counts[present] // length)
    first_row = np.cumsum(counts[present]) - counts[present]
    starts = np.cumsum(per_group) - per_group
    within = (np.arange(per_group.sum()) - np.repeat(starts, per_group)) * length
    position = within[:, None] + np.arange(length)
    filled = position < np.repeat(counts[present], per_group)[:, None]
    position = np.where(filled, position + np.repeat(first_row, per_group)[:, None], 0)
    # 16 bits are sorted by counting, which is several times faster.
    order = np.argsort(codes.astype(np.uint16) if n_groups <= 1 << 16 else codes, kind="stable")
    rows = order[position] if codes.size else position
    return Blocks(rows=rows, filled=filled[..., None].astype(float), starts=starts, present=present, n_groups=n_groups)


def in_blocks(blocks: Blocks, table: Array) -> Array:
    """Return the rows of a table (n, k) by block, (n_blocks, length, k), 0 in the padding."""
    return np.asarray(table[blocks.rows] * blocks.filled)


def group_products(blocks: Blocks, left: Array, right: Array) -> Array:
    """Return for each group the sum over its rows of the outer products of two tables in blocks, (G, a, b).

    `left` (n_blocks, length, a) and `right` (n_blocks, length, b); one of them is 0 in the padding.
    """
    return group_sums(blocks, np.matmul(left.swapaxes(-1, -2), right))


def group_sums(blocks: Blocks, by_block: Array) -> Array:
    """Return the sums (G, ...) over the blocks (n_blocks, ...) of each group; 0 for a group without rows."""
    sums = np.zeros((blocks.n_groups, *by_block.shape[1:]))
    if blocks.present.size:
        sums[blocks.present] = np.add.reduceat(by_block, blocks.starts, axis=0)
    return sums
