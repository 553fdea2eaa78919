"""One test of many specifications of the same effect, by joint draws under no effect.

Simonsohn, Simmons & Nelson (2020), doi 10.1038/s41562-020-0912-z, with wild draws by cluster in the place of
shuffled treatment: every specification gets the same signs in a draw, so that their correlation is that of the design.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtb_eval.inference.inversion import TIE
from mtb_eval.inference.joint_wild import JointWild

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class JointNull:
    """Two statistics over `k` specifications with their p among `n_draws` draws.

    `median`: of the estimates. `share`: the larger of the shares that are significant and positive, and significant
    and negative. `share_expected`: its mean over the draws.
    """

    k: int
    median: float
    p_median: float
    share: float
    share_expected: float
    p_share: float
    n_draws: int


def joint_null(joint: JointWild, *, significant: float) -> JointNull:
    """Return the test that no specification has an effect; a specification counts as significant if p < `significant`.

    Its p is that of its own wild bootstrap, in the sample and in each draw alike. Specifications that cannot be
    estimated are left out. Raises ValueError if none is left.
    """
    used = np.isfinite(joint.t) & np.isfinite(joint.drawn_t).all(axis=1)
    if not used.any():
        raise ValueError("no specification could be estimated")
    estimate, drawn = joint.estimate[used], joint.drawn_estimate[used]
    median, medians = float(np.median(estimate)), np.median(drawn, axis=0)
    share = _share(estimate, joint.p[used] < significant)
    shares = _share(drawn, joint.drawn_p[used] < significant)
    return JointNull(
        k=int(used.sum()),
        median=median,
        p_median=_p(np.abs(medians), abs(median), exact=joint.exact),
        share=float(share),
        share_expected=float(shares.mean()),
        p_share=_p(shares, float(share), exact=joint.exact),
        n_draws=drawn.shape[1] * (2 if joint.exact else 1),
    )


def _share(estimate: Array, significant: NDArray[np.bool_]) -> Array:
    sides = [np.mean(significant & (sign * estimate > 0), axis=0) for sign in (1, -1)]
    return np.asarray(np.maximum(*sides))


def _p(drawn: Array, observed: float, *, exact: bool) -> float:
    count = int(np.count_nonzero(drawn >= observed * (1 - TIE)))
    return max(count, 1) / drawn.size if exact else (1 + count) / (1 + drawn.size)
