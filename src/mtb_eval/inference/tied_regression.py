"""Bayesian linear regression in several arms, each with its own slopes, held together by a prior: one Gibbs step.

With arms a = 1..A: y_a = X_a b_a + e_a, e_a ~ N(0, s_a^2). For each column the mean of its A slopes has prior
N(0, slope_sd^2) and the difference of any two N(0, tie_sd^2); infinite SD give separate regressions with flat priors.
A step draws all slopes given the s_a, then each s_a given the slopes (Gelman et al. 2013, Bayesian Data Analysis,
sections 11.3 and 14.8).
"""

from __future__ import annotations

from collections.abc import Sequence
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


def tied_root(slope_sd: Array, tie_sd: Array, n_arms: int) -> Array:
    """Return the symmetric root (P, A, A) of the prior precision of each column, from the two SD (P,), inf for none."""
    together = np.full((n_arms, n_arms), 1.0 / n_arms)
    apart = np.eye(n_arms) - together
    level, tie = (np.where(np.isinf(sd), 0.0, 1.0 / sd) for sd in (slope_sd, tie_sd))
    return np.asarray(level[:, None, None] * together / np.sqrt(n_arms) + np.sqrt(2) * tie[:, None, None] * apart)


def draw_slopes(arms: Sequence[ArmData], variance: Array, root: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the posterior mean of the slopes of A arms, and a draw, each (m, A, P), given the variances (m, A).

    `root` (P, A, A) as from `tied_root`. The posterior is normal with precision Q, X_a'X_a / s_a^2 in the block of each
    arm plus the prior's; the draw solves Q b = X'y / s^2 + e, where e ~ N(0, Q) is itself made from standard normal
    u and w as X'u / s + root w. Raises LinAlgError if Q is singular.
    """
    (m, n_arms), p = variance.shape, root.shape[0]
    precision, columns = root @ root, np.arange(p)
    matrix = np.zeros((m, n_arms, p, n_arms, p))
    right = np.empty((m, n_arms, p, 2))
    for a, arm in enumerate(arms):
        weight = 1.0 / variance[:, a]
        matrix[:, a, :, a, :] = weight[:, None, None] * _gram(arm)
        right[:, a, :, 0] = weight[:, None] * _moments(arm, arm.y)
        right[:, a, :, 1] = np.sqrt(weight)[:, None] * _moments(arm, rng.standard_normal(arm.y.shape))
        for b in range(n_arms):
            matrix[:, a, columns, b, columns] += precision[:, a, b]
    right[..., 1] += right[..., 0] + np.einsum("pab,mpb->map", root, rng.standard_normal((m, p, n_arms)))
    size = n_arms * p
    found = np.linalg.solve(matrix.reshape(m, size, size), right.reshape(m, size, 2)).reshape(right.shape)
    return np.asarray(found[..., 0], dtype=float), np.asarray(found[..., 1], dtype=float)


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
