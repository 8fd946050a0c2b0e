"""What is on its way from the bridge's thread to its owner's: gathered, handed over in one piece, acknowledged.

The bridge's thread puts; the owner's takes all at once. While a piece is under way the next one is only gathered, so
that the owner's queue of events never holds more than one call of ours, however slow the owner and however fast the
daemon. Of each kind there is a way to hold less: runs are kept once each, lines are the latest, and whoever brings
events and points waits in `room`.
"""

from __future__ import annotations

import asyncio
import math
import threading
from array import array
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from ..errors import RunyardError
from ..v1 import orchestrator_pb2 as pb
from .messages import Column, Connection, LogLines, MetricsArrived, RunEvents, RunsChange

TICK_S = 0.033
# Of what is on its way, of each watch.
EVENTS_MOST = 500
POINTS_MOST = 5_000
LINES_MOST = 1_000


class Parcel(NamedTuple):
    """One emission: of which signal, for which watch or request (0: none), with what."""

    kind: str
    id: int
    payload: Any
    error: RunyardError | None = None


class _Runs:
    def __init__(self) -> None:
        self.changed: dict[str, pb.RunSummary] = {}
        self.removed: set[str] = set()
        self.whole = False


class _Points:
    def __init__(self, batch: pb.MetricBatch) -> None:
        self.attempt = batch.attempt
        self.width = batch.thinned.width if batch.HasField("thinned") else 0
        self.columns: dict[tuple[str, str], Column] = {}
        self.gaps: list[pb.MetricGap] = []
        self.keys: list[pb.MetricKey] = []
        self.live = False

    def fits(self, batch: pb.MetricBatch) -> bool:
        width = batch.thinned.width if batch.HasField("thinned") else 0
        # A gap lies before the points of its batch.
        return batch.attempt == self.attempt and width == self.width and not batch.gaps

    def add(self, batch: pb.MetricBatch, columns: dict[tuple[str, str], Column]) -> None:
        self.live = batch.live
        self.gaps.extend(batch.gaps)
        if batch.HasField("snapshot"):
            self.keys.extend(batch.snapshot.keys)
        for name, new in columns.items():
            own = self.columns.setdefault(name, new)
            if own is not new:
                own.seqs.extend(new.seqs)
                own.steps.extend(new.steps)
                own.values.extend(new.values)
                own.walls.extend(new.walls)


class _Lines:
    def __init__(self, attempt: int) -> None:
        self.attempt = attempt
        self.lines: deque[pb.LogLine] = deque(maxlen=LINES_MOST)
        self.begun: dict[str, pb.LogBegun] = {}
        self.gaps: list[pb.LogGap] = []
        self.skipped = 0

    def add(self, chunk: pb.LogChunk) -> None:
        if self.begun:
            for line in chunk.lines:
                self.begun.pop(line.stream, None)
        self.skipped += max(0, len(self.lines) + len(chunk.lines) - LINES_MOST)
        self.lines.extend(chunk.lines)
        self.gaps.extend(chunk.gaps)
        self.begun.update((one.stream, one) for one in chunk.begun)


class Outbox:
    """`wake` is called in the bridge's thread when there is something to be taken."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._under_way = False
        self._urgent = False
        self._last = 0.0
        self._landed: list[asyncio.Future[None]] = []
        self._empty()

    def _empty(self) -> None:
        self._direct: list[Parcel] = []
        self._latest: dict[tuple[str, int], Any] = {}
        self._runs: dict[int, _Runs] = {}
        self._events: list[pb.RunEvent] = []
        self._run_events: dict[int, tuple[str, list[pb.RunEvent]]] = {}
        self._points: dict[int, tuple[str, list[_Points]]] = {}
        self._lines: dict[int, tuple[str, list[_Lines]]] = {}
        self._ends: list[Parcel] = []
        self._load: dict[int, int] = {}
        self._any = False

    # In the bridge's thread.

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def settle(self, request: int, value: object, error: RunyardError | None) -> None:
        with self._lock:
            self._direct.append(Parcel("request", request, value, error))
        self._due(urgent=True)

    def connection(self, connection: Connection) -> None:
        with self._lock:
            self._direct.append(Parcel("connection", 0, connection))
        self._due(urgent=True)

    def latest(self, kind: str, watch: int, payload: object) -> None:
        """For what is worth only as it is now: GPUs, health, groups."""
        with self._lock:
            self._latest[kind, watch] = payload
        self._due()

    def runs(
        self,
        watch: int,
        changed: dict[str, pb.RunSummary],
        removed: tuple[str, ...] = (),
        whole: bool = False,
    ) -> None:
        with self._lock:
            runs = self._runs.setdefault(watch, _Runs())
            if whole:
                runs.changed, runs.removed, runs.whole = {}, set(), True
            runs.changed.update(changed)
            runs.removed.difference_update(changed)
            for run_id in removed:
                runs.changed.pop(run_id, None)
                runs.removed.add(run_id)
            self._load[watch] = len(runs.changed)
        self._due()

    def events(self, events: list[pb.RunEvent]) -> None:
        with self._lock:
            self._events.extend(events)
            self._load[0] = len(self._events)
        self._due()

    def run_event(self, watch: int, run_id: str, event: pb.RunEvent) -> None:
        with self._lock:
            events = self._run_events.setdefault(watch, (run_id, []))[1]
            events.append(event)
            self._load[watch] = len(events)
        self._due()

    def metrics(self, watch: int, run_id: str, batch: pb.MetricBatch) -> None:
        # The owner may wait for the lock: nothing that takes time is done with it.
        columns = _columns_of(batch)
        with self._lock:
            parts = self._points.setdefault(watch, (run_id, []))[1]
            if not parts or not parts[-1].fits(batch):
                parts.append(_Points(batch))
            parts[-1].add(batch, columns)
            self._load[watch] = self._load.get(watch, 0) + len(batch.points)
        self._due()

    def log(self, watch: int, run_id: str, chunk: pb.LogChunk) -> None:
        with self._lock:
            parts = self._lines.setdefault(watch, (run_id, []))[1]
            if not parts or parts[-1].attempt != chunk.attempt:
                parts.append(_Lines(chunk.attempt))
            parts[-1].add(chunk)
        self._due()

    def end(self, watch: int, error: RunyardError | None) -> None:
        with self._lock:
            self._ends.append(Parcel("end", watch, None, error))
        self._due()

    async def room(self, watch: int, most: int) -> None:
        """Comes back when less than so much of the watch is on its way."""
        while self._load.get(watch, 0) >= most:
            landed = asyncio.get_running_loop().create_future()
            self._landed.append(landed)
            await landed

    def landed(self) -> None:
        """The owner has taken all of the last piece, and dealt with it."""
        if not self._under_way:
            return
        self._under_way = False
        for one in self._landed:
            if not one.done():
                one.set_result(None)
        self._landed.clear()
        if self._any:
            self._due()

    def _due(self, urgent: bool = False) -> None:
        self._any = True
        self._urgent = self._urgent or urgent
        loop = self._loop
        if loop is None or self._under_way:
            return
        at = loop.time() if self._urgent else max(loop.time(), self._last + TICK_S)
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = loop.call_at(at, self._ship)

    def _ship(self) -> None:
        loop = self._loop
        assert loop is not None
        self._timer = None
        self._urgent = False
        self._under_way = True
        self._last = loop.time()
        self._wake()

    # In the owner's thread.

    def take(self) -> list[Parcel]:
        """All that is there, in the order in which it is to be told."""
        with self._lock:
            direct, latest, runs, events = self._direct, self._latest, self._runs, self._events
            run_events, points, lines, ends = self._run_events, self._points, self._lines, self._ends
            self._empty()
        parcels = direct
        for (kind, watch), payload in latest.items():
            parcels.append(Parcel(kind, watch, payload))
        for watch, some in runs.items():
            changed = tuple(some.changed.values())
            change = RunsChange(watch, changed, tuple(some.removed), some.whole)
            parcels.append(Parcel("runs", watch, change))
        if events:
            parcels.append(Parcel("state", 0, tuple(events)))
        for watch, (run_id, own) in run_events.items():
            parcels.append(Parcel("run_events", watch, RunEvents(watch, run_id, tuple(own))))
        for watch, (run_id, parts) in points.items():
            parcels.extend(
                Parcel("metrics", watch, _arrived(watch, run_id, part)) for part in parts
            )
        for watch, (run_id, pieces) in lines.items():
            parcels.extend(Parcel("log", watch, _log_lines(watch, run_id, one)) for one in pieces)
        return parcels + ends


def _columns_of(batch: pb.MetricBatch) -> dict[tuple[str, str], Column]:
    columns: dict[tuple[str, str], Column] = {}
    for point in batch.points:
        name = (point.key, point.source)
        column = columns.get(name)
        if column is None:
            column = columns[name] = Column(*name, array("Q"), array("d"), array("d"), array("d"))
        column.seqs.append(point.seq)
        column.steps.append(float(point.step) if point.step else math.nan)
        column.values.append(point.value)
        column.walls.append(seconds_of(point.wall))
    return columns


def _arrived(watch: int, run_id: str, part: _Points) -> MetricsArrived:
    columns = tuple(part.columns.values())
    gaps, keys = tuple(part.gaps), tuple(part.keys)
    return MetricsArrived(watch, run_id, part.attempt, columns, gaps, part.width, part.live, keys)


def _log_lines(watch: int, run_id: str, part: _Lines) -> LogLines:
    note = ""
    if part.skipped > 0:
        note = f"{part.skipped:,} lines left out here: they came faster than anybody reads"
    return LogLines(
        watch,
        run_id,
        part.attempt,
        tuple(part.lines),
        tuple(part.begun.values()),
        tuple(part.gaps),
        part.skipped,
        note,
    )


def seconds_of(text: str) -> float:
    """RFC 3339 as seconds since the epoch; NaN for an empty one."""
    # Python 3.10 does not know the Z.
    return datetime.fromisoformat(text[:-1] + "+00:00").timestamp() if text else math.nan
