"""How long the event loop of this thread stands still, as somebody in front of it would notice."""

from __future__ import annotations

import os
import threading
import time
from types import TracebackType

from PySide6.QtCore import QObject, Qt, QTimer

# Milliseconds; requirement F2.
PAUSE_MOST_MS = 50.0
_TICK_MS = 1


class Pauses(QObject):
    """A timer of one millisecond that notes how late it comes.

    A busy machine may keep a thread that wants to run from running. Linux says for how long, and that is taken off: it
    is no fault of the program's. Of the time that the bridge's thread stood in that queue at most the same is taken
    off, since this one may have waited for it.
    """

    def __init__(self, *others: int) -> None:
        """others: native ids of threads for which this one may wait."""
        super().__init__()
        self.ticks = 0
        self.longest_ms = 0.0
        self.longest_raw_ms = 0.0
        self._queues = [_Queue(id) for id in (threading.get_native_id(), *others)]
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._last = 0.0

    def __enter__(self) -> Pauses:
        self._last = time.perf_counter()
        for queue in self._queues:
            queue.since_ms()
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._tick()
        self._timer.stop()

    def _tick(self) -> None:
        now = time.perf_counter()
        raw = (now - self._last) * 1000 - _TICK_MS
        self._last = now
        self.ticks += 1
        stolen = sum(queue.since_ms() for queue in self._queues)
        self.longest_raw_ms = max(self.longest_raw_ms, raw)
        self.longest_ms = max(self.longest_ms, raw - stolen)


class _Queue:
    """How long a thread wanted to run and was not let."""

    def __init__(self, thread: int) -> None:
        self._file = os.open(f"/proc/self/task/{thread}/schedstat", os.O_RDONLY)
        self._last = 0

    def since_ms(self) -> float:
        waited = int(os.pread(self._file, 100, 0).split()[1])
        since, self._last = waited - self._last, waited
        return since / 1e6

    def __del__(self) -> None:
        os.close(self._file)
