"""What the design can vouch for: control sources, the lot window, the instrument, staggered training."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mtb_eval.analysis.decomposition import decomposition
from mtb_eval.analysis.decomposition_balance import source_balance
from mtb_eval.analysis.instrument import first_stages, instrument_effects, offer_receipt
from mtb_eval.analysis.lot_window import lot_effects, lot_receipt
from mtb_eval.analysis.staggered import staggered_weights
from mtb_eval.analysis.staggered_imputation import staggered_imputation
from mtb_eval.data.families import Study
from mtb_eval.study import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignTables:
    """The evidence of the design, every outcome of the plan; columns as in the function that makes each table.

    control_sources, source_agreement: `decomposition`; source_balance: `source_balance`; the others: the functions of
    that name in `staggered`, `staggered_imputation`, `lot_window` and `instrument`. Estimates are raw, MTB minus usual
    care (lot: first minus second wave); `standardised`, `std_low` and `std_high` are positive where they favour MTB;
    what cannot be computed is a row with `error`.
    """

    control_sources: pd.DataFrame
    source_agreement: pd.DataFrame
    source_balance: pd.DataFrame
    staggered_weights: pd.DataFrame
    staggered_imputation: pd.DataFrame
    lot_effects: pd.DataFrame
    lot_receipt: pd.DataFrame
    offer_receipt: pd.DataFrame
    first_stages: pd.DataFrame
    instrument_effects: pd.DataFrame


def design_evidence(study: Study, plan: Plan) -> DesignTables:
    """Return every table on what the design can vouch for."""
    parts = decomposition(study, plan)
    return DesignTables(
        control_sources=parts.control_sources,
        source_agreement=parts.source_agreement,
        source_balance=source_balance(study, plan),
        staggered_weights=staggered_weights(study, plan),
        staggered_imputation=staggered_imputation(study, plan),
        lot_effects=lot_effects(study, plan),
        lot_receipt=lot_receipt(study, plan),
        offer_receipt=offer_receipt(study, plan),
        first_stages=first_stages(study, plan),
        instrument_effects=instrument_effects(study, plan),
    )
