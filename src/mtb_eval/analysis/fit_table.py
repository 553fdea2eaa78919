"""The columns of a fit: from any table, in memory or streamed, to cross-products with named columns."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.data.stream import table_chunks, table_columns

Array = NDArray[np.float64]
Chunks = Callable[[], Iterator[pd.DataFrame]]
LARGEST = 1e100
"""Values beyond this are refused: sums of their squares leave the range of floating point."""
_WHOLE = re.compile(r"0|-?[1-9]\d{0,17}")


class FitError(ValueError):
    """A fit that cannot be made: says what, where, how many, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitColumns:
    """What is fitted: outcome columns, treatment, cluster, covariates, factors (as dummies) and weights."""

    y: tuple[str, ...]
    treat: str
    cluster: str
    x: tuple[str, ...] = ()
    factor: tuple[str, ...] = ()
    weights: str | None = None

    @property
    def all(self) -> tuple[str, ...]:
        """Every column used, once each."""
        weights = (self.weights,) if self.weights else ()
        return tuple(dict.fromkeys((*self.y, self.treat, self.cluster, *self.x, *self.factor, *weights)))

    @property
    def named(self) -> tuple[str, ...]:
        """The columns whose values are names, even where they are written with digits: cluster and factors."""
        return (self.cluster, *self.factor)

    @property
    def numeric(self) -> tuple[str, ...]:
        """The columns that must hold numbers: outcomes, treatment, covariates and weights."""
        return (*self.y, self.treat, *self.x, *((self.weights,) if self.weights else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A table as chunks, with the factors' levels found in a first pass and the names of the design's columns.

    `names`: intercept, treatment, covariates, then one column per level of each factor but its first.
    `n_rows` rows in all, of which `n_dropped` lack a treatment, covariate, factor or weight. `whole_clusters`: every
    cluster id is a whole number without leading zeros; otherwise ids are texts, and "01" is another cluster than "1".
    """

    columns: FitColumns
    chunks: Chunks
    levels: dict[str, NDArray[np.str_]]
    names: tuple[str, ...]
    n_rows: int
    n_dropped: int
    streamed: bool
    whole_clusters: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The arrays of some rows: design `x` (n, p), outcomes `y` (m, n), cluster labels (n,), weights (n,) or None."""

    x: Array
    y: Array
    cluster: NDArray[Any]
    weights: Array | None


@dataclass(slots=True)
class _Seen:
    levels: dict[str, set[str]] = field(default_factory=dict)
    treat: set[float] = field(default_factory=set)
    clusters: set[str] = field(default_factory=set)
    whole_clusters: bool = True
    n_rows: int = 0
    n_dropped: int = 0


def open_frame(data: pd.DataFrame | str | Path, columns: FitColumns) -> Frame:
    """Return the table behind a fit; raises FitError if a column is unknown, not numeric, or cannot be used.

    Refused: no rows, an infinite value or one beyond LARGEST, a missing cluster, fewer than two clusters, a treatment
    that does not vary.
    """
    found = [str(c) for c in data.columns] if isinstance(data, pd.DataFrame) else table_columns(data)
    _refuse_unknown(found, columns)
    chunks = _chunks(data, columns)
    seen = _first_pass(chunks, columns)
    levels = {f: np.array(sorted(seen.levels.get(f, ()))) for f in columns.factor}
    dummies = [f"{f}={v}" for f in columns.factor for v in levels[f][1:]]
    return Frame(
        columns=columns,
        chunks=chunks,
        levels=levels,
        names=("intercept", columns.treat, *columns.x, *dummies),
        n_rows=seen.n_rows,
        n_dropped=seen.n_dropped,
        streamed=not isinstance(data, pd.DataFrame),
        whole_clusters=seen.whole_clusters,
    )


def rows_of(frame: Frame, chunk: pd.DataFrame) -> Rows:
    """Return the arrays of a chunk's rows that have treatment, covariates, factors and weights."""
    columns = frame.columns
    used = chunk[_complete(chunk, columns)]
    blocks = [np.ones(len(used)), *(_numbers(used, c) for c in (columns.treat, *columns.x))]
    for name, levels in frame.levels.items():
        labels = used[name].astype(str).to_numpy(dtype=str)
        blocks.append((labels[:, None] == levels[None, 1:]).astype(float))
    return Rows(
        x=np.column_stack(blocks),
        y=np.stack([_numbers(used, c) for c in columns.y]),
        cluster=_labels(used[columns.cluster], whole=frame.whole_clusters),
        weights=_numbers(used, columns.weights) if columns.weights else None,
    )


def _chunks(data: pd.DataFrame | str | Path, columns: FitColumns) -> Chunks:
    if isinstance(data, pd.DataFrame):
        return lambda: iter([data[list(columns.all)]])
    return lambda: table_chunks(data, columns.all, text=columns.named)


def _refuse_unknown(found: Sequence[str], columns: FitColumns) -> None:
    given = (*columns.y, columns.treat, columns.cluster, *columns.x, *columns.factor, columns.weights or "")
    if not columns.y or not all(isinstance(c, str) for c in given):
        raise FitError("name each column by its text, and at least one outcome; other names must be made text first")
    unknown = [c for c in columns.all if c not in found]
    if unknown:
        near = difflib.get_close_matches(unknown[0], found, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; the columns are {', '.join(found[:20])}"
        raise FitError(f"no column {unknown[0]!r} in the table{hint}")
    repeated = [c for c in columns.all if found.count(c) > 1]
    if repeated:
        raise FitError(f"column {repeated[0]!r} stands more than once in the table; rename or drop one")
    numeric = columns.numeric
    roles = [*numeric, *columns.factor]
    twice = [c for c in roles if roles.count(c) > 1] or [c for c in (columns.cluster,) if c in numeric]
    if twice:
        raise FitError(
            f"column {twice[0]!r} is given more than one role: outcome, treatment, cluster, covariate differ"
        )


def _first_pass(chunks: Chunks, columns: FitColumns) -> _Seen:
    seen = _Seen()
    for chunk in chunks():
        _look(chunk, columns, seen)
    if seen.n_rows == seen.n_dropped:
        raise FitError(f"no row can be used: {seen.n_rows} rows, {seen.n_dropped} of them with a missing value")
    if len(seen.clusters) < 2:
        raise FitError(f"one cluster only in column {columns.cluster!r}: cluster methods need at least two")
    if len(seen.treat) < 2:
        raise FitError(f"the treatment {columns.treat!r} does not vary in the rows that can be used")
    return seen


def _look(chunk: pd.DataFrame, columns: FitColumns, seen: _Seen) -> None:
    for name in columns.numeric:
        _refuse_too_large(name, _numbers(chunk, name))
    lacking = int(chunk[columns.cluster].isna().sum())
    if lacking:
        raise FitError(f"cluster column {columns.cluster!r}: {lacking} rows have no cluster; every row needs one")
    complete = _complete(chunk, columns)
    used = chunk[complete]
    for name in columns.factor:
        seen.levels.setdefault(name, set()).update(used[name].astype(str).unique())
    if len(seen.treat) < 2:
        seen.treat.update(np.unique(_numbers(used, columns.treat))[:2].tolist())
    if len(seen.clusters) < 2:
        seen.clusters.update(used[columns.cluster].astype(str).unique()[:2])
    seen.whole_clusters = seen.whole_clusters and _whole(chunk[columns.cluster])
    seen.n_rows += len(chunk)
    seen.n_dropped += int((~complete).sum())


def _refuse_too_large(name: str, values: Array) -> None:
    infinite, large = int(np.isinf(values).sum()), int((np.abs(values) > LARGEST).sum())
    if infinite:
        raise FitError(f"column {name!r}: {infinite} infinite values; recode them as missing or leave them out")
    if large:
        raise FitError(f"column {name!r}: {large} values beyond {LARGEST:g}; correct them or take a larger unit")


def _complete(chunk: pd.DataFrame, columns: FitColumns) -> NDArray[np.bool_]:
    needed = [columns.treat, *columns.x, *columns.factor, *((columns.weights,) if columns.weights else ())]
    return np.asarray(chunk[needed].notna().all(axis=1))


def _whole(column: pd.Series) -> bool:
    return all(_WHOLE.fullmatch(str(value).strip()) for value in column.unique())


def _labels(column: pd.Series, *, whole: bool) -> NDArray[Any]:
    if whole and pd.api.types.is_integer_dtype(column.dtype):
        return column.to_numpy(dtype=np.int64)
    codes, found = pd.factorize(column)
    ids = [str(value) for value in found]
    labels = np.array([int(i) for i in ids], dtype=np.int64) if whole else np.array(ids, dtype=str)
    return labels[codes]


def _numbers(chunk: pd.DataFrame, name: str) -> Array:
    if pd.api.types.is_datetime64_any_dtype(chunk[name].dtype):
        raise FitError(f"column {name!r} holds dates; give them as a number of days or years")
    try:
        return chunk[name].to_numpy(dtype=float, na_value=np.nan)
    except (ValueError, TypeError):
        lost = int((pd.to_numeric(chunk[name], errors="coerce").isna() & chunk[name].notna()).sum())
        what = f"{lost} of {len(chunk)} cells are no numbers" if lost else "its cells are no numbers"
        raise FitError(
            f"column {name!r} is not numeric: {what}; write them as numbers (a treatment as 0 and 1), "
            "or give a covariate as a factor"
        ) from None
