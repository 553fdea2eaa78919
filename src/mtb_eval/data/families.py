"""The loaded study: one table per grain, checked, cleaned and scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

PlacementsFrom = Literal["registration", "register", "nothing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study's families and what was recorded of them; frames are never changed in place.

    families: one row per family, index 0..n-1, sorted by municipality and family. Columns: family_id (str),
        municipality (str), mtb (1.0 MTB, 0.0 usual care), the other columns of the families source, every score,
        cut-off and variable as `<name>_<wave>` (float, NaN where missing), `answered_<wave>` (bool: a
        questionnaire of that wave exists), `video_<wave>` (bool), n_visits (held visits up to the day of the
        last wave's age; 0.0 in usual care, NaN in MTB where there is no visit log), calendar_years (years from the
        plan's first recruitment day), and the placement outcome (1.0 placed before its age limit, else 0.0).
    answers: by wave id, one row per answered questionnaire: family_id and the instruments' item columns as
        answer codes before reversal and points, ticks as 1 (float, NaN where missing or not applicable).
    ratings: one row per video and coder: family_id, wave, coder, recorded_on, rated_on, item columns.
    visits: one row per visit: family_id, visited_on, clinician, status, father_present, minutes.
    placements: one row per spell, from the municipalities' registration or, without such a file, from the register
        extract (`placements_from`). register_events: one row per event of that extract; no columns without it.
    usual_care: one row per service. costs, interviews: as declared.
    municipalities: one row per municipality as in its file.
    missing: one row per source and column with counts by reason: source, column, reason, n (no person's value).
    files: SHA-256 by file name. synthetic: the data are made, not collected.
    """

    families: pd.DataFrame
    answers: Mapping[str, pd.DataFrame]
    ratings: pd.DataFrame
    visits: pd.DataFrame
    placements: pd.DataFrame
    usual_care: pd.DataFrame
    costs: pd.DataFrame
    interviews: pd.DataFrame
    municipalities: pd.DataFrame
    missing: pd.DataFrame
    files: Mapping[str, str]
    synthetic: bool
    register_events: pd.DataFrame = field(default_factory=pd.DataFrame)
    placements_from: PlacementsFrom = "registration"
