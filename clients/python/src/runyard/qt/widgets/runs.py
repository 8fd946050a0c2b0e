"""The list of runs: live, filtered as one types, sorted by any column, with what can be done to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QPalette
from PySide6.QtWidgets import QLabel, QLineEdit, QMenu, QStackedWidget, QVBoxLayout, QWidget

from ...v1 import orchestrator_pb2 as pb
from ..models import RunsModel
from . import look
from .keys import on_key
from .lived import LivedRuns
from .runs_table import RunsTable

if TYPE_CHECKING:
    from ..bridge import TrainerQBridgeThread
    from ..messages import RunsChange
    from ..requests import Watch

# What is done sooner, nobody has to be told of.
_UNSEEN_MS = 150


class RunsView(QWidget):
    """Follows all runs of the yard. `actions` are offered in its context menu."""

    chosen = Signal(object)
    """list[RunSummary] that are selected, the current one first; again when one of them changes."""
    opened = Signal(object)
    """RunSummary: it was double-clicked, or Enter pressed."""

    def __init__(
        self,
        bridge: TrainerQBridgeThread,
        parent: QWidget | None = None,
        *,
        actions: Sequence[QAction | None] = (),
    ) -> None:
        super().__init__(parent)
        self._actions = list(actions)
        self._bridge = bridge
        self.model = LivedRuns(self)
        self._filter = QLineEdit(clearButtonEnabled=True)
        self._filter.setPlaceholderText("Filter: words, status:failed, group:sweep-1, user:ada")
        self._filter.setAccessibleName("filter runs")
        self._count = QLabel()
        self._count.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._count.setContentsMargins(4, 0, 4, 2)
        self.table = RunsTable(self.model)
        self._empty = QLabel(alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        self._empty.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._empty.setMargin(24)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self._stack.addWidget(self._empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._filter)
        layout.addWidget(self._stack, 1)
        layout.addWidget(self._count)
        self._listed = False
        # Status of each run that is known: counting ten thousand anew each time would be felt.
        self._statuses: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._later = QTimer(self, singleShot=True, interval=120)
        self._later.timeout.connect(lambda: self.set_filter(self._filter.text()))
        self._filter.textChanged.connect(lambda _: self._later.start())
        self._filter.returnPressed.connect(self._to_table)
        self._tell_soon = QTimer(self, singleShot=True, interval=0)
        self._tell_soon.timeout.connect(self._tell)
        self.table.selection.changed.connect(self._tell_soon.start)
        self._patience = QTimer(self, singleShot=True, interval=_UNSEEN_MS)
        self._patience.timeout.connect(self._say)
        self.model.arranging_changed.connect(self._arranging)
        self.table.activated.connect(self._open)
        self.table.customContextMenuRequested.connect(self._menu)
        self._keys()
        bridge.connection_changed.connect(lambda _: self._say())
        self._watch: Watch = bridge.watch_runs(all=True)
        self._watch.arrived.connect(self._take)
        self._say()

    @property
    def selected(self) -> list[pb.RunSummary]:
        """Runs that are selected, the current one first."""
        keys = self.table.selection.keys
        rows = self.model.rows_of(keys)
        current = self.table.currentIndex().row()
        if current >= 0 and self.model.key_at(current) in keys:
            rows.remove(current)
            rows.insert(0, current)
        return self.model.all_at(rows)

    def set_filter(self, text: str) -> None:
        if text != self._filter.text():
            self._filter.setText(text)
        self._later.stop()
        self.model.set_filter(text)
        self._say()

    def focus_filter(self) -> None:
        self._filter.setFocus()
        self._filter.selectAll()

    def choose(self, run_id: str) -> bool:
        """Selects a run; whether it is there."""
        row = self.model.row_of(run_id)
        if row >= 0:
            self.table.selectRow(row)
            self.table.scrollTo(self.model.index(row, 0))
        return row >= 0

    def _take(self, change: RunsChange) -> None:
        first = not self._listed
        self._listed = True
        self._tally(change)
        self.model.apply(change)
        self._say()
        if first and self.model.rowCount() and not self.table.selection.keys:
            self.table.selectRow(0)
            if self.window().focusWidget() in (None, self._filter):
                self.table.setFocus()
        chosen = self.table.selection.keys
        if change.removed or any(run.run_id in chosen for run in change.changed):
            self._tell_soon.start()

    def _tally(self, change: RunsChange) -> None:
        if change.whole:
            self._statuses.clear()
            self._counts.clear()
        for run in change.changed:
            before = self._statuses.get(run.run_id)
            if before != run.status:
                self._statuses[run.run_id] = run.status
                self._counts[run.status] += 1
                if before is not None:
                    self._counts[before] -= 1
        for run_id in change.removed:
            gone = self._statuses.pop(run_id, None)
            if gone is not None:
                self._counts[gone] -= 1

    def _arranging(self, on: bool) -> None:
        self._patience.start() if on else self._patience.stop()
        self._say()

    def _tell(self) -> None:
        self.chosen.emit(self.selected)

    def _open(self, index: QModelIndex) -> None:
        self.opened.emit(self.model.at(index.row()))

    def _to_table(self) -> None:
        self.table.setFocus()
        if self.model.rowCount() and not self.table.selection.keys:
            self.table.selectRow(0)

    def _menu(self, at: QPoint) -> None:
        if not self._actions or not self.table.selection.keys:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for action in self._actions:
            menu.addAction(action) if action is not None else menu.addSeparator()
        menu.popup(self.table.viewport().mapToGlobal(at))

    def _keys(self) -> None:
        def go(step: int) -> None:
            row = min(max(self.table.currentIndex().row() + step, 0), self.model.rowCount() - 1)
            if row >= 0:
                self.table.selectRow(row)

        on_key("/", self.table, self.focus_filter)
        on_key("j", self.table, lambda: go(1))
        on_key("k", self.table, lambda: go(-1))
        on_key("Esc", self.table, lambda: self.set_filter(""))
        on_key("Esc", self._filter, lambda: self.set_filter(""))
        on_key("Down", self._filter, self._to_table)

    def _say(self) -> None:
        all_runs, shown = len(self._statuses), self.model.rowCount()
        connection = self._bridge.connection
        if shown:
            self._stack.setCurrentWidget(self.table)
        else:
            if all_runs:
                text = f"None of {all_runs:,} runs is like that. Esc shows all."
            elif self._listed:
                text = "No runs yet.\n\nCtrl+N submits one, or in a shell:\nrunyard submit -- python train.py"
            elif connection.state in ("no_daemon", "lost", "unresponsive"):
                text = "Runs are shown here once there is a daemon."
            else:
                text = "Loading the runs …"
            self._empty.setText(text)
            self._stack.setCurrentWidget(self._empty)
        live, waits = sum(self._counts[one] for one in look.LIVE), self._counts["queued"]
        parts = [f"{shown:,} of {all_runs:,}"] if shown != all_runs else []
        parts += [f"{live:,} running", f"{waits:,} waiting", f"{all_runs - live - waits:,} over"]
        if self.model.arranging and not self._patience.isActive():
            parts.append("arranging …")
        self._count.setText(" · ".join(parts) if all_runs else "")

    def save_state(self) -> Any:
        """Of its columns, for QSettings."""
        return self.table.horizontalHeader().saveState()

    def restore_state(self, state: Any) -> None:
        if state is not None:
            self.table.horizontalHeader().restoreState(state)
