"""How far each effect may be trusted: further models, many outcomes at once, what it rests on, other choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.binary_models import binary_rows
from mtb_eval.analysis.composite_outcomes import composite_rows
from mtb_eval.analysis.diagnostics import diagnostics, leverage
from mtb_eval.analysis.diagnostics_calendar import calendar_forms
from mtb_eval.analysis.diagnostics_placebo import placebo
from mtb_eval.analysis.family_index import WEIGHT_COLUMNS, family_indices
from mtb_eval.analysis.grades import grades
from mtb_eval.analysis.multiplicity_rows import multiplicity
from mtb_eval.analysis.municipality_effects import municipality_tables
from mtb_eval.analysis.municipality_icc import icc_table
from mtb_eval.analysis.ordinal_models import ordinal_rows
from mtb_eval.analysis.outcome_batches import all_municipalities, joint_draws, outcome_models
from mtb_eval.analysis.specification import specification_tables
from mtb_eval.analysis.trust_rows import MODEL_COLUMNS, frame
from mtb_eval.data.families import Study
from mtb_eval.inference.draws import MAX_EXACT, Draws
from mtb_eval.study import Plan

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustTables:
    """Everything on trust. Estimates are raw, MTB minus usual care; standardised ones in SD, positive favours MTB.

    further_models: effect-table rows with `ratio` columns. Outcomes with two values: logit (average risk difference)
        and modified Poisson (log risk ratio); ordered ones: proportional odds; outcomes that only some are asked:
        belonging and composites over everyone (estimand "care received, all asked"); Anderson's and mean index of each
        family at the last wave. CR2 with Satterthwaite df, WCR31 beside linear models.
    index_weights: family, component, weight in each index.
    multiplicity: one row per outcome, `multiplicity` in multiplicity_rows.py.
    grades: one row per outcome: robust, suggestive, not supported, not estimable; the four analyses; `why`.
    municipality_leverage, effect_diagnostics: what each primary estimate rests on, by municipality and by outcome.
    baseline_placebo: the primary model on what was measured before birth.
    calendar_forms: the primary model under four forms of calendar time.
    municipality_effects, effect_spread: the effect in each municipality and how far the effects differ.
    municipality_icc: how alike families of one municipality are, by outcome.
    specifications, specification_curve: the effect under every set of choices, and the joint test.
    """

    further_models: pd.DataFrame
    index_weights: pd.DataFrame
    multiplicity: pd.DataFrame
    grades: pd.DataFrame
    municipality_leverage: pd.DataFrame
    effect_diagnostics: pd.DataFrame
    baseline_placebo: pd.DataFrame
    calendar_forms: pd.DataFrame
    municipality_effects: pd.DataFrame
    effect_spread: pd.DataFrame
    municipality_icc: pd.DataFrame
    specifications: pd.DataFrame
    specification_curve: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherAnalyses:
    """What other analyses found, where they were made: each may be missing.

    `imputed`, `lot`: one row per outcome with outcome, estimate, p (lot also p_min); `weights`: response weights of all
    families by outcome id; `rng` for wild draws where the signs of all municipalities are too many to list.
    """

    imputed: pd.DataFrame | None = None
    lot: pd.DataFrame | None = None
    weights: Mapping[str, Array] | None = None
    rng: np.random.Generator | None = None


def trust(
    study: Study,
    plan: Plan,
    effects: pd.DataFrame,
    outcomes: pd.DataFrame,
    *,
    others: OtherAnalyses | None = None,
) -> TrustTables:
    """Return the tables on trust; `effects` and `outcomes` are those of the same study and plan.

    Without imputation and lot window no outcome is graded robust.
    """
    given = others or OtherAnalyses()
    models, draws = outcome_models(study, plan), _draws(study, given.rng)
    corrected = multiplicity(study, plan, {"effects": effects, "outcomes": outcomes}, models, draws)
    shares = leverage(study, plan, models)
    local = municipality_tables(study, plan, models, outcomes)
    curve = specification_tables(study, plan, models, draws, weights=given.weights)
    indices = family_indices(study, plan)
    further = chain(binary_rows(study, plan), ordinal_rows(study, plan), composite_rows(study, plan))
    return TrustTables(
        further_models=frame(chain(further, indices.estimates), MODEL_COLUMNS),
        index_weights=frame(indices.weights, WEIGHT_COLUMNS),
        multiplicity=corrected,
        grades=grades(plan, corrected, imputed=given.imputed, lot=given.lot),
        municipality_leverage=shares,
        effect_diagnostics=diagnostics(study, plan, outcomes, models, shares),
        baseline_placebo=placebo(study, plan, models, draws),
        calendar_forms=calendar_forms(curve.specifications),
        municipality_effects=local.municipality_effects,
        effect_spread=local.effect_spread,
        municipality_icc=icc_table(plan, models),
        specifications=curve.specifications,
        specification_curve=curve.specification_curve,
    )


def _draws(study: Study, rng: np.random.Generator | None) -> Draws | None:
    """Return joint draws, or None where there are too many signs to list and no generator."""
    many = 2.0 ** len(all_municipalities(study)) > MAX_EXACT
    return None if many and rng is None else joint_draws(study, rng)
