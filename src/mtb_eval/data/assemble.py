"""The families table: one row per family, with every score, variable, visit count and placement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from mtb_eval.data.score import scale_scores, score, with_cutoffs
from mtb_eval.study import Category, Plan, PlanError, Source, Variable
from mtb_eval.study.load import family_columns

ByWave = Mapping[str, pd.DataFrame]


def families_table(
    register: pd.DataFrame,
    plan: Plan,
    *,
    questionnaires: Sequence[tuple[Source, ByWave]],
    ratings: pd.DataFrame,
    visits: pd.DataFrame | None,
    placements: pd.DataFrame | None,
) -> pd.DataFrame:
    """Return the families of a cleaned register with the columns of `Study.families`.

    `visits` holds those that took place; None (no such file) leaves n_visits unknown in MTB. Raises PlanError if two
    sources give the same column, or none gives a variable.
    """
    families = register.set_index("family_id", drop=False)
    columns: dict[str, pd.Series] = {str(c): families[c] for c in families}
    for piece in _pieces(plan, questionnaires, ratings):
        for name, values in piece.reindex(families.index).items():
            if name in columns:
                raise PlanError(f"plan: column {name!r} is given by more than one source")
            columns[str(name)] = values
    columns["n_visits"] = n_visits(families, visits, plan)
    if plan.placements:
        columns[plan.outcome(plan.placements.outcome).variable] = placed(families, placements, plan)
    for wave in (w.id for w in plan.waves):
        columns[f"answered_{wave}"] = _has(families, [f[wave] for _, f in questionnaires if wave in f])
        columns[f"video_{wave}"] = _has(families, [ratings[ratings["wave"] == wave]])
    flags = [f"{what}_{w.id}" for what in ("answered", "video") for w in plan.waves]
    order = list(dict.fromkeys([*family_columns(plan), *flags]))
    table = pd.DataFrame({name: columns[name].to_numpy() for name in order}).astype(_text_types(register))
    return table.copy()  # in few blocks: a fragmented frame warns whenever a user adds a column


def n_visits(families: pd.DataFrame, visits: pd.DataFrame | None, plan: Plan) -> pd.Series:
    """Return each family's number of visits; 0.0 in usual care, and in MTB where none is logged.

    With a declared dose, visits count up to and including the day the child reaches the age of the last wave, if its
    birth is known. `families` is indexed by family_id.
    """
    if visits is None:
        return families["mtb"].map({0.0: 0.0, 1.0: np.nan})
    counted = visits
    if plan.dose:
        last = pd.DateOffset(months=max(w.months for w in plan.waves))
        end = visits["family_id"].map(families["born_on"] + last)
        counted = visits[~(visits["visited_on"] > end)]
    n = counted["family_id"].value_counts().reindex(families.index).fillna(0.0)
    return n * families["mtb"]


def placed(families: pd.DataFrame, placements: pd.DataFrame | None, plan: Plan) -> pd.Series:
    """Return 1.0 for families with a spell that began before the plan's age limit, else 0.0.

    NaN where it cannot be known: no file of placements, or a spell but no date of birth.
    """
    if placements is None or plan.placements is None:
        return pd.Series(np.nan, index=families.index)
    limit = families["born_on"] + pd.DateOffset(months=plan.placements.months)
    limits = placements["family_id"].map(limit)
    early = (placements["placed_on"] < limits).astype(float).where(limits.notna())
    by_family = early.groupby(placements["family_id"]).max()
    return by_family.reindex(families.index).where(families.index.isin(by_family.index), 0.0)


def _pieces(
    plan: Plan, questionnaires: Sequence[tuple[Source, ByWave]], ratings: pd.DataFrame
) -> Iterator[pd.DataFrame]:
    """Yield every column that families get from answers and videos, in frames indexed by family_id."""
    for source, by_wave in questionnaires:
        for wave, answered in by_wave.items():
            answers = answered.set_index("family_id")
            for instrument in source.instruments:
                yield score(answers, plan.instruments[instrument]).add_suffix(f"_{wave}")
    for instrument in dict.fromkeys(i for s in plan.sources if s.role == "ratings" for i in s.instruments):
        scores = _video_scores(ratings, plan, instrument)
        for wave in (w.id for w in plan.waves):
            yield scores[scores.index.get_level_values("wave") == wave].droplevel("wave").add_suffix(f"_{wave}")
    for variable in plan.variables:
        for wave in variable.waves:
            yield _variable(variable, wave, questionnaires).to_frame(f"{variable.id}_{wave}")


def _video_scores(ratings: pd.DataFrame, plan: Plan, instrument: str) -> pd.DataFrame:
    """Return scores by family and wave: each coder's scales, then their mean over coders, then cut-offs."""
    declared = plan.instruments[instrument]
    per_coder = scale_scores(ratings.set_index(["family_id", "wave"]), declared)
    return with_cutoffs(per_coder.groupby(level=["family_id", "wave"]).mean(), declared)


def _variable(variable: Variable, wave: str, questionnaires: Sequence[tuple[Source, ByWave]]) -> pd.Series:
    for source, by_wave in questionnaires:
        column = next((c for c in source.columns if c.name == variable.column), None)
        if column and wave in by_wave:
            answers = by_wave[wave].set_index("family_id")[variable.column]
            return _as_declared(answers, variable, column.categories)
    raise PlanError(f"variable {variable.id!r}: no questionnaire of wave {wave!r} has a column {variable.column!r}")


def _as_declared(answers: pd.Series, variable: Variable, categories: Sequence[Category]) -> pd.Series:
    if variable.kind == "number":
        return answers.map({c.name: float(c.code) for c in categories}) if categories else answers.astype(float)
    named = answers if categories else answers.map("{:g}".format, na_action="ignore")
    return named.isin(variable.true).astype(float).where(answers.notna())


def _has(families: pd.DataFrame, frames: Sequence[pd.DataFrame]) -> pd.Series:
    found = [families.index.isin(frame["family_id"]) for frame in frames]
    return pd.Series(np.logical_or.reduce(found) if found else False, index=families.index)


def _text_types(register: pd.DataFrame) -> dict[str, str]:
    return {str(name): "str" for name in register if pd.api.types.is_string_dtype(register[name])}
