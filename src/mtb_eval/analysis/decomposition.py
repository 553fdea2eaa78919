r"""The primary estimate as an exact weighted sum over the sources of its control families.

Let W hold all columns of the primary model but care received D, and let D~ be the residual of D on W. Frisch, Waugh
and Lovell: the primary estimate is t = D~'y / D~'D~. With one indicator C_c for each source c of controls the sum of
the C_c is 1 - D, and W holds a constant (the municipality dummies), so the primary model is the model

    y = - sum_c d_c C_c + W g + e

under the restriction that all d_c (MTB minus the controls of source c) are equal. The residual e of the unrestricted
model is orthogonal to every C_c and to W, hence to D~, so that

    t = sum_c w_c d_c,   w_c = - D~'C_c / D~'D~ = - sum_{i in c} D~_i / D~'D~,   sum_c w_c = 1

exactly. So w_c is the weight that the primary estimate lays on the outcomes of the families of source c; it may be
negative. Angrist & Krueger (1999, doi 10.1016/S1573-4463(99)03004-7) give such weights for the regression estimate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import Row, estimate_row, primary_design
from mtb_eval.analysis.decomposition_sources import LOT_WINDOW, SOURCES, control_source, in_lot_window
from mtb_eval.analysis.design_rows import ESTIMATE_COLUMNS, Build, attempted, joined, shared, table
from mtb_eval.analysis.model_data import ModelData, dummies, model_data, stack
from mtb_eval.data.families import Study
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.joint import joint_test
from mtb_eval.inference.ols import LeastSquares, column_contrast, contrast_estimate, ols, with_spectrum
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.study import Plan

Array = NDArray[np.float64]
Texts = NDArray[np.str_]
Flags = NDArray[np.bool_]

SOURCE_COLUMNS = (*ESTIMATE_COLUMNS[:4], "source", "n_source", "weight", *ESTIMATE_COLUMNS[4:])
AGREEMENT_COLUMNS = (
    *ESTIMATE_COLUMNS[:13],
    "recomposed",
    "randomised_share",
    "mtb_share_in_window",
    "n_sources",
    "f",
    "df_numerator",
    "df_denominator",
    "p_agree",
    *ESTIMATE_COLUMNS[13:],
)
PART, WHOLE = "primary model, one effect for each source", "primary model"
NOTHING_LEFT = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class DecompositionTables:
    """The primary estimate taken apart, by outcome; estimates are MTB minus usual care, CR2 with Satterthwaite df.

    control_sources: one row per outcome and source of controls: `source` one of SOURCES, `n_source` its families in the
        model (`n_control` counts all controls), `weight` in the primary estimate (sum 1 over sources), `estimate` MTB
        minus that source. A source without families, or that cannot be told apart, is a row with `error`.
    source_agreement: one row per outcome: the primary estimate; `recomposed`, the weighted sum of the parts; `f` on
        `df_numerator` and `df_denominator` and `p_agree`, the CR2 Wald test HTZ that the `n_sources` estimates are one
        (Pustejovsky & Tipton 2018, doi 10.1080/07350015.2016.1247004); `randomised_share`, the weight on controls who
        waited because of the lot; `mtb_share_in_window`, the weight on MTB families of drawn municipalities recruited
        meanwhile. What the lot can vouch for is no larger than either share.
    """

    control_sources: pd.DataFrame
    source_agreement: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Decomposition:
    """The parts of one estimate: `sources` (K,) that occur, their `weights` (K,), which sum to 1, and their fit.

    `fit` is of the model with one effect for each source, in its first K columns; `estimates` (K,) are NaN where an
    effect is not estimable. `total` is the primary estimate; `family_weights` (n,) are what it lays on each outcome.
    """

    sources: tuple[str, ...]
    weights: Array
    estimates: Array
    fit: LeastSquares
    total: float
    family_weights: Array

    @property
    def recomposed(self) -> float:
        """The weighted sum of the sources' estimates; a source that carries no weight counts as nothing."""
        parts = np.where(np.abs(self.weights) > NOTHING_LEFT, self.weights * self.estimates, 0.0)
        return float(parts.sum())


def decomposition(study: Study, plan: Plan) -> DecompositionTables:
    """Return, for each outcome, the effect against each source of controls, and what they make together."""
    source, window = control_source(study.families, plan), in_lot_window(study.families, plan)
    wholes: list[Row] = []
    parts: list[Row] = []
    for outcome in plan.outcomes:
        data = model_data(study, plan, outcome)
        build = _builder(source[data.rows], window[data.rows])
        rows = attempted(shared(data, outcome, data.sd), data, build, plan.level)
        whole = [{**r, "analysis": WHOLE} for r in rows if "source" not in r]
        wholes += whole
        parts += [r for r in rows if "source" in r] or whole
    return DecompositionTables(
        control_sources=table([{**r, "analysis": PART} for r in parts], SOURCE_COLUMNS),
        source_agreement=table(wholes, AGREEMENT_COLUMNS),
    )


def decompose(data: ModelData, source: Texts) -> Decomposition:
    """Return the parts of the primary estimate; `source` (n,) is "" for MTB families.

    Raises ValueError if care received does not vary beyond municipality, calendar time and covariates.
    """
    w = stack(dummies(data.municipality), data.calendar, data.covariates)
    weights = family_weights(data.mtb, w)
    names = tuple(s for s in SOURCES if (source == s).any())
    indicators = np.column_stack([(source == s).astype(float) for s in names])
    cross = cross_products(stack(-indicators, w), data.y, data.municipality)
    fit = with_spectrum(ols(cross, collinear="drop"))
    return Decomposition(
        sources=names,
        weights=-weights @ indicators,
        estimates=contrast_estimate(fit, np.eye(fit.cross.n_columns)[: len(names)]),
        fit=fit,
        total=float(weights @ data.y),
        family_weights=weights,
    )


def family_weights(treated: Array, w: Array) -> Array:
    """Return the weight of each outcome in the coefficient of `treated` (n,) beside `w` (n, k): D~ / D~'D~, (n,).

    Raises ValueError if `treated` is a combination of the columns of w.
    """
    left = treated - w @ np.linalg.lstsq(w, treated, rcond=None)[0]
    size = float(left @ left)
    if size <= NOTHING_LEFT * float(treated @ treated):
        raise ValueError("care received does not vary beyond municipality, calendar time and covariates")
    return np.asarray(left / size)


def _builder(source: Texts, window: Flags) -> Build:
    def build(data: ModelData, level: float) -> Iterator[Row]:
        parts = decompose(data, source)
        yield _whole(parts, data, window, level)
        for name in SOURCES:
            yield _part(parts, name, int((source == name).sum()), level)

    return build


def _part(parts: Decomposition, name: str, n: int, level: float) -> Row:
    row: Row = {"source": name, "n_source": float(n), "weight": 0.0}
    if n == 0:
        return {**row, "error": "no control family of this source has the outcome"}
    k = parts.sources.index(name)
    return {**row, "weight": float(parts.weights[k]), **_source_estimate(parts, k, level)}


def _source_estimate(parts: Decomposition, k: int, level: float) -> Row:
    if not np.isfinite(parts.estimates[k]):
        return {"error": "the controls of this source cannot be told apart from municipality, time and other sources"}
    row = estimate_row(cluster_robust(parts.fit, column_contrast(parts.fit, k), kind="CR2", level=level))
    negative = "negative weight: the primary estimate falls where this one rises" if parts.weights[k] < 0 else ""
    return {**row, "warning": joined(str(row["warning"]), negative)}


def _whole(parts: Decomposition, data: ModelData, window: Flags, level: float) -> Row:
    design = primary_design(data)
    fit = ols(design.cross, collinear="drop")
    row = estimate_row(cluster_robust(fit, design.contrast, kind="CR2", level=level))
    by_lot = [w for s, w in zip(parts.sources, parts.weights, strict=True) if s == LOT_WINDOW]
    test = _agreement(parts)
    return {
        **row,
        "recomposed": parts.recomposed,
        "randomised_share": float(sum(by_lot)),
        "mtb_share_in_window": float(parts.family_weights[(data.mtb == 1) & window].sum()),
        **test,
        "warning": joined(str(row["warning"]), str(test["warning"])),
    }


def _agreement(parts: Decomposition) -> Row:
    """Return the HTZ test that the estimable sources have one effect."""
    known = np.flatnonzero(np.isfinite(parts.estimates))
    if len(known) < 2:
        return {"n_sources": float(len(known)), "warning": "fewer than two sources of controls: nothing can disagree"}
    pick = np.eye(parts.fit.cross.n_columns)
    test = joint_test(parts.fit, pick[known[1:]] - pick[known[0]])
    return {
        "n_sources": float(len(known)),
        "f": float(test.statistic),
        "df_numerator": float(test.df_numerator),
        "df_denominator": float(test.df_denominator),
        "p_agree": float(test.p),
        "warning": test.warning,
    }
