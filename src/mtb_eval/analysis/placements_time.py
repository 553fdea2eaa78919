"""Time to placement: restricted means, log-rank tests, hazard ratio, and cumulative incidence with competing events."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import stats

from mtb_eval.analysis.care_effect import Row
from mtb_eval.analysis.placements_data import Placed, as_ratio, as_row, coded
from mtb_eval.inference.competing import Incidence, cumulative_incidence
from mtb_eval.inference.cox import cox_log_ratio
from mtb_eval.inference.estimate import t_estimate
from mtb_eval.inference.permutation import Permutation, permuted_arms, permuted_blocks
from mtb_eval.inference.survival import log_rank, log_rank_scores, restricted_mean, restricted_mean_difference

ARMS = (("mtb", "MTB", 1.0), ("control", "usual care", 0.0))
CAUSES = ("placed", "moved or died")
INCIDENCE_COLUMNS = ("source", "arm", "cause", "months", "at_risk", "events", "cumulative", "se", "ci_low", "ci_high")


def restricted_mean_rows(data: Placed, level: float) -> Iterator[Row]:
    """Yield months lived at home up to the plan's age, by arm, and their difference, MTB minus usual care."""
    until = data.until
    for arm, words, code in ARMS:
        here = data.mtb == code
        found = restricted_mean(data.months[here], data.event[here], until=until, level=level)
        yield {**as_row(f"restricted mean, {words}", found), "code": f"mean-{arm}", "p": math.nan}
    for name, cluster in (("mean-difference", None), ("mean-difference-cluster", data.municipality)):
        found = restricted_mean_difference(data.months, data.event, data.mtb, until=until, cluster=cluster, level=level)
        yield coded(name, as_row("restricted mean difference", found))


def log_rank_rows(data: Placed) -> Iterator[Row]:
    """Yield log-rank tests: all families, within municipality, and with those who moved or died censored.

    `estimate` is the number of placements in MTB minus that expected under equal hazards.
    """
    time, event = censored(data)
    cases = (
        ("", "log-rank", log_rank(data.months, data.event, data.mtb)),
        (
            "-stratified",
            "log-rank stratified by municipality",
            log_rank(data.months, data.event, data.mtb, data.municipality),
        ),
        ("-censored", "log-rank, moved or died censored", log_rank(time, event, data.mtb)),
    )
    for suffix, method, found in cases:
        gap = {"estimate": found.observed - found.expected, "se": math.sqrt(found.variance), "df": math.inf}
        told = _lost(data) if "censored" in method else ""
        names = {"measure": "placements beyond expected, MTB", "code": f"log-rank{suffix}", "method": method}
        yield {**names, **gap, "p": found.p, "warning": told}


def permutation_rows(data: Placed, *, draws: int, rng: np.random.Generator) -> Iterator[Row]:
    """Yield permutation tests: log-rank over arms, over arms within municipality, and whole blocks."""
    n = len(data.event)
    everywhere = permuted_arms(log_rank_scores(data.months, data.event), data.mtb, np.zeros(n), n_draws=draws, rng=rng)
    scores = log_rank_scores(data.months, data.event, data.municipality)
    within = permuted_arms(scores, data.mtb, data.municipality, n_draws=draws, rng=rng)
    yield coded("permuted", _permuted("permutation log-rank, all families exchangeable", everywhere))
    yield coded("permuted-municipality", _permuted("permutation log-rank within municipality", within))
    blocks = permuted_blocks(data.event, data.mtb, data.block, data.municipality, n_draws=draws, rng=rng)
    row = _permuted("half-years of a municipality permuted as blocks (slope on the share with MTB)", blocks)
    told = "; ".join(filter(None, (str(row["warning"]), "holds only if risks do not change over calendar time")))
    names = {"measure": "risk difference", "code": "permuted-blocks"}
    yield {**row, **names, "estimate": blocks.statistic, "warning": told}


def cox_rows(data: Placed, level: float) -> Iterator[Row]:
    """Yield the hazard ratio, usual care over MTB, cluster-robust."""
    found = cox_log_ratio(data.months, data.event, 1 - data.mtb, data.municipality, level=level)
    few = f"{int(data.event.sum())} placements in {data.n_clusters} municipalities: its standard error is too small"
    yield coded("cox", as_ratio("hazard ratio", found, warning=few))


def incidence_rows(data: Placed, level: float) -> Iterator[Row]:
    """Yield the cumulative incidence of placement at the plan's age with moving and death competing, and difference."""
    curves = {arm: arm_incidence(data, code) for arm, _, code in ARMS}
    at = {arm: curve.at(data.until, 1) for arm, curve in curves.items()}
    how = "Aalen-Johansen, infinitesimal jackknife, log-log interval"
    for arm, words, _ in ARMS:
        low, high = log_log_interval(*at[arm], level)
        row = {"estimate": at[arm][0], "se": at[arm][1], "ci_low": low, "ci_high": high}
        names = {"measure": f"cumulative incidence, {words}", "code": f"incidence-{arm}", "method": how}
        yield {**names, **row, "warning": _lost(data)}
    difference = at["mtb"][0] - at["control"][0]
    found = t_estimate(
        np.asarray(difference),
        np.asarray(math.hypot(at["mtb"][1], at["control"][1])),
        df=np.inf,
        method="Aalen-Johansen, infinitesimal jackknife, z",
        level=level,
    )
    yield coded("incidence-difference", as_row("cumulative incidence difference", found, warning=_lost(data)))


def incidence_table(data: Placed, level: float) -> Iterator[Row]:
    """Yield the steps of the cumulative incidence of placement, and of moving or death, by arm."""
    for arm, _, code in ARMS:
        curve = arm_incidence(data, code)
        n = float((data.mtb == code).sum())
        for k, cause in enumerate(CAUSES):
            start = {"arm": arm, "cause": cause, "months": 0.0, "at_risk": n, "events": 0.0, "cumulative": 0.0}
            yield {**start, "se": 0.0, "ci_low": 0.0, "ci_high": 0.0}
            for i in range(len(curve.times)):
                value, se = float(curve.cumulative[i, k]), float(curve.se[i, k])
                low, high = log_log_interval(value, se, level)
                yield {
                    "arm": arm,
                    "cause": cause,
                    "months": float(curve.times[i]),
                    "at_risk": float(curve.at_risk[i]),
                    "events": float(curve.events[i, k]),
                    "cumulative": value,
                    "se": se,
                    "ci_low": low,
                    "ci_high": high,
                }


def censored(data: Placed) -> tuple[np.ndarray, np.ndarray]:
    """Return times and events with families that left for a competing reason followed only until then."""
    gone = data.leaving < data.months
    return np.where(gone, data.leaving, data.months), np.where(gone, 0.0, data.event)


def arm_incidence(data: Placed, code: float) -> Incidence:
    """Return the curves of placement (1) and of leaving for a competing reason (2) in one arm."""
    here = data.mtb == code
    time, event = censored(data)
    cause = np.where(event == 1, 1.0, np.where(time < data.months, 2.0, 0.0))
    return cumulative_incidence(time[here], cause[here], n_causes=len(CAUSES))


def log_log_interval(value: float, se: float, level: float) -> tuple[float, float]:
    """Return the limits of a cumulative incidence through log(-log(1 - F)); NaN at 0 and 1."""
    if not (0 < value < 1 and se > 0):
        return math.nan, math.nan
    s = 1 - value
    spread = float(stats.norm.ppf(0.5 + level / 2)) * se / (s * abs(math.log(s)))
    centre = math.log(-math.log(s))
    return 1 - math.exp(-math.exp(centre - spread)), 1 - math.exp(-math.exp(centre + spread))


def _permuted(method: str, found: Permutation) -> Row:
    strata = f" ({found.n_strata} strata)" if found.n_strata > 1 else ""
    return {
        "measure": "test",
        "method": f"{method}{strata}, {found.n_draws} draws",
        "p": found.p,
        "n_free": float(found.n_free),
        "warning": "" if found.n_free else "no stratum has both arms and a placement",
    }


def _lost(data: Placed) -> str:
    """Say how many registered placements came after a family had left, for analyses that end with leaving."""
    n = int(((data.leaving < data.months) & (data.event == 1)).sum())
    return f"{n} placements registered after the family had moved are not counted" if n else ""
