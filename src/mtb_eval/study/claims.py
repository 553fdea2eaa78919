"""The published statements, one a row, in our own words."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mtb_eval.study.tables import PlanError, unique

CLAIM_COLUMNS = (
    "id", "kind", "topic", "population", "wave_months", "measure", "statistic", "value", "low", "high",
    "verdict", "direction", "check", "statement_en", "statement_da", "source",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One published statement.

    `value`, `low`, `high` are what was printed and what still rounds to it (None where no figure was given).
    `check` names the rule that tests it (analysis/claims), "none" where no data of the study can.
    """

    id: str
    kind: str
    topic: str
    population: str
    wave_months: str
    measure: str
    statistic: str
    value: str
    low: float | None
    high: float | None
    verdict: str
    direction: str
    check: str
    statement_en: str
    statement_da: str
    source: str


def read_claims(path: Path) -> tuple[Claim, ...]:
    """Return the claims of a CSV file with CLAIM_COLUMNS; raises PlanError on other columns or a repeated id."""
    if not path.exists():
        return ()
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            claims = tuple(_claims(csv.DictReader(lines), path.name))
    except UnicodeDecodeError:
        raise PlanError(f"{path.name}: not in UTF-8; save it again as CSV (UTF-8)") from None
    unique([c.id for c in claims], path.name)
    return claims


def _claims(rows: csv.DictReader[str], name: str) -> Iterable[Claim]:
    if tuple(rows.fieldnames or ()) != CLAIM_COLUMNS:
        raise PlanError(f"{name}: the columns must be {', '.join(CLAIM_COLUMNS)}")
    for row in rows:
        if None in row.values():
            raise PlanError(f"{name}: row {row['id']} has too few columns")
        bounds = {k: _bound(row[k], f"{name}: row {row['id']}, {k}") for k in ("low", "high")}
        yield Claim(**{**row, **bounds})  # type: ignore[arg-type]


def _bound(text: str, where: str) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        value = math.nan
    if value is not None and not math.isfinite(value):
        raise PlanError(f"{where}: a number with a decimal point is needed, found {text!r}")
    return value
