"""The lot window: families recruited while the lot alone decided in which drawn municipalities MTB was on offer.

Between the two trainings the drawn municipalities differ by lot only, so the effect of being recruited where training
came first is tested by what the estimate would have been under every lot that could have been drawn. Families are
compared by their municipality's lot, not by the care that they received. Exact for families as recruited; families
that did not answer, and any influence of the lot on who was recruited, are not undone by it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from math import comb

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import Row
from mtb_eval.analysis.design_rows import ESTIMATE_COLUMNS, Build, attempted, completed, joined, shared, table
from mtb_eval.analysis.model_data import ModelData, model_data
from mtb_eval.data.families import Study
from mtb_eval.inference.assignments import RandomisationDesign, lot_assignments, randomisation_design
from mtb_eval.inference.randomisation import Statistic, randomisation_test
from mtb_eval.study import Outcome, Plan

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

LOT = "lot window, by lot"
LOT_COLUMNS = (
    *ESTIMATE_COLUMNS[:5],
    "adjusted",
    *ESTIMATE_COLUMNS[5:14],
    "ci_open",
    "ci_disjoint",
    "n_lots",
    "p_min",
    "n_first",
    "n_second",
    "received_first",
    "received_second",
    "mean_first",
    "mean_second",
    *ESTIMATE_COLUMNS[14:],
)
RECEIPT_COLUMNS = ("municipality", "lot_arm", "n_municipalities", "n_families", "n_mtb", "share", "warning")
CHOICES: tuple[tuple[Statistic, bool], ...] = (("studentised", False), ("coefficient", False), ("studentised", True))
FEW = 5
LEAST_DF = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class LotWindow:
    """The lot and its window: `first` and `second` hold the drawn municipalities by training wave.

    From `begins` (all of the first wave are trained) to before `ends` (the first training of the second wave).
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    begins: date
    ends: date

    @property
    def drawn(self) -> tuple[str, ...]:
        """All municipalities in the lot, first wave first."""
        return (*self.first, *self.second)

    def holds(self, families: pd.DataFrame) -> Flags:
        """Return which families were recruited in the window in a drawn municipality, (n,)."""
        day = families["recruited_on"]
        inside = (day >= pd.Timestamp(self.begins)) & (day < pd.Timestamp(self.ends))
        return np.asarray(inside & families["municipality"].isin(self.drawn))


def lot_window(plan: Plan) -> LotWindow:
    """Return the lot and its window as the plan declares them.

    Raises ValueError if the plan has no lot, its municipalities do not fit it, or no day lies between the trainings.
    """
    if plan.lot is None:
        raise ValueError("the plan declares no lot")
    by_lot = [m for m in plan.municipalities if m.randomised]
    waves = {w: [m for m in by_lot if m.training_wave == w] for w in (plan.lot.first_wave, plan.lot.second_wave)}
    first, second = waves[plan.lot.first_wave], waves[plan.lot.second_wave]
    if len(first) != plan.lot.n_first or len(first) + len(second) != len(by_lot) or not second:
        raise ValueError(
            f"the lot draws {plan.lot.n_first} of {len(by_lot)} municipalities for {plan.lot.first_wave}, but "
            f"{len(first)} are declared for it and {len(second)} for {plan.lot.second_wave}: mend the plan"
        )
    begins, ends = max(m.trained_on for m in first), min(m.trained_on for m in second)
    if begins >= ends:
        raise ValueError("the second training of the lot begins before the first is over: there is no window")
    codes = (tuple(m.code for m in group) for group in (first, second))
    return LotWindow(first=next(codes), second=next(codes), begins=begins, ends=ends)


def lot_effects(study: Study, plan: Plan) -> pd.DataFrame:
    """Return the effect of being recruited where training came first by lot, by outcome and statistic.

    Randomisation inference over all `n_lots` lots: studentised by CR0 (decides), the plain difference in means, and
    the studentised one beside covariates (`adjusted`). `estimate` is first minus second wave, raw; `p` cannot be below
    `p_min`; the interval inverts the test (`ci_open`: unbounded, `ci_disjoint`: with holes) and there is no se or df.
    `n_first` and `n_second` families, of whom `received_first` and `received_second` (shares) received MTB, with the
    outcome's `mean_first` and `mean_second`; n_mtb and
    n_control are by care received; standardised by the SD of all families with the outcome. No rows without a lot.
    """
    if plan.lot is None:
        return table([], LOT_COLUMNS)
    return table((row for outcome in plan.outcomes for row in _outcome_rows(study, plan, outcome)), LOT_COLUMNS)


def lot_receipt(study: Study, plan: Plan) -> pd.DataFrame:
    """Return who received MTB in the lot window, by municipality and (municipality "") by lot arm "first" or "second".

    All families recruited in the window, answered or not: `n_families`, `n_mtb`, `share`. No rows without a window.
    """
    try:
        window = lot_window(plan)
    except ValueError:
        return table([], RECEIPT_COLUMNS)
    inside = study.families[window.holds(study.families)]
    arms = {"first": window.first, "second": window.second}
    groups: list[tuple[str, str, tuple[str, ...]]] = [(c, arm, (c,)) for arm, codes in arms.items() for c in codes]
    groups += [("", arm, codes) for arm, codes in arms.items()]
    return table((_receipt(inside, *group) for group in groups), RECEIPT_COLUMNS)


def _receipt(inside: pd.DataFrame, name: str, arm: str, codes: tuple[str, ...]) -> Row:
    mtb = inside.loc[inside["municipality"].isin(codes), "mtb"].to_numpy(dtype=float)
    return {
        "municipality": name,
        "lot_arm": arm,
        "n_municipalities": float(len(codes)),
        "n_families": float(len(mtb)),
        "n_mtb": float(mtb.sum()),
        "share": float(mtb.mean()) if len(mtb) else float("nan"),
        "warning": "" if len(mtb) else "no family was recruited here in the window",
    }


def _outcome_rows(study: Study, plan: Plan, outcome: Outcome) -> Iterator[Row]:
    everyone = model_data(study, plan, outcome)
    base = {**shared(everyone, outcome, everyone.sd), "analysis": LOT}
    try:
        window = lot_window(plan)
    except ValueError as failure:
        yield completed({**base, "method": "not estimated", "error": str(failure)})
        return
    data = model_data(study, plan, outcome, among=window.holds(study.families))
    by_lot = replace(data, mtb=np.isin(data.municipality, window.first).astype(float))
    base = {**base, **_counts(data, by_lot.mtb, window)}
    problem = _problem(by_lot, window)
    if problem:
        yield completed({**base, "method": "not estimated", "error": problem})
        return
    for statistic, adjusted in CHOICES:
        yield from attempted(
            {**base, "adjusted": adjusted}, by_lot, _builder(window, statistic, adjusted=adjusted), plan.level
        )


def _counts(data: ModelData, first: Array, window: LotWindow) -> Row:
    """Return the numbers of families by lot arm and by care received; each lot arm's share with MTB and its mean."""
    arms = {"first": first == 1, "second": first == 0}
    return {
        "n_mtb": float(data.mtb.sum()),
        "n_control": float((1 - data.mtb).sum()),
        "n_clusters": float(data.n_clusters),
        "n_lots": float(comb(len(window.drawn), len(window.first))),
        **{f"n_{arm}": float(here.sum()) for arm, here in arms.items()},
        **{f"received_{arm}": float(data.mtb[here].mean()) if here.any() else math.nan for arm, here in arms.items()},
        **{f"mean_{arm}": float(data.y[here].mean()) if here.any() else math.nan for arm, here in arms.items()},
    }


def _problem(by_lot: ModelData, window: LotWindow) -> str:
    """Return why the families in the window allow no test, or ""."""
    n_first, n = int(by_lot.mtb.sum()), len(by_lot.mtb)
    if not 0 < n_first < n:
        arm = "second" if n_first == n else "first"
        return f"no family with this outcome was recruited in the window where training came {arm}: no comparison"
    lots = lot_assignments(len(window.drawn), len(window.first))
    here = lots[:, np.isin(window.drawn, by_lot.municipality)].sum(axis=1)
    empty = int(np.count_nonzero((here == 0) | (here == by_lot.n_clusters)))
    if empty:
        return (
            f"families with this outcome were recruited in only {by_lot.n_clusters} of {len(window.drawn)} drawn "
            f"municipalities: {empty} of {len(lots)} lots would leave an arm empty, so there is no exact test"
        )
    return ""


def _builder(window: LotWindow, statistic: Statistic, *, adjusted: bool) -> Build:
    def build(by_lot: ModelData, level: float) -> Iterator[Row]:
        design = _design(by_lot, window, adjusted=adjusted)
        test = randomisation_test(by_lot.y, design, statistic=statistic, level=level)
        if not np.isfinite(test.p):
            raise ValueError("no standard error can be formed in the window: an arm is one municipality or all alike")
        few = min(by_lot.mtb.sum(), (1 - by_lot.mtb).sum()) < FEW
        blunt = f"the smallest possible p is {test.p_min:.3g}: nothing can be significant at this level"
        yield {
            "method": f"{test.method}, beside {by_lot.covariates.shape[1]} covariates" if adjusted else test.method,
            "estimate": float(test.estimate),
            "ci_low": float(test.ci_low),
            "ci_high": float(test.ci_high),
            "ci_open": bool(test.ci_open),
            "ci_disjoint": bool(test.ci_disjoint),
            "p": float(test.p),
            "p_min": test.p_min,
            "warning": joined(
                test.warning,
                f"fewer than {FEW} families in one arm of the lot" if few else "",
                blunt if test.p_min > 1 - level else "",
            ),
        }

    return build


def _design(by_lot: ModelData, window: LotWindow, *, adjusted: bool) -> RandomisationDesign:
    n, k = by_lot.covariates.shape
    if adjusted and n - k - 2 < LEAST_DF:
        raise ValueError(f"{n} families in the window are too few to adjust for {k} covariates")
    place = {code: i for i, code in enumerate(window.drawn)}
    lots = lot_assignments(len(window.drawn), len(window.first))
    return randomisation_design(
        by_lot.mtb,
        lots[:, [place[code] for code in by_lot.municipality.tolist()]],
        covariates=by_lot.covariates if adjusted else None,
        cluster=by_lot.municipality,
    )
