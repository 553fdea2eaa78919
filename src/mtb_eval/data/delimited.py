"""CSV as Danish programs write it: UTF-8 or Windows-1252, semicolon, comma or tab."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from mtb_eval.data.raw import DecimalMark, RawTable, UnreadableError, table_of_rows

_DECIMALS: dict[str, DecimalMark] = {";": ",", ",": ".", "\t": ""}
_OTHER_KINDS = {
    b"PK\x03\x04": "a zip file or Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old or protected Office file",
    b"$FL": "an SPSS file",
    b"PAR1": "a parquet file",
    b"\x1f\x8b": "a gzip file",
    b"%PDF": "a PDF",
}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_CONTROL, _CONTROL_BYTES = re.compile("[\x00-\x08\x0e-\x1a]"), re.compile(b"[\x00-\x08\x0e-\x1a]")
_NO_TEXT = "is not a text file in UTF-8 or Windows-1252: save it again as CSV (UTF-8)"


def read_csv(path: Path) -> RawTable:
    """Return a CSV file with every cell as text.

    Encoding: UTF-8 (with or without its mark) if valid, else Windows-1252; UTF-16 by its mark. Delimiter: the one
    kind of `;`, `,` or tab in the header line outside quotes, or that of a first line `sep=;`.
    Raises UnreadableError if it is no text, the delimiter is not clear, a quote is left open or a row is ragged.
    """
    text = _decoded(path.read_bytes())
    text, delimiter = delimiter_of(text)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        cells = [line for line in lines if line]
    except csv.Error:
        raise UnreadableError(f"breaks off or is not valid CSV at line {lines.line_num} (a quote left open?)") from None
    return RawTable(frame=table_of_rows(cells[0], cells[1:]), decimal=_DECIMALS[delimiter])


def refuse_no_text(data: bytes) -> None:
    """Raise UnreadableError if the first bytes of a CSV file are those of another kind of file, or nothing."""
    for mark, kind in _OTHER_KINDS.items():
        if data.startswith(mark):
            raise UnreadableError(f"is {kind} with the suffix .csv: give it its own suffix or save it as CSV")
    if not data.strip():
        raise UnreadableError("is empty")
    if not data.startswith(_UTF16) and _CONTROL_BYTES.search(data):
        raise UnreadableError(_NO_TEXT)


def delimiter_of(text: str) -> tuple[str, str]:
    """Return the text from its header line on, and its delimiter; raises UnreadableError if that is not clear."""
    first, _, rest = text.lstrip("\r\n").partition("\n")
    declared = re.fullmatch(r'"?sep=([;,\t])"?', first.strip("\r"))
    if declared:
        return rest, declared.group(1)
    outside_quotes = re.sub(r'"[^"]*"', "", first)
    found = [d for d in _DECIMALS if d in outside_quotes]
    if len(found) > 1:
        raise UnreadableError("has more than one of ; , and tab in its header line, so the delimiter is not clear")
    return text, found[0] if found else ";"


def _decoded(data: bytes) -> str:
    refuse_no_text(data)
    encodings = ("utf-16",) if data.startswith(_UTF16) else ("utf-8-sig", "cp1252")
    text = next((t for t in (_try(data, e) for e in encodings) if t is not None), None)
    if text is None or _CONTROL.search(text):
        raise UnreadableError(_NO_TEXT)
    if not text.strip("\ufeff \t\r\n"):
        raise UnreadableError("is empty")
    return text


def _try(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None
