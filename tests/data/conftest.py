"""A small second study (fixtures/small), written by the tests in the formats that studies arrive in."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from mtb_eval.data import Study, check_study, load_study
from mtb_eval.study import Plan, load_plan

FIXTURES = Path(__file__).parent / "fixtures"
WORK_LABELS = {1: "Ja", 2: "Nej", 98: "Ikke relevant", 99: "Uoplyst"}
ANSWER_LABELS = {0: "Aldrig", 1: "Sjældent", 2: "Ofte", 3: "Altid", 99: "Uoplyst"}


class SmallStudy:
    """The small study's raw tables (by file stem), which a test may spoil before it writes and loads them."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self.plan = folder, plan
        self.tables = {"familier": _register(), "trivsel": _questionnaire(), "besøg": _visits(), "udgifter": _costs()}

    def write(self) -> Path:
        self.folder.mkdir(exist_ok=True)
        write_csv(self.tables["familier"], self.folder / "familier.csv")
        write_sav(self.tables["trivsel"], self.folder / "trivsel.sav")
        self.tables["besøg"].to_stata(self.folder / "besøg.dta", version=114, write_index=False)
        self.tables["udgifter"].to_excel(self.folder / "udgifter.xlsx", index=False)
        shutil.copy(FIXTURES / "kommuner.sas7bdat", self.folder)
        return self.folder

    def load(self) -> Study:
        return load_study(self.write(), self.plan)

    def problems(self) -> pd.DataFrame:
        return check_study(self.write(), self.plan)


@pytest.fixture(scope="session")
def small_plan() -> Plan:
    return load_plan(FIXTURES / "small")


@pytest.fixture
def small(tmp_path: Path, small_plan: Plan) -> SmallStudy:
    return SmallStudy(tmp_path / "undersøgelse", small_plan)


@pytest.fixture
def writers() -> dict[str, Callable[[pd.DataFrame, Path], None]]:
    """How to write the questionnaire in each format."""
    return {
        ".sav": write_sav,
        ".zsav": lambda frame, path: write_sav(frame, path, compress=True),
        ".dta": lambda frame, path: pyreadstat.write_dta(frame, path, version=15, variable_value_labels=labels(frame)),
        ".xlsx": lambda frame, path: frame.to_excel(path, index=False),
        ".csv": write_csv,
        ".parquet": lambda frame, path: frame.to_parquet(path),
    }


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """As a Danish Excel does: semicolons, decimal comma, Windows-1252."""
    frame.to_csv(path, index=False, sep=";", decimal=",", encoding="cp1252")


def write_sav(frame: pd.DataFrame, path: Path, *, compress: bool = False) -> None:
    missing = {c: [{"lo": 98, "hi": 99}] for c in labels(frame)}
    pyreadstat.write_sav(frame, path, variable_value_labels=labels(frame), missing_ranges=missing, compress=compress)


def labels(frame: pd.DataFrame) -> dict[str, dict[int, str]]:
    items = {c: ANSWER_LABELS for c in frame if c.startswith("tr")}
    return {**items, **({"arbejde": WORK_LABELS} if "arbejde" in frame else {})}


def ids() -> list[str]:
    return [f"{i:03d}" for i in range(1, 17)]


def _register() -> pd.DataFrame:
    places = ["Ærø", "Åbenrå", "Sønderby", "Nørrevang"]
    return pd.DataFrame(
        {
            "løbenr": ids(),
            "kommune": [places[i % 4] for i in range(16)],
            "gruppe": [1, 1, 1, 1, 0, 0, 0, 0] * 2,
            "start": [f"{1 + i:02d}-{1 + i % 12:02d}-2021" for i in range(16)],
            "indkomst": [f"{200 + i},5" for i in range(16)],
            "børn": [i % 3 for i in range(16)],
            "bemærkning": ["", "født på Ærø; flyttet", *[""] * 14],
        }
    )


def _questionnaire() -> pd.DataFrame:
    """All 16 at the start, the first 12 at the end: answers 0 to 3 by turns, some missing in each way."""
    rows = [(i, 0) for i in range(16)] + [(i, 6) for i in range(12)]
    who = np.array([i for i, _ in rows])
    frame = pd.DataFrame({"løbenr": np.array(ids())[who], "måling": [w for _, w in rows]})
    frame["arbejde"] = np.where(who % 5 == 4, 98.0, 1.0 + who % 2)
    frame["timer"] = np.where(who % 2 == 0, 37.5, 0.0)
    for k in range(1, 4):
        frame[f"tr{k:02d}"] = ((who + k) % 4).astype(float)
    frame.loc[0, "tr01"], frame.loc[1, "tr01"], frame.loc[1, "tr02"] = np.nan, 99.0, 99.0
    return frame


def _visits() -> pd.DataFrame:
    days = pd.to_datetime(["2021-12-20", "2022-01-03", "2022-02-01", "2022-01-10"])
    return pd.DataFrame({"loebenr": ["001", "001", "001", "002"], "dato": days, "minutter": [60, 45, 50, 30]})


def _costs() -> pd.DataFrame:
    return pd.DataFrame({"kommune": ["Ærø", "Åbenrå"], "kroner": [1000.5, 2000.0]})
