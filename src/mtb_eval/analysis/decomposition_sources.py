"""Where control families come from: what a municipality could offer on the day a family was recruited."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.study import Plan

Flags = NDArray[np.bool_]
Texts = NDArray[np.str_]

LOT_WINDOW = "lot window"
BEFORE_ANY = "before any training"
ELSEWHERE = "not yet trained elsewhere"
NO_PLACE = "no free place"
SOURCES = (LOT_WINDOW, BEFORE_ANY, ELSEWHERE, NO_PLACE)


def on_offer(families: pd.DataFrame, plan: Plan) -> Flags:
    """Return whether a family's municipality had been trained when the family was recruited, (n,)."""
    return np.asarray(_recruited(families) >= _trained(families, plan))


def control_source(families: pd.DataFrame, plan: Plan) -> Texts:
    """Return the source of each control family, one of SOURCES, and "" for each MTB family, (n,).

    "no free place": recruited after the municipality's own training. Before it: "not yet trained elsewhere" in a
    municipality that was not drawn by lot; in a drawn one "lot window" if another drawn municipality was
    trained already, else "before any training".
    """
    control = families["mtb"].to_numpy(dtype=float) == 0
    waiting = control & ~on_offer(families, plan)
    by_lot = drawn(families, plan)
    begun = _recruited(families) >= min(
        (_day(m.trained_on) for m in plan.municipalities if m.randomised), default=_NEVER
    )
    source = np.full(len(families), "", dtype=f"<U{max(map(len, SOURCES))}")
    source[control & ~waiting] = NO_PLACE
    source[waiting & ~by_lot] = ELSEWHERE
    source[waiting & by_lot & begun] = LOT_WINDOW
    source[waiting & by_lot & ~begun] = BEFORE_ANY
    return source


def drawn(families: pd.DataFrame, plan: Plan) -> Flags:
    """Return whether a family's municipality was drawn by lot, (n,)."""
    return np.asarray(families["municipality"].isin([m.code for m in plan.municipalities if m.randomised]))


def in_lot_window(families: pd.DataFrame, plan: Plan) -> Flags:
    """Return which families of the lot-drawn municipalities were recruited while the lot decided what was on offer.

    From the first training of a drawn municipality to before the last one, (n,); none without a lot.
    """
    days = _lot_days(plan)
    if not days:
        return np.zeros(len(families), dtype=bool)
    recruited = _recruited(families)
    return np.asarray(drawn(families, plan) & (recruited >= min(days)) & (recruited < max(days)))


def half_year(families: pd.DataFrame) -> Texts:
    """Return the half-year of recruitment of each family, such as "2019-2", (n,)."""
    days = families["recruited_on"].dt
    return np.asarray(days.year.astype(str) + "-" + (1 + (days.month > 6)).astype(str), dtype=str)


_NEVER = np.datetime64("9999-12-31", "D")


def _day(value: object) -> np.datetime64:
    return np.datetime64(value, "D")  # type: ignore[call-overload,no-any-return]


def _lot_days(plan: Plan) -> list[np.datetime64]:
    return [_day(m.trained_on) for m in plan.municipalities if m.randomised]


def _recruited(families: pd.DataFrame) -> NDArray[np.datetime64]:
    return families["recruited_on"].to_numpy(dtype="datetime64[D]")


def _trained(families: pd.DataFrame, plan: Plan) -> NDArray[np.datetime64]:
    days = {m.code: _day(m.trained_on) for m in plan.municipalities}
    return np.array([days[code] for code in families["municipality"]], dtype="datetime64[D]")
