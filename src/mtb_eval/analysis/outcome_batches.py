"""Outcomes whose models have the same columns, gathered so that one product of matrices serves them all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import unusable
from mtb_eval.analysis.model_data import ModelData, dummies, model_data, stack
from mtb_eval.data.families import Study
from mtb_eval.inference.draws import MAX_EXACT, Draws, wild_draws
from mtb_eval.study import Outcome, Plan

Array = NDArray[np.float64]
Models = Mapping[str, ModelData]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """k outcomes on the n families that any of them has; a value that is missing drops that row for its outcome.

    `y` (k, n); `mtb` (n,); `municipality` (n,); `calendar` (n, d) spline; `years` (n,) since the first recruitment;
    `covariates` (n, c) with `names`; `baseline` is the name among them of the score before birth, or "".
    """

    outcomes: tuple[Outcome, ...]
    y: Array
    mtb: Array
    municipality: NDArray[np.str_]
    calendar: Array
    years: Array
    covariates: Array
    names: tuple[str, ...]
    baseline: str
    rows: NDArray[np.int64]

    def primary_columns(self) -> Array:
        """Return the primary model's columns, MTB first: municipality dummies, calendar spline, covariates."""
        return stack(self.mtb, dummies(self.municipality), self.calendar, self.covariates)


def outcome_models(study: Study, plan: Plan) -> dict[str, ModelData]:
    """Return the arrays of every outcome's models, by outcome id."""
    return {o.id: model_data(study, plan, o) for o in plan.outcomes}


def batches(study: Study, outcomes: Iterable[Outcome], models: Models) -> list[Batch]:
    """Return the outcomes that can be compared between arms, in groups with the same columns, plan order within."""
    groups: dict[tuple[tuple[str, ...], str], list[Outcome]] = {}
    for outcome in outcomes:
        data = models[outcome.id]
        if not unusable(data):
            key = (data.names, outcome.baseline if outcome.baseline in data.names and outcome.baseline else "")
            groups.setdefault(key, []).append(outcome)
    years = study.families["calendar_years"].to_numpy(dtype=float)
    return [_batch(group, [models[o.id] for o in group], baseline, years) for (_, baseline), group in groups.items()]


def all_municipalities(study: Study) -> NDArray[np.str_]:
    """Return the sorted codes of the municipalities that have families: one sign each in joint draws."""
    return np.unique(study.families["municipality"].to_numpy(dtype=str))


def joint_draws(study: Study, rng: np.random.Generator | None) -> Draws:
    """Return all sign draws over the municipalities, or random ones from `rng` where there are more than 4096."""
    return wild_draws(len(all_municipalities(study)), rng=rng, max_exact=MAX_EXACT)


def _batch(group: list[Outcome], models: list[ModelData], baseline: str, years: Array) -> Batch:
    rows = np.unique(np.concatenate([d.rows for d in models]))
    y = np.full((len(group), len(rows)), np.nan)
    wide = {name: np.empty((len(rows), getattr(models[0], name).shape[1])) for name in ("calendar", "covariates")}
    mtb, municipality = np.empty(len(rows)), np.empty(len(rows), dtype=models[0].municipality.dtype)
    for i, data in enumerate(models):
        at = np.searchsorted(rows, data.rows)
        y[i, at], mtb[at], municipality[at] = data.y, data.mtb, data.municipality
        for name, block in wide.items():
            block[at] = getattr(data, name)
    return Batch(
        outcomes=tuple(group),
        y=y,
        mtb=mtb,
        municipality=municipality,
        calendar=wide["calendar"],
        years=years[rows],
        covariates=wide["covariates"],
        names=models[0].names,
        baseline=baseline,
        rows=rows,
    )
