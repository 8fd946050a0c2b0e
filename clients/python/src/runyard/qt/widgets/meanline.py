"""A mean with its band, in a plot of pyqtgraph."""

from __future__ import annotations

from typing import Any

import numpy
import pyqtgraph  # type: ignore[import-untyped]
from PySide6.QtGui import QColor

from .seeds import Mean

_BAND_ALPHA, _FAINT_ALPHA = 50, 70


class MeanLine:
    def __init__(self, plot: Any, color: QColor) -> None:
        band, faint = QColor(color), QColor(color)
        band.setAlpha(_BAND_ALPHA)
        faint.setAlpha(_FAINT_ALPHA)
        # Along what, and which means.
        self.drawn: Any = None
        # A pen that draws nothing: without one they would have no data either.
        nothing = pyqtgraph.mkPen(None)
        self._edges = [pyqtgraph.PlotDataItem(pen=nothing) for _ in range(2)]
        self._band = pyqtgraph.FillBetweenItem(*self._edges, brush=pyqtgraph.mkBrush(band))
        self._raw = pyqtgraph.PlotDataItem(pen=pyqtgraph.mkPen(faint, width=1))
        self._mean = pyqtgraph.PlotDataItem(pen=pyqtgraph.mkPen(color, width=1.8))
        for item in (self._band, *self._edges, self._raw, self._mean):
            plot.addItem(item)

    def draw(self, mean: Mean, raw: Mean | None, log: bool) -> None:
        """raw: of what was measured, where `mean` is of smoothed lines. log: a band that goes below zero has no end."""
        self.drawn = (mean.xs, mean.mean)
        self._mean.setData(mean.xs, mean.mean, connect="finite")
        self._raw.setData(*(([], []) if raw is None else (raw.xs, raw.mean)), connect="finite")
        there = numpy.isfinite(mean.low) & ((mean.low > 0) | (not log))
        for edge, values in zip(self._edges, (mean.low, mean.high)):
            edge.setData(mean.xs[there], values[there])
