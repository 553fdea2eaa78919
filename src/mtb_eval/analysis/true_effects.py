"""True effects in the outcomes' own units: what the calibrated parameters mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from mtb_eval.analysis.model_data import in_population
from mtb_eval.data.synthetic import (
    Implied,
    Truth,
    Variances,
    null_truth,
    rescored,
    resized,
    simulate_study,
    without_attrition,
)
from mtb_eval.study import Plan

N_FAMILIES = 20_000
DIGITS = 4
STREAM = 1  # of the seed: other families than the study's


def true_effects(plan: Plan, truth: Truth, *, n: int = N_FAMILIES) -> dict[str, Implied]:
    """Return by outcome the mean effect on the treated, from `n` families drawn twice: with and without effects.

    The same families answer under both truths (common random numbers), all of them at every wave, so the standard
    error is that of a paired mean over MTB families. Effects do not vary between municipalities here: the mean is of
    the effect that is drawn around. Outcomes from registers have counts instead and are left out.
    """
    n_mtb = round(n * truth.n_mtb / truth.n)
    large = without_attrition(resized(truth, n_mtb=n_mtb, n_control=n - n_mtb))
    large = replace(large, variances=_without_heterogeneity(truth.variances))
    treated, untreated = (_mtb_families(plan, t) for t in (large, null_truth(large)))
    return dict(_paired(plan, treated, untreated))


def _paired(plan: Plan, treated: pd.DataFrame, untreated: pd.DataFrame) -> Iterator[tuple[str, Implied]]:
    for o in (o for o in plan.outcomes if o.variable in treated):
        asked = in_population(treated, plan, o.population)
        gain = (treated[o.variable] - untreated[o.variable])[asked].dropna()
        se = float(gain.std() / np.sqrt(len(gain)))
        yield o.id, Implied(effect=round(float(gain.mean()), DIGITS), mc_se=round(se, DIGITS))


def _mtb_families(plan: Plan, truth: Truth) -> pd.DataFrame:
    rng = np.random.default_rng([truth.seed, STREAM])
    raw = simulate_study(plan, truth, rng, roles=("families", "questionnaire", "ratings"))
    register = next(s for s in plan.sources if s.role == "families")
    named = {c.in_file: c.name for c in register.columns}
    families = raw[register.id].rename(columns=named)
    asked = [o.variable for o in plan.outcomes if o.sample != "register"]
    asked += [p.column for p in plan.populations]
    blank = pd.DataFrame(np.nan, index=families.index, columns=list(dict.fromkeys(asked)))
    table = rescored(pd.concat([families[["family_id", "arm"]], blank], axis=1), raw, plan)
    return table[table["arm"] == plan.arm("mtb").code]


def _without_heterogeneity(variances: Variances) -> Variances:
    return replace(variances, effect_cv=0.0)
