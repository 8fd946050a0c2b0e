"""Calls and streams for asyncio, over one gRPC channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Generic, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message

from ._calls import (
    channel_options,
    credentials_of,
    failure_of,
    is_loss,
    metadata_of,
    method,
    unresponsive,
)
from ._discover import Target
from ._plans import BACKOFF_FIRST_S, BACKOFF_MOST_S, Plan
from .errors import RunyardError
from .v1 import orchestrator_pb2 as pb

T = TypeVar("T", bound=Message)
_EOF: Any = getattr(grpc.aio, "EOF")
OnDisconnect = Callable[[RunyardError], None]
Before = Callable[[], Awaitable[None]]


class Calls:
    """Typed calls; every error comes out as a RunyardError. To be made in a running loop."""

    def __init__(self, target: Target, deadline_s: float) -> None:
        self._target = target
        self.deadline_s = deadline_s
        self.closed = False
        self._metadata = metadata_of(target)
        options = channel_options(target, deadline_s)
        secure = credentials_of(target)
        self._channel = (
            grpc.aio.insecure_channel(target.address, options)
            if secure is None
            else grpc.aio.secure_channel(target.address, secure, options)
        )

    async def unary(self, name: str, request: Message, answer: type[T]) -> T:
        path, serialize, parse = method(name)
        call = self._open().unary_unary(path, serialize, parse)
        try:
            rpc = call(request, timeout=self.deadline_s, metadata=self._metadata)
            got: T = await _answer(rpc, rpc)
        except grpc.RpcError as error:
            raise self.failure(error) from error
        return got

    async def upload(self, name: str, messages: Sequence[Message], answer: type[T]) -> T:
        path, serialize, parse = method(name)
        call = self._open().stream_unary(path, serialize, parse)
        try:
            rpc = call(iter(messages), timeout=self.deadline_s, metadata=self._metadata)
            got: T = await _answer(rpc, rpc)
        except grpc.RpcError as error:
            raise self.failure(error) from error
        return got

    def read(self, name: str, request: Message) -> Any:
        path, serialize, parse = method(name)
        return self._open().unary_stream(path, serialize, parse)(request, metadata=self._metadata)

    def duplex(self, name: str, requests: Sequence[Message] | None) -> Any:
        path, serialize, parse = method(name)
        call = self._open().stream_stream(path, serialize, parse)
        return call(None if requests is None else iter(requests), metadata=self._metadata)

    def _open(self) -> Any:
        if self.closed:
            raise RunyardError("usage", "the client is closed; connect anew")
        return self._channel

    def failure(self, error: Exception) -> RunyardError:
        if isinstance(error, RunyardError):
            return error
        return failure_of(error, self._target, self.deadline_s)  # type: ignore[arg-type]

    def unresponsive(self) -> RunyardError:
        return unresponsive(self._target, self.deadline_s)

    async def close(self) -> None:
        self.closed = True
        await self._channel.close(None)


class _Reins:
    """What ends a stream from outside."""

    def __init__(self) -> None:
        self.stopped = asyncio.Event()
        self._call: Any = None

    def hold(self, call: Any) -> None:
        self._call = call
        if self.stopped.is_set():
            call.cancel()

    def stop(self) -> None:
        self.stopped.set()
        if self._call is not None:
            self._call.cancel()

    def ended_quietly(self) -> bool:
        """Of a CancelledError: whether it is ours alone, and not the task's."""
        task = asyncio.current_task()
        cancelling = getattr(task, "cancelling", None)
        return self.stopped.is_set() and (cancelling is None or cancelling() == 0)


class Stream(Generic[T]):
    """What a daemon sends, one after another. To be read by one task; `cancel` may come from any of its loop.

    After a `break` the call behind it goes on until `close`, which the end of an `async with` is too.
    """

    def __init__(self, reins: _Reins, items: AsyncIterator[T]) -> None:
        self._reins = reins
        self._items = items

    def __aiter__(self) -> Stream[T]:
        return self

    async def __anext__(self) -> T:
        """Raises RunyardError for what trying again does not heal."""
        return await self._items.__anext__()

    def cancel(self) -> None:
        """Ends it quietly: who reads it sees its end."""
        self._reins.stop()

    async def close(self) -> None:
        """The same."""
        self.cancel()

    async def __aenter__(self) -> Stream[T]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.cancel()


def listing(calls: Calls, name: str, request: Message, answer: type[T], patient: bool = False) -> Stream[T]:
    """All messages of one call. Unless `patient`, each has to come within the deadline."""
    reins = _Reins()
    return Stream(reins, _list(calls, name, request, reins, patient))


async def _list(
    calls: Calls, name: str, request: Message, reins: _Reins, patient: bool
) -> AsyncIterator[Any]:
    call = calls.read(name, request)
    reins.hold(call)
    limit = None if patient else calls.deadline_s
    try:
        while True:
            message = await asyncio.wait_for(_answer(call, call.read()), limit)
            if message is _EOF:
                return
            yield message
    except asyncio.TimeoutError:
        raise calls.unresponsive() from None
    except asyncio.CancelledError:
        if not reins.ended_quietly():
            raise
    except grpc.RpcError as error:
        if not (reins.stopped.is_set() or calls.closed):
            raise calls.failure(error) from error
    finally:
        call.cancel()


def following(
    calls: Calls,
    plan: Plan[T],
    on_disconnect: OnDisconnect | None = None,
    before: Before | None = None,
) -> Stream[T]:
    """A stream over as many connections as it takes. `before` is done for each of them."""
    reins = _Reins()
    return Stream(reins, _follow(calls, plan, reins, on_disconnect, before))


async def _follow(
    calls: Calls,
    plan: Plan[T],
    reins: _Reins,
    on_disconnect: OnDisconnect | None,
    before: Before | None,
) -> AsyncIterator[T]:
    if plan.ref is not None:
        about = pb.GetRunRequest(run=pb.RunRef(ref=plan.ref))
        plan.run_id = (await calls.unary("GetRun", about, pb.RunSummary)).run_id
    wait = BACKOFF_FIRST_S
    told = False
    while not (reins.stopped.is_set() or calls.closed):
        try:
            if before is not None:
                await before()
            async for item in _attempt(calls, plan, reins):
                wait = BACKOFF_FIRST_S
                told = False
                yield item
            if plan.finished():
                return
        except asyncio.CancelledError:
            if reins.ended_quietly():
                return
            raise
        except (grpc.RpcError, RunyardError) as error:
            if reins.stopped.is_set() or calls.closed:
                return
            failure = calls.failure(error)
            if not is_loss(failure, error):
                if failure is error:
                    raise
                raise failure from error
            if not told and on_disconnect is not None:
                on_disconnect(failure)
            told = True
        try:
            await asyncio.wait_for(reins.stopped.wait(), wait)
        except asyncio.TimeoutError:
            pass
        wait = min(2 * wait, BACKOFF_MOST_S)


async def _attempt(calls: Calls, plan: Plan[T], reins: _Reins) -> AsyncIterator[T]:
    opening = plan.opening()
    if not plan.duplex:
        call = calls.read(plan.method, opening[0])
    else:
        call = calls.duplex(plan.method, opening if plan.only_opening else None)
    reins.hold(call)
    try:
        if plan.duplex and not plan.only_opening:
            for request in opening:
                await _write(call, request)
        while True:
            message = await _answer(call, call.read())
            if message is _EOF:
                return
            yield plan.take(message)
            more = plan.more()
            if more is not None:
                await _write(call, more)
    finally:
        call.cancel()


class _Cancelled(grpc.RpcError):
    """The daemon cancelled a call."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.CANCELLED

    def details(self) -> str:
        return "the daemon ended the call"

    def trailing_metadata(self) -> tuple[()]:
        return ()


async def _answer(call: Any, answer: Awaitable[Any]) -> Any:
    """grpc.aio has one error for what was cancelled by us and by the daemon; this tells them apart."""
    try:
        return await answer
    except asyncio.CancelledError:
        if call.done() and "ocally cancelled" not in (await call.details() or ""):
            raise _Cancelled from None
        raise


async def _write(call: Any, request: Message) -> None:
    """A call that is over is told of by what is read from it."""
    try:
        await call.write(request)
    except asyncio.InvalidStateError:
        pass
