"""Any table in chunks of rows, in flat memory: CSV or Parquet; or whole, from any format."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mtb_eval.data.dialect import Dialect, dialect_of
from mtb_eval.data.missing import is_marked
from mtb_eval.data.problems import rows as rows_in_words
from mtb_eval.data.raw import UnreadableError, unique_names
from mtb_eval.data.read import read_table

CHUNK_ROWS = 250_000
STREAMED = (".csv", ".parquet")


class StreamError(ValueError):
    """A table that cannot be read: says which file and why."""


def table_columns(path: str | Path) -> list[str]:
    """Return the column names of a CSV or Parquet file; raises StreamError."""
    file = _existing(path)
    with _told(file):
        names = _parquet_columns(file) if _is_parquet(file) else _csv_columns(file, dialect_of(file))
        unique_names(names)
    return names


def table_chunks(
    path: str | Path, columns: Sequence[str], *, rows: int = CHUNK_ROWS, text: Collection[str] = ()
) -> Iterator[pd.DataFrame]:
    """Yield the named columns of a CSV or Parquet file, `rows` rows at a time; raises StreamError.

    CSV in any encoding, with any delimiter and decimal mark that `dialect_of` knows; rows must be whole. The columns
    in `text` keep their cells as written, so that 01 is not 1; Parquet has types of its own.
    """
    file = _existing(path)
    with _told(file):
        if _is_parquet(file):
            for batch in pq.ParquetFile(file).iter_batches(batch_size=rows, columns=list(columns)):
                yield batch.to_pandas()
            return
        options = dialect_of(file).options
        options["dtype"] = dict.fromkeys(text, "str")
        with pd.read_csv(file, usecols=list(columns), chunksize=rows, low_memory=False, **options) as reader:
            yield from reader


def table_in_memory(path: str | Path, *, text: Collection[str] = ()) -> pd.DataFrame:
    """Return a whole table of any format, what the file itself marks as missing left out; `text` as `table_chunks`.

    Raises StreamError, and DataError for a format that is not streamed.
    """
    if Path(path).suffix.lower() in STREAMED:
        return pd.concat(table_chunks(path, table_columns(path), text=text), ignore_index=True)
    raw = read_table(path)
    marked = {c: raw.frame[c].map(lambda cell, m=m: is_marked(cell, m)).astype(bool) for c, m in raw.missing.items()}
    return raw.frame.assign(**{c: raw.frame[c].mask(lost, np.nan) for c, lost in marked.items() if lost.any()})


def _existing(path: str | Path) -> Path:
    file = Path(path)
    if file.is_dir():
        raise StreamError(f"{file}: is a folder, not a file")
    if not file.is_file():
        raise StreamError(f"{file}: the file does not exist")
    if file.suffix.lower() not in STREAMED:
        raise StreamError(f"{file.name}: only .csv and .parquet can be streamed, not {file.suffix or 'no suffix'}")
    return file


def _is_parquet(file: Path) -> bool:
    return file.suffix.lower() == ".parquet"


def _parquet_columns(file: Path) -> list[str]:
    return list(pq.ParquetFile(file).schema_arrow.names)


def _csv_columns(file: Path, dialect: Dialect) -> list[str]:
    header = pd.read_csv(file, header=None, nrows=1, dtype=str, keep_default_na=False, **dialect.options)
    return [str(name) for name in header.iloc[0]]


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """Turn what a reader raises into a StreamError that names the file."""
    try:
        yield
    except UnreadableError as problem:
        where = f"{rows_in_words(problem.n_rows)}: " if problem.n_rows else "the file "
        raise StreamError(f"{file.name}: {where}{problem}") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeError, pa.ArrowException, ValueError, OSError):
        kind = "Parquet" if _is_parquet(file) else "CSV"
        what = f"the file is not complete {kind}: it is damaged, cut off or of another kind"
        raise StreamError(f"{file.name}: {what}") from None
