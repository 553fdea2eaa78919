"""The study-shaped table that every program fits: 256 families, ten municipalities, 9 regressors, 30 outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

FILE = Path(__file__).parents[1] / "reference" / "synth_study.csv"
OUTCOMES = tuple(f"y{i}" for i in range(1, 31))


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyTable:
    """The table as a frame and as arrays: x (256, 10) with a constant, y (30, 256), cluster (256,), contrast (10,)."""

    frame: pd.DataFrame
    covariates: tuple[str, ...]
    x: Array
    y: Array
    cluster: NDArray[np.intp]
    contrast: Array

    def formula(self, outcome: str) -> str:
        """Return the fixed part of the model in Wilkinson's notation."""
        return f"{outcome} ~ treat + {' + '.join(self.covariates)}"


def study_table() -> StudyTable:
    """Return the table, read from the reference file."""
    frame = pd.read_csv(FILE)
    covariates = tuple(c for c in frame.columns if c.startswith("x"))
    x = np.column_stack([np.ones(len(frame)), frame["treat"], frame[list(covariates)]]).astype(float)
    return StudyTable(
        frame=frame,
        covariates=covariates,
        x=x,
        y=frame[list(OUTCOMES)].to_numpy(dtype=float).T.copy(),
        cluster=frame["cluster"].to_numpy(),
        contrast=np.eye(x.shape[1])[1],
    )
