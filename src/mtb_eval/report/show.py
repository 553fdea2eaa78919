"""One figure of the report for a notebook."""

from __future__ import annotations

from dataclasses import dataclass

from mtb_eval.analysis.disclosure import released
from mtb_eval.analysis.results import Results
from mtb_eval.report.edition import Provenance, edition
from mtb_eval.report.figures import FIGURES
from mtb_eval.report.folder import ReportError
from mtb_eval.report.left_out import noted
from mtb_eval.report.numbers import Language
from mtb_eval.report.pictures import drawn_picture
from mtb_eval.report.style import Absent, house_style
from mtb_eval.study import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A figure that a notebook displays; `alt` says what is to be seen."""

    title: str
    caption: str
    alt: str
    svg: str

    def _repr_svg_(self) -> str:
        return self.svg


def show(
    results: Results,
    plan: Plan,
    name: str,
    *,
    synthetic: bool,
    language: Language = "en",
    internal: bool = False,
) -> Shown:
    """Return the report's figure `name` ("forest", "flow", "dose", ...) as it may leave the secure environment.

    With `internal` it shows small counts too, and says so over the figure. `synthetic` (that of the study) writes over
    it that the data are made. Raises ReportError if there is no such figure, or if these results cannot give it.
    """
    if name not in FIGURES:
        raise ReportError(f"no figure {name!r}; there are {', '.join(FIGURES)}")
    shown, provenance = released(results, plan, internal=internal), Provenance(synthetic=synthetic, internal=internal)
    made = edition(language, plan, shown, provenance)
    with house_style():
        picture = drawn_picture(name, noted(made, name, FIGURES[name](made)))
    if isinstance(picture, Absent):
        raise ReportError(f"figure {name!r}: {picture.why}")
    return Shown(title=picture.title, caption=picture.caption, alt=picture.alt, svg=picture.svg)
