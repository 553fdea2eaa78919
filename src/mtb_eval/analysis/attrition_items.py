"""Imputation of single answers: items are imputed, then scored by the instrument's own rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.attrition_case import Case, scale_of
from mtb_eval.analysis.attrition_chain import Background, Measure, column_stem, imputation_model, measures, regression
from mtb_eval.analysis.attrition_imputed import Chained
from mtb_eval.analysis.verdicts import sign_of
from mtb_eval.data.families import Study
from mtb_eval.data.score import score
from mtb_eval.inference.imputation import ImputationModel, Regression, impute
from mtb_eval.study import AttritionRule, Instrument, Outcome, Plan, Scale

Array = NDArray[np.float64]


PASSES = 3
"""Passes over items that families left out, and over scores given what is complete: few and quick to settle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheets:
    """The returned answer sheets of one instrument at one wave, r families, and the variables imputed in them.

    `rows` (r,) places of these families; `answers` (r rows) the instrument's columns; `values` (r, q) the earlier
    measures `beside`, then the `items` that vary; `used` all items that an outcome needs.
    """

    instrument: Instrument
    rows: NDArray[np.intp]
    answers: pd.DataFrame
    beside: tuple[Measure, ...]
    items: tuple[int, ...]
    used: tuple[int, ...]
    values: Array


def sheets(study: Study, plan: Plan, targets: Sequence[Outcome]) -> Sheets | None:
    """Return the sheets for outcomes that are scales of one instrument at one wave; None if no answers are at hand."""
    found, wave = scale_of(plan, targets[0]), targets[0].wave
    if found is None or wave not in study.answers:
        return None
    instrument = found[0]
    answers = study.answers[wave].set_index("family_id").reindex(study.families["family_id"])
    if any(c not in answers for c in instrument.columns):
        return None
    wanted = {o.column for o in targets}
    used = sorted({k for s in instrument.scales if s.id in wanted for k in s.items})
    codes = answers[[instrument.item_column(k) for k in used]].to_numpy(dtype=float)
    rows = np.flatnonzero(np.isfinite(codes).any(axis=1))
    varying = [i for i in range(len(used)) if len(np.unique(codes[np.isfinite(codes[:, i]), i])) > 1]
    beside = tuple(m for m in measures(study, plan, targets) if not m.target)
    earlier = study.families[[m.variable for m in beside]].to_numpy(dtype=float)
    return Sheets(
        instrument=instrument,
        rows=rows,
        answers=answers[list(instrument.columns)].iloc[rows].reset_index(drop=True),
        beside=beside,
        items=tuple(used[i] for i in varying),
        used=tuple(used),
        values=np.column_stack([earlier, codes[:, varying]])[rows],
    )


def item_model(study: Study, plan: Plan, *, behind: Background, kept: Sheets) -> ImputationModel:
    """Return the model: an item is predicted by its scale's others, the other scales, and earlier measures.

    Scales enter as means of standardised items, signed by the scale's direction. Items are copied from donors.
    """
    marks = _marks(kept)
    stems = [column_stem(name, plan) for name in behind.names]
    regressions = tuple(_regression(i, kept, behind=behind, marks=marks, stems=stems) for i in range(len(marks)))
    arm = study.families["mtb"].to_numpy(dtype=np.intp)[kept.rows]
    return ImputationModel(fixed=behind.columns[kept.rows], arm=arm, regressions=regressions, donors=behind.rule.donors)


def scored_sheets(
    kept: Sheets, model: ImputationModel, rule: AttritionRule, seed: np.random.SeedSequence
) -> pd.DataFrame:
    """Return every scale of the returned sheets, m x r rows: left-out items imputed, then the instrument's rules.

    A tick of concern goes with the answer that is copied.
    """
    made = impute(kept.values, model, np.random.default_rng(seed), m=rule.imputations, iterations=PASSES)
    m, r, _ = made.values.shape
    own, place = kept.answers.to_numpy(dtype=float), {str(c): i for i, c in enumerate(kept.answers.columns)}
    columns = {c: np.broadcast_to(own[:, i], (m, r)) for c, i in place.items()}
    for v, number in enumerate(kept.items, start=len(kept.beside)):
        names = [kept.instrument.item_column(number)]
        names += [kept.instrument.concern_column(number)] if kept.instrument.concern_points else []
        columns |= {name: own[made.donor[..., v], place[name]] for name in names}
    for number in set(kept.used) - set(kept.items):
        name = kept.instrument.item_column(number)
        columns[name] = np.where(np.isnan(columns[name]), np.nanmax(own[:, place[name]]), columns[name])
    return score(pd.DataFrame({c: v.ravel() for c, v in columns.items()}), kept.instrument)


def scores_by_family(scores: pd.DataFrame, kept: Sheets, case: Case) -> Array:
    """Return an outcome's score in every data set (m, n), NaN for families without a sheet or known not to be asked."""
    by_set = scores[case.outcome.column].to_numpy(dtype=float).reshape(-1, len(kept.rows))
    values = np.full((by_set.shape[0], len(case.values)), np.nan)
    values[:, kept.rows] = by_set
    return np.where(case.asked == 0, np.nan, values)


def chained_items(
    study: Study,
    plan: Plan,
    *,
    behind: Background,
    earlier: Chained,
    scores: Mapping[str, Array],
    seed: np.random.SeedSequence,
) -> Chained:
    """Return the chain with `scores` (m, n) of returned sheets by variable, the others copied from donors.

    A family that returned no sheet gets the score of one of the same arm with a near predicted score, which is to copy
    its answers and score them. Earlier measures and who is asked are as completed in `earlier`.
    """
    chain = tuple(
        replace(c, matched=True) for c in earlier.measures if c.variable in scores or not c.target or c.matched
    )
    given = [scores[c.variable] if c.variable in scores else earlier.values(c.variable) for c in chain]
    model = imputation_model(study, plan, behind=behind, chain=chain)
    rng = np.random.default_rng(seed)
    made = impute(np.stack(given, axis=-1), model, rng, m=behind.rule.imputations, iterations=PASSES)
    return Chained(measures=chain, imputation=made, iterations=PASSES, level="item")


def _marks(kept: Sheets) -> list[tuple[str, float]]:
    """Return for each variable the scale it belongs to ("" for an earlier measure) and its sign."""
    marks = [("", 1.0) for _ in kept.beside]
    for number in kept.items:
        scale = _own_scale(kept.instrument, number)
        turned = -1.0 if number in scale.reversed_items else 1.0
        marks.append((scale.id, turned * sign_of(scale.better)))
    return marks


def _own_scale(instrument: Instrument, number: int) -> Scale:
    """Return the shortest scale that has the item."""
    return min((s for s in instrument.scales if number in s.items), key=lambda s: len(s.items))


def _regression(
    place: int, kept: Sheets, *, behind: Background, marks: Sequence[tuple[str, float]], stems: Sequence[str]
) -> Regression:
    q, scale, first = len(marks), marks[place][0], len(kept.beside)
    single = [j for j in range(first) if j != place]
    near = [j for j in range(q) if j != place and scale and marks[j][0] == scale]
    far = [j for j in range(q) if marks[j][0] not in ("", scale)]
    means = [_mean_of(group, marks, kept.values) for group in (near, far) if group]
    this = _scales_of(kept.instrument, kept.items[place - first]) if scale else {kept.beside[place].stem}
    own = [s in this for s in stems] + [kept.beside[j].stem in this for j in single] + [True] * len(means)
    others = np.array([*(np.eye(q)[j] for j in single), *means]).reshape(-1, q).T
    return regression(behind, others, np.array(own), matched=bool(scale) or kept.beside[place].matched)


def _scales_of(instrument: Instrument, number: int) -> set[str]:
    return {s.id for s in instrument.scales if number in s.items}


def _mean_of(group: Sequence[int], marks: Sequence[tuple[str, float]], values: Array) -> Array:
    """Return the weights (q,) that make the signed mean of standardised variables, in about its own SD."""
    x = values[:, group]
    known = x[np.isfinite(x).all(axis=1)]
    signs = np.array([marks[j][1] for j in group])
    spread = 1.0
    if len(known) > 2:
        sd = known.std(axis=0)
        spread = float((((known - known.mean(axis=0)) / np.where(sd > 0, sd, 1.0)) @ signs).std()) or 1.0
    weights = np.zeros(len(marks))
    weights[list(group)] = signs / spread
    return weights
