"""Live curves of any metrics of several runs. Needs pyqtgraph: `pip install './clients/python[app]'`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QLabel, QSplitter, QVBoxLayout, QWidget

from ...errors import RunyardError
from ...v1 import orchestrator_pb2 as pb
from . import look
from .curvetools import CurveTools
from .keylist import KeyList, rank

try:
    from .plots import Board, Series, line_color, value_at
    from .seeds import Cell, cells_of
except ImportError as error:
    if error.name not in ("numpy", "pyqtgraph"):
        raise
    raise ImportError(
        "curves need pyqtgraph: pip install './clients/python[app]' of a Runyard checkout",
        name=error.name,
    ) from error

if TYPE_CHECKING:
    from ..bridge import TrainerQBridgeThread
    from ..messages import MetricsArrived
    from ..requests import Watch

RUNS_MOST = 8
KEYS_MOST = 6
THIN = 2_000
# The event loop gets its turn after so long, however many plots there are.
_DRAWING_S = 0.012


class CurvesView(QWidget):
    """Curves of up to 8 runs, one plot for each metric that is chosen, on one axis of steps or time."""

    def __init__(self, bridge: TrainerQBridgeThread, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._runs: list[pb.RunSummary] = []
        self._series: dict[tuple[str, str], Series] = {}
        self._watches: dict[tuple[str, str], Watch] = {}
        self._widths: dict[tuple[str, str], int] = {}
        self._chosen: list[str] = []
        self._by_hand = False
        self._keys = KeyList()
        self._keys.ticked.connect(self._ticked)
        self.tools = CurveTools()
        self.tools.changed.connect(self._redraw_all)
        self.tools.log_changed.connect(self._set_log)
        self.tools.seeds_changed.connect(lambda _: self._lay_out_anew())
        self._note = QLabel(wordWrap=True)
        self._note.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._board = Board()
        self._board.pointed.connect(self._point)
        self._pointed: tuple[str, float] | None = None
        self._cells: list[Cell] = []
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.tools)
        column.addWidget(self._board, 1)
        column.addWidget(self._note)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.addWidget(self._keys)
        self.splitter.addWidget(right)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([190, 600])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.splitter)
        # Points are gathered, and drawn ten times a second at most.
        self._draw_later = QTimer(self, singleShot=True, interval=100)
        self._draw_later.timeout.connect(self._draw)
        self._draw_rest = QTimer(self, singleShot=True, interval=0)
        self._draw_rest.timeout.connect(self._draw)
        # Metrics that a run begins later than others.
        self._look_again = QTimer(self, interval=3_000)
        self._look_again.timeout.connect(self._ask_keys)
        self._asking = False
        self._say()

    def sizeHint(self) -> QSize:
        return QSize(720, 340)

    @property
    def keys(self) -> list[str]:
        """Metrics that are plotted."""
        return list(self._chosen)

    def points_of(self, run_id: str, key: str) -> tuple[Sequence[float], Sequence[float]]:
        """Steps and values that have come, in order."""
        series = self._series.get((run_id, key), Series())
        return series.steps, series.values

    def show_runs(self, runs: Sequence[pb.RunSummary]) -> None:
        """Follows these runs, at most 8; what is plotted of them stays as it was chosen."""
        before = [run.run_id for run in self._runs]
        self._runs = list(runs[:RUNS_MOST])
        now = [run.run_id for run in self._runs]
        self._left_out = max(0, len(runs) - RUNS_MOST)
        if now == before:
            self._say_legend()
            return
        self._cells = cells_of(self._runs)
        self.tools.seeds.setVisible(bool(self._cells))
        self._say_legend()
        if self.by_seeds or self._board.has_means:
            self._lay_out()
        for pair in [pair for pair in self._watches if pair[0] not in now]:
            self._drop(pair)
        self._by_hand = self._by_hand and bool(set(now) & set(before))
        if not set(now) & set(before):
            self._keys.forget()
            self._choose([])
        self._ask_keys()
        self._follow()
        self._look_again.start() if now else self._look_again.stop()
        self._say()

    def choose(self, keys: Sequence[str]) -> None:
        """Plots these metrics, at most 6."""
        self._by_hand = True
        self._choose(list(keys[:KEYS_MOST]))

    def _choose(self, keys: list[str]) -> None:
        self._chosen = keys
        self._keys.tick(keys)
        for pair in [pair for pair in self._watches if pair[1] not in keys]:
            self._drop(pair)
        self._lay_out()
        self._follow()
        self._say()

    def _ask_keys(self) -> None:
        if self._asking or not self._runs:
            return
        self._asking = True
        asked = [run.run_id for run in self._runs]
        request = self._bridge.metric_keys(*asked)
        request.done.connect(lambda keys: self._take_keys(asked, keys))
        request.failed.connect(self._no_keys)

    def _no_keys(self, error: RunyardError) -> None:
        self._asking = False

    def _take_keys(self, asked: list[str], keys: Sequence[pb.MetricKey]) -> None:
        self._asking = False
        if asked != [run.run_id for run in self._runs]:
            self._ask_keys()
            return
        last: dict[str, float] = {}
        for one in keys:
            last[one.key] = one.last
        if not last:
            self._say()
            return
        self._keys.know(last, self._chosen)
        if not self._by_hand and not self._chosen:
            self._choose(sorted(last, key=rank)[:2])
        self._say()

    def _ticked(self, name: str, on: bool) -> None:
        keys = [key for key in self._chosen if key != name] + ([name] if on else [])
        self._by_hand = True
        self._choose(keys[-KEYS_MOST:])

    def _follow(self) -> None:
        for run in self._runs:
            for key in self._chosen:
                pair = (run.run_id, key)
                if pair in self._watches:
                    continue
                self._series[pair] = Series()
                watch = self._bridge.watch_metrics(run.run_id, key, thin=THIN)
                watch.arrived.connect(self._take)
                self._watches[pair] = watch
        self._redraw_all()

    def _drop(self, pair: tuple[str, str]) -> None:
        watch = self._watches.pop(pair, None)
        if watch is not None:
            watch.cancel()
        series = self._series.pop(pair, None)
        if series is not None:
            self._board.remove(pair[1], series)

    def _take(self, arrived: MetricsArrived) -> None:
        for column in arrived.columns:
            pair = (arrived.run_id, column.key)
            series = self._series.get(pair)
            watch = self._watches.get(pair)
            if series is None or watch is None or watch.id != arrived.watch:
                continue
            series.add(column)
            if arrived.thin_width:
                self._widths[pair] = arrived.thin_width
        if not self._draw_later.isActive():
            self._draw_later.start()

    def _lay_out(self) -> None:
        for series in self._series.values():
            series.undraw()
        self._board.lay_out(self._chosen, self.tools.log.isChecked())

    def _lay_out_anew(self) -> None:
        self._lay_out()
        self._say_legend()
        self._redraw_all()

    def _redraw_all(self) -> None:
        for series in self._series.values():
            series.dirty = True
        self._draw_later.start()

    def _set_log(self, on: bool) -> None:
        self._board.set_log(on)
        self._redraw_all()

    def _draw(self) -> None:
        factor, log = self.tools.factor, self.tools.log.isChecked()
        begins = [self._begin_of(run) for run in self._runs]
        end = time.perf_counter() + _DRAWING_S
        for key in self._chosen:
            if time.perf_counter() > end:
                # What was not drawn is still to be.
                self._draw_rest.start()
                break
            lines = [self._series.get((run.run_id, key)) for run in self._runs]
            for cell, color in zip(self._cells if self.by_seeds else [], self._colors()):
                members = [(lines[at], begins[at]) for at in cell.members]
                there = [(line, begin) for line, begin in members if line is not None]
                self._board.draw_mean(key, cell.name, there, color, factor, log)
            if not self.by_seeds:
                for line, color, begin in zip(lines, self._colors(), begins):
                    if line is not None:
                        self._board.draw(key, line, color, factor, begin)
        if self._pointed is not None:
            self._say_legend()
        self._say()

    def _begin_of(self, run: pb.RunSummary) -> float | None:
        if not self.tools.by_time:
            return None
        start = look.time_of(run.started_at)
        return start.timestamp() if start is not None else 0.0

    @property
    def by_seeds(self) -> bool:
        """Whether runs that differ in their seed alone are drawn as one line."""
        return self.tools.seeds.isChecked() and bool(self._cells)

    def _colors(self) -> list[QColor]:
        return [line_color(at, self.palette()) for at in range(len(self._runs))]

    def _point(self, at: tuple[str, float] | None) -> None:
        self._pointed = at
        self._say_legend()

    def _say_legend(self) -> None:
        names = [cell.name for cell in self._cells] if self.by_seeds else []
        names = names or [run.name or run.run_id for run in self._runs]
        parts = []
        for at, (name, color) in enumerate(zip(names, self._colors())):
            words = name.replace("&", "&amp;").replace("<", "&lt;")
            parts.append(f'<span style="color:{color.name()}">━</span> {words}{self._value_of(at, name)}')
        if self._left_out:
            parts.append(f"and {self._left_out} more that are not drawn")
        if self._pointed is not None:
            x = self._pointed[1]
            parts.append(f"at {x:,.1f} s" if self.tools.by_time else f"at step {x:,.0f}")
        self.tools.legend.setText("&nbsp;&nbsp; ".join(parts))

    def _value_of(self, at: int, name: str) -> str:
        """Below the pointer, of the line with this place in the legend."""
        if self._pointed is None:
            return ""
        key, x = self._pointed
        drawn = self._board.drawn_mean(key, name) if self.by_seeds else None
        if not self.by_seeds:
            series = self._series.get((self._runs[at].run_id, key))
            drawn = series.drawn if series is not None else None
        value = value_at(drawn, x)
        return "" if value is None else f" <b>{value:.4g}</b>"

    def _say(self) -> None:
        if not self._runs:
            text = "Choose one run or several to see their curves."
        elif self._keys.count() == 0:
            text = "No metrics so far."
        elif not self._chosen:
            text = "Choose metrics on the left."
        else:
            widths = [
                width for pair, width in self._widths.items() if pair in self._watches and width > 1
            ]
            text = (
                f"Older points as extremes and last of each {max(widths):,}; none that came since is left out."
                if widths
                else ""
            )
        self._note.setText(text)
        self._note.setVisible(text != "")
        there = bool(self._runs) and self._keys.count() > 0
        for part in (self._keys, self.tools):
            part.setVisible(there)
        self._board.setVisible(there and bool(self._chosen))
        middle = (
            Qt.AlignmentFlag.AlignCenter
            if not self._board.isVisibleTo(self)
            else Qt.AlignmentFlag(0)
        )
        self._note.setAlignment(middle or Qt.AlignmentFlag.AlignLeft)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if hasattr(self, "_asking") and event.type() == QEvent.Type.PaletteChange:
            self._lay_out_anew()

    _left_out = 0
