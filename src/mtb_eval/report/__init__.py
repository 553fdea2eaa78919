"""Rows to documents: the report in two languages with its tables, figures and manifest."""

from mtb_eval.report.edition import Provenance
from mtb_eval.report.folder import ReportError
from mtb_eval.report.manifest import Manifest
from mtb_eval.report.show import Shown, show
from mtb_eval.report.write import write_report

__all__ = ["Manifest", "Provenance", "ReportError", "Shown", "show", "write_report"]
