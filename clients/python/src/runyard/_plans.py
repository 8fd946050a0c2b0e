"""Streams that outlive their connection, without the connection: what to ask for next, and whether it is whole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Generic, TypeVar

from google.protobuf.message import Message

from .errors import RunyardError
from .v1 import orchestrator_pb2 as pb

T = TypeVar("T", bound=Message)

# Events that may be on their way; granted anew when half of them were taken.
CREDIT_MOST = 256
BACKOFF_FIRST_S = 0.05
BACKOFF_MOST_S = 2.0


class Plan(Generic[T]):
    """One stream, over as many connections as it takes."""

    method: str
    # Named by the caller; asked for its id once, since a name could mean another run later.
    ref: str | None = None
    run_id = ""
    # Whether the client sends more than one request, and whether those of the opening are all.
    duplex = False
    only_opening = False

    def opening(self) -> Sequence[Message]:
        """What a new connection begins with."""
        raise NotImplementedError

    def take(self, message: T) -> T:
        """Notes that it came. Raises internal when another one had to."""
        return message

    def more(self) -> Message | None:
        """What is to be sent after what was taken."""
        return None

    def finished(self) -> bool:
        """Whether an end that was no error is the end of the whole."""
        return True


class Events(Plan[pb.RunEvent]):
    """Each event once and in order."""

    method = "StreamStatus"
    duplex = True

    def __init__(self, ref: str | None, from_seq: int, until_done: bool, run_id: str = "") -> None:
        self.ref = ref
        self.run_id = run_id
        self._next = max(1, from_seq)
        self._until_done = until_done
        self._ended = False
        self._taken = 0

    def opening(self) -> Sequence[Message]:
        self._taken = 0
        first = pb.StatusRequest(
            run=pb.RunRef(ref=self.run_id),
            from_seq=self._next,
            credit=CREDIT_MOST,
            until_done=self._until_done,
        )
        return [first]

    def take(self, message: pb.RunEvent) -> pb.RunEvent:
        # Of a run that was removed meanwhile there is nothing left but the event that says so.
        is_last = message.event == "run.deleted" and message.seq > self._next
        if message.seq != self._next and not is_last:
            text = f"event {self._next} of run {self.run_id} was expected, {message.seq} came"
            raise RunyardError("internal", text)
        self._next = message.seq + 1
        done = self._until_done and message.to.startswith("done")
        self._ended = message.to == "deleted" or done
        self._taken += 1
        return message

    def more(self) -> Message | None:
        if self._taken < CREDIT_MOST / 2:
            return None
        credit, self._taken = self._taken, 0
        return pb.StatusRequest(credit=credit)

    def finished(self) -> bool:
        return self._ended or self._until_done


class YardEvents(Plan[pb.RunEvent]):
    """Events of all runs, each once and in the order of the yard."""

    method = "StreamYard"

    def __init__(self, after_pos: int, follow: bool) -> None:
        self._after = after_pos
        self._follow = follow

    def opening(self) -> Sequence[Message]:
        return [pb.StreamYardRequest(after_pos=self._after, follow=self._follow)]

    def take(self, message: pb.RunEvent) -> pb.RunEvent:
        self._after = message.pos
        return message

    def finished(self) -> bool:
        return not self._follow


class Logs(Plan[pb.LogChunk]):
    """Chunks of whole lines; a lost connection is taken up after the last line."""

    method = "StreamLogs"

    def __init__(self, ref: str, request: pb.StreamLogsRequest, since: datetime | None) -> None:
        self.ref = ref
        self._request = request
        if since is not None:
            utc = since.astimezone(timezone.utc)
            request.since = utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def opening(self) -> Sequence[Message]:
        self._request.run.ref = self.run_id
        return [self._request]

    def take(self, message: pb.LogChunk) -> pb.LogChunk:
        self._request.attempt = message.attempt
        self._request.tail = 0
        if message.lines:
            self._request.from_seq = message.lines[-1].seq + 1
        return message


class Metrics(Plan[pb.MetricBatch]):
    """Batches whose ranges follow on each other without a hole; what is missing is told as a gap."""

    method = "StreamMetrics"

    def __init__(self, ref: str, request: pb.StreamMetricsRequest) -> None:
        self.ref = ref
        self._request = request
        self._next = None if request.last > 0 else max(1, request.from_seq)
        if self._next is not None:
            request.from_seq = self._next

    def opening(self) -> Sequence[Message]:
        self._request.run.ref = self.run_id
        return [self._request]

    def take(self, message: pb.MetricBatch) -> pb.MetricBatch:
        if self._next is not None and message.first_seq != self._next:
            text = f"point {self._next} of run {self.run_id} was expected, {message.first_seq} came"
            raise RunyardError("internal", text)
        request = self._request
        if self._next is None or message.last_seq >= self._next:
            request.snapshot = False
        self._next = message.last_seq + 1
        request.from_seq = self._next
        request.attempt = message.attempt
        request.last = 0
        if message.HasField("thinned"):
            request.thin_width = message.thinned.width
        if message.live:
            request.thin = 0
            request.thin_width = 0
        return message


class GroupWatch(Plan[pb.GroupSummary]):
    """A group each time that it has changed, until no run of it is under way."""

    method = "WatchGroup"

    def __init__(self, group: str) -> None:
        self._group = group
        self._over = False

    def opening(self) -> Sequence[Message]:
        return [pb.WatchGroupRequest(group=self._group, until_done=True)]

    def take(self, message: pb.GroupSummary) -> pb.GroupSummary:
        self._over = message.finished_at != ""
        return message

    def finished(self) -> bool:
        return self._over


class Submits(Plan[pb.RunHandle]):
    """Many submits in one call; after a lost connection those without an answer go again, under their keys."""

    method = "SubmitRuns"
    duplex = True
    only_opening = True

    def __init__(self, count: int) -> None:
        self._count = count
        # Made for each connection, with what they refer to uploaded: a daemon may have come without it.
        self.requests: Sequence[pb.SubmitRunRequest] = ()
        self.next = 0

    def opening(self) -> Sequence[Message]:
        return self.requests

    def take(self, message: pb.RunHandle) -> pb.RunHandle:
        self.next += 1
        return message

    def finished(self) -> bool:
        return self.next >= self._count
