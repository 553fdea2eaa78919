"""A study's folder to a Study: read, check everything, clean, score."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mtb_eval.data.assemble import families_table
from mtb_eval.data.checks import check_tables
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
from mtb_eval.data.fields import fields_of
from mtb_eval.data.problems import DataError, Problem, problem_table
from mtb_eval.data.read import find_file, near_file, read_or_problem
from mtb_eval.data.registers import clean_register_events, deciding_spells
from mtb_eval.data.typed import Table, empty_table, typed_table
from mtb_eval.study import Plan, Source
from mtb_eval.study.sources import Role

_SYNTHETIC = "truth.toml"  # stands beside data that were made, with the effects they were made with


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """The study's files as typed tables, in the plan's order, with every problem and each file's SHA-256."""

    tables: tuple[Table, ...]
    problems: pd.DataFrame
    hashes: Mapping[str, str]


def load_study(path: str | Path, plan: Plan) -> Study:
    """Return the study in a folder, read and checked by its plan.

    Raises DataError, whose `problems` lists everything that is wrong in any file at once, if there is any problem;
    PlanError if the plan's sources cannot be joined.
    """
    files = _read_files(Path(path), plan)
    if len(files.problems):
        raise DataError(files.problems)
    return _study(files, plan, synthetic=(Path(path) / _SYNTHETIC).is_file())


def check_study(path: str | Path, plan: Plan) -> pd.DataFrame:
    """Return everything that is wrong in a study's files: file, column, rule, n_rows, message; no row if all is well.

    No message holds a person's id or value. `n_rows` is 0 where a file or column as a whole is meant. Raises
    PlanError if the plan's sources lack a column that the cleaning needs.
    """
    return _read_files(Path(path), plan).problems


def _read_files(folder: Path, plan: Plan) -> _Files:
    if not folder.is_dir():
        message = "the study folder does not exist" if not folder.exists() else "is a file; give the study's folder"
        problem = Problem(file=folder.name, rule="missing_folder", message=message)
        return _Files(tables=(), problems=problem_table([problem]), hashes={})
    read = [_read_source(folder, source, plan) for source in plan.sources]
    tables = tuple(table for table, _ in read if table is not None)
    present = [t for t in tables if t.file]
    problems = dict.fromkeys([p for _, within in read for p in within] + check_tables(present, plan))
    hashes = {t.file: _sha256(folder / t.file) for t in present}
    return _Files(tables=tables, problems=problem_table(problems), hashes=hashes)


def _read_source(folder: Path, source: Source, plan: Plan) -> tuple[Table | None, list[Problem]]:
    file = _find(folder, source, plan)
    if file is None:
        return empty_table(source, plan), []
    if isinstance(file, Problem):
        return None, [file]
    raw = read_or_problem(file)
    if isinstance(raw, Problem):
        return None, [raw]
    sharing = [s for s in plan.sources if s.file == source.file and s.id != source.id]
    others = {f.column for s in sharing for f in fields_of(s, plan)}
    return typed_table(raw, source, plan, file=file.name, others=others)


def _find(folder: Path, source: Source, plan: Plan) -> Path | Problem | None:
    found = find_file(folder, source.file)
    near = near_file(folder, source.file, [s.file for s in plan.sources]) if found is None else None
    if found is None and (source.required or near):
        message = "the file is not in the study folder" + (f"; is it {near}?" if near else "")
        return Problem(file=source.file, rule="missing_file", message=message)
    return found


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _study(files: _Files, plan: Plan, *, synthetic: bool) -> Study:
    roles = {role: [t for t in files.tables if t.source.role == role] for role in {s.role for s in plan.sources}}
    questionnaires = [(t.source, clean_questionnaire(t, plan)) for t in roles.get("questionnaire", [])]
    ratings = clean_ratings(roles.get("ratings", []), plan)
    visits, events = clean_visits(roles.get("visits", [])), clean_register_events(roles.get("register_events", []))
    register = pd.concat([t.frame for t in roles["families"]], ignore_index=True)
    placements, placements_from = deciding_spells(roles.get("placements", []), events, register, plan)
    families = families_table(
        clean_families(register, plan),
        plan,
        questionnaires=questionnaires,
        ratings=ratings,
        visits=held(visits, [t.source for t in roles["visits"]]) if _given(roles, "visits") else None,
        placements=placements if placements_from != "nothing" else None,
    )
    return Study(
        families=families,
        answers=_answers(questionnaires, plan),
        ratings=ratings,
        visits=visits,
        placements=placements,
        placements_from=placements_from,
        register_events=events,
        usual_care=clean_usual_care(roles.get("usual_care", [])),
        costs=clean_others(roles.get("costs", [])),
        interviews=clean_others(roles.get("interviews", [])),
        municipalities=clean_municipalities(roles.get("municipalities", [])),
        missing=pd.concat([t.missing for t in files.tables], ignore_index=True),
        files=files.hashes,
        synthetic=synthetic,
    )


def _given(roles: Mapping[Role, Sequence[Table]], role: Role) -> bool:
    return any(t.file for t in roles.get(role, []))


def _answers(
    questionnaires: Sequence[tuple[Source, Mapping[str, pd.DataFrame]]], plan: Plan
) -> dict[str, pd.DataFrame]:
    """Return by wave the items of all its questionnaires, one row per family that answered any."""
    found: dict[str, pd.DataFrame] = {}
    for source, by_wave in questionnaires:
        items = [c for i in source.instruments for c in plan.instruments[i].columns]
        for wave, answered in by_wave.items():
            part = answered[["family_id", *items]]
            found[wave] = found[wave].merge(part, on="family_id", how="outer") if wave in found else part
    return found
