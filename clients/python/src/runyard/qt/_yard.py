"""All runs, as they are: listed once, kept true by the events of the yard."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from ..aio import AsyncTrainerClient, Stream
from ..errors import RunyardError
from ..v1 import orchestrator_pb2 as pb
from ._errors import told
from ._outbox import EVENTS_MOST

if TYPE_CHECKING:
    from ._engine import Engine

# Seconds between two looks at the runs that changed.
_LOOK_S = 0.1
# More runs than this are not asked for one by one: the list is asked for anew.
_ONE_BY_ONE_MOST = 60
# So often at most, and no more than a fifth of the time is spent on it.
_RELIST_S = 2.0
_PAUSE_BY_TOOK = 4.0
_PAGE = 500
_LIVE = "allocating,running,stopping"


class YardFeed:
    """The events of all runs, followed once for all watches of runs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._watches: set[RunsWatch] = set()
        self._task: asyncio.Task[None] | None = None
        self._open = asyncio.Event()
        self._stream: Stream[pb.RunEvent] | None = None
        # The last one known, and with it the yard's position.
        self._last: pb.RunEvent | None = None

    def tasks(self) -> list[asyncio.Task[None]]:
        return [] if self._task is None else [self._task]

    async def check(self) -> None:
        """Begins anew where the daemon does not know what came last: its registry is another one."""
        last, stream = self._last, self._stream
        if last is None or stream is None:
            return
        client = await self._engine.client()
        async with client.yard_events(after_pos=last.pos - 1, follow=False) as events:
            async for event in events:
                if (event.run_id, event.seq) == (last.run_id, last.seq):
                    return
                break
        stream.cancel()

    async def join(self, watch: RunsWatch) -> None:
        """Comes back when all that happens from now on will be told to the watch. Raises RunyardError."""
        self._watches.add(watch)
        if self._task is None:
            self._open = asyncio.Event()
            self._task = asyncio.ensure_future(self._follow())
        await self._open.wait()

    def leave(self, watch: RunsWatch) -> None:
        self._watches.discard(watch)
        if not self._watches and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _follow(self) -> None:
        engine = self._engine
        while True:
            try:
                client = await engine.client()
                self._last = await _last_event(client)
                self._open.set()
                after = 0 if self._last is None else self._last.pos
                self._stream = client.yard_events(after_pos=after)
                async with self._stream as stream:
                    async for event in stream:
                        self._last = event
                        engine.outbox.events([event])
                        for watch in self._watches:
                            watch.touch(event.run_id, event.to == "deleted")
                        engine.pace()
                        await engine.outbox.room(0, EVENTS_MOST)
            except Exception as error:
                # What was asked of a daemon that came anew may be what it has never had.
                await engine.monitor.next_answer()
                if not told(error).retryable:
                    await asyncio.sleep(1.0)
            for watch in self._watches:
                watch.relist()


async def _last_event(client: AsyncTrainerClient) -> pb.RunEvent | None:
    """One behind which lies all that comes, and little that was: the last of the newest run."""
    async for run in client.list(all=True, limit=1):
        async with client.events(run.run_id, from_seq=max(1, run.last_seq)) as events:
            async for event in events:
                return event
    return None


class RunsWatch:
    """The runs that one watch asked for. To be run by one task."""

    def __init__(self, id: int, filters: dict[str, Any], limit: int, refresh_s: float) -> None:
        self._id = id
        self._filters = filters
        self._limit = limit
        self._refresh_s = refresh_s
        self._known: dict[str, pb.RunSummary] = {}
        self._dirty: dict[str, None] = {}
        self._gone: set[str] = set()
        self._stale = True
        self._stir = asyncio.Event()
        # When it was listed last, and for how long.
        self._listed = self._took = 0.0

    def touch(self, run_id: str, gone: bool) -> None:
        if gone:
            self._gone.add(run_id)
            self._dirty.pop(run_id, None)
        else:
            self._dirty[run_id] = None
        self._stir.set()

    def relist(self) -> None:
        self._stale = True
        self._stir.set()

    async def follow(self, engine: Engine) -> None:
        self._stir = asyncio.Event()
        try:
            await engine.feed.join(self)
            epoch = engine.monitor.epoch
            while True:
                if epoch != engine.monitor.epoch:
                    self._stale = self._stale or epoch != 0
                    epoch = engine.monitor.epoch
                await self._look(engine)
                began = time.monotonic()
                try:
                    await asyncio.wait_for(self._stir.wait(), self._refresh_s)
                except asyncio.TimeoutError:
                    pass
                await asyncio.sleep(max(0.0, _LOOK_S - (time.monotonic() - began)))
                self._stir.clear()
        finally:
            engine.feed.leave(self)

    async def _look(self, engine: Engine) -> None:
        gone, self._gone = self._gone, set()
        if gone:
            for run_id in gone:
                self._known.pop(run_id, None)
            engine.outbox.runs(self._id, {}, tuple(gone))
        try:
            if self._stale:
                await self._list(engine)
            elif len(self._dirty) > _ONE_BY_ONE_MOST:
                pause = max(_RELIST_S, _PAUSE_BY_TOOK * self._took)
                await asyncio.sleep(max(0.0, self._listed + pause - time.monotonic()))
                await self._list(engine)
            elif self._dirty:
                await self._ask(engine)
            else:
                await self._list_live(engine)
        except RunyardError as error:
            if not error.retryable:
                raise
            self._stale = True
            await engine.monitor.next_answer()
            self._stir.set()

    async def _list(self, engine: Engine) -> None:
        began = time.monotonic()
        client = await engine.client()
        self._dirty.clear()
        self._stale = False
        found: dict[str, pb.RunSummary] = {}
        after = ""
        while len(found) < self._limit:
            limit = min(_PAGE, self._limit - len(found))
            page: dict[str, pb.RunSummary] = {}
            for run in await engine.gathered(
                client.list(**self._filters, limit=limit, after=after)
            ):
                known = self._known.get(run.run_id)
                # The same object says to who looks at ten thousand of them that nothing changed.
                page[run.run_id] = known if known is not None and known == run else run
                engine.pace()
            found.update(page)
            # In pieces: the whole at the end is then nothing new.
            changed = {key: run for key, run in page.items() if self._known.get(key) is not run}
            engine.outbox.runs(self._id, changed)
            await engine.outbox.room(self._id, _PAGE)
            if len(page) < limit:
                break
            last = next(reversed(page.values()))
            after = f"{last.submitted_at} {last.run_id}"
        self._known = found
        self._listed = time.monotonic()
        self._took = self._listed - began
        engine.outbox.runs(self._id, found, (), whole=True)

    async def _ask(self, engine: Engine) -> None:
        client = await engine.client()
        changed: dict[str, pb.RunSummary] = {}
        while self._dirty:
            run_id = next(iter(self._dirty))
            del self._dirty[run_id]
            try:
                run = await client.get(run_id)
            except RunyardError as error:
                if error.code != "run_not_found":
                    self._dirty[run_id] = None
                    raise
                continue
            engine.pace()
            if self._is_asked_for(run):
                changed[run_id] = run
        self._tell(engine, changed)

    async def _list_live(self, engine: Engine) -> None:
        """What is no event: heartbeats, the last metric."""
        if not any(run.status in _LIVE for run in self._known.values()):
            return
        client = await engine.client()
        filters = {**self._filters, "status": _LIVE}
        live = await engine.gathered(client.list(**filters, limit=self._limit))
        changed = {run.run_id: run for run in live if self._known.get(run.run_id) != run}
        self._tell(engine, changed)

    def _tell(self, engine: Engine, changed: dict[str, pb.RunSummary]) -> None:
        newer = {
            run_id: run
            for run_id, run in changed.items()
            if run_id not in self._known or self._known[run_id].last_seq <= run.last_seq
        }
        self._known.update(newer)
        if newer:
            engine.outbox.runs(self._id, newer)

    def _is_asked_for(self, run: pb.RunSummary) -> bool:
        if run.run_id in self._known:
            return True
        filters = self._filters
        return all(
            not filters.get(name) or getattr(run, name) == filters[name]
            for name in ("user", "project", "group")
        )
