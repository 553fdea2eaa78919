"""Raw tables -> files in the formats that real studies arrive in, the same bytes for the same study."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from mtb_eval.data.synthetic.formats import write_csv, write_dta, write_sav, write_xlsx
from mtb_eval.data.synthetic.labels import Labels, labels_of
from mtb_eval.study import Plan

Writer = Callable[[pd.DataFrame, Path, Labels], None]

WRITERS: Mapping[str, Writer] = {".sav": write_sav, ".dta": write_dta, ".xlsx": write_xlsx, ".csv": write_csv}
SUFFIXES: Mapping[str, str] = {
    "families": ".xlsx",
    "questionnaire": ".sav",
    "ratings": ".xlsx",
    "visits": ".csv",
    "usual_care": ".dta",
    "placements": ".dta",
    "register_events": ".csv",
    "municipalities": ".csv",
    "costs": ".csv",
    "interviews": ".csv",
}


def write_study(
    raw: Mapping[str, pd.DataFrame], plan: Plan, folder: str | Path, *, suffixes: Mapping[str, str] | None = None
) -> list[Path]:
    """Write every table of a raw study to `folder` and return the files, in the plan's order.

    `suffixes` chooses another format (.sav, .dta, .xlsx, .csv) by role. Raises ValueError on a format that cannot
    be written.
    """
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    chosen = {**SUFFIXES, **(suffixes or {})}
    files = []
    for source in plan.sources:
        suffix = chosen[source.role]
        if suffix not in WRITERS:
            raise ValueError(f"synthetic study: {suffix} cannot be written, only {', '.join(WRITERS)}")
        file = root / f"{source.file}{suffix}"
        WRITERS[suffix](raw[source.id], file, labels_of(plan, source))
        files.append(file)
    return files
