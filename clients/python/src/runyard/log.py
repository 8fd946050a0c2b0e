"""Numbers from a training script to Runyard. One file, standard library only: it may be copied anywhere, as runyard.py.

    from runyard import log

    log({"loss": 0.5, "lr": 1e-3}, step=100)
    log(loss=0.5, step=100)

Outside of a run it does nothing, and it never raises because of where the numbers go.
"""

import json
import os
import time

__all__ = ["log"]

_file = None


def log(values=None, step=None, **more):
    """Notes numbers, all of one step. Values may be numbers, NaN and infinities, arrays of one element, or dicts of such."""
    path = os.environ.get("RUNYARD_METRICS")
    if not path:
        return
    given = dict(values or {}, **more)
    wall = time.time()
    lines = [_line(key, value, step, wall) for key, value in _flat("", given)]
    _append(path, "".join(lines).encode("utf-8"))


def _flat(prefix, value):
    if isinstance(value, dict):
        for key, inner in value.items():
            for found in _flat("%s.%s" % (prefix, key) if prefix else str(key), inner):
                yield found
    elif not isinstance(value, (str, bytes)):
        try:
            # Tensors and arrays of one element are numbers too.
            yield prefix, float(value)
        except (TypeError, ValueError):
            pass


def _line(key, value, step, wall):
    # JSON has no NaN and no infinities, and integers beyond 2^53 would be rounded.
    wire = value if value - value == 0 else {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    record = {"key": key, "value": wire, "wall": wall}
    if step is not None:
        step = int(step)
        record["step"] = step if abs(step) < 2**53 else str(step)
    return json.dumps(record, ensure_ascii=True) + "\n"


def _append(path, data):
    """Whole lines at once: several processes of a run may write."""
    global _file
    try:
        if _file is None or _file[0] != (path, os.getpid()):
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
            _file = ((path, os.getpid()), os.open(path, flags, 0o600))
        if data:
            os.write(_file[1], data)
    except OSError:
        # A full disk ends no training.
        pass
