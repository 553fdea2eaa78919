"""One entry to every file format: readers by suffix. Reading is not cleaning."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from mtb_eval.data.delimited import read_csv
from mtb_eval.data.labelled import read_dta, read_sas, read_sav
from mtb_eval.data.parquet import read_parquet
from mtb_eval.data.problems import DataError, Problem, problem_table, rows
from mtb_eval.data.raw import RawTable, UnreadableError
from mtb_eval.data.workbook import read_xlsx

READERS: Mapping[str, Callable[[Path], RawTable]] = {
    ".sav": read_sav,
    ".zsav": read_sav,
    ".dta": read_dta,
    ".sas7bdat": read_sas,
    ".xlsx": read_xlsx,
    ".csv": read_csv,
    ".parquet": read_parquet,
}


def read_table(path: str | Path) -> RawTable:
    """Return a file's cells, value labels and own missing codes, untouched; its suffix decides the reader (READERS).

    Raises DataError, in one sentence, if there is no such file, it is empty, cut off, protected or of another kind.
    """
    found = read_or_problem(Path(path))
    if isinstance(found, Problem):
        raise DataError(problem_table([found]))
    return found


def read_or_problem(file: Path) -> RawTable | Problem:
    """Return a file as `read_table` does, or what is wrong with it."""
    try:
        return _read(file)
    except UnreadableError as problem:
        return _problem(file, problem)


def find_file(folder: Path, stem: str) -> Path | Problem | None:
    """Return the one readable file of a study folder with that stem, None if there is none, or what is wrong."""
    same = [p for p in sorted(folder.iterdir()) if _folded(p.stem) == _folded(stem)]
    readable = [p for p in same if p.suffix.lower() in READERS]
    if len(readable) == 1:
        return readable[0]
    if readable:
        names = ", ".join(p.name for p in readable)
        message = f"{len(readable)} files have this name ({names}): keep one"
        return Problem(file=stem, rule="two_files", message=message)
    return _problem(same[0], _unknown_suffix(same[0])) if same else None


def near_file(folder: Path, stem: str, others: Iterable[str]) -> str | None:
    """Return the name of a readable file with nearly that stem, unless it is one of the `others`; None if none."""
    taken = {_folded(other) for other in others}
    readable = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in READERS and _folded(p.stem) not in taken]
    near = difflib.get_close_matches(_folded(stem), [_folded(p.stem) for p in readable], n=1, cutoff=0.75)
    return next((p.name for p in readable if [_folded(p.stem)] == near), None)


def _read(file: Path) -> RawTable:
    if file.is_dir():
        raise UnreadableError("is a folder, not a file")
    if not file.exists():
        raise UnreadableError("does not exist", rule="missing_file")
    if file.suffix.lower() not in READERS:
        raise _unknown_suffix(file)
    try:
        if file.stat().st_size == 0:
            raise UnreadableError("is empty (0 bytes)")
        return READERS[file.suffix.lower()](file)
    except OSError as problem:
        raise UnreadableError(f"cannot be opened ({problem.strerror or 'damaged'})") from None


def _unknown_suffix(file: Path) -> UnreadableError:
    if file.is_dir():
        return UnreadableError("is a folder, not a file")
    known = ", ".join(READERS)
    return UnreadableError(f"has a suffix that is not read; save it as one of {known}", rule="unknown_suffix")


def _problem(file: Path, problem: UnreadableError) -> Problem:
    message = f"the file {problem}" if problem.n_rows == 0 else f"{rows(problem.n_rows)}: {problem}"
    return Problem(file=file.name, rule=problem.rule, n_rows=problem.n_rows, message=message)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
