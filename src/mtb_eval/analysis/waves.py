"""Earlier waves: the effect at every wave, all waves at once, and whether the effect grew after the first year."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mtb_eval.analysis.coding_table import table
from mtb_eval.analysis.waves_difference import DIFFERENCE_COLUMNS, difference_in_effect_rows
from mtb_eval.analysis.waves_longitudinal import LONGITUDINAL_COLUMNS, longitudinal_rows
from mtb_eval.analysis.waves_series import BY_WAVE_COLUMNS, by_wave_rows
from mtb_eval.data.families import Study
from mtb_eval.study import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveTables:
    """Effects over time, unrounded; MTB minus usual care, standardised ones positive where they favour MTB.

    wave_effects: measure x wave after birth: primary model, CR2, Satterthwaite df; `outcome` "" where none is declared.
    longitudinal: measure with a pre-birth score x wave x analysis ("cLDA", "free baseline", "ANCOVA") x measure
        ("effect", "difference from the wave before", "difference before birth"); n_families all in the model.
    wave_differences: measure x analysis ("same families" by CR2 and WCR31, "all families" by CR2) and the mean of a
        family's scales: effect at the last wave minus effect at the wave before, in SD of each wave; effect_from,
        effect_to on the same families; mde smallest difference found with 80 % power; p_holm within family of outcomes.
    """

    wave_effects: pd.DataFrame
    longitudinal: pd.DataFrame
    wave_differences: pd.DataFrame


def waves(study: Study, plan: Plan) -> WaveTables:
    """Return effects over time; tables are empty where no measure was taken at two waves after birth."""
    return WaveTables(
        wave_effects=table(by_wave_rows(study, plan), BY_WAVE_COLUMNS),
        longitudinal=table(longitudinal_rows(study, plan), LONGITUDINAL_COLUMNS),
        wave_differences=table(difference_in_effect_rows(study, plan), DIFFERENCE_COLUMNS),
    )
