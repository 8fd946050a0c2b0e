"""The attempts of one run."""

from __future__ import annotations

from PySide6.QtCore import Slot

from ...v1 import orchestrator_pb2 as pb
from ._heading import Heading
from ._table import Table
from ._words import clock, order, seconds_between, span, whole_time


def _exit(attempt: pb.AttemptSeen) -> str:
    if attempt.exit_kind == "exited":
        return f"exit {attempt.exit_code}"
    if attempt.exit_kind == "signaled":
        return attempt.exit_signal
    return attempt.exit_kind


def _seconds(attempt: pb.AttemptSeen) -> float:
    return seconds_between(attempt.started_at, attempt.ended_at)


class AttemptsModel(Table[pb.AttemptSeen]):
    """`bridge.details(run).done.connect(model.apply)`."""

    headings = (
        Heading[pb.AttemptSeen]("Attempt", lambda a: str(a.attempt), sort=lambda a: a.attempt, right=True),
        Heading[pb.AttemptSeen]("Exit", _exit, tip=lambda a: f"{a.exit_kind} {_exit(a)}".strip()),
        Heading[pb.AttemptSeen](
            "Started",
            lambda a: clock(a.started_at),
            sort=lambda a: a.started_at,
            tip=lambda a: whole_time(a.started_at),
        ),
        Heading[pb.AttemptSeen](
            "Took", lambda a: span(_seconds(a)), sort=lambda a: order(_seconds(a)), right=True
        ),
        Heading[pb.AttemptSeen]("GPUs", lambda a: ", ".join(a.slots)),
        Heading[pb.AttemptSeen]("Process", lambda a: str(a.pid or ""), sort=lambda a: a.pid, right=True),
    )

    @Slot(object)
    def apply(self, details: pb.RunDetails) -> None:
        """All attempts of a run as they are now."""
        self.update_rows(details.attempts, whole=True)

    def key_of(self, row: pb.AttemptSeen) -> int:
        return row.attempt

    def tie_of(self, row: pb.AttemptSeen) -> int:
        return row.attempt
