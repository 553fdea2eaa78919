"""Tables in the columns that a source declares."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mtb_eval.study import Column, Source


def table(source: Source, known: Mapping[str, object], *, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return n rows of the source's columns, named as in its file; a column that is not `known` is drawn."""
    return pd.DataFrame({c.in_file: known[c.name] if c.name in known else _drawn(c, n, rng) for c in source.columns})


def codes(source: Source, column: str) -> dict[str, int]:
    """Return the codes of a closed column by name, empty if the source does not have the column."""
    return {c.name: c.code for found in source.columns if found.name == column for c in found.categories}


def _drawn(column: Column, n: int, rng: np.random.Generator) -> object:
    if column.type == "category":
        return rng.choice([c.code for c in column.categories], n)
    if column.type in ("integer", "decimal"):
        low = 0.0 if column.low is None else column.low
        values = low + ((low + 10.0 if column.high is None else column.high) - low) * rng.random(n)
        return np.round(values, 1) if column.type == "decimal" else np.round(values).astype(np.int64)
    if column.type == "date":
        return np.full(n, np.datetime64("NaT", "D"))
    return [""] * n
