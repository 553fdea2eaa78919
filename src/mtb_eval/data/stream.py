"""Any table in chunks of rows, in flat memory: CSV or Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

CHUNK_ROWS = 250_000


class StreamError(ValueError):
    """A table that cannot be read: says which file and why."""


def table_columns(path: str | Path) -> list[str]:
    """Return the column names of a CSV or Parquet file; raises StreamError."""
    file = _existing(path)
    if file.suffix.lower() == ".parquet":
        return list(_parquet(file).schema_arrow.names)
    return [str(c) for c in _csv_head(file).columns]


def table_chunks(path: str | Path, columns: Sequence[str], *, rows: int = CHUNK_ROWS) -> Iterator[pd.DataFrame]:
    """Yield the named columns of a CSV or Parquet file, `rows` rows at a time; raises StreamError."""
    file = _existing(path)
    if file.suffix.lower() == ".parquet":
        for batch in _parquet(file).iter_batches(batch_size=rows, columns=list(columns)):
            yield batch.to_pandas()
        return
    try:
        with pd.read_csv(file, usecols=list(columns), chunksize=rows, sep=_separator(file)) as reader:
            yield from reader
    except (pd.errors.ParserError, UnicodeDecodeError) as problem:
        raise StreamError(f"{file.name}: not readable as CSV ({type(problem).__name__})") from None


def _existing(path: str | Path) -> Path:
    file = Path(path)
    if not file.is_file():
        raise StreamError(f"{file}: the file does not exist")
    if file.suffix.lower() not in (".csv", ".parquet"):
        raise StreamError(f"{file.name}: only .csv and .parquet can be streamed, not {file.suffix or 'no suffix'}")
    return file


def _parquet(file: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file)
    except (OSError, ValueError) as problem:
        raise StreamError(f"{file.name}: not readable as Parquet ({type(problem).__name__})") from None


def _csv_head(file: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(file, nrows=0, sep=_separator(file))
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as problem:
        raise StreamError(f"{file.name}: not readable as CSV ({type(problem).__name__})") from None


def _separator(file: Path) -> str:
    with file.open(encoding="utf-8", errors="replace") as lines:
        header = lines.readline()
    return max((",", ";", "\t"), key=header.count)
