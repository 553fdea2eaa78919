"""What a design would have found had a given effect been true: power, errors of sign and of magnitude."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Array = NDArray[np.float64]
Reference = Literal["noncentral", "shifted"]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(200)
TAIL = 1e-15


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignErrors:
    """Of a two-sided t test, for each true effect (arrays of one shape).

    power: chance of p below alpha. type_s: chance that an estimate with p below alpha has the wrong sign. type_m: mean
    size of such an estimate over the true size (infinite at a true effect of 0).
    """

    power: Array
    type_s: Array
    type_m: Array


def design_errors(
    effect: ArrayLike, se: ArrayLike, df: ArrayLike, *, alpha: float = 0.05, reference: Reference = "noncentral"
) -> DesignErrors:
    """Return power, type S and type M errors at true effects, standard errors and degrees of freedom (broadcast).

    "noncentral": the estimate is normal around the effect with standard deviation `se`, and the standard error that a
    study finds varies as `se` sqrt(chi2(df) / df); found is |estimate / its own standard error| > t(1 - alpha/2, df).
    Power is then that of the noncentral t test. "shifted": the estimate is effect + se t(df) and `se` is known, as
    in the code of the paper. Both are the same at infinite df. Only the size of the effect matters, not its sign.
    NaN where the standard error is not positive or df not above 0 (for type_m, "shifted": not above 1).
    Gelman & Carlin (2014), doi 10.1177/1745691614551642; moments: Lu, Qiu & Deng (2019), doi 10.1111/bmsp.12132.
    Raises ValueError unless 0 < alpha < 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, found {alpha:g}")
    size, error, freedom = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (np.abs(effect), se, df)))
    usable = np.isfinite(size) & np.isfinite(error) & (error > 0) & (freedom > 0)
    shift = np.where(usable, size, np.nan) / np.where(usable, error, np.nan)
    freedom = np.where(usable, freedom, np.nan)
    right, wrong, moment = _KERNELS[reference](shift, freedom, _critical(freedom, alpha))
    power = right + wrong
    with np.errstate(divide="ignore"):
        return DesignErrors(power=power, type_s=wrong / power, type_m=moment / power / shift)


def _critical(df: Array, alpha: float) -> Array:
    """Return the two-sided critical value of t, of the normal distribution at infinite df."""
    finite = np.where(np.isinf(df), 1.0, df)
    value: Array = np.where(np.isinf(df), stats.norm.isf(alpha / 2), stats.t.isf(alpha / 2, finite))
    return value


def _noncentral(shift: Array, df: Array, critical: Array) -> tuple[Array, Array, Array]:
    """Return P(found, right sign), P(found, wrong sign), E(|estimate / se|; found).

    Given the ratio r of the standard error found to the true one, x = estimate / se is normal around `shift`, and
    E(x; x > a) = shift P(x > a) + density(a); the ratio is then integrated out.
    """
    ratio, weight = _ratios(df)
    above, below = shift[..., None] - critical[..., None] * ratio, -shift[..., None] - critical[..., None] * ratio
    right, wrong = (np.sum(weight * stats.norm.cdf(z), axis=-1) for z in (above, below))
    density = np.sum(weight * (stats.norm.pdf(above) + stats.norm.pdf(below)), axis=-1)
    return right, wrong, shift * (right - wrong) + density


def _ratios(df: Array) -> tuple[Array, Array]:
    """Return values of sqrt(chi2(df) / df), shape (..., nodes), and their weights, by Gauss-Legendre on its logarithm.

    The density of t = log r is proportional to exp(df (t - r^2 / 2)).
    """
    finite = np.where(np.isinf(df), 1.0, df)
    low, high = (0.5 * np.log(q / finite) for q in (stats.chi2.ppf(TAIL, finite), stats.chi2.isf(TAIL, finite)))
    log_ratio = (low + high)[..., None] / 2 + (high - low)[..., None] / 2 * NODES
    ratio = np.exp(log_ratio)
    density = np.exp(finite[..., None] * (log_ratio - ratio**2 / 2 + 0.5)) * WEIGHTS
    weight = density / density.sum(axis=-1, keepdims=True)
    certain = np.isinf(df)[..., None]
    return np.where(certain, 1.0, ratio), np.where(certain, 1 / len(NODES), weight)


def _shifted(shift: Array, df: Array, critical: Array) -> tuple[Array, Array, Array]:
    """Return P(found, right sign), P(found, wrong sign), E(|estimate / se|; found), closed forms.

    E(t; t > a) = density(a) (df + a^2) / (df - 1) for t(df), df > 1; density(a) for the normal distribution.
    """
    lower, upper = critical - shift, critical + shift
    right, wrong = _tail(lower, df), _tail(upper, df)
    return right, wrong, shift * (right - wrong) + _partial_mean(lower, df) + _partial_mean(upper, df)


def _tail(a: Array, df: Array) -> Array:
    tail: Array = np.where(np.isinf(df), stats.norm.sf(a), stats.t.sf(a, np.where(np.isinf(df), 1.0, df)))
    return tail


def _partial_mean(a: Array, df: Array) -> Array:
    finite = np.where(np.isinf(df) | (df <= 1), np.nan, df)
    mean: Array = np.where(np.isinf(df), stats.norm.pdf(a), stats.t.pdf(a, finite) * (finite + a**2) / (finite - 1))
    return mean


_KERNELS = {"noncentral": _noncentral, "shifted": _shifted}
