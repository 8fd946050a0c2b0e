"""What the bridge's signals carry. All of it is made before it is sent and changed by nobody after."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Literal

from ..v1 import orchestrator_pb2 as pb

ConnectionState = Literal["connecting", "connected", "no_daemon", "lost", "unresponsive", "closed"]


@dataclass(frozen=True)
class Connection:
    """How the bridge stands with its daemon.

    connecting: nobody has answered yet.
    no_daemon: none was there yet; lost: there was one, and it will be found again when it comes back.
    unresponsive: it is there and does not answer, or what answers is no daemon.
    closed: the bridge was stopped.

    message: a sentence for people. hint: the command that starts a daemon, else empty.
    since: seconds since the epoch at which this state began.
    """

    state: ConnectionState
    message: str
    hint: str
    since: float


@dataclass(frozen=True)
class RunsChange:
    """Runs that changed, each once and as it was last, and ids of runs that were removed.

    whole: `changed` is the whole list, newest first: what is not in it is not there any more.
    watch: the id of the `Watch`.
    """

    watch: int
    changed: tuple[pb.RunSummary, ...]
    removed: tuple[str, ...]
    whole: bool


@dataclass(frozen=True)
class RunEvents:
    """Events of one watched run, gapless and in order."""

    watch: int
    run_id: str
    events: tuple[pb.RunEvent, ...]


@dataclass(frozen=True)
class Column:
    """Points of one metric of one source, in the order of their numbers; all four have one length.

    steps: as doubles, NaN where the source has none. walls: seconds since the epoch.
    numpy takes each without a copy: `numpy.frombuffer(column.values)`; `seqs` with dtype "u8".
    """

    key: str
    source: str
    seqs: array[int]
    steps: array[float]
    values: array[float]
    walls: array[float]


@dataclass(frozen=True)
class MetricsArrived:
    """Points of a watched run that are new since the last of these. None is left out, but what `gaps` tell.

    thin_width: points a range of which these are the extremes; 0: these are all points.
    live: all that was there has come; what follows is new.
    keys: what is known of each metric so far, where the watch asked for it, else empty.
    """

    watch: int
    run_id: str
    attempt: int
    columns: tuple[Column, ...]
    gaps: tuple[pb.MetricGap, ...]
    thin_width: int
    live: bool
    keys: tuple[pb.MetricKey, ...]


@dataclass(frozen=True)
class LogLines:
    """Lines of a watched run's attempt: of what came since the last of these, the latest.

    begun: lines that have begun and not ended, such as progress bars; they take the place of the ones before.
    gaps: what the recorder lost.
    skipped: lines left out before `lines`, since more came than anybody reads; `note` says so in words, else empty.
    """

    watch: int
    run_id: str
    attempt: int
    lines: tuple[pb.LogLine, ...]
    begun: tuple[pb.LogBegun, ...]
    gaps: tuple[pb.LogGap, ...]
    skipped: int
    note: str
