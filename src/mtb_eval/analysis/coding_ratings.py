"""The ratings as arrays: videos by coders, for every composite and every single item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.data.families import Study
from mtb_eval.data.score import scale_scores
from mtb_eval.study import Instrument, Plan, Scale

Array = NDArray[np.float64]
Texts = NDArray[np.str_]

HALF_YEAR_DAYS = 365.25 / 2
ALL_WAVES = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Videos:
    """Videos of one instrument, m of them, each rated by some of K coders.

    `family` (m,) ids, `wave` (m,), `municipality` (m,), `mtb` (m,) 1 or 0; `rated` (m, K) who rated; `half_years`
    (m, K) when, in half years from the middle of all rating dates, NaN where unknown; `days` (m, K) from filming to
    rating; `scores` by scale and `items` by item column (m, K), NaN where not rated. Coders in the order of their
    codes.
    """

    instrument: Instrument
    family: Texts
    wave: Texts
    municipality: Texts
    mtb: Array
    rated: NDArray[np.bool_]
    half_years: Array
    days: Array
    scores: dict[str, Array]
    items: dict[str, Array]

    @property
    def double(self) -> NDArray[np.bool_]:
        """Which videos (m,) were rated by two coders or more."""
        return np.asarray(self.rated.sum(axis=1) >= 2)

    def at(self, wave: str) -> NDArray[np.bool_]:
        """Return which videos (m,) are of a wave; "" is all."""
        return np.ones(len(self.wave), dtype=bool) if wave == ALL_WAVES else np.asarray(self.wave == wave)


def rated_instruments(plan: Plan) -> list[Instrument]:
    """Return the instruments that the plan's rating files hold, each once."""
    found = dict.fromkeys(i for s in plan.sources if s.role == "ratings" for i in s.instruments)
    return [plan.instruments[i] for i in found]


def rated_scales(instrument: Instrument) -> Iterator[Scale]:
    """Yield the scales that are made of ratings."""
    yield from (s for s in instrument.scales if s.method != "any_of")


def film_waves(study: Study, plan: Plan) -> list[str]:
    """Return the waves that are filmed by the plan or in the study, in the plan's order."""
    declared = {o.wave for o in plan.outcomes if o.sample == "video"}
    seen = set(study.ratings["wave"]) if "wave" in study.ratings else set()
    return [w.id for w in plan.waves if w.id in declared | seen]


def videos(study: Study, instrument: Instrument) -> Videos:
    """Return an instrument's videos; a file without a column for the coder is read as of one coder."""
    ratings = _with_index(study, instrument)
    keys = ["family_id", "wave"]
    place = pd.MultiIndex.from_frame(ratings[keys].drop_duplicates())
    families = study.families.set_index("family_id").reindex(place.get_level_values("family_id"))
    row, coder = place.get_indexer(pd.MultiIndex.from_frame(ratings[keys])), ratings["coder"].to_numpy()
    shape = (len(place), int(coder.max()) + 1 if len(coder) else 0)

    def spread(values: pd.Series) -> Array:
        found = np.full(shape, np.nan)
        found[row, coder] = values.to_numpy(dtype=float)
        return found

    scores = scale_scores(ratings, instrument)
    return Videos(
        instrument=instrument,
        family=place.get_level_values("family_id").to_numpy(dtype=str),
        wave=place.get_level_values("wave").to_numpy(dtype=str),
        municipality=families["municipality"].to_numpy(dtype=str),
        mtb=families["mtb"].to_numpy(dtype=float),
        rated=np.isfinite(spread(pd.Series(1.0, index=ratings.index))),
        half_years=spread(_half_years(ratings)),
        days=spread(_days(ratings)),
        scores={s.id: spread(scores[s.id]) for s in rated_scales(instrument)},
        items={c: spread(ratings[c]) for c in instrument.columns[: instrument.n_items]},
    )


def _with_index(study: Study, instrument: Instrument) -> pd.DataFrame:
    """Return the ratings with coders numbered from 0; no rows, but all columns, where there are none."""
    needed = ["family_id", "wave", *instrument.columns]
    ratings = study.ratings
    if any(c not in ratings for c in needed):
        ratings = pd.DataFrame({c: pd.Series(dtype="str" if c in needed[:2] else "float64") for c in needed})
    code = ratings["coder"] if "coder" in ratings else pd.Series(1, index=ratings.index)
    known = ratings[code.notna()]
    return known.assign(coder=code[code.notna()].rank(method="dense").astype(int) - 1).reset_index(drop=True)


def _half_years(ratings: pd.DataFrame) -> pd.Series:
    if "rated_on" not in ratings or ratings["rated_on"].isna().all():
        return pd.Series(np.nan, index=ratings.index)
    day = (ratings["rated_on"] - ratings["rated_on"].min()).dt.days
    return pd.Series((day - (day.min() + day.max()) / 2) / HALF_YEAR_DAYS, index=ratings.index)


def _days(ratings: pd.DataFrame) -> pd.Series:
    if "rated_on" not in ratings or "recorded_on" not in ratings or ratings.empty:
        return pd.Series(np.nan, index=ratings.index)
    return (ratings["rated_on"] - ratings["recorded_on"]).dt.days
