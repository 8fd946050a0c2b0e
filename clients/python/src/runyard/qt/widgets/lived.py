"""The order in which people look at runs, and what they look for."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer

from ...v1 import orchestrator_pb2 as pb
from ..models import RunsModel
from . import look

if TYPE_CHECKING:
    from ..messages import RunsChange

_TURNS = {"queued": 1, **dict.fromkeys(look.LIVE, 2)}
_READ_AT_ONCE = 200


class LivedRuns(RunsModel):
    """Unless a column says otherwise: what runs first, then what waits, then what is over, the newest of each first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        # What the filter looks at is put together while nobody waits for it.
        self._idle = QTimer(self, interval=0)
        self._idle.timeout.connect(self._read_some)
        self._unread: list[Hashable] = []

    def tie_of(self, row: pb.RunSummary) -> Any:
        return (_TURNS.get(row.status, 0), row.submitted_at, row.run_id)

    def words_of(self, row: pb.RunSummary) -> str:
        status, user, project, group = row.status, row.user, row.project, row.group
        tags = "".join(f"\ntag:{tag}" for tag in row.tags)
        # Each value stands behind its name, so that `failed` finds it as well as `status:failed`.
        return (
            f"{row.run_id}\n{row.name}\nstatus:{status}\nstate:{row.state}\nuser:{user}\nproject:{project}"
            f"\ngroup:{group}\n{row.command}\n{row.why}\n{row.note}{tags}"
        )

    def apply(self, change: RunsChange) -> None:
        super().apply(change)
        if change.whole:
            self._unread = list(self._all)
            self._idle.start()

    def _read_some(self) -> None:
        some, self._unread = self._unread[-_READ_AT_ONCE:], self._unread[:-_READ_AT_ONCE]
        for key in some:
            row = self._all.get(key)
            if row is not None and key not in self._words:
                self._words[key] = self.words_of(row).lower()
        if not self._unread:
            self._idle.stop()
