"""A thread of Qt that does all that has to do with the daemon, so that the GUI's never waits for it.

    bridge = TrainerQBridgeThread()
    bridge.connection_changed.connect(window.show_connection)
    bridge.runs_changed.connect(model.apply)
    bridge.start()
    bridge.watch_runs(all=True)
    bridge.submit({"command": ["python", "train.py"]}).failed.connect(window.show_error)
    ...
    bridge.stop()

docs/qt.md has a table of the signals. All of them come in the thread that made the bridge, from its event loop; every
method is to be called there, and comes back at once.
"""

from __future__ import annotations

import atexit
import itertools
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, QThread, Signal, Slot
from PySide6.QtCore import Qt as QtNames

from ..errors import RunyardError
from ._calls import BridgeCalls
from ._engine import Ask, Engine, Follow, Place
from ._outbox import Outbox, Parcel
from .guard import BRIDGE_NAME, Guard, Mode
from .messages import Connection
from .requests import Request, Watch

__all__ = ["TrainerQBridgeThread"]

# The owner's loop gets its turn after so long, however much there is to be told.
_TELLING_S = 0.006
# For a bridge that nobody stopped, when the application or its parent goes.
_LEAVING_MS = 2000
# Those that run: one that is dropped while its thread goes on would end the process.
_running: set[TrainerQBridgeThread] = set()


@atexit.register
def _stop_all() -> None:
    for bridge in list(_running):
        bridge.stop(_LEAVING_MS)


class TrainerQBridgeThread(QThread, BridgeCalls):
    """Owns every connection to the daemon. `start` it after the application was made, `stop` it before that ends.

    home, socket, address, token, ca, insecure: which daemon, as for `runyard.connect`; it starts none.
    guard: what to do about an order of things that would hang (docs/qt.md): `warn`, `error` or `off`.
    deadline_s: seconds that an answer may take.

    Raises BootstrapError with guard='error' when something came in the wrong order.
    """

    connection_changed = Signal(object)
    """Connection: how the bridge stands with its daemon."""
    runs_changed = Signal(object)
    """RunsChange, of `watch_runs`."""
    state_changed = Signal(object)
    """tuple[RunEvent, ...]: what happened to any run since `watch_runs` began, each event once and in order."""
    run_events = Signal(object)
    """RunEvents, of `watch_run`."""
    metrics_arrived = Signal(object)
    """MetricsArrived, of `watch_metrics`."""
    log_lines = Signal(object)
    """LogLines, of `watch_logs`."""
    group_changed = Signal(object)
    """GroupSummary, of `watch_group`."""
    gpus_changed = Signal(object)
    """tuple[Gpu, ...], of `watch_gpus`."""
    health_changed = Signal(object)
    """DaemonStatus: once a second while it differs."""
    guard_found = Signal(object)
    """Finding: something that the guard noticed while the bridge ran."""

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        home: str | os.PathLike[str] | None = None,
        socket: str | os.PathLike[str] | None = None,
        address: str | None = None,
        token: str | None = None,
        ca: str | os.PathLike[str] | None = None,
        insecure: bool | None = None,
        guard: Mode = "warn",
        deadline_s: float = 10.0,
    ) -> None:
        QThread.__init__(self, parent)
        self.setObjectName(BRIDGE_NAME)
        self._desk = _Desk(self)
        self._guard = Guard(guard, self._desk.found.emit, self)
        self._guard.look()
        place = Place(home, socket, address, token, ca, insecure)
        self._engine = Engine(place, Outbox(self._desk.call), deadline_s, BRIDGE_NAME)
        self._ids = itertools.count(1)
        self._requests: dict[int, Request] = {}
        self._watches: dict[int, Watch] = {}
        self._connection = Connection("connecting", "the bridge was not started yet", "", time.time())
        self._is_over = False
        self.finished.connect(self._desk.finished, QtNames.ConnectionType.QueuedConnection)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self._desk.leave)
        if parent is not None:
            # Its children are deleted right after, whether they run or not.
            parent.destroyed.connect(self._desk.leave)

    @property
    def connection(self) -> Connection:
        """As `connection_changed` told it last."""
        return self._connection

    def start(
        self, priority: QThread.Priority = QThread.Priority.InheritPriority
    ) -> None:
        """Begins to look for the daemon. A bridge that was stopped does not start again: make another."""
        if self._is_over or self.isRunning():
            return
        _running.add(self)
        self._guard.begin()
        super().start(priority)

    def stop(self, timeout_ms: int = 200) -> bool:
        """Ends it, and waits for so many milliseconds at most; whether it has ended by then.

        Open requests fail with `cancelled` and watches end, before this comes back.
        """
        self._engine.stop()
        ended = not self.isRunning() or self.wait(timeout_ms)
        self._close()
        return ended

    def run(self) -> None:
        """The thread's own."""
        self._engine.run()

    def _ask(self, name: str, question: Ask) -> Request:
        id = next(self._ids)
        request = Request(name, lambda: self._engine.cancel(id))
        self._requests[id] = request
        if self._is_over:
            self._desk.later(lambda: self._settle(id, None, _stopped()))
        else:
            self._engine.ask(id, question)
        return request

    def _refuse(self, name: str, error: RunyardError) -> Request:
        id = next(self._ids)
        request = Request(name, lambda: None)
        self._requests[id] = request
        self._desk.later(lambda: self._settle(id, None, error))
        return request

    def _follow(self, name: str, following: Callable[[int], Follow]) -> Watch:
        id = next(self._ids)
        watch = Watch(id, name, lambda: self._forget(id))
        self._watches[id] = watch
        if self._is_over:
            self._desk.later(lambda: self._end(id, _stopped()))
        else:
            self._engine.follow(id, following(id))
        return watch

    def _settle(self, id: int, value: object, error: RunyardError | None) -> None:
        request = self._requests.pop(id, None)
        if request is not None:
            request.settle(value, error)

    def _end(self, id: int, error: RunyardError | None) -> None:
        watch = self._watches.pop(id, None)
        if watch is not None:
            watch.end(error)

    def _forget(self, id: int) -> None:
        self._watches.pop(id, None)
        self._engine.cancel(id)

    def _emit(self, parcel: Parcel) -> None:
        if parcel.kind == "request":
            self._settle(parcel.id, parcel.payload, parcel.error)
        elif parcel.kind == "end":
            self._end(parcel.id, parcel.error)
        elif parcel.kind == "connection":
            self._connection = parcel.payload
            self.connection_changed.emit(parcel.payload)
        elif parcel.id == 0 or parcel.id in self._watches:
            if parcel.id != 0:
                self._watches[parcel.id].take(parcel.payload)
            getattr(self, _signals[parcel.kind]).emit(parcel.payload)

    def _close(self) -> None:
        """Tells what is left to be told, once."""
        if self._is_over:
            return
        self._is_over = True
        self._guard.end()
        for parcel in self._desk.left():
            if parcel.kind in ("request", "end"):
                self._emit(parcel)
        for id in list(self._requests):
            self._settle(id, None, _stopped())
        for id in list(self._watches):
            self._end(id, None)
        self._connection = Connection("closed", "the bridge was stopped", "", time.time())
        self.connection_changed.emit(self._connection)


_signals: Mapping[str, str] = {
    "runs": "runs_changed",
    "state": "state_changed",
    "run_events": "run_events",
    "metrics": "metrics_arrived",
    "log": "log_lines",
    "group": "group_changed",
    "gpus": "gpus_changed",
    "health": "health_changed",
}


class _Desk(QObject):
    """Lives in the owner's thread, and is the only thing that the bridge's thread calls there."""

    found = Signal(object)
    _called = Signal()
    _again = Signal()

    def __init__(self, bridge: TrainerQBridgeThread) -> None:
        super().__init__(bridge)
        self._bridge = bridge
        self._parcels: deque[Parcel] = deque()
        self._later: deque[Callable[[], None]] = deque()
        self._has_taken = False
        self._called.connect(self._take, QtNames.ConnectionType.QueuedConnection)
        self._again.connect(self._tell, QtNames.ConnectionType.QueuedConnection)
        self.found.connect(bridge.guard_found, QtNames.ConnectionType.QueuedConnection)

    def call(self) -> None:
        """In the bridge's thread."""
        self._called.emit()

    def later(self, what: Callable[[], None]) -> None:
        self._later.append(what)
        self._again.emit()

    def left(self) -> list[Parcel]:
        left = [*self._parcels, *self._bridge._engine.outbox.take()]
        self._parcels.clear()
        return left

    @Slot()
    def _take(self) -> None:
        self._parcels.extend(self._bridge._engine.outbox.take())
        self._has_taken = True
        self._tell()

    @Slot()
    def _tell(self) -> None:
        while self._later:
            self._later.popleft()()
        if not self._has_taken:
            return
        # Before anybody is told: a slot that opens a dialog is in here until that is closed, and what is left is told
        # from the dialog's own loop.
        self._again.emit()
        began = time.perf_counter()
        while self._parcels:
            self._bridge._emit(self._parcels.popleft())
            if time.perf_counter() - began > _TELLING_S:
                return
        if self._has_taken:
            self._has_taken = False
            engine = self._bridge._engine
            engine.post(engine.outbox.landed)

    @Slot()
    def finished(self) -> None:
        self._bridge._close()
        _running.discard(self._bridge)

    @Slot()
    def leave(self) -> None:
        self._bridge.stop(_LEAVING_MS)


def _stopped() -> RunyardError:
    return RunyardError("cancelled", "the bridge was stopped before the daemon had answered")
