"""What families received: visits, retention, usual care."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mtb_eval.data.families import Study
from mtb_eval.study import DoseRule, Plan

DAYS_PER_MONTH = 365.25 / 12


def visits(study: Study, plan: Plan) -> pd.DataFrame:
    """Return summaries of the visit log of MTB families; columns measure, statistic, value, n.

    No rows where the study has no visit log or, for retention, no leaving dates.
    """
    mtb = study.families[study.families["mtb"] == 1]
    n_visits = _known_visits(study)
    rows: list[tuple[str, str, float, int]] = []
    if len(n_visits):
        rows += [("visits", name, float(f(n_visits)), len(n_visits)) for name, f in _SUMMARIES.items()]
    if plan.dose and len(n_visits):
        high = at_threshold(n_visits, plan.dose)
        rows.append(("at_threshold", "share", float(high.mean()), int(high.sum())))
    if "left_on" in mtb and len(mtb):
        stayed = retained(mtb, plan.waves[-1].months)
        rows.append(("retained", "share", float(stayed.mean()), int(stayed.sum())))
    return pd.DataFrame([*rows, *_log_shares(study)], columns=["measure", "statistic", "value", "n"])


def visit_counts(study: Study, plan: Plan, *, width: int = 10) -> pd.DataFrame:
    """Return MTB families by number of visits in classes of `width`; columns low, high (exclusive), n."""
    n_visits = _known_visits(study)
    if not len(n_visits):
        return pd.DataFrame({"low": [], "high": [], "n": []})
    top = int(n_visits.max()) // width + 1
    edges = np.arange(0, (top + 1) * width, width)
    counts, _ = np.histogram(n_visits, bins=edges)
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "n": counts})


def retention(study: Study, plan: Plan) -> pd.DataFrame:
    """Return how many MTB families were still in the programme at each month of the child's age."""
    mtb = study.families[study.families["mtb"] == 1]
    if "left_on" not in mtb or mtb.empty:
        return pd.DataFrame({"months": [], "n": [], "share": []})
    months = np.arange(-3, plan.waves[-1].months + 1)
    n = [int(retained(mtb, int(m)).sum()) for m in months]
    return pd.DataFrame({"months": months, "n": n, "share": np.asarray(n) / len(mtb)})


def retained(families: pd.DataFrame, months: int) -> np.ndarray:
    """Return which families had not left when the child was `months` old; a family that never left has no date."""
    if "left_on" not in families:
        return np.ones(len(families), dtype=bool)
    until = birthday(families["born_on"], months)
    return np.asarray(families["left_on"].isna() | (families["left_on"] >= until))


def birthday(born_on: pd.Series, months: int) -> pd.Series:
    """Return the day on which each child is `months` old."""
    return born_on + pd.DateOffset(months=months)


def at_threshold(n_visits: np.ndarray, rule: DoseRule) -> np.ndarray:
    """Return which numbers of visits count as the high dose under the plan's rule."""
    return n_visits >= rule.threshold if rule.comparison == "at_least" else n_visits > rule.threshold


def usual_care(study: Study, plan: Plan) -> pd.DataFrame:
    """Return what control families had by the register: none, and of the served how many only after the birth.

    A control family without any row is not registered and is left out of both shares. Columns measure, value, n, of.
    """
    columns = ["measure", "value", "n", "of"]
    if plan.usual_care is None or study.usual_care.empty:
        return pd.DataFrame(columns=columns)
    control = study.families[study.families["mtb"] == 0]
    services = study.usual_care[study.usual_care["family_id"].isin(control["family_id"])]
    real = services[services["service"] != plan.usual_care.none_code]
    registered, served = services["family_id"].nunique(), real["family_id"].nunique()
    first = real.groupby("family_id")["began_on"].min()
    born = control.set_index("family_id")["born_on"].reindex(first.index)
    after = int((first >= born).sum())
    months = (real["ended_on"] - real["began_on"]).dt.days / DAYS_PER_MONTH
    rows = [
        ("registered", registered / max(len(control), 1), registered, len(control)),
        ("no_service", (registered - served) / max(registered, 1), registered - served, registered),
        ("began_after_birth", after / max(served, 1), after, served),
        ("median_months", float(months.median()), int(months.notna().sum()), len(real)),
        ("median_contacts_per_month", float(real["contacts_per_month"].median()), len(real), len(real)),
    ]
    return pd.DataFrame([*rows, *_mtb_intensity(study, plan)], columns=columns)


def _known_visits(study: Study) -> np.ndarray:
    n_visits: np.ndarray = study.families.loc[study.families["mtb"] == 1, "n_visits"].to_numpy(dtype=float)
    return np.asarray(n_visits[np.isfinite(n_visits)])


def _mtb_intensity(study: Study, plan: Plan) -> list[tuple[str, float, int, int]]:
    mtb = study.families[study.families["mtb"] == 1]
    held = study.visits[study.visits["status"] == "held"] if "status" in study.visits else study.visits
    if held.empty or mtb.empty:
        return []
    span = held.groupby("family_id")["visited_on"].agg(["min", "max", "size"])
    months = (span["max"] - span["min"]).dt.days / DAYS_PER_MONTH
    rate = span["size"] / months.where(months > 0)
    return [
        ("mtb_median_months", float(months.median()), len(span), len(mtb)),
        ("mtb_median_visits_per_month", float(rate.median()), len(span), len(mtb)),
    ]


def _log_shares(study: Study) -> list[tuple[str, str, float, int]]:
    log = study.visits
    rows: list[tuple[str, str, float, int]] = []
    if "status" in log and len(log):
        cancelled = log["status"] == "cancelled"
        rows.append(("cancelled", "share", float(cancelled.mean()), int(cancelled.sum())))
        log = log[~cancelled]
    if "father_present" in log and len(log):
        rows.append(("father_present", "share", float(log["father_present"].mean()), int(log["father_present"].sum())))
    if "clinician" in log:
        for name, n in log["clinician"].value_counts().sort_index().items():
            rows.append((f"by_{name}", "share", float(n / len(log)), int(n)))
    return rows


_SUMMARIES: dict[str, Callable[[np.ndarray], float]] = {
    "mean": lambda x: float(np.mean(x)),
    "sd": lambda x: float(np.std(x, ddof=1)),
    "median": lambda x: float(np.median(x)),
    "q25": lambda x: float(np.quantile(x, 0.25)),
    "q75": lambda x: float(np.quantile(x, 0.75)),
}
