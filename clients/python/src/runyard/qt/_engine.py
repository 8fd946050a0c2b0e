"""The bridge's thread: one event loop that does all that has to do with the daemon. Knows nothing of Qt."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from ..aio import AsyncTrainerClient, connect
from ..errors import RunyardError
from ._connection import Monitor
from ._errors import told
from ._outbox import Outbox
from ._yard import YardFeed

T = TypeVar("T")
Ask = Callable[[AsyncTrainerClient], Awaitable[object]]
Follow = Callable[["Engine"], Awaitable[None]]

# CPU time after which the thread steps aside: whoever waits for the interpreter's lock gets it.
_BUSY_S = 0.003
_REST_S = 0.001
# What is left to a call that was cancelled, before the thread ends without it.
_GRACE_S = 0.05
_LAST_WORDS_S = 0.01


@dataclass(frozen=True)
class Place:
    """Which daemon, as `runyard.aio.connect` takes it."""

    home: str | os.PathLike[str] | None = None
    socket: str | os.PathLike[str] | None = None
    address: str | None = None
    token: str | None = None
    ca: str | os.PathLike[str] | None = None
    insecure: bool | None = None


class Engine:
    def __init__(self, place: Place, outbox: Outbox, deadline_s: float, name: str) -> None:
        self.name = name
        self.place = place
        self.outbox = outbox
        self.deadline_s = deadline_s
        self.monitor = Monitor(self)
        self.feed = YardFeed(self)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        # What was asked for before the loop ran; None from then on.
        self._early: list[Callable[[], object]] | None = []
        self._stopping: asyncio.Event | None = None
        self._stop_asked = False
        self._client: AsyncTrainerClient | None = None
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._rested = 0.0

    # In any thread.

    def post(self, what: Callable[[], object]) -> None:
        """Does it in the loop; nothing once that is over."""
        with self._lock:
            if self._early is not None:
                self._early.append(what)
                return
        try:
            assert self._loop is not None
            self._loop.call_soon_threadsafe(what)
        except RuntimeError:
            # The loop is closed.
            pass

    def stop(self) -> None:
        self._stop_asked = True
        self.post(self._stop)

    def ask(self, id: int, question: Ask) -> None:
        self.post(lambda: self._begin_request(id, question))

    def follow(self, id: int, following: Follow) -> None:
        self.post(lambda: self._begin(id, self._watch(id, following)))

    def cancel(self, id: int) -> None:
        self.post(lambda: self._cancel(id))

    # In the bridge's thread.

    def run(self) -> None:
        """Comes back when it was stopped."""
        # Python counts it among the threads from here on; the guard of another bridge knows it by this name.
        threading.current_thread().name = self.name
        asyncio.run(self._main())

    async def _main(self) -> None:
        loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._loop = loop
        self.outbox.bind(loop)
        loop.set_exception_handler(_note)
        with self._lock:
            early, self._early = self._early or [], None
        if self._stop_asked:
            return
        monitor = asyncio.create_task(self.monitor.run())
        for one in early:
            one()
        try:
            await self._stopping.wait()
        finally:
            tasks = {monitor, *self._tasks.values(), *self.feed.tasks()}
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_GRACE_S)
            await self._close_client()
            # What was cancelled is told of once more by gRPC's own thread, which does not look whether we are there.
            await asyncio.sleep(_LAST_WORDS_S)

    def _stop(self) -> None:
        if self._stopping is not None:
            self._stopping.set()

    async def _close_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            try:
                await asyncio.wait_for(client.close(), _GRACE_S)
            except asyncio.TimeoutError:
                pass

    async def client(self) -> AsyncTrainerClient:
        """Raises daemon_not_running when the state directory names none."""
        if self._client is None:
            at = self.place
            self._client = await connect(
                home=at.home,
                socket=at.socket,
                address=at.address,
                token=at.token,
                ca=at.ca,
                insecure=at.insecure,
                deadline_s=self.deadline_s,
            )
        return self._client

    def pace(self) -> None:
        """To be called after each message: lets the other threads of the process have their turn."""
        used = time.thread_time()
        if used - self._rested > _BUSY_S:
            self._rested = used
            time.sleep(_REST_S)

    async def gathered(self, items: AsyncIterator[T]) -> list[T]:
        found: list[T] = []
        async for item in items:
            found.append(item)
            self.pace()
        return found

    def _begin(self, id: int, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks[id] = task
        task.add_done_callback(lambda _: self._tasks.pop(id, None))
        return task

    def _begin_request(self, id: int, question: Ask) -> None:
        def settle(task: asyncio.Task[None]) -> None:
            # Also of one that was cancelled before its first line.
            if task.cancelled():
                text = "cancelled before the daemon had answered"
                self.outbox.settle(id, None, RunyardError("cancelled", text))

        self._begin(id, self._request(id, question)).add_done_callback(settle)

    def _cancel(self, id: int) -> None:
        task = self._tasks.get(id)
        if task is not None:
            task.cancel()

    async def _request(self, id: int, question: Ask) -> None:
        value: object = None
        error: RunyardError | None = None
        try:
            value = await question(await self.client())
        except Exception as caught:
            error = told(caught)
        self.outbox.settle(id, value, error)

    async def _watch(self, id: int, following: Follow) -> None:
        error: RunyardError | None = None
        while True:
            try:
                await following(self)
            except asyncio.CancelledError:
                raise
            except Exception as caught:
                error = told(caught)
                if error.retryable:
                    # Its first question found nobody, or nobody awake.
                    await self.monitor.next_answer()
                    continue
            self.outbox.end(id, error)
            return


def _note(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """gRPC shares one thread among the loops of a process: they wake each other, for nothing and for loops that ended."""
    if "PollerCompletionQueue" not in context.get("message", ""):
        loop.default_exception_handler(context)
