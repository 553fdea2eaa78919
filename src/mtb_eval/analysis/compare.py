"""Two tables of estimates held against each other: rows only in one, cells that differ, verdicts that changed.

Effect tables, and where both reports have them the tests of placements, so that a newer register extract shows which
conclusions it changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mtb_eval.analysis.effect_table import EFFECT_COLUMNS
from mtb_eval.analysis.effect_table import TEXTS as EFFECT_TEXTS
from mtb_eval.analysis.placements_data import TEST_COLUMNS
from mtb_eval.analysis.row_table import TEXTS as ROW_TEXTS
from mtb_eval.analysis.verdicts import verdict
from mtb_eval.study import VerdictRule


@dataclass(frozen=True, slots=True, kw_only=True)
class TableKind:
    """A table of estimates as a report folder holds it: file, name with article, what identifies a row, columns."""

    file: str
    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    texts: frozenset[str]


EFFECTS = TableKind(
    file="effects.csv",
    name="an effect table",
    key=("outcome", "wave", "estimand", "estimator", "method"),
    columns=EFFECT_COLUMNS,
    texts=EFFECT_TEXTS,
)
PLACEMENTS = TableKind(
    file="tables/placement_tests.csv",
    name="a table of placement tests",
    key=("source", "analysis", "measure", "method"),
    columns=TEST_COLUMNS,
    texts=ROW_TEXTS & frozenset(TEST_COLUMNS),
)


class CompareError(ValueError):
    """A file that is no such table: says which, and what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What differs between two tables of one kind.

    `only_first`, `only_second`: keys of rows that only one has. `cells`: key, column, first, second of cells that
    differ beyond the tolerance. `verdicts`: key, first, second of rows whose tier changed.
    """

    only_first: pd.DataFrame
    only_second: pd.DataFrame
    cells: pd.DataFrame
    verdicts: pd.DataFrame
    n_rows: int

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (len(self.only_first) or len(self.only_second) or len(self.cells) or len(self.verdicts))


def read_effects(path: str | Path) -> pd.DataFrame:
    """Return an effect table from CSV (or from effects.csv in a report folder).

    Raises CompareError if the file is missing, unreadable, without an effect table's columns or with repeated rows.
    """
    return _read(Path(path) / EFFECTS.file if Path(path).is_dir() else Path(path), EFFECTS)


def read_placements(path: str | Path) -> pd.DataFrame | None:
    """Return the tests of placements in a report folder; None for a file, and for a folder without them.

    Raises CompareError as `read_effects` does.
    """
    file = Path(path) / PLACEMENTS.file
    return _read(file, PLACEMENTS) if file.is_file() else None


def compare(
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    rtol: float = 1e-8,
    atol: float = 1e-10,
    rule: VerdictRule,
    kind: TableKind = EFFECTS,
) -> Comparison:
    """Return what differs between two tables; numbers a and b agree if |a - b| <= atol + rtol |a|, or both NaN.

    Rows are matched by the key of their kind, so that order does not matter. Verdicts are the tiers of p under `rule`.
    """
    key = list(kind.key)
    left, right = first.set_index(key).sort_index(), second.set_index(key).sort_index()
    shared = left.index.intersection(right.index)
    a, b = left.loc[shared], right.loc[shared]
    cells = [
        _differing(a, b, column, None if column in kind.texts else (rtol, atol))
        for column in kind.columns
        if column not in kind.key
    ]
    return Comparison(
        only_first=_keys(left.index.difference(right.index)),
        only_second=_keys(right.index.difference(left.index)),
        cells=pd.concat(cells, ignore_index=True),
        verdicts=_changed_verdicts(a, b, rule),
        n_rows=len(shared),
    )


def _read(file: Path, kind: TableKind) -> pd.DataFrame:
    numeric = [c for c in kind.columns if c not in kind.texts]
    try:
        table = pd.read_csv(file, keep_default_na=False, na_values={c: [""] for c in numeric})
    except FileNotFoundError:
        raise CompareError(f"{file}: the file does not exist") from None
    except PermissionError:
        raise CompareError(f"{file}: the file may not be read") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as problem:
        why = "is empty" if isinstance(problem, pd.errors.EmptyDataError) else "is damaged or of another kind"
        raise CompareError(f"{file}: not readable as CSV, the file {why}") from None
    missing = [c for c in kind.columns if c not in table]
    if missing:
        raise CompareError(f"{file}: not {kind.name}; {len(missing)} columns are missing, first {missing[0]!r}")
    numbers = {c: pd.to_numeric(table[c], errors="coerce") for c in numeric}
    broken = [c for c, x in numbers.items() if (x.isna() & table[c].notna()).any()]
    if broken:
        raise CompareError(f"{file}: column {broken[0]} holds text where numbers are needed")
    repeated = int(table.duplicated(list(kind.key)).sum())
    if repeated:
        raise CompareError(f"{file}: {repeated} rows repeat another row's {', '.join(kind.key)}")
    return table.assign(**numbers)


def _differing(a: pd.DataFrame, b: pd.DataFrame, column: str, tolerance: tuple[float, float] | None) -> pd.DataFrame:
    """Return the cells of a column that differ; `tolerance` relative and absolute, None for texts."""
    x, y = a[column], b[column]
    if tolerance is None:
        different = (x != y).to_numpy()
    else:
        u, v = x.to_numpy(dtype=float), y.to_numpy(dtype=float)
        different = ~np.isclose(v, u, rtol=tolerance[0], atol=tolerance[1], equal_nan=True)
    found = _keys(a.index[different])
    return found.assign(column=column, first=list(map(str, x[different])), second=list(map(str, y[different])))


def _changed_verdicts(a: pd.DataFrame, b: pd.DataFrame, rule: VerdictRule) -> pd.DataFrame:
    tiers = [[str(verdict(float(p), rule)) for p in t["p"]] for t in (a, b)]
    changed = np.array([u != v for u, v in zip(*tiers, strict=True)], dtype=bool)
    found = _keys(a.index[changed])
    return found.assign(first=np.array(tiers[0])[changed], second=np.array(tiers[1])[changed])


def _keys(index: pd.Index) -> pd.DataFrame:
    return index.to_frame(index=False).reset_index(drop=True)
