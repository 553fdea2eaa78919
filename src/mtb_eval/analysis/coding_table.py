"""Frames with fixed columns from the rows of the coding and wave tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import pandas as pd

from mtb_eval.analysis.care_effect import FAILURES, Row
from mtb_eval.analysis.row_table import row_table

TEXTS = frozenset(
    {"outcome", "family", "wave", "column", "scale", "item", "instrument", "kind", "arm", "coder", "measure"}
    | {"coefficient", "analysis", "method", "label_en", "label_da", "better", "from_wave", "to_wave", "sample"}
    | {"warning", "error"}
)


def table(rows: Iterable[Mapping[str, object]], columns: tuple[str, ...]) -> pd.DataFrame:
    """Return rows as a frame with these columns: missing numbers NaN, missing texts empty.

    Raises KeyError if a row has another column.
    """
    return row_table(rows, columns, texts=TEXTS)


def or_reason(base: Row, build: Callable[[], Row]) -> Row:
    """Return what `build` makes on top of `base`, or `base` with the sentence why it could not."""
    try:
        return {**base, **build()}
    except FAILURES as failure:
        return {**base, "error": str(failure)}
