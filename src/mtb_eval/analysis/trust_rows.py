"""Rows and frames of the tables on trust: estimates of further models with what every row carries."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import Row, primary_rows
from mtb_eval.analysis.design_rows import Build, attempted, joined, shared
from mtb_eval.analysis.model_data import ModelData
from mtb_eval.analysis.row_table import ESTIMATE, row_table
from mtb_eval.data.families import Study
from mtb_eval.study import Outcome

Array = NDArray[np.float64]

MODEL_COLUMNS = (
    "outcome",
    "family",
    "wave",
    "population",
    "estimand",
    "estimator",
    "method",
    *ESTIMATE,
    "standardised",
    "std_low",
    "std_high",
    "ratio",
    "ratio_low",
    "ratio_high",
    "n_mtb",
    "n_control",
    "n_clusters",
    "share_mtb",
    "share_control",
    "warning",
    "error",
)
"""An effect table with ratios; `share_mtb` and `share_control` are the arms' shares where the outcome is 0/1."""

TEXTS = frozenset(
    {"outcome", "family", "wave", "population", "estimand", "estimator", "method", "municipality", "sample", "measure"}
    | {
        "label_en",
        "label_da",
        "form",
        "calendar",
        "weights",
        "statistic",
        "component",
        "column",
        "warning",
        "error",
        "why",
    }
    | {"verdict", "verdict_multiplicity", "replica_verdict", "replica_verdict_multiplicity", "direction"}
    | {"grade", "missing"}
)
FLAGS = frozenset({"municipality_dummies", "covariates", "baseline", "decides", "reachable", "both_arms", "same_sign"})


def model_base(data: ModelData, outcome: Outcome, *, estimand: str, estimator: str) -> Row:
    """Return what every row of a further model of an outcome carries; "scale" turns raw into standardised values."""
    shares = _shares(data) if set(np.unique(data.y)) <= {0.0, 1.0} else {}
    return {
        **shared(data, outcome, data.sd),
        **shares,
        "population": outcome.population or "",
        "estimand": estimand,
        "estimator": estimator,
    }


def model_rows(base: Mapping[str, object], data: ModelData, build: Build, level: float) -> Iterator[Row]:
    """Yield the rows that `build` makes, or one that says why there is none; "log" ones with their ratios.

    A row with "log_scale" set is a log ratio: it has no standardised value.
    """
    for row in attempted(base, data, build, level):
        yield _with_ratio(row) if row.pop("log_scale", False) else row


def primary_with_note(note: str) -> Build:
    """Return the builder of the primary model's rows with `note` before their warnings."""

    def build(data: ModelData, level: float) -> Iterator[Row]:
        yield from ({**row, "warning": joined(note, str(row["warning"]))} for row in primary_rows(data, level))

    return build


def with_column(study: Study, name: str, values: Array) -> Study:
    """Return the study with one more column of the families table."""
    return replace(study, families=study.families.assign(**{name: values}))


def frame(rows: Iterable[Mapping[str, object]], columns: tuple[str, ...]) -> pd.DataFrame:
    """Return rows as a frame with these columns: missing numbers NaN, missing texts empty, missing flags False.

    Raises KeyError if a row has another column.
    """
    return row_table(rows, columns, texts=TEXTS, flags=FLAGS)


def _shares(data: ModelData) -> Row:
    arms = {"share_mtb": data.y[data.mtb == 1], "share_control": data.y[data.mtb == 0]}
    return {name: float(y.mean()) if len(y) else math.nan for name, y in arms.items()}


def _with_ratio(row: Row) -> Row:
    ends = {"ratio": "estimate", "ratio_low": "ci_low", "ratio_high": "ci_high"}
    ratios = {name: math.exp(float(row[c])) for name, c in ends.items()}  # type: ignore[arg-type]
    return {**row, **ratios, "standardised": math.nan, "std_low": math.nan, "std_high": math.nan}
