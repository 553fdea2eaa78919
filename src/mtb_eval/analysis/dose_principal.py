"""High-dose families against the usual-care families who resemble them, by principal-score weights, and bounds.

A usual-care family has no visits, but a chance, from what was known before birth, of being one that would have had
many. Weighted by that chance, usual care stands for the would-be high; by one minus it, for the would-be low. This
holds only if nothing unmeasured sets the two apart; `departures` and `bounds` show what follows if something does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mtb_eval.analysis.care_effect import FAILURES, Row, estimate_row
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
    adjusted_columns,
    failed,
    frame,
)
from mtb_eval.analysis.model_data import dummies, stack
from mtb_eval.inference.bounds import imbens_manski
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.estimate import Estimate
from mtb_eval.inference.ols import ols
from mtb_eval.inference.principal import (
    Departure,
    Kind,
    Strata,
    principal_fit,
    principal_jackknife,
    principal_scores,
    trimmed_weights,
)
from mtb_eval.inference.response_weights import effective_size
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.study import DoseDetail

KINDS: dict[str, Kind] = {HIGH: "high", LOW: "low"}
NAMES = {HIGH: "high", LOW: "low", DIFFERENCE: "difference"}
PRINCIPAL_COLUMNS = (*NAMED, *ESTIMATED, "n_effective", *COUNTED)
DEPARTURE_COLUMNS = (*NAMED, "departure", "value", *ESTIMATED, *COUNTED)
BALANCE_COLUMNS = (
    *("outcome", "contrast", "column", "kind", "n_dose", "mean_dose", "n_control", "mean_control"),
    *("smd_before", "smd_after"),
)
BOUND_COLUMNS = (
    *(*NAMED, "method"),
    *("share", "lower", "upper", "ci_low", "ci_high", "std_lower", "std_upper", "std_low", "std_high"),
    *COUNTED,
)
RATIO, STEP = "ratio", "difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalTables:
    """Tables of the principal-score analysis; columns in the docstring of `DoseTables`."""

    effects: pd.DataFrame
    departures: pd.DataFrame
    balance: pd.DataFrame
    bounds: pd.DataFrame


def principal(doses: list[DoseData], detail: DoseDetail | None) -> PrincipalTables:
    """Return effects by principal-score weights, their course under departures, balance, and trimming bounds."""
    used = doses if detail else []
    parts = [_of_outcome(dose, detail) for dose in used if detail]
    return PrincipalTables(
        effects=frame([r for p in parts for r in p[0]], PRINCIPAL_COLUMNS),
        departures=frame([r for p in parts for r in p[1]], DEPARTURE_COLUMNS),
        balance=frame([r for p in parts for r in p[2]], BALANCE_COLUMNS),
        bounds=frame([r for dose in used for r in _bounds(dose)], BOUND_COLUMNS),
    )


def strata_of(dose: DoseData, score_sd: float) -> Strata:
    """Return the strata of an outcome's families: being high by covariates, calendar time and municipality.

    Covariates and calendar are in standard deviations among MTB families; every slope has a normal prior of mean 0 and
    `score_sd`, the constant none.
    """
    data = dose.data
    measured = stack(data.covariates, data.calendar)
    centre, spread = measured[dose.mtb].mean(axis=0), measured[dose.mtb].std(axis=0)
    z = (measured - centre) / np.where(spread > 0, spread, 1.0)
    x = stack(np.ones(len(data.y)), z, dummies(data.municipality))
    return Strata(
        treated=dose.mtb,
        high=dose.high,
        cluster=data.municipality,
        x=x,
        prior_sd=np.r_[np.inf, np.full(x.shape[1] - 1, score_sd)],
        design=stack(data.mtb, adjusted_columns(data)),
    )


def _of_outcome(dose: DoseData, detail: DoseDetail) -> tuple[list[Row], list[Row], list[Row]]:
    """Return the rows of effects, departures and balance of one outcome."""
    base = dose.base("principal-score weights")
    problem = dose.lacking(DIFFERENCE, fewest=detail.fewest)
    try:
        if not problem:
            return _estimated(dose, detail, base)
    except FAILURES as failure:
        problem = str(failure)
    rows = [failed({**base, "contrast": c}, problem) for c in NAMES]
    return rows, [{**row, "departure": RATIO} for row in rows], []


def _estimated(dose: DoseData, detail: DoseDetail, base: Row) -> tuple[list[Row], list[Row], list[Row]]:
    strata = strata_of(dose, detail.score_sd)
    score = principal_scores(strata)
    departures = _departures(dose, detail)
    found = principal_jackknife(strata, dose.data.y, tuple(d for _, _, d in departures), level=dose.level)
    effects: list[Row] = []
    curve: list[Row] = _no_ratios(dose, base)
    for contrast, name in NAMES.items():
        shared: Row = {**base, "contrast": contrast}
        for k, (kind, value, _) in enumerate(departures):
            row = completed({**shared, **estimate_row(_one(found[name], k))})
            (curve if kind else effects).append({**row, **({"departure": kind, "value": value} if kind else {})})
        if contrast in KINDS:
            effects.append(completed({**shared, **_weighted(dose, strata, score, KINDS[contrast])}))
    return effects, curve, _balance(dose, score)


def _departures(dose: DoseData, detail: DoseDetail) -> list[tuple[str, float, Departure]]:
    """Return principal ignorability first, then the declared departures: kind, value as declared, in outcome units.

    Differences are declared in standard deviations, positive where would-be high families would be better off.
    """
    unit = 1.0 / dose.scale
    ratios = [] if _negative(dose) else [(RATIO, r, Departure(ratio=r)) for r in detail.ratios]
    steps = [(STEP, d, Departure(difference=d * unit)) for d in detail.differences]
    return [("", 0.0, Departure()), *ratios, *steps]


def _no_ratios(dose: DoseData, base: Row) -> list[Row]:
    why = "a ratio of means has no sense for an outcome with negative values"
    return [failed({**base, "contrast": c, "departure": RATIO}, why) for c in NAMES if _negative(dose)]


def _negative(dose: DoseData) -> bool:
    return bool(dose.data.y.min() < 0)


def _weighted(dose: DoseData, strata: Strata, score: Array, kind: Kind) -> Row:
    fit = principal_fit(strata, dose.data.y, score, kind, (Departure(),))
    found = cluster_robust(fit, np.eye(strata.design.shape[1])[0], kind="CR2", level=dose.level)
    chance = score if kind == "high" else 1 - score
    return {
        **estimate_row(_one(found, 0), method="principal-score weights, CR2, Satterthwaite t, score taken as known"),
        "n_effective": effective_size(chance[~dose.mtb]),
    }


def _one(found: Estimate, k: int) -> Estimate:
    """Return the k-th of a vector of estimates."""
    return Estimate(
        estimate=found.estimate[k],
        se=found.se[k],
        df=found.df[k],
        ci_low=found.ci_low[k],
        ci_high=found.ci_high[k],
        p=found.p[k],
        method=found.method,
        warning=found.warning,
    )


def _balance(dose: DoseData, score: Array) -> list[Row]:
    rows: list[Row] = []
    for contrast, kind in KINDS.items():
        group = dose.high if kind == "high" else dose.low
        weights = (score if kind == "high" else 1 - score)[~dose.mtb]
        for name, values in zip(dose.data.names, dose.data.covariates.T, strict=True):
            spread = float(np.sqrt((values[dose.mtb].var() + values[~dose.mtb].var()) / 2))
            usual = values[~dose.mtb]
            gap = values[group].mean() - np.array([usual.mean(), np.average(usual, weights=weights)])
            before, after = gap / spread if spread > 0 else np.full(2, np.nan)
            rows.append(
                {
                    "outcome": dose.outcome.id,
                    "contrast": contrast,
                    "column": name,
                    "kind": "share" if _yes_no(values) else "mean",
                    "n_dose": float(group.sum()),
                    "mean_dose": float(values[group].mean()),
                    "n_control": float(len(usual)),
                    "mean_control": float(usual.mean()),
                    "smd_before": float(before),
                    "smd_after": float(after),
                }
            )
    return rows


def _yes_no(values: Array) -> bool:
    """Return whether values are 0 and 1, but for the one number that fills in what is missing."""
    return (
        {0.0, 1.0} <= {*values.tolist()}
        and len({*values.tolist()}) <= 3
        and bool(values.min() == 0 and values.max() == 1)
    )


def _bounds(dose: DoseData) -> list[Row]:
    base = {k: v for k, v in dose.base("trimming bounds").items() if k != "scale"}
    base = {**base, "contrast": HIGH}
    problem = dose.lacking(DIFFERENCE)
    try:
        if not problem:
            return [{**base, **_bound_row(dose)}]
    except FAILURES as failure:
        problem = str(failure)
    return [{**base, "method": "not estimated", "error": problem}]


def _bound_row(dose: DoseData) -> Row:
    """Return the bounds of the effect on the high: controls ordered by outcome less what the model adjusts for."""
    strata = strata_of(dose, 1.0)
    share = float(dose.high.sum() / dose.mtb.sum())
    adjusted = adjusted_columns(dose.data)
    groups = stack(dose.high.astype(float), dose.low.astype(float))
    slopes = np.linalg.lstsq(stack(groups, adjusted), dose.data.y, rcond=None)[0][2:]
    weights = trimmed_weights(strata, dose.data.y - adjusted @ slopes, share)
    low, high = (_trimmed(dose, strata, w) for w in weights)
    ends = (float(low.estimate), float(high.estimate))
    df = float(np.nanmin([low.df, high.df]))
    ci = imbens_manski(ends, (float(low.se), float(high.se)), df, dose.level)
    std, std_ci = sorted(dose.scale * e for e in ends), sorted(dose.scale * e for e in ci)
    return {
        "method": "trimming of usual care, CR2 at each bound, Imbens-Manski interval with t",
        "share": share,
        "lower": ends[0],
        "upper": ends[1],
        "ci_low": ci[0],
        "ci_high": ci[1],
        "std_lower": std[0],
        "std_upper": std[1],
        "std_low": std_ci[0],
        "std_high": std_ci[1],
        "warning": "the trimmed share is taken as known",
    }


def _trimmed(dose: DoseData, strata: Strata, weights: Array) -> Estimate:
    cross = cross_products(strata.design, dose.data.y, dose.data.municipality, weights=weights)
    contrast = np.eye(strata.design.shape[1])[0]
    return cluster_robust(ols(cross, collinear="drop"), contrast, kind="CR2", level=dose.level)
