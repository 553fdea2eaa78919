"""Principal scores: treated rows of one kind against the untreated who would have been of that kind.

Kind "high" or "low" is seen in the treated only. With e(X) = P(high | X, treated) and no unmeasured reason why would-be
high and would-be low rows differ when untreated (principal ignorability), untreated rows weighted by e(X) stand for
the high, and by 1 - e(X) for the low. Jo & Stuart (2009), doi:10.1002/sim.3669; Ding & Lu (2017),
doi:10.1111/rssb.12191. Without that assumption the outcomes of untreated would-be high rows are only bounded, by
trimming: Zhang & Rubin (2003), doi:10.3102/10769986028004353; Grilli & Mealli (2008), doi:10.3102/1076998607302627.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mtb_eval.inference.bounds import Side, trimming_weights
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.estimate import Estimate, t_estimate
from mtb_eval.inference.ols import LeastSquares, ols
from mtb_eval.inference.response_weights import ridge_logit
from mtb_eval.inference.sandwich import satterthwaite_df

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Kind = Literal["high", "low"]

DEPENDENT = 1e-9
EFFECT = 0
"""Column of a design that holds the indicator of treatment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strata:
    """Rows (n,) of a study with a dose: who is treated, which of them are high, and the cluster of each.

    `x` (n, k) predicts being high, its first column constant; `prior_sd` (k,) as in `ridge_logit`. `design` (n, p) is
    that of the outcome, the indicator of treatment first.
    """

    treated: Flags
    high: Flags
    cluster: NDArray[np.str_]
    x: Array
    prior_sd: Array
    design: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """How untreated would-be high rows differ from would-be low ones with the same covariates.

    Their means have the ratio `ratio`, and then the difference `difference` (outcome units) on top; 1 and 0 are
    principal ignorability.
    """

    ratio: float = 1.0
    difference: float = 0.0


def principal_scores(strata: Strata, *, used: Flags | None = None) -> Array:
    """Return e(X) (n,) for every row, fitted on treated rows; with `used` (..., n) on those rows only, (..., n)."""
    rows = strata.treated if used is None else strata.treated & used
    fitted = np.atleast_2d(rows)
    b = ridge_logit(strata.x, strata.high.astype(float), strata.prior_sd, used=fitted)
    scores = special.expit(b @ strata.x.T)
    return np.asarray(scores[0] if rows.ndim == 1 else scores)


def stratum_weights(strata: Strata, score: Array, kind: Kind) -> Array:
    """Return weights (n,): 1 for treated rows of the kind, 0 for the others, e or 1 - e for the untreated."""
    of_kind = strata.high if kind == "high" else ~strata.high
    chance = score if kind == "high" else 1 - score
    return np.where(strata.treated, of_kind.astype(float), chance)


def departed(y: Array, score: Array, treated: Flags, kind: Kind, departure: Departure) -> Array:
    """Return outcomes (n,) with those of untreated rows moved to what their kind would have under a departure.

    With m = E[Y | X, untreated] = e m1 + (1 - e) m0: a ratio r = m1 / m0 gives m1 = r m / (1 - e + r e) and
    m0 = m / (1 - e + r e) (Ding & Lu 2017); a difference d gives m1 = m + (1 - e) d, m0 = m - e d.
    Raises ValueError for a ratio that is not positive, or one other than 1 if outcomes are negative.
    """
    if departure.ratio <= 0:
        raise ValueError(f"the ratio of two means must be positive, got {departure.ratio:g}")
    if departure.ratio != 1 and y.min(initial=0.0) < 0:
        raise ValueError("a ratio of means has no sense for an outcome with negative values: use differences")
    r, d = departure.ratio, departure.difference
    factor = (r if kind == "high" else 1.0) / (1 - score + r * score)
    shift = (1 - score) * d if kind == "high" else -score * d
    return np.where(treated, y, factor * y + shift)


def principal_fit(
    strata: Strata, y: Array, score: Array, kind: Kind, departures: tuple[Departure, ...]
) -> LeastSquares:
    """Return the weighted least-squares fits, batch (departures,), of one kind against its weighted controls."""
    outcomes = np.stack([departed(y, score, strata.treated, kind, d) for d in departures])
    weights = stratum_weights(strata, score, kind)
    return ols(cross_products(strata.design, outcomes, strata.cluster, weights=weights), collinear="drop")


def principal_jackknife(
    strata: Strata, y: Array, departures: tuple[Departure, ...], *, level: float = 0.95
) -> dict[str, Estimate]:
    """Return the effects on "high" and "low" and their "difference", each (departures,), by leaving out clusters.

    Score and outcome model are fitted again without each cluster: variance (G - 1) / G sum (t_g - t)^2. The reference
    is t with the Satterthwaite df of the weighted fit (CR2), of the smaller group for the difference, at most G - 1.
    An effect that cannot be estimated without some cluster has NaN as standard error.
    """
    labels = np.unique(strata.cluster)
    kept = strata.cluster != labels[:, None]
    scores = principal_scores(strata, used=np.concatenate([kept, np.ones_like(kept[:1])]))
    used = [*kept, np.ones_like(kept[0])]
    both = np.stack([_effects(strata, y, e, rows, departures) for e, rows in zip(scores, used, strict=True)])
    values = np.concatenate([both, both[:, :1] - both[:, 1:]], axis=1)
    without, whole = values[:-1], values[-1]
    g = labels.size
    se = np.sqrt((g - 1) / g * np.sum((without - whole) ** 2, axis=0))
    df = _jackknife_df(strata, y, scores[-1])
    method = f"principal-score weights, jackknife over {g} clusters with the score fitted again, Satterthwaite t"
    rows = [t_estimate(b, s, df=v, method=method, level=level) for b, s, v in zip(whole, se, df, strict=True)]
    return dict(zip(("high", "low", "difference"), rows, strict=True))


def trimmed_weights(strata: Strata, values: Array, share: float) -> tuple[Array, Array]:
    """Return weights (n,) for the least and the greatest effect on the high that the data allow.

    `values` (n,) order the untreated, of whom `share` would be high: they are the ones with the highest values for
    the least effect and those with the lowest for the greatest. Treated low rows have weight 0.
    """
    found = []
    sides: tuple[Side, Side] = ("highest", "lowest")
    for keep in sides:
        weights = (strata.treated & strata.high).astype(float)
        weights[~strata.treated] = trimming_weights(values[~strata.treated], share, keep)
        found.append(weights)
    return found[0], found[1]


def _effects(strata: Strata, y: Array, score: Array, rows: Flags, departures: tuple[Departure, ...]) -> Array:
    """Return the effects on high and low, (2, departures), on some rows."""
    kinds: tuple[Kind, Kind] = ("high", "low")
    return np.stack(
        [
            _weighted_slope(
                strata.design[rows],
                np.stack([departed(y, score, strata.treated, kind, d)[rows] for d in departures]),
                stratum_weights(strata, score, kind)[rows],
            )
            for kind in kinds
        ]
    )


def _weighted_slope(design: Array, outcomes: Array, weights: Array) -> Array:
    """Return the weighted least-squares slopes (R,) of the treatment beside the other columns; NaN if it has none."""
    rooted = design * np.sqrt(weights)[:, None]
    treatment, others = rooted[:, EFFECT], np.delete(rooted, EFFECT, axis=1)
    left, size, _ = np.linalg.svd(others / np.linalg.norm(others, axis=0).clip(1e-300), full_matrices=False)
    basis = left[:, size > DEPENDENT * size[0]]
    free = treatment - basis @ (basis.T @ treatment)
    square = float(free @ free)
    if square <= DEPENDENT * float(treatment @ treatment):
        return np.full(outcomes.shape[0], np.nan)
    return np.asarray((outcomes * np.sqrt(weights)) @ free / square)


def _jackknife_df(strata: Strata, y: Array, score: Array) -> tuple[float, float, float]:
    contrast = np.eye(strata.design.shape[1])[EFFECT]
    kinds: tuple[Kind, Kind] = ("high", "low")
    fits = [principal_fit(strata, y, score, kind, (Departure(),)) for kind in kinds]
    most = np.unique(strata.cluster).size - 1.0
    high, low = (min(most, float(satterthwaite_df(fit, contrast, "CR2"))) for fit in fits)
    return high, low, min(high, low)
