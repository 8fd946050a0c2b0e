"""The closed list of error codes, as in src/errors.ts (a test compares); docs/errors.md says what each means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, cast, get_args

Who = Literal["user", "operator", "developer"]
ErrorCode = Literal[
    "config_invalid",
    "usage",
    "message_too_large",
    "key_conflict",
    "run_not_found",
    "run_ambiguous",
    "input_missing",
    "input_too_large",
    "unauthenticated",
    "forbidden",
    "artifact_not_found",
    "route_not_found",
    "streams_exhausted",
    "console_off",
    "history_gone",
    "daemon_not_running",
    "host_unreachable",
    "tls_failed",
    "daemon_unresponsive",
    "daemon_already_running",
    "daemon_stopping",
    "port_in_use",
    "home_unusable",
    "home_on_network_fs",
    "settings_invalid",
    "sqlite_unsafe",
    "registry_from_future",
    "registry_corrupt",
    "registry_lost",
    "registry_unavailable",
    "disk_full",
    "bus_missing",
    "bus_unavailable",
    "slurm_away",
    "slurm_refused",
    "recorder_missing",
    "rundir_lost",
    "run_not_running",
    "run_not_queued",
    "run_not_over",
    "run_pinned",
    "rundir_corrupt",
    "bus_external",
    "reader_exists",
    "reader_not_found",
    "backup_exists",
    "backup_invalid",
    "home_not_empty",
    "service_failed",
    "readers_exhausted",
    "cancelled",
    "internal",
]


class Entry(NamedTuple):
    """What is fixed for a code: the gRPC status it travels with, whether to try again, and who has to act."""

    grpc: str
    retryable: bool
    who: Who


ERROR_CODES: Mapping[ErrorCode, Entry] = {
    "config_invalid": Entry("INVALID_ARGUMENT", False, "user"),
    "usage": Entry("INVALID_ARGUMENT", False, "user"),
    "message_too_large": Entry("RESOURCE_EXHAUSTED", False, "user"),
    "key_conflict": Entry("ALREADY_EXISTS", False, "user"),
    "run_not_found": Entry("NOT_FOUND", False, "user"),
    "run_ambiguous": Entry("INVALID_ARGUMENT", False, "user"),
    "input_missing": Entry("FAILED_PRECONDITION", False, "user"),
    "input_too_large": Entry("RESOURCE_EXHAUSTED", False, "user"),
    "unauthenticated": Entry("UNAUTHENTICATED", False, "user"),
    "forbidden": Entry("PERMISSION_DENIED", False, "user"),
    "artifact_not_found": Entry("NOT_FOUND", False, "user"),
    "route_not_found": Entry("NOT_FOUND", False, "user"),
    "streams_exhausted": Entry("RESOURCE_EXHAUSTED", True, "user"),
    "console_off": Entry("FAILED_PRECONDITION", False, "operator"),
    "history_gone": Entry("OUT_OF_RANGE", False, "user"),
    "daemon_not_running": Entry("UNAVAILABLE", True, "user"),
    "host_unreachable": Entry("UNAVAILABLE", True, "user"),
    "tls_failed": Entry("UNAVAILABLE", False, "user"),
    "daemon_unresponsive": Entry("DEADLINE_EXCEEDED", True, "operator"),
    "daemon_already_running": Entry("FAILED_PRECONDITION", False, "operator"),
    "daemon_stopping": Entry("UNAVAILABLE", True, "user"),
    "port_in_use": Entry("FAILED_PRECONDITION", False, "operator"),
    "home_unusable": Entry("FAILED_PRECONDITION", False, "operator"),
    "home_on_network_fs": Entry("FAILED_PRECONDITION", False, "operator"),
    "settings_invalid": Entry("INVALID_ARGUMENT", False, "operator"),
    "sqlite_unsafe": Entry("FAILED_PRECONDITION", False, "operator"),
    "registry_from_future": Entry("FAILED_PRECONDITION", False, "operator"),
    "registry_corrupt": Entry("DATA_LOSS", False, "operator"),
    "registry_lost": Entry("FAILED_PRECONDITION", False, "operator"),
    "registry_unavailable": Entry("UNAVAILABLE", True, "operator"),
    "disk_full": Entry("RESOURCE_EXHAUSTED", True, "operator"),
    "bus_missing": Entry("FAILED_PRECONDITION", False, "operator"),
    "bus_unavailable": Entry("UNAVAILABLE", True, "operator"),
    "slurm_away": Entry("UNAVAILABLE", True, "operator"),
    "slurm_refused": Entry("FAILED_PRECONDITION", False, "user"),
    "recorder_missing": Entry("FAILED_PRECONDITION", False, "operator"),
    "rundir_lost": Entry("DATA_LOSS", False, "operator"),
    "run_not_running": Entry("FAILED_PRECONDITION", False, "user"),
    "run_not_queued": Entry("FAILED_PRECONDITION", False, "user"),
    "run_not_over": Entry("FAILED_PRECONDITION", False, "user"),
    "run_pinned": Entry("FAILED_PRECONDITION", False, "user"),
    "rundir_corrupt": Entry("DATA_LOSS", False, "operator"),
    "bus_external": Entry("FAILED_PRECONDITION", False, "operator"),
    "reader_exists": Entry("ALREADY_EXISTS", False, "user"),
    "reader_not_found": Entry("NOT_FOUND", False, "user"),
    "backup_exists": Entry("ALREADY_EXISTS", False, "operator"),
    "backup_invalid": Entry("FAILED_PRECONDITION", False, "operator"),
    "home_not_empty": Entry("FAILED_PRECONDITION", False, "operator"),
    "service_failed": Entry("FAILED_PRECONDITION", False, "operator"),
    "readers_exhausted": Entry("RESOURCE_EXHAUSTED", False, "user"),
    "cancelled": Entry("CANCELLED", False, "user"),
    "internal": Entry("INTERNAL", False, "developer"),
}


class Violation(NamedTuple):
    """One rule that an input broke. `field` is a JSON Pointer into the configuration, or an option's name."""

    field: str
    rule: str
    hint: str


class RunyardError(Exception):
    """The one error of this package; `message` is a sentence, `__cause__` what was behind it, if anything."""

    def __init__(self, code: ErrorCode, message: str, violations: Sequence[Violation] = ()) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = message
        self.violations = tuple(violations)

    def __str__(self) -> str:
        """The message, and a line for each broken rule."""
        rules = (f"  {v.field}: {v.rule}" + (f" ({v.hint})" if v.hint else "") for v in self.violations)
        return "\n".join((self.message, *rules))

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later without anybody changing anything."""
        return ERROR_CODES[self.code].retryable

    @property
    def who(self) -> Who:
        """Who has to act."""
        return ERROR_CODES[self.code].who

    @property
    def hint(self) -> str:
        """The ways out that its violations name, one a line; empty when there are none."""
        return "\n".join(violation.hint for violation in self.violations if violation.hint)

    def __reduce__(self) -> tuple[type[RunyardError], tuple[ErrorCode, str, tuple[Violation, ...]]]:
        return (type(self), (self.code, self.message, self.violations))


def known_code(text: str) -> ErrorCode | None:
    """The code, if it is one of the list."""
    return cast(ErrorCode, text) if text in get_args(ErrorCode) else None
