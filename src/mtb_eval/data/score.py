"""Answers to scores, as an instrument declares its scales."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtb_eval.study import Cutoff, Instrument, Scale


def score(answers: pd.DataFrame, instrument: Instrument) -> pd.DataFrame:
    """Return every scale and cut-off of an instrument, one column each, one row per row of `answers` (float).

    `answers` holds the instrument's columns as answer codes, and ticks of concern as 1 (any other value: not ticked);
    NaN is unanswered. Per item: a reversed answer a becomes min + max - a, the code is given its points, and a tick
    adds `concern_points` where the item is answered. Per scale, with k of m items answered and k >= `min_answered`
    (default m): the sum, prorated sum x m / k, or the mean; floor(x + 0.5) if rounded half up; else NaN. Cut-offs are
    1.0 or 0.0, NaN where the scale is. `any_of` is 1 if any cut-off holds, 0 if all are known not to, else NaN.
    Raises ValueError if a column is missing or an answer is not one of the declared codes.
    """
    return with_cutoffs(scale_scores(answers, instrument), instrument)


def scale_scores(answers: pd.DataFrame, instrument: Instrument) -> pd.DataFrame:
    """Return the scales that are made of items, without cut-offs; columns and errors as `score`."""
    absent = [c for c in instrument.columns if c not in answers]
    if absent:
        raise ValueError(f"{instrument.id}: {len(absent)} item columns are missing, the first is {absent[0]!r}")
    straight = _points(answers, instrument, turned=False)
    turned = _points(answers, instrument, turned=True) if any(s.reversed_items for s in instrument.scales) else straight
    scales = {s.id: _scale(straight, turned, s) for s in instrument.scales if s.method != "any_of"}
    return pd.DataFrame(scales, index=answers.index, dtype=float)


def with_cutoffs(scores: pd.DataFrame, instrument: Instrument) -> pd.DataFrame:
    """Return scale scores with the instrument's cut-offs and any-of scales, in declared order."""
    found = {c: scores[c].to_numpy(dtype=float) for c in scores.columns}
    for scale in sorted(instrument.scales, key=lambda s: s.method == "any_of"):
        if scale.method == "any_of":
            found[scale.id] = _any_of(np.column_stack([found[c] for c in scale.any_of]))
        found |= {c.id: _reached(found[scale.id], c) for c in scale.cutoffs}
    order = [name for s in instrument.scales for name in (s.id, *(c.id for c in s.cutoffs))]
    return pd.DataFrame({name: found[name] for name in order}, index=scores.index)


def _scale(straight: np.ndarray, turned: np.ndarray, scale: Scale) -> np.ndarray:
    points = np.column_stack([(turned if k in scale.reversed_items else straight)[:, k - 1] for k in scale.items])
    n_answered, n_items = (~np.isnan(points)).sum(axis=1), len(scale.items)
    enough = n_answered >= max(n_items if scale.min_answered is None else scale.min_answered, 1)
    n = np.maximum(n_answered, 1)
    total = np.nansum(points, axis=1)
    value = total / n if scale.method == "mean" else total * n_items / n if scale.prorate else total
    value = np.floor(value + 0.5) if scale.round_half_up else value
    return np.where(enough, value, np.nan)


def _points(answers: pd.DataFrame, instrument: Instrument, *, turned: bool) -> np.ndarray:
    """Return the points of every item (rows x items), with what its tick of concern adds; NaN where unanswered."""
    codes = np.array(sorted(instrument.answers), dtype=float)
    worth = np.array([instrument.points.get(int(c), c) for c in codes])
    items = answers[list(instrument.columns[: instrument.n_items])].to_numpy(dtype=float)
    sought = codes[0] + codes[-1] - items if turned else items
    place = np.minimum(np.searchsorted(codes, sought), len(codes) - 1)
    points = np.where(codes[place] == sought, worth[place], np.nan)
    lost = int((np.isnan(points) & ~np.isnan(items)).sum())
    if lost:
        raise ValueError(f"{instrument.id}: {lost} answers are not among the declared codes")
    if instrument.concern_points:
        ticked = answers[list(instrument.columns[instrument.n_items :])].to_numpy(dtype=float) == 1
        points = points + instrument.concern_points * ticked
    return points


def _reached(value: np.ndarray, cutoff: Cutoff) -> np.ndarray:
    over = value >= cutoff.at if cutoff.side == "at_least" else value <= cutoff.at
    return np.where(np.isnan(value), np.nan, over.astype(float))


def _any_of(flags: np.ndarray) -> np.ndarray:
    any_known = (flags == 1).any(axis=1)
    return np.where(any_known, 1.0, np.where(np.isnan(flags).any(axis=1), np.nan, 0.0))
