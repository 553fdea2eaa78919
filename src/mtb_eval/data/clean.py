"""Typed tables to clean ones, one pure function per role, sorted: the order of a file's rows leaves no trace."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mtb_eval.data.fields import item_columns
from mtb_eval.data.typed import Table
from mtb_eval.study import Plan, PlanError, Source

_DAYS_A_YEAR = 365.25


def clean_families(register: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Return the register sorted by municipality and family, with `mtb` (1.0 or 0.0) and `calendar_years`."""
    families = sorted_rows(register, ["municipality", "family_id"])
    days = (families["recruited_on"] - pd.Timestamp(plan.recruited_from)).dt.days
    mtb = (families["arm"] == "mtb").astype(float)
    return families.assign(mtb=mtb, calendar_years=days / _DAYS_A_YEAR)


def clean_questionnaire(table: Table, plan: Plan) -> dict[str, pd.DataFrame]:
    """Return, by wave id, one row per answered questionnaire; a row without any answer is not one.

    An answer is a value in any item, category or number; ids, dates and ticks of concern alone are none.
    """
    questions = [c.name for c in table.source.columns if c.type in ("category", "integer", "decimal", "text")]
    answered = table.frame[[*questions, *item_columns(table.source, plan)]].notna().any(axis=1)
    by_wave = with_wave(table.frame[answered], table.source)
    waves = [table.source.wave] if table.source.wave else [w.id for w in plan.waves]
    return {w: sorted_rows(by_wave[by_wave["wave"] == w].drop(columns="wave"), ["family_id"]) for w in waves}


def clean_ratings(tables: Sequence[Table], plan: Plan) -> pd.DataFrame:
    """Return one row per video and coder with at least one rating, by family, wave in the plan's order, and coder."""
    frames = [with_wave(t.frame, t.source)[t.frame[item_columns(t.source, plan)].notna().any(axis=1)] for t in tables]
    ratings = pd.concat(frames, ignore_index=True) if frames else _columns(family_id="str", wave="str")
    order = ratings["wave"].map({w.id: i for i, w in enumerate(plan.waves)}).rename("order")
    by = ["family_id", "order", *(c for c in ("coder", "rated_on") if c in ratings)]
    return sorted_rows(ratings.assign(order=order), by).drop(columns="order")


def clean_visits(tables: Sequence[Table]) -> pd.DataFrame:
    """Return one row per visit, by family and day."""
    return _log(tables, ["family_id", "visited_on"], _columns(family_id="str", visited_on="datetime64[us]"))


def clean_placements(tables: Sequence[Table]) -> pd.DataFrame:
    """Return one row per spell out of home, by family and first day."""
    return _log(tables, ["family_id", "placed_on"], _columns(family_id="str", placed_on="datetime64[us]"))


def clean_usual_care(tables: Sequence[Table]) -> pd.DataFrame:
    """Return one row per service of usual care, by family."""
    return _log(tables, ["family_id"], _columns(family_id="str"))


def clean_municipalities(tables: Sequence[Table]) -> pd.DataFrame:
    """Return one row per municipality, by code."""
    return _log(tables, ["municipality"], _columns(municipality="str"))


def clean_others(tables: Sequence[Table]) -> pd.DataFrame:
    """Return costs or interviews as declared, by their columns from the first on."""
    return _log(tables, [], pd.DataFrame())


def held(visits: pd.DataFrame, sources: Sequence[Source]) -> pd.DataFrame:
    """Return the visits that took place: those with status "held", or all where no status is kept.

    Raises PlanError if a status is declared that has no category "held".
    """
    if "status" not in visits:
        return visits
    names = {c.name for s in sources for column in s.columns if column.name == "status" for c in column.categories}
    if "held" not in names:
        raise PlanError("sources.toml: the status of visits needs a category named 'held'")
    return visits[visits["status"] == "held"]


def with_wave(frame: pd.DataFrame, source: Source) -> pd.DataFrame:
    """Return a frame with its wave as a column, from the source where the file is of one wave."""
    return frame.assign(wave=source.wave) if source.wave else frame


def sorted_rows(frame: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return rows sorted by some columns, ties by all others, so equal content has equal order; index 0..n-1."""
    ties = not by or bool(frame.duplicated(list(by)).any())
    order = list(dict.fromkeys([*by, *(frame.columns if ties else ())]))
    return frame.sort_values(order, kind="stable", ignore_index=True) if order else frame


def _log(tables: Sequence[Table], by: Sequence[str], nothing: pd.DataFrame) -> pd.DataFrame:
    return sorted_rows(pd.concat([t.frame for t in tables], ignore_index=True), by) if tables else nothing


def _columns(**dtypes: str) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in dtypes.items()})
