"""Drawn figures as part of a page and as files of their own."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.font_manager import FontProperties

from mtb_eval.report.edition import Edition
from mtb_eval.report.figures import FIGURES
from mtb_eval.report.fonts import font_faces
from mtb_eval.report.left_out import noted
from mtb_eval.report.lettering import line_size
from mtb_eval.report.style import WIDE, Absent, Drawing, house_style
from mtb_eval.report.svg import compact, embedded, markup, standalone, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A figure as SVG with its words; `wide` if it must not shrink below reading size.

    `svg` is a file without fonts, `markup` the drawing alone, `letters` what its texts hold, and `size` its width and
    height in millimetres.
    """

    name: str
    title: str
    caption: str
    alt: str
    svg: str
    markup: str
    letters: str
    size: tuple[float, float]
    wide: bool


Pictures = Mapping[str, Picture | Absent]


def pictures(edition: Edition) -> Pictures:
    """Return every figure of an edition by name, or why it could not be drawn."""
    with house_style():
        return {name: drawn_picture(name, noted(edition, name, draw(edition))) for name, draw in FIGURES.items()}


def drawn(pictures: Pictures) -> Mapping[str, Picture]:
    """Return the figures that could be drawn."""
    return {name: picture for name, picture in pictures.items() if isinstance(picture, Picture)}


def inline(picture: Picture) -> str:
    """Return a picture's SVG for use inside a page: no prolog or metadata, ids of its own, hidden from screen readers.

    The page gives the alternative text; nothing in the result refers to another document.
    """
    return picture.markup


def faces(pictures: Pictures) -> str:
    """Return the style rules that give every reader the pictures' typeface, cut to their letters."""
    return font_faces("".join(picture.letters for picture in drawn(pictures).values()))


def with_faces(picture: Picture, rules: str) -> str:
    """Return a picture's SVG as a file that brings its typeface along."""
    head, end, rest = picture.svg.partition("</desc>")
    return f"{head}{end}<style>{rules}</style>{rest}"


def drawn_picture(name: str, drawing: Drawing | Absent) -> Picture | Absent:
    """Return a drawing as SVG, or why it is absent."""
    if isinstance(drawing, Absent):
        return drawing
    width, height = (round(25.4 * float(inches), 2) for inches in drawing.figure.get_size_inches())
    root = compact(_svg(drawing), name)
    svg = markup(root)
    return Picture(
        name=name,
        title=drawing.title,
        caption=drawing.caption,
        alt=drawing.alt,
        svg=standalone(svg, title=drawing.title, description=drawing.alt, name=name),
        markup=embedded(svg),
        letters=words(root),
        size=(width, height),
        wide=width > WIDE - 1,
    )


def _svg(drawing: Drawing) -> str:
    """Return a drawing as matplotlib writes it; one unit is a point."""
    figure, written = drawing.figure, io.StringIO()
    figure.set_dpi(72)
    width, height = 72 * figure.get_size_inches()
    made: Any = _Renderer  # matplotlib gives it no types
    renderer = made(width, height, written)
    figure.draw(renderer)
    renderer.finalize()
    return written.getvalue()


class _Renderer(RendererSVG):
    """Measures lines by their letters, each once."""

    def get_text_width_height_descent(self, s: str, prop: FontProperties, ismath: Any) -> tuple[float, float, float]:
        return line_size(s, prop.get_size_in_points(), str(prop.get_weight()))
