"""Cluster-robust covariances of any estimator that solves sum_g D_g' V_g^-1 e_g = 0.

GEE, generalised linear models and two-stage least squares all solve such equations. Here they are kept
whitened: with a root L_g of the working covariance (V_g = L_g L_g'), Z_g = L_g^-1 D_g and r_g = L_g^-1 e_g.
Every sandwich is then M (sum_g K_g r_g r_g' K_g') M, M = (sum_g Z_g'Z_g)^-1; the kinds differ only in K_g.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtb_eval.inference.estimate import Estimate, t_estimate
from mtb_eval.inference.grouping import codes_of

Array = NDArray[np.float64]
Rows = tuple[NDArray[np.intp], ...]
Kind = Literal["CR0", "CR1", "CR1p", "CR1S", "CR2", "CR3", "KC", "FG"]
Reference = Literal["satterthwaite", "G-1", "G-p", "z"]

_SINGULAR = 1e-9
_FAY_GRAUBARD_BOUND = 0.75
_CONVENTION: dict[Kind, str] = {
    "CR0": "CR0 (no correction)",
    "CR1": "CR1 (G/(G-1))",
    "CR1p": "CR1p (G/(G-p))",
    "CR1S": "CR1S (G(N-1)/((G-1)(N-p)))",
    "CR2": "CR2 (bias-reduced under the working model)",
    "CR3": "CR3 = Mancl-DeRouen ((I-H)^-1)",
    "KC": "Kauermann-Carroll ((I-H)^-1/2)",
    "FG": "Fay-Graubard (bound 0.75)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatingEquations:
    """Whitened estimating equations at their solution, by cluster.

    Shapes, for G clusters of n_g rows and p coefficients: `coefficients` (p,); `z` G arrays (n_g, p), L^-1 D;
    `r` G arrays (n_g,), L^-1 e; `root` G arrays (n_g, n_g), L'L, or None where the working covariance is
    proportional to the identity (least squares).
    """

    coefficients: Array
    z: tuple[Array, ...]
    r: tuple[Array, ...]
    root: tuple[Array, ...] | None = None

    @property
    def n_clusters(self) -> int:
        """Number of clusters G."""
        return len(self.z)

    @property
    def n_rows(self) -> int:
        """Number of rows N."""
        return sum(len(z) for z in self.z)


def cluster_rows(cluster: ArrayLike) -> Rows:
    """Return the row numbers of each cluster, in the order of the sorted cluster ids.

    `cluster` (n,) holds numbers or strings. Raises ValueError for missing ids and for fewer than two clusters.
    """
    codes, ids = codes_of(cluster)
    if len(ids) < 2:
        raise ValueError(f"cluster-robust inference needs at least 2 clusters, found {len(ids)}")
    order = np.argsort(codes, kind="stable")
    return tuple(np.split(order, np.cumsum(np.bincount(codes))[:-1]))


def checked_rows(y: ArrayLike, cluster: ArrayLike, **designs: ArrayLike) -> tuple[Array, ...]:
    """Return the outcome (n,) and each design (n, p) as float arrays, after checking them.

    Raises ValueError naming the array: unequal numbers of rows, values that are not finite, columns that are
    collinear, or not fewer columns than rows.
    """
    out = np.asarray(y, dtype=float)
    n = len(np.asarray(cluster))
    tables = {"y": out[:, None]} | {name: np.asarray(x, dtype=float) for name, x in designs.items()}
    for name, table in tables.items():
        if table.ndim != 2 or len(table) != n:
            raise ValueError(f"{name} must have one row for each of the {n} cluster ids, found {table.shape}")
        bad = int((~np.isfinite(table)).any(axis=1).sum())
        if bad:
            raise ValueError(f"{name} has {bad} rows with missing or infinite values; drop or impute them")
        if name != "y":
            _check_rank(table, name)
    return (out, *list(tables.values())[1:])


def cluster_shares(equations: EstimatingEquations, kind: Kind = "CR2") -> Array:
    """Return each cluster's share (G, p) in the coefficients: M K_g r_g, times the root of the kind's factor.

    The shares of two outcomes on the same design give the covariance between their coefficients.
    """
    m = _bread(equations)
    maps = _score_maps(equations, m, kind)
    scores = np.stack([k @ r for k, r in zip(maps, equations.r, strict=True)])
    return np.asarray(scores @ m * np.sqrt(_factor(equations, kind)))


def robust_covariance(equations: EstimatingEquations, kind: Kind = "CR2") -> Array:
    """Return the cluster-robust covariance (p, p) of the coefficients.

    CR0: Liang & Zeger (1986), doi 10.1093/biomet/73.1.13. CR2: Pustejovsky & Tipton (2018),
    doi 10.1080/07350015.2016.1247004. CR3: Mancl & DeRouen (2001), doi 10.1111/j.0006-341X.2001.00126.x.
    KC: Kauermann & Carroll (2001), doi 10.1198/016214501753382309. FG: Fay & Graubard (2001),
    doi 10.1111/j.0006-341X.2001.01198.x.
    """
    shares = cluster_shares(equations, kind)
    return shares.T @ shares


def satterthwaite_df(equations: EstimatingEquations, contrast: ArrayLike, kind: Kind = "CR2") -> float:
    """Return the Satterthwaite df of the variance of `contrast` (p,) under the working model.

    df = (tr P)^2 / tr(P^2), P_gh = u_g' (I - Z M Z')_gh u_h with u_g = K_g' M c: Bell & McCaffrey (2002),
    Pustejovsky & Tipton (2018), doi 10.1080/07350015.2016.1247004. NaN where the variance is identically 0.
    """
    m = _bread(equations)
    mc = m @ np.asarray(contrast, dtype=float)
    u = [k.T @ mc for k in _score_maps(equations, m, kind)]
    zu = np.stack([z.T @ v for z, v in zip(equations.z, u, strict=True)])
    p = np.diag([v @ v for v in u]) - zu @ m @ zu.T
    square = float((p * p).sum())
    return float(np.trace(p)) ** 2 / square if square > 0 else np.nan


def robust_estimate(
    equations: EstimatingEquations,
    contrast: ArrayLike,
    *,
    kind: Kind = "CR2",
    reference: Reference = "satterthwaite",
    method: str = "",
    level: float = 0.95,
) -> Estimate:
    """Return the estimate of `contrast` (p,) with the cluster-robust standard error `kind`.

    `reference`: t with Satterthwaite df, with G - 1 or G - p, or the normal. `method` is put in front of the
    convention. Raises ValueError where the reference is "G-p" and G is not above p.
    """
    c = np.asarray(contrast, dtype=float)
    variance = float(c @ robust_covariance(equations, kind) @ c)
    nu = _df(equations, c, kind, reference)
    label = f"{method}, {_CONVENTION[kind]}, {'z' if reference == 'z' else f't({reference})'}".removeprefix(", ")
    return t_estimate(c @ equations.coefficients, np.sqrt(max(variance, 0.0)), df=nu, method=label, level=level)


def _check_rank(table: Array, name: str) -> None:
    n, p = table.shape
    rank = int(np.linalg.matrix_rank(table / np.maximum(np.abs(table).max(axis=0), np.finfo(float).tiny)))
    if p >= n:
        raise ValueError(f"{name} has {p} columns but only {n} rows; use fewer columns than rows")
    if rank < p:
        raise ValueError(f"{name} has {p} columns of rank {rank}; drop {p - rank} collinear columns")


def _bread(equations: EstimatingEquations) -> Array:
    z = np.concatenate(equations.z)
    half = np.linalg.inv(np.linalg.qr(z, mode="r"))
    return half @ half.T


def _factor(equations: EstimatingEquations, kind: Kind) -> float:
    g, n, p = equations.n_clusters, equations.n_rows, len(equations.coefficients)
    if kind == "CR1p" and g <= p:
        raise ValueError(f"CR1p needs more clusters than coefficients, found {g} clusters and {p} coefficients")
    factors = {"CR1": g / (g - 1), "CR1S": g * (n - 1) / ((g - 1) * (n - p))}
    return g / (g - p) if kind == "CR1p" else factors.get(kind, 1.0)


def _score_maps(equations: EstimatingEquations, m: Array, kind: Kind) -> list[Array]:
    """The maps K_g (p, n_g) from whitened residuals to adjusted scores."""
    if kind == "FG":
        return [_fay_graubard(z, m) for z in equations.z]
    if kind == "CR2" and equations.root is not None:
        return [z.T @ _bias_reduced(z, s, m) for z, s in zip(equations.z, equations.root, strict=True)]
    power = {"CR2": -0.5, "KC": -0.5, "CR3": -1.0}.get(kind, 0.0)
    return [z.T @ _residual_power(z, m, power) if power else z.T for z in equations.z]


def _fay_graubard(z: Array, m: Array) -> Array:
    share = np.minimum(_FAY_GRAUBARD_BOUND, np.diagonal(z.T @ z @ m))
    return np.asarray(z.T / np.sqrt(1 - share)[:, None])


def _bias_reduced(z: Array, s: Array, m: Array) -> Array:
    """(S (I - ZMZ') S)^-1/2 S: with it the expected CR2 variance is exact under the working model."""
    return _symmetric_power(s @ (np.eye(len(z)) - z @ m @ z.T) @ s, -0.5) @ s


def _residual_power(z: Array, m: Array, power: float) -> Array:
    """(I - ZMZ')^power, pseudo-inverse where a cluster determines a coefficient."""
    return _symmetric_power(np.eye(len(z)) - z @ m @ z.T, power)


def _symmetric_power(a: Array, power: float) -> Array:
    values, vectors = np.linalg.eigh((a + a.T) / 2)
    keep = values > _SINGULAR * max(float(values[-1]), np.finfo(float).tiny)
    return np.asarray((vectors[:, keep] * values[keep] ** power) @ vectors[:, keep].T)


def _df(equations: EstimatingEquations, contrast: Array, kind: Kind, reference: Reference) -> float:
    g, p = equations.n_clusters, len(equations.coefficients)
    if reference == "satterthwaite":
        return satterthwaite_df(equations, contrast, kind)
    if reference == "G-p" and g <= p:
        raise ValueError(f"t on G-p df needs more clusters than coefficients, found {g} and {p}")
    return {"G-1": float(g - 1), "G-p": float(g - p), "z": np.inf}[reference]
