"""Placements as two proportions and by regression: differences, ratios and exact tests."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from statsmodels.stats.proportion import proportion_confint

from mtb_eval.analysis.care_effect import Row, primary_design
from mtb_eval.analysis.model_data import ModelData
from mtb_eval.analysis.placements_data import Placed, as_ratio, as_row, coded
from mtb_eval.inference.confirmation import pearson_p_values
from mtb_eval.inference.counts import risk_difference, risk_ratio, two_arms_by_stratum
from mtb_eval.inference.estimate import Estimate
from mtb_eval.inference.estimating_equations import robust_estimate
from mtb_eval.inference.exact import barnard, boschloo, conditional_odds_ratio, conditional_p
from mtb_eval.inference.firth import firth
from mtb_eval.inference.glm import glm
from mtb_eval.inference.ols import ols
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.inference.wild import wild_bootstrap


def risk_rows(data: Placed, level: float) -> Iterator[Row]:
    """Yield the risk in each arm, Wilson interval."""
    t = data.counts
    arms = (
        ("mtb", "risk, MTB", t.events_first, t.n_first),
        ("control", "risk, usual care", t.events_second, t.n_second),
    )
    for arm, measure, events, n in arms:
        low, high = proportion_confint(int(events), int(n), alpha=1 - level, method="wilson")
        share = int(events) / int(n)
        yield {
            **{"measure": measure, "code": f"risk-{arm}", "method": "Wilson"},
            **{"estimate": share, "ci_low": low, "ci_high": high},
        }


def difference_rows(data: Placed, level: float) -> Iterator[Row]:
    """Yield the risk difference, MTB minus usual care: score, and Newcombe's interval."""
    yield coded("difference-score", as_row("risk difference", risk_difference(data.counts, level=level)))
    yield coded("difference-newcombe", as_row("risk difference", risk_difference(data.counts, "newcombe", level)))


def ratio_rows(data: Placed, level: float) -> Iterator[Row]:
    """Yield the risk ratio, usual care over MTB: two score intervals."""
    turned = data.counts.swapped()
    yield coded("ratio-score", as_row("risk ratio", risk_ratio(turned, level=level)))
    yield coded("ratio-koopman", as_row("risk ratio", risk_ratio(turned, "koopman", level)))


def exact_rows(data: Placed) -> Iterator[Row]:
    """Yield p of the tests of equal risks: exact given the margins, exact without, and Pearson's for comparison."""
    t = data.counts
    one, two, a, b = (int(v) for v in (t.n_first, t.n_second, t.events_first, t.events_second))
    yield {"measure": "test", "code": "fisher", "method": "Fisher", "p": conditional_p(t)}
    yield {"measure": "test", "code": "boschloo", "method": "Boschloo", "p": boschloo(t)}
    yield {"measure": "test", "code": "barnard", "method": "Barnard (pooled z)", "p": barnard(t)}
    p = float(pearson_p_values(one, two)[a, b])
    yield {"measure": "test", "code": "pearson", "method": "Pearson chi-square, not exact", "p": p}


def firth_rows(data: Placed, level: float) -> Iterator[Row]:
    """Yield the odds ratio of usual care against MTB by penalised likelihood: alone and with the few covariates."""
    for suffix, x, words in _designs(data):
        e = firth(x, data.event, level=level, columns=[1])
        row = as_ratio("odds ratio", _second(e), method=f"Firth logistic, profile interval, {words}")
        yield coded(f"firth{suffix}", row)


def poisson_rows(data: Placed, level: float) -> Iterator[Row]:
    """Yield the risk ratio of usual care against MTB by modified Poisson regression, CR2."""
    for suffix, x, words in _designs(data):
        fit = glm(x, data.event, data.municipality, family="poisson")
        effect = np.eye(x.shape[1])[1]
        found = robust_estimate(fit, effect, method=f"modified Poisson, {words}", level=level)
        yield coded(f"poisson{suffix}", as_ratio("risk ratio", found))


def stratified_rows(data: Placed, level: float) -> Iterator[Row]:
    """Yield the exact tests within municipalities, and within their half-years of recruitment (permuted arms)."""
    cases = (("municipality", data.municipality, "municipality"), ("block", data.block, "municipality x half-year"))
    for code, strata, words in cases:
        turned = two_arms_by_stratum(data.event, 1 - data.mtb, strata)
        events = turned.events_first + turned.events_second
        free = (turned.n_first > 0) & (turned.n_second > 0) & (events > 0)
        found = conditional_odds_ratio(turned, level)
        row = as_row("odds ratio", found, method=f"exact test within {words} ({free.size} strata), conditional")
        yield {**coded(f"strata-{code}", row), "n_free": float(free.sum())}


def linear_rows(data: ModelData, level: float) -> Iterator[Row]:
    """Yield the risk difference of the primary model (linear probability), CR2 and WCR31."""
    design = primary_design(data)
    fit = ols(design.cross, collinear="drop")
    cr2 = cluster_robust(fit, design.contrast, kind="CR2", level=level)
    yield coded("linear-cr2", as_row("risk difference", cr2))
    wild = wild_bootstrap(design.cross, design.contrast, variant="wcr31", level=level).as_estimate
    yield coded("linear-wild", as_row("risk difference", wild))


def _designs(data: Placed) -> Iterator[tuple[str, np.ndarray, str]]:
    """Yield designs with a constant and usual care, alone and with the covariates that vary: suffix, x, words."""
    alone = np.column_stack([np.ones(len(data.event)), 1 - data.mtb])
    yield "", alone, "unadjusted"
    varies = [j for j in range(len(data.names)) if np.ptp(data.covariates[:, j]) > 0]
    if varies:
        words = " and ".join(data.names[j] for j in varies)
        yield "-adjusted", np.column_stack([alone, data.covariates[:, varies]]), f"adjusted for {words}"


def _second(e: Estimate) -> Estimate:
    """Return the second of several estimates."""
    return replace(
        e, estimate=e.estimate[1], se=e.se[1], df=e.df[1], ci_low=e.ci_low[1], ci_high=e.ci_high[1], p=e.p[1]
    )


def standardised(row: Row, sd: float) -> Row:
    """Return a row with its risk difference in standard deviations of the outcome, positive favouring MTB."""
    if row.get("measure") != "risk difference" or not sd > 0:
        return row
    value, low, high = (-float(row.get(k, math.nan)) / sd for k in ("estimate", "ci_high", "ci_low"))  # type: ignore[arg-type]
    return {**row, "standardised": value, "std_low": low, "std_high": high}
