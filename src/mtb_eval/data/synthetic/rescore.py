"""Scores of a simulated study's families made again after its answers were drawn anew, the families being the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.data.score import scale_scores, score, with_cutoffs
from mtb_eval.study import Plan, Source, Variable


def rescored(families: pd.DataFrame, raw: Mapping[str, pd.DataFrame], plan: Plan) -> pd.DataFrame:
    """Return the families table with every score and variable that the raw questionnaires and ratings give.

    For tables of `simulate_study` alone: much faster than loading, which also types and checks.
    """
    ids = pd.Index(families["family_id"])
    new: dict[str, NDArray[np.float64]] = {}
    for source in (s for s in plan.sources if s.id in raw):
        for part in _parts(raw[source.id], source, plan):
            values = part.reindex(ids).to_numpy(dtype=float)
            new |= {str(name): values[:, j] for j, name in enumerate(part) if name in families}
    return families.assign(**new)


def _parts(frame: pd.DataFrame, source: Source, plan: Plan) -> Iterator[pd.DataFrame]:
    """Yield tables of scores by family, columns as in the families table."""
    column = next((c.in_file for c in source.columns if c.type == "wave"), None)
    if source.role == "ratings" and column:
        yield from _rated(frame, column, source, plan)
    elif source.role == "questionnaire" and source.wave:
        yield from _asked(frame, source.wave, source, plan)
    elif source.role == "questionnaire" and column:
        for wave, part in frame.groupby(column):
            yield from _asked(part, str(wave), source, plan)


def _asked(frame: pd.DataFrame, wave: str, source: Source, plan: Plan) -> Iterator[pd.DataFrame]:
    answers = frame.set_index(_id(source))
    for instrument in (plan.instruments[i] for i in source.instruments):
        given = answers[list(instrument.columns)].astype(float)
        yield score(given.mask(given.isin(list(source.missing_codes))), instrument).add_suffix(f"_{wave}")
    columns = {c.name: c for c in source.columns}
    asked = [v for v in plan.variables if wave in v.waves and v.column in columns]
    for variable in asked:
        column = columns[variable.column]
        codes = {c.name: c.code for c in column.categories}
        yield _variable(variable, answers[column.in_file], source, codes).to_frame(f"{variable.id}_{wave}")


def _variable(variable: Variable, answers: pd.Series, source: Source, codes: Mapping[str, int]) -> pd.Series:
    given = answers.astype(float).mask(answers.isin(list(source.missing_codes)))
    if variable.kind == "number":
        return given
    true = [codes[name] for name in variable.true if name in codes]
    return pd.Series(np.where(given.isna(), np.nan, given.isin(true)), index=answers.index)


def _rated(frame: pd.DataFrame, wave: str, source: Source, plan: Plan) -> Iterator[pd.DataFrame]:
    for instrument in (plan.instruments[i] for i in source.instruments):
        per_coder = scale_scores(frame.set_index([_id(source), wave]), instrument)
        scores = with_cutoffs(per_coder.groupby(level=[0, 1]).mean(), instrument)
        for of in scores.index.unique(level=1):
            here = scores[scores.index.get_level_values(1) == of].droplevel(1)
            yield here.add_suffix(f"_{of}")


def _id(source: Source) -> str:
    return next(c.in_file for c in source.columns if c.type == "id")
