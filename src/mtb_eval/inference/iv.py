"""Instrumental variables with few clusters: two-stage least squares, first-stage strength, Anderson-Rubin sets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, stats

from mtb_eval.inference.estimating_equations import (
    EstimatingEquations,
    Kind,
    Rows,
    checked_rows,
    cluster_rows,
    cluster_shares,
    satterthwaite_df,
)

Array = NDArray[np.float64]
Shape = Literal["interval", "half-line", "two half-lines", "whole line", "empty", "several intervals"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IvModel:
    """A linear model with one endogenous regressor.

    Shapes for n rows: `y` (n,); `endogenous` (n,); `exogenous` (n, k) with its own constant; `instruments`
    (n, q), the excluded ones; `cluster` (n,) ids.
    """

    y: Array
    endogenous: Array
    exogenous: Array
    instruments: Array
    cluster: NDArray[np.generic]

    @property
    def n_instruments(self) -> int:
        """Number of excluded instruments q."""
        return int(self.instruments.shape[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstStage:
    """Strength of the excluded instruments: `f` with `df` (q, G-1) and `p`, and the effective F.

    `method` says what each F is.
    """

    f: float
    df: tuple[int, int]
    p: float
    effective_f: float
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AndersonRubin:
    """A confidence set: disjoint `intervals` in order (ends may be infinite), its `shape`, and `p` for 0."""

    intervals: tuple[tuple[float, float], ...]
    shape: Shape
    p: float
    method: str


def iv_model(
    y: ArrayLike,
    endogenous: ArrayLike,
    *,
    exogenous: ArrayLike,
    instruments: ArrayLike,
    cluster: ArrayLike,
) -> IvModel:
    """Return the checked model; one instrument may be given as (n,).

    Raises ValueError for bad rows, collinear columns (instruments included), and as many instruments as clusters.
    """
    excluded = np.asarray(instruments, dtype=float)
    excluded = excluded[:, None] if excluded.ndim == 1 else excluded
    treated = np.asarray(endogenous, dtype=float)
    both = np.column_stack([excluded, np.asarray(exogenous, dtype=float)])
    out, d, w, _ = checked_rows(y, cluster, endogenous=treated[:, None], exogenous=exogenous, instruments=both)
    n_clusters = len(cluster_rows(cluster))
    if excluded.shape[1] >= n_clusters:
        raise ValueError(f"{excluded.shape[1]} instruments need more than {n_clusters} clusters; use fewer")
    return IvModel(y=out, endogenous=d[:, 0], exogenous=w, instruments=excluded, cluster=np.asarray(cluster))


def two_stage_least_squares(model: IvModel) -> EstimatingEquations:
    """Return the 2SLS fit, ready for `robust_estimate`; the endogenous coefficient comes first.

    b = (X'P X)^-1 X'P y with P the projection on instruments and exogenous columns; the CR types and their df
    use the projected regressors and the residuals y - X b. Raises ValueError where the instruments do not
    move the endogenous regressor at all.
    """
    w = np.column_stack([model.instruments, model.exogenous])
    x = np.column_stack([model.endogenous, model.exogenous])
    projected = w @ np.linalg.lstsq(w, x, rcond=None)[0]
    projected[:, 1:] = model.exogenous
    if np.linalg.matrix_rank(projected / np.abs(projected).max(axis=0)) < x.shape[1]:
        raise ValueError("the instruments do not move the endogenous regressor; no effect can be estimated")
    b = np.asarray(np.linalg.lstsq(projected, model.y, rcond=None)[0], dtype=float)
    residual = model.y - x @ b
    rows = cluster_rows(model.cluster)
    return EstimatingEquations(coefficients=b, z=tuple(projected[i] for i in rows), r=tuple(residual[i] for i in rows))


def first_stage(model: IvModel, *, kind: Kind = "CR1S") -> FirstStage:
    """Return the cluster-robust first-stage F of the excluded instruments and the effective F.

    f = pi' V^-1 pi / q with V the cluster-robust covariance `kind` of the first-stage coefficients pi. The
    effective F, pi' Q pi / tr(V Q) with Q = Z'Z after the exogenous columns are partialled out, is the one to
    compare with critical values: Montiel Olea & Pflueger (2013), doi 10.1080/00401706.2013.806694. With one
    instrument both are the squared robust t (Kleibergen-Paap). Neither is the homoskedastic F of "above 10".
    """
    q = model.n_instruments
    rows = cluster_rows(model.cluster)
    reduced = _reduced_form(model, model.endogenous, rows)
    pi, shares = reduced.coefficients[:q], cluster_shares(reduced, kind)[:, :q]
    covariance = shares.T @ shares
    gram = _partialled_gram(model)
    f, df = float(pi @ np.linalg.solve(covariance, pi)) / q, (q, len(rows) - 1)
    return FirstStage(
        f=f,
        df=df,
        p=float(stats.f.sf(f, *df)),
        effective_f=float(pi @ gram @ pi / np.trace(covariance @ gram)),
        method=f"cluster-robust first-stage F ({kind}) on F(q, G-1); effective F of Montiel Olea-Pflueger",
    )


def anderson_rubin(
    model: IvModel,
    *,
    kind: Kind = "CR2",
    reference: Literal["satterthwaite", "G-1"] = "satterthwaite",
    level: float = 0.95,
) -> AndersonRubin:
    """Return the cluster-robust Anderson-Rubin confidence set for the endogenous coefficient, without a grid.

    The set of b for which the instruments do not predict y - b d: g(b)' V(b)^-1 g(b) / q <= F(q, df). With
    c the right side times q this is det(V(b) - g(b) g(b)'/c) >= 0, a matrix polynomial of degree 2 in b, whose
    real roots are the ends of the set. It is valid with weak instruments; it may be unbounded, disjoint or
    (q > 1) empty, and is given as found. `reference` "satterthwaite" needs one instrument.
    Raises ValueError where it is asked for with more. Anderson & Rubin (1949), doi 10.1214/aoms/1177730090.
    """
    q = model.n_instruments
    if reference == "satterthwaite" and q > 1:
        raise ValueError(f"Satterthwaite df are for one instrument, found {q}; use reference='G-1'")
    rows = cluster_rows(model.cluster)
    outcome = _reduced_form(model, model.y, rows)
    dose = _reduced_form(model, model.endogenous, rows)
    first = np.eye(len(outcome.coefficients))[0]
    nu = satterthwaite_df(outcome, first, kind) if reference == "satterthwaite" else float(len(rows) - 1)
    g = np.stack([outcome.coefficients[:q], dose.coefficients[:q]])
    shares = np.stack([cluster_shares(outcome, kind)[:, :q], cluster_shares(dose, kind)[:, :q]])
    bound = q * float(stats.f.ppf(level, q, nu))
    inside = _pieces(g, shares, bound)
    return AndersonRubin(
        intervals=inside,
        shape=_shape(inside),
        p=float(stats.f.sf(_statistic(0.0, g, shares) / q, q, nu)),
        method=f"Anderson-Rubin set, {kind}, F(q, {reference})",
    )


def _reduced_form(model: IvModel, y: Array, rows: Rows) -> EstimatingEquations:
    """Least squares of `y` on the instruments (first) and the exogenous columns."""
    w = np.column_stack([model.instruments, model.exogenous])
    b = np.asarray(np.linalg.lstsq(w, y, rcond=None)[0], dtype=float)
    residual = y - w @ b
    return EstimatingEquations(coefficients=b, z=tuple(w[i] for i in rows), r=tuple(residual[i] for i in rows))


def _partialled_gram(model: IvModel) -> Array:
    fitted = model.exogenous @ np.linalg.lstsq(model.exogenous, model.instruments, rcond=None)[0]
    z = model.instruments - fitted
    return np.asarray(z.T @ z)


def _statistic(b: float, g: Array, shares: Array) -> float:
    """The Anderson-Rubin statistic g(b)' V(b)^-1 g(b)."""
    difference, share = g[0] - b * g[1], shares[0] - b * shares[1]
    return float(difference @ np.linalg.solve(share.T @ share, difference))


def _pieces(g: Array, shares: Array, bound: float) -> tuple[tuple[float, float], ...]:
    """Test one point between every two roots, and join neighbours that are both inside."""
    roots = _roots(g, shares, bound)
    edges = [-np.inf, *roots, np.inf]
    pieces: list[tuple[float, float]] = []
    for low, high in pairwise(edges):
        if _statistic(_between(low, high), g, shares) > bound:
            continue
        joined = bool(pieces) and pieces[-1][1] == low
        pieces.append((pieces.pop()[0] if joined else low, high))
    return tuple(pieces)


def _roots(g: Array, shares: Array, bound: float) -> list[float]:
    """Real roots of det(C0 + b C1 + b^2 C2) as eigenvalues of its linearisation, in units of a scale for b."""
    unit = float(np.sqrt((shares[0] ** 2).sum() / (g[1] @ g[1])))
    centre = float(g[0] @ g[1] / (g[1] @ g[1]))
    y, d = g[0] - centre * g[1], unit * g[1]
    sy, sd = shares[0] - centre * shares[1], unit * shares[1]
    c0 = sy.T @ sy - np.outer(y, y) / bound
    c1 = -(sy.T @ sd + sd.T @ sy) + (np.outer(y, d) + np.outer(d, y)) / bound
    c2 = sd.T @ sd - np.outer(d, d) / bound
    q = len(c0)
    zero, one = np.zeros((q, q)), np.eye(q)
    values = linalg.eigvals(np.block([[zero, one], [-c0, -c1]]), np.block([[one, zero], [zero, c2]]))
    values = values[np.isfinite(values)]
    real = values.real[np.abs(values.imag) <= 1e-9 * (1 + np.abs(values.real))]
    return [float(v) for v in np.sort(real) * unit + centre]


def _between(low: float, high: float) -> float:
    if np.isfinite(low) and np.isfinite(high):
        return (low + high) / 2
    if np.isfinite(low):
        return low + 1 + abs(low)
    return high - 1 - abs(high) if np.isfinite(high) else 0.0


def _shape(intervals: tuple[tuple[float, float], ...]) -> Shape:
    if not intervals:
        return "empty"
    low, high = np.isinf(intervals[0][0]), np.isinf(intervals[-1][1])
    if len(intervals) == 1:
        return "whole line" if low and high else "half-line" if low or high else "interval"
    return "two half-lines" if len(intervals) == 2 and low and high else "several intervals"
