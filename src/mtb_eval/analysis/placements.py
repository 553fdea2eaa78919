"""Placements out of home: risks, difference, ratio, exact tests, fragility and time to placement."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.stats.proportion import proportion_confint

from mtb_eval.analysis.received import DAYS_PER_MONTH, birthday
from mtb_eval.data.families import Study
from mtb_eval.inference.counts import Counts, risk_difference, risk_ratio, two_arms
from mtb_eval.inference.estimate import Estimate
from mtb_eval.inference.exact import boschloo, conditional_p
from mtb_eval.inference.fragility import fragility
from mtb_eval.study import Plan

PLACEMENT_COLUMNS = (
    "measure",
    "method",
    "estimate",
    "ci_low",
    "ci_high",
    "p",
    "n_mtb_events",
    "n_mtb",
    "n_control_events",
    "n_control",
    "warning",
)
TIME_COLUMNS = ("arm", "months", "at_risk", "events", "cumulative", "ci_low", "ci_high")


def placements(study: Study, plan: Plan) -> pd.DataFrame:
    """Return the comparison of placements between the arms, one row per measure and method.

    Difference: MTB minus usual care. Ratio: usual care over MTB, as published. Families are taken as independent
    here; the municipality-adjusted linear models stand in the effect table.
    """
    table = _table(study, plan)
    if table is None:
        return pd.DataFrame(columns=list(PLACEMENT_COLUMNS))
    counts = {
        "n_mtb_events": int(table.events_first),
        "n_mtb": int(table.n_first),
        "n_control_events": int(table.events_second),
        "n_control": int(table.n_second),
    }
    rows = [{"ci_low": math.nan, "ci_high": math.nan, "p": math.nan, "warning": "", **r} for r in _rows(table, plan)]
    return pd.DataFrame([{**r, **counts} for r in rows], columns=list(PLACEMENT_COLUMNS))


def placement_times(study: Study, plan: Plan) -> pd.DataFrame:
    """Return Kaplan-Meier steps of the time from birth to the first placement, by arm.

    Families are followed to the plan's age, those of whom it is unknown left out; months of 30.44 days; interval by the
    log-log transform (Kalbfleisch & Prentice 2002). `at_risk` and `events` belong to each step; month 0 and the last
    month are added.
    """
    if plan.placements is None or _table(study, plan) is None:
        return pd.DataFrame(columns=list(TIME_COLUMNS))
    known = study.families[np.isfinite(study.families[plan.outcome(plan.placements.outcome).variable])]
    months = plan.placements.months
    time, event = time_to_placement(known, study.placements, months)
    mtb = known["mtb"].to_numpy(dtype=float)
    z = float(stats.norm.ppf(0.5 + plan.level / 2))
    rows = [
        row
        for arm, code in (("mtb", 1.0), ("control", 0.0))
        for row in _steps(arm, time[mtb == code], event[mtb == code], months=float(months), z=z)
    ]
    return pd.DataFrame(rows, columns=list(TIME_COLUMNS))


def time_to_placement(families: pd.DataFrame, spells: pd.DataFrame, months: int) -> tuple[np.ndarray, np.ndarray]:
    """Return months from birth to placement or to the age of `months`, and whether a placement came first, (n,)."""
    first = spells.astype({"placed_on": "datetime64[us]"}).groupby("family_id")["placed_on"].min()
    placed = pd.Series(first.reindex(families["family_id"]).to_numpy(), index=families.index)
    born = families["born_on"]
    event = (placed.notna() & (placed < birthday(born, months))).to_numpy()
    time = ((placed - born).dt.days / DAYS_PER_MONTH).to_numpy(dtype=float)
    return np.where(event, np.clip(time, 0.01, months), float(months)), event


def _table(study: Study, plan: Plan) -> Counts | None:
    if plan.placements is None:
        return None
    families = study.families
    event = families[plan.outcome(plan.placements.outcome).variable].to_numpy(dtype=float)
    mtb = families["mtb"].to_numpy(dtype=float)
    known = np.isfinite(event)
    if not 0 < mtb[known].sum() < known.sum():
        return None
    return two_arms(event[known], mtb[known])


def _rows(table: Counts, plan: Plan) -> Iterator[dict[str, object]]:
    level = plan.level
    yield _risk("risk, MTB", int(table.events_first), int(table.n_first), level)
    yield _risk("risk, usual care", int(table.events_second), int(table.n_second), level)
    yield _as_row("risk difference", "Miettinen-Nurminen score", risk_difference(table, level=level))
    yield _as_row("risk ratio", "Miettinen-Nurminen score", risk_ratio(table.swapped(), level=level))
    yield {"measure": "test", "method": "Fisher", "estimate": math.nan, "p": conditional_p(table)}
    yield {"measure": "test", "method": "Boschloo", "estimate": math.nan, "p": boschloo(table)}
    alpha = plan.verdicts.significant
    found = fragility(table, alpha=alpha)
    way = "fewest events to lose" if found.significant else "fewest events to reach"
    smallest = math.nan if found.smallest is None else float(found.smallest)
    yield {
        "measure": "fragility",
        "method": f"{way} p < {alpha:g}, Fisher",
        "estimate": smallest,
        "p": found.p,
        "warning": "" if found.smallest is not None else "no number of changed events moves p across the bound",
    }


def _risk(measure: str, events: int, n: int, level: float) -> dict[str, object]:
    low, high = proportion_confint(events, n, alpha=1 - level, method="wilson")
    return {"measure": measure, "method": "Wilson", "estimate": events / n, "ci_low": low, "ci_high": high}


def _as_row(measure: str, method: str, e: Estimate) -> dict[str, object]:
    return {
        "measure": measure,
        "method": method,
        "estimate": float(e.estimate),
        "ci_low": float(e.ci_low),
        "ci_high": float(e.ci_high),
        "p": float(e.p),
        "warning": e.warning,
    }


def _steps(arm: str, time: np.ndarray, event: np.ndarray, *, months: float, z: float) -> Iterator[tuple[object, ...]]:
    yield arm, 0.0, len(time), 0, 0.0, 0.0, 0.0
    last = (0.0, 0.0, 0.0)
    if event.any():
        curve = SurvfuncRight(time, event.astype(int))
        for t, s, se, at_risk, n in zip(
            curve.surv_times, curve.surv_prob, curve.surv_prob_se, curve.n_risk, curve.n_events, strict=True
        ):
            if n:
                last = (1 - float(s), *_log_log(float(s), float(se), z))
                yield arm, float(t), int(at_risk), int(n), *last
    yield arm, months, int((time >= months).sum()), 0, *last


def _log_log(s: float, se: float, z: float) -> tuple[float, float]:
    """Return the limits of 1 - s."""
    if not 0 < s < 1:
        return math.nan, math.nan
    spread = z * se / (s * abs(math.log(s)))
    centre = math.log(-math.log(s))
    return 1 - math.exp(-math.exp(centre - spread)), 1 - math.exp(-math.exp(centre + spread))
