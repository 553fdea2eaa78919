"""Intraclass correlations of ratings: videos are random, each rated by some of the coders.

One analysis of variance serves complete and incomplete tables: mean squares of videos adjusted for coders and of coders
adjusted for videos, with the multipliers of their variance components (Henderson's method III, 1953,
doi 10.2307/3001853). For a complete table the multipliers are the numbers of coders and videos, and everything
is as in Shrout & Fleiss (1979), doi 10.1037/0033-2909.86.2.420, and McGraw & Wong (1996),
doi 10.1037/1082-989X.1.1.30.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
Form = Literal["ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)"]

FORMS: tuple[Form, ...] = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)")
APPROXIMATE = "not every coder rated every video: mean squares adjusted for each other, interval approximate"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanSquares:
    """Mean squares of ratings by video and coder, and how often each variance component enters them.

    E(videos) = error + per_video * video variance; E(coders) = error + per_coder * coder variance; `within` is the
    mean square inside videos, coders ignored. `df_*` degrees of freedom. `complete`: every coder rated every video.
    """

    videos: float
    coders: float
    error: float
    between: float
    within: float
    per_video: float
    per_coder: float
    per_video_raw: float
    df_videos: int
    df_coders: int
    df_error: int
    df_within: int
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """A coefficient with its interval; `n_videos` rated at least twice, `n_coders` who rated them, F test of 0."""

    form: str
    value: float
    ci_low: float
    ci_high: float
    f: float
    df1: float
    df2: float
    p: float
    n_videos: int
    n_coders: int
    n_ratings: int
    warning: str = ""


def icc(ratings: Array, form: Form, *, k: float | None = None, level: float = 0.95) -> Reliability:
    """Return one intraclass correlation of ratings (n videos, K coders), NaN where a coder did not rate.

    1: coders not identified; 2: coders random, absolute agreement; 3: coders fixed, consistency. (.,1): one rating;
    (.,k): mean of `k` ratings (default: the harmonic mean number of ratings of the videos used), by Spearman-Brown,
    which carries the interval over exactly. Videos with one rating are left out. Intervals from F, for form 2 with
    Satterthwaite's df. Raises ValueError with fewer than 2 videos or coders, if coders are not linked by common
    videos, or if nothing varies.
    """
    table = rated_twice(ratings)
    squares = mean_squares(table)
    value, low, high = _SINGLE[form[4]](squares, level)
    counts = np.isfinite(table).sum(axis=1)
    times = 1.0 if form.endswith("1)") else (k if k is not None else len(counts) / float(np.sum(1 / counts)))
    f, df1, df2 = _f_test(squares, form[4])
    return Reliability(
        form=form,
        value=spearman_brown(value, times),
        ci_low=spearman_brown(low, times),
        ci_high=spearman_brown(high, times),
        f=f,
        df1=df1,
        df2=df2,
        p=float(stats.f.sf(f, df1, df2)),
        n_videos=table.shape[0],
        n_coders=table.shape[1],
        n_ratings=int(counts.sum()),
        warning="" if squares.complete or form[4] == "1" else APPROXIMATE,
    )


def rated_twice(ratings: Array) -> Array:
    """Return the videos with two or more ratings and the coders who rated them, (m, L)."""
    table = np.asarray(ratings, dtype=float)
    table = table[np.isfinite(table).sum(axis=1) >= 2]
    return np.asarray(table[:, np.isfinite(table).any(axis=0)])


def mean_squares(table: Array) -> MeanSquares:
    """Return the mean squares of ratings (n, K), NaN where not rated; every row needs two ratings or more.

    Raises ValueError as `icc`.
    """
    seen = np.isfinite(table)
    if table.shape[0] < 2 or table.shape[1] < 2:
        raise ValueError(f"reliability needs 2 videos rated by 2 coders, found {table.shape[0]} and {table.shape[1]}")
    n, k, total = table.shape[0], table.shape[1], int(seen.sum())
    video, coder = np.nonzero(seen)
    y = table[seen]
    zv, zc = np.eye(n)[video], np.eye(k)[coder]
    left_v = _demeaned(np.column_stack([y, zc]), zv)
    left_c = _demeaned(np.column_stack([y, zv]), zc)
    if int(np.linalg.matrix_rank(left_v[:, 1:])) < k - 1:
        raise ValueError(f"the {k} coders are not linked by videos rated in common; compare them in separate groups")
    error = left_v[:, 0] - left_v[:, 1:] @ np.linalg.lstsq(left_v[:, 1:], left_v[:, 0], rcond=None)[0]
    sse, ssw, ssc = float(error @ error), float(left_v[:, 0] @ left_v[:, 0]), float(left_c[:, 0] @ left_c[:, 0])
    sst, df_error = float(np.sum((y - y.mean()) ** 2)), total - n - k + 1
    if sst == 0 or df_error < 1:
        raise ValueError("the ratings do not vary" if sst == 0 else "too few ratings for a residual degree of freedom")
    per_video_raw = (total - float(np.sum(seen.sum(axis=1) ** 2)) / total) / (n - 1)
    return MeanSquares(
        videos=(ssc - sse) / (n - 1),
        coders=(ssw - sse) / (k - 1),
        error=sse / df_error,
        between=(sst - ssw) / (n - 1),
        within=ssw / (total - n),
        per_video=float(np.sum(left_c[:, 1:] ** 2)) / (n - 1),
        per_coder=float(np.sum(left_v[:, 1:] ** 2)) / (k - 1),
        per_video_raw=per_video_raw,
        df_videos=n - 1,
        df_coders=k - 1,
        df_error=df_error,
        df_within=total - n,
        complete=bool(seen.all()),
    )


def spearman_brown(single: float, k: float) -> float:
    """Return the reliability of the mean of k ratings from that of one, k r / (1 + (k - 1) r)."""
    below = 1 + (k - 1) * single
    return float(k * single / below) if below > 0 else float("nan")


def bootstrap_interval(
    ratings: Array,
    statistic: Callable[[Array], float],
    *,
    rng: np.random.Generator,
    draws: int = 999,
    level: float = 0.95,
) -> tuple[float, float]:
    """Return the percentile interval of a statistic of ratings (n, K) over videos drawn with replacement.

    Draws for which it raises ValueError are left out; NaN if fewer than half are left.
    """
    found = []
    for rows in rng.integers(0, len(ratings), size=(draws, len(ratings))):
        try:
            found.append(statistic(ratings[rows]))
        except ValueError:
            continue
    known = np.array([v for v in found if np.isfinite(v)])
    if 2 * len(known) < draws:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


def _demeaned(columns: Array, groups: Array) -> Array:
    """Return columns (N, c) less their means in the groups (N, G) of 0/1 columns."""
    return np.asarray(columns - groups @ ((groups.T @ columns) / groups.sum(axis=0)[:, None]))


def _one_way(m: MeanSquares, level: float) -> tuple[float, float, float]:
    """(MSB - MSW) / (MSB + (k - 1) MSW)."""
    return _ratio(m.between / m.within if m.within > 0 else np.inf, m.per_video_raw, (m.df_videos, m.df_within), level)


def _consistency(m: MeanSquares, level: float) -> tuple[float, float, float]:
    """(MSR - MSE) / (MSR + (k - 1) MSE)."""
    return _ratio(m.videos / m.error if m.error > 0 else np.inf, m.per_video, (m.df_videos, m.df_error), level)


def _ratio(f: float, k: float, df: tuple[int, int], level: float) -> tuple[float, float, float]:
    low = f / float(stats.f.ppf(0.5 + level / 2, *df))
    high = f * float(stats.f.ppf(0.5 + level / 2, df[1], df[0]))
    return _of_f(f, k), _of_f(low, k), _of_f(high, k)


def _of_f(f: float, k: float) -> float:
    return (f - 1) / (f + k - 1) if np.isfinite(f) else 1.0


def _agreement(m: MeanSquares, level: float) -> tuple[float, float, float]:
    """(MSR - MSE) / (MSR + (k - 1) MSE + k (MSC - MSE) / n), interval by McGraw & Wong (1996), case 2A."""
    n, k = m.per_coder, m.per_video
    value = (m.videos - m.error) / (m.videos + (k - 1) * m.error + k * (m.coders - m.error) / n)
    df = _agreement_df(m, value)
    up = float(stats.f.ppf(0.5 + level / 2, m.df_videos, df))
    down = float(stats.f.ppf(0.5 + level / 2, df, m.df_videos))
    rest = k * m.coders + (k * n - k - n) * m.error
    low = n * (m.videos - up * m.error) / (up * rest + n * m.videos)
    return value, low, n * (down * m.videos - m.error) / (rest + n * down * m.videos)


def _agreement_df(m: MeanSquares, value: float) -> float:
    """Satterthwaite's df of a MSC + b MSE."""
    n, k = m.per_coder, m.per_video
    odds = value / (1 - value) if value < 1 else np.inf
    a, b = k * odds / n * m.coders, (1 + k * odds * (n - 1) / n) * m.error
    if not np.isfinite(odds) or a + b == 0:
        return float(m.df_error)
    return float((a + b) ** 2 / (a**2 / m.df_coders + b**2 / m.df_error))


def _f_test(m: MeanSquares, model: str) -> tuple[float, float, float]:
    above, below, df = (m.between, m.within, m.df_within) if model == "1" else (m.videos, m.error, m.df_error)
    return (above / below if below > 0 else float("inf")), float(m.df_videos), float(df)


_SINGLE: dict[str, Callable[[MeanSquares, float], tuple[float, float, float]]] = {
    "1": _one_way,
    "2": _agreement,
    "3": _consistency,
}
