"""Drawn figures as files and as part of a page."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass

from mtb_eval.report.edition import Edition
from mtb_eval.report.figures import FIGURES
from mtb_eval.report.left_out import noted
from mtb_eval.report.style import WIDE, Absent, Drawing, house_style

DPI = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A figure as SVG and PNG with its words; `wide` if it must not shrink below reading size."""

    name: str
    title: str
    caption: str
    alt: str
    svg: str
    png: bytes
    wide: bool


Pictures = Mapping[str, Picture | Absent]


def pictures(edition: Edition) -> Pictures:
    """Return every figure of an edition by name, or why it could not be drawn."""
    with house_style():
        return {name: drawn_picture(name, noted(edition, name, draw(edition))) for name, draw in FIGURES.items()}


def inline(picture: Picture) -> str:
    """Return a picture's SVG for use inside a page: no prolog or metadata, ids of its own, hidden from screen readers.

    The page gives the alternative text; nothing in the result refers to another document.
    """
    svg = picture.svg[picture.svg.index("<svg") :]
    svg = re.sub(r"<(metadata|title|desc)\b.*?</\1>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\s(role|aria-labelledby)="[^"]*"', "", svg)
    svg = re.sub(r'\sxmlns(:xlink)?="[^"]*"', "", svg).replace("xlink:href=", "href=")
    for pattern in (r'(\sid=")', r'(href="#)', r"(url\(#)"):
        svg = re.sub(pattern, rf"\g<1>{picture.name}-", svg)
    return re.sub(r"<svg ", '<svg aria-hidden="true" focusable="false" ', svg, count=1).strip()


def drawn_picture(name: str, drawn: Drawing | Absent) -> Picture | Absent:
    """Return a drawing as SVG and PNG, or why it is absent."""
    if isinstance(drawn, Absent):
        return drawn
    return Picture(
        name=name,
        title=drawn.title,
        caption=drawn.caption,
        alt=drawn.alt,
        svg=_svg(name, drawn),
        png=_png(drawn),
        wide=bool(drawn.figure.get_figwidth() * 25.4 > WIDE - 1),
    )


def _svg(name: str, drawn: Drawing) -> str:
    """Return the SVG with title and description inside, so that the file alone can be read aloud."""
    written = io.BytesIO()
    drawn.figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    svg = written.getvalue().decode("utf-8").replace("\r\n", "\n")
    words = (
        f'<title id="{name}-title">{_escaped(drawn.title)}</title><desc id="{name}-desc">{_escaped(drawn.alt)}</desc>'
    )
    role = f'role="img" aria-labelledby="{name}-title {name}-desc" '
    start = svg.index("<svg ")
    end = svg.index(">", start) + 1
    return f"{svg[:start]}<svg {role}{svg[start + 5 : end]}\n {words}{svg[end:]}"


def _png(drawn: Drawing) -> bytes:
    written = io.BytesIO()
    drawn.figure.savefig(
        written,
        format="png",
        dpi=DPI,
        metadata={"Software": None, "Description": drawn.alt},
        pil_kwargs={"compress_level": 4},
    )
    return written.getvalue()


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
