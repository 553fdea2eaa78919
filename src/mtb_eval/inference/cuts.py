"""One model for each cut of a dose: untreated, treated below the cut, treated from the cut on.

The models share outcome, clusters and all columns but one, the indicator of treated rows from the cut on. With the same
signs of clusters for all cuts the wild bootstrap's draws are joint over cuts, which gives the simultaneous band and
the test that there is any threshold at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, stats

from mtb_eval.inference.cross import Cross, cross_products
from mtb_eval.inference.draws import Draws
from mtb_eval.inference.estimate import Estimate
from mtb_eval.inference.grouping import Codes, codes_of
from mtb_eval.inference.max_t import max_t_critical, max_t_p
from mtb_eval.inference.ols import LeastSquares, ols
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.inference.wild import wild_statistics
from mtb_eval.inference.wild_scores import wild_scores

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

TREATED = 0
"""Column of the common design that holds the indicator of treatment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One contrast at every cut: an Estimate (C,) cut by cut, and a band `low`, `high` (C,) for all cuts at once.

    The band is estimate -/+ `critical` times CR1S standard errors; it excludes 0 somewhere exactly when `p_any`, the p
    of the contrast being 0 at every cut, is at most 1 - level. `method` names it.
    """

    pointwise: Estimate
    low: Array
    high: Array
    critical: float
    p_any: float
    method: str


def cut_models(common: ArrayLike, above: ArrayLike, y: ArrayLike, cluster: ArrayLike) -> LeastSquares:
    """Return the fits, batch (C,), of y (n,) on `common` (n, p) and the rows from each cut on, `above` (C, n).

    `common` has the indicator of treatment in its first column; the indicator of a cut becomes the last column.
    Collinear columns are left out (then contrasts that need them are NaN). Raises what `cross_products` raises.
    """
    columns, flags = np.asarray(common, dtype=float), np.asarray(above, dtype=float)
    base = cross_products(columns, y, cluster)
    codes, _ = codes_of(cluster)
    return ols(_one_flag_each(base, columns, flags, np.asarray(y, dtype=float), codes), collinear="drop")


def cut_contrasts(n_columns: int) -> dict[str, Array]:
    """Return the contrasts (p,) of the treated above a cut and below it with the untreated, and with each other."""
    treated, last = np.eye(n_columns)[[TREATED, n_columns - 1]]
    return {"high": treated + last, "low": treated, "difference": last}


def cut_band(fit: LeastSquares, contrast: Array, *, draws: Draws, level: float = 0.95) -> Band:
    """Return a contrast (p,) at every cut, with CR2 for each cut and the max-t band for all.

    Draws are of the restricted model (WCR11, contrast 0 at every cut), the same signs for all cuts. Cuts whose contrast
    cannot be estimated are NaN and do not count. MacKinnon, Nielsen and Webb (2023, doi 10.1002/jae.2969); bands from
    the largest |t|: Montiel Olea and Plagborg-Moller (2019, doi 10.1002/jae.2656).
    """
    scores = wild_scores(fit, contrast, variant="wcr11")
    t, drawn = wild_statistics(scores, draws)
    usable = np.isfinite(t)
    critical = max_t_critical(drawn[usable], level=level, exact=draws.exact)
    half = critical * scores.se
    return Band(
        pointwise=cluster_robust(fit, contrast, kind="CR2", level=level),
        low=scores.estimate - half,
        high=scores.estimate + half,
        critical=critical,
        p_any=max_t_p(t, drawn, exact=draws.exact),
        method=f"largest |t| over {int(usable.sum())} cuts, WCR11, CR1S t, {draws.name}",
    )


def cuts_kept(fit: LeastSquares, *, level: float = 0.95) -> Flags:
    """Return which cuts (C,) the likelihood keeps: n log(RSS / least RSS) no more than Hansen's quantile.

    The quantile is -2 log(1 - sqrt(level)), 7.35 at .95: a jump's place has not the usual law, and chi-squared's 3.84
    would be too small. Hansen (2000, doi 10.1111/1468-0262.00124), for independent errors of one variance. Cuts that
    could not be fitted are not kept.
    """
    rss = cut_rss(fit)
    least = np.min(rss, initial=np.inf)
    if not 0 < least < np.inf:
        return np.zeros(rss.shape, dtype=bool)
    return np.asarray(np.asarray(fit.n_rows) * np.log(rss / least) <= hansen_quantile(level))


def cut_rss(fit: LeastSquares) -> Array:
    """Return the residual sum of squares at each cut (C,), inf where the indicator of the cut is collinear."""
    return np.where(fit.usable & ~fit.aliased[..., -1], fit.rss, np.inf)


def hansen_quantile(level: float) -> float:
    """Return the quantile of Hansen's likelihood-ratio statistic for the place of a threshold."""
    return float(-2 * np.log1p(-np.sqrt(level)))


def chi_squared_quantile(level: float) -> float:
    """Return the quantile of chi-squared with 1 df: for the place of a clear bend, too small for that of a jump."""
    return float(stats.chi2.ppf(level, 1))


def _one_flag_each(base: Cross, columns: Array, flags: Array, y: Array, codes: Codes) -> Cross:
    """Return, batch (C,), the sums of the columns of `base` with one flag each behind them; flags are 0 or 1."""
    z = columns @ base.basis
    member = np.asarray(codes == np.arange(base.n_clusters)[:, None], dtype=float)
    flagged = member[:, None, :] * flags  # (G, C, n)
    beside = np.moveaxis(flagged @ z, 1, 0)  # (C, G, p)
    own = flagged.sum(axis=-1).T
    c, g, p = beside.shape
    xx = np.empty((c, g, p + 1, p + 1))
    xx[..., :p, :p] = base.xx
    xx[..., :p, p] = xx[..., p, :p] = beside
    xx[..., p, p] = own
    ones, errors = np.ones((c, 1, 1)), (flagged @ (y - z @ base.offset)).T
    return replace(
        base,
        xx=xx,
        xy=np.concatenate([base.xy * ones, errors[..., None]], axis=-1),
        x1=np.concatenate([base.x1 * ones, own[..., None]], axis=-1),
        yy=np.tile(base.yy, (c, 1)),
        y1=np.tile(base.y1, (c, 1)),
        basis=np.asarray(linalg.block_diag(base.basis, 1.0)),
        offset=np.tile(np.append(base.offset, 0.0), (c, 1)),
    )
