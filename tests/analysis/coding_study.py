"""A made study with videos, coders and several waves, for the tests of coding and of earlier waves."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pandas as pd

from mtb_eval.data import Study, load_study
from mtb_eval.study import Plan, load_plan

ROOT = Path(__file__).parents[2]


@cache
def shipped() -> tuple[Study, Plan]:
    """The shipped synthetic study and its plan."""
    plan = load_plan()
    return load_study(ROOT / "data" / "synthetic", plan), plan


def with_ratings(study: Study, ratings: pd.DataFrame) -> Study:
    """The study with other ratings; families keep their scores."""
    return replace(study, ratings=ratings.reset_index(drop=True))


def without_wave(study: Study, wave: str) -> Study:
    """The study as if nobody had been filmed at a wave."""
    families = study.families.copy()
    scales = [c for c in families if c.endswith(f"_{wave}") and f"{c.removesuffix(f'_{wave}')}_baseline" in families]
    filmed = [c for c in scales if families[f"{c.removesuffix(f'_{wave}')}_baseline"].isna().all()]
    families[filmed] = float("nan")
    families[f"video_{wave}"] = False
    return replace(with_ratings(study, study.ratings[study.ratings["wave"] != wave]), families=families)
