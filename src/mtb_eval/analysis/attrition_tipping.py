"""Tipping points: how far the missing answers must lie from the imputed ones before the conclusion changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mtb_eval.analysis.attrition_case import Case
from mtb_eval.analysis.attrition_imputed import Completed
from mtb_eval.analysis.care_effect import Row, names_of
from mtb_eval.analysis.row_table import ESTIMATE
from mtb_eval.analysis.verdicts import sign_of
from mtb_eval.inference.estimate import t_estimate
from mtb_eval.inference.pooling import ShiftedPool, pool_at
from mtb_eval.inference.tipping import excess, first_change, frontier, nearest_change
from mtb_eval.study import AttritionRule

Array = NDArray[np.float64]

GRID_COLUMNS = (
    *("outcome", "family", "wave", "shift_mtb", "shift_control", *ESTIMATE),
    *("standardised", "std_low", "std_high"),
)
FRONTIER_COLUMNS = ("outcome", "family", "wave", "side", "shift_mtb", "shift_control")
TIPPING_COLUMNS = (
    *("outcome", "family", "wave", "conclusion", "tips_to", "shift_mtb", "shift_control", "distance"),
    *("shift_mtb_alone", "shift_control_alone", "shift_both", "n_imputed_mtb", "n_imputed_control"),
    *("method", "warning", "error"),
)
FINE = 10
EXCLUDES, INCLUDES = "interval excludes 0", "interval includes 0"


def in_units(case: Case, pool: ShiftedPool) -> ShiftedPool:
    """Return the pool in SD of the outcome, estimate and shifts signed so that positive is better for families."""
    unit = sign_of(case.outcome.better) / case.complete.sd
    turn = np.array([unit, 1.0, 1.0])
    return replace(
        pool,
        mean=pool.mean * turn,
        within=pool.within * np.outer(turn, turn),
        between=pool.between * np.outer(turn, turn),
    )


def grid_rows(case: Case, pool: ShiftedPool, rule: AttritionRule) -> Iterator[Row]:
    """Yield the effect for each pair of shifts of the imputed values, in SD, positive better; GRID_COLUMNS."""
    steps = _steps(rule)
    shifts = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    found = pool_at(in_units(case, pool), shifts)
    unit = sign_of(case.outcome.better) * case.complete.sd
    e = t_estimate(found.estimate, np.sqrt(found.total), df=found.df, method="", level=case.level)
    for i, (mtb, control) in enumerate(shifts):
        ends = sorted((unit * float(e.ci_low[i]), unit * float(e.ci_high[i])))
        yield {
            **names_of(case.outcome),
            **{"shift_mtb": float(mtb), "shift_control": float(control)},
            **{"estimate": unit * float(e.estimate[i]), "se": abs(unit) * float(e.se[i]), "df": float(e.df[i])},
            **{"ci_low": ends[0], "ci_high": ends[1], "p": float(e.p[i])},
            **{"standardised": float(e.estimate[i]), "std_low": float(e.ci_low[i]), "std_high": float(e.ci_high[i])},
        }


def frontier_rows(case: Case, pool: ShiftedPool, rule: AttritionRule) -> Iterator[Row]:
    """Yield the points at which the interval touches 0, from the side that favours MTB or usual care."""
    steps = _steps(rule)
    fine = np.linspace(steps[0], steps[-1], FINE * (len(steps) - 1) + 1)
    scaled = in_units(case, pool)
    points = frontier(scaled, fine, fine, case.level)
    favours = pool_at(scaled, points).estimate > 0
    for (mtb, control), mtb_side in zip(points, favours, strict=True):
        side = "favours MTB" if mtb_side else "favours usual care"
        yield {**names_of(case.outcome), "side": side, "shift_mtb": float(mtb), "shift_control": float(control)}


def tipping_row(case: Case, pool: ShiftedPool, made: Completed, rule: AttritionRule) -> Row:
    """Return the nearest shifts that change the conclusion, and those of one arm or of both alike; NaN if beyond.

    `conclusion` without shift and `tips_to`: what the interval says of 0, and whom the effect then favours.
    """
    scaled, reach = in_units(case, pool), rule.shift_to
    nearest = nearest_change(scaled, reach, case.level)
    mtb = case.everyone.mtb
    n = made.imputed[:, case.everyone.rows].mean(axis=0)
    beyond = f"no shift within {reach:g} SD changes the conclusion"
    return {
        **names_of(case.outcome),
        "conclusion": _says(scaled, np.zeros(2), case.level),
        "tips_to": _says(scaled, nearest * (1 + 1e-6), case.level) if np.isfinite(nearest).all() else "",
        **{"shift_mtb": float(nearest[0]), "shift_control": float(nearest[1])},
        "distance": float(np.hypot(*nearest)),
        **_along_axes(scaled, reach, case.level),
        **{"n_imputed_mtb": float(n[mtb == 1].sum()), "n_imputed_control": float(n[mtb == 0].sum())},
        "method": f"{pool.m} imputations, imputed values shifted, Rubin's rules on CR2, Barnard-Rubin df",
        "warning": "" if np.isfinite(nearest).all() else beyond,
    }


def _along_axes(pool: ShiftedPool, reach: float, level: float) -> Row:
    """Return the smallest shift, either way, that changes the conclusion: of one arm alone, of both alike."""
    axes = {"shift_mtb_alone": (1.0, 0.0), "shift_control_alone": (0.0, 1.0), "shift_both": (1.0, 1.0)}
    forward = np.array(list(axes.values()))
    there = first_change(pool, np.stack([forward, -forward]), reach, level)
    up, down = (np.where(np.isnan(t), np.inf, t) for t in there)
    shift = np.where(up <= down, up, -down)
    return {name: float(x) if np.isfinite(x) else float("nan") for name, x in zip(axes, shift, strict=True)}


def _says(pool: ShiftedPool, shifts: Array, level: float) -> str:
    if excess(pool, shifts, level) <= 0:
        return INCLUDES
    side = "MTB" if pool_at(pool, shifts).estimate > 0 else "usual care"
    return f"{EXCLUDES}, favours {side}"


def _steps(rule: AttritionRule) -> Array:
    half = round(rule.shift_to / rule.shift_step)
    return np.asarray(rule.shift_step * np.arange(-half, half + 1))
