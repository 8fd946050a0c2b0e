"""Finds the daemon of a state directory, as the command line does."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from .errors import RunyardError


class Target(NamedTuple):
    """A gRPC target, the token for it, and how people know this daemon: its home or its address."""

    address: str
    where: str
    token: str | None = None


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
) -> Target:
    """Raises daemon_not_running, with the command that starts one."""
    if socket is not None:
        return Target(f"unix:{os.fspath(socket)}", os.fspath(socket))
    if address is not None:
        return Target(address, address, token if token is not None else env.get("RUNYARD_TOKEN"))
    place = Path(home) if home is not None else resolve_home(env)
    try:
        told = json.loads((place / "daemon.json").read_text(encoding="utf-8"))
        return Target(f"unix:{told['socket']}", str(place))
    except FileNotFoundError as error:
        raise not_running(str(place)) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunyardError("home_unusable", f"{place}/daemon.json cannot be read") from error


def not_running(where: str) -> RunyardError:
    """What to say when nobody answers for `where`."""
    return RunyardError("daemon_not_running", f"no daemon runs for {where}; start one: runyard up")
