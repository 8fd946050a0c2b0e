"""The window itself: what is where, what the keys do, and what it remembers."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QByteArray, QSettings, Qt
from PySide6.QtGui import QAction, QActionGroup, QCloseEvent, QKeySequence
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QLabel,
    QMainWindow,
    QMessageBox,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from ...v1 import orchestrator_pb2 as pb
from ..bridge import TrainerQBridgeThread
from ..messages import Connection
from ..widgets.actions import RunActions
from ..widgets.connection import ConnectionBanner
from ..widgets.gpus import GpusView
from ..widgets.keys import on_key
from ..widgets.notice import NoticeBoard
from ..widgets.run import RunView
from ..widgets.runs import RunsView
from .appearance import appear
from .failures import Failures

_SAID_MS = 6_000
_VERSION = 1
_KEYS = """\
<table cellspacing="6">
<tr><td><b>/</b></td><td>filter the list (<b>Ctrl+K</b>), search the output (<b>Ctrl+F</b>)</td></tr>
<tr><td><b>j</b>, <b>k</b></td><td>next run, run before</td></tr>
<tr><td><b>Shift</b> and arrows</td><td>choose several: their curves beside each other</td></tr>
<tr><td><b>Enter</b></td><td>to the run's output</td></tr>
<tr><td><b>Ctrl+G</b></td><td>the GPUs</td></tr>
<tr><td><b>Ctrl+N</b></td><td>submit a run; <b>Ctrl+Shift+N</b>: one like it</td></tr>
<tr><td><b>Ctrl+.</b> or <b>s</b></td><td>stop</td></tr>
<tr><td><b>Ctrl+P</b></td><td>pause</td></tr>
<tr><td><b>Ctrl+R</b></td><td>retry</td></tr>
<tr><td><b>Ctrl+L</b></td><td>to the end of the output, and follow it</td></tr>
<tr><td><b>F3</b>, <b>Shift+F3</b></td><td>next match in the output, match before</td></tr>
<tr><td><b>Alt</b> and a letter</td><td>what has that letter underlined</td></tr>
<tr><td><b>Esc</b></td><td>show all runs again</td></tr>
</table>"""


class Window(QMainWindow):
    """Takes a bridge that may not have started yet; closing the window stops it.

    run: id or name of the run to show first.
    """

    def __init__(self, bridge: TrainerQBridgeThread, settings: QSettings, *, run: str = "") -> None:
        super().__init__()
        self._bridge = bridge
        self._settings = settings
        self._wanted = run
        self.setWindowTitle("Runyard")
        self.banner = ConnectionBanner(bridge)
        self.notices = NoticeBoard()
        self.actions_of_runs = RunActions(bridge, self, settings)
        self.runs = RunsView(bridge, actions=self.actions_of_runs.menu())
        self.run = RunView(bridge)
        self.failures = Failures(self.notices, self)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.addWidget(self.runs)
        self._split.addWidget(self.run)
        self._split.setStretchFactor(1, 1)
        self._split.setSizes([560, 800])
        self._split.setChildrenCollapsible(False)
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.banner)
        layout.addWidget(self.notices)
        layout.addWidget(self._split, 1)
        self.runs.setContentsMargins(8, 8, 0, 0)
        self.setCentralWidget(inside)
        self._gpus = QDockWidget("GPUs", self)
        self._gpus.setObjectName("gpus")
        self._gpus.setWidget(GpusView(bridge))
        self.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self._gpus)
        self._gpus.hide()
        self._health = QLabel()
        self.statusBar().addPermanentWidget(self._health)
        self._menus()
        self._tools()
        self.runs.chosen.connect(self._chosen)
        self.runs.opened.connect(lambda _: self._to_output())
        self.actions_of_runs.said.connect(self._said)
        self.actions_of_runs.begun.connect(self._begun)
        bridge.runs_changed.connect(self.failures.apply)
        bridge.runs_changed.connect(lambda _: self._look_for())
        self.runs.model.arranging_changed.connect(lambda _: self._look_for())
        self.failures.wanted.connect(self._show_runs)
        self.failures.retried.connect(self.actions_of_runs.retry_run)
        bridge.connection_changed.connect(self._connection)
        bridge.health_changed.connect(self._told)
        self._restore()

    def closeEvent(self, event: QCloseEvent) -> None:
        settings = self._settings
        settings.setValue("window/geometry", self.saveGeometry())
        settings.setValue("window/state", self.saveState(_VERSION))
        settings.setValue("window/split", self._split.saveState())
        settings.setValue("window/columns", self.runs.save_state())
        self.run.save_to(settings)
        settings.sync()
        self._bridge.stop()
        if self.failures.tray is not None:
            self.failures.tray.hide()
        super().closeEvent(event)

    def _restore(self) -> None:
        settings = self._settings
        if not _restored(self.restoreGeometry, settings.value("window/geometry")):
            room = self.screen().availableGeometry().size()
            self.resize(min(1360, room.width() - 40), min(880, room.height() - 60))
        _restored(lambda state: self.restoreState(state, _VERSION), settings.value("window/state"))
        _restored(self._split.restoreState, settings.value("window/split"))
        self.runs.restore_state(settings.value("window/columns"))
        self.run.restore_from(settings)
        self._appear(str(settings.value("window/appearance", "system")))

    def _menus(self) -> None:
        of = self.actions_of_runs
        run = self.menuBar().addMenu("&Run")
        run.addAction(of.submit)
        run.addSeparator()
        for action in of.menu():
            run.addAction(action) if action is not None else run.addSeparator()
        run.addSeparator()
        leave = run.addAction("&Quit")
        leave.setShortcut(QKeySequence(QKeySequence.StandardKey.Quit))
        leave.triggered.connect(self.close)
        of.stop.setShortcuts([QKeySequence("Ctrl+."), QKeySequence("Ctrl+Backspace")])
        view = self.menuBar().addMenu("&View")
        find = view.addAction("&Filter the runs")
        find.setShortcut(QKeySequence("Ctrl+K"))
        find.triggered.connect(self.runs.focus_filter)
        search = view.addAction("&Search the output")
        search.setShortcut(QKeySequence(QKeySequence.StandardKey.Find))
        search.triggered.connect(self._search)
        live = view.addAction("&Live")
        live.setShortcut(QKeySequence("Ctrl+L"))
        live.triggered.connect(self.run.go_live)
        view.addSeparator()
        gpus = self._gpus.toggleViewAction()
        gpus.setText("&GPUs")
        gpus.setShortcut(QKeySequence("Ctrl+G"))
        view.addAction(gpus)
        looks = view.addMenu("&Appearance")
        group = QActionGroup(self)
        self._looks: dict[str, QAction] = {}
        for name, words in (("system", "As the &system"), ("light", "&Light"), ("dark", "&Dark")):
            action = looks.addAction(words)
            action.setCheckable(True)
            action.triggered.connect(lambda _=False, name=name: self._appear(name))
            group.addAction(action)
            self._looks[name] = action
        help_of = self.menuBar().addMenu("&Help")
        keys = help_of.addAction("&Keys")
        keys.setShortcut(QKeySequence("F1"))
        keys.triggered.connect(self._show_keys)

    def _tools(self) -> None:
        bar = self.addToolBar("Runs")
        bar.setObjectName("runs")
        bar.setMovable(False)
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        of = self.actions_of_runs
        bar.addAction(of.submit)
        bar.addSeparator()
        for action in (of.stop, of.pause, of.resume, of.retry):
            bar.addAction(action)
        # One letter is enough where nothing is typed.
        on_key("s", self.runs.table, of.stop.trigger)

    def _chosen(self, runs: Sequence[pb.RunSummary]) -> None:
        self.actions_of_runs.choose(runs)
        self.run.show_runs(runs)

    def _begun(self, run_id: str) -> None:
        self._wanted = run_id
        self._look_for()

    def _look_for(self) -> None:
        """A run that somebody wants to see is shown as soon as it is in the list."""
        if not self._wanted:
            return
        run_id = self._wanted
        if self.runs.model.get(run_id) is None:
            named = [run.run_id for run in self.runs.model.known() if run.name == run_id]
            if not named:
                return
            run_id = max(named, key=lambda one: self.runs.model.get(one).submitted_at)  # type: ignore[union-attr]
        if self.runs.model.row_of(run_id) < 0:
            self.runs.set_filter("")
        if self.runs.choose(run_id):
            self._wanted = ""

    def _show_runs(self, ids: Sequence[str]) -> None:
        self.showNormal() if self.isMinimized() else self.show()
        self.raise_()
        self.activateWindow()
        if len(ids) == 1:
            self._begun(ids[0])
        elif ids:
            self.runs.set_filter("status:failed")

    def _to_output(self) -> None:
        self.run.go_live()
        self.run.logs.setFocus()

    def _search(self) -> None:
        self.run.tabs.setCurrentWidget(self.run.logs)
        self.run.logs.focus_search()

    def _said(self, text: str, trouble: bool) -> None:
        if trouble:
            self.notices.add("failed", text)
        else:
            self.statusBar().showMessage(text, _SAID_MS)

    def _connection(self, connection: Connection) -> None:
        if connection.state != "connected":
            self._health.setText(connection.state.replace("_", " "))
        elif not self._health.text() or self._health.text() in ("lost", "unresponsive"):
            self._health.setText("connected")

    def _told(self, health: pb.DaemonStatus) -> None:
        self.setWindowTitle(f"Runyard – {health.yard}" if health.yard else "Runyard")
        parts = [health.yard] if health.yard else []
        if health.gpus_total:
            parts.append(f"{health.gpus_free} of {health.gpus_total} GPUs free")
        if health.drained:
            parts.append("drained")
        if health.status != "ok":
            parts.append(health.reasons[0].text if health.reasons else health.status)
        self._health.setText(" · ".join(parts) or "connected")
        self._health.setToolTip("\n".join(f"{one.text}: {one.hint}" for one in health.reasons))

    def _appear(self, name: str) -> None:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        appear(application, name)
        self._settings.setValue("window/appearance", name)
        self._looks[name if name in self._looks else "system"].setChecked(True)

    def _show_keys(self) -> None:
        box = QMessageBox(self)
        box.setWindowTitle("Keys")
        box.setText(_KEYS)
        box.finished.connect(box.deleteLater)
        box.open()


def _restored(restore: object, state: object) -> bool:
    return isinstance(state, QByteArray) and bool(restore(state))  # type: ignore[operator]
