"""Coders against each other: who rates higher, who drifts as time goes, and what that does to the arms' difference.

Only videos that two coders rated tell coders apart: y_a - y_b = (l_a - l_b) + (s_a t_a - s_b t_b) + error, one row per
pair of ratings of a video, with leniency l (sum 0), slope s per half year and rating date t. CR2 by family.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import Row, estimate_row
from mtb_eval.analysis.coding_ratings import ALL_WAVES, Videos, rated_scales
from mtb_eval.analysis.coding_reliability import problem_of
from mtb_eval.analysis.coding_table import or_reason
from mtb_eval.analysis.model_data import pooled_sd
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.ols import LeastSquares, ols
from mtb_eval.inference.sandwich import cluster_robust

Array = NDArray[np.float64]

DRIFT_COLUMNS = (
    *("instrument", "scale", "label_en", "label_da", "measure", "coder", "wave", "estimate", "se", "df"),
    *("ci_low", "ci_high", "p", "std", "std_low", "std_high", "n_pairs", "method", "warning", "error"),
)
MEASURES = ("leniency", "drift", "common drift", "arm shift")
NO_DATES = "rating dates are not known: drift cannot be estimated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A combination (p,) of coder effects, with what it is called."""

    measure: str
    coder: str
    wave: str
    weights: Array


def drift_rows(films: Videos, waves: list[str], *, level: float) -> Iterator[Row]:
    """Yield each coder's leniency and drift against the coders' mean, their common drift, and the arm shift.

    "arm shift": what MTB minus usual care gains because coders of unlike leniency rated unlike shares of the arms
    (shares of all videos of a wave, taken as known). `std` in SD of the scores pooled within arms.
    """
    contrasts = list(_contrasts(films, waves))
    for scale in rated_scales(films.instrument):
        base: Row = {
            **{"instrument": films.instrument.id, "scale": scale.id},
            **{"label_en": scale.label.en, "label_da": scale.label.da},
        }
        problem = problem_of(films.rated)
        if problem:
            yield from ({**base, "measure": m, "error": problem} for m in MEASURES)
            continue
        yield from _scale_rows(films, films.scores[scale.id], base, (contrasts, level))


def _scale_rows(films: Videos, ratings: Array, base: Row, asked: tuple[list[Contrast], float]) -> Iterator[Row]:
    contrasts, level = asked
    sd = _sd(films, ratings)
    dated = np.isfinite(films.half_years[films.rated]).all()
    fit: dict[str, LeastSquares] = {}

    def build(contrast: Contrast) -> Row:
        if not dated and "drift" in contrast.measure:
            raise ValueError(NO_DATES)
        if not fit:
            fit["pairs"] = _pair_fit(films, ratings, dated=bool(dated))
        weights = contrast.weights if dated else contrast.weights[: films.rated.shape[1] - 1]
        row = estimate_row(cluster_robust(fit["pairs"], weights, level=level))
        ends = ("estimate", "ci_low", "ci_high")
        std = {k: float(row[c]) / sd for k, c in zip(("std", "std_low", "std_high"), ends, strict=True)}  # type: ignore[arg-type]
        n = float(np.max(fit["pairs"].n_rows))
        return {**row, **std, "n_pairs": n, "method": f"differences within videos, by family: {row['method']}"}

    for contrast in contrasts:
        named: Row = {"measure": contrast.measure, "coder": contrast.coder, "wave": contrast.wave}
        yield or_reason({**base, **named}, lambda c=contrast: build(c))  # type: ignore[misc]


def _contrasts(films: Videos, waves: list[str]) -> Iterator[Contrast]:
    """Yield combinations of the K - 1 leniencies (the last is minus their sum) and the K slopes."""
    k = films.rated.shape[1]
    if k < 2:
        return
    leniency = np.vstack([np.eye(k - 1), -np.ones(k - 1)])
    slope = np.eye(k)
    for c in range(k):
        yield Contrast(
            measure="leniency", coder=str(c + 1), wave=ALL_WAVES, weights=np.concatenate([leniency[c], np.zeros(k)])
        )
    for c in range(k):
        own = np.concatenate([np.zeros(k - 1), slope[c] - 1 / k])
        yield Contrast(measure="drift", coder=str(c + 1), wave=ALL_WAVES, weights=own)
    common = np.concatenate([np.zeros(k - 1), np.full(k, 1 / k)])
    yield Contrast(measure="common drift", coder="", wave=ALL_WAVES, weights=common)
    for wave in waves:
        shift = _shares(films, wave, 1.0) - _shares(films, wave, 0.0)
        if np.isfinite(shift).all():
            weights = np.concatenate([shift @ leniency, np.zeros(k)])
            yield Contrast(measure="arm shift", coder="", wave=wave, weights=weights)


def _shares(films: Videos, wave: str, arm: float) -> Array:
    """Return each coder's part (K,) in the scores of an arm: a video with two ratings gives each a half."""
    rated = films.rated[films.at(wave) & (films.mtb == arm)]
    if not len(rated):
        return np.full(films.rated.shape[1], np.nan)
    return np.asarray((rated / rated.sum(axis=1, keepdims=True)).mean(axis=0))


def _pair_fit(films: Videos, ratings: Array, *, dated: bool) -> LeastSquares:
    """Return the fit of differences between two ratings of a video."""
    k = ratings.shape[1]
    x, y, family = [], [], []
    for a, b in zip(*np.triu_indices(k, 1), strict=True):
        both = np.isfinite(ratings[:, a] - ratings[:, b])
        n = int(both.sum())
        side = np.zeros((n, k))
        side[:, a], side[:, b] = 1.0, -1.0
        lenient = side[:, :-1] - side[:, -1:]
        slopes = side * np.nan_to_num(films.half_years[both])
        x.append(np.column_stack([lenient, slopes]) if dated else lenient)
        y.append(ratings[both, a] - ratings[both, b])
        family.append(films.family[both])
    return ols(cross_products(np.concatenate(x), np.concatenate(y), np.concatenate(family)), collinear="drop")


def _sd(films: Videos, ratings: Array) -> float:
    seen = np.isfinite(ratings).any(axis=1)
    means = np.nanmean(ratings[seen], axis=1)
    sd = pooled_sd(means, films.mtb[seen])
    return sd if np.isfinite(sd) else float(np.std(means, ddof=1))
