"""Parquet files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mtb_eval.data.raw import RawTable, UnreadableError, unique_names


def read_parquet(path: Path) -> RawTable:
    """Return a parquet file; a named index becomes a column. Raises UnreadableError if it is damaged or nested."""
    try:
        with path.open("rb") as file:
            table = pq.read_table(file)
        frame = table.to_pandas()
    except (pa.ArrowException, ValueError, KeyError, OSError):
        raise UnreadableError("is not a complete parquet file: it is damaged, cut off or of another kind") from None
    nested = sum(pa.types.is_nested(field.type) for field in table.schema)
    if nested:
        raise UnreadableError(f"has {nested} columns of lists or records: save one value per cell")
    unique_names(table.column_names)
    return RawTable(frame=_plain(frame), decimal="")


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    named = [name for name in frame.index.names if name is not None]
    flat = frame.reset_index(level=named) if named else frame
    flat = flat.reset_index(drop=True).rename(columns=str)
    coded = [c for c in flat.columns if isinstance(flat[c].dtype, pd.CategoricalDtype)]
    return flat.astype(dict.fromkeys(coded, object))
