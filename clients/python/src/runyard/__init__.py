"""Runyard from Python: submit, watch and stop training runs, and note numbers from within one.

    import runyard

    with runyard.connect() as client:
        run = client.submit({"command": ["python", "train.py"]})
        print(client.wait(run.run_id).status)

`runyard.aio` has the same for asyncio, `runyard.bus` reads metrics straight from NATS. `from runyard import log`
needs the standard library only, and any Python 3: whatever needs more is loaded when it is first used.
"""

import importlib

from .log import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .client import Stream, TrainerClient, connect
    from .errors import ERROR_CODES, ErrorCode, RunyardError, Violation
    from .v1.orchestrator_pb2 import (
        Artifact,
        DaemonStatus,
        Gpu,
        GroupSummary,
        InputRef,
        LogChunk,
        MetricBatch,
        MetricKey,
        MetricPoint,
        ReaderCredential,
        RunEvent,
        RunHandle,
        RunPlan,
        RunSummary,
    )

_homes = {
    ".client": ("Stream", "TrainerClient", "connect"),
    ".errors": ("ERROR_CODES", "ErrorCode", "RunyardError", "Violation"),
    ".v1.orchestrator_pb2": (
        "Artifact",
        "DaemonStatus",
        "Gpu",
        "GroupSummary",
        "InputRef",
        "LogChunk",
        "MetricBatch",
        "MetricKey",
        "MetricPoint",
        "ReaderCredential",
        "RunEvent",
        "RunHandle",
        "RunPlan",
        "RunSummary",
    ),
}

__all__ = [
    "Artifact",
    "DaemonStatus",
    "ERROR_CODES",
    "ErrorCode",
    "Gpu",
    "GroupSummary",
    "InputRef",
    "LogChunk",
    "MetricBatch",
    "MetricKey",
    "MetricPoint",
    "ReaderCredential",
    "RunEvent",
    "RunHandle",
    "RunPlan",
    "RunSummary",
    "RunyardError",
    "Stream",
    "TrainerClient",
    "Violation",
    "connect",
    "log",
]


if not TYPE_CHECKING:

    def __getattr__(name):
        for home, names in _homes.items():
            if name in names:
                try:
                    return getattr(importlib.import_module(home, __name__), name)
                except ImportError as error:
                    if (error.name or "").partition(".")[0] not in ("grpc", "google"):
                        raise
                    text = "runyard.%s needs grpcio and protobuf: pip install ./clients/python of a Runyard checkout"
                    raise ImportError(text % name, name=error.name) from error
        raise AttributeError("module 'runyard' has no attribute %r" % name)
