"""One run, or several beside each other: where it is and why, its curves, output, events, artifacts, configuration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QSplitter,
    QStackedLayout,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from ...v1 import orchestrator_pb2 as pb
from ..models._words import place_of
from . import look
from .artifacts import ArtifactsView
from .chart import ChartView
from .events import EventsView
from .logs import LogsView

if TYPE_CHECKING:
    from ..bridge import TrainerQBridgeThread
    from ..messages import RunEvents
    from ..requests import Watch
    from .curves import CurvesView


class RunView(QWidget):
    """The first of the runs that are shown is the one whose chart, output and events these are; curves are of all."""

    def __init__(self, bridge: TrainerQBridgeThread, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._run: pb.RunSummary | None = None
        self._watch: Watch | None = None
        self._head = QLabel()
        self._head.setTextFormat(Qt.TextFormat.RichText)
        self._head.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._whole = QCheckBox("Whole &chart")
        self._whole.setToolTip("All states and what leads where; drag, wheel, Ctrl+wheel")
        self._why = QLabel(wordWrap=True)
        self._why.setTextFormat(Qt.TextFormat.PlainText)
        self._why.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.chart = ChartView(bridge)
        self._whole.toggled.connect(self.chart.set_whole)
        self.curves, place = _curves_or_words(bridge)
        self.logs = LogsView(bridge)
        self.events = EventsView()
        self.artifacts = ArtifactsView(bridge)
        self._config = QPlainTextEdit(readOnly=True, tabChangesFocus=True)
        self._config.setFont(look.fixed_font())
        self._config.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self._config.setAccessibleName("configuration")
        self.tabs = QTabWidget(documentMode=True)
        for part, title in (
            (self.logs, "&Output"),
            (self.events, "&Events"),
            (self.artifacts, "&Artifacts"),
            (self._config, "Confi&guration"),
        ):
            self.tabs.addTab(part, title)
        head = QHBoxLayout()
        head.addWidget(self._head, 1)
        head.addWidget(self._whole)
        top = QVBoxLayout()
        top.setContentsMargins(10, 6, 10, 4)
        top.setSpacing(2)
        top.addLayout(head)
        top.addWidget(self._why)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        for row, stretch in ((self.chart, 2), (place, 4), (self.tabs, 4)):
            self.splitter.addWidget(row)
            self.splitter.setStretchFactor(self.splitter.count() - 1, stretch)
        self.splitter.setSizes([220, 250, 310])
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(self.splitter, 1)
        none = look.quiet_label(
            "Choose a run on the left; several, to see their curves beside each other."
        )
        none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pages = QStackedLayout(self)
        self._pages.addWidget(none)
        self._pages.addWidget(inside)
        self._second = QTimer(self, interval=1000)
        self._second.timeout.connect(self._say)
        self._second.start()
        self._say()

    @property
    def why(self) -> str:
        """The sentence below its name."""
        return self._why.text()

    def show_runs(self, runs: Sequence[pb.RunSummary]) -> None:
        run = runs[0] if runs else None
        before = self._run.run_id if self._run is not None else ""
        self._run = run
        now = run.run_id if run is not None else ""
        if now != before:
            if self._watch is not None:
                self._watch.cancel()
                self._watch = None
            self.events.model.clear()
            self._config.clear()
        self.chart.show_run(run)
        if now != before and run is not None:
            watch = self._bridge.watch_run(now)
            watch.arrived.connect(self._take)
            self._watch = watch
            details = self._bridge.details(now)
            details.done.connect(self._take_details)
        self.logs.show_run(now)
        live = run is not None and run.status not in look.OVER
        self.artifacts.show_run(now, live)
        if self.curves is not None:
            self.curves.show_runs(runs)
        self._say()

    def go_live(self) -> None:
        """To the end of its output."""
        self.tabs.setCurrentWidget(self.logs)
        self.logs.go_live()

    def save_to(self, settings: QSettings) -> None:
        settings.setValue("run/splitter", self.splitter.saveState())
        settings.setValue("run/tab", self.tabs.currentIndex())
        settings.setValue("run/artifacts", self.artifacts.splitter.saveState())
        settings.setValue("run/whole", self._whole.isChecked())
        if self.curves is not None:
            settings.setValue("run/curves", self.curves.splitter.saveState())

    def restore_from(self, settings: QSettings) -> None:
        parts = [("run/splitter", self.splitter), ("run/artifacts", self.artifacts.splitter)]
        if self.curves is not None:
            parts.append(("run/curves", self.curves.splitter))
        for name, splitter in parts:
            state = settings.value(name)
            if state is not None:
                splitter.restoreState(state)
        self.tabs.setCurrentIndex(int(str(settings.value("run/tab", 0))))
        self._whole.setChecked(str(settings.value("run/whole", "false")) == "true")

    def _take(self, arrived: RunEvents) -> None:
        self.chart.take_events(arrived.events)
        self.events.model.add(arrived.events)

    def _take_details(self, details: pb.RunDetails) -> None:
        if self._run is None or details.run.run_id != self._run.run_id:
            return
        config = json.loads(details.config_json)
        self._config.setPlainText(json.dumps(config, indent=2, ensure_ascii=False))

    def _say(self) -> None:
        run = self._run
        self._pages.setCurrentIndex(0 if run is None else 1)
        if run is None:
            self._head.setText("")
            self._why.setText("")
            return
        palette = self.palette()
        color = look.state_color(run.status, palette).name()
        quiet = look.quiet_color(palette).name()
        facts = [_escaped(run.run_id), f"attempt {run.attempt}" if run.attempt > 1 else ""]
        facts += [_escaped(place_of(run.gpu_slots)), f"pid {run.pid}" if run.pid else ""]
        facts += [
            _escaped(run.user),
            look.span(run.started_at, run.finished_at) if run.started_at else "",
        ]
        words = " · ".join(fact for fact in facts if fact)
        head = (
            f'<b style="font-size: large">{_escaped(run.name or run.run_id)}</b> &nbsp;'
            f'<span style="color:{color}">{look.glyph_of(run.status)} {run.status}</span> &nbsp;'
            f'<span style="color:{quiet}">{words}</span>'
        )
        if head != self._head.text():
            self._head.setText(head)
        why = run.why or run.failure_reason.text
        if run.failure_cause.text and run.failure_cause.text not in why:
            why = f"{why}\nProbably: {run.failure_cause.text}"
        self._why.setText(why or run.command)
        bad = run.status in look.BAD
        self._why.setForegroundRole(
            QPalette.ColorRole.WindowText if bad else QPalette.ColorRole.PlaceholderText
        )


def _curves_or_words(bridge: TrainerQBridgeThread) -> tuple[CurvesView | None, QWidget]:
    """The curves are the one part that needs more than Qt."""
    try:
        from .curves import CurvesView
    except ImportError as error:
        words = look.quiet_label(str(error))
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        return None, words
    curves = CurvesView(bridge)
    return curves, curves


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
