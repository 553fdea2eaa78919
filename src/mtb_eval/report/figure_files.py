"""Each figure as files of its own: SVG, PNG and PDF."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mtb_eval.report.edition import Edition
from mtb_eval.report.pictures import Picture, Pictures, drawn, faces, with_faces
from mtb_eval.report.typeset import Order, can_typeset, typeset

TEMPLATE = "figures.typ"


def figure_files(edition: Edition, pictures: Pictures) -> Iterator[tuple[str, str, bytes]]:
    """Yield name, suffix and content of every figure's files; PNG and PDF only where typst is installed."""
    shown = drawn(pictures)
    rules = faces(pictures)
    for name, picture in shown.items():
        yield name, "svg", with_faces(picture, rules).encode("utf-8")
    if not shown or not can_typeset():
        return
    together = Order(template=TEMPLATE, data=_data(edition, *shown.values()), form="png")
    single = [Order(template=TEMPLATE, data=_data(edition, picture)) for picture in shown.values()]
    pages, *prints = typeset([together, *single])
    for name, png, (pdf,) in zip(shown, pages, prints, strict=True):
        yield name, "png", png
        yield name, "pdf", pdf


def _data(edition: Edition, *shown: Picture) -> dict[str, Any]:
    return {
        "title": shown[0].title,
        "language": edition.language,
        "figures": [{"svg": picture.svg, "alt": picture.alt} for picture in shown],
    }
