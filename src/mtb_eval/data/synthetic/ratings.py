"""Interaction videos as rated: one row per video and coder, a subset rated by two."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtb_eval.data.synthetic.design import Floats, days_of
from mtb_eval.data.synthetic.items import codes_of, item_steps
from mtb_eval.data.synthetic.latent import film_waves
from mtb_eval.data.synthetic.world import World
from mtb_eval.study import Instrument, Source

N_CODERS = 3
CODER_SHARE = 0.4  # share of a rating's error that is the coder's own
LENIENCY_SD = 0.1  # of a coder, in standard deviations of the error
NOT_RATED = 0.004


def ratings(world: World, source: Source, rng: np.random.Generator) -> pd.DataFrame:
    """Return the ratings as in their file; codes 1.., blank where a scale could not be rated."""
    leniency = LENIENCY_SD * rng.standard_normal(N_CODERS)
    waves = film_waves(world.plan, world.truth)
    frame = pd.concat([_wave(world, source, w, leniency, rng) for w in waves], ignore_index=True)
    return frame.sort_values(["family_id", "wave", "coder"], kind="stable", ignore_index=True).rename(
        columns={c.name: c.in_file for c in source.columns}
    )


def _wave(world: World, source: Source, wave: str, leniency: Floats, rng: np.random.Generator) -> pd.DataFrame:
    n, filmed = world.families.n, world.course.filmed[wave]
    instruments = [world.plan.instruments[i] for i in source.instruments]
    video = {i.id: rng.standard_normal((i.n_items, n)) for i in instruments}
    first = rng.integers(0, N_CODERS, n)
    second = (first + rng.integers(1, N_CODERS, n)) % N_CODERS
    drawn_twice = np.argsort(np.where(filmed, rng.random(n), 2.0))[: round(world.truth.double_coded * filmed.sum())]
    due = world.families.born + np.timedelta64(days_of(world.plan.wave(wave).months), "D")
    recorded = due + rng.integers(-14, 36, n).astype("timedelta64[D]")
    parts = []
    for coder, rows in ((first, np.flatnonzero(filmed)), (second, np.sort(drawn_twice))):
        known = {
            "family_id": np.array(world.families.ids)[rows],
            "wave": wave,
            "coder": coder[rows] + 1,
            "recorded_on": recorded[rows],
            "rated_on": (recorded + rng.integers(14, 120, n).astype("timedelta64[D]"))[rows],
        }
        rated: dict[str, Floats] = {}
        for i in instruments:
            rated |= _rated(world, i, wave, video[i.id], leniency[coder], rng)
        parts.append(pd.DataFrame(known | {k: v[rows] for k, v in rated.items()}))
    return pd.concat(parts, ignore_index=True)


def _rated(
    world: World, instrument: Instrument, wave: str, video: Floats, leniency: Floats, rng: np.random.Generator
) -> dict[str, Floats]:
    own = rng.standard_normal(video.shape)
    error = np.sqrt(1 - CODER_SHARE) * video + np.sqrt(CODER_SHARE) * own + leniency
    noise = {k: error[k - 1] for k in range(1, instrument.n_items + 1)}
    blank = rng.random(video.shape) < NOT_RATED
    codes = codes_of(instrument, item_steps(world, instrument, wave=wave, noise=noise))
    return {instrument.item_column(k): np.where(blank[k - 1], np.nan, c.astype(float)) for k, c in codes.items()}
