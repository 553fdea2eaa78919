"""The report as a PDF to print: the same sections and figures as the page, set by typst."""

from __future__ import annotations

from collections.abc import Sequence

from mtb_eval.report.document import Section
from mtb_eval.report.edition import Edition
from mtb_eval.report.pdf_document import printed
from mtb_eval.report.pictures import Pictures
from mtb_eval.report.typeset import Order, typeset

PDF_FILES = {"en": "report.pdf", "da": "report.da.pdf"}
TEMPLATE = "report.typ"


def pdf(edition: Edition, drawn: Pictures, made: Sequence[Section] | None = None) -> bytes:
    """Return the report of an edition as PDF/UA-1: tagged, with bookmarks; the same edition gives the same bytes.

    `made` are the sections of the edition if they have been made already.
    Raises TypesetError if the document is not accessible.
    """
    ((content,),) = typeset([Order(template=TEMPLATE, data=printed(edition, drawn, made))])
    return content
