"""matplotlib's axes without what it does in vain, a quarter of the time of a figure: the same picture.

Some of the methods are not public: where a version of matplotlib no longer calls them, only the time is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis, Tick, XAxis, YAxis
from matplotlib.text import Text


class _Axis(Axis):
    def set_clip_path(self, path: Any, transform: Any = None) -> None:
        """Clip the ticks that there are, and make none for it: no grid line is clipped, as none reaches further."""
        with self._no_ticks_made():
            super().set_clip_path(path, transform)

    def set_tick_params(self, which: Any = "major", reset: bool = False, **kwargs: Any) -> None:
        """Change the ticks that there are and those to come, and make none for it."""
        with self._no_ticks_made():
            super().set_tick_params(which, reset, **kwargs)

    @contextmanager
    def _no_ticks_made(self) -> Iterator[None]:
        """Let lists of ticks that would be made when they are first asked for be empty for a while."""
        lists = vars(self)
        unmade = [name for name in ("majorTicks", "minorTicks") if name not in lists]
        lists.update({name: [] for name in unmade})
        yield
        for name in unmade:
            lists.pop(name, None)

    def _copy_tick_props(self, src: Tick, dest: Tick) -> None:
        """Copy nothing from one tick to the next: all are made by the same rules and never changed one by one."""

    def _get_ticklabel_bboxes(self, ticks: Any, renderer: Any) -> tuple[list[Any], list[Any]]:
        """Measure no tick labels where no label of the axis must keep clear of them."""
        inherited: Any = super()
        measured: tuple[list[Any], list[Any]] = ([], [])
        return inherited._get_ticklabel_bboxes(ticks, renderer) if self.get_label_text() else measured


class _Words(Text):
    def set_clip_path(self, path: Any, transform: Any = None) -> None:
        """Take no path to be clipped by: words are not clipped."""


class _XAxis(_Axis, XAxis):
    pass


class _YAxis(_Axis, YAxis):
    pass


class PlainAxes(Axes):
    """Axes whose ticks are made when they are drawn, all alike, and whose words are never clipped."""

    def text(self, x: float, y: float, s: str, fontdict: Any = None, **kwargs: Any) -> Text:
        """Write words, by default at a place in the units of the axes."""
        words = _Words(x, y, s, **{"transform": self.transData, "clip_on": False, **(fontdict or {}), **kwargs})
        self.add_artist(words)
        return words

    def _init_axis(self) -> None:
        self.xaxis, self.yaxis = _XAxis(self, clear=False), _YAxis(self, clear=False)
        for side, axis in (("bottom", self.xaxis), ("top", self.xaxis), ("left", self.yaxis), ("right", self.yaxis)):
            self.spines[side].register_axis(axis)
