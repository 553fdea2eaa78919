"""Contacts by family and month of the child's age, from the visit log and the register of services."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.received import DAYS_PER_MONTH
from mtb_eval.data.families import Study
from mtb_eval.study import Plan

Array = NDArray[np.float64]

EARLIEST = -9.0  # months: before this no child of the study was under way


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Months of the child's age from the first recruitment to the last wave; `edges` (k + 1,)."""

    edges: Array


def windows(study: Study, plan: Plan) -> Window:
    """Return the months from the earliest recruitment before birth (at most nine) to the age of the last wave."""
    since = recruited_months(study)
    known = since[np.isfinite(since)]
    first = max(EARLIEST, math.floor(known.min())) if len(known) else 0.0
    last = max(w.months for w in plan.waves)
    return Window(edges=np.arange(min(first, 0.0), last + 1.0))


def recruited_months(study: Study) -> Array:
    """Return each family's recruitment in months from birth, (n,); NaN where the birth is not known."""
    families = study.families
    if "born_on" not in families:
        return np.full(len(families), np.nan)
    return np.asarray((families["recruited_on"] - families["born_on"]).dt.days / DAYS_PER_MONTH, dtype=float)


def service_times(study: Study, plan: Plan) -> pd.DataFrame | None:
    """Return real services: family_id, service, start, end (months from birth, NaN unknown or running), contacts.

    None without a rule or a register of usual care; a row that says "none" is no service.
    """
    rows = study.usual_care
    if plan.usual_care is None or rows.empty or "service" not in rows or "born_on" not in study.families:
        return None
    real = rows[rows["service"].notna() & (rows["service"] != plan.usual_care.none_code)]
    real = real[real["family_id"].isin(study.families["family_id"])]
    births = study.families.set_index("family_id")["born_on"]
    born = births.reindex(real["family_id"]).to_numpy()
    return pd.DataFrame(
        {
            "family_id": real["family_id"].to_numpy(),
            "service": real["service"].to_numpy(),
            "start": _months(real, "began_on", born),
            "end": _months(real, "ended_on", born),
            "contacts": real["contacts_per_month"].to_numpy(dtype=float) if "contacts_per_month" in real else np.nan,
        }
    )


def monthly_services(study: Study, times: pd.DataFrame, months: Window) -> Array:
    """Return contacts by registered services, (n families, k months); unknown contacts count as none."""
    low, high = months.edges[:-1], months.edges[1:]
    start = times["start"].to_numpy(dtype=float)[:, None]
    end = times["end"].fillna(math.inf).to_numpy(dtype=float)[:, None]
    part = np.clip(np.minimum(end, high) - np.maximum(start, low), 0.0, 1.0)
    given = np.nan_to_num(part * times["contacts"].to_numpy(dtype=float)[:, None])
    return _by_family(study, times["family_id"], given)


def monthly_visits(study: Study, months: Window) -> Array | None:
    """Return visits held, (n families, k months); None without a visit log."""
    log = study.visits
    if log.empty or "born_on" not in study.families:
        return None
    held = log[log["status"] == "held"] if "status" in log else log
    held = held[held["family_id"].isin(study.families["family_id"])]
    born = study.families.set_index("family_id")["born_on"].reindex(held["family_id"]).to_numpy()
    age = _months(held, "visited_on", born)[:, None]
    return _by_family(study, held["family_id"], ((age >= months.edges[:-1]) & (age < months.edges[1:])).astype(float))


def _months(rows: pd.DataFrame, column: str, born: NDArray[np.datetime64]) -> Array:
    if column not in rows:
        return np.full(len(rows), np.nan)
    days = (rows[column].to_numpy(dtype="datetime64[us]") - born.astype("datetime64[us]")) / np.timedelta64(1, "D")
    return np.asarray(days / DAYS_PER_MONTH, dtype=float)


def _by_family(study: Study, ids: pd.Series, values: Array) -> Array:
    place = pd.Index(study.families["family_id"]).get_indexer(pd.Index(ids))
    total = np.zeros((len(study.families), values.shape[1]))
    np.add.at(total, place, values)
    return total
