"""Bayesian linear regression in several arms, each with its own slopes, held together by a prior: one Gibbs step.

With arms a = 1..A: y_a = X_a b_a + e_a, e_a ~ N(0, s_a^2). For each column the mean of its A slopes has prior
N(0, slope_sd^2) and the difference of any two N(0, tie_sd^2); infinite SD give separate regressions with flat priors.
A step draws the slopes of one arm given those of the others, then s_a (Gelman et al. 2013, Bayesian Data Analysis,
sections 11.3 and 14.8).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RESIDUAL_DF = 4.0
RESIDUAL_VARIANCE = 0.7
"""Prior of a residual variance, in units of the outcome's variance: scaled inverse chi-squared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmData:
    """The observed rows of one arm in m data sets: n rows, p columns alike in all, k columns that differ.

    `fixed` (n, p); `varying` (k, m, n); `y` (m, n) in SD.
    """

    fixed: Array
    varying: Array
    y: Array


def tied_precision(slope_sd: Array, tie_sd: Array, n_arms: int) -> Array:
    """Return the prior precision (P, A, A) of each column's slopes from the two SD (P,), which may be inf."""
    together = np.full((n_arms, n_arms), 1.0 / n_arms)
    apart = np.eye(n_arms) - together
    level, tie = (np.where(np.isinf(sd), 0.0, 1.0 / np.square(sd)) for sd in (slope_sd, tie_sd))
    return np.asarray(level[:, None, None] * together / n_arms + 2.0 * tie[:, None, None] * apart)


def prior_of_arm(precision: Array, slopes: Array, arm: int) -> tuple[Array, Array]:
    """Return the prior of one arm's slopes given those of the others: precision (P,), precision times mean (m, P).

    `precision` (P, A, A) as from `tied_precision`, `slopes` (m, A, P).
    """
    own = precision[:, arm, arm]
    pull = own * slopes[:, arm] - np.einsum("pa,map->mp", precision[:, arm], slopes)
    return own, pull


def draw_slopes(
    data: ArmData, variance: Array, prior: tuple[Array, Array], rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return the posterior mean of an arm's slopes, and a draw, each (m, P), given the residual variance (m,).

    `prior` is precision (P,) and precision times mean (m, P). The posterior is normal with precision
    Q = X'X / s^2 + diag(prior); the draw solves Q b = X'y / s^2 + prior mean term + e, where e ~ N(0, Q) is itself made
    as X'u / s + sqrt(prior) w with standard normal u and w. Raises LinAlgError if Q is singular.
    """
    m, n = data.y.shape
    weight = 1.0 / variance
    matrix = weight[:, None, None] * _gram(data)
    columns = np.arange(matrix.shape[-1])
    matrix[:, columns, columns] += prior[0]
    right = weight[:, None] * _moments(data, data.y) + prior[1]
    noise = np.sqrt(weight)[:, None] * _moments(data, rng.standard_normal((m, n)))
    noise += np.sqrt(prior[0]) * rng.standard_normal((m, columns.size))
    found = np.asarray(np.linalg.solve(matrix, np.stack([right, right + noise], axis=-1)), dtype=float)
    return found[..., 0], found[..., 1]


def draw_variance(data: ArmData, slopes: Array, rng: np.random.Generator) -> Array:
    """Return an arm's residual variance (m,) given its slopes (m, P): scaled inverse chi-squared."""
    squares = np.sum((data.y - predict(data.fixed, data.varying, slopes)) ** 2, axis=-1)
    freedom = RESIDUAL_DF + data.y.shape[-1]
    return np.asarray((RESIDUAL_DF * RESIDUAL_VARIANCE + squares) / rng.chisquare(freedom, slopes.shape[0]))


def predict(fixed: Array, varying: Array, slopes: Array) -> Array:
    """Return the linear predictor (m, n) of rows `fixed` (n, p), `varying` (k, m, n) with slopes (m, p + k)."""
    p = fixed.shape[1]
    return np.asarray(slopes[:, :p] @ fixed.T + np.einsum("kmn,mk->mn", varying, slopes[:, p:]))


def _gram(data: ArmData) -> Array:
    """Return X'X, (m, P, P)."""
    p, (k, m, _) = data.fixed.shape[1], data.varying.shape
    gram = np.empty((m, p + k, p + k))
    gram[:, :p, :p] = data.fixed.T @ data.fixed
    gram[:, p:, :p] = np.moveaxis(data.varying @ data.fixed, 0, 1)
    gram[:, :p, p:] = gram[:, p:, :p].swapaxes(-1, -2)
    by_set = np.moveaxis(data.varying, 0, 1)
    gram[:, p:, p:] = by_set @ by_set.swapaxes(-1, -2)
    return gram


def _moments(data: ArmData, y: Array) -> Array:
    """Return X'y, (m, P), for y (m, n)."""
    return np.concatenate([y @ data.fixed, np.einsum("kmn,mn->mk", data.varying, y)], axis=-1)
