"""What families had beside or instead of the programme: services by type, from when, how intensive, how long."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import FAILURES, Row, estimate_row
from mtb_eval.analysis.row_table import ESTIMATE, row_table
from mtb_eval.analysis.usual_care_contacts import (
    Window,
    monthly_services,
    monthly_visits,
    recruited_months,
    service_times,
    windows,
)
from mtb_eval.data.families import Study
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.ols import column_contrast, ols
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.study import Plan

Array = NDArray[np.float64]

ARMS = (("mtb", 1.0), ("control", 0.0))
ANY = "any"
VISITS, SERVICES = "visits of the programme", "registered services"
REGISTERED_COLUMNS = ("arm", "n", "registered", "without_service", "served", "unregistered", "unknown_dates")
SERVICE_COLUMNS = (
    "arm",
    "service",
    "n_services",
    "n_families",
    "share",
    "n_before_birth",
    "n_after_birth",
    *(f"{what}_{q}" for what in ("start", "months", "contacts") for q in ("q25", "median", "q75")),
    "n_open",
    "n_contacts_unknown",
)
START_COLUMNS = ("arm", "months", "n", "of", "share")
INTENSITY_COLUMNS = ("arm", "contact", "months_from", "months_to", "n", "contacts", "share_any", "n_unknown")
TOTAL_COLUMNS = (
    "arm",
    "method",
    *ESTIMATE,
    "median",
    "q25",
    "q75",
    "n_mtb",
    "n_control",
    "n_clusters",
    "warning",
    "error",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTables:
    """Services by arm; months are months of 30.44 days from the child's birth, contacts are per family.

    registered: families by arm: with a registration, of them without and with a service, without registration,
        and services whose first day is not known.
    types: by arm and type of service (and "any"): services, families with it and their `share` of those
        registered, families where it began before and after birth, quartiles of the first day, of the length (both
        days known) and of contacts a month; services still running (`n_open`) or without contacts.
    start: share of registered families with a service begun by each age.
    intensity: contacts a family and month of the child's age: visits held, and registered services (contacts a month
        times the part of the month they ran; one without a last day runs to the last wave). `n` families: in MTB all
        recruited by then, whether still in the programme or not; for services those registered. `share_any`: with any
        contact. `n_unknown`: services whose number of contacts is not known, counted as none.
    totals: contacts from recruitment to the last wave: mean and quartiles by arm (visits and services together), and
        the difference, MTB minus usual care (CR2 by municipality with Satterthwaite df, unadjusted).
    """

    registered: pd.DataFrame
    types: pd.DataFrame
    start: pd.DataFrame
    intensity: pd.DataFrame
    totals: pd.DataFrame


def services(study: Study, plan: Plan) -> ServiceTables:
    """Return the tables on services; without a rule for usual care or its register only visits are in them."""
    times, months = service_times(study, plan), windows(study, plan)
    given = () if times is None else (times,)
    return ServiceTables(
        registered=row_table((r for t in given for r in _registered(study, t)), REGISTERED_COLUMNS),
        types=row_table((r for t in given for r in _by_service(study, t)), SERVICE_COLUMNS),
        start=row_table((r for t in given for r in _start(study, t, months)), START_COLUMNS),
        intensity=row_table(
            [*_visit_rows(study, months), *(r for t in given for r in _service_rows(study, t, months))],
            INTENSITY_COLUMNS,
        ),
        totals=row_table(_totals(study, plan), TOTAL_COLUMNS),
    )


def family_contacts(study: Study, plan: Plan) -> tuple[Array, Array]:
    """Return contacts by visits and by registered services from recruitment to the last wave, (n,) each.

    Services are NaN for families without registration, visits for MTB families without a visit log.
    """
    times, months = service_times(study, plan), windows(study, plan)
    by_service = np.full(len(study.families), np.nan)
    if times is not None:
        known = _registered_ids(study)
        given = monthly_services(study, times, months).sum(axis=1)
        by_service = np.where(study.families["family_id"].isin(known), given, np.nan)
    visits = monthly_visits(study, months)
    by_visit = visits.sum(axis=1) if visits is not None else np.full(len(by_service), np.nan)
    control = study.families["mtb"].to_numpy(dtype=float) == 0
    return np.where(control, 0.0, by_visit), by_service


def _registered_ids(study: Study) -> set[str]:
    return set(study.usual_care["family_id"])


def _registered(study: Study, times: pd.DataFrame) -> Iterator[Row]:
    known, served = _registered_ids(study), set(times["family_id"])
    for arm, code in ARMS:
        ids = set(study.families.loc[study.families["mtb"] == code, "family_id"])
        yield {
            "arm": arm,
            "n": float(len(ids)),
            "registered": float(len(ids & known)),
            "without_service": float(len((ids & known) - served)),
            "served": float(len(ids & served)),
            "unregistered": float(len(ids - known)),
            "unknown_dates": float((times["start"].isna() & times["family_id"].isin(ids)).sum()),
        }


def _by_service(study: Study, times: pd.DataFrame) -> Iterator[Row]:
    for arm, code in ARMS:
        ids = study.families.loc[study.families["mtb"] == code, "family_id"]
        mine = times[times["family_id"].isin(ids)]
        of = len(set(ids) & _registered_ids(study))
        for service in [*sorted(mine["service"].unique()), *([ANY] if len(mine) else [])]:
            rows = mine if service == ANY else mine[mine["service"] == service]
            yield {"arm": arm, "service": service, **_described(rows, of)}


def _described(rows: pd.DataFrame, of: int) -> Row:
    first = rows.groupby("family_id")["start"].min()
    n = rows["family_id"].nunique()
    return {
        "n_services": float(len(rows)),
        "n_families": float(n),
        "share": n / of if of else math.nan,
        "n_before_birth": float((first < 0).sum()),
        "n_after_birth": float((first >= 0).sum()),
        **_quartiles("start", rows["start"]),
        **_quartiles("months", rows["end"] - rows["start"]),
        **_quartiles("contacts", rows["contacts"]),
        "n_open": float((rows["end"].isna() & rows["start"].notna()).sum()),
        "n_contacts_unknown": float(rows["contacts"].isna().sum()),
    }


def _quartiles(what: str, values: pd.Series) -> Row:
    x = values.to_numpy(dtype=float)
    x = x[np.isfinite(x)]
    found = np.quantile(x, [0.25, 0.5, 0.75]) if len(x) else np.full(3, math.nan)
    return {f"{what}_{q}": float(v) for q, v in zip(("q25", "median", "q75"), found, strict=True)}


def _start(study: Study, times: pd.DataFrame, months: Window) -> Iterator[Row]:
    first = times.groupby("family_id")["start"].min()
    for arm, code in ARMS:
        ids = set(study.families.loc[study.families["mtb"] == code, "family_id"])
        of = len(ids & _registered_ids(study))
        if not of:
            continue
        mine = first[first.index.isin(ids)].to_numpy(dtype=float)
        for month in months.edges:
            n = int((mine < month).sum())
            yield {"arm": arm, "months": float(month), "n": float(n), "of": float(of), "share": n / of}


def _visit_rows(study: Study, months: Window) -> Iterator[Row]:
    visits = monthly_visits(study, months)
    if visits is not None:
        here = study.families["mtb"].to_numpy(dtype=float) == 1
        yield from _monthly(visits, months, here=here, since=recruited_months(study), names=("mtb", VISITS), unknown=0)


def _service_rows(study: Study, times: pd.DataFrame, months: Window) -> Iterator[Row]:
    known = study.families["family_id"].isin(_registered_ids(study)).to_numpy()
    contacts, since = monthly_services(study, times, months), recruited_months(study)
    for arm, code in ARMS:
        here = known & (study.families["mtb"].to_numpy(dtype=float) == code)
        ids = study.families.loc[here, "family_id"]
        unknown = int((times["contacts"].isna() & times["family_id"].isin(ids)).sum())
        if here.any():
            yield from _monthly(contacts, months, here=here, since=since, names=(arm, SERVICES), unknown=unknown)


def _monthly(
    contacts: Array, months: Window, *, here: NDArray[np.bool_], since: Array, names: tuple[str, str], unknown: int
) -> Iterator[Row]:
    for k, (low, high) in enumerate(zip(months.edges[:-1], months.edges[1:], strict=True)):
        there = here & (since < high)
        values = contacts[there, k]
        yield {
            "arm": names[0],
            "contact": names[1],
            "months_from": float(low),
            "months_to": float(high),
            "n": float(there.sum()),
            "contacts": float(values.mean()) if len(values) else math.nan,
            "share_any": float((values > 0).mean()) if len(values) else math.nan,
            "n_unknown": float(unknown),
        }


def _totals(study: Study, plan: Plan) -> Iterator[Row]:
    visits, by_service = family_contacts(study, plan)
    mtb = study.families["mtb"].to_numpy(dtype=float)
    total = np.where(mtb == 1, visits + np.nan_to_num(by_service), by_service)
    known = np.isfinite(total)
    if not known.any():
        return
    warning = _uncounted(study, plan)
    for arm, code in ARMS:
        values = total[known & (mtb == code)]
        if len(values):
            q25, median, q75 = np.quantile(values, [0.25, 0.5, 0.75])
            n = {"n_mtb" if code else "n_control": float(len(values))}
            yield {
                **{"arm": arm, "method": "mean", "estimate": float(values.mean())},
                **{"median": median, "q25": q25, "q75": q75, **n},
                "warning": warning,
            }
    place = study.families["municipality"].to_numpy(dtype=str)
    yield {**_difference(total[known], mtb[known], place[known], plan.level), "warning": warning}


def _uncounted(study: Study, plan: Plan) -> str:
    times = service_times(study, plan)
    n = 0 if times is None else int((times["contacts"].isna() | times["start"].isna()).sum())
    return f"{n} services without known contacts or first day count as no contact" if n else ""


def _difference(total: Array, mtb: Array, place: NDArray[np.str_], level: float) -> Row:
    base = {"arm": "difference", "n_mtb": float(mtb.sum()), "n_control": float((1 - mtb).sum())}
    base["n_clusters"] = float(len(set(place.tolist())))
    if not 0 < mtb.sum() < len(mtb):
        return {**base, "method": "not estimated", "error": "contacts are known in one arm only"}
    try:
        fit = ols(cross_products(np.column_stack([np.ones(len(mtb)), mtb]), total, place))
        row = estimate_row(cluster_robust(fit, column_contrast(fit, 1), kind="CR2", level=level))
    except FAILURES as failure:
        return {**base, "method": "not estimated", "error": str(failure)}
    return {**base, **row}
