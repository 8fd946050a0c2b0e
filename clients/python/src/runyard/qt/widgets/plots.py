"""Plots of pyqtgraph, one for each metric, with a line for each run."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy
import pyqtgraph  # type: ignore[import-untyped]
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QPalette

from ..messages import Column
from . import look
from .meanline import MeanLine
from .seeds import mean_of

# Told apart by people who see colours otherwise, too; no state's colour.
_LIGHT = (
    *("#0b5cad", "#b5500b", "#7a3e9d", "#00767a"),
    *("#8a6d00", "#c2387b", "#3f4a55", "#5b8a00"),
)
_DARK = (
    *("#6cb1ff", "#f0a05a", "#c89bea", "#4fd0d3"),
    *("#e3c54b", "#ff8cc3", "#b6c0ca", "#a9d54e"),
)
# Qt draws a line of one pixel many times as fast as a thicker one.
_THICK_MOST = 4_000


def line_color(number: int, palette: QPalette) -> QColor:
    """Of the n-th run."""
    return QColor((_DARK if look.is_dark(palette) else _LIGHT)[number % len(_LIGHT)])


@dataclass
class Series:
    """Points of one metric of one run, in the order of their numbers, and how they are drawn."""

    steps: array[float] = field(default_factory=lambda: array("d"))
    walls: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))
    dirty: bool = True
    raw: Any = None
    smooth: Any = None
    nan: Any = None
    # Along what, and which values, as they are drawn: pairs of arrays.
    drawn: Any = None
    _means: array[float] = field(default_factory=lambda: array("d"))
    _factor: float = 0.0
    _mean: float = 0.0
    _weight: float = 0.0

    def add(self, column: Column) -> None:
        first = len(self.values)
        # Where the source has no step, the point's own number is as good.
        self.steps.extend(
            float(first + at) if math.isnan(step) else step for at, step in enumerate(column.steps)
        )
        self.walls.extend(column.walls)
        self.values.extend(column.values)
        self.dirty = True

    def smoothed(self, factor: float) -> array[float]:
        """Exponential mean without a bend at its beginning; what is no number is left out of it. New points only
        cost what they are, while the factor stays."""
        if factor != self._factor:
            self._means, self._factor, self._mean, self._weight = array("d"), factor, 0.0, 0.0
        for value in self.values[len(self._means) :]:
            if math.isfinite(value):
                self._mean = factor * self._mean + (1 - factor) * value
                self._weight = factor * self._weight + (1 - factor)
                self._means.append(self._mean / self._weight)
            else:
                self._means.append(math.nan)
        return self._means

    def undraw(self) -> None:
        self.raw = self.smooth = self.nan = self.drawn = None
        self.dirty = True


    def along(self, begin: float | None) -> Any:
        """Steps, or seconds since `begin`; a copy, since the arrays grow, and may move while they are drawn."""
        return numpy.array(self.steps if begin is None else self.walls) - (begin or 0.0)


def value_at(drawn: Any, x: float) -> float | None:
    """Of the last point that is not beyond x."""
    if drawn is None:
        return None
    along, values = drawn
    at = int(numpy.searchsorted(along, x, side="right")) - 1
    return float(values[at]) if at >= 0 and math.isfinite(values[at]) else None


class Board(pyqtgraph.GraphicsLayoutWidget):  # type: ignore[misc]
    """Plots side by side, on one axis; a rectangle drawn with the mouse zooms in, a double click shows all again."""

    pointed = Signal(object)
    """The pointer is in a plot: its key, and where along the axis; a line shows that in all plots. None: in none."""

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(self.Shape.NoFrame)
        self._plots: dict[str, Any] = {}
        self._cursors: list[Any] = []
        self._means: dict[tuple[str, str], MeanLine] = {}
        self.scene().sigMouseMoved.connect(self._moved)

    def lay_out(self, keys: Sequence[str], log: bool) -> None:
        """All anew; what was drawn is gone."""
        self.setBackground(self.palette().color(QPalette.ColorRole.Base))
        self.clear()
        self._plots.clear()
        self._cursors.clear()
        self._means.clear()
        columns = 1 if len(keys) < 2 else 2
        for at, key in enumerate(keys):
            plot = self.addPlot(row=at // columns, col=at % columns)
            ink = self.palette().color(QPalette.ColorRole.Text)
            plot.setTitle(key, size="9pt", justify="left", color=ink)
            plot.showGrid(x=True, y=True, alpha=0.12)
            plot.hideButtons()
            plot.setClipToView(True)
            # Of more points than pixels, the extremes are drawn: it looks the same.
            plot.setDownsampling(auto=True, mode="peak")
            plot.getViewBox().setMouseMode(pyqtgraph.ViewBox.RectMode)
            plot.setLogMode(y=log)
            for side in ("left", "bottom"):
                axis = plot.getAxis(side)
                axis.setPen(look.line_color(self.palette()))
                axis.setTextPen(look.quiet_color(self.palette()))
                axis.enableAutoSIPrefix(False)
            if self._plots:
                plot.setXLink(next(iter(self._plots.values())))
            pen = pyqtgraph.mkPen(look.quiet_color(self.palette()), style=Qt.PenStyle.DotLine)
            cursor = pyqtgraph.InfiniteLine(pen=pen)
            cursor.setVisible(False)
            plot.addItem(cursor, ignoreBounds=True)
            self._cursors.append(cursor)
            self._plots[key] = plot

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.point(None)

    def _moved(self, place: QPointF) -> None:
        for key, plot in self._plots.items():
            box = plot.getViewBox()
            if box.sceneBoundingRect().contains(place):
                self.point((key, float(box.mapSceneToView(place).x())))
                return
        self.point(None)

    def point(self, at: tuple[str, float] | None) -> None:
        """Shows a place along the axis in all plots, and tells of it."""
        for cursor in self._cursors:
            cursor.setVisible(at is not None)
            if at is not None:
                cursor.setPos(at[1])
        self.pointed.emit(at)

    def set_log(self, log: bool) -> None:
        for plot in self._plots.values():
            plot.setLogMode(y=log)

    def remove(self, key: str, series: Series) -> None:
        plot = self._plots.get(key)
        for line in (series.raw, series.smooth, series.nan):
            if plot is not None and line is not None:
                plot.removeItem(line)

    def draw(
        self, key: str, series: Series, color: QColor, factor: float, begin: float | None
    ) -> None:
        """factor: of the smoothing, 0 for none. begin: when the run started, for an axis of seconds; None: of steps."""
        plot = self._plots.get(key)
        if plot is None or not series.dirty or not series.values:
            return
        series.dirty = False
        values, along = numpy.array(series.values), series.along(begin)
        wide = len(values) < _THICK_MOST
        faint = QColor(color)
        faint.setAlpha(70)
        if series.raw is None:
            series.raw = plot.plot()
        pen = pyqtgraph.mkPen(faint if factor else color, width=1.5 if wide and not factor else 1)
        series.raw.setPen(pen)
        series.raw.setSymbol("o" if len(values) == 1 else None)
        series.raw.setSymbolBrush(color)
        series.raw.setData(along, values, connect="finite")
        series.drawn = (along, values)
        if factor:
            if series.smooth is None:
                series.smooth = plot.plot()
            series.smooth.setPen(pyqtgraph.mkPen(color, width=1.8 if wide else 1))
            means = numpy.array(series.smoothed(factor))
            series.smooth.setData(along, means, connect="finite")
            series.drawn = (along, means)
        elif series.smooth is not None:
            series.smooth.setData([], [])
        self._mark(plot, series, along, values)

    @property
    def has_means(self) -> bool:
        return bool(self._means)

    def drawn_mean(self, key: str, name: str) -> Any:
        line = self._means.get((key, name))
        return line.drawn if line is not None else None

    def draw_mean(
        self,
        key: str,
        name: str,
        members: Sequence[tuple[Series, float | None]],
        color: QColor,
        factor: float,
        log: bool,
    ) -> None:
        """One line and its band for all members, each with where it begins as in `draw`."""
        plot = self._plots.get(key)
        there = [(series, begin) for series, begin in members if series.values]
        if plot is None or not there or not any(series.dirty for series, _ in there):
            return
        line = self._means.get((key, name))
        if line is None:
            line = self._means[key, name] = MeanLine(plot, color)
        raw = [(series.along(begin), numpy.array(series.values)) for series, begin in there]
        smooth = [
            (along, numpy.array(series.smoothed(factor)) if factor else values)
            for (series, _), (along, values) in zip(there, raw)
        ]
        line.draw(mean_of(smooth), mean_of(raw) if factor else None, log)
        for series, _ in there:
            series.dirty = False

    def _mark(self, plot: Any, series: Series, along: Any, values: Any) -> None:
        """Where it stopped to be a number."""
        lost = numpy.flatnonzero(~numpy.isfinite(values))
        if not len(lost):
            return
        first = along[lost[0]]
        if series.nan is None:
            red = look.state_color("failed", self.palette())
            pen = pyqtgraph.mkPen(red, style=Qt.PenStyle.DashLine)
            options = {"color": red, "position": 0.9}
            series.nan = pyqtgraph.InfiniteLine(first, pen=pen, label="", labelOpts=options)
            plot.addItem(series.nan)
        series.nan.setPos(first)
        series.nan.label.setFormat(f"NaN from {first:g}")
