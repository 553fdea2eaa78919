"""The sections of the report, in their order; each is made from an edition alone."""

from __future__ import annotations

from collections.abc import Callable

from mtb_eval.report.document import Section
from mtb_eval.report.edition import Edition
from mtb_eval.report.sections.attrition import attrition
from mtb_eval.report.sections.baseline import baseline
from mtb_eval.report.sections.checklist import checklist
from mtb_eval.report.sections.claims import claims
from mtb_eval.report.sections.design import design
from mtb_eval.report.sections.design_evidence import design_evidence
from mtb_eval.report.sections.deviations import deviations
from mtb_eval.report.sections.dose import dose
from mtb_eval.report.sections.economy import economy
from mtb_eval.report.sections.effects import effects
from mtb_eval.report.sections.interaction import interaction
from mtb_eval.report.sections.methods import methods
from mtb_eval.report.sections.placements import placements
from mtb_eval.report.sections.received import received
from mtb_eval.report.sections.reproduce import reproduce
from mtb_eval.report.sections.response import response
from mtb_eval.report.sections.services import services
from mtb_eval.report.sections.summary import summary
from mtb_eval.report.sections.trust import trust

SECTIONS: tuple[Callable[[Edition], Section], ...] = (
    design,
    baseline,
    received,
    services,
    effects,
    design_evidence,
    trust,
    interaction,
    dose,
    placements,
    response,
    attrition,
    economy,
    claims,
    methods,
    deviations,
    checklist,
    reproduce,
)


def made_sections(edition: Edition) -> tuple[Section, ...]:
    """Return every section of an edition, in the order of the report."""
    return tuple(make(edition) for make in SECTIONS)


__all__ = ["SECTIONS", "made_sections", "summary"]
