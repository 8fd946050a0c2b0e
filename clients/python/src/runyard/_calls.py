"""What both clients know of gRPC: methods, options of a channel, and how a status becomes an error of ours."""

from __future__ import annotations

import json
import os
import pwd
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

import grpc
from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import Struct

from ._discover import Target, nobody_there, not_running
from .errors import RunyardError, Violation, known_code
from .v1 import orchestrator_pb2 as pb

# Bytes of JSON above which a configuration is uploaded: a request has 4,096 with all around it.
INLINE_CONFIG_MOST = 2800
_CHUNK_BYTES = 64 * 1024
_DETAILS_KEY = "grpc-status-details-bin"
_service = pb.DESCRIPTOR.services_by_name["Orchestrator"]


class Method(NamedTuple):
    """Where a method is, and how its messages travel."""

    path: str
    serialize: Callable[[Any], bytes]
    parse: Callable[[bytes], Any]


def method(name: str) -> Method:
    answer = getattr(pb, _service.methods_by_name[name].output_type.name)
    return Method(f"/{_service.full_name}/{name}", _serialize, answer.FromString)


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()


def credentials_of(target: Target) -> grpc.ChannelCredentials | None:
    """None: in the clear."""
    return None if target.ca is None else grpc.ssl_channel_credentials(target.ca or None)


def channel_options(target: Target, deadline_s: float) -> list[tuple[str, Any]]:
    ms = int(deadline_s * 1000)
    # Of a UNIX socket it would be the path, which HTTP/2 servers need not take. With TLS it is what the certificate is for.
    authority = [] if target.ca is not None else [("grpc.default_authority", "localhost")]
    return [
        # A proxy of the user's shell has no business between us and loopback.
        ("grpc.enable_http_proxy", 0),
        *authority,
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2000),
        # A daemon that is stopped keeps its connection and says nothing: a stream finds out by a ping.
        ("grpc.keepalive_time_ms", max(ms, 1000)),
        ("grpc.keepalive_timeout_ms", max(ms, 1000)),
        ("grpc.http2.ping_timeout_ms", max(ms, 1000)),
        ("grpc.http2.max_pings_without_data", 0),
        # Two clients of one process do not share a connection's fate.
        ("grpc.use_local_subchannel_pool", 1),
    ]


def metadata_of(target: Target) -> tuple[tuple[str, str], ...]:
    # Who calls, for the audit log: requests have a place for it only where runs are asked for. Names need not be ASCII.
    said = (("runyard-user", quote(user_name(), safe="")),)
    return said if target.token is None else (("authorization", f"Bearer {target.token}"), *said)


class Status(Protocol):
    """What a failed call of either client can tell."""

    def code(self) -> grpc.StatusCode | None: ...
    def details(self) -> str | None: ...
    def trailing_metadata(self) -> Any: ...


def typed_detail(error: Status) -> pb.ErrorDetail | None:
    """What the daemon said itself; None when nobody did."""
    for key, value in error.trailing_metadata() or ():
        if key != _DETAILS_KEY:
            continue
        try:
            for packed in pb.StatusDetails.FromString(value).details:
                detail = pb.ErrorDetail()
                if packed.Unpack(detail):
                    return detail
        except DecodeError:
            return None
    return None


# A connection that stands and whose other end is silent: as grpcio says it today, and as older ones do.
_UNHEARD = ("ping timeout", "keepalive watchdog timeout")


def failure_of(error: Status, target: Target, deadline_s: float) -> RunyardError:
    """The error of ours that a status means."""
    text = error.details() or ""
    detail = typed_detail(error)
    if detail is not None:
        code = known_code(detail.code)
        if code is not None:
            violations = [Violation(v.field, v.rule, v.hint) for v in detail.violations]
            return RunyardError(code, text, violations)
    status = error.code()
    # Without a detail nobody answered; say so in our words, not in gRPC's.
    if status is grpc.StatusCode.UNAVAILABLE and any(words in text.lower() for words in _UNHEARD):
        return unresponsive(target, deadline_s)
    if status is grpc.StatusCode.UNAVAILABLE:
        if target.address.startswith("unix:"):
            return not_running(target.where)
        return _tls_failure(target, text) or nobody_there(target.where)
    if status is grpc.StatusCode.DEADLINE_EXCEEDED:
        return unresponsive(target, deadline_s)
    if status is grpc.StatusCode.UNAUTHENTICATED:
        return RunyardError("unauthenticated", text)
    if status is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return RunyardError("message_too_large", text)
    return RunyardError("internal", text)


# By what BoringSSL and gRPC say of it. Older ones do not say why a certificate was not taken.
_TROUBLES = (
    (
        r"hostname verification|peer name",
        "does not have that name in its certificate",
        "use a name or address that it has, or have it made for this one too (subjectAltName)",
    ),
    (r"expired", "has a certificate that is over", "renew the files of tls_cert and tls_key there"),
    (r"not yet valid", "has a certificate that is not valid yet", "look at the clocks of both"),
    (
        r"wrong_version_number",
        "does not encrypt there",
        "leave `ca` and RUNYARD_CA out, or set tls_cert and tls_key in its settings",
    ),
    (
        r"certificate_verify_failed",
        "has a certificate that this authority did not sign, or that is over",
        "`ca` or RUNYARD_CA: the PEM file of the authority that signed its tls_cert, or `public`",
    ),
)


def _tls_failure(target: Target, text: str) -> RunyardError | None:
    if target.ca is None:
        return None
    for pattern, rule, hint in _TROUBLES:
        if re.search(pattern, text, re.IGNORECASE):
            where = target.where
            return RunyardError(
                "tls_failed", f"no safe connection to {where}", [Violation(where, rule, hint)]
            )
    return None


def unresponsive(target: Target, deadline_s: float) -> RunyardError:
    text = f"the daemon for {target.where} did not answer within {deadline_s:g} s; see: runyard doctor"
    return RunyardError("daemon_unresponsive", text)


_LOSSES = (
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNAVAILABLE,
)


def is_loss(failure: RunyardError, error: BaseException) -> bool:
    """Whether trying again may heal it: a daemon's death in the middle of a stream comes out as several statuses."""
    if failure.retryable:
        return True
    if failure.code == "tls_failed":
        return False
    if not isinstance(error, grpc.RpcError):
        return False
    return typed_detail(error) is None and error.code() in _LOSSES


def user_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def json_of(config: Mapping[str, object]) -> bytes:
    """A configuration as the daemon reads it. Raises config_invalid for what JSON has no way to write."""
    try:
        return json.dumps(dict(config), allow_nan=False, ensure_ascii=False, default=os.fspath).encode()
    except (TypeError, ValueError) as error:
        broken = Violation("", f"must be JSON: {error}", "numbers, strings, lists and dicts")
        raise RunyardError(
            "config_invalid", f"the configuration is no JSON: {error}", [broken]
        ) from error


def to_struct(text: bytes) -> Struct:
    struct = Struct()
    struct.update(json.loads(text))
    return struct


def chunks_of(data: bytes) -> list[pb.InputChunk]:
    return [
        pb.InputChunk(data=data[at : at + _CHUNK_BYTES])
        for at in range(0, len(data), _CHUNK_BYTES)
    ]


def is_fitting(pattern: str, key: str) -> bool:
    """Whether a metric's name is the one asked for; `*` and `?` stand for anything, an empty pattern for all."""
    parts = (".*" if one == "*" else "." if one == "?" else re.escape(one) for one in pattern)
    return pattern == "" or re.fullmatch("".join(parts), key, re.DOTALL) is not None
