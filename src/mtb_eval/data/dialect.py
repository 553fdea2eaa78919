"""How a CSV file is written: encoding, delimiter and decimal mark; and whether its rows are whole. In flat memory."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mtb_eval.data.delimited import delimiter_of, refuse_no_text
from mtb_eval.data.raw import UnreadableError

_BLOCK = 1 << 24
_HEAD = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Encoding, delimiter, decimal mark, and how many lines stand before the header (a line `sep=;`)."""

    encoding: str
    delimiter: str
    decimal: str
    lines_before: int

    @property
    def options(self) -> dict[str, Any]:
        """The same as arguments of `pandas.read_csv`."""
        return {
            "encoding": self.encoding,
            "sep": self.delimiter,
            "decimal": self.decimal,
            "skiprows": self.lines_before,
            "index_col": False,
        }


def dialect_of(file: Path) -> Dialect:
    """Return how a CSV file is written, after a look at every row.

    Encoding: UTF-8 if valid, else Windows-1252; UTF-16 by its mark. The decimal mark is a comma if a field of the first
    megabyte is a number with one. Raises UnreadableError if the file is empty or no text, the delimiter is not clear,
    or a row has more or fewer fields than the header: pandas would shift or cut such rows without a word.
    """
    with file.open("rb") as stream:
        head = stream.read(_HEAD)
    refuse_no_text(head)
    encoding = _encoding(file, head)
    text = head.decode(encoding, errors="ignore")
    rest, delimiter = delimiter_of(text)
    dialect = Dialect(
        encoding=encoding,
        delimiter=delimiter,
        decimal="," if _decimal_comma(delimiter).search(rest) else ".",
        lines_before=text[: len(text) - len(rest)].count("\n"),
    )
    ragged = _n_ragged(file, dialect)
    if ragged:
        what = "more or fewer fields than the header: cut off, or a decimal comma between commas"
        raise UnreadableError(what, rule="ragged_rows", n_rows=ragged)
    return dialect


def _encoding(file: Path, head: bytes) -> str:
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in _blocks(file):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _decimal_comma(delimiter: str) -> re.Pattern[str]:
    plain, quoted = r"[+-]?\d*,\d+", r'"[+-]?\d*,\d+"'
    field = quoted if delimiter == "," else f"(?:{plain}|{quoted})"
    return re.compile(rf"(?:^|{delimiter}){field}(?={delimiter}|\r?$)", re.MULTILINE)


def _n_ragged(file: Path, dialect: Dialect) -> int:
    quoted = any(b'"' in block for block in _blocks(file))
    counts = _quoted_counts(file, dialect) if quoted or dialect.encoding == "utf-16" else _plain_counts(file, dialect)
    expected, ragged = -1, 0
    for found in counts:
        if expected < 0 and found.size:
            expected = int(found[0])
        ragged += int(np.count_nonzero(found != expected))
    return ragged


def _plain_counts(file: Path, dialect: Dialect) -> Iterator[np.ndarray]:
    """Yield the number of delimiters of each line that is not blank, block by block, the header's first."""
    carried, before = b"", int(dialect.lines_before > 0)
    for block in (*_blocks(file), b"\n"):
        whole, _, carried = (carried + block).rpartition(b"\n")
        found = np.frombuffer(whole + b"\n", dtype=np.uint8)
        ends = np.flatnonzero(found == ord("\n"))
        starts = np.concatenate([[0], ends[:-1] + 1])
        marks = np.flatnonzero(found == ord(dialect.delimiter))
        counts = np.searchsorted(marks, ends) - np.searchsorted(marks, starts)
        blank = (ends - starts == 0) | ((ends - starts == 1) & (found[starts] == ord("\r")))
        kept = counts[~blank]
        yield kept[before:]
        before = max(before - kept.size, 0)


def _quoted_counts(file: Path, dialect: Dialect) -> Iterator[np.ndarray]:
    with file.open(encoding=dialect.encoding, newline="") as text:
        lines = csv.reader(text, delimiter=dialect.delimiter, strict=True)
        try:
            for number, line in enumerate(line for line in lines if line):
                if number >= (dialect.lines_before > 0):
                    yield np.array([len(line) - 1])
        except csv.Error:
            message = f"breaks off or is not valid CSV at line {lines.line_num} (a quote left open?)"
            raise UnreadableError(message) from None


def _blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        yield from iter(partial(stream.read, _BLOCK), b"")
