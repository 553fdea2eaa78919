"""The whole panel of few-cluster methods on one contrast, for any batch of outcomes or simulated studies at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.cross import Cross
from mtb_eval.inference.estimate import Estimate
from mtb_eval.inference.kenward_roger import kenward_roger
from mtb_eval.inference.mixed import Mixed, fit_mixed, mixed_satterthwaite, mixed_z
from mtb_eval.inference.mixed_sandwich import mixed_cr2
from mtb_eval.inference.ols import LeastSquares, ols, with_spectrum
from mtb_eval.inference.sandwich import Kind, Reference, cluster_robust
from mtb_eval.inference.wild import wild_bootstrap
from mtb_eval.inference.wild_scores import Variant

Array = NDArray[np.float64]
PanelMethod = Literal[
    "cr1", "cr1s", "cr2", "cv3", "wcr11", "wcr13", "wcr31", "wcr33", "lmm_z", "lmm_satterthwaite", "lmm_kr", "lmm_cr2"
]

DEFAULT_PANEL: tuple[PanelMethod, ...] = ("cr1", "cr2", "cv3", "wcr11", "wcr31", "lmm_kr")


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One contrast by M methods; array fields are (M, ...), in the order of `methods`, with the batch shape `...`.

    `estimate` is that of least squares, for mixed models that of the model. `df` is inf for the normal and NaN for the
    bootstrap, which has none; `ci_low`, `ci_high` are NaN for the bootstrap unless its intervals were asked for.
    `conventions` names for each method which standard error, df and tie rule; `warnings` are empty or one sentence.
    """

    methods: tuple[PanelMethod, ...]
    estimate: Array
    se: Array
    df: Array
    ci_low: Array
    ci_high: Array
    p: Array
    conventions: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What the methods of one panel share; `mixed` is None if no method needs it."""

    fit: LeastSquares
    mixed: Mixed | None
    contrast: Array
    level: float
    wild_intervals: bool


def few_cluster_panel(
    cross: Cross,
    contrast: ArrayLike,
    *,
    methods: Sequence[PanelMethod] = DEFAULT_PANEL,
    level: float = 0.95,
    wild_intervals: bool = False,
) -> Panel:
    """Return the test and interval of `contrast` (p,) of the coefficients for every method and batch entry.

    "cr1", "cr1s" and "cv3" refer to t(G - 1), "cr2" to Satterthwaite's t, "wcr.." to all 2^G sign draws, "lmm_.." to
    the random-intercept model by REML. `wild_intervals`: invert the bootstrap tests too. Raises ValueError for an
    unknown method or none, for more than 12 clusters with a bootstrap, and what the methods themselves raise.
    """
    _check_methods(methods)
    task = _Task(
        fit=with_spectrum(ols(cross)),
        mixed=fit_mixed(cross) if any(m.startswith("lmm") for m in methods) else None,
        contrast=np.asarray(contrast, dtype=float),
        level=level,
        wild_intervals=wild_intervals,
    )
    rows = [_METHODS[m](task) for m in methods]
    return Panel(
        methods=tuple(methods),
        **{name: _stacked(rows, name, cross.batch) for name in ("estimate", "se", "df", "ci_low", "ci_high", "p")},
        conventions=tuple(row.method for row in rows),
        warnings=tuple(row.warning for row in rows),
    )


def _check_methods(methods: Sequence[PanelMethod]) -> None:
    unknown = [m for m in methods if m not in _METHODS]
    if unknown or not methods:
        named = f"there is no method {unknown[0]!r}" if unknown else "no method is named"
        raise ValueError(f"{named}: choose from {', '.join(_METHODS)}")


def _stacked(rows: list[Estimate], name: str, batch: tuple[int, ...]) -> Array:
    return np.stack([np.broadcast_to(getattr(row, name), batch) for row in rows])


def _robust(kind: Kind, reference: Reference, task: _Task) -> Estimate:
    return cluster_robust(task.fit, task.contrast, kind=kind, reference=reference, level=task.level)


def _wild(variant: Variant, task: _Task) -> Estimate:
    level = task.level if task.wild_intervals else None
    return wild_bootstrap(task.fit, task.contrast, variant=variant, level=level).as_estimate


def _mixed(test: Callable[..., Estimate], task: _Task) -> Estimate:
    return test(task.mixed, task.contrast, level=task.level)


_METHODS: dict[PanelMethod, Callable[[_Task], Estimate]] = {
    "cr1": partial(_robust, "CR1", "G-1"),
    "cr1s": partial(_robust, "CR1S", "G-1"),
    "cr2": partial(_robust, "CR2", "satterthwaite"),
    "cv3": partial(_robust, "CV3", "G-1"),
    "wcr11": partial(_wild, "wcr11"),
    "wcr13": partial(_wild, "wcr13"),
    "wcr31": partial(_wild, "wcr31"),
    "wcr33": partial(_wild, "wcr33"),
    "lmm_z": partial(_mixed, mixed_z),
    "lmm_satterthwaite": partial(_mixed, mixed_satterthwaite),
    "lmm_kr": partial(_mixed, kenward_roger),
    "lmm_cr2": partial(_mixed, mixed_cr2),
}
