"""The figures, in the order of the report; each is drawn from an edition alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from mtb_eval.report.edition import Edition
from mtb_eval.report.figures.agreement import agreement
from mtb_eval.report.figures.attrition import attrition, tipping
from mtb_eval.report.figures.baseline import baseline
from mtb_eval.report.figures.calendar import calendar
from mtb_eval.report.figures.change import change
from mtb_eval.report.figures.claim_power import claim_power
from mtb_eval.report.figures.claims import claims
from mtb_eval.report.figures.contacts import contacts
from mtb_eval.report.figures.dose import dose_bins, dose_contrasts
from mtb_eval.report.figures.dose_course import dose_course
from mtb_eval.report.figures.dose_profile import dose_profile
from mtb_eval.report.figures.economy import benefit, costs, plane
from mtb_eval.report.figures.evidence import evidence, evidence_weights
from mtb_eval.report.figures.flow import flow
from mtb_eval.report.figures.forest import forest
from mtb_eval.report.figures.growth import growth
from mtb_eval.report.figures.placement_tests import placement_tests
from mtb_eval.report.figures.placements import placements
from mtb_eval.report.figures.response import response, trajectories
from mtb_eval.report.figures.trust import placebo, spread, trust
from mtb_eval.report.figures.trust_curve import curve
from mtb_eval.report.figures.visits import visits
from mtb_eval.report.style import Absent, Drawing

FIGURES: Mapping[str, Callable[[Edition], Drawing | Absent]] = MappingProxyType(
    {
        "flow": flow,
        "calendar": calendar,
        "baseline": baseline,
        "visits": visits,
        "contacts": contacts,
        "forest": forest,
        "evidence": evidence,
        "evidence-weights": evidence_weights,
        "trust": trust,
        "trust-curve": curve,
        "trust-placebo": placebo,
        "trust-spread": spread,
        "change": change,
        "agreement": agreement,
        "growth": growth,
        "trajectories": trajectories,
        "dose": dose_contrasts,
        "dose-bins": dose_bins,
        "dose-profile": dose_profile,
        "dose-course": dose_course,
        "placements": placements,
        "placement-tests": placement_tests,
        "response": response,
        "attrition": attrition,
        "tipping": tipping,
        "costs": costs,
        "plane": plane,
        "benefit": benefit,
        "claims": claims,
        "claim-power": claim_power,
    }
)

__all__ = ["FIGURES"]
