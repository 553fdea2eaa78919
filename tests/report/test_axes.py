"""Axes that make no tick in vain: the same picture as matplotlib's own."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from tests.report.example import example_results

from mtb_eval.report import style
from mtb_eval.report.axes import PlainAxes
from mtb_eval.report.edition import edition
from mtb_eval.report.figures import FIGURES
from mtb_eval.report.style import RULES, house_style
from mtb_eval.study import load_plan


def _plain(ax):
    ax.plot([0, 1, 2], [3, 1, 2])


def _labelled(ax):
    ax.plot([0, 1, 2], [3, 1, 2], marker="o")
    ax.set_xlabel("months")
    ax.set_ylabel("share")
    ax.text(1, 2, "a word\nand one below", ha="center")


def _parameters(ax):
    ax.tick_params(axis="x", length=2, labelbottom=False)
    ax.tick_params(axis="y", color="red", labelrotation=30)
    ax.set_xticks([0, 5, 10], ["none", "some", "many"])
    ax.yaxis.set_major_locator(MultipleLocator(0.25))


def _with_small_ticks(ax):
    ax.xaxis.set_minor_locator(MultipleLocator(0.1))
    ax.tick_params(which="both", direction="in")
    ax.invert_yaxis()


def _off(ax):
    ax.set_axis_off()
    ax.text(0.5, 0.5, "alone", transform=ax.transAxes)


def _dots(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def _with(axes_class, draw):
    with rc_context(RULES):
        figure = Figure(figsize=(3, 2))
        draw(figure.add_axes((0.2, 0.2, 0.7, 0.7), axes_class=axes_class))
        return _dots(figure)


@pytest.mark.parametrize("draw", [_plain, _labelled, _parameters, _with_small_ticks, _off])
def test_the_picture_is_that_of_matplotlibs_axes(draw):
    np.testing.assert_array_equal(_with(PlainAxes, draw), _with(Axes, draw))


@pytest.mark.parametrize("name", list(FIGURES))
def test_every_figure_is_that_of_matplotlibs_axes(provenance, monkeypatch, name):
    plan = load_plan()
    one = edition("da", plan, example_results(plan), provenance)
    with house_style():
        found = _dots(FIGURES[name](one).figure)
        monkeypatch.setattr(style, "PlainAxes", Axes)
        np.testing.assert_array_equal(found, _dots(FIGURES[name](one).figure))


def test_no_tick_is_made_before_it_is_drawn():
    with rc_context(RULES):
        ax = Figure().add_axes((0, 0, 1, 1), axes_class=PlainAxes)
        ax.tick_params(length=1)
    assert not {"majorTicks", "minorTicks"} & {*vars(ax.xaxis), *vars(ax.yaxis)}
