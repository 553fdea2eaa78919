"""What is declared: the plan, the instruments, the files and the published claims, as frozen objects."""

from mtb_eval.study.attrition_rule import AttritionRule
from mtb_eval.study.checklist import ChecklistItem, read_checklist
from mtb_eval.study.claim_rule import ClaimPowerRule
from mtb_eval.study.claims import Claim, read_claims
from mtb_eval.study.deviations import Deviation, read_deviations
from mtb_eval.study.disclosure_rule import DisclosureRule
from mtb_eval.study.dose_rule import DoseDetail, VisitRule
from mtb_eval.study.economy_rule import EconomyRule
from mtb_eval.study.instruments import Cutoff, Instrument, Scale
from mtb_eval.study.load import DEFAULT_PLAN, load_plan
from mtb_eval.study.placements_rule import PlacementsDetail
from mtb_eval.study.plan import (
    Covariate,
    DoseRule,
    InteractionRule,
    LotRule,
    Municipality,
    Outcome,
    PlacementRule,
    Plan,
    Population,
    UsualCareRule,
    VerdictRule,
    Wave,
)
from mtb_eval.study.sources import Category, Column, Source, Variable
from mtb_eval.study.tables import PlanError, Text

__all__ = [
    "DEFAULT_PLAN",
    "AttritionRule",
    "Category",
    "ChecklistItem",
    "Claim",
    "ClaimPowerRule",
    "Column",
    "Covariate",
    "Cutoff",
    "Deviation",
    "DisclosureRule",
    "DoseDetail",
    "DoseRule",
    "EconomyRule",
    "Instrument",
    "InteractionRule",
    "LotRule",
    "Municipality",
    "Outcome",
    "PlacementRule",
    "PlacementsDetail",
    "Plan",
    "PlanError",
    "Population",
    "Scale",
    "Source",
    "Text",
    "UsualCareRule",
    "Variable",
    "VerdictRule",
    "VisitRule",
    "Wave",
    "load_plan",
    "read_checklist",
    "read_claims",
    "read_deviations",
]
