"""Who answered: response by arm, the bias it could give, and how responders differed before birth."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mtb_eval.data.families import Study
from mtb_eval.inference.response_bias import bias_range, largest_differential
from mtb_eval.study import AttritionRule, Plan

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Values = dict[str, object]

RESPONSE_COLUMNS = (
    *("sample", "wave", "months", "n_mtb", "of_mtb", "share_mtb", "n_control", "of_control", "share_control"),
    *("overall_attrition", "differential_attrition", "boundary_cautious", "boundary_optimistic", "within"),
    *("bias_cautious_low", "bias_cautious_high", "bias_optimistic_low", "bias_optimistic_high"),
)
RESPONDER_COLUMNS = (
    *("sample", "wave", "months", "arm", "column", "label_en", "label_da", "kind"),
    *("n_responders", "mean_responders", "sd_responders"),
    *("n_lost", "mean_lost", "sd_lost", "smd"),
)
ARMS = {"mtb": 1.0, "control": 0.0}
SAMPLES = {"questionnaire": "answered", "video": "video"}


def response_rows(study: Study, plan: Plan, rule: AttritionRule) -> Iterator[Values]:
    """Yield one row per sample and wave with any answer: shares, boundary and implied bias; RESPONSE_COLUMNS."""
    mtb = study.families["mtb"].to_numpy(dtype=float)
    for sample, wave, months, responded in _rounds(study, plan):
        n = {arm: (int(responded[mtb == code].sum()), int((mtb == code).sum())) for arm, code in ARMS.items()}
        share = {arm: k / of if of else float("nan") for arm, (k, of) in n.items()}
        overall = 1 - float(responded.mean())
        yield {
            **{"sample": sample, "wave": wave, "months": months},
            **{f"n_{arm}": k for arm, (k, _) in n.items()},
            **{f"of_{arm}": of for arm, (_, of) in n.items()},
            **{f"share_{arm}": share[arm] for arm in ARMS},
            **{"overall_attrition": overall, "differential_attrition": share["mtb"] - share["control"]},
            **_implied((share["mtb"], share["control"]), overall, rule),
        }


def responder_rows(study: Study, plan: Plan) -> Iterator[Values]:
    """Yield for each sample, wave, arm and baseline column how responders and those lost differ; RESPONDER_COLUMNS.

    `smd` is responders minus lost over the root mean of the two variances (Austin 2009, doi 10.1002/sim.3697); no
    tests, since a difference may matter at any p.
    """
    mtb = study.families["mtb"].to_numpy(dtype=float)
    for sample, wave, months, responded in _rounds(study, plan):
        for arm, code in ARMS.items():
            for item in (*plan.covariates, *plan.baseline_table):
                x = study.families[item.column].to_numpy(dtype=float)
                there, lost = (_moments(x[(mtb == code) & who]) for who in (responded, ~responded))
                known = np.unique(x[np.isfinite(x)])
                yield {
                    **{"sample": sample, "wave": wave, "months": months, "arm": arm, "column": item.column},
                    **{"label_en": item.label.en, "label_da": item.label.da},
                    "kind": "share" if set(known) <= {0.0, 1.0} else "mean",
                    **dict(zip(("n_responders", "mean_responders", "sd_responders"), there, strict=True)),
                    **dict(zip(("n_lost", "mean_lost", "sd_lost"), lost, strict=True)),
                    "smd": _difference(there, lost),
                }


def _rounds(study: Study, plan: Plan) -> Iterator[tuple[str, str, int, Flags]]:
    """Yield sample, wave, months and who responded, for every round after birth that a family answered."""
    for sample, prefix in SAMPLES.items():
        for wave in plan.waves:
            column = f"{prefix}_{wave.id}"
            if wave.months > 0 and column in study.families and study.families[column].any():
                yield sample, wave.id, wave.months, study.families[column].to_numpy(dtype=bool)


def _implied(share: tuple[float, float], overall: float, rule: AttritionRule) -> Values:
    found: Values = {}
    within = "neither"
    for name, alpha in (("cautious", rule.alpha_cautious), ("optimistic", rule.alpha_optimistic)):
        possible = all(0 < s <= 1 for s in share)
        low, high = bias_range(share, alpha) if possible else (float("nan"), float("nan"))
        found |= {f"bias_{name}_low": low, f"bias_{name}_high": high}
        found[f"boundary_{name}"] = largest_differential(overall, alpha, rule.tolerable_bias)
        if within == "neither" and max(abs(low), abs(high)) <= rule.tolerable_bias:
            within = name
    return {**found, "within": within}


def _moments(x: Array) -> tuple[int, float, float]:
    known = x[np.isfinite(x)]
    mean = float(known.mean()) if known.size else float("nan")
    return known.size, mean, float(known.std(ddof=1)) if known.size > 1 else float("nan")


def _difference(a: tuple[int, float, float], b: tuple[int, float, float]) -> float:
    spread = np.sqrt((a[2] ** 2 + b[2] ** 2) / 2)
    return float((a[1] - b[1]) / spread) if spread > 0 else float("nan")
