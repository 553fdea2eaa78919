"""Register extracts in the manner of Statistics Denmark: events of placement, merged into spells."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mtb_eval.data.clean import clean_placements, sorted_rows
from mtb_eval.data.families import PlacementsFrom
from mtb_eval.data.typed import Table
from mtb_eval.study import Plan

PLACEMENT_PARAGRAPHS = (100, 199)  # PGF 100-199: placed out of home; 200 and above: preventive measures
SPELL_COLUMNS = ("family_id", "placed_on", "ended_on", "place", "n_events")
_NEVER = pd.Timestamp("2262-01-01")


def clean_register_events(tables: Sequence[Table]) -> pd.DataFrame:
    """Return register events, one row each, by child and first day.

    Columns as declared: family_id, paragraph (PGF), started_on (SAG_VFRA), and where given ended_on, place_type
    (STSTED), discharged_to (UDSTED). No columns without such a file.
    """
    given = [t.frame for t in tables if t.file]
    if not given:
        return pd.DataFrame()
    return sorted_rows(pd.concat(given, ignore_index=True), ["family_id", "started_on"])


def deciding_spells(
    registration: Sequence[Table], events: pd.DataFrame, families: pd.DataFrame, plan: Plan
) -> tuple[pd.DataFrame, PlacementsFrom]:
    """Return the spells that decide who was placed, and where they come from: registration first, else register."""
    if any(t.file for t in registration) or "paragraph" not in events:
        given: PlacementsFrom = "registration" if any(t.file for t in registration) else "nothing"
        return clean_placements(registration), given
    return register_spells(events, families, plan), "register"


def register_spells(events: pd.DataFrame, families: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Return the placements of an extract but for those begun before the child's birth, where that is known."""
    spells = all_spells(events, plan)
    if "born_on" not in families:
        return spells
    births = families.dropna(subset=["family_id"]).drop_duplicates("family_id").set_index("family_id")["born_on"]
    born = births.astype("datetime64[us]").reindex(spells["family_id"]).to_numpy()
    return spells[~(spells["placed_on"].to_numpy() < born)].reset_index(drop=True)


def all_spells(events: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Return every placement of an extract, merged by the plan's rule (without one: a day may lie between events)."""
    return spells_from_events(events, merge_days=plan.placements_detail.merge_days if plan.placements_detail else 1)


def is_placement(events: pd.DataFrame) -> pd.Series:
    """Return which events are placements out of home by their paragraph; preventive measures are not."""
    return events["paragraph"].between(*PLACEMENT_PARAGRAPHS)


def spells_from_events(events: pd.DataFrame, *, merge_days: int = 1) -> pd.DataFrame:
    """Return one row per placement: family_id, placed_on, ended_on (NaT: lasting), place (first type), n_events.

    An event of placement belongs to the placement before it if that is still running or ended at most `merge_days`
    days earlier: a change of paragraph or of type of place is a new event, not a new placement. An event without an
    end runs on, unless the child was discharged. Preventive measures are left out; rows of any order.
    """
    if events.empty or "paragraph" not in events:
        return pd.DataFrame({c: pd.Series(dtype=t) for c, t in zip(SPELL_COLUMNS, _SPELL_TYPES, strict=True)})
    rows = sorted_rows(_complete(events[is_placement(events)]), ["family_id", "started_on"])
    lasts_to = _lasts_to(rows)
    reached = lasts_to.groupby(rows["family_id"]).cummax().groupby(rows["family_id"]).shift()
    new = reached.isna() | (rows["started_on"] > reached + pd.Timedelta(days=merge_days))
    by_spell = rows.assign(lasts_to=lasts_to, spell=new.cumsum()).groupby("spell", sort=True)
    spells = by_spell.agg(
        family_id=("family_id", "first"),
        placed_on=("started_on", "min"),
        ended_on=("lasts_to", "max"),
        place=("place_type", "first"),
        n_events=("started_on", "size"),
    ).reset_index(drop=True)
    known = spells["ended_on"] < _NEVER
    return spells.assign(ended_on=spells["ended_on"].where(known)).astype({"n_events": "int64"})


_SPELL_TYPES = ("str", "datetime64[us]", "datetime64[us]", "float64", "int64")


def _complete(events: pd.DataFrame) -> pd.DataFrame:
    """Return events with every column a spell is made from; those that the extract lacks are missing."""
    full = events.reindex(columns=["family_id", "started_on", "ended_on", "place_type", "discharged_to"])
    return full.astype({"started_on": "datetime64[us]", "ended_on": "datetime64[us]"})


def _lasts_to(rows: pd.DataFrame) -> pd.Series:
    """Return the day to which each event is known to last; one that was discharged without a date: its first day."""
    discharged = rows["discharged_to"].notna()
    last = rows["ended_on"].fillna(rows["started_on"].where(discharged))
    return last.fillna(_NEVER)
