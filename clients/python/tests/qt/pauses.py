"""How long the event loop of this thread stands still, as somebody in front of it would notice."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer

# Milliseconds; requirement F2.
PAUSE_MOST_MS = 50.0
_TICK_MS = 1


class Pauses(QObject):
    """A timer of one millisecond that notes how late it comes.

    A busy machine may keep a thread that wants to run from running, this one or one for which this one waits. Linux
    says for how long each stood in that queue, and that is taken off: it is no fault of the program's.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ticks = 0
        self.longest_ms = 0.0
        self.longest_raw_ms = 0.0
        # For a test to show something in.
        self.model: Any = None
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._last = self._before = 0.0
        self._stolen = Stolen()

    def __str__(self) -> str:
        return f"{self.longest_ms:.1f} ms ({self.longest_raw_ms:.1f} ms with what the machine took)"

    def __enter__(self) -> Pauses:
        self._before, self._last = self._stolen.ms(), time.perf_counter()
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._tick()
        self._timer.stop()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """For what may hold the loop up."""
        self._tick()
        yield
        self._before, self._last = self._stolen.ms(), time.perf_counter()

    def _tick(self) -> None:
        now = time.perf_counter()
        raw = (now - self._last) * 1000 - _TICK_MS
        self.ticks += 1
        before, self._before = self._before, self._stolen.ms()
        # The look itself belongs to no pause: what is taken from it counts as taken, and would count as time as well.
        self._last = time.perf_counter()
        self.longest_raw_ms = max(self.longest_raw_ms, raw)
        self.longest_ms = max(self.longest_ms, raw - (self._before - before))


class Stolen:
    """How long threads of this process wanted to run and were not let, in all since this was made."""

    # Looks between two at which threads there are; what a new one waited until then is not counted.
    _FRESH = 50

    def __init__(self) -> None:
        self._files: dict[str, int] = {}
        self._waited: dict[str, int] = {}
        self._total = 0
        self._looks = 0
        self.ms()

    def ms(self) -> float:
        # Opened once: a look each millisecond would otherwise be a fifth of what is measured.
        if self._looks % self._FRESH == 0:
            self._find()
        self._looks += 1
        for thread, file in list(self._files.items()):
            try:
                waited = int(os.pread(file, 64, 0).split()[1])
            except (OSError, IndexError):
                # It ended.
                os.close(self._files.pop(thread))
                continue
            self._total += waited - self._waited[thread]
            self._waited[thread] = waited
        return self._total / 1e6

    def _find(self) -> None:
        for thread in os.listdir("/proc/self/task"):
            if thread not in self._files:
                try:
                    self._files[thread] = os.open(f"/proc/self/task/{thread}/schedstat", os.O_RDONLY)
                    self._waited[thread] = int(os.pread(self._files[thread], 64, 0).split()[1])
                except (OSError, IndexError):
                    continue

    def __del__(self) -> None:
        for file in self._files.values():
            os.close(file)
