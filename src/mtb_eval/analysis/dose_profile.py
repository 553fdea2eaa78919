"""Is the declared number of visits special: the dose contrasts at every cut, with one band for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import FAILURES, Row
from mtb_eval.analysis.design_rows import completed
from mtb_eval.analysis.dose_data import (
    COUNTED,
    DIFFERENCE,
    ESTIMATED,
    HIGH,
    LOW,
    NAMED,
    Array,
    DoseData,
    Flags,
    adjusted_columns,
    failed,
    frame,
)
from mtb_eval.analysis.model_data import stack
from mtb_eval.analysis.received import at_threshold
from mtb_eval.analysis.row_table import ESTIMATE
from mtb_eval.inference.cuts import Band, cut_band, cut_contrasts, cut_models, cut_rss, cuts_kept
from mtb_eval.inference.draws import wild_draws
from mtb_eval.inference.ols import LeastSquares, with_spectrum
from mtb_eval.study import DoseDetail, DoseRule

NAMES = {HIGH: "high", LOW: "low", DIFFERENCE: "difference"}
PROFILE_COLUMNS = (
    *NAMED,
    "cut",
    *ESTIMATED,
    *("band_low", "band_high", "std_band_low", "std_band_high", "kept", "declared"),
    *COUNTED,
)
THRESHOLD_COLUMNS = (
    *("outcome", "family", "wave", "analysis", "method", "n_cuts", "best_cut", "cut_low", "cut_high", "n_kept"),
    *("declared_kept", "ratio_at_declared", "p_any_high", "p_any_low", "p_any_difference", "critical_high"),
    *("critical_low", "critical_difference", *COUNTED),
)
ANALYSIS = "threshold profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """Declared cuts (C,), MTB families from each on `above` (C, n), and which have enough families on both sides.

    `place` (U,) is the position of each of the U `used` cuts among the `distinct` (D, n) groups that they make.
    """

    cuts: Array
    above: Flags
    used: Flags
    place: NDArray[np.intp]
    distinct: Flags


def profile(
    doses: list[DoseData], rule: DoseRule | None, detail: DoseDetail | None, *, rng: np.random.Generator | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the contrasts at every declared cut, and one row per outcome on where a threshold may lie.

    `rng` is needed with more than 12 municipalities.
    """
    fewest = detail.fewest if detail else 1
    parts = [_of_outcome(dose, rule, fewest, rng) for dose in doses if rule]
    return (
        frame([row for p in parts for row in p[0]], PROFILE_COLUMNS),
        frame([row for p in parts for row in p[1]], THRESHOLD_COLUMNS),
    )


def cuts_of(dose: DoseData, rule: DoseRule, fewest: int) -> Cuts:
    """Return the cuts that the plan declares and the groups that they make of an outcome's MTB families."""
    cuts = np.arange(rule.profile_from, rule.profile_to + 1)
    above = np.array([at_threshold(dose.visits, replace(rule, threshold=int(c))) & dose.mtb for c in cuts])
    n_high = above.sum(axis=1)
    used = (n_high >= fewest) & (dose.mtb.sum() - n_high >= fewest)
    distinct, place = np.unique(above[used], axis=0, return_inverse=True)
    return Cuts(cuts=cuts.astype(float), above=above, used=used, place=place.reshape(-1), distinct=distinct)


def _of_outcome(
    dose: DoseData, rule: DoseRule, fewest: int, rng: np.random.Generator | None
) -> tuple[list[Row], list[Row]]:
    """Return the rows of the profile and the one row on the threshold."""
    cuts, problem = cuts_of(dose, rule, fewest), dose.problem()
    if not problem and not cuts.used.any():
        problem = f"no cut from {rule.profile_from} to {rule.profile_to} has {fewest} families on both sides"
    try:
        if not problem:
            common = stack(dose.data.mtb, adjusted_columns(dose.data))
            fit = cut_models(common, cuts.distinct, dose.data.y, dose.data.municipality)
            bands = _bands(fit, dose.level, rng)
            return list(_rows(dose, cuts, fit, bands, rule)), [_threshold(dose, cuts, fit, bands, rule)]
    except FAILURES as failure:
        problem = str(failure)
    row = failed(dose.base(ANALYSIS), problem)
    return [{**row, "contrast": c} for c in NAMES], [{k: v for k, v in row.items() if k in THRESHOLD_COLUMNS}]


def _bands(fit: LeastSquares, level: float, rng: np.random.Generator | None) -> dict[str, Band]:
    draws, fit = wild_draws(fit.cross.n_clusters, rng=rng), with_spectrum(fit)
    contrasts = cut_contrasts(fit.cross.n_columns)
    return {c: cut_band(fit, contrasts[name], draws=draws, level=level) for c, name in NAMES.items()}


def _rows(dose: DoseData, cuts: Cuts, fit: LeastSquares, bands: dict[str, Band], rule: DoseRule) -> Iterator[Row]:
    kept = cuts_kept(fit, level=dose.level)
    place = np.full(cuts.cuts.size, -1)
    place[cuts.used] = cuts.place
    base, scale, n_mtb = dose.base(ANALYSIS), dose.scale, float(dose.mtb.sum())
    for cut, above, at in zip(cuts.cuts, cuts.above, place, strict=True):
        groups = {"n_high": float(above.sum()), "n_low": n_mtb - float(above.sum())}
        shared = {**base, **groups, "cut": float(cut), "declared": bool(cut == rule.threshold)}
        for contrast, band in bands.items():
            row = {**shared, "contrast": contrast}
            if at < 0:
                few = "too few families on one side of the cut"
                yield completed({**row, "method": "not estimated", "warning": few})
            else:
                yield {**completed({**row, **_at(band, at)}), **_band(scale, band, at), "kept": bool(kept[at])}


def _at(band: Band, k: int) -> Row:
    found = band.pointwise
    names = ESTIMATE
    return {**{n: float(getattr(found, n)[k]) for n in names}, "method": f"{found.method}; {band.method}"}


def _band(scale: float, band: Band, k: int) -> Row:
    low, high = float(band.low[k]), float(band.high[k])
    ends = sorted((scale * low, scale * high))
    return {"band_low": low, "band_high": high, "std_band_low": ends[0], "std_band_high": ends[1]}


def _threshold(dose: DoseData, cuts: Cuts, fit: LeastSquares, bands: dict[str, Band], rule: DoseRule) -> Row:
    """Return where a threshold may lie: the likelihood's set of cuts, and tests that there is none at all."""
    values, rss = cuts.cuts[cuts.used], cut_rss(fit)[cuts.place]
    kept = cuts_kept(fit, level=dose.level)[cuts.place]
    if not kept.any():
        raise ValueError("no cut of the profile could be fitted")
    ratio = float(np.max(fit.n_rows)) * np.log(rss / rss.min())
    declared = values == rule.threshold
    return {
        **{k: v for k, v in dose.base(ANALYSIS).items() if k in THRESHOLD_COLUMNS},
        "method": f"n log(RSS / least RSS) up to Hansen's quantile; {bands[DIFFERENCE].method}",
        "n_cuts": float(values.size),
        "best_cut": float(values[np.argmin(rss)]),
        "cut_low": float(values[kept].min()),
        "cut_high": float(values[kept].max()),
        "n_kept": float(kept.sum()),
        "declared_kept": bool(kept[declared].any()),
        "ratio_at_declared": float(ratio[declared][0]) if declared.any() else float("nan"),
        **{f"p_any_{name}": bands[c].p_any for c, name in NAMES.items()},
        **{f"critical_{name}": bands[c].critical for c, name in NAMES.items()},
    }
