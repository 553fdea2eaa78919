"""How far coders agree: intraclass correlations of composites, kappa and alpha of single ratings, who rated what."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import FAILURES, Row
from mtb_eval.analysis.coding_ratings import ALL_WAVES, Videos, rated_scales
from mtb_eval.analysis.coding_table import or_reason
from mtb_eval.inference.agreement import exact_agreement, kappa, krippendorff_alpha
from mtb_eval.inference.reliability import Form, bootstrap_interval, icc, rated_twice, spearman_brown

Array = NDArray[np.float64]

RELIABILITY_COLUMNS = (
    *("instrument", "scale", "label_en", "label_da", "wave", "coefficient", "k", "value", "ci_low", "ci_high"),
    *("boot_low", "boot_high", "n_videos", "n_coders", "n_ratings", "method", "warning", "error"),
)
ITEM_COLUMNS = (
    *("instrument", "item", "wave", "kappa", "ci_low", "ci_high", "alpha_ordinal", "exact", "within_one"),
    *("n_pairs", "n_videos", "n_coders", "method", "warning", "error"),
)
RATER_COLUMNS = (
    *("instrument", "wave", "arm", "n_videos", "n_double", "share_double", "n_coders", "mean_ratings", "median_days"),
    *("coder_by_arm", "warning"),
)
ONE_CODER = "all videos were rated by one coder: agreement between coders cannot be estimated"
NO_DOUBLE = "no video was rated by two coders: agreement between coders cannot be estimated"
NO_VIDEO = "no video of this wave"
BLINDING = "the files do not say whether coders knew which care a family had: blinding cannot be tested"
FORMS: tuple[Form, ...] = ("ICC(2,1)", "ICC(2,k)", "ICC(3,1)")
USED = "score used"


def problem_of(rated: NDArray[np.bool_]) -> str:
    """Return why agreement cannot be estimated from who rated (m, K), or ""."""
    if not len(rated):
        return NO_VIDEO
    if rated.any(axis=0).sum() < 2:
        return ONE_CODER
    return "" if (rated.sum(axis=1) >= 2).any() else NO_DOUBLE


def ratings_per_score(rated: NDArray[np.bool_]) -> float:
    """Return the harmonic mean number of ratings behind a score of videos rated (m, K); NaN without videos."""
    counts = rated.sum(axis=1)
    return len(counts) / float(np.sum(1 / counts)) if len(counts) else float("nan")


def reliability_rows(
    films: Videos, waves: list[str], *, level: float, rng: np.random.Generator | None
) -> Iterator[Row]:
    """Yield ICC(2,1), (2,k), (3,1), the reliability of the scores used, and Krippendorff's alpha by scale and wave."""
    for scale in rated_scales(films.instrument):
        for wave in (ALL_WAVES, *waves):
            base: Row = {
                **{"instrument": films.instrument.id, "scale": scale.id, "wave": wave},
                **{"label_en": scale.label.en, "label_da": scale.label.da},
            }
            here = films.at(wave)
            ratings, problem = films.scores[scale.id][here], problem_of(films.rated[here])
            for name, build in _coefficients(ratings, films.rated[here], level, rng):
                row = {**base, "coefficient": name}
                yield {**row, "error": problem} if problem else or_reason(row, build)


def item_rows(films: Videos, *, level: float) -> Iterator[Row]:
    """Yield quadratic kappa, ordinal alpha and plain agreement of each single rating, all waves together."""
    for item, ratings in films.items.items():
        base: Row = {"instrument": films.instrument.id, "item": item, "wave": ALL_WAVES}
        problem = problem_of(films.rated)
        yield {**base, "error": problem} if problem else or_reason(base, _item(ratings, level))


def rater_rows(films: Videos, waves: list[str]) -> Iterator[Row]:
    """Yield by wave and arm how many videos were rated, twice, by how many coders, and how long after filming.

    `coder_by_arm` is Cramer's V of coder and arm: 0 where coders shared both arms alike.
    """
    for wave in waves:
        for arm, code in (("all", None), ("mtb", 1.0), ("control", 0.0)):
            here = films.at(wave) & (True if code is None else films.mtb == code)
            rated, days = films.rated[here], films.days[here]
            n = len(rated)
            yield {
                **{"instrument": films.instrument.id, "wave": wave, "arm": arm, "n_videos": n},
                "n_double": int(films.double[here].sum()),
                "share_double": float(films.double[here].mean()) if n else np.nan,
                "n_coders": int(rated.any(axis=0).sum()) if n else 0,
                "mean_ratings": float(rated.sum() / n) if n else np.nan,
                "median_days": float(np.nanmedian(days)) if np.isfinite(days).any() else np.nan,
                "coder_by_arm": _cramers_v(rated, films.mtb[here]) if code is None else np.nan,
                "warning": BLINDING if n else NO_VIDEO,
            }


Named = tuple[str, Callable[[], Row]]


def _coefficients(
    ratings: Array, rated: NDArray[np.bool_], level: float, rng: np.random.Generator | None
) -> Iterator[Named]:
    """Yield every coefficient's name and what computes it."""
    for form in FORMS:
        yield form, lambda form=form: _icc(ratings, form, level, rng)  # type: ignore[misc]
    yield USED, lambda: _used(ratings, ratings_per_score(rated), level, rng)
    yield "Krippendorff alpha", lambda: _alpha(ratings, level, rng)


def _icc(ratings: Array, form: Form, level: float, rng: np.random.Generator | None) -> Row:
    found = icc(ratings, form, level=level)
    double = rated_twice(ratings)
    boot = _boot(double, lambda t: icc(t, form).value, level, rng)
    counts = np.isfinite(double).sum(axis=1)
    return {
        **{"k": 1.0 if form.endswith("1)") else len(counts) / float(np.sum(1 / counts))},
        **{"value": found.value, "ci_low": found.ci_low, "ci_high": found.ci_high, **boot},
        **{"n_videos": found.n_videos, "n_coders": found.n_coders, "n_ratings": found.n_ratings},
        **{"method": _METHODS[form], "warning": found.warning},
    }


def _used(ratings: Array, k: float, level: float, rng: np.random.Generator | None) -> Row:
    """The reliability of the families' scores: means of one rating or more, by whichever coders."""
    row = _icc(ratings, "ICC(2,1)", level, rng)
    ends = ("value", "ci_low", "ci_high", "boot_low", "boot_high")
    stepped = {c: spearman_brown(float(row[c]), k) for c in ends if c in row}  # type: ignore[arg-type]
    method = f"ICC(2,1) stepped up to {k:.2f} ratings a video (harmonic mean over all videos), Spearman-Brown"
    return {**row, **stepped, "k": k, "method": method}


def _alpha(ratings: Array, level: float, rng: np.random.Generator | None) -> Row:
    double = rated_twice(ratings)
    boot = _boot(double, lambda t: krippendorff_alpha(t, "interval"), level, rng)
    return {
        **{"k": 1.0, "value": krippendorff_alpha(double, "interval"), **boot},
        **{"n_videos": len(double), "n_coders": double.shape[1], "n_ratings": int(np.isfinite(double).sum())},
        **{"method": "interval metric, interval by bootstrap over videos only"},
    }


def _boot(
    double: Array, statistic: Callable[[Array], float], level: float, rng: np.random.Generator | None
) -> dict[str, float]:
    if rng is None:
        return {}
    low, high = bootstrap_interval(double, statistic, rng=rng, level=level)
    return {"boot_low": low, "boot_high": high}


def _item(ratings: Array, level: float) -> Callable[[], Row]:
    def build() -> Row:
        double = rated_twice(ratings)
        found: Row = {
            "alpha_ordinal": krippendorff_alpha(double, "ordinal"),
            **{"exact": exact_agreement(double), "within_one": exact_agreement(double, within=1.0)},
            **{"n_videos": len(double), "n_coders": double.shape[1]},
            "method": "kappa with quadratic weights, jackknife over videos; alpha with ordinal metric",
        }
        try:
            k = kappa(double, level=level)
        except FAILURES as failure:
            return {**found, "warning": str(failure)}
        return {**found, "kappa": k.value, "ci_low": k.ci_low, "ci_high": k.ci_high, "n_pairs": k.n_pairs}

    return build


def _cramers_v(rated: NDArray[np.bool_], mtb: Array) -> float:
    counts = np.array([rated[mtb == code].sum(axis=0) for code in (1.0, 0.0)], dtype=float)
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2 or not counts.sum(axis=1).all():
        return float("nan")
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    return float(np.sqrt(np.sum((counts - expected) ** 2 / expected) / counts.sum()))


_METHODS: dict[Form, str] = {
    "ICC(2,1)": "one rating, coders random, absolute agreement; interval from F (McGraw & Wong 1996)",
    "ICC(2,k)": "mean of the ratings of a video rated twice, coders random, absolute agreement; interval from F",
    "ICC(3,1)": "one rating, coders fixed, consistency; interval from F (Shrout & Fleiss 1979)",
}
