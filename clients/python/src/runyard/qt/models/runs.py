"""The runs of a yard."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, QTimer, Slot

from ...v1 import orchestrator_pb2 as pb
from ..messages import RunsChange
from ._heading import Heading
from ._table import Table
from ._words import clock, order, place_of, seconds_between, span, whole_time

LIVE = frozenset(("allocating", "running", "stopping"))


def _why(run: pb.RunSummary) -> str:
    return run.why or run.failure_reason.text


def _status_tip(run: pb.RunSummary) -> str:
    lines = [run.state, _why(run)]
    if run.failure_cause.text:
        lines.append(f"probably: {run.failure_cause.text}")
    if run.stop_reason or run.stop_user:
        lines.append(f"stopped by {run.stop_user}: {run.stop_reason}")
    return "\n".join(line for line in lines if line)


def _seconds(run: pb.RunSummary) -> float:
    return seconds_between(run.started_at, run.finished_at)


class RunsModel(Table[pb.RunSummary]):
    """Runs by id, newest first: `bridge.runs_changed.connect(model.apply)`.

    Ten thousand rows are changed in place; how long a live run has gone on is told anew each second.
    """

    headings = (
        Heading[pb.RunSummary]("Run", lambda r: r.run_id),
        Heading[pb.RunSummary]("Name", lambda r: r.name, tip=lambda r: r.command),
        Heading[pb.RunSummary]("Status", lambda r: r.status, tip=_status_tip),
        Heading[pb.RunSummary]("Why", _why, tip=_status_tip, about="why it waits, or ended"),
        Heading[pb.RunSummary]("Last metric", lambda r: r.last_metric),
        Heading[pb.RunSummary]("GPUs", lambda r: place_of(r.gpu_slots)),
        Heading[pb.RunSummary]("Group", lambda r: r.group),
        Heading[pb.RunSummary]("User", lambda r: r.user),
        Heading[pb.RunSummary]("Project", lambda r: r.project),
        Heading[pb.RunSummary](
            "Submitted",
            lambda r: clock(r.submitted_at),
            sort=lambda r: r.submitted_at,
            tip=lambda r: whole_time(r.submitted_at),
        ),
        Heading[pb.RunSummary](
            "Took",
            lambda r: span(_seconds(r)),
            sort=lambda r: order(_seconds(r)),
            tip=lambda r: whole_time(r.started_at),
            right=True,
            about="since the trainer's start, or from there to its end",
        ),
    )
    STATUS = 2
    TOOK = 10

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._live: set[str] = set()
        self._second = QTimer(self)
        self._second.setInterval(1000)
        self._second.timeout.connect(self._tick)

    @Slot(object)
    def apply(self, change: RunsChange) -> None:
        """What the bridge's `runs_changed` brings."""
        self.update_rows(change.changed, change.removed, change.whole)
        if change.whole:
            self._live.clear()
        self._live.difference_update(change.removed)
        for run in change.changed:
            (self._live.add if run.status in LIVE else self._live.discard)(run.run_id)
        if self._live and not self._second.isActive():
            self._second.start()
        elif not self._live:
            self._second.stop()

    def key_of(self, row: pb.RunSummary) -> str:
        return row.run_id

    def tie_of(self, row: pb.RunSummary) -> Any:
        return (row.submitted_at, row.run_id)

    def words_of(self, row: pb.RunSummary) -> str:
        words = (row.run_id, row.name, row.status, row.user, row.project, row.group, row.command)
        return "\n".join((*words, *row.tags))

    @Slot()
    def _tick(self) -> None:
        self.tell(self.rows_of(self._live), self.TOOK, self.TOOK)
