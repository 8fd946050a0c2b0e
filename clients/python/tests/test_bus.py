"""Metrics straight from NATS, with a credential."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal

import pytest
from yard import Yard

import runyard

bus = pytest.importorskip("runyard.bus")

WRITING = """p() { echo "$1" >> "$RUNYARD_METRICS"; }
p '{"a": "NaN", "step": 1}'; p '{"a": "-Infinity"}'; p '{"a": 2.5, "b": 7, "step": "9007199254740993"}'
until [ -e on ]; do sleep 0.02; done; i=0; while [ $i -lt 50 ]; do i=$((i+1)); p "{\\"a\\": $i}"; done"""


def test_history_then_live_through_a_restart_of_the_bus(own_yard: Yard) -> None:
    yard, client = own_yard, own_yard.client
    (yard.home / "on").unlink(missing_ok=True)
    run = yard.submit(WRITING)
    other = yard.submit("echo '{\"a\": 1000}' >> \"$RUNYARD_METRICS\"")
    client.wait(other)
    credential = client.export_reader("py", runs=[run])

    async def main() -> list[runyard.MetricPoint]:
        points: list[runyard.MetricPoint] = []
        async with await bus.connect(credential) as reader:
            async for batch in reader.metrics(run, key="a", attempt=1):
                assert list(batch.gaps) == []
                points.extend(batch.points)
                if len(points) == 3 and not (yard.home / "on").exists():
                    address = json.loads((yard.home / "bus/address.json").read_text())
                    os.kill(address["identity"]["pid"], signal.SIGKILL)
                    (yard.home / "on").touch()
        return points

    points = asyncio.run(asyncio.wait_for(main(), 120))
    assert math.isnan(points[0].value)
    assert [point.value for point in points[1:]] == [-math.inf, 2.5, *range(1, 51)]
    assert [point.step for point in points[:3]] == ["1", "", "9007199254740993"]
    assert [point.seq for point in points] == [1, 2, 3, *range(5, 55)]
    client.wait(run)
    mine = [point for batch in client.metrics(run, key="a", follow=True) for point in batch.points]
    assert [(p.seq, p.step, p.wall, p.id) for p in mine] == [
        (p.seq, p.step, p.wall, p.id) for p in points
    ]


def test_without_following_it_ends_with_what_is_there(own_yard: Yard) -> None:
    run = own_yard.submit("echo '{\"a\": 1}' >> \"$RUNYARD_METRICS\"")
    own_yard.client.wait(run)
    credential = own_yard.client.export_reader("json")
    told = {"url": credential.url, "user": credential.user, "password": credential.password}
    streams = {"metrics": credential.streams.metrics}

    async def main() -> None:
        given = {**told, "yard": credential.yard, "streams": streams, "new": 1}
        async with await bus.connect(given) as reader:
            batches = [batch async for batch in reader.metrics(run, follow=False)]
            assert [p.value for batch in batches for p in batch.points] == [1]
            assert [b async for b in reader.metrics("no-such-run", follow=False)] == []
        with pytest.raises(runyard.RunyardError) as caught:
            await bus.connect({**given, "password": "wrong"})
        assert caught.value.code == "unauthenticated"
        with pytest.raises(runyard.RunyardError) as caught:
            await bus.connect(given, url="nats://127.0.0.1:1", deadline_s=0.5)
        assert caught.value.code == "bus_unavailable"

    asyncio.run(asyncio.wait_for(main(), 60))


def test_what_the_bus_no_longer_has_is_told_as_a_gap() -> None:
    place = bus._Place(0, "")

    def batch(first: int, last: int) -> runyard.MetricBatch | None:
        point = {"key": "a", "step": None, "wall": "", "value": 1, "source": "", "id": ""}
        points = [{**point, "seq": seq} for seq in range(first, last + 1)]
        return place.take({"attempt": 1, "first_seq": first, "last_seq": last, "points": points})

    place.begin("one")
    got = batch(3, 4)
    assert got is not None
    assert [(gap.first_seq, gap.last_seq, gap.reason) for gap in got.gaps] == [(1, 2, "evicted")]
    assert (got.first_seq, got.last_seq) == (1, 4)
    place.begin("two")
    assert batch(3, 4) is None
    got = batch(4, 5)
    assert got is not None and [point.seq for point in got.points] == [5]
    got = batch(7, 7)
    assert got is not None
    assert [(gap.first_seq, gap.last_seq, gap.reason) for gap in got.gaps] == [(6, 6, "bus_lost")]
