"""The figures: drawn for any plan, deterministic, with words, nothing overlapping or cut off."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from tests.report.example import empty_results, example_results, missing_results

from mtb_eval.report import style
from mtb_eval.report.edition import edition
from mtb_eval.report.figure_files import figure_files
from mtb_eval.report.figures import FIGURES
from mtb_eval.report.figures.intervals import reach_of
from mtb_eval.report.lettering import width_mm, wrapped
from mtb_eval.report.pictures import Picture, drawn_picture, inline
from mtb_eval.report.style import Absent, Drawing, house_style, sheet
from mtb_eval.report.typeset import DPI
from mtb_eval.study import Text as Label
from mtb_eval.study import load_plan


@pytest.mark.parametrize("language", ["en", "da"])
def test_every_figure_is_drawn_with_title_caption_and_alternative_text(drawn, language):
    for name, picture in drawn[language].items():
        assert isinstance(picture, Picture), name
        root = ET.fromstring(picture.svg)
        words = [e.text for e in root if e.tag.endswith(("title", "desc"))]
        assert words == [picture.title, picture.alt]
        assert root.get("role") == "img"
        assert len(picture.caption) > 40
        assert "{" not in picture.title + picture.caption + picture.alt


def test_inlined_figures_have_their_own_ids_and_no_address(drawn):
    shown = [inline(p) for p in drawn["en"].values()]
    ids = [i for svg in shown for i in re.findall(r'\sid="([^"]+)"', svg)]
    assert len(ids) == len(set(ids))
    for svg in shown:
        assert "http" not in svg
        assert set(re.findall(r'href="#([^"]+)"', svg)) <= set(ids)
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= set(ids)


@pytest.mark.parametrize("make", [lambda _: empty_results(), missing_results])
def test_figures_without_numbers_say_why(plan, provenance, make):
    one = edition("da", plan, make(plan), provenance)
    with house_style():
        drawn = {name: draw(one) for name, draw in FIGURES.items()}
    absent = {name for name, d in drawn.items() if isinstance(d, Absent)}
    assert {"change", "dose", "dose-bins", "placements", "response", "trajectories", "visits", "baseline"} <= absent
    assert all(d.why.endswith(".") for d in drawn.values() if isinstance(d, Absent))


def _texts(drawing: Drawing) -> list[tuple[str, np.ndarray]]:
    """Return every text that is drawn with its extent: left, bottom, right, top."""
    canvas = FigureCanvasAgg(drawing.figure)
    canvas.draw()
    unseen = {id(label) for ax in drawing.figure.axes for label in _unseen(ax)}
    found = []
    for text in drawing.figure.findobj(Text):
        if text.get_text().strip() and text.get_visible() and id(text) not in unseen:
            extent = text.get_window_extent(canvas.get_renderer())
            found.append((text.get_text(), np.array([extent.x0, extent.y0, extent.x1, extent.y1])))
    return found


def _unseen(ax: Axes) -> list[Text]:
    """Return the tick labels that are not drawn: those beyond the limits, and those of axes that are off."""
    labels = []
    for axis in (ax.xaxis, ax.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            if not ax.axison or not low - 1e-9 <= tick.get_loc() <= high + 1e-9:
                labels += [tick.label1, tick.label2]
    return labels


@pytest.mark.parametrize("language", ["en", "da"])
@pytest.mark.parametrize("name", list(FIGURES))
def test_no_text_is_cut_off_or_lies_on_another(provenance, monkeypatch, language, name):
    monkeypatch.setattr(style, "PlainAxes", Axes)  # the same picture, every label a text of its own
    plan = load_plan()
    one = edition(language, plan, example_results(plan), provenance)
    with house_style():
        drawing = FIGURES[name](one)
        texts = _texts(drawing)
    box = drawing.figure.bbox
    cut = [t for t, e in texts if e[0] < -1 or e[1] < -1 or e[2] > box.x1 + 1 or e[3] > box.y1 + 1]
    assert cut == []
    overlapping = [
        (a, b)
        for k, (a, e) in enumerate(texts)
        for b, f in texts[k + 1 :]
        if min(e[2], f[2]) - max(e[0], f[0]) > 2 and min(e[3], f[3]) - max(e[1], f[1]) > 3
    ]
    assert overlapping == []


def test_labels_in_figures_are_escaped_in_their_files(plan, provenance):
    odd = Label(en='Calm "now" <b>& æøå</b>', da="Ro")
    named = replace(
        plan,
        outcomes=plan.outcomes[:2],
        baseline_table=(),
        covariates=tuple(replace(c, label=odd) for c in plan.covariates[:2]),
    )
    one = edition("en", named, example_results(named), provenance)
    with house_style():
        picture = drawn_picture("baseline", FIGURES["baseline"](one))
    assert odd.en in "".join(ET.fromstring(picture.svg).itertext())


def test_forty_outcomes_fit_on_one_forest_plot(provenance):
    full = load_plan()
    last = max(full.waves, key=lambda w: w.months).id
    plan = replace(full, outcomes=tuple(replace(o, wave=last) for o in full.outcomes))
    one = edition("en", plan, example_results(plan), provenance)
    with house_style():
        drawing = FIGURES["forest"](one)
    assert isinstance(drawing, Drawing)
    rows = [t for t in drawing.figure.findobj(Text) if " + " in t.get_text()]
    assert len(rows) == len(full.outcomes) >= 40


def test_wrapping_keeps_words_and_width():
    text = "Socio-emotional development of the child (total score)"
    lines = wrapped(text, 40)
    assert " ".join(lines) == text
    assert all(width_mm(line, 9.0) <= 40 for line in lines)
    assert wrapped("Unbreakableword", 1) == ["Unbreakableword"]


def test_an_axis_holds_every_estimate():
    values = [(0.1, -0.2, 0.4), (1.9, 1.0, 40.0), (float("nan"), 0.0, 0.0)]
    assert reach_of(values) >= 1.9
    assert reach_of([]) == 0.5


@pytest.mark.parametrize(("width", "body"), [(85.0, 61.3), (130.0, 104.27), (175.0, 190.0), (175.0, 31.9)])
def test_a_png_loses_no_line_of_dots(provenance, width, body):
    plan = load_plan()
    one = edition("en", plan, example_results(plan), provenance)
    dots = 8
    with house_style():
        page = sheet(one, "Stripes", width=width, body=body)
        across, up = page.figure.get_size_inches() * DPI
        for k in range(1, int(0.6 * up // dots)):
            page.figure.add_artist(Rectangle((0, k * dots / up), 0.2, 1.0 / up, color="black", linewidth=0))
        for k in range(int(across * 0.3 // dots), int(across // dots)):
            page.figure.add_artist(Rectangle((k * dots / across, 0), 1.0 / across, 0.2, color="black", linewidth=0))
        picture = drawn_picture("flow", Drawing(title="s", caption="s", alt="s", figure=page.figure))
    content = next(c for _, suffix, c in figure_files(one, {"flow": picture}) if suffix == "png")
    dark = imread(io.BytesIO(content))[..., 0] < 0.7
    assert dark.shape == (round(up), round(across))
    for line in (dark[int(0.4 * up) :, 20], dark[-20, int(across * 0.3) :]):
        starts = np.flatnonzero(line & ~np.roll(line, 1))
        assert len(starts) > 10
        assert set(np.diff(starts)) == {dots}
