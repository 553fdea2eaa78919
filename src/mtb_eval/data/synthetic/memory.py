"""Raw tables -> a Study without files: what `load_study` would give had they been written and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from mtb_eval.data.assemble import families_table
from mtb_eval.data.clean import (
    clean_families,
    clean_municipalities,
    clean_others,
    clean_questionnaire,
    clean_ratings,
    clean_usual_care,
    clean_visits,
    held,
)
from mtb_eval.data.families import Study
from mtb_eval.data.raw import RawTable
from mtb_eval.data.registers import clean_register_events, deciding_spells
from mtb_eval.data.typed import Table, typed_table
from mtb_eval.study import Plan


def study_from_raw(raw: Mapping[str, pd.DataFrame], plan: Plan) -> Study:
    """Return the study of raw tables by source id, unchecked: the tables of `simulate_study` have no problems."""
    tables = [typed_table(RawTable(frame=raw[s.id]), s, plan, file=s.file)[0] for s in plan.sources]
    of = {role: [t for t in tables if t.source.role == role] for role in {s.role for s in plan.sources}}
    answered = [(t.source, clean_questionnaire(t, plan)) for t in of.get("questionnaire", [])]
    ratings = clean_ratings(of.get("ratings", []), plan)
    visits, events = clean_visits(of.get("visits", [])), clean_register_events(of.get("register_events", []))
    register = pd.concat([t.frame for t in of["families"]], ignore_index=True)
    placements, placements_from = deciding_spells(of.get("placements", []), events, register, plan)
    families = families_table(
        clean_families(register, plan),
        plan,
        questionnaires=answered,
        ratings=ratings,
        visits=held(visits, [t.source for t in of["visits"]]) if "visits" in of else None,
        placements=placements if placements_from != "nothing" else None,
    )
    return Study(
        families=families,
        answers=_items(of.get("questionnaire", []), answered, plan),
        ratings=ratings,
        visits=visits,
        placements=placements,
        placements_from=placements_from,
        register_events=events,
        usual_care=clean_usual_care(of.get("usual_care", [])),
        costs=clean_others(of.get("costs", [])),
        interviews=clean_others(of.get("interviews", [])),
        municipalities=clean_municipalities(of.get("municipalities", [])),
        missing=pd.concat([t.missing for t in tables], ignore_index=True),
        files={},
        synthetic=True,
    )


def _items(
    tables: Sequence[Table], answered: Sequence[tuple[object, Mapping[str, pd.DataFrame]]], plan: Plan
) -> dict[str, pd.DataFrame]:
    found: dict[str, pd.DataFrame] = {}
    for table, (_, by_wave) in zip(tables, answered, strict=True):
        names = [c for i in table.source.instruments for c in plan.instruments[i].columns]
        for wave, frame in by_wave.items():
            part = frame[["family_id", *names]]
            found[wave] = found[wave].merge(part, on="family_id", how="outer") if wave in found else part
    return found
