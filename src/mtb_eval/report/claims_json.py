"""The claims as JSON: one object a claim, its chances of being found inside it."""

from __future__ import annotations

import json
import math

import pandas as pd

from mtb_eval.report.csv_text import MARK


def claims_json(claims: pd.DataFrame, claim_power: pd.DataFrame | None = None, *, mark: str = "") -> str:
    """Return the claims table as JSON text, unrounded; numbers that are missing or infinite are null.

    Each claim has the list `chances`: its rows of the claim_power table, without the column `claim`; and, with a
    `mark` ("synthetic", "internal"), `data` that says so.
    """
    chances = _records(claim_power) if claim_power is not None else []
    found = [
        {
            **claim,
            **({MARK: mark} if mark else {}),
            "chances": [{k: v for k, v in c.items() if k != "claim"} for c in chances if c["claim"] == claim["id"]],
        }
        for claim in _records(claims)
    ]
    return json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    return [{str(k): _value(v) for k, v in row.items()} for row in table.to_dict(orient="records")]


def _value(value: object) -> object:
    if value is None or value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value if isinstance(value, bool | int | float | str) else str(value)
