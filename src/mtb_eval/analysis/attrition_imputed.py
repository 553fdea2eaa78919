"""The effect after multiple imputation: the primary model on every completed data set, pooled; and who was imputed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mtb_eval.analysis.attrition_case import Case, design_of
from mtb_eval.analysis.attrition_chain import Background, Measure, imputation_model
from mtb_eval.analysis.care_effect import Row, estimate_row, names_of
from mtb_eval.data.families import Study
from mtb_eval.inference.imputation import Imputation, impute, potential_scale_reduction
from mtb_eval.inference.influence import influence
from mtb_eval.inference.ols import contrast_estimate, ols
from mtb_eval.inference.pooling import ShiftedPool, pool_at, pooled_estimate, shifted_pool
from mtb_eval.inference.sandwich import satterthwaite_df
from mtb_eval.study import Plan

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

SETTLED = 1.2
IMPUTATION_COLUMNS = (
    *("outcome", "family", "wave", "level", "arm", "how", "imputations", "iterations"),
    *("n_observed", "mean_observed", "sd_observed", "n_imputed", "mean_imputed", "sd_imputed"),
    *("r_hat", "lost", "fmi", "warning"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """An outcome in m completed data sets of n families.

    `y` (m, n), NaN for families that are not of the outcome's population there; `imputed` (m, n) values that were
    missing; `r_hat` by arm, MTB first (NaN at item level, where scores are drawn given completed earlier measures);
    `how` the values came about; `level` "scale" or "item"; `iterations` made.
    """

    y: Array
    imputed: Flags
    r_hat: tuple[float, float]
    how: str
    level: str
    iterations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chained:
    """The completed measures of one chain; `level` "scale" or "item" says how the targets' scores came about."""

    measures: tuple[Measure, ...]
    imputation: Imputation
    iterations: int
    level: str

    def values(self, variable: str) -> Array:
        """Return a variable's completed values (m, n)."""
        return self.imputation.values[..., self.place(variable)]

    def place(self, variable: str) -> int:
        """Return a variable's place in the chain; raises KeyError if it was left out because it does not vary."""
        for i, measure in enumerate(self.measures):
            if measure.variable == variable:
                return i
        raise KeyError(variable)


def chained(
    study: Study, plan: Plan, *, behind: Background, chain: Sequence[Measure], seed: np.random.SeedSequence
) -> Chained:
    """Return the completed measures of a chain, by the plan's rule (behind.rule)."""
    rule = behind.rule
    model = imputation_model(study, plan, behind=behind, chain=chain)
    values = study.families[[c.variable for c in chain]].to_numpy(dtype=float)
    made = impute(values, model, np.random.default_rng(seed), m=rule.imputations, iterations=rule.iterations)
    return Chained(measures=tuple(chain), imputation=made, iterations=rule.iterations, level="scale")


def completed(case: Case, plan: Plan, found: Chained) -> Completed:
    """Return an outcome of a chain in all data sets, among the families that are of its population there.

    Raises ValueError if its values do not vary, so that it was not imputed.
    """
    variable = case.outcome.variable
    try:
        place = found.place(variable)
    except KeyError:
        raise ValueError("the outcome does not vary: it cannot be imputed") from None
    y = found.values(variable)
    missing = np.broadcast_to(np.isnan(case.values), y.shape)
    member = np.ones(y.shape, dtype=bool)
    if case.outcome.population:
        rule = plan.population(case.outcome.population)
        member = found.values(rule.column) == rule.equals
    r_hat = potential_scale_reduction(found.imputation.trace_mean[:, :, place, :])
    settled = found.level == "item"
    return Completed(
        y=np.where(member, y, np.nan),
        imputed=missing & member,
        r_hat=(np.nan, np.nan) if settled else _by_arm(r_hat),
        how="copied" if found.measures[place].matched else "drawn",
        level=found.level,
        iterations=found.iterations,
    )


def _by_arm(r_hat: Array) -> tuple[float, float]:
    """Return the value of MTB and of control from those of the groups imputed apart; NaN if there is one group only."""
    return (float(r_hat[1]), float(r_hat[0])) if len(r_hat) == 2 else (np.nan, np.nan)


def pooled_shifts(case: Case, made: Completed) -> ShiftedPool:
    """Return the pooled primary model as a function of shifts of the imputed values: of MTB, then of usual care.

    CR2 in every data set; the complete-data df is CR2's Satterthwaite df, over data sets their mean.
    """
    rows = case.everyone.rows
    y = made.y[:, rows]
    inside = np.isfinite(y)
    arms = (case.everyone.mtb == 1, case.everyone.mtb == 0)
    shifts = [np.where(inside, (made.imputed[:, rows] & arm).astype(float), np.nan) for arm in arms]
    design = design_of(case.everyone, np.stack([y, *shifts], axis=1))
    fit = ols(design.cross, collinear="drop")
    estimates = contrast_estimate(fit, design.contrast)
    contributions = influence(fit, design.contrast, "CR2").scores
    df = float(np.mean(satterthwaite_df(fit, design.contrast, "CR2")))
    if not (np.isfinite(estimates).all() and np.isfinite(contributions).all() and np.isfinite(df)):
        raise ValueError("the primary model cannot be estimated in some of the completed data sets")
    return shifted_pool(estimates, contributions, df)


def imputed_row(case: Case, made: Completed, pool: ShiftedPool) -> Iterator[Row]:
    """Yield the pooled primary model: Rubin's rules, Barnard-Rubin df with CR2's Satterthwaite df.

    At scale level then again with the CR2 df itself. Barnard-Rubin takes off df for what is missing, as if the few
    clusters behind the CR2 df went missing with it; simulated in designs like this its intervals cover 99 to 100 %,
    those with the CR2 df 97 to 99 %.
    """
    pooled = pool_at(pool, np.zeros(2))
    name = f"{pool.m} imputations within arms at {made.level} level, Rubin's rules on CR2"
    found = pooled_estimate(pooled, method=f"{name}, Barnard-Rubin df", level=case.level, warning=_unsettled(made))
    rows, mtb = case.everyone.rows, case.everyone.mtb
    n = np.isfinite(made.y[:, rows]).mean(axis=0)
    sizes = {
        "n_mtb": float(n[mtb == 1].sum()),
        "n_control": float(n[mtb == 0].sum()),
        "n_clusters": float(case.everyone.n_clusters),
    }
    yield {**estimate_row(found), **sizes}
    if made.level == "scale":
        bolder = replace(pooled, df=np.asarray(pool.df_complete))
        again = pooled_estimate(bolder, method=f"{name}, CR2 df", level=case.level, warning=_unsettled(made))
        yield {**estimate_row(again), **sizes, "analysis": "mi_scale_cr2_df"}


def imputation_rows(case: Case, made: Completed, pool: ShiftedPool) -> Iterator[Row]:
    """Yield for each arm what was observed and imputed, and how far the chains agree; IMPUTATION_COLUMNS."""
    pooled = pool_at(pool, np.zeros(2))
    outcome, rows = case.outcome, case.everyone.rows
    y, imputed = made.y[:, rows], made.imputed[:, rows]
    for arm, code, r_hat in (("mtb", 1.0, made.r_hat[0]), ("control", 0.0, made.r_hat[1])):
        here = np.broadcast_to(case.everyone.mtb == code, y.shape)
        inside = here & imputed
        filled = y[inside]
        spread = [_sd(row[flags]) for row, flags in zip(y, inside, strict=True)]
        seen = case.values[rows][case.everyone.mtb == code]
        seen = seen[np.isfinite(seen)]
        yield {
            **{**names_of(outcome), "level": made.level, "arm": arm},
            **{"how": made.how, "imputations": pool.m, "iterations": made.iterations},
            **{"n_observed": seen.size, "mean_observed": _mean(seen), "sd_observed": _sd(seen)},
            **{"n_imputed": filled.size / pool.m, "mean_imputed": _mean(filled), "sd_imputed": _mean(np.array(spread))},
            **{"r_hat": r_hat, "lost": float(pooled.lost), "fmi": float(pooled.fmi), "warning": _unsettled(made)},
        }


def _unsettled(made: Completed) -> str:
    worst = max((r for r in made.r_hat if np.isfinite(r)), default=1.0)
    return f"the chains have not settled (R-hat {worst:.2f}): use more iterations" if worst > SETTLED else ""


def _mean(x: Array) -> float:
    return float(x.mean()) if x.size else float("nan")


def _sd(x: Array) -> float:
    return float(x.std(ddof=1)) if x.size > 1 else float("nan")
