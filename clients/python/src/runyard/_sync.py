"""Calls and streams that block, over one gRPC channel."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Generic, TypeVar

import grpc
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
OnDisconnect = Callable[[RunyardError], None]
Before = Callable[[], None]


class Calls:
    """Typed calls; every error comes out as a RunyardError."""

    def __init__(self, target: Target, deadline_s: float) -> None:
        self._target = target
        self.deadline_s = deadline_s
        self.closed = False
        self._metadata = metadata_of(target)
        options = channel_options(target, deadline_s)
        secure = credentials_of(target)
        self._channel = (
            grpc.insecure_channel(target.address, options)
            if secure is None
            else grpc.secure_channel(target.address, secure, options)
        )

    def unary(self, name: str, request: Message, answer: type[T]) -> T:
        path, serialize, parse = method(name)
        call = self._open().unary_unary(path, serialize, parse)
        try:
            got: T = call(request, timeout=self.deadline_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise self.failure(error) from error
        return got

    def upload(self, name: str, messages: Sequence[Message], answer: type[T]) -> T:
        path, serialize, parse = method(name)
        call = self._open().stream_unary(path, serialize, parse)
        try:
            got: T = call(iter(messages), timeout=self.deadline_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise self.failure(error) from error
        return got

    def read(self, name: str, request: Message) -> Any:
        path, serialize, parse = method(name)
        return self._open().unary_stream(path, serialize, parse)(request, metadata=self._metadata)

    def duplex(self, name: str, requests: Iterator[Message]) -> Any:
        path, serialize, parse = method(name)
        call = self._open().stream_stream(path, serialize, parse)
        return call(requests, metadata=self._metadata)

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

    def close(self) -> None:
        self.closed = True
        self._channel.close()


class _Reins:
    """What ends a stream from outside: from any thread, also while another one waits in it."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self._call: Any = None

    def hold(self, call: Any) -> None:
        self._call = call
        if self.stopped.is_set():
            call.cancel()

    def stop(self) -> None:
        self.stopped.set()
        if self._call is not None:
            self._call.cancel()


class Stream(Generic[T]):
    """What a daemon sends, one after another. To be read by one thread; `cancel` may come from any.

    By `close`, at the end of a `with`, and left with `break` while nothing else holds it, the call behind it ends too.
    """

    def __init__(self, reins: _Reins, items: Iterator[T]) -> None:
        self._reins = reins
        self._items = items

    def __iter__(self) -> Stream[T]:
        return self

    def __next__(self) -> T:
        """Raises RunyardError for what trying again does not heal."""
        return next(self._items)

    def cancel(self) -> None:
        """Ends it quietly: who reads it sees its end."""
        self._reins.stop()

    def close(self) -> None:
        """The same."""
        self.cancel()

    def __enter__(self) -> Stream[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.cancel()

    def __del__(self) -> None:
        self.cancel()


def listing(calls: Calls, name: str, request: Message, answer: type[T], patient: bool = False) -> Stream[T]:
    """All messages of one call. Unless `patient`, each has to come within the deadline."""
    reins = _Reins()
    return Stream(reins, _list(calls, name, request, reins, patient))


def _list(calls: Calls, name: str, request: Message, reins: _Reins, patient: bool) -> Iterator[Any]:
    call = calls.read(name, request)
    reins.hold(call)
    watch = None if patient else _Watch(call, calls.deadline_s)
    try:
        while True:
            if watch is not None:
                watch.since = time.monotonic()
            try:
                message = next(call)
            except StopIteration:
                return
            if watch is not None:
                watch.since = None
            yield message
    except grpc.RpcError as error:
        if reins.stopped.is_set() or calls.closed:
            return
        if watch is not None and watch.over:
            raise calls.unresponsive() from error
        raise calls.failure(error) from error
    finally:
        if watch is not None:
            watch.done.set()
        call.cancel()


class _Watch:
    """Cancels a call that lets its reader wait for too long: an iterator of grpcio has no limit of its own."""

    def __init__(self, call: Any, seconds: float) -> None:
        self.since: float | None = None
        self.over = False
        self.done = threading.Event()
        self._call = call
        self._seconds = seconds
        threading.Thread(target=self._run, name="runyard-deadline", daemon=True).start()

    def _run(self) -> None:
        left = self._seconds
        while not self.done.wait(left):
            since = self.since
            left = self._seconds - (0 if since is None else time.monotonic() - since)
            if left <= 0:
                self.over = True
                self._call.cancel()
                return


def following(
    calls: Calls,
    plan: Plan[T],
    on_disconnect: OnDisconnect | None = None,
    before: Before | None = None,
) -> Stream[T]:
    """A stream over as many connections as it takes. `before` is done for each of them."""
    reins = _Reins()
    return Stream(reins, _follow(calls, plan, reins, on_disconnect, before))


def _follow(
    calls: Calls,
    plan: Plan[T],
    reins: _Reins,
    on_disconnect: OnDisconnect | None,
    before: Before | None,
) -> Iterator[T]:
    if plan.ref is not None:
        about = pb.GetRunRequest(run=pb.RunRef(ref=plan.ref))
        plan.run_id = calls.unary("GetRun", about, pb.RunSummary).run_id
    wait = BACKOFF_FIRST_S
    told = False
    while not (reins.stopped.is_set() or calls.closed):
        try:
            if before is not None:
                before()
            for item in _attempt(calls, plan, reins):
                wait = BACKOFF_FIRST_S
                told = False
                yield item
            if plan.finished():
                return
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
        reins.stopped.wait(wait)
        wait = min(2 * wait, BACKOFF_MOST_S)


def _attempt(calls: Calls, plan: Plan[T], reins: _Reins) -> Iterator[T]:
    opening = plan.opening()
    requests: SimpleQueue[Message | None] = SimpleQueue()
    if plan.duplex:
        for message in opening:
            requests.put(message)
        if plan.only_opening:
            requests.put(None)
        call = calls.duplex(plan.method, iter(requests.get, None))
    else:
        call = calls.read(plan.method, opening[0])
    reins.hold(call)
    try:
        for message in call:
            yield plan.take(message)
            more = plan.more()
            if more is not None:
                requests.put(more)
    finally:
        call.cancel()
        # A thread of grpcio's waits there.
        requests.put(None)
