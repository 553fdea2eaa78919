"""Multiple imputation by chained Bayesian linear regressions, one for each arm, with slopes tied between arms.

Each incomplete variable in turn is regressed on complete columns and on the current values of the others; slopes and
residual variance are drawn from their posterior, and missing values from the model (Rubin 1987; van Buuren &
Groothuis-Oudshoorn 2011, doi:10.18637/jss.v045.i03), or copied from an observed row of the same arm whose prediction
is near (Little 1988, doi:10.1080/07350015.1988.10509663; Morris, White & Royston 2014, doi:10.1186/1471-2288-14-75).
Every arm has slopes of its own, but a prior holds them together (tied_regression.py), so that an arm with few rows
borrows slopes, never its level, from the other. All m imputations are one array.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtb_eval.inference.tied_regression import (
    ArmData,
    draw_slopes,
    draw_variance,
    predict,
    tied_root,
)

Array = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """How one variable is predicted.

    `others` (q, k) makes k predictors of the q variables, all in SD from their means; its row for the variable itself
    is 0. `slope_sd` and `tie_sd` (p + k,) are the prior SD of `tied_regression`, for the p complete columns and then
    these k, where the variable counts in SD. `matched`: values are copied from donors, not drawn.
    """

    others: Array
    slope_sd: Array
    tie_sd: Array
    matched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImputationModel:
    """Complete columns `fixed` (n, p), among them a constant, `arm` (n,) codes 0..A-1, a regression for each variable.

    `donors` is the number of nearest rows from which a matched value is drawn.
    """

    fixed: Array
    arm: Rows
    regressions: tuple[Regression, ...]
    donors: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Imputation:
    """Completed data and their making: n rows, q variables, m imputations, L iterations, A arms.

    `values` (m, n, q); `donor` (m, n, q): the row a matched value was copied from, the row itself where the value was
    observed, -1 where it was drawn; `trace_mean`, `trace_sd` (L, m, q, A): mean and SD of the missing values after
    each iteration, NaN where an arm misses none.
    """

    values: Array
    donor: Rows
    trace_mean: Array
    trace_sd: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """One variable's constant parts: its place, observed and missing rows by arm, root of the prior precision."""

    place: int
    regression: Regression
    observed: tuple[Rows, ...]
    missing: tuple[Rows, ...]
    root: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chain:
    """What an iteration changes: `state` (q, m, n) in SD, `donor` (q, m, n), `variance` (m, A) by variable."""

    state: Array
    donor: Rows
    variance: dict[int, Array]


def impute(
    values: Array, model: ImputationModel, rng: np.random.Generator, *, m: int = 50, iterations: int = 10
) -> Imputation:
    """Return m completions of `values`, NaN where missing, after `iterations` passes over the variables.

    `values` (n, q), or (m, n, q) where observed values already differ between data sets and the missing places do not.
    Variables are visited in the order of their columns: put earlier waves first. Missing values start at values
    of the same arm drawn at random. Raises ValueError if shapes differ, a variable to impute does not vary, or an arm
    has no observed value of it.
    """
    sets = np.broadcast_to(values, (m, *values.shape[-2:]))
    missing = np.isnan(sets[0])
    _refuse_shapes(sets, missing, model)
    centre, scale = _standard(sets, missing)
    tasks = _tasks(missing, model)
    chain = _start((sets - centre) / scale, missing, tasks, rng)
    traces = np.full((2, iterations, m, len(model.regressions), int(model.arm.max()) + 1), np.nan)
    for step in range(iterations):
        for task in tasks:
            _visit(chain, task, model, rng)
            traces[:, step, :, task.place, :] = _spread(chain.state[task.place], task.missing)
    return Imputation(
        values=np.where(missing, centre + scale * np.moveaxis(chain.state, 0, -1), sets),
        donor=np.moveaxis(chain.donor, 0, -1),
        trace_mean=traces[0] * scale[:, None] + centre[:, None],
        trace_sd=traces[1] * scale[:, None],
    )


def potential_scale_reduction(trace: Array) -> Array:
    """Return R-hat (...) of m chains, `trace` (L, m, ...), after the first quarter of their iterations.

    sqrt(((l - 1) / l W + B / l) / W) over l iterations, with W the mean variance within and B / l the variance between
    chains; near 1 once they have mixed. NaN where chains do not vary. Gelman & Rubin (1992), doi:10.1214/ss/1177011136.
    """
    late = trace[trace.shape[0] // 4 :]
    length = late.shape[0]
    if length < 2:
        return np.full(trace.shape[2:], np.nan)
    within = late.var(axis=0, ddof=1).mean(axis=0)
    between = late.mean(axis=0).var(axis=0, ddof=1)
    moved = within > 0
    ratio = (length - 1) / length + between / np.where(moved, within, 1.0)
    return np.where(moved, np.sqrt(ratio), np.nan)


def _tasks(missing: NDArray[np.bool_], model: ImputationModel) -> list[_Task]:
    """Return one task for each variable with a missing value."""
    arms = [model.arm == a for a in range(int(model.arm.max()) + 1)]
    tasks = []
    for v in np.flatnonzero(missing.any(axis=0)):
        regression = model.regressions[v]
        task = _Task(
            place=int(v),
            regression=regression,
            observed=tuple(np.flatnonzero(here & ~missing[:, v]) for here in arms),
            missing=tuple(np.flatnonzero(here & missing[:, v]) for here in arms),
            root=tied_root(regression.slope_sd, regression.tie_sd, len(arms)),
        )
        _refuse_undetermined(task, model)
        tasks.append(task)
    return tasks


def _refuse_undetermined(task: _Task, model: ImputationModel) -> None:
    """Raise ValueError if an arm's observed rows and the prior leave a slope free."""
    p = model.fixed.shape[1]
    free = np.asarray(~task.root.any(axis=(1, 2)))
    if free[p:].any():
        raise ValueError(f"{int(free[p:].sum())} predictors of variable {task.place} have no prior: give them an SD")
    for rows in task.observed:
        if rows.size == 0:
            raise ValueError(f"variable {task.place} is observed in no row of an arm: it cannot be imputed there")
        if np.linalg.matrix_rank(model.fixed[rows][:, free[:p]]) < free.sum():
            raise ValueError(f"complete columns without a prior are collinear for variable {task.place}: give an SD")


def _start(standard: Array, missing: NDArray[np.bool_], tasks: list[_Task], rng: np.random.Generator) -> _Chain:
    m, n, _ = standard.shape
    state = np.moveaxis(np.nan_to_num(standard), -1, 0).copy()
    donor = np.repeat(np.where(missing.T, -1, np.arange(n))[:, None], m, axis=1)
    variance = {}
    for task in tasks:
        now = state[task.place]
        for observed, gap in zip(task.observed, task.missing, strict=True):
            now[:, gap] = np.take_along_axis(now, rng.choice(observed, (m, gap.size)), axis=1)
        variance[task.place] = np.ones((m, len(task.observed)))
    return _Chain(state=state, donor=donor, variance=variance)


def _visit(chain: _Chain, task: _Task, model: ImputationModel, rng: np.random.Generator) -> None:
    """Draw the missing values of one variable given all others, arm by arm."""
    v = task.place
    state, donor, variance = chain.state[v], chain.donor[v], chain.variance[v]
    varying = np.tensordot(task.regression.others.T, chain.state, axes=1)
    arms = [ArmData(fixed=model.fixed[o], varying=varying[..., o], y=state[:, o]) for o in task.observed]
    mean, drawn = draw_slopes(arms, variance, task.root, rng)
    for a, (data, observed, missing) in enumerate(zip(arms, task.observed, task.missing, strict=True)):
        variance[:, a] = draw_variance(data, drawn[:, a], rng)
        if not missing.size:
            continue
        aimed = predict(model.fixed[missing], varying[..., missing], drawn[:, a])
        if task.regression.matched:
            found = _donors(aimed, predict(data.fixed, data.varying, mean[:, a]), model.donors, rng)
            donor[:, missing] = observed[found]
            state[:, missing] = np.take_along_axis(data.y, found, axis=1)
        else:
            noise = np.sqrt(variance[:, a, None]) * rng.standard_normal(aimed.shape)
            state[:, missing] = aimed + noise


def _donors(aimed: Array, offered: Array, n_donors: int, rng: np.random.Generator) -> Rows:
    """Return for each of `aimed` (m, n) the place (m, n) of one of the `n_donors` nearest of `offered` (m, n_observed).

    The nearest lie among the `n_donors` on either side in sorted order.
    """
    n_offered = offered.shape[1]
    k = min(n_donors, n_offered)
    order = np.argsort(offered, axis=1)
    ranked = np.take_along_axis(offered, order, axis=1)
    below = np.sum(ranked[:, None, :] < aimed[:, :, None], axis=-1)
    window = min(2 * k, n_offered)
    first = np.clip(below - k, 0, n_offered - window)
    near = first[..., None] + np.arange(window)
    sets = np.arange(len(aimed))[:, None, None]
    closest = np.argpartition(np.abs(ranked[sets, near] - aimed[..., None]), k - 1, axis=-1)[..., :k]
    pick = np.take_along_axis(closest, rng.integers(k, size=(*aimed.shape, 1)), axis=-1)
    return np.asarray(np.take_along_axis(order, (first[..., None] + pick)[..., 0], axis=1))


def _spread(state: Array, missing: tuple[Rows, ...]) -> Array:
    """Return mean and SD of the missing values by arm, (2, m, A)."""
    nothing = np.full(state.shape[0], np.nan)
    pairs = [
        (state[:, rows].mean(axis=1), state[:, rows].std(axis=1)) if rows.size else (nothing, nothing)
        for rows in missing
    ]
    return np.asarray(np.stack([np.stack(pair) for pair in pairs], axis=-1))


def _standard(sets: Array, missing: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return mean and SD (q,) of the observed values; raises ValueError if one to impute does not vary."""
    n = np.maximum(sets.shape[0] * (~missing).sum(axis=0), 1)
    centre = np.where(missing, 0.0, sets).sum(axis=(0, 1)) / n
    scale = np.sqrt((np.where(missing, 0.0, sets - centre) ** 2).sum(axis=(0, 1)) / n)
    constant = (scale == 0) & missing.any(axis=0)
    if constant.any():
        raise ValueError(f"{int(constant.sum())} of the variables to impute do not vary: leave them out")
    return centre, np.where(scale > 0, scale, 1.0)


def _refuse_shapes(sets: Array, missing: NDArray[np.bool_], model: ImputationModel) -> None:
    n, q = missing.shape
    p = model.fixed.shape[1]
    if model.fixed.shape[0] != n or model.arm.shape != (n,) or len(model.regressions) != q:
        raise ValueError(f"{n} rows of {q} variables need as many complete rows and arm codes, and a regression each")
    if not np.isfinite(model.fixed).all():
        raise ValueError(f"{int((~np.isfinite(model.fixed)).sum())} values of the complete columns are missing")
    if (np.isnan(sets) != missing).any():
        raise ValueError("the data sets miss values in different places: they need the same")
    for v, r in enumerate(model.regressions):
        size = (p + r.others.shape[1],)
        if r.others.shape[0] != q or r.slope_sd.shape != size or r.tie_sd.shape != size or r.others[v].any():
            raise ValueError(f"the regression of variable {v} does not fit {q} variables and {p} complete columns")
