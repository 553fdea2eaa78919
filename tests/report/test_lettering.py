"""Lines of text measured by their letters, against matplotlib's own measure of whole lines."""

from __future__ import annotations

import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from mtb_eval.report.lettering import line_size

LINES = (
    "0.35 [−0.12; 0.82]",
    "Kommunikation, forældre–barn (EP-DS)",
    "AVATAR To Ve",
    "  two spaces  ",
    "x",
    "-",
    "n = 183 · 71 %",
    "Æblegrød på Ærø ≥ 45 besøg",
)


@pytest.mark.parametrize("weight", ["normal", "bold"])
@pytest.mark.parametrize("line", LINES)
def test_a_line_is_as_large_as_matplotlib_measures_it(line, weight):
    font = FontProperties(family="DejaVu Sans", size=9.0, weight=weight)
    width, height, descent = text_to_path.get_text_width_height_descent(line, font, False)
    found = line_size(line, 9.0, weight)
    assert found[0] == pytest.approx(width, rel=0.006)
    assert found[1:] == pytest.approx((height, descent), abs=1e-9)


def test_an_empty_line_has_no_size():
    assert line_size("", 9.0, "bold") == (0.0, 0.0, 0.0)
