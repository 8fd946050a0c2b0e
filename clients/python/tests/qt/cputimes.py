"""CPU seconds of all that takes part in a test: `python cputimes.py HOME PID` until its input ends, then a line of JSON.

A process of its own, since those that it looks at come and go, and the one that it measures is not to do the looking.
PID is the window's process, of which each thread is told; HOME is the yard's, by which all others are known.
"""

from __future__ import annotations

import json
import os
import select
import sys
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_LOOK_S = 0.5
_NAMES = {"daemon.ts": "daemon", "nats-server": "bus", "worker.ts": "worker", "recorder": "recorder"}
_NAMES |= {"submit_many": "feeder"}


def main() -> None:
    home, window = sys.argv[1], sys.argv[2]
    first: dict[str, float] = {}
    last: dict[str, tuple[str, float]] = {}
    names: dict[str, str] = {}
    is_over = False
    while not is_over:
        is_over = bool(select.select([sys.stdin], [], [], _LOOK_S)[0])
        for process in Path("/proc").iterdir():
            pid = process.name
            if not pid.isdigit() or pid == str(os.getpid()):
                continue
            try:
                if pid == window:
                    for task in (process / "task").iterdir():
                        comm, _, seconds = _stat(task)
                        name = "window" if task.name == pid else comm
                        _note(first, last, f"{pid}/{task.name}", f"window: {name}", seconds)
                    continue
                _, parent, seconds = _stat(process)
                if pid not in names:
                    names[pid] = _name(process, home) or ("trainer" if names.get(parent) else "")
                if names[pid]:
                    _note(first, last, pid, names[pid], seconds)
            except OSError:
                names.pop(pid, None)
    total: dict[str, float] = {}
    for key, (name, seconds) in last.items():
        total[name] = total.get(name, 0.0) + seconds - first[key]
    print(json.dumps({name: round(seconds, 2) for name, seconds in total.items() if seconds > 0.05}))


def _note(
    first: dict[str, float], last: dict[str, tuple[str, float]], key: str, name: str, seconds: float
) -> None:
    # Of one that came later, all of it counts; what it had used at the first look is next to nothing.
    first.setdefault(key, seconds)
    last[key] = (name, seconds)


def _stat(place: Path) -> tuple[str, str, float]:
    """Its name, its parent, and the CPU seconds that it has used."""
    head, _, rest = (place / "stat").read_text().rpartition(")")
    fields = rest.split()
    return head.partition("(")[2], fields[1], (int(fields[11]) + int(fields[12])) / _TICK


def _name(process: Path, home: str) -> str:
    command = (process / "cmdline").read_bytes().decode(errors="replace")
    environ = (process / "environ").read_bytes().decode(errors="replace")
    if home not in command and f"RUNYARD_HOME={home}" not in environ:
        return ""
    return next((name for word, name in _NAMES.items() if word in command), "trainer")


main()
