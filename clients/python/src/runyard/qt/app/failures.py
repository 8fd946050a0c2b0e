"""Tells that a run has failed, once: by the desktop's tray where there is one, else at the top of the window."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

from ...v1 import orchestrator_pb2 as pb
from ..messages import RunsChange
from ..widgets.look import BAD, OVER
from ..widgets.notice import NoticeBoard

# More than these at once are told in one sentence.
_SINGLE_MOST = 3


class Failures(QObject):
    """Takes what `runs_changed` brings. What had failed before this window knew of it is not told."""

    wanted = Signal(object)
    """Somebody wants to see these: list of run ids."""
    retried = Signal(object)
    """Somebody wants another try of it: a run's id."""

    def __init__(self, board: NoticeBoard, window: QWidget) -> None:
        super().__init__(window)
        self._board = board
        self._window = window
        self._statuses: dict[str, str] | None = None
        self._told: list[str] = []
        self.tray: QSystemTrayIcon | None = None
        if QSystemTrayIcon.isSystemTrayAvailable() and QSystemTrayIcon.supportsMessages():
            self.tray = QSystemTrayIcon(QApplication.windowIcon(), self)
            self.tray.setToolTip("Runyard")
            self.tray.messageClicked.connect(lambda: self.wanted.emit(self._told))
            self.tray.activated.connect(lambda _: self.wanted.emit([]))
            self.tray.show()

    def apply(self, change: RunsChange) -> None:
        before = self._statuses
        if before is None:
            # Pages of the first list come one by one; the last of them is the whole.
            if change.whole:
                self._statuses = {run.run_id: run.status for run in change.changed}
            return
        failed = [
            run
            for run in change.changed
            if run.status in BAD and before.get(run.run_id, "queued") not in OVER
        ]
        before.update((run.run_id, run.status) for run in change.changed)
        for run_id in change.removed:
            before.pop(run_id, None)
        if failed:
            self._tell(failed)

    def _tell(self, failed: list[pb.RunSummary]) -> None:
        self._told = [run.run_id for run in failed]
        if not self._window.isActiveWindow():
            QApplication.alert(self._window)
        if len(failed) > _SINGLE_MOST:
            ids = [run.run_id for run in failed]
            self._say("failed", f"{len(failed)} runs failed", "", [("&Show", self._shower(ids))])
            return
        for run in failed:
            title = f"{run.name or run.run_id} {words_of_status(run.status)}"
            acts = [("&Show", self._shower([run.run_id])), ("Retr&y", self._retrier(run.run_id))]
            self._say(run.status, title, reason_of(run), acts)

    def _say(
        self, status: str, title: str, text: str, acts: list[tuple[str, Callable[[], object]]]
    ) -> None:
        # A tray may have gone with its desktop, and says nothing of what it does not show.
        if self.tray is not None and QSystemTrayIcon.isSystemTrayAvailable():
            self.tray.showMessage(title, text, QSystemTrayIcon.MessageIcon.Warning)
        else:
            self._board.add(status, f"{title}: {text}" if text else title, acts)

    def _shower(self, ids: list[str]) -> Callable[[], object]:
        return lambda: self.wanted.emit(ids)

    def _retrier(self, run_id: str) -> Callable[[], object]:
        return lambda: self.retried.emit(run_id)


def words_of_status(status: str) -> str:
    return {"lost": "was lost", "rejected": "was rejected"}.get(status, "failed")


def reason_of(run: pb.RunSummary) -> str:
    """Why, and of what it probably was."""
    why = run.failure_reason.text or run.why
    cause = run.failure_cause.text
    return f"{why}; probably {cause}" if cause and cause not in why else why
