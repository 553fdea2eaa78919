"""Wild draws of many contrasts at once: the same sign for a cluster in every outcome and every model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.draws import Draws
from mtb_eval.inference.inversion import TIE
from mtb_eval.inference.ols import LeastSquares
from mtb_eval.inference.wild import wild_statistics
from mtb_eval.inference.wild_scores import Variant, wild_scores

Array = NDArray[np.float64]

_BY_CONTRAST = ("estimate", "t", "p", "drawn_estimate", "drawn_t")


@dataclass(frozen=True, slots=True, kw_only=True)
class JointWild:
    """Estimates, t and p (k,) of k contrasts, with their joint draws under no effect, (k, draws).

    Column d of `drawn_estimate` and `drawn_t` comes from one vector of signs for all k. NaN where a contrast cannot
    be estimated. `exact`: all sign vectors; then of each vector and its negative one is there (|t*| is the same).
    """

    estimate: Array
    t: Array
    p: Array
    drawn_estimate: Array
    drawn_t: Array
    exact: bool

    @property
    def drawn_p(self) -> Array:
        """The p (k, draws) that each draw would itself have: the share of draws with |t*| at least as large."""
        return np.stack([_p_of_draws(row) for row in np.abs(self.drawn_t)]) if len(self.drawn_t) else self.drawn_t


def joint_wild(
    fit: LeastSquares, contrast: ArrayLike, draws: Draws, labels: ArrayLike, *, variant: Variant = "wcr31"
) -> JointWild:
    """Return a contrast (p,) for each of the k outcomes of `fit` with its draws under a contrast of 0.

    `draws` hold one weight for each of `labels`, the sorted ids of all clusters; a cluster that `fit` has no rows of is
    passed over, so that fits on other rows keep the same signs. Raises ValueError if `fit` has another cluster.
    """
    own = replace(draws, weights=draws.weights[:, _places(fit, np.asarray(labels))])
    scores = wild_scores(fit, contrast, variant=variant)
    t, drawn = wild_statistics(scores, own)
    estimate = np.broadcast_to(scores.estimate, t.shape).reshape(-1)
    x = estimate.reshape(t.shape)[..., None]
    top = (scores.numerator + x * scores.numerator_x) @ own.weights.T
    t, drawn = t.reshape(-1), drawn.reshape(t.size, -1)
    return JointWild(
        estimate=estimate,
        t=t,
        p=two_sided_p(t, drawn, exact=own.exact),
        drawn_estimate=np.where(np.isfinite(t)[:, None], top.reshape(t.size, -1), np.nan),
        drawn_t=drawn,
        exact=own.exact,
    )


def stacked(parts: Sequence[JointWild]) -> JointWild:
    """Return the contrasts of several fits, drawn with the same signs, as one."""
    arrays: dict[str, Any] = {n: np.concatenate([getattr(part, n) for part in parts]) for n in _BY_CONTRAST}
    return replace(parts[0], **arrays)


def chosen(joint: JointWild, rows: ArrayLike) -> JointWild:
    """Return some of the k contrasts, by position or flag."""
    at = np.asarray(rows)
    arrays: dict[str, Any] = {n: getattr(joint, n)[at] for n in _BY_CONTRAST}
    return replace(joint, **arrays)


def two_sided_p(t: Array, drawn: Array, *, exact: bool) -> Array:
    """Return p (k,) of |t| (k,) among |t*| (k, draws), ties within 1e-9 counted; a t* of 0/0 counts as extreme.

    Of all draws, the sample itself and its mirror image always count.
    """
    size = np.where(np.isnan(drawn), np.inf, np.abs(drawn))
    count = np.count_nonzero(size >= np.abs(t)[:, None] * (1 - TIE), axis=1)
    p = np.maximum(count, 1) / drawn.shape[1] if exact else (1 + count) / (1 + drawn.shape[1])
    return np.where(np.isfinite(t), p, np.nan)


def _places(fit: LeastSquares, labels: NDArray[np.str_]) -> NDArray[np.intp]:
    here = np.asarray(fit.cross.labels)
    place = np.searchsorted(labels, here)
    unknown = int(np.count_nonzero(labels[np.minimum(place, len(labels) - 1)] != here))
    if unknown:
        raise ValueError(f"{unknown} clusters of the fit have no weight in the draws: draw for all clusters")
    return place


def _p_of_draws(size: Array) -> Array:
    """Return for each of |t*| (draws,) the share of draws at least as large, ties within 1e-9 counted; NaN are last."""
    filled = np.where(np.isnan(size), np.inf, size)
    ordered = np.sort(filled)
    below = np.searchsorted(ordered, filled * (1 - TIE), side="left")
    return np.asarray((filled.size - below) / filled.size)
