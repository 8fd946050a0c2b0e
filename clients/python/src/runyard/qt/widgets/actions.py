"""What can be done with runs that are chosen: one set of actions for menu, toolbar, context menu and keyboard."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QMessageBox, QWidget

from ...errors import RunyardError
from ...v1 import orchestrator_pb2 as pb
from .look import OVER
from .stop import StopDialog
from .submit import SubmitDialog

if TYPE_CHECKING:
    from ..bridge import TrainerQBridgeThread
    from ..requests import Request

_LIVE = ("queued", "allocating", "running")


class RunActions(QObject):
    """`choose` says which runs are meant; what cannot be done with them is greyed out.

    connected: nothing can be done without a daemon.
    """

    said = Signal(object, object)
    """A sentence, and whether it is of trouble."""
    begun = Signal(object)
    """Id of a run that was submitted or retried here."""

    def __init__(
        self, bridge: TrainerQBridgeThread, window: QWidget, settings: QSettings | None = None
    ) -> None:
        super().__init__(window)
        self._bridge = bridge
        self._window = window
        self._settings = settings
        self._runs: list[pb.RunSummary] = []
        self._connected = False
        self._rules: list[tuple[QAction, Callable[[pb.RunSummary], bool], bool]] = []
        self.submit = self._action("&Submit a run …", "Ctrl+N", self.open_submit)
        self.stop = self._one(
            "S&top …", "Ctrl+.", self._stop, lambda run: run.status in _LIVE, True
        )
        self.pause = self._one("&Pause", "Ctrl+P", self._pause, _may_pause, True)
        self.resume = self._one("R&esume", "", self._resume, _may_resume, True)
        self.hold = self._one("&Hold", "", self._hold, lambda run: run.status == "queued", True)
        self.release = self._one(
            "Re&lease", "", self._release, lambda run: run.status == "queued", True
        )
        self.retry = self._one("&Retry", "Ctrl+R", self._retry, _is_over, True)
        self.retry_changed = self._one(
            "Submit one &like it …", "Ctrl+Shift+N", self._like, lambda _: True
        )
        self.pin = self._one("Keep its &artifacts", "", self._pin, lambda _: True)
        self.copy = self._one("&Copy its id", "Ctrl+Shift+C", self._copy, lambda _: True, True)
        self.remove = self._one("Re&move …", "Shift+Del", self._remove, _is_over, True)
        self.pin.setCheckable(True)
        bridge.connection_changed.connect(lambda now: self._connection(now.state))
        self._connection(bridge.connection.state)

    def menu(self) -> list[QAction | None]:
        """In the order of a menu, None between groups."""
        return [
            *(self.stop, self.pause, self.resume, self.hold, self.release, None),
            *(self.retry, self.retry_changed, None),
            *(self.copy, self.pin, self.remove),
        ]

    def choose(self, runs: Sequence[pb.RunSummary]) -> None:
        self._runs = list(runs)
        self._enable()

    def open_submit(
        self, config: dict[str, object] | None = None, title: str = "Submit a run"
    ) -> SubmitDialog:
        dialog = SubmitDialog(self._bridge, self._window, config=config or {}, title=title)
        dialog.submitted.connect(lambda handle: self._began(handle, "submitted"))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    def _action(self, text: str, keys: str, run: Callable[[], object]) -> QAction:
        action = QAction(text, self)
        if keys:
            action.setShortcut(QKeySequence(keys))
        action.triggered.connect(lambda _=False: run())
        return action

    def _one(
        self,
        text: str,
        keys: str,
        run: Callable[[], object],
        may: Callable[[pb.RunSummary], bool],
        many: bool = False,
    ) -> QAction:
        action = self._action(text, keys, run)
        self._rules.append((action, may, many))
        return action

    def _connection(self, state: str) -> None:
        self._connected = state == "connected"
        self._enable()

    def _enable(self) -> None:
        # One of each kind speaks for all that are like it.
        kinds = list({run.state: run for run in self._runs}.values())
        for action, may, many in self._rules:
            fits = len(self._runs) == 1 or (many and len(self._runs) > 1)
            on = fits and any(map(may, kinds))
            action.setEnabled(on and (self._connected or action is self.copy))
        self.pin.setChecked(len(self._runs) == 1 and self._runs[0].pinned_at != "")
        self.submit.setEnabled(self._connected)

    def _stop(self) -> None:
        runs = [run for run in self._runs if run.status in _LIVE]
        dialog = StopDialog(runs, self._window, self._settings)
        dialog.finished.connect(dialog.deleteLater)
        dialog.accepted.connect(lambda: self._stop_all(runs, dialog.reason, dialog.now))
        dialog.open()

    def _stop_all(self, runs: Sequence[pb.RunSummary], reason: str, now: bool) -> None:
        for run in runs:
            self._ask(self._bridge.stop_run(run.run_id, reason, now), "is asked to stop", run)

    def _pause(self) -> None:
        self._each(_may_pause, self._bridge.pause, "is asked to pause")

    def _resume(self) -> None:
        self._each(_may_resume, self._bridge.resume, "is asked to go on")

    def _hold(self) -> None:
        self._each(lambda run: run.status == "queued", self._bridge.hold, "is held")

    def _release(self) -> None:
        self._each(lambda run: run.status == "queued", self._bridge.release, "is released")

    def _each(
        self, may: Callable[[pb.RunSummary], bool], call: Callable[[str], Request], words: str
    ) -> None:
        for run in filter(may, self._runs):
            self._ask(call(run.run_id), words, run)

    def _retry(self) -> None:
        for run in filter(_is_over, self._runs):
            self.retry_run(run.run_id)

    def retry_run(self, run_id: str) -> None:
        """A new run like it, with this process's environment."""
        request = self._bridge.retry(run_id)
        request.done.connect(lambda handle: self._began(handle, f"retries {run_id}"))
        request.failed.connect(self._failed)

    def _like(self) -> None:
        run = self._runs[0]
        request = self._bridge.details(run.run_id)
        request.done.connect(
            lambda details: self.open_submit(
                json.loads(details.config_json), f"Submit a run like {run.name or run.run_id}"
            )
        )
        request.failed.connect(self._failed)

    def _pin(self) -> None:
        run = self._runs[0]
        self._ask(self._bridge.pin(run.run_id, run.pinned_at == ""), "is changed", run)

    def _copy(self) -> None:
        ids = " ".join(run.run_id for run in self._runs)
        QGuiApplication.clipboard().setText(ids)
        self.said.emit(f"copied {ids[:80]}", False)

    def _remove(self) -> None:
        runs = list(filter(_is_over, self._runs))
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.Warning)
        count = runs[0].name or runs[0].run_id if len(runs) == 1 else f"{len(runs)} runs"
        box.setText(f"Remove {count} for good?")
        box.setInformativeText("Output, metrics and artifacts go with it. It cannot be taken back.")
        box.setStandardButtons(QMessageBox.StandardButton.Cancel)
        remove = box.addButton("&Remove", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(QMessageBox.StandardButton.Cancel)
        box.buttonClicked.connect(
            lambda button: self._remove_all(runs) if button is remove else None
        )
        box.finished.connect(box.deleteLater)
        box.open()

    def _remove_all(self, runs: Sequence[pb.RunSummary]) -> None:
        for run in runs:
            self._ask(self._bridge.remove(run.run_id), "is removed", run)

    def _ask(self, request: Request, words: str, run: pb.RunSummary) -> None:
        request.done.connect(lambda _: self.said.emit(f"{run.name or run.run_id} {words}", False))
        request.failed.connect(self._failed)

    def _began(self, handle: pb.RunHandle, words: str) -> None:
        self.said.emit(f"{handle.run_id} {words}", False)
        self.begun.emit(handle.run_id)

    def _failed(self, error: RunyardError) -> None:
        if error.code != "cancelled":
            self.said.emit(f"{error.message}; {error.hint}" if error.hint else error.message, True)


def _is_over(run: pb.RunSummary) -> bool:
    return run.status in OVER


def _may_pause(run: pb.RunSummary) -> bool:
    return run.status == "running" and not run.state.startswith("running.paused")


def _may_resume(run: pb.RunSummary) -> bool:
    return run.state.startswith("running.paused")
