"""Metrics straight from NATS, with a credential that reads and does nothing else. Needs `pip install '….[nats]'`.

    credential = client.export_reader("board", runs=[run_id])      # or: runyard creds export --format json
    async with await bus.connect(credential) as reader:
        async for batch in reader.metrics(run_id):
            ...

No daemon is needed for it. What the bus no longer has, the daemon may have in files: `client.metrics`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any

import nats
from google.protobuf.json_format import ParseDict
from nats.aio.client import Client
from nats.errors import TimeoutError as NoMessage
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from ._calls import is_fitting
from .errors import RunyardError
from .v1 import orchestrator_pb2 as pb

_FETCH_MOST = 256
_IDLE_S = 1.0


async def connect(
    credential: pb.ReaderCredential | Mapping[str, Any], *, url: str | None = None, deadline_s: float = 10.0
) -> BusReader:
    """A reader of the bus. `url` takes the place of the credential's, as through a tunnel.

    Raises bus_unavailable when nothing answers within the deadline, unauthenticated when the credential has ended.
    """
    told = credential
    if not isinstance(told, pb.ReaderCredential):
        told = ParseDict(dict(told), pb.ReaderCredential(), ignore_unknown_fields=True)
    place = url or told.url
    refused: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    async def on_error(error: Exception) -> None:
        # Lost connections are taken up again; what does not heal is raised where it is read.
        if "authorization" in str(error).lower() and not refused.done():
            refused.set_result(error)

    options = {"max_reconnect_attempts": -1, "reconnect_time_wait": 0.2, "error_cb": on_error}
    connecting = asyncio.ensure_future(
        nats.connect(place, user=told.user, password=told.password, **options)
    )
    try:
        both: set[asyncio.Future[Any]] = {connecting, refused}
        await asyncio.wait(both, timeout=deadline_s, return_when=asyncio.FIRST_COMPLETED)
        if connecting.done():
            return BusReader(connecting.result(), told)
    except Exception as error:
        raise _unavailable(place) from error
    finally:
        if not connecting.done():
            connecting.cancel()
    if refused.done():
        text = f"the bus at {place} refuses {told.user}: it has ended, or its password is another"
        raise RunyardError("unauthenticated", text) from refused.result()
    raise _unavailable(place)


def _unavailable(place: str) -> RunyardError:
    return RunyardError("bus_unavailable", f"the bus at {place} does not answer")


class BusReader:
    """Made by `connect`."""

    def __init__(self, nc: Client, credential: pb.ReaderCredential) -> None:
        self._nc = nc
        self._js = nc.jetstream()
        self._credential = credential

    async def __aenter__(self) -> BusReader:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._nc.close()

    async def metrics(
        self, run_id: str, *, key: str = "", attempt: int = 0, follow: bool = True
    ) -> AsyncIterator[pb.MetricBatch]:
        """The points that are there, then, when following, those that come, as `client.metrics` has them.

        run_id: an id; names are known to the daemon alone.
        key: a name, or a pattern with `*` and `?`; ranges in batches count all points nevertheless.
        attempt: only this one; 0 means all, one after another.

        Each point once and in order within its attempt, also after the bus restarted or was made anew; what is
        missing is told as a gap. `live` is set once all that was there has come. Ends with the attempt, if one is
        named, and without `follow` with what is there. Raises bus_unavailable when that cannot be told.
        """
        place = _Place(attempt, key)
        stream = self._credential.streams.metrics
        subject = f"{self._credential.yard}.runs.{run_id}.metrics"
        try:
            async for batch in self._read(place, stream, subject, follow):
                yield batch
        finally:
            await _ended(place.subscription)

    async def _read(
        self, place: _Place, stream: str, subject: str, follow: bool
    ) -> AsyncIterator[pb.MetricBatch]:
        while True:
            try:
                if place.subscription is None or await self._epoch(stream) != place.epoch:
                    await _ended(place.subscription)
                    place.subscription = None
                    place.begin(await self._epoch(stream))
                    config = ConsumerConfig(
                        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                        opt_start_seq=place.stream_seq + 1,
                        ack_policy=AckPolicy.NONE,
                        inactive_threshold=300,
                    )
                    place.subscription = await self._js.pull_subscribe(
                        subject, stream=stream, config=config
                    )
                    place.live = await self._is_live(place)
                    if place.live and not follow:
                        return
                try:
                    messages = await place.subscription.fetch(_FETCH_MOST, timeout=_IDLE_S)
                except NoMessage:
                    # Also when the stream was made anew: its epoch is looked at next.
                    if not follow and await self._is_live(place):
                        return
                    continue
                for message in messages:
                    place.stream_seq = message.metadata.sequence.stream
                    place.live = message.metadata.num_pending == 0
                    batch = place.take(json.loads(message.data))
                    if batch is not None:
                        yield batch
                    if place.ended or (place.live and not follow):
                        return
            except Exception as error:
                if not follow or self._nc.is_closed:
                    text = f"{subject} cannot be read from the bus: {error!r}"
                    raise RunyardError("bus_unavailable", text) from error
                # A server that restarts, or a stream that is just being made anew.
                place.subscription = None
                await asyncio.sleep(_IDLE_S)

    async def _is_live(self, place: _Place) -> bool:
        return ((await place.subscription.consumer_info()).num_pending or 0) == 0

    async def _epoch(self, stream: str) -> str:
        config = (await self._js.stream_info(stream)).config
        return (config.metadata or {}).get("epoch", "")


async def _ended(subscription: Any) -> None:
    """Of a connection that is closed nothing is left to end."""
    if subscription is not None:
        with contextlib.suppress(Exception):
            await subscription.unsubscribe()


class _Place:
    """How far one reader came."""

    def __init__(self, attempt: int, key: str) -> None:
        self.epoch = ""
        self.stream_seq = 0
        self.live = False
        self.ended = False
        self.subscription: Any = None
        self._attempt = attempt
        self._key = key
        self._seen: dict[int, int] = {}
        self._anew = False

    def begin(self, epoch: str) -> None:
        """A new epoch has other sequences: it is read from its beginning, and what was had is passed over."""
        if self.epoch not in ("", epoch):
            self.stream_seq = 0
            self._anew = True
        self.epoch = epoch

    def take(self, message: dict[str, Any]) -> pb.MetricBatch | None:
        attempt = message["attempt"]
        if self._attempt not in (0, attempt):
            return None
        seen = self._seen.get(attempt, 0)
        first, last = message["first_seq"], message["last_seq"]
        self.ended = bool(message.get("end")) and self._attempt == attempt
        batch = pb.MetricBatch(attempt=attempt, first_seq=seen + 1, last_seq=last, live=self.live)
        if first > seen + 1:
            reason = "bus_lost" if self._anew else "evicted"
            batch.gaps.add(first_seq=seen + 1, last_seq=first - 1, reason=reason)
        if last <= seen and not batch.gaps:
            return None
        self._seen[attempt] = max(seen, last)
        for point in message["points"]:
            if point["seq"] > seen and is_fitting(self._key, point["key"]):
                batch.points.append(point_of(point))
        return batch


def point_of(point: Mapping[str, Any]) -> pb.MetricPoint:
    """A point of the bus as the API has it: NaN and infinities are strings there, steps may be."""
    return pb.MetricPoint(
        seq=point["seq"],
        key=point["key"],
        step="" if point["step"] is None else str(point["step"]),
        wall=point["wall"],
        value=float(point["value"]),
        source=point["source"],
        id=point["id"],
    )
