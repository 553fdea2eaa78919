"""Every few-cluster method on any table: one row per outcome and method, each naming its convention."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import FAILURES, Row, estimate_row, wild_row
from mtb_eval.analysis.effect_table import effect_table
from mtb_eval.analysis.fit_table import FitColumns, FitError, Frame, Rows, open_frame, rows_of
from mtb_eval.inference.chunks import with_chunk
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
    x: str | Sequence[str] = (),
    factor: str | Sequence[str] = (),
    weights: str | None = None,
    methods: str | Sequence[str] = DEFAULT_METHODS,
    level: float = 0.95,
    seed: int = 1,
) -> pd.DataFrame:
    """Return the effect of `treat` on each outcome by every method, as an effect table.

    `data` is a table in memory, or a CSV or Parquet file that is streamed in flat memory (methods that need all rows
    at once are then rows with an error). `x` are numeric covariates, `factor` columns become dummies. Rows without
    treatment, covariate, factor or weight are left out, rows without an outcome for that outcome only; `warning`
    counts them. Methods: see METHODS. `seed` matters only where 2^G sign draws are too many to use all. A single
    outcome, covariate, factor or method may be given as text. `n_mtb` and `n_control` count the rows with treatment 1
    and 0, and are missing if it has other values.
    Raises FitError for input that cannot be used, and names collinear columns.
    """
    chosen = _each(methods)
    _refuse_options(chosen, level, seed)
    if not isinstance(data, (pd.DataFrame, str, Path)):
        raise FitError(f"a table or the path of a file is needed, not {type(data).__name__}")
    columns = FitColumns(y=_each(y), treat=treat, cluster=cluster, x=_each(x), factor=_each(factor), weights=weights)
    return effect_table(_rows(open_frame(data, columns), chosen, level, seed))


def _each(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) or not isinstance(names, Iterable) else tuple(names)


def _refuse_options(methods: tuple[str, ...], level: float, seed: int) -> None:
    known = f"there are {', '.join(METHODS)}"
    unknown = [m for m in methods if m not in METHODS]
    if unknown or not methods:
        raise FitError(f"unknown method {unknown[0]!r}; {known}" if unknown else f"no method is given; {known}")
    if not 0 < level < 1:
        raise FitError(f"level {level:g} is not between 0 and 1; for 95 % intervals give 0.95")
    if seed < 0:
        raise FitError(f"seed {seed} is below 0; give a whole number of 0 or more")


def _rows(frame: Frame, methods: tuple[str, ...], level: float, seed: int) -> Iterator[Row]:
    for outcome, (task, counts) in zip(frame.columns.y, _tasks(frame, level, seed), strict=True):
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


def _tasks(frame: Frame, level: float, seed: int) -> Iterator[tuple[Task, Row]]:
    """Give each outcome's task, and its numbers of rows and clusters, from one pass over the chunks."""
    m = len(frame.columns.y)
    totals: list[Cross | None] = [None] * m
    arms = np.zeros((m, 2))
    kept: Rows | None = None
    for chunk in frame.chunks():
        kept = rows_of(frame, chunk)
        for k in range(m):
            rows = _observed(kept, k)
            if len(rows.cluster):
                totals[k] = _added(totals[k], rows, frame.columns.y[k])
                arms[k] += _arm_sizes(rows.x[:, 1])
    for k, cross in enumerate(totals):
        if cross is None:
            raise FitError(f"outcome {frame.columns.y[k]!r}: no row is left that has a value; leave it out")
        if (arms[k] == 0).any():
            raise FitError(f"outcome {frame.columns.y[k]!r}: only one arm has rows with a value; leave it out")
        _refuse_collinear(cross, frame)
        rows_in_memory = None if frame.streamed or kept is None else _observed(kept, k)
        task = Task(
            cross=cross,
            contrast=np.eye(len(frame.names))[1],
            rows=rows_in_memory,
            level=level,
            rng=np.random.default_rng(seed),
        )
        yield task, {"n_mtb": arms[k, 1], "n_control": arms[k, 0], "n_clusters": float(np.count_nonzero(cross.n > 0))}


def _arm_sizes(treat: Array) -> Array:
    """Return the numbers of rows with treatment 0 and 1 (2,); NaN if it has other values, so that there are no arms."""
    sizes = np.array([np.count_nonzero(treat == arm) for arm in (0.0, 1.0)], dtype=float)
    return sizes if sizes.sum() == treat.size else np.full(2, np.nan)


def _added(total: Cross | None, rows: Rows, outcome: str) -> Cross | None:
    try:
        return with_chunk(total, rows.x, rows.y, rows.cluster, rows.weights)
    except ValueError as problem:
        raise FitError(f"outcome {outcome!r}: {problem}") from None


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
    """Return the rows that have outcome k and a weight other than 0, with `y` (n,)."""
    seen = np.isfinite(rows.y[k])
    if rows.weights is not None:
        seen &= rows.weights != 0
    weights = None if rows.weights is None else rows.weights[seen]
    return Rows(x=rows.x[seen], y=rows.y[k][seen], cluster=rows.cluster[seen], weights=weights)


def _warned(row: Row, frame: Frame, n: float) -> Row:
    """Return a row whose warning also counts the rows left out."""
    left = frame.n_rows - int(n)
    why = "missing values" if frame.columns.weights is None else "missing values or weight 0"
    note = f"{left} of {frame.n_rows} rows left out for {why}" if left else ""
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
