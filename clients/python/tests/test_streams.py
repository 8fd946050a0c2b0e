"""Streams through the death of a daemon; calls to one that does not answer."""

from __future__ import annotations

import asyncio
import itertools
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from yard import Yard, until

import runyard
import runyard.aio

# Prints and measures a number each 20 ms, up to 100; the second half once a file is there.
COUNTING = """i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo "line $i"
echo "{\\"n\\": $i, \\"step\\": $i}" >> "$RUNYARD_METRICS"; sleep 0.02
if [ $i = 50 ]; then until [ -e go ]; do sleep 0.02; done; fi; done"""


class Follower(threading.Thread):
    """Collects what a stream gives, and each loss of its connection."""

    def __init__(self, stream: runyard.Stream) -> None:  # type: ignore[type-arg]
        super().__init__(daemon=True)
        self.got: list[object] = []
        self.error: BaseException | None = None
        self._stream = stream
        self.start()

    def run(self) -> None:
        try:
            self.got.extend([])
            for item in self._stream:
                self.got.append(item)
        except BaseException as error:
            self.error = error


def test_no_event_line_or_point_is_lost_or_doubled_when_the_daemon_is_killed(own_yard: Yard) -> None:
    yard, client = own_yard, own_yard.client
    (yard.home / "go").unlink(missing_ok=True)
    run = yard.submit(COUNTING)
    losses: list[runyard.RunyardError] = []
    events = Follower(client.events(run, until_done=True, on_disconnect=losses.append))
    logs = Follower(client.logs(run, follow=True))
    metrics = Follower(client.metrics(run, follow=True, key="n"))
    until(lambda: logs.got and metrics.got and len(events.got) >= 3, "the first of each")
    yard.kill()
    until(lambda: losses, "the loss to be told")
    (yard.home / "go").touch()
    yard.up()
    for one in (events, logs, metrics):
        one.join(60)
        assert not one.is_alive()
        assert one.error is None
    assert [loss.code for loss in losses] == ["daemon_not_running"]
    seqs = [event.seq for event in events.got]  # type: ignore[attr-defined]
    assert seqs == list(range(1, len(seqs) + 1))
    assert seqs[-1] == client.get(run).last_seq
    lines = [line.text for chunk in logs.got for line in chunk.lines]  # type: ignore[attr-defined]
    assert lines == [f"line {i}" for i in range(1, 101)]
    batches: list[runyard.MetricBatch] = metrics.got  # type: ignore[assignment]
    assert [gap for batch in batches for gap in batch.gaps] == []
    assert [p.value for batch in batches for p in batch.points] == list(range(1, 101))


def test_the_same_with_asyncio(own_yard: Yard) -> None:
    yard = own_yard

    async def main() -> None:
        (yard.home / "go").unlink(missing_ok=True)
        async with await runyard.aio.connect(home=yard.home, deadline_s=60) as client:
            run = (await client.submit({"command": ["sh", "-c", COUNTING], "cwd": yard.home})).run_id
            losses: list[runyard.RunyardError] = []
            lines: list[str] = []

            async def read() -> None:
                async for chunk in client.logs(run, follow=True):
                    lines.extend(line.text for line in chunk.lines)

            async def watch() -> list[int]:
                stream = client.events(run, until_done=True, on_disconnect=losses.append)
                return [event.seq async for event in stream]

            waiting = asyncio.create_task(client.wait(run))
            reading, watching = asyncio.create_task(read()), asyncio.create_task(watch())
            while not lines:
                await asyncio.sleep(0.02)
            await asyncio.to_thread(yard.kill)
            while not losses:
                await asyncio.sleep(0.02)
            (yard.home / "go").touch()
            await asyncio.to_thread(yard.up)
            await reading
            assert lines == [f"line {i}" for i in range(1, 101)]
            seqs = await watching
            assert seqs == list(range(1, len(seqs) + 1))
            assert (await waiting).status == "completed"

    asyncio.run(asyncio.wait_for(main(), 120))


@pytest.mark.parametrize("asked", [1, 2])
def test_a_wait_that_began_survives_the_daemon_at_any_moment(
    own_yard: Yard, monkeypatch: pytest.MonkeyPatch, asked: int
) -> None:
    """Killed right after the wait's first question, or right before its last."""
    yard = own_yard
    (yard.home / "go").unlink(missing_ok=True)
    run = yard.submit(COUNTING)
    with runyard.connect(home=yard.home, deadline_s=60) as client:
        get, count = client.get, itertools.count(1)
        killed, losses = threading.Event(), list[runyard.RunyardError]()

        def get_and_die(ref: str) -> runyard.RunSummary:
            nth = next(count)
            if nth == 2 == asked:
                yard.kill()
                killed.set()
            got = get(ref)
            if nth == 1 == asked:
                yard.kill()
                killed.set()
            return got

        monkeypatch.setattr(client, "get", get_and_die)
        waited: list[runyard.RunSummary] = []
        waiter = threading.Thread(
            target=lambda: waited.append(client.wait(run, on_disconnect=losses.append)), daemon=True
        )
        waiter.start()
        (yard.home / "go").touch()
        until(killed.is_set, "the daemon's death")
        until(lambda: losses, "the loss to be told")
        yard.up()
        waiter.join(60)
        assert [one.status for one in waited] == ["completed"]


def test_many_submits_survive_the_daemon(own_yard: Yard) -> None:
    yard = own_yard
    yard.kill()
    losses: list[runyard.RunyardError] = []
    config = {"command": ["true"], "cwd": str(yard.home)}
    many = Follower(yard.client.submit_many([config] * 20, on_disconnect=losses.append))
    until(lambda: losses, "the loss to be told")
    yard.up()
    many.join(60)
    assert many.error is None
    assert len({handle.run_id for handle in many.got}) == 20  # type: ignore[attr-defined]


def refusals(client: runyard.TrainerClient) -> list[str]:
    """What calls of each kind say when nobody answers."""
    codes = []
    for call in (
        lambda: client.health(),
        lambda: client.put_input(b"x"),
        lambda: list(client.list()),
        lambda: list(client.events("@last")),
        lambda: client.metric_keys(["@last"]),
        lambda: client.wait("@last"),
    ):
        with pytest.raises(runyard.RunyardError) as caught:
            call()
        codes.append(caught.value.code)
    return codes


async def refusals_aio(home: Path) -> list[str]:
    codes = []
    async with await runyard.aio.connect(home=home, deadline_s=0.5) as client:

        async def every(stream: runyard.aio.Stream) -> None:  # type: ignore[type-arg]
            async for _ in stream:
                pass

        for call in (client.health(), every(client.list()), every(client.events("@last"))):
            with pytest.raises(runyard.RunyardError) as caught:
                await call
            codes.append(caught.value.code)
    return codes


def test_a_stopped_daemon_is_told_within_the_deadline_and_served_again(own_yard: Yard) -> None:
    yard = own_yard
    with yard.connect(deadline_s=0.5) as client:
        until(lambda: answers(client), "the daemon to answer")
        yard.signal(signal.SIGSTOP)
        try:
            assert refusals(client) == ["daemon_unresponsive"] * 6
            assert asyncio.run(refusals_aio(yard.home)) == ["daemon_unresponsive"] * 3
        finally:
            yard.signal(signal.SIGCONT)
        until(lambda: answers(client), "the daemon to answer again")


def test_a_followed_stream_notices_that_the_daemon_is_stopped_and_goes_on(own_yard: Yard) -> None:
    yard = own_yard
    run = yard.submit("sleep 600")
    with yard.connect(deadline_s=2) as client:
        losses: list[runyard.RunyardError] = []
        events = Follower(client.events(run, until_done=True, on_disconnect=losses.append))
        until(lambda: len(events.got) >= 3, "some events")
        yard.signal(signal.SIGSTOP)
        try:
            until(lambda: losses, "the loss to be told")
        finally:
            yard.signal(signal.SIGCONT)
        yard.client.stop(run, now=True)
        events.join(60)
        assert events.error is None
        seqs = [event.seq for event in events.got]  # type: ignore[attr-defined]
        assert seqs == list(range(1, len(seqs) + 1))


def answers(client: runyard.TrainerClient) -> bool:
    try:
        return client.health().status != ""
    except runyard.RunyardError:
        return False


def test_a_socket_that_accepts_and_never_answers(tmp_path: Path) -> None:
    place = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place))
        server.listen(64)
        (tmp_path / "daemon.json").write_text(f'{{"socket": "{place}"}}')
        with runyard.connect(home=tmp_path, deadline_s=0.5) as client:
            assert refusals(client) == ["daemon_unresponsive"] * 6
        assert asyncio.run(refusals_aio(tmp_path)) == ["daemon_unresponsive"] * 3


def test_a_socket_that_sends_garbage(tmp_path: Path) -> None:
    place = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place))
        server.listen(64)

        def babble() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                    peer.sendall(b"HTTP/1.1 200 OK\r\n\r\nno" * 9)
                    peer.close()
                except OSError:
                    return

        threading.Thread(target=babble, daemon=True).start()
        with runyard.connect(socket=place, deadline_s=0.5) as client:
            with pytest.raises(runyard.RunyardError) as caught:
                client.health()
            assert caught.value.retryable
        server.shutdown(socket.SHUT_RDWR)


def test_nothing_waits_when_nobody_listens(tmp_path: Path) -> None:
    (tmp_path / "daemon.json").write_text(f'{{"socket": "{tmp_path}/none"}}')
    began = time.monotonic()
    with runyard.connect(home=tmp_path, deadline_s=600) as client:
        assert refusals(client) == ["daemon_not_running"] * 6
    # Six hundred seconds would have been the deadline of one of them.
    assert time.monotonic() - began < 300


def test_a_closed_client_says_so_and_what_follows_ends_quietly(own_yard: Yard) -> None:
    yard = own_yard
    run = yard.submit("sleep 600")
    client = yard.connect()
    follower = Follower(client.events(run))
    until(lambda: follower.got, "an event")
    yard.kill()
    client.close()
    follower.join(30)
    assert not follower.is_alive()
    assert follower.error is None
    with pytest.raises(runyard.RunyardError) as raised:
        client.health()
    assert raised.value.code == "usage"
    with pytest.raises(runyard.RunyardError):
        list(client.list())
    yard.up()
