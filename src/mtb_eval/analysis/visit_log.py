"""The visit log of MTB families: who came, when, how often against the schedule, and classes of participation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mtb_eval.analysis.visit_schedule import Care, care_of, expected_between
from mtb_eval.data.families import Study
from mtb_eval.study import Plan, VisitRule

PERIOD_COLUMNS = (
    *("period", "months_from", "months_to", "n_families", "held", "cancelled", "cancelled_share"),
    *("father_share", "expected", "fidelity", "per_month"),
)
CLINICIAN_COLUMNS = ("period", "clinician", "n", "of", "share")
FIDELITY_COLUMNS = (
    *("municipality", "n", "held", "expected", "fidelity", "family_mean", "family_median", "family_q25", "family_q75"),
    *("mean_visits", "warning"),
)
PARTICIPATION_COLUMNS = ("level", "visits_from", "visits_to", "n", "of", "share", "status")
ALL, PREGNANCY = "all", "pregnancy"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitLogTables:
    """Summaries of the visit log; descriptions, without inference. All are empty without a log or a declared schedule.

    visit_periods: one row per period of the child's age and one for all: period, months_from (NaN: recruitment),
        months_to, n_families in care at some time in it, held, cancelled (visits), cancelled_share of both,
        father_share of held visits with the father present, expected visits by the schedule while in care, fidelity =
        held / expected, per_month = held per family and month in care.
    visit_clinicians: period (and "all"), clinician, n held visits, of, share.
    visit_fidelity: municipality ("all" first), n families, held, expected and fidelity of their visits together;
        mean, median and quartiles of the families' own held / expected; mean_visits held; warning where families are
        few.
    participation: level (low, standard, high), visits_from, visits_to (NaN: no upper end), n, of, share of MTB
        families with known visits, status of the cuts.
    """

    visit_periods: pd.DataFrame
    visit_clinicians: pd.DataFrame
    visit_fidelity: pd.DataFrame
    participation: pd.DataFrame


def visit_log(study: Study, plan: Plan) -> VisitLogTables:
    """Return every summary of the visit log that the study's data and the plan allow."""
    rule, log = plan.visit_rule, study.visits
    known = rule is not None and len(log) > 0 and {"family_id", "visited_on"} <= set(log)
    if rule is None or not known or not (study.families["mtb"] == 1).any():
        return VisitLogTables(
            visit_periods=pd.DataFrame(columns=list(PERIOD_COLUMNS)),
            visit_clinicians=pd.DataFrame(columns=list(CLINICIAN_COLUMNS)),
            visit_fidelity=pd.DataFrame(columns=list(FIDELITY_COLUMNS)),
            participation=_participation(study, rule),
        )
    care = care_of(study, rule)
    visits = dated_visits(study, rule)
    return VisitLogTables(
        visit_periods=_periods(visits, care, rule),
        visit_clinicians=_clinicians(visits, rule),
        visit_fidelity=_fidelity(study, plan, visits, care, rule),
        participation=_participation(study, rule),
    )


def dated_visits(study: Study, rule: VisitRule) -> pd.DataFrame:
    """Return the visits of MTB families until the end of the last period, with their period and whether they were held.

    Columns family_id, period (position among the periods), held, and clinician, father_present where logged. A log
    without a status holds visits that took place. Visits of families without a date of birth are left out.
    """
    mtb = study.families[study.families["mtb"] == 1].set_index("family_id")
    log = study.visits[study.visits["family_id"].isin(mtb.index)]
    born = log["family_id"].map(mtb["born_on"])
    ends = [born + pd.DateOffset(months=m) for m in rule.period_months]
    period = sum((log["visited_on"] >= end).astype(int) for end in ends[:-1])
    held = log["status"] != "cancelled" if "status" in log else pd.Series(True, index=log.index)
    optional = [c for c in ("clinician", "father_present") if c in log]
    dated = log[["family_id", *optional]].assign(period=period, held=held)
    return dated[born.notna() & (log["visited_on"] <= ends[-1])]


def period_names(rule: VisitRule) -> list[str]:
    """Return the names of the periods: "pregnancy" where the first ends at birth, else "0-6" and so on, in months."""
    names = [PREGNANCY if rule.period_months[0] == 0 else f"-{rule.period_months[0]}"]
    return names + [f"{a}-{b}" for a, b in zip(rule.period_months, rule.period_months[1:], strict=False)]


def _periods(visits: pd.DataFrame, care: Care, rule: VisitRule) -> pd.DataFrame:
    starts = [np.nan, *map(float, rule.period_months[:-1])]
    rows = []
    for k, name in enumerate(period_names(rule)):
        rows.append(_period_row(visits[visits["period"] == k], care, (k, k + 1), rule))
        rows[-1].update(period=name, months_from=starts[k], months_to=float(rule.period_months[k]))
    whole = _period_row(visits, care, (0, len(rule.period_months)), rule)
    rows.append({**whole, "period": ALL, "months_from": np.nan, "months_to": float(rule.period_months[-1])})
    return pd.DataFrame(rows, columns=list(PERIOD_COLUMNS))


def _period_row(visits: pd.DataFrame, care: Care, span: tuple[int, int], rule: VisitRule) -> dict[str, object]:
    held, days = visits[visits["held"]], care.days_between(*span)
    expected = float(np.nansum(expected_between(care, *span, rule)))
    months = float(np.nansum(days)) / (365.25 / 12)
    return {
        "n_families": float(np.count_nonzero(days > 0)),
        "held": float(len(held)),
        "cancelled": float(len(visits) - len(held)),
        "cancelled_share": _ratio(len(visits) - len(held), len(visits)),
        "father_share": float(held["father_present"].mean()) if "father_present" in held else np.nan,
        "expected": expected,
        "fidelity": _ratio(len(held), expected),
        "per_month": _ratio(len(held), months),
    }


def _clinicians(visits: pd.DataFrame, rule: VisitRule) -> pd.DataFrame:
    if "clinician" not in visits:
        return pd.DataFrame(columns=list(CLINICIAN_COLUMNS))
    held = visits[visits["held"] & visits["clinician"].notna()]
    names = sorted(set(held["clinician"]))
    parts = [(ALL, held), *((n, held[held["period"] == k]) for k, n in enumerate(period_names(rule)))]
    rows = [
        (
            period,
            name,
            int((part["clinician"] == name).sum()),
            len(part),
            _ratio((part["clinician"] == name).sum(), len(part)),
        )
        for period, part in parts
        for name in names
    ]
    return pd.DataFrame(rows, columns=list(CLINICIAN_COLUMNS))


def _fidelity(study: Study, plan: Plan, visits: pd.DataFrame, care: Care, rule: VisitRule) -> pd.DataFrame:
    mtb = study.families[study.families["mtb"] == 1]
    held = visits[visits["held"]]["family_id"].value_counts().reindex(care.family_id).fillna(0.0).to_numpy(dtype=float)
    expected = expected_between(care, 0, len(rule.period_months), rule)
    place = mtb["municipality"].to_numpy(dtype=str)
    usable = np.isfinite(expected) & (expected > 0)
    rows = [
        _fidelity_row(name, held[here & usable], expected[here & usable], plan)
        for name, here in [(ALL, np.ones(len(mtb), dtype=bool)), *((m, place == m) for m in np.unique(place))]
    ]
    return pd.DataFrame(rows, columns=list(FIDELITY_COLUMNS))


def _fidelity_row(name: str, held: np.ndarray, expected: np.ndarray, plan: Plan) -> dict[str, object]:
    own, n = held / expected, len(held)
    quartiles = np.quantile(own, [0.5, 0.25, 0.75]) if n else np.full(3, np.nan)
    few = 0 < n < plan.disclosure_threshold
    return {
        "municipality": name,
        "n": float(n),
        "held": float(held.sum()),
        "expected": float(expected.sum()),
        "fidelity": _ratio(held.sum(), expected.sum()),
        "family_mean": float(own.mean()) if n else np.nan,
        "family_median": float(quartiles[0]),
        "family_q25": float(quartiles[1]),
        "family_q75": float(quartiles[2]),
        "mean_visits": float(held.mean()) if n else np.nan,
        "warning": f"fewer than {plan.disclosure_threshold} families" if few else "",
    }


def _participation(study: Study, rule: VisitRule | None) -> pd.DataFrame:
    n_visits = study.families.loc[study.families["mtb"] == 1, "n_visits"].to_numpy(dtype=float)
    n_visits = n_visits[np.isfinite(n_visits)]
    if rule is None or not len(n_visits):
        return pd.DataFrame(columns=list(PARTICIPATION_COLUMNS))
    levels = {
        "low": (0.0, float(rule.standard_from)),
        "standard": (float(rule.standard_from), float(rule.high_from)),
        "high": (float(rule.high_from), np.inf),
    }
    rows = []
    for level, (low, high) in levels.items():
        n = int(np.count_nonzero((n_visits >= low) & (n_visits < high)))
        last = high - 1 if np.isfinite(high) else np.nan
        rows.append((level, low, last, n, len(n_visits), _ratio(n, len(n_visits)), rule.status))
    return pd.DataFrame(rows, columns=list(PARTICIPATION_COLUMNS))


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")
