"""Problems found in study files: a table of rules broken, with counts and never a person's value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass

import pandas as pd

PROBLEM_COLUMNS = ("file", "column", "rule", "n_rows", "message")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One rule that a column of a file breaks in `n_rows` rows (0: the file or the column as a whole)."""

    file: str
    column: str = ""
    rule: str
    n_rows: int = 0
    message: str


class DataError(ValueError):
    """Study files that cannot be used; `problems` has one row per file, column and rule (PROBLEM_COLUMNS)."""

    def __init__(self, problems: pd.DataFrame) -> None:
        super().__init__(_sentence(problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type[DataError], tuple[pd.DataFrame]]:
        return DataError, (self.problems,)


def problem_table(problems: Iterable[Problem]) -> pd.DataFrame:
    """Return problems as a table with PROBLEM_COLUMNS, in the order given."""
    return pd.DataFrame([astuple(p) for p in problems], columns=list(PROBLEM_COLUMNS)).astype({"n_rows": "int64"})


def rows(n: int) -> str:
    """Return a count of rows in words: "1 row", "3 rows"."""
    return "1 row" if n == 1 else f"{n} rows"


def _sentence(problems: pd.DataFrame) -> str:
    files = list(dict.fromkeys(problems["file"]))
    where = ", ".join(files[:3]) + (f" and {len(files) - 3} more files" if len(files) > 3 else "")
    if len(problems) == 1:
        column = problems["column"].iloc[0]
        return f"{where}{f', column {column}' if column else ''}: {problems['message'].iloc[0]}"
    return f"{len(problems)} problems in {where}: list them with `mtb-eval check FOLDER`, or see .problems"
