"""SPSS, Stata and SAS files: cells with their value labels and user-missing codes.

They are read in a child process: the C library behind pyreadstat can crash on damaged bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyreadstat

from mtb_eval.data.child import ChildDiedError, in_child
from mtb_eval.data.raw import RawTable, UnreadableError, UserMissing, unique_names

_FAILURES = (
    pyreadstat.ReadstatError, pyreadstat.PyreadstatError, ValueError, OverflowError, TypeError, KeyError, IndexError,
)  # fmt: skip
_STATA_START, _STATA_END = b"<stata_dta>", b"</stata_dta>"


def read_sav(path: Path) -> RawTable:
    """Return an SPSS file (.sav, .zsav); user-missing codes stay as they are and their ranges are listed."""
    return _read(pyreadstat.read_sav, path, kind="SPSS")


def read_dta(path: Path) -> RawTable:
    """Return a Stata file of any version from 8; extended missing values stay as the letters a to z."""
    content = path.read_bytes()
    if content.startswith(_STATA_START) and not content.rstrip().endswith(_STATA_END):
        raise UnreadableError("is not a complete Stata file: its end is missing, as if cut off")
    return _read(pyreadstat.read_dta, path, kind="Stata")


def read_sas(path: Path) -> RawTable:
    """Return a SAS file (.sas7bdat); special missing values stay as letters."""
    return _read(pyreadstat.read_sas7bdat, path, kind="SAS")


def _read(reader: Callable[..., Any], path: Path, *, kind: str) -> RawTable:
    try:
        return in_child(_raw_table, reader, path)
    except UnreadableError:
        raise
    except (*_FAILURES, ChildDiedError):
        raise UnreadableError(f"is not a complete {kind} file: it is damaged, cut off or of another kind") from None


def _raw_table(reader: Callable[..., Any], path: Path) -> RawTable:
    frame, about = _in_its_encoding(reader, path)
    unique_names(list(frame.columns))
    return RawTable(
        frame=frame, labels=about.variable_value_labels, missing={**_letters(about), **_ranges(about)}, decimal=","
    )


def _in_its_encoding(reader: Callable[..., Any], path: Path) -> tuple[pd.DataFrame, Any]:
    options = {"user_missing": True, "dates_as_pandas_datetime": True}
    try:
        frame, about = reader(str(path), **options)
    except pyreadstat.ReadstatError as problem:
        # Old files name an encoding they do not keep; Danish ones are Windows-1252 then.
        if "requested encoding" not in str(problem):
            raise
        frame, about = reader(str(path), encoding="WINDOWS-1252", **options)
    return frame, about


def _ranges(about: Any) -> Mapping[str, tuple[UserMissing, ...]]:
    return {
        column: tuple(UserMissing(low=r["lo"], high=r["hi"]) for r in ranges)
        for column, ranges in about.missing_ranges.items()
    }


def _letters(about: Any) -> Mapping[str, tuple[UserMissing, ...]]:
    return {
        column: tuple(UserMissing(low=letter, high=letter, reason=f".{letter}") for letter in letters)
        for column, letters in about.missing_user_values.items()
    }
