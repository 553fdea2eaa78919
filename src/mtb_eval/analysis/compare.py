"""Two effect tables held against each other: rows only in one, cells that differ, verdicts that changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mtb_eval.analysis.effect_table import EFFECT_COLUMNS, TEXTS
from mtb_eval.analysis.verdicts import verdict
from mtb_eval.study import VerdictRule

KEY = ("outcome", "wave", "estimand", "estimator", "method")


class CompareError(ValueError):
    """A file that is no effect table: says which, and what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What differs between two effect tables.

    `only_first`, `only_second`: keys of rows that only one has. `cells`: KEY, column, first, second of cells that
    differ beyond the tolerance. `verdicts`: KEY, first, second of rows whose tier changed.
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
    file = Path(path) / "effects.csv" if Path(path).is_dir() else Path(path)
    try:
        table = pd.read_csv(file, keep_default_na=False, na_values={c: [""] for c in EFFECT_COLUMNS if c not in TEXTS})
    except FileNotFoundError:
        raise CompareError(f"{file}: the file does not exist") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, PermissionError) as problem:
        raise CompareError(f"{file}: not readable as CSV ({type(problem).__name__})") from None
    missing = [c for c in EFFECT_COLUMNS if c not in table]
    if missing:
        raise CompareError(f"{file}: not an effect table; {len(missing)} columns are missing, first {missing[0]!r}")
    numbers = {c: pd.to_numeric(table[c], errors="coerce") for c in EFFECT_COLUMNS if c not in TEXTS}
    broken = [c for c, x in numbers.items() if (x.isna() & table[c].notna()).any()]
    if broken:
        raise CompareError(f"{file}: column {broken[0]} holds text where numbers are needed")
    repeated = int(table.duplicated(list(KEY)).sum())
    if repeated:
        raise CompareError(f"{file}: {repeated} rows repeat another row's {', '.join(KEY)}")
    return table.assign(**numbers)


def compare(
    first: pd.DataFrame, second: pd.DataFrame, *, rtol: float = 1e-8, atol: float = 1e-10, rule: VerdictRule
) -> Comparison:
    """Return what differs between two effect tables; numbers a and b agree if |a - b| <= atol + rtol |a|, or both NaN.

    Rows are matched by KEY, so that order does not matter. Verdicts are the tiers of p under `rule`.
    """
    key = list(KEY)
    left, right = first.set_index(key).sort_index(), second.set_index(key).sort_index()
    shared = left.index.intersection(right.index)
    a, b = left.loc[shared], right.loc[shared]
    cells = [_differing(a, b, column, rtol, atol) for column in EFFECT_COLUMNS if column not in KEY]
    return Comparison(
        only_first=_keys(left.index.difference(right.index)),
        only_second=_keys(right.index.difference(left.index)),
        cells=pd.concat(cells, ignore_index=True),
        verdicts=_changed_verdicts(a, b, rule),
        n_rows=len(shared),
    )


def _differing(a: pd.DataFrame, b: pd.DataFrame, column: str, rtol: float, atol: float) -> pd.DataFrame:
    x, y = a[column], b[column]
    if column in TEXTS:
        different = (x != y).to_numpy()
    else:
        u, v = x.to_numpy(dtype=float), y.to_numpy(dtype=float)
        different = ~np.isclose(v, u, rtol=rtol, atol=atol, equal_nan=True)
    found = _keys(a.index[different])
    return found.assign(column=column, first=list(map(str, x[different])), second=list(map(str, y[different])))


def _changed_verdicts(a: pd.DataFrame, b: pd.DataFrame, rule: VerdictRule) -> pd.DataFrame:
    tiers = [[str(verdict(float(p), rule)) for p in t["p"]] for t in (a, b)]
    changed = np.array([u != v for u, v in zip(*tiers, strict=True)], dtype=bool)
    found = _keys(a.index[changed])
    return found.assign(first=np.array(tiers[0])[changed], second=np.array(tiers[1])[changed])


def _keys(index: pd.Index) -> pd.DataFrame:
    return index.to_frame(index=False).reset_index(drop=True)
