"""matplotlib's axes with less work and the same picture: ticks were a third of what a figure costs.

matplotlib makes five parts for every tick, drawn or not. Here one tick is moved from place to place, on every axis
that has nothing but marks and their labels on one side; other axes are drawn as matplotlib draws them.
One of the methods is not public: if a version of matplotlib no longer calls it, only the time is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis, YAxis
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FixedLocator

NEAR = 1e-10


class _Axis(Axis):
    axis_name: str

    def draw(self, renderer: Any) -> None:
        """Draw the marks at once and the labels one by one."""
        if not (self.get_visible() and self._plain()):
            super().draw(renderer)
            return
        self.stale = False
        places, labels = self._shown()
        if not places:
            return
        tick: Any = self.get_major_ticks(1)[0]
        tick.tick1line.set_data(*self._across(places, [0.0] * len(places)))
        tick.tick1line.draw(renderer)
        for place, label in zip(places, labels, strict=True):
            tick.label1.set_text(label)
            tick.label1.set_position(self._across(place, 0.0))
            tick.label1.draw(renderer)

    def set_ticks(self, ticks: Any, labels: Iterable[str] | None = None, *, minor: bool = False, **kwargs: Any) -> Any:
        """Set where ticks are and what they say; `kwargs` are of their labels."""
        if minor:
            return super().set_ticks(ticks, labels, minor=minor, **kwargs)
        self.set_major_locator(FixedLocator(ticks))
        if labels is not None:
            self.set_major_formatter(FixedFormatter(list(labels)))
        if not len(ticks):
            return []
        self.set_view_interval(min(ticks), max(ticks))
        first = self.get_major_ticks(1)
        first[0].label1.set(**kwargs)
        return first

    def set_clip_path(self, path: Any, transform: Any = None) -> None:
        """Clip the ticks that there are, and make none for it: grid lines, of which no figure has any, are not."""
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
        try:
            yield
        finally:
            for name in unmade:
                lists.pop(name, None)

    def _plain(self) -> bool:
        """Return whether there are only marks and labels on the first side, and no label of the axis to keep clear."""
        if self.get_label_text() or len(self.get_minorticklocs()):
            return False
        if not len(self.get_majorticklocs()):
            return True
        tick: Any = self.get_major_ticks(1)[0]
        return not any(part.get_visible() for part in (tick.tick2line, tick.gridline, tick.label2))

    def _shown(self) -> tuple[list[float], list[str]]:
        """Return the places of the ticks within the limits, and their labels."""
        places = list(self.get_majorticklocs())
        labels = self.get_major_formatter().format_ticks(places)
        low, high = sorted(self.get_view_interval())
        room = NEAR * (high - low)
        kept = [k for k, place in enumerate(places) if low - room <= place <= high + room]
        return [float(places[k]) for k in kept], [labels[k] for k in kept]

    def _across(self, along: Any, beside: Any) -> tuple[Any, Any]:
        return (along, beside) if self.axis_name == "x" else (beside, along)


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
