"""Rows of the tables on the design: an estimate with what every row carries, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping

import pandas as pd

from mtb_eval.analysis.care_effect import Row, attempt
from mtb_eval.analysis.model_data import ModelData
from mtb_eval.analysis.row_table import ESTIMATE, number, row_table
from mtb_eval.analysis.verdicts import few_df, sign_of
from mtb_eval.study import Outcome

ESTIMATE_COLUMNS = (
    "outcome",
    "family",
    "wave",
    "analysis",
    "method",
    *ESTIMATE,
    "standardised",
    "std_low",
    "std_high",
    "n_mtb",
    "n_control",
    "n_clusters",
    "warning",
    "error",
)
"""Of every estimate: raw scale, MTB minus usual care; standardised ones positive where they favour MTB."""

TEXTS = frozenset(
    {"outcome", "family", "wave", "analysis", "method", "source", "model", "municipality", "lot_arm", "shape"}
    | {"column", "label_en", "label_da", "kind", "warning", "error"}
)
FLAGS = frozenset({"randomised", "adjusted", "ci_open", "ci_disjoint", "one_sided"})

Build = Callable[[ModelData, float], Iterator[Row]]


def shared(data: ModelData, outcome: Outcome, sd: float) -> Row:
    """Return what every row of an outcome carries; "scale" turns raw into standardised values, `sd` is its unit."""
    return {
        "outcome": outcome.id,
        "family": outcome.family,
        "wave": outcome.wave,
        "n_mtb": float(data.mtb.sum()),
        "n_control": float((1 - data.mtb).sum()),
        "n_clusters": float(data.n_clusters),
        "scale": sign_of(outcome.better) / sd if sd > 0 else math.nan,
    }


def attempted(base: Mapping[str, object], data: ModelData, build: Build, level: float) -> list[Row]:
    """Return the rows that `build` makes, each on top of `base`, or one row that says why there is none."""
    return [completed(row) for row in attempt(base, data, build, level)]


def completed(row: Mapping[str, object]) -> Row:
    """Return a row with standardised estimate and limits, and a warning where df are too few for its p to be read."""
    scale = number(row, "scale")
    ends = sorted(scale * number(row, c) for c in ("ci_low", "ci_high"))
    return {
        **{k: v for k, v in row.items() if k != "scale"},
        "standardised": scale * number(row, "estimate"),
        "std_low": ends[0],
        "std_high": ends[1],
        "warning": joined(str(row.get("warning", "")), few_df(number(row, "df"))),
    }


def joined(*sentences: str) -> str:
    """Return the sentences that are not empty as one text."""
    return "; ".join(s for s in sentences if s)


def table(rows: Iterable[Mapping[str, object]], columns: tuple[str, ...]) -> pd.DataFrame:
    """Return rows as a frame with these columns: missing numbers NaN, missing texts empty, missing flags False.

    Raises KeyError if a row has another column.
    """
    return row_table(rows, columns, texts=TEXTS, flags=FLAGS)


def without_unit(rows: Iterable[Mapping[str, object]], columns: tuple[str, ...]) -> Iterator[Row]:
    """Yield the rows without the standardised values that a table has no columns for."""
    unwanted = {"standardised", "std_low", "std_high"} - set(columns)
    yield from ({k: v for k, v in row.items() if k not in unwanted} for row in rows)
