"""Finds the daemon of a state directory, as the command line does."""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from .errors import RunyardError, Violation


class Target(NamedTuple):
    """A gRPC target, the token for it, and how people know this daemon: its home or its address.

    ca: PEM of the authorities that its certificate may be signed by; empty: those of the library; None: in the clear.
    """

    address: str
    where: str
    token: str | None = None
    ca: bytes | None = None


def resolve_home(env: Mapping[str, str]) -> Path:
    """`$RUNYARD_HOME`, else the XDG state directory."""
    if env.get("RUNYARD_HOME"):
        return Path(os.path.abspath(env["RUNYARD_HOME"]))
    state = env.get("XDG_STATE_HOME") or os.path.join(
        env.get("HOME") or os.path.expanduser("~"), ".local", "state"
    )
    return Path(state, "runyard")


def find(
    home: str | os.PathLike[str] | None,
    socket: str | os.PathLike[str] | None,
    address: str | None,
    token: str | None,
    env: Mapping[str, str],
    ca: str | os.PathLike[str] | None = None,
    insecure: bool | None = None,
) -> Target:
    """Raises daemon_not_running, with the command that starts one, and tls_failed for what would go in the clear."""
    if socket is not None:
        return Target(f"unix:{os.fspath(socket)}", os.fspath(socket))
    if address is None and home is None:
        address = env.get("RUNYARD_ADDRESS") or None
    if address is not None:
        ca = ca if ca is not None else env.get("RUNYARD_CA") or None
        open_ = env.get("RUNYARD_INSECURE") == "1" if insecure is None else insecure
        if ca is None and not open_:
            _refuse_clear(address)
        shown = token if token is not None else env.get("RUNYARD_TOKEN")
        return Target(address, address, shown, None if ca is None else _authority(os.fspath(ca)))
    place = Path(home) if home is not None else resolve_home(env)
    try:
        told = json.loads((place / "daemon.json").read_text(encoding="utf-8"))
        return Target(f"unix:{told['socket']}", str(place))
    except FileNotFoundError as error:
        raise not_running(str(place)) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunyardError("home_unusable", f"{place}/daemon.json cannot be read") from error


def is_loopback(address: str) -> bool:
    """Whether nothing of what goes there leaves the machine. Of a name it is not known, but for `localhost`."""
    host = address.rpartition(":")[0].strip("[]").lower()
    if host in ("localhost", "::1"):
        return True
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


def _refuse_clear(address: str) -> None:
    # A gRPC name of a socket, such as `unix:/run/…`, stays on this machine as well.
    if is_loopback(address) or address.startswith("unix:"):
        return
    rule = "is missing: who has to have signed the certificate of that address"
    hint = "a PEM file, or `public`, by `ca` or RUNYARD_CA; without encryption: `insecure`, RUNYARD_INSECURE=1"
    raise RunyardError(
        "tls_failed",
        f"the token would go to {address} in the clear",
        [Violation("ca", rule, hint)],
    )


def _authority(ca: str) -> bytes:
    if ca == "public":
        return b""
    try:
        pem = Path(ca).read_bytes()
    except OSError as error:
        hint = "the PEM file of the authority, or `public`"
        raise RunyardError(
            "tls_failed",
            f"the file {ca} cannot be read",
            [Violation("ca", "must be a file that can be read", hint)],
        ) from error
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        hint = "a file that begins with -----BEGIN CERTIFICATE-----"
        raise RunyardError(
            "tls_failed",
            "the authority is no certificate in PEM",
            [Violation("ca", "must hold certificates in PEM", hint)],
        )
    return pem


def not_running(where: str) -> RunyardError:
    """What to say when nobody answers for `where`."""
    return RunyardError("daemon_not_running", f"no daemon runs for {where}; start one: runyard up")


def nobody_there(where: str) -> RunyardError:
    """The same for an address, which may be another machine's."""
    return RunyardError(
        "daemon_not_running",
        f"no daemon answers at {where}; is one up there, and is that its `listen`? "
        "One that encrypts wants `ca` (RUNYARD_CA)",
    )
