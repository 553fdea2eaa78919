"""Every few-cluster method on any table: one row per outcome and method, each naming its convention."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import FAILURES, Row, estimate_row, wild_row
from mtb_eval.analysis.effect_table import effect_table
from mtb_eval.analysis.fit_table import FitColumns, FitError, Frame, Rows, open_frame, rows_of
from mtb_eval.inference.chunks import cross_from_chunks
from mtb_eval.inference.cluster_level import arm_means, paired_t, unpaired_t
from mtb_eval.inference.cross import Cross
from mtb_eval.inference.draws import wild_draws
from mtb_eval.inference.estimate import Estimate
from mtb_eval.inference.estimating_equations import Kind as EquationKind
from mtb_eval.inference.estimating_equations import robust_estimate
from mtb_eval.inference.gee import gee
from mtb_eval.inference.kenward_roger import kenward_roger
from mtb_eval.inference.mixed import fit_mixed, mixed_satterthwaite, mixed_z
from mtb_eval.inference.mixed_sandwich import mixed_cr2
from mtb_eval.inference.ols import CollinearColumnsError, ols
from mtb_eval.inference.sandwich import Kind, Reference, cluster_robust
from mtb_eval.inference.wild import wild_bootstrap
from mtb_eval.inference.wild_scores import Variant

Array = NDArray[np.float64]
DEFAULT_METHODS = ("cr1", "cr2", "cv3", "wcr11", "wcr31", "lmm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One outcome to be fitted: cross-products, the contrast (p,) of the treatment, its rows unless streamed."""

    cross: Cross
    contrast: Array
    rows: Rows | None
    level: float
    rng: np.random.Generator


Method = Callable[[Task], Row]


def fit(
    data: pd.DataFrame | str | Path,
    *,
    y: str | Sequence[str],
    treat: str,
    cluster: str,
    x: Sequence[str] = (),
    factor: Sequence[str] = (),
    weights: str | None = None,
    methods: Sequence[str] = DEFAULT_METHODS,
    level: float = 0.95,
    seed: int = 1,
) -> pd.DataFrame:
    """Return the effect of `treat` on each outcome by every method, as an effect table.

    `data` is a table in memory, or a CSV or Parquet file that is streamed in flat memory (methods that need all rows
    at once are then rows with an error). `x` are numeric covariates, `factor` columns become dummies. Rows without
    treatment, covariate, factor or weight are left out, rows without an outcome for that outcome only; `warning`
    counts them. Methods: see METHODS. `seed` matters only where 2^G sign draws are too many to use all.
    Raises FitError for input that cannot be used, and names collinear columns.
    """
    unknown = [m for m in methods if m not in METHODS]
    if unknown:
        raise FitError(f"unknown method {unknown[0]!r}; there are {', '.join(METHODS)}")
    outcomes = (y,) if isinstance(y, str) else tuple(y)
    columns = FitColumns(y=outcomes, treat=treat, cluster=cluster, x=tuple(x), factor=tuple(factor), weights=weights)
    frame = open_frame(data, columns)
    return effect_table(_rows(frame, tuple(methods), level, seed))


def _rows(frame: Frame, methods: tuple[str, ...], level: float, seed: int) -> Iterator[Row]:
    for k, outcome in enumerate(frame.columns.y):
        task, counts = _task(frame, k, level, seed)
        base: Row = {"outcome": outcome, "estimand": f"effect of {frame.columns.treat}", **counts}
        for method in methods:
            row = {**base, "estimator": _estimator(method), **_tried(method, task, frame)}
            yield _warned(row, frame, float(task.cross.n.sum()))


def _tried(method: str, task: Task, frame: Frame) -> Row:
    weighted = frame.columns.weights is not None
    if weighted and method in UNWEIGHTED:
        return {"method": method, "error": "this method takes no weights"}
    if task.rows is None and method in NEEDS_ROWS:
        return {"method": method, "error": "this method needs all rows in memory; give a table instead of a file"}
    try:
        return METHODS[method](task)
    except FAILURES as failure:
        return {"method": method, "error": str(failure)}


def _task(frame: Frame, k: int, level: float, seed: int) -> tuple[Task, Row]:
    """Return outcome k's task from one pass over the chunks, and its numbers of rows and clusters."""
    kept: list[Rows] = []
    arms = {0.0: 0, 1.0: 0}

    def parts() -> Iterator[tuple[NDArray[Any], ...]]:
        for chunk in frame.chunks():
            rows = _observed(rows_of(frame, chunk), k)
            if not len(rows.cluster):
                continue
            for arm in arms:
                arms[arm] += int((rows.x[:, 1] == arm).sum())
            if not frame.streamed:
                kept.append(rows)
            yield (rows.x, rows.y, rows.cluster, *(() if rows.weights is None else (rows.weights,)))

    try:
        cross = cross_from_chunks(parts())
    except ValueError as problem:
        raise FitError(f"outcome {frame.columns.y[k]!r}: {problem}") from None
    _refuse_collinear(cross, frame)
    task = Task(
        cross=cross,
        contrast=np.eye(len(frame.names))[1],
        rows=kept[0] if kept else None,
        level=level,
        rng=np.random.default_rng(seed),
    )
    counts = {"n_mtb": float(arms[1.0]), "n_control": float(arms[0.0])}
    return task, {**counts, "n_clusters": float(np.count_nonzero(cross.n > 0))}


def _refuse_collinear(cross: Cross, frame: Frame) -> None:
    try:
        ols(cross)
    except CollinearColumnsError as problem:
        named = ", ".join(frame.names[i] for i in problem.columns)
        among = ", ".join(frame.names[i] for i in problem.involved)
        raise FitError(f"collinear columns: {named} follow from the others among {among}; leave them out") from None
    except ValueError as problem:
        raise FitError(str(problem)) from None


def _observed(rows: Rows, k: int) -> Rows:
    """Return the rows that have outcome k, with `y` (n,)."""
    seen = np.isfinite(rows.y[k])
    weights = None if rows.weights is None else rows.weights[seen]
    return Rows(x=rows.x[seen], y=rows.y[k][seen], cluster=rows.cluster[seen], weights=weights)


def _warned(row: Row, frame: Frame, n: float) -> Row:
    """Return a row whose warning also counts the rows left out."""
    left = frame.n_rows - int(n)
    note = f"{left} of {frame.n_rows} rows left out for missing values" if left else ""
    parts = [str(row.get("warning", "")), note]
    return {**row, "warning": "; ".join(p for p in parts if p)}


def _robust(kind: Kind, reference: Reference) -> Method:
    def run(task: Task) -> Row:
        fitted = ols(task.cross)
        return estimate_row(cluster_robust(fitted, task.contrast, kind=kind, reference=reference, level=task.level))

    return run


def _wild(variant: Variant) -> Method:
    def run(task: Task) -> Row:
        draws = wild_draws(task.cross.n_clusters, rng=task.rng)
        return wild_row(wild_bootstrap(task.cross, task.contrast, variant=variant, draws=draws, level=task.level))

    return run


def _mixed(test: Callable[..., Estimate]) -> Method:
    return lambda task: estimate_row(test(fit_mixed(task.cross), task.contrast, level=task.level))


def _gee(kind: EquationKind) -> Method:
    def run(task: Task) -> Row:
        rows = _needed(task)
        fitted = gee(rows.x, rows.y, rows.cluster)
        return estimate_row(
            robust_estimate(fitted.equations, task.contrast, kind=kind, method="GEE exchangeable", level=task.level)
        )

    return run


def _two_stage(task: Task) -> Row:
    rows = _needed(task)
    others = np.delete(rows.x, 1, axis=1)
    means = arm_means(rows.y, rows.x[:, 1], rows.cluster, covariates=others)
    test = paired_t if means.paired.any() else unpaired_t
    return estimate_row(test(means, level=task.level))


def _needed(task: Task) -> Rows:
    if task.rows is None:
        raise ValueError("this method needs all rows in memory; give a table instead of a file")
    return task.rows


def _estimator(method: str) -> str:
    if method.startswith("lmm"):
        return "random-intercept mixed model, REML"
    return {"gee": "GEE exchangeable", "two-stage": "cluster-level"}.get(
        method.split("_", maxsplit=1)[0], "least squares"
    )


METHODS: dict[str, Method] = {
    "cr0": _robust("CR0", "z"),
    "cr1": _robust("CR1", "G-1"),
    "cr1s": _robust("CR1S", "G-1"),
    "cr2": _robust("CR2", "satterthwaite"),
    "cr2_saddlepoint": _robust("CR2", "saddlepoint"),
    "cr3": _robust("CR3", "satterthwaite"),
    "cv3": _robust("CV3", "G-1"),
    "cv3j": _robust("CV3J", "G-1"),
    **{v: _wild(v) for v in ("wcr11", "wcr13", "wcr31", "wcr33", "wcu11")},
    "lmm": _mixed(kenward_roger),
    "lmm_satterthwaite": _mixed(mixed_satterthwaite),
    "lmm_z": _mixed(mixed_z),
    "lmm_cr2": _mixed(mixed_cr2),
    "gee": _gee("CR3"),
    "gee_kc": _gee("KC"),
    "gee_robust": _gee("CR0"),
    "two-stage": _two_stage,
}
NEEDS_ROWS = frozenset(m for m in METHODS if m.startswith("gee")) | {"two-stage"}
UNWEIGHTED = frozenset(m for m in METHODS if m.startswith(("gee", "lmm", "wc"))) | {"two-stage"}
