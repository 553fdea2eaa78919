"""Wild-bootstrap weights: one row of weights per draw, one column per cluster (or sub-cluster).

All sign vectors when they are few enough (then the bootstrap distribution is known exactly), else random weights
from a generator that the caller passes. The same `Draws` used for many outcomes gives joint draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = Literal["rademacher", "mammen", "webb", "normal"]

MAX_EXACT = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """Weights of the wild bootstrap.

    `weights` (draws, clusters). `exact`: every sign vector is present. `mirrored`: each row stands for itself and
    for its negative, so that all 2^G sign vectors need 2^(G-1) rows. `kind` names the distribution.
    """

    weights: Array
    kind: Weights
    exact: bool
    mirrored: bool

    @property
    def n_draws(self) -> int:
        """Number of draws that the rows stand for."""
        return int(self.weights.shape[0]) * (2 if self.mirrored else 1)

    @property
    def n_clusters(self) -> int:
        """Number of clusters (or sub-clusters) that receive a weight."""
        return int(self.weights.shape[1])

    @property
    def name(self) -> str:
        """What was drawn, in words for a `method` column."""
        if self.exact:
            return f"all 2^{self.n_clusters} = {self.n_draws} Rademacher draws"
        return f"{self.n_draws} random {self.kind.capitalize()} draws"

    def unfolded(self) -> Draws:
        """Return the same draws with every negative written out."""
        if not self.mirrored:
            return self
        both = np.concatenate([self.weights, -self.weights])
        return Draws(weights=both, kind=self.kind, exact=self.exact, mirrored=False)


def wild_draws(
    n_clusters: int,
    *,
    kind: Weights = "rademacher",
    n_draws: int = 9999,
    rng: np.random.Generator | None = None,
    max_exact: int = MAX_EXACT,
) -> Draws:
    """Return all Rademacher draws if 2^n_clusters <= `max_exact`, else `n_draws` random ones from `rng`.

    Mammen, Webb and normal weights are always random. Raises ValueError if random draws are needed and `rng` is None.
    """
    if kind == "rademacher" and n_clusters < 63 and 2**n_clusters <= max_exact:
        return sign_draws(n_clusters)
    if rng is None:
        raise ValueError(_needs_generator(n_clusters, kind, max_exact))
    return random_draws(n_clusters, kind=kind, n_draws=n_draws, rng=rng)


def sign_draws(n_clusters: int) -> Draws:
    """Return every vector of signs, as the 2^(G-1) rows whose first sign is +1 (the others are their negatives)."""
    if n_clusters < 1:
        raise ValueError("Wild draws need at least 1 cluster, got none.")
    codes = np.arange(2 ** (n_clusters - 1))[:, None]
    bits = (codes >> np.arange(n_clusters - 1)) & 1
    signs = np.concatenate([np.ones((codes.shape[0], 1)), 1.0 - 2.0 * bits], axis=1)
    return Draws(weights=signs, kind="rademacher", exact=True, mirrored=True)


def random_draws(n_clusters: int, *, kind: Weights, n_draws: int, rng: np.random.Generator) -> Draws:
    """Return independent weights of mean 0 and variance 1.

    Rademacher: -1, 1 with equal chance. Mammen (1993, doi 10.1214/aos/1176349025): two points with third moment 1.
    Webb (2023, doi 10.1111/caje.12661): six points, plus and minus sqrt(1/2), 1, sqrt(3/2). Normal: standard normal.
    """
    if kind not in _SAMPLERS:
        raise ValueError(f"Unknown wild weights {kind!r}: choose one of {', '.join(_SAMPLERS)}.")
    if n_draws < 1 or n_clusters < 1:
        raise ValueError(f"Wild draws need at least 1 draw and 1 cluster, got {n_draws} and {n_clusters}.")
    weights = _SAMPLERS[kind](rng, (n_draws, n_clusters))
    return Draws(weights=weights, kind=kind, exact=False, mirrored=False)


def _needs_generator(n_clusters: int, kind: Weights, max_exact: int) -> str:
    if kind != "rademacher":
        return f"{kind.capitalize()} weights are random: pass a numpy Generator as rng."
    return (
        f"2^{n_clusters} sign draws are more than max_exact = {max_exact}: "
        "pass a numpy Generator as rng to sample them, or raise max_exact."
    )


def _rademacher(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return rng.choice(np.array([-1.0, 1.0]), size=shape)


def _mammen(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    root = np.sqrt(5.0)
    points = np.array([(1 - root) / 2, (1 + root) / 2])
    return rng.choice(points, size=shape, p=[(root + 1) / (2 * root), (root - 1) / (2 * root)])


def _webb(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    half = np.sqrt([0.5, 1.0, 1.5])
    return rng.choice(np.concatenate([-half, half]), size=shape)


def _normal(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return rng.standard_normal(shape)


_SAMPLERS: dict[str, Callable[[np.random.Generator, tuple[int, int]], Array]] = {
    "rademacher": _rademacher,
    "mammen": _mammen,
    "webb": _webb,
    "normal": _normal,
}
