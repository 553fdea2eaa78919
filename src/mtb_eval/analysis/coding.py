"""How well interaction was measured: agreement of coders, drift, scales, and what error does to the effects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mtb_eval.analysis.care_effect import Row
from mtb_eval.analysis.coding_attenuation import ATTENUATION_COLUMNS, attenuation_rows
from mtb_eval.analysis.coding_drift import DRIFT_COLUMNS, drift_rows
from mtb_eval.analysis.coding_ratings import Videos, film_waves, rated_instruments, videos
from mtb_eval.analysis.coding_reliability import (
    ITEM_COLUMNS,
    RATER_COLUMNS,
    RELIABILITY_COLUMNS,
    item_rows,
    rater_rows,
    reliability_rows,
)
from mtb_eval.analysis.coding_scales import SCALE_COLUMNS, scale_rows
from mtb_eval.analysis.coding_table import table
from mtb_eval.analysis.interaction_change import CHANGE_WEIGHT_COLUMNS, change_weight_rows
from mtb_eval.data.families import Study
from mtb_eval.study import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class CodingTables:
    """Tables on the measurement of interaction, unrounded.

    video_raters: instrument x wave x arm ("all", "mtb", "control"): videos, of which rated twice, coders, ratings a
        video, median days from filming to rating, `coder_by_arm` (Cramer's V, arm "all"). Blinding cannot be tested.
    coder_reliability: scale x wave ("" all waves together) x coefficient: ICC(2,1), ICC(2,k), ICC(3,1) with F
        intervals, "score used" (ICC(2,1) stepped up to the `k` ratings a video that analyses use), "Krippendorff
        alpha" (interval metric); boot_low, boot_high: percentile interval over videos, NaN unless a generator was
        given. On the videos rated twice, taken as drawn at random.
    coder_items: single rating, all waves together: quadratic weighted kappa (jackknife over videos), ordinal alpha,
        shares of pairs that agree exactly and within one point.
    coder_drift: scale x measure: "leniency" and "drift" (per half year) of each coder against the coders' mean,
        "common drift", "arm shift" by wave (MTB minus usual care that unlike coders make); raw and in SD (`std`), CR2
        by family. Coders are numbered in the order of their codes.
    scale_quality: every questionnaire and video scale x wave: Cronbach's alpha (Feldt interval), omega, shares at
        either end.
    attenuation: video outcome: primary CR2 row, smallest detectable effect, and both divided by the root of the
        reliability of the scores used (true_...); SD units, positive favours MTB.
    change_weighted: rated scale x measure ("change, MTB", "change, usual care", "difference in change") x analysis
        ("complete", "weighted" for being filmed at both waves), with the smallest detectable one (mde). The effect at
        the later wave, weighted for response, is in the attrition tables.
    """

    video_raters: pd.DataFrame
    coder_reliability: pd.DataFrame
    coder_items: pd.DataFrame
    coder_drift: pd.DataFrame
    scale_quality: pd.DataFrame
    attenuation: pd.DataFrame
    change_weighted: pd.DataFrame


def coding(study: Study, plan: Plan, *, rng: np.random.Generator | None = None) -> CodingTables:
    """Return the tables on measurement; with `rng`, reliability also has bootstrap intervals over videos.

    Tables are empty where the plan declares no ratings; a wave, scale or coder that cannot be judged is a row that says
    why.
    """
    waves = film_waves(study, plan)
    films = [videos(study, i) for i in rated_instruments(plan)]
    reliability = table(_reliability(films, waves, plan, rng), RELIABILITY_COLUMNS)
    return CodingTables(
        video_raters=table(_each(rater_rows(f, waves) for f in films), RATER_COLUMNS),
        coder_reliability=reliability,
        coder_items=table(_each(item_rows(f, level=plan.level) for f in films), ITEM_COLUMNS),
        coder_drift=table(_each(drift_rows(f, waves, level=plan.level) for f in films), DRIFT_COLUMNS),
        scale_quality=table(scale_rows(study, plan, level=plan.level), SCALE_COLUMNS),
        attenuation=table(attenuation_rows(study, plan, reliability), ATTENUATION_COLUMNS),
        change_weighted=table(change_weight_rows(study, plan), CHANGE_WEIGHT_COLUMNS),
    )


def _reliability(films: list[Videos], waves: list[str], plan: Plan, rng: np.random.Generator | None) -> Iterator[Row]:
    return _each(reliability_rows(f, waves, level=plan.level, rng=rng) for f in films)


def _each(parts: Iterable[Iterator[Row]]) -> Iterator[Row]:
    for part in parts:
        yield from part
