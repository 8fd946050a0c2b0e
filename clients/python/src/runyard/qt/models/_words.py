"""How times and sizes are shown."""

from __future__ import annotations

import functools
import math
import re
import time
from collections.abc import Sequence

from .._outbox import seconds_of as _read

# A table asks for the same ones again and again.
seconds_of = functools.lru_cache(maxsize=65536)(_read)
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def clock(text: str) -> str:
    """An RFC 3339 time in the zone of the reader: the time of today, else with its day."""
    if not text:
        return ""
    then = time.localtime(seconds_of(text))
    today = time.localtime()[:3] == then[:3]
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M", then)


def whole_time(text: str) -> str:
    """The same with everything."""
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(seconds_of(text))) if text else ""


def seconds_between(start: str, end: str) -> float:
    """Up to now when the end has not come; NaN when the start has not."""
    until = seconds_of(end) if end else time.time()
    return max(0.0, until - seconds_of(start)) if start else math.nan


def span(seconds: float) -> str:
    if math.isnan(seconds):
        return ""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02} h"


def size(count: float) -> str:
    """Bytes."""
    for unit in _UNITS:
        if count < 1024 or unit == _UNITS[-1]:
            break
        count /= 1024
    return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"


def order(number: float) -> float:
    """NaN has no place in an order; here it is the least."""
    return -math.inf if math.isnan(number) else number


def place_of(slots: Sequence[str]) -> str:
    """Slots for people: GPUs of this machine, or `node2 GPU 0, 1 (job 17)` on a cluster."""
    found = re.match(r"slurm:([\d_]+)@(.*)$", slots[0]) if slots else None
    if found is None:
        return ", ".join(slots)
    job, node = found.groups()
    gpus = ", ".join(slot.partition("/gpu")[2] for slot in slots[1:])
    return f"{node} GPU {gpus} (job {job})" if gpus else f"{node} (job {job})"
