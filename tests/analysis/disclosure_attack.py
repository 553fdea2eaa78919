"""An attacker who has only the shown tables, and knows how the numbers in them belong together.

Nothing is taken from disclosure.toml: what belongs together is found in the tables themselves, by trying which
decimals are parts of a count, which are differences of two such parts, and which counts add up to others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd

Tables = Mapping[str, pd.DataFrame]
OTHERS = ("of", "held", "cancelled", "registered", "served", "without_service", "both", "neither", "unknown")
NOT_OF_FAMILIES = {
    "n_clusters",
    "n_cells",
    "n_cells_negative",
    "n_specifications",
    "n_draws",
    "n_lots",
    "n_coders",
    "n_municipalities",
    "n_items",
    "n_cuts",
    "n_kept",
    "n_effects",
    "n_both_arms",
}
TESTS = ("p", "share_cells", "share_significant", "share_expected")  # parts of draws, cells and specifications
RATERS = ("coder_items", "coder_reliability", "coder_drift")  # how raters agree is of the raters
MISSING = {("usual_care", "value")}  # that a registration is missing is no characteristic of a family
PLAIN = ("estimate", "lower", "upper", "risk_difference")  # what may be a plain difference
WHOLE = ("all", "any", "")
EXACT = 1e-9


def given_away(raw: Tables, shown: Tables, threshold: int) -> list[str]:
    """Return where the shown tables give a count from 1 to the threshold less 1; `raw` tells what belongs together."""
    found: list[str] = []
    for name, frame in raw.items():
        if name in shown and len(shown[name]) == len(frame) > 0 and name not in RATERS:
            pair = frame.reset_index(drop=True), shown[name].reset_index(drop=True)
            for attack in (_parts, _differences, _sums, _totals):
                found += [f"{name}: {what}" for what in attack(name, *pair, threshold)]
    return found


def _parts(name: str, raw: pd.DataFrame, shown: pd.DataFrame, threshold: int) -> Iterator[str]:
    """Yield decimals that with a shown count of their row give a small part of it, or leave a small rest."""
    for column in _decimals(raw):
        if (name, column) in MISSING:
            continue
        groups = _alike(raw, column) if shown[column].notna().any() else []
        for base in _counts(raw):
            for rows in groups:
                n, part = raw.loc[rows, base], raw.loc[rows, column] * raw.loc[rows, base]
                true = raw.loc[rows, column].between(0, 1, inclusive="neither") & (n > 0)
                if not true.any() or not _whole(part[true]).all():
                    continue
                seen = true & shown.loc[rows, column].notna() & shown.loc[rows, base].notna()
                if (_small(part[seen], threshold) | _small((n - part)[seen], threshold)).any():
                    yield f"{column} of {base}"


def _differences(name: str, raw: pd.DataFrame, shown: pd.DataFrame, threshold: int) -> Iterator[str]:
    """Yield differences of two proportions of a yes/no measure from which small numbers of yes or no can be found."""
    rows = shown[_yes_no(raw)]
    for first, second in combinations(_counts(raw), 2):
        for column in [c for c in _decimals(raw) if c.startswith(PLAIN)]:
            for value, n, of in rows[[column, first, second]].dropna().drop_duplicates().to_numpy(float).tolist():
                fits = _events(value, int(n), int(of)) if 0 < abs(value) < 1 and min(n, of) > 1 else []
                if len(fits) == 1 and any(0 < k < threshold for k in fits[0]):
                    yield f"{column} as {first} against {second}"


@cache
def _events(value: float, n: int, of: int) -> list[tuple[int, int, int, int]]:
    gaps = np.arange(n + 1)[:, None] / n - np.arange(of + 1) / of
    return [(i, n - i, j, of - j) for i, j in np.argwhere(np.abs(gaps - value) < EXACT).tolist()]


def _sums(name: str, raw: pd.DataFrame, shown: pd.DataFrame, threshold: int) -> Iterator[str]:
    """Yield counts of a row that are the sum of two others, or make one sum with another, where one is missing."""
    counts = _counts(raw) if shown[_counts(raw)].isna().any(axis=None) else []
    for total in counts:
        for parts in combinations([c for c in counts if c != total], 2):
            yield from _solved(raw, shown, threshold, {total: 1.0, **dict.fromkeys(parts, -1.0)})
    for four in combinations(counts, 4):
        for pair in combinations(four[1:], 1):
            signs = {c: 1.0 if c in (four[0], *pair) else -1.0 for c in four}
            yield from _solved(raw, shown, threshold, signs)


def _solved(raw: pd.DataFrame, shown: pd.DataFrame, threshold: int, signs: dict[str, float]) -> Iterator[str]:
    numbers = raw[[*signs]].to_numpy(float)
    full = np.isfinite(numbers).all(axis=1) & (numbers != 0).all(axis=1)
    if full.sum() < 2 or (numbers[full] @ np.array([*signs.values()])).any():
        return
    missing = shown.loc[full, [*signs]].isna()
    alone = missing[missing.sum(axis=1) == 1]
    values = raw.loc[alone.index, [*signs]].where(alone).sum(axis=1)
    if _small(values, threshold).any():
        yield " + ".join(signs)


def _totals(name: str, raw: pd.DataFrame, shown: pd.DataFrame, threshold: int) -> Iterator[str]:
    """Yield counts that are the sum of those of the other rows of their kind, where one of all these is missing."""
    counts = [c for c in _counts(raw) if shown[c].isna().any()]
    keys = [c for c in raw if raw[c].map(lambda v: isinstance(v, str)).all() and not str(c).startswith("label")]
    for axis in [k for k in keys if raw[k].isin(WHOLE).any() and not raw[k].isin(WHOLE).all()]:
        others = [k for k in keys if k != axis and k not in ("method", "warning", "error")]
        groups = [g.index for _, g in raw.groupby(others)] if others else [raw.index]
        for rows in groups:
            whole = raw.loc[rows, axis].isin(WHOLE)
            if whole.sum() != 1 or len(rows) < 3:
                continue
            for column in [c for c in counts if shown.loc[rows, c].isna().sum() == 1]:
                values = raw.loc[rows, column]
                missing = values[shown.loc[rows, column].isna()]
                if (
                    values[whole].sum() == values[~whole].sum()
                    and len(missing) == 1
                    and _small(missing, threshold).any()
                ):
                    yield f"{column} over {axis}"


def _decimals(frame: pd.DataFrame) -> list[str]:
    floats = [str(c) for c in frame if pd.api.types.is_float_dtype(frame[c]) and not str(c).startswith("n_")]
    return [c for c in floats if not any(c == t or c.startswith(f"{t}_") for t in TESTS) and not c.endswith("_p")]


def _counts(frame: pd.DataFrame) -> list[str]:
    named = [str(c) for c in frame if str(c) == "n" or str(c).startswith("n_") or c in OTHERS]
    return [c for c in named if c not in NOT_OF_FAMILIES and _numeric(frame[c]) and _whole(frame[c].dropna()).all()]


def _numeric(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column)) and not pd.api.types.is_bool_dtype(column)


def _alike(frame: pd.DataFrame, column: str) -> list[pd.Index]:
    """Return the rows in which a column is one thing: a mean is a proportion on yes/no measures only."""
    if column.startswith("mean"):
        return [frame.index[_yes_no(frame)]]
    key = next((c for c in ("measure", "statistic") if c in frame), None)
    return [frame.index] if key is None else [pd.Index(rows) for rows in frame.groupby(key).groups.values()]


def _yes_no(frame: pd.DataFrame) -> pd.Series:
    if "kind" in frame:
        return frame["kind"].isin(["share", "binary"])
    found = pd.Series(data=False, index=frame.index)
    for key in ("outcome", "column", "measure"):
        if key in frame:
            found |= frame[key].isin(YES_NO)
    return found


YES_NO = ("employed", "in_education", "too_few_contacts", "placed_out_of_home", "first_child")


def _whole(values: pd.Series) -> pd.Series:
    return (values - values.round()).abs() < EXACT * 100


def _small(values: pd.Series, threshold: int) -> pd.Series:
    return (values.round() > 0) & (values.round() < threshold)
