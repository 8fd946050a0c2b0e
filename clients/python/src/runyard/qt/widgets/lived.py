"""The order in which people look at runs, and what they look for."""

from __future__ import annotations

from typing import Any

from ...v1 import orchestrator_pb2 as pb
from ..models import RunsModel
from . import look

_TURNS = {"queued": 1, **dict.fromkeys(look.LIVE, 2)}


class LivedRuns(RunsModel):
    """Unless a column says otherwise: what runs first, then what waits, then what is over, the newest of each first."""

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
