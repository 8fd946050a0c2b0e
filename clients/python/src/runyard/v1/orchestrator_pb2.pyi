from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import any_pb2 as _any_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Artifact(_message.Message):
    __slots__: list[str] = ["attempt", "duration_s", "height", "media_type", "modified", "name", "note", "path", "problem", "sha256", "size", "step", "taken", "version", "width"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    MODIFIED_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    duration_s: float
    height: int
    media_type: str
    modified: str
    name: str
    note: str
    path: str
    problem: str
    sha256: str
    size: int
    step: str
    taken: str
    version: int
    width: int
    def __init__(self, attempt: _Optional[int] = ..., name: _Optional[str] = ..., path: _Optional[str] = ..., size: _Optional[int] = ..., sha256: _Optional[str] = ..., media_type: _Optional[str] = ..., modified: _Optional[str] = ..., taken: _Optional[str] = ..., version: _Optional[int] = ..., step: _Optional[str] = ..., duration_s: _Optional[float] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., note: _Optional[str] = ..., problem: _Optional[str] = ...) -> None: ...

class ArtifactBytes(_message.Message):
    __slots__: list[str] = ["data"]
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class AttemptSeen(_message.Message):
    __slots__: list[str] = ["attempt", "began_at", "ended_at", "exit_code", "exit_kind", "exit_signal", "pid", "slots", "started_at"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    BEGAN_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    EXIT_KIND_FIELD_NUMBER: _ClassVar[int]
    EXIT_SIGNAL_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    began_at: str
    ended_at: str
    exit_code: int
    exit_kind: str
    exit_signal: str
    pid: int
    slots: _containers.RepeatedScalarFieldContainer[str]
    started_at: str
    def __init__(self, attempt: _Optional[int] = ..., slots: _Optional[_Iterable[str]] = ..., began_at: _Optional[str] = ..., started_at: _Optional[str] = ..., pid: _Optional[int] = ..., ended_at: _Optional[str] = ..., exit_kind: _Optional[str] = ..., exit_code: _Optional[int] = ..., exit_signal: _Optional[str] = ...) -> None: ...

class BusStream(_message.Message):
    __slots__: list[str] = ["behind", "bytes", "compared", "epoch", "first_at", "first_seq", "gone", "holds", "last_at", "last_seq", "max_bytes", "max_per_run", "messages", "name", "runs", "subscribers"]
    BEHIND_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    COMPARED_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    FIRST_AT_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEQ_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    LAST_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_PER_RUN_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBERS_FIELD_NUMBER: _ClassVar[int]
    behind: str
    bytes: int
    compared: int
    epoch: str
    first_at: str
    first_seq: int
    gone: int
    holds: str
    last_at: str
    last_seq: int
    max_bytes: int
    max_per_run: int
    messages: int
    name: str
    runs: int
    subscribers: int
    def __init__(self, name: _Optional[str] = ..., holds: _Optional[str] = ..., messages: _Optional[int] = ..., bytes: _Optional[int] = ..., first_seq: _Optional[int] = ..., last_seq: _Optional[int] = ..., first_at: _Optional[str] = ..., last_at: _Optional[str] = ..., runs: _Optional[int] = ..., max_bytes: _Optional[int] = ..., max_per_run: _Optional[int] = ..., gone: _Optional[int] = ..., subscribers: _Optional[int] = ..., epoch: _Optional[str] = ..., compared: _Optional[int] = ..., behind: _Optional[str] = ...) -> None: ...

class Chart(_message.Message):
    __slots__: list[str] = ["machine", "svg", "version"]
    MACHINE_FIELD_NUMBER: _ClassVar[int]
    SVG_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    machine: str
    svg: str
    version: str
    def __init__(self, machine: _Optional[str] = ..., version: _Optional[str] = ..., svg: _Optional[str] = ...) -> None: ...

class CollectGarbageRequest(_message.Message):
    __slots__: list[str] = ["dry_run", "max_age_s", "max_bytes", "max_runs", "project"]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    MAX_AGE_S_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_RUNS_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    dry_run: bool
    max_age_s: float
    max_bytes: float
    max_runs: int
    project: str
    def __init__(self, dry_run: bool = ..., max_age_s: _Optional[float] = ..., max_bytes: _Optional[float] = ..., max_runs: _Optional[int] = ..., project: _Optional[str] = ...) -> None: ...

class ConsoleLink(_message.Message):
    __slots__: list[str] = ["expires_at", "role", "url"]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    expires_at: str
    role: str
    url: str
    def __init__(self, url: _Optional[str] = ..., expires_at: _Optional[str] = ..., role: _Optional[str] = ...) -> None: ...

class DaemonStatus(_message.Message):
    __slots__: list[str] = ["bus_connected", "bus_external", "bus_url", "commit_ms_p99", "console", "disk_free_bytes", "drained", "gpus_free", "gpus_total", "home", "kill_scope", "kill_scope_why", "last_checkpoint", "outbox_depth", "parallel", "pid", "reasons", "recovery", "runs_live", "runs_queued", "socket", "started_at", "state", "status", "tcp", "tls", "version", "wal_bytes", "workers_idle", "yard"]
    BUS_CONNECTED_FIELD_NUMBER: _ClassVar[int]
    BUS_EXTERNAL_FIELD_NUMBER: _ClassVar[int]
    BUS_URL_FIELD_NUMBER: _ClassVar[int]
    COMMIT_MS_P99_FIELD_NUMBER: _ClassVar[int]
    CONSOLE_FIELD_NUMBER: _ClassVar[int]
    DISK_FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DRAINED_FIELD_NUMBER: _ClassVar[int]
    GPUS_FREE_FIELD_NUMBER: _ClassVar[int]
    GPUS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    HOME_FIELD_NUMBER: _ClassVar[int]
    KILL_SCOPE_FIELD_NUMBER: _ClassVar[int]
    KILL_SCOPE_WHY_FIELD_NUMBER: _ClassVar[int]
    LAST_CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    OUTBOX_DEPTH_FIELD_NUMBER: _ClassVar[int]
    PARALLEL_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_FIELD_NUMBER: _ClassVar[int]
    RUNS_LIVE_FIELD_NUMBER: _ClassVar[int]
    RUNS_QUEUED_FIELD_NUMBER: _ClassVar[int]
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TCP_FIELD_NUMBER: _ClassVar[int]
    TLS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    WORKERS_IDLE_FIELD_NUMBER: _ClassVar[int]
    YARD_FIELD_NUMBER: _ClassVar[int]
    bus_connected: bool
    bus_external: bool
    bus_url: str
    commit_ms_p99: float
    console: str
    disk_free_bytes: int
    drained: str
    gpus_free: int
    gpus_total: int
    home: str
    kill_scope: str
    kill_scope_why: str
    last_checkpoint: str
    outbox_depth: int
    parallel: int
    pid: int
    reasons: _containers.RepeatedCompositeFieldContainer[HealthReason]
    recovery: Recovery
    runs_live: int
    runs_queued: int
    socket: str
    started_at: str
    state: str
    status: str
    tcp: str
    tls: _containers.RepeatedScalarFieldContainer[str]
    version: str
    wal_bytes: int
    workers_idle: int
    yard: str
    def __init__(self, status: _Optional[str] = ..., reasons: _Optional[_Iterable[_Union[HealthReason, _Mapping[str, object]]]] = ..., yard: _Optional[str] = ..., version: _Optional[str] = ..., pid: _Optional[int] = ..., started_at: _Optional[str] = ..., home: _Optional[str] = ..., socket: _Optional[str] = ..., tcp: _Optional[str] = ..., bus_url: _Optional[str] = ..., bus_connected: bool = ..., runs_queued: _Optional[int] = ..., runs_live: _Optional[int] = ..., gpus_total: _Optional[int] = ..., gpus_free: _Optional[int] = ..., wal_bytes: _Optional[int] = ..., last_checkpoint: _Optional[str] = ..., outbox_depth: _Optional[int] = ..., disk_free_bytes: _Optional[int] = ..., commit_ms_p99: _Optional[float] = ..., workers_idle: _Optional[int] = ..., state: _Optional[str] = ..., parallel: _Optional[int] = ..., console: _Optional[str] = ..., bus_external: bool = ..., recovery: _Optional[_Union[Recovery, _Mapping[str, object]]] = ..., kill_scope: _Optional[str] = ..., kill_scope_why: _Optional[str] = ..., drained: _Optional[str] = ..., tls: _Optional[_Iterable[str]] = ...) -> None: ...

class ErrorDetail(_message.Message):
    __slots__: list[str] = ["code", "retryable", "violations", "who"]
    CODE_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    WHO_FIELD_NUMBER: _ClassVar[int]
    code: str
    retryable: bool
    violations: _containers.RepeatedCompositeFieldContainer[Violation]
    who: str
    def __init__(self, code: _Optional[str] = ..., retryable: bool = ..., who: _Optional[str] = ..., violations: _Optional[_Iterable[_Union[Violation, _Mapping[str, object]]]] = ...) -> None: ...

class ExportReaderRequest(_message.Message):
    __slots__: list[str] = ["expires_s", "name", "runs"]
    EXPIRES_S_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    expires_s: float
    name: str
    runs: _containers.RepeatedCompositeFieldContainer[RunRef]
    def __init__(self, name: _Optional[str] = ..., expires_s: _Optional[float] = ..., runs: _Optional[_Iterable[_Union[RunRef, _Mapping[str, object]]]] = ...) -> None: ...

class GetChartRequest(_message.Message):
    __slots__: list[str] = ["machine"]
    MACHINE_FIELD_NUMBER: _ClassVar[int]
    machine: str
    def __init__(self, machine: _Optional[str] = ...) -> None: ...

class GetHealthRequest(_message.Message):
    __slots__: list[str] = []
    def __init__(self) -> None: ...

class GetRunDetailsRequest(_message.Message):
    __slots__: list[str] = ["run"]
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: RunRef
    def __init__(self, run: _Optional[_Union[RunRef, _Mapping[str, object]]] = ...) -> None: ...

class GetRunRequest(_message.Message):
    __slots__: list[str] = ["run"]
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: RunRef
    def __init__(self, run: _Optional[_Union[RunRef, _Mapping[str, object]]] = ...) -> None: ...

class GetSchemaRequest(_message.Message):
    __slots__: list[str] = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class Gpu(_message.Message):
    __slots__: list[str] = ["foreign", "holders", "id", "index", "memory_mib", "name", "part_of", "state", "text", "used_mib", "utilization", "vendor"]
    FOREIGN_FIELD_NUMBER: _ClassVar[int]
    HOLDERS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PART_OF_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    USED_MIB_FIELD_NUMBER: _ClassVar[int]
    UTILIZATION_FIELD_NUMBER: _ClassVar[int]
    VENDOR_FIELD_NUMBER: _ClassVar[int]
    foreign: str
    holders: _containers.RepeatedCompositeFieldContainer[GpuHolder]
    id: str
    index: int
    memory_mib: float
    name: str
    part_of: str
    state: str
    text: str
    used_mib: float
    utilization: float
    vendor: str
    def __init__(self, id: _Optional[str] = ..., index: _Optional[int] = ..., vendor: _Optional[str] = ..., name: _Optional[str] = ..., memory_mib: _Optional[float] = ..., used_mib: _Optional[float] = ..., utilization: _Optional[float] = ..., state: _Optional[str] = ..., text: _Optional[str] = ..., holders: _Optional[_Iterable[_Union[GpuHolder, _Mapping[str, object]]]] = ..., foreign: _Optional[str] = ..., part_of: _Optional[str] = ...) -> None: ...

class GpuHolder(_message.Message):
    __slots__: list[str] = ["memory_mib", "run_id", "share", "since", "user"]
    MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    memory_mib: float
    run_id: str
    share: float
    since: str
    user: str
    def __init__(self, run_id: _Optional[str] = ..., user: _Optional[str] = ..., since: _Optional[str] = ..., share: _Optional[float] = ..., memory_mib: _Optional[float] = ...) -> None: ...

class GroupSummary(_message.Message):
    __slots__: list[str] = ["allocating", "at_once", "cancelled", "completed", "failed", "finished_at", "group", "held", "lost", "project", "queued", "rejected", "running", "runs", "started_at", "state", "stopping", "submitted_at", "superseded", "user"]
    ALLOCATING_FIELD_NUMBER: _ClassVar[int]
    AT_ONCE_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STOPPING_FIELD_NUMBER: _ClassVar[int]
    SUBMITTED_AT_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDED_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    allocating: int
    at_once: int
    cancelled: int
    completed: int
    failed: int
    finished_at: str
    group: str
    held: int
    lost: int
    project: str
    queued: int
    rejected: int
    running: int
    runs: int
    started_at: str
    state: str
    stopping: int
    submitted_at: str
    superseded: int
    user: str
    def __init__(self, group: _Optional[str] = ..., state: _Optional[str] = ..., runs: _Optional[int] = ..., queued: _Optional[int] = ..., held: _Optional[int] = ..., allocating: _Optional[int] = ..., running: _Optional[int] = ..., stopping: _Optional[int] = ..., completed: _Optional[int] = ..., failed: _Optional[int] = ..., cancelled: _Optional[int] = ..., rejected: _Optional[int] = ..., lost: _Optional[int] = ..., at_once: _Optional[int] = ..., user: _Optional[str] = ..., project: _Optional[str] = ..., submitted_at: _Optional[str] = ..., started_at: _Optional[str] = ..., finished_at: _Optional[str] = ..., superseded: _Optional[int] = ...) -> None: ...

class HealthReason(_message.Message):
    __slots__: list[str] = ["hint", "part", "refuses_runs", "severity", "text"]
    HINT_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    REFUSES_RUNS_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    hint: str
    part: str
    refuses_runs: bool
    severity: str
    text: str
    def __init__(self, part: _Optional[str] = ..., severity: _Optional[str] = ..., text: _Optional[str] = ..., hint: _Optional[str] = ..., refuses_runs: bool = ...) -> None: ...

class HoldRunRequest(_message.Message):
    __slots__: list[str] = ["reason", "run", "user"]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    reason: str
    run: RunRef
    user: str
    def __init__(self, run: _Optional[_Union[RunRef, _Mapping[str, object]]] = ..., reason: _Optional[str] = ..., user: _Optional[str] = ...) -> None: ...

class InputChunk(_message.Message):
    __slots__: list[str] = ["data"]
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class InputRef(_message.Message):
    __slots__: list[str] = ["sha256", "size", "uri"]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    size: int
    uri: str
    def __init__(self, uri: _Optional[str] = ..., sha256: _Optional[str] = ..., size: _Optional[int] = ...) -> None: ...

class ListArtifactsRequest(_message.Message):
    __slots__: list[str] = ["attempt", "run"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    run: RunRef
    def __init__(self, run: _Optional[_Union[RunRef, _Mapping[str, object]]] = ..., attempt: _Optional[int] = ...) -> None: ...

class ListGpusRequest(_message.Message):
    __slots__: list[str] = []
    def __init__(self) -> None: ...

class ListGroupsRequest(_message.Message):
    __slots__: list[str] = ["all", "limit", "user"]
    ALL_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    all: bool
    limit: int
    user: str
    def __init__(self, all: bool = ..., user: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ListMetricsRequest(_message.Message):
    __slots__: list[str] = ["attempt", "key", "runs"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    key: str
    runs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, runs: _Optional[_Iterable[str]] = ..., key: _Optional[str] = ..., attempt: _Optional[int] = ...) -> None: ...

class ListReadersRequest(_message.Message):
    __slots__: list[str] = []
    def __init__(self) -> None: ...

class ListRunsRequest(_message.Message):
    __slots__: list[str] = ["after", "all", "group", "limit", "project", "search", "status", "user"]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    after: str
    all: bool
    group: str
    limit: int
    project: str
    search: str
    status: str
    user: str
    def __init__(self, all: bool = ..., user: _Optional[str] = ..., status: _Optional[str] = ..., group: _Optional[str] = ..., limit: _Optional[int] = ..., project: _Optional[str] = ..., search: _Optional[str] = ..., after: _Optional[str] = ...) -> None: ...

class ListStreamsRequest(_message.Message):
    __slots__: list[str] = []
    def __init__(self) -> None: ...

class ListSubscribersRequest(_message.Message):
    __slots__: list[str] = []
    def __init__(self) -> None: ...

class ListTransitionsRequest(_message.Message):
    __slots__: list[str] = ["run"]
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: RunRef
    def __init__(self, run: _Optional[_Union[RunRef, _Mapping[str, object]]] = ...) -> None: ...

class LogBegun(_message.Message):
    __slots__: list[str] = ["at", "offset", "stream", "text"]
    AT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    at: str
    offset: int
    stream: str
    text: str
    def __init__(self, stream: _Optional[str] = ..., at: _Optional[str] = ..., text: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class LogChunk(_message.Message):
    __slots__: list[str] = ["attempt", "begun", "gaps", "lines"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    BEGUN_FIELD_NUMBER: _ClassVar[int]
    GAPS_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    begun: _containers.RepeatedCompositeFieldContainer[LogBegun]
    gaps: _containers.RepeatedCompositeFieldContainer[LogGap]
    lines: _containers.RepeatedCompositeFieldContainer[LogLine]
    def __init__(self, attempt: _Optional[int] = ..., lines: _Optional[_Iterable[_Union[LogLine, _Mapping[str, object]]]] = ..., gaps: _Optional[_Iterable[_Union[LogGap, _Mapping[str, object]]]] = ..., begun: _Optional[_Iterable[_Union[LogBegun, _Mapping[str, object]]]] = ...) -> None: ...

class LogGap(_message.Message):
    __slots__: list[str] = ["bytes", "reason", "stream"]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    reason: str
    stream: str
    def __init__(self, stream: _Optional[str] = ..., bytes: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class LogLine(_message.Message):
    __slots__: list[str] = ["at", "offset", "seq", "stream", "text"]
    AT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    at: str
    offset: int
    seq: int
    stream: str
    text: str
    def __init__(self, seq: _Optional[int] = ..., stream: _Optional[str] = ..., at: _Optional[str] = ..., text: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class MetricBatch(_message.Message):
    __slots__: list[str] = ["attempt", "first_seq", "gaps", "json", "last_seq", "live", "points", "snapshot", "thinned"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEQ_FIELD_NUMBER: _ClassVar[int]
    GAPS_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    THINNED_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    first_seq: int
    gaps: _containers.RepeatedCompositeFieldContainer[MetricGap]
    json: bytes
    last_seq: int
    live: bool
    points: _containers.RepeatedCompositeFieldContainer[MetricPoint]
    snapshot: MetricSnapshot
    thinned: MetricThinning
    def __init__(self, attempt: _Optional[int] = ..., first_seq: _Optional[int] = ..., last_seq: _Optional[int] = ..., points: _Optional[_Iterable[_Union[MetricPoint, _Mapping[str, object]]]] = ..., gaps: _Optional[_Iterable[_Union[MetricGap, _Mapping[str, object]]]] = ..., json: _Optional[bytes] = ..., thinned: _Optional[_Union[MetricThinning, _Mapping[str, object]]] = ..., snapshot: _Optional[_Union[MetricSnapshot, _Mapping[str, object]]] = ..., live: bool = ...) -> None: ...

class MetricGap(_message.Message):
    __slots__: list[str] = ["first_seq", "last_seq", "reason"]
    FIRST_SEQ_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    first_seq: int
    last_seq: int
    reason: str
    def __init__(self, first_seq: _Optional[int] = ..., last_seq: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class MetricKey(_message.Message):
    __slots__: list[str] = ["attempt", "count", "key", "last", "max", "min", "run_id", "seq", "source", "step", "wall"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    WALL_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    count: int
    key: str
    last: float
    max: float
    min: float
    run_id: str
    seq: int
    source: str
    step: str
    wall: str
    def __init__(self, run_id: _Optional[str] = ..., attempt: _Optional[int] = ..., key: _Optional[str] = ..., source: _Optional[str] = ..., seq: _Optional[int] = ..., step: _Optional[str] = ..., wall: _Optional[str] = ..., last: _Optional[float] = ..., count: _Optional[int] = ..., min: _Optional[float] = ..., max: _Optional[float] = ...) -> None: ...

class MetricPoint(_message.Message):
    __slots__: list[str] = ["id", "key", "seq", "source", "step", "value", "wall"]
    ID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    WALL_FIELD_NUMBER: _ClassVar[int]
    id: str
    key: str
    seq: int
    source: str
    step: str
    value: float
    wall: str
    def __init__(self, seq: _Optional[int] = ..., key: _Optional[str] = ..., step: _Optional[str] = ..., wall: _Optional[str] = ..., value: _Optional[float] = ..., source: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class MetricSnapshot(_message.Message):
    __slots__: list[str] = ["keys", "seq"]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[MetricKey]
    seq: int
    def __init__(self, seq: _Optional[int] = ..., keys: _Optional[_Iterable[_Union[MetricKey, _Mapping[str, object]]]] = ...) -> None: ...

class MetricThinning(_message.Message):
    __slots__: list[str] = ["points", "width"]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    points: int
    width: int
    def __init__(self, width: _Optional[int] = ..., points: _Optional[int] = ...) -> None: ...

class OpenConsoleRequest(_message.Message):
    __slots__: list[str] = ["viewer"]
    VIEWER_FIELD_NUMBER: _ClassVar[int]
    viewer: bool
    def __init__(self, viewer: bool = ...) -> None: ...

class PauseRunRequest(_message.Message):
    __slots__: list[str] = ["reason", "run", "user"]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    reason: str
    run: RunRef
    user: str
    def __init__(self, run: _Optional[_Union[RunRef, _Mapping[str, object]]] = ..., reason: _Optional[str] = ..., user: _Optional[str] = ...) -> None: ...

class PinRunRequest(_message.Message):
    __slots__: list[str] = ["pinned", "run"]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    pinned: bool
    run: RunRef
    def __init__(self, run: _Optional[_Union[RunRef, _Mapping[str, object]]] = ..., pinned: bool = ...) -> None: ...

class ReadArtifactRequest(_message.Message):
    __slots__: list[str] = ["attempt", "length", "name", "offset", "run"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    length: int
    name: str
    offset: int
    run: RunRef
    def __init__(self, run: _Optional[_Union[RunRef, _Mapping[str, object]]] = ..., attempt: _Optional[int] = ..., name: _Optional[str] = ..., offset: _Optional[int] = ..., length: _Optional[int] = ...) -> None: ...

class ReadableStreams(_message.Message):
    __slots__: list[str] = ["artifacts", "events", "logs", "metrics"]
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    LOGS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    artifacts: str
    events: str
    logs: str
    metrics: str
    def __init__(self, events: _Optional[str] = ..., metrics: _Optional[str] = ..., logs: _Optional[str] = ..., artifacts: _Optional[str] = ...) -> None: ...

class Reader(_message.Message):
    __slots__: list[str] = ["created_at", "expires_at", "name", "runs"]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    created_at: str
    expires_at: str
    name: str
    runs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., created_at: _Optional[str] = ..., expires_at: _Optional[str] = ..., runs: _Optional[_Iterable[str]] = ...) -> None: ...

class ReaderCredential(_message.Message):
    __slots__: list[str] = ["password", "reader", "streams", "url", "user", "yard"]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    READER_FIELD_NUMBER: _ClassVar[int]
    STREAMS_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    YARD_FIELD_NUMBER: _ClassVar[int]
    password: str
    reader: Reader
    streams: ReadableStreams
    url: str
    user: str
    yard: str
    def __init__(self, reader: _Optional[_Union[Reader, _Mapping[str, object]]] = ..., url: _Optional[str] = ..., user: _Optional[str] = ..., password: _Optional[str] = ..., yard: _Optional[str] = ..., streams: _Optional[_Union[ReadableStreams, _Mapping[str, object]]] = ...) -> None: ...

class Reason(_message.Message):
    __slots__: list[str] = ["code", "text"]
    CODE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    code: str
    text: str
    def __init__(self, code: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class Recovery(_message.Message):
    __slots__: list[str] = ["adopted", "at", "ended", "leases_mended", "processes_ended", "queued", "rebooted", "registry_kept", "temp_pruned", "text", "unknown_dirs", "vanished", "workers_replaced"]
    ADOPTED_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    LEASES_MENDED_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_ENDED_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    REBOOTED_FIELD_NUMBER: _ClassVar[int]
    REGISTRY_KEPT_FIELD_NUMBER: _ClassVar[int]
    TEMP_PRUNED_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_DIRS_FIELD_NUMBER: _ClassVar[int]
    VANISHED_FIELD_NUMBER: _ClassVar[int]
    WORKERS_REPLACED_FIELD_NUMBER: _ClassVar[int]
    adopted: int
    at: str
    ended: int
    leases_mended: int
    processes_ended: int
    queued: int
    rebooted: int
    registry_kept: str
    temp_pruned: int
    text: str
    unknown_dirs: int
    vanished: int
    workers_replaced: int
    def __init__(self, at: _Optional[str] = ..., text: _Optional[str] = ..., queued: _Optional[int] = ..., adopted: _Optional[int] = ..., ended: _Optional[int] = ..., vanished: _Optional[int] = ..., rebooted: _Optional[int] = ..., workers_replaced: _Optional[int] = ..., processes_ended: _Optional[int] = ..., leases_mended: _Optional[int] = ..., temp_pruned: _Optional[int] = ..., unknown_dirs: _Optional[int] = ..., registry_kept: _Optional[str] = ...) -> None: ...

class ReleaseRunRequest(_message.Message):
    __slots__: list[str] = ["reason", "run", "user"]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    reason: str
    run: RunRef
    user: str
    def __init__(self, run: _Optional[_Union[RunRef, _Mapping[str, object]]] = ..., reason: _Optional[str] = ..., user: _Optional[str] = ...) -> None: ...

class Removal(_message.Message):
    __slots__: list[str] = ["artifacts", "bytes", "finished_at", "name", "problem", "project", "removed", "run_id", "why"]
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    artifacts: int
    bytes: int
    finished_at: str
    name: str
    problem: str
    project: str
    removed: bool
    run_id: str
    why: str
    def __init__(self, run_id: _Optional[str] = ..., name: _Optional[str] = ..., project: _Optional[str] = ..., finished_at: _Optional[str] = ..., bytes: _Optional[int] = ..., artifacts: _Optional[int] = ..., why: _Optional[str] = ..., removed: bool = ..., problem: _Optional[str] = ...) -> None: ...

class RemoveRunRequest(_message.Message):
    __slots__: list[str] = ["reason", "run", "user"]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    reason: str
    run: RunRef
    user: str
    def __init__(self, run: _Optional[_Union[RunRef, _Mapping[str, object]]] = ..., reason: _Optional[str] = ..., user: _Optional[str] = ...) -> None: ...

class RemovedRun(_message.Message):
    __slots__: list[str] = ["at", "pos", "run_id", "seq"]
    AT_FIELD_NUMBER: _ClassVar[int]
    POS_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    at: str
    pos: int
    run_id: str
    seq: int
    def __init__(self, run_id: _Optional[str] = ..., seq: _Optional[int] = ..., pos: _Optional[int] = ..., at: _Optional[str] = ...) -> None: ...

class ResumeRunRequest(_message.Message):
    __slots__: list[str] = ["reason", "run", "user"]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    reason: str
    run: RunRef
    user: str
    def __init__(self, run: _Optional[_Union[RunRef, _Mapping[str, object]]] = ..., reason: _Optional[str] = ..., user: _Optional[str] = ...) -> None: ...

class RetryRunRequest(_message.Message):
    __slots__: list[str] = ["changes", "env_ref", "key", "run", "traceparent", "user"]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    ENV_REF_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    changes: _struct_pb2.Struct
    env_ref: InputRef
    key: str
    run: RunRef
    traceparent: str
    user: str
    def __init__(self, run: _Optional[_Union[RunRef, _Mapping[str, object]]] = ..., changes: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ..., env_ref: _Optional[_Union[InputRef, _Mapping[str, object]]] = ..., key: _Optional[str] = ..., user: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class RevokeReaderRequest(_message.Message):
    __slots__: list[str] = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class RotateTokenRequest(_message.Message):
    __slots__: list[str] = ["keep_sessions", "reason", "scrape", "user"]
    KEEP_SESSIONS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SCRAPE_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    keep_sessions: bool
    reason: str
    scrape: bool
    user: str
    def __init__(self, scrape: bool = ..., keep_sessions: bool = ..., reason: _Optional[str] = ..., user: _Optional[str] = ...) -> None: ...

class RotatedToken(_message.Message):
    __slots__: list[str] = ["file", "sessions_ended"]
    FILE_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_ENDED_FIELD_NUMBER: _ClassVar[int]
    file: str
    sessions_ended: int
    def __init__(self, file: _Optional[str] = ..., sessions_ended: _Optional[int] = ...) -> None: ...

class RunDetails(_message.Message):
    __slots__: list[str] = ["attempts", "config_json", "run"]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    CONFIG_JSON_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    attempts: _containers.RepeatedCompositeFieldContainer[AttemptSeen]
    config_json: str
    run: RunSummary
    def __init__(self, run: _Optional[_Union[RunSummary, _Mapping[str, object]]] = ..., config_json: _Optional[str] = ..., attempts: _Optional[_Iterable[_Union[AttemptSeen, _Mapping[str, object]]]] = ...) -> None: ...

class RunEvent(_message.Message):
    __slots__: list[str] = ["at", "attempt", "detail_json", "event", "machine_version", "pos", "run_id", "seq", "to"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_JSON_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    MACHINE_VERSION_FIELD_NUMBER: _ClassVar[int]
    POS_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    at: str
    attempt: int
    detail_json: str
    event: str
    machine_version: str
    pos: int
    run_id: str
    seq: int
    to: str
    def __init__(self, run_id: _Optional[str] = ..., seq: _Optional[int] = ..., pos: _Optional[int] = ..., at: _Optional[str] = ..., attempt: _Optional[int] = ..., event: _Optional[str] = ..., to: _Optional[str] = ..., detail_json: _Optional[str] = ..., machine_version: _Optional[str] = ..., **kwargs: object) -> None: ...

class RunHandle(_message.Message):
    __slots__: list[str] = ["created", "run_id"]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    created: bool
    run_id: str
    def __init__(self, run_id: _Optional[str] = ..., created: bool = ...) -> None: ...

class RunPlan(_message.Message):
    __slots__: list[str] = ["slots", "text", "verdict"]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    slots: _containers.RepeatedScalarFieldContainer[str]
    text: str
    verdict: str
    def __init__(self, verdict: _Optional[str] = ..., text: _Optional[str] = ..., slots: _Optional[_Iterable[str]] = ...) -> None: ...

class RunRef(_message.Message):
    __slots__: list[str] = ["ref"]
    REF_FIELD_NUMBER: _ClassVar[int]
    ref: str
    def __init__(self, ref: _Optional[str] = ...) -> None: ...

class RunSummary(_message.Message):
    __slots__: list[str] = ["artifact_manifest", "attempt", "code", "command", "config_digest", "cwd", "exit_code", "exit_signal", "exited", "failure_cause", "failure_reason", "finished_at", "gpu_slots", "group", "last_heartbeat", "last_metric", "last_seq", "name", "note", "params", "pid", "pinned_at", "priority", "project", "retried_by", "retry_of", "run_dir", "run_id", "started_at", "state", "status", "stop_reason", "stop_user", "submitted_at", "tags", "trace_id", "user", "why"]
    class ParamsEntry(_message.Message):
        __slots__: list[str] = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ARTIFACT_MANIFEST_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    CONFIG_DIGEST_FIELD_NUMBER: _ClassVar[int]
    CWD_FIELD_NUMBER: _ClassVar[int]
    EXITED_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    EXIT_SIGNAL_FIELD_NUMBER: _ClassVar[int]
    FAILURE_CAUSE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_REASON_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    GPU_SLOTS_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    LAST_HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    LAST_METRIC_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    PINNED_AT_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    RETRIED_BY_FIELD_NUMBER: _ClassVar[int]
    RETRY_OF_FIELD_NUMBER: _ClassVar[int]
    RUN_DIR_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STOP_REASON_FIELD_NUMBER: _ClassVar[int]
    STOP_USER_FIELD_NUMBER: _ClassVar[int]
    SUBMITTED_AT_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    artifact_manifest: str
    attempt: int
    code: str
    command: str
    config_digest: str
    cwd: str
    exit_code: int
    exit_signal: str
    exited: bool
    failure_cause: Reason
    failure_reason: Reason
    finished_at: str
    gpu_slots: _containers.RepeatedScalarFieldContainer[str]
    group: str
    last_heartbeat: str
    last_metric: str
    last_seq: int
    name: str
    note: str
    params: _containers.ScalarMap[str, str]
    pid: int
    pinned_at: str
    priority: int
    project: str
    retried_by: str
    retry_of: str
    run_dir: str
    run_id: str
    started_at: str
    state: str
    status: str
    stop_reason: str
    stop_user: str
    submitted_at: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    trace_id: str
    user: str
    why: str
    def __init__(self, run_id: _Optional[str] = ..., name: _Optional[str] = ..., user: _Optional[str] = ..., project: _Optional[str] = ..., group: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., status: _Optional[str] = ..., state: _Optional[str] = ..., attempt: _Optional[int] = ..., config_digest: _Optional[str] = ..., submitted_at: _Optional[str] = ..., started_at: _Optional[str] = ..., finished_at: _Optional[str] = ..., last_heartbeat: _Optional[str] = ..., artifact_manifest: _Optional[str] = ..., failure_reason: _Optional[_Union[Reason, _Mapping[str, object]]] = ..., gpu_slots: _Optional[_Iterable[str]] = ..., why: _Optional[str] = ..., command: _Optional[str] = ..., exit_code: _Optional[int] = ..., exit_signal: _Optional[str] = ..., exited: bool = ..., last_metric: _Optional[str] = ..., last_seq: _Optional[int] = ..., run_dir: _Optional[str] = ..., stop_user: _Optional[str] = ..., stop_reason: _Optional[str] = ..., trace_id: _Optional[str] = ..., pid: _Optional[int] = ..., cwd: _Optional[str] = ..., code: _Optional[str] = ..., retry_of: _Optional[str] = ..., note: _Optional[str] = ..., failure_cause: _Optional[_Union[Reason, _Mapping[str, object]]] = ..., pinned_at: _Optional[str] = ..., params: _Optional[_Mapping[str, str]] = ..., retried_by: _Optional[str] = ..., priority: _Optional[int] = ...) -> None: ...

class Schema(_message.Message):
    __slots__: list[str] = ["json", "name"]
    JSON_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    json: str
    name: str
    def __init__(self, name: _Optional[str] = ..., json: _Optional[str] = ...) -> None: ...

class SetDrainReply(_message.Message):
    __slots__: list[str] = ["live_runs", "on", "target"]
    LIVE_RUNS_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    live_runs: int
    on: bool
    target: str
    def __init__(self, target: _Optional[str] = ..., on: bool = ..., live_runs: _Optional[int] = ...) -> None: ...

class SetDrainRequest(_message.Message):
    __slots__: list[str] = ["on", "reason", "target", "user"]
    ON_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    on: bool
    reason: str
    target: str
    user: str
    def __init__(self, target: _Optional[str] = ..., on: bool = ..., reason: _Optional[str] = ..., user: _Optional[str] = ...) -> None: ...

class ShutdownReply(_message.Message):
    __slots__: list[str] = ["live_runs"]
    LIVE_RUNS_FIELD_NUMBER: _ClassVar[int]
    live_runs: int
    def __init__(self, live_runs: _Optional[int] = ...) -> None: ...

class ShutdownRequest(_message.Message):
    __slots__: list[str] = ["keep_bus"]
    KEEP_BUS_FIELD_NUMBER: _ClassVar[int]
    keep_bus: bool
    def __init__(self, keep_bus: bool = ...) -> None: ...

class StatusDetails(_message.Message):
    __slots__: list[str] = ["code", "details", "message"]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: int
    details: _containers.RepeatedCompositeFieldContainer[_any_pb2.Any]
    message: str
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., details: _Optional[_Iterable[_Union[_any_pb2.Any, _Mapping[str, object]]]] = ...) -> None: ...

class StatusRequest(_message.Message):
    __slots__: list[str] = ["credit", "from_seq", "run", "until_done"]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    FROM_SEQ_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    UNTIL_DONE_FIELD_NUMBER: _ClassVar[int]
    credit: int
    from_seq: int
    run: RunRef
    until_done: bool
    def __init__(self, run: _Optional[_Union[RunRef, _Mapping[str, object]]] = ..., from_seq: _Optional[int] = ..., credit: _Optional[int] = ..., until_done: bool = ...) -> None: ...

class StopGroupRequest(_message.Message):
    __slots__: list[str] = ["group", "now", "reason", "user"]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    group: str
    now: bool
    reason: str
    user: str
    def __init__(self, group: _Optional[str] = ..., reason: _Optional[str] = ..., user: _Optional[str] = ..., now: bool = ...) -> None: ...

class StopRunRequest(_message.Message):
    __slots__: list[str] = ["now", "reason", "run", "user"]
    NOW_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    now: bool
    reason: str
    run: RunRef
    user: str
    def __init__(self, run: _Optional[_Union[RunRef, _Mapping[str, object]]] = ..., reason: _Optional[str] = ..., user: _Optional[str] = ..., now: bool = ...) -> None: ...

class StreamLogsRequest(_message.Message):
    __slots__: list[str] = ["attempt", "begun", "follow", "from_seq", "raw", "run", "since", "stderr_only", "tail"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    BEGUN_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    FROM_SEQ_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    STDERR_ONLY_FIELD_NUMBER: _ClassVar[int]
    TAIL_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    begun: bool
    follow: bool
    from_seq: int
    raw: bool
    run: RunRef
    since: str
    stderr_only: bool
    tail: int
    def __init__(self, run: _Optional[_Union[RunRef, _Mapping[str, object]]] = ..., follow: bool = ..., tail: _Optional[int] = ..., stderr_only: bool = ..., from_seq: _Optional[int] = ..., attempt: _Optional[int] = ..., since: _Optional[str] = ..., raw: bool = ..., begun: bool = ...) -> None: ...

class StreamMetricsRequest(_message.Message):
    __slots__: list[str] = ["attempt", "follow", "from_seq", "json", "key", "last", "run", "snapshot", "source", "thin", "thin_width"]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    FROM_SEQ_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    THIN_FIELD_NUMBER: _ClassVar[int]
    THIN_WIDTH_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    follow: bool
    from_seq: int
    json: bool
    key: str
    last: int
    run: RunRef
    snapshot: bool
    source: str
    thin: int
    thin_width: int
    def __init__(self, run: _Optional[_Union[RunRef, _Mapping[str, object]]] = ..., follow: bool = ..., from_seq: _Optional[int] = ..., key: _Optional[str] = ..., attempt: _Optional[int] = ..., last: _Optional[int] = ..., source: _Optional[str] = ..., thin: _Optional[int] = ..., thin_width: _Optional[int] = ..., json: bool = ..., snapshot: bool = ...) -> None: ...

class StreamYardRequest(_message.Message):
    __slots__: list[str] = ["after_pos", "follow"]
    AFTER_POS_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    after_pos: int
    follow: bool
    def __init__(self, after_pos: _Optional[int] = ..., follow: bool = ...) -> None: ...

class SubmitRunRequest(_message.Message):
    __slots__: list[str] = ["config", "config_ref", "env_ref", "key", "traceparent", "user"]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    CONFIG_REF_FIELD_NUMBER: _ClassVar[int]
    ENV_REF_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    config: _struct_pb2.Struct
    config_ref: InputRef
    env_ref: InputRef
    key: str
    traceparent: str
    user: str
    def __init__(self, config: _Optional[_Union[_struct_pb2.Struct, _Mapping[str, object]]] = ..., config_ref: _Optional[_Union[InputRef, _Mapping[str, object]]] = ..., env_ref: _Optional[_Union[InputRef, _Mapping[str, object]]] = ..., key: _Optional[str] = ..., user: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class Subscriber(_message.Message):
    __slots__: list[str] = ["active_at", "asking", "durable", "lag", "made_at", "name", "ours", "seq", "stream", "subjects"]
    ACTIVE_AT_FIELD_NUMBER: _ClassVar[int]
    ASKING_FIELD_NUMBER: _ClassVar[int]
    DURABLE_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    MADE_AT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OURS_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    SUBJECTS_FIELD_NUMBER: _ClassVar[int]
    active_at: str
    asking: int
    durable: bool
    lag: int
    made_at: str
    name: str
    ours: bool
    seq: int
    stream: str
    subjects: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, stream: _Optional[str] = ..., name: _Optional[str] = ..., subjects: _Optional[_Iterable[str]] = ..., ours: bool = ..., durable: bool = ..., seq: _Optional[int] = ..., lag: _Optional[int] = ..., asking: _Optional[int] = ..., made_at: _Optional[str] = ..., active_at: _Optional[str] = ...) -> None: ...

class Transition(_message.Message):
    __slots__: list[str] = ["begun", "context_json", "ended", "event"]
    BEGUN_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_JSON_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    begun: _containers.RepeatedScalarFieldContainer[str]
    context_json: str
    ended: _containers.RepeatedScalarFieldContainer[str]
    event: RunEvent
    def __init__(self, event: _Optional[_Union[RunEvent, _Mapping[str, object]]] = ..., context_json: _Optional[str] = ..., begun: _Optional[_Iterable[str]] = ..., ended: _Optional[_Iterable[str]] = ...) -> None: ...

class Violation(_message.Message):
    __slots__: list[str] = ["field", "hint", "rule"]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    field: str
    hint: str
    rule: str
    def __init__(self, field: _Optional[str] = ..., rule: _Optional[str] = ..., hint: _Optional[str] = ...) -> None: ...

class WatchGroupRequest(_message.Message):
    __slots__: list[str] = ["group", "once", "until_done"]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    ONCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_DONE_FIELD_NUMBER: _ClassVar[int]
    group: str
    once: bool
    until_done: bool
    def __init__(self, group: _Optional[str] = ..., until_done: bool = ..., once: bool = ...) -> None: ...
