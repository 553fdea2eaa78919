"""Writers of .sav, .dta, .xlsx and .csv whose bytes depend on the table alone: the clock is taken out of each."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyreadstat

from mtb_eval.data.synthetic.labels import Labels

SAV_CREATED = slice(92, 109)  # creation date (9) and time (8) in the header of a system file
SAV_CREATED_BYTES = b"01 Jan 2000:00:00"
MADE = datetime(2020, 1, 1)  # stands for the clock
ZIP_TIME = (2020, 1, 1, 0, 0, 0)
XML_TIME = b"2020-01-01T00:00:00Z"


def write_sav(frame: pd.DataFrame, file: Path, labels: Labels) -> None:
    """Write SPSS: value labels, variable labels, dates as dates, user-missing codes declared as such."""
    pyreadstat.write_sav(
        _with_dates(frame),
        str(file),
        file_label=labels.file[:64],
        column_labels=[labels.columns.get(c, c) for c in frame.columns],
        variable_value_labels=_values(frame, labels),
        missing_ranges={c: [float(m) for m in v] for c, v in labels.missing.items() if c in frame.columns},
        row_compress=True,
    )
    data = bytearray(file.read_bytes())
    data[SAV_CREATED] = SAV_CREATED_BYTES
    file.write_bytes(bytes(data))


def write_dta(frame: pd.DataFrame, file: Path, labels: Labels) -> None:
    """Write Stata 14 (format 118): value labels, variable labels, dates as days."""
    frame.to_stata(
        file,
        version=118,
        write_index=False,
        convert_dates=dict.fromkeys(_date_columns(frame), "td"),
        time_stamp=MADE,
        data_label=labels.file[:80],
        variable_labels={c: labels.columns.get(c, c)[:80] for c in frame.columns},
        value_labels=_values(frame, labels),
    )


def write_xlsx(frame: pd.DataFrame, file: Path, labels: Labels) -> None:
    """Write one sheet with dates as dates; times are constants, and nothing is compressed: zlib versions differ."""
    buffer = io.BytesIO()
    with pd.ExcelWriter(buffer, engine="openpyxl", date_format="yyyy-mm-dd") as writer:
        _with_dates(frame).to_excel(writer, sheet_name="data", index=False)
    file.write_bytes(_without_times(buffer.getvalue()))


def write_csv(frame: pd.DataFrame, file: Path, labels: Labels) -> None:
    """Write Danish CSV: UTF-8, semicolons, decimal commas, dates as dd-mm-yyyy."""
    text = frame.copy()
    for column in _date_columns(frame):
        text[column] = frame[column].dt.strftime("%d-%m-%Y")
    text.to_csv(file, sep=";", decimal=",", index=False, encoding="utf-8", lineterminator="\n")


def _values(frame: pd.DataFrame, labels: Labels) -> dict[str, dict[float, str]]:
    return {c: {float(k): text for k, text in v.items()} for c, v in labels.values.items() if c in frame.columns}


def _date_columns(frame: pd.DataFrame) -> list[str]:
    return [c for c in frame.columns if pd.api.types.is_datetime64_any_dtype(frame[c])]


def _with_dates(frame: pd.DataFrame) -> pd.DataFrame:
    dates = {c: frame[c].dt.date for c in _date_columns(frame)}
    return frame.assign(**{c: d.where(frame[c].notna(), None) for c, d in dates.items()})


def _without_times(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", XML_TIME, content)
            new.writestr(zipfile.ZipInfo(name, date_time=ZIP_TIME), content)
    return buffer.getvalue()
