"""The wild cluster bootstrap: exact p values over all sign draws, intervals by inversion, joint draws.

Ties: in the exact bootstrap the draw of all +1 and its negative reproduce the observed t for WCR11 and WCR13. `p`
counts a draw when |t*| >= |t| (1 - 1e-9), which makes the test valid; `p_strict` counts |t*| > |t| (1 + 1e-9), as
other programs print. With B random draws p = (1 + count) / (1 + B) (Davison and Hinkley 1997, section 4.2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.cross import Cross
from mtb_eval.inference.draws import Draws, wild_draws
from mtb_eval.inference.estimate import Estimate
from mtb_eval.inference.inversion import (
    Alternative,
    ConfidenceSet,
    Ratios,
    confidence_set,
    extreme_counts,
    joined_sets,
    set_warning,
)
from mtb_eval.inference.ols import LeastSquares
from mtb_eval.inference.wild_scores import Variant, WildScores, wild_scores

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]

_BLOCK = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class WildResult:
    """A wild cluster bootstrap test with its interval; array fields have the batch shape (..., ), which may be ().

    `t` has the variant's own standard error `se` (CR1S or jackknife CV3). `count` and `count_strict` of `n_draws` draws
    are behind `p` (ties counted) and `p_strict`. `exact`: all sign draws were used. `ci_low`, `ci_high`: outermost
    ends of {r : p(r) > 1 - level} (NaN if no interval was asked), infinite and flagged in `ci_open` where the set is
    unbounded; `ci_disjoint`: it has holes, and `part_low`, `part_high` bound the piece that holds the estimate.
    `method` names variant, weights and tie rule.
    """

    estimate: Array
    se: Array
    t: Array
    p: Array
    p_strict: Array
    count: Counts
    count_strict: Counts
    n_draws: int
    exact: bool
    ci_low: Array
    ci_high: Array
    ci_open: Flags
    ci_disjoint: Flags
    part_low: Array
    part_high: Array
    method: str
    warning: str = ""

    @property
    def as_estimate(self) -> Estimate:
        """The same as a row of inference: p with ties counted, and no degrees of freedom (NaN)."""
        return Estimate(
            estimate=self.estimate,
            se=self.se,
            df=np.full(np.shape(self.t), np.nan),
            ci_low=self.ci_low,
            ci_high=self.ci_high,
            p=self.p,
            method=self.method,
            warning=self.warning,
        )


def wild_bootstrap(
    model: Cross | LeastSquares,
    contrast: ArrayLike,
    *,
    variant: Variant = "wcr31",
    draws: Draws | None = None,
    null: ArrayLike = 0.0,
    level: float | None = 0.95,
) -> WildResult:
    """Return the two-sided test of contrast'b = null and the interval at `level` (None: no interval) for each outcome.

    `draws` defaults to all sign vectors; ValueError if these are more than 4096. One-sided tests, sub-clusters and the
    strict interval: `wild_scores`, then `wild_test` and `wild_interval`.
    MacKinnon, Nielsen and Webb (2023, doi 10.1002/jae.2969); interval by inversion: MacKinnon (2015).
    """
    scores = wild_scores(model, contrast, variant=variant)
    chosen = wild_draws(scores.numerator.shape[-1]) if draws is None else draws
    result = wild_test(scores, chosen, null=null)
    return result if level is None else with_interval(result, wild_interval(scores, chosen, level=level))


def wild_test(
    scores: WildScores, draws: Draws, *, null: ArrayLike = 0.0, alternative: Alternative = "two-sided"
) -> WildResult:
    """Return the test of contrast = `null` (...) against a two-sided, "greater" or "less" alternative, no interval.

    Of all sign draws p is at least the share of the sample itself and its mirror image, as a p of 0 would claim more
    than they can show: Phipson and Smyth (2010, doi 10.2202/1544-6115.1585). `p_strict` is the plain share.
    """
    used = draws if alternative == "two-sided" else draws.unfolded()
    _check_draws(scores, used)
    t = _observed(scores, null)
    x = scores.estimate - np.asarray(null, dtype=float)
    counts = np.zeros((2, t.size), dtype=np.int64)
    for rows in _row_blocks(scores, used):
        top, bottom = _drawn(scores, used, x, rows)
        counts[:, rows] = extreme_counts(top, bottom, t.reshape(-1)[rows], alternative)
    count, strict = (2 if used.mirrored else 1) * counts.reshape((2, *t.shape))
    nothing = np.full(t.shape, np.nan)
    return WildResult(
        estimate=scores.estimate,
        se=scores.se,
        t=t,
        p=np.where(np.isfinite(t), _share(count, used, _least(scores, alternative)), np.nan),
        p_strict=np.where(np.isfinite(t), strict / used.n_draws, np.nan),
        count=count,
        count_strict=strict,
        n_draws=used.n_draws,
        exact=used.exact,
        ci_low=nothing,
        ci_high=nothing,
        ci_open=np.zeros(t.shape, dtype=bool),
        ci_disjoint=np.zeros(t.shape, dtype=bool),
        part_low=nothing,
        part_high=nothing,
        method=_method(scores, used, alternative),
        warning=scores.warning or _coarse(used),
    )


def wild_interval(
    scores: WildScores,
    draws: Draws,
    *,
    level: float = 0.95,
    alternative: Alternative = "two-sided",
    strict: bool = False,
) -> ConfidenceSet:
    """Return {r : p(r) > 1 - level} for each outcome, with p counting ties, or with `strict` not.

    Against "greater" the set has a lower end only, against "less" an upper one. Raises ValueError unless
    0 < level < 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"The confidence level must lie between 0 and 1, got {level}.")
    used = draws if alternative == "two-sided" else draws.unfolded()
    _check_draws(scores, used)
    flat = [
        confidence_set(
            _ratios(scores, used, rows),
            scores.estimate.reshape(-1)[rows],
            scores.se.reshape(-1)[rows],
            more_than=_threshold(used, level, strict),
            alternative=alternative,
            strict=strict,
        )
        for rows in _row_blocks(scores, used)
    ]
    found = joined_sets(flat, scores.estimate.shape)
    least = _least(scores, alternative) / used.n_draws
    return found if strict or not used.exact else _unbounded(found, (least > 1 - level + 1e-9) & np.isfinite(scores.se))


def wild_statistics(scores: WildScores, draws: Draws, *, null: ArrayLike = 0.0) -> tuple[Array, Array]:
    """Return the observed t (...) and the matrix of t* (..., draws) under contrast = `null`, for max-t methods.

    The same draws serve every outcome, so the columns are joint; of mirrored draws one of each pair is given (its
    negative has -t*). A t* of 0/0 is NaN.
    """
    _check_draws(scores, draws)
    t = _observed(scores, null)
    x = scores.estimate - np.asarray(null, dtype=float)
    drawn = np.empty((t.size, draws.weights.shape[0]))
    for rows in _row_blocks(scores, draws):
        top, bottom = _drawn(scores, draws, x, rows)
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn[rows] = top / np.sqrt(bottom)
    return t, drawn.reshape((*t.shape, -1))


def with_interval(result: WildResult, interval: ConfidenceSet) -> WildResult:
    """Return the result with the interval filled in; an open set or one with holes is also told in `warning`."""
    return replace(
        result,
        warning="; ".join(filter(None, (result.warning, set_warning(interval)))),
        ci_low=interval.low,
        ci_high=interval.high,
        ci_open=np.isinf(interval.low) | np.isinf(interval.high),
        ci_disjoint=interval.disjoint,
        part_low=interval.part_low,
        part_high=interval.part_high,
    )


def _check_draws(scores: WildScores, draws: Draws) -> None:
    units = scores.numerator.shape[-1]
    if draws.n_clusters != units:
        raise ValueError(f"The draws hold weights for {draws.n_clusters} clusters, the scores have {units}.")


def _observed(scores: WildScores, null: ArrayLike) -> Array:
    usable = np.where(scores.se > 0, scores.se, np.nan)
    return np.asarray((scores.estimate - np.asarray(null, dtype=float)) / usable)


def _row_blocks(scores: WildScores, draws: Draws) -> list[slice]:
    """Slices of the flattened batch for which the residuals of all draws stay small."""
    n_draws, n_clusters = draws.weights.shape[0], scores.residual.shape[-2]
    step = max(1, _BLOCK // (n_draws * n_clusters))
    return [slice(i, i + step) for i in range(0, max(scores.estimate.size, 1), step)]


def _flat(a: Array, core: int, rows: slice) -> Array:
    return a.reshape((-1, *a.shape[a.ndim - core :]))[rows]


def _drawn(scores: WildScores, draws: Draws, x: Array, rows: slice) -> tuple[Array, Array]:
    """Numerators and squared denominators of t*, each (rows, draws), at x = estimate - null."""
    at = np.broadcast_to(x, scores.estimate.shape).reshape(-1)[rows, None]
    score = _flat(scores.numerator, 1, rows) + at * _flat(scores.numerator_x, 1, rows)
    spread = _flat(scores.residual, 2, rows) + at[..., None] * _flat(scores.residual_x, 2, rows)
    residual = spread @ draws.weights.T
    return score @ draws.weights.T, np.einsum("bgd,bgd->bd", residual, residual)


def _least(scores: WildScores, alternative: Alternative) -> Counts:
    """Return how many of all draws (...) are the sample itself and its mirror image: p is never below their share.

    With jackknifed scores (WCR31, WCR33) the draw of ones need not give t back, so none might be as extreme as t. A
    cluster without rows doubles every draw.
    """
    units, clusters = scores.numerator.shape[-1], scores.residual.shape[-2]
    empty = units - scores.n_clusters if units == clusters else np.zeros(np.shape(scores.n_clusters), dtype=np.int64)
    return np.asarray((2 if alternative == "two-sided" else 1) * 2 ** np.asarray(empty, dtype=np.int64))


def _share(count: Counts, draws: Draws, least: Counts) -> Array:
    if draws.exact:
        return np.asarray(np.maximum(count, least) / draws.n_draws)
    return np.asarray((1 + count) / (1 + draws.n_draws))


def _threshold(draws: Draws, level: float, strict: bool) -> float:
    """Number of stored draws that must be exceeded for p > 1 - level; 1e-9 absorbs the rounding of 1 - level."""
    observed = 0 if draws.exact or strict else 1
    needed = (1 - level) * (draws.n_draws + observed) - observed
    return needed / (2 if draws.mirrored else 1) + 1e-9


def _unbounded(found: ConfidenceSet, everywhere: Flags) -> ConfidenceSet:
    """Return the sets with those replaced by the whole line in which no value can be rejected."""
    ends = {n: np.where(everywhere, -np.inf, getattr(found, n)) for n in ("low", "part_low")}
    ends |= {n: np.where(everywhere, np.inf, getattr(found, n)) for n in ("high", "part_high")}
    return ConfidenceSet(**ends, disjoint=found.disjoint & ~everywhere)


def _ratios(scores: WildScores, draws: Draws, rows: slice) -> Ratios:
    weights = draws.weights.T
    fixed = _flat(scores.residual, 2, rows) @ weights
    moving = _flat(scores.residual_x, 2, rows) @ weights
    return Ratios(
        a0=_flat(scores.numerator, 1, rows) @ weights,
        a1=_flat(scores.numerator_x, 1, rows) @ weights,
        q0=np.einsum("bgd,bgd->bd", fixed, fixed),
        q1=np.einsum("bgd,bgd->bd", fixed, moving),
        q2=np.einsum("bgd,bgd->bd", moving, moving),
    )


def _method(scores: WildScores, draws: Draws, alternative: Alternative) -> str:
    se = "CR1S" if scores.variant.endswith("1") else "CV3 jackknife"
    rule = "ties counted (1e-9)" if draws.exact else "ties and the observed draw counted"
    return f"{scores.variant.upper()}, {se} t, {draws.name}, {alternative}, {rule}"


def _coarse(draws: Draws) -> str:
    if draws.exact and draws.n_draws < 40:
        return f"only {draws.n_draws} sign draws exist: no two-sided p can be below {2 / draws.n_draws:.3g}"
    return ""
