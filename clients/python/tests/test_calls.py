"""One call after another against a real daemon, blocking and with asyncio."""

from __future__ import annotations

import asyncio
import math
import os

import pytest
from yard import Yard

import runyard
import runyard.aio


def test_a_run_is_submitted_waited_for_and_read_back(yard: Yard) -> None:
    client = yard.client
    script = """echo one; echo two >&2
echo '{"return": 1.5, "step": 1}' >> "$RUNYARD_METRICS"
echo '{"return": "NaN", "step": "9007199254740993"}' >> "$RUNYARD_METRICS"
echo '{"return": "-Infinity"}' >> "$RUNYARD_METRICS"; printf model > model.pt"""
    handle = client.submit(
        {"command": ["sh", "-c", script], "cwd": yard.home, "artifacts": ["model.pt"]}
    )
    assert handle.created
    run = client.wait(handle.run_id)
    assert (run.status, run.state) == ("completed", "done.completed")
    events = list(client.events(handle.run_id, until_done=True))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[-1].to == "done.completed"
    lines = [line for chunk in client.logs(handle.run_id) for line in chunk.lines]
    assert sorted((line.stream, line.text) for line in lines) == [("stderr", "two"), ("stdout", "one")]
    points = [p for batch in client.metrics(handle.run_id, key="return", follow=True) for p in batch.points]
    assert [point.step for point in points] == ["1", "9007199254740993", ""]
    assert points[0].value == 1.5
    assert math.isnan(points[1].value)
    assert points[2].value == -math.inf
    assert [artifact.name for artifact in client.artifacts(handle.run_id)] == ["model.pt"]
    data = b"".join(piece.data for piece in client.read_artifact(handle.run_id, "model.pt"))
    assert data == b"model"
    assert client.details(handle.run_id).attempts[0].exit_kind == "exited"
    assert [t.event.seq for t in client.transitions(handle.run_id)] == [e.seq for e in events]
    assert handle.run_id in [run.run_id for run in client.list(all=True)]
    assert [e.run_id for e in client.yard_events(follow=False)].count(handle.run_id) == len(events)


def test_a_run_gets_this_environment_less_what_belongs_to_the_shell(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE", "kept")
    monkeypatch.setenv("TERM", "misleading")
    monkeypatch.setitem(os.environb, b"RAW", b"\xff\xfe")
    script = 'printf %s "$RAW" | od -An -tx1; echo "${MINE-none} ${TERM-none}"'
    run = yard.submit(script)
    yard.client.wait(run)
    lines = [line.text for chunk in yard.client.logs(run) for line in chunk.lines]
    assert lines == [" ff fe", "kept none"]


def test_an_environment_of_its_own_takes_the_place_of_this_one(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE", "kept")
    config = {"command": ["sh", "-c", 'echo "${MINE-none} ${OTHER-none}"'], "cwd": yard.home}
    run = yard.client.submit(config, env={"OTHER": "x", "PATH": os.environ["PATH"]}).run_id
    yard.client.wait(run)
    assert [line.text for c in yard.client.logs(run) for line in c.lines] == ["none x"]


def test_many_are_submitted_in_one_call_watched_as_a_group_and_stopped(yard: Yard) -> None:
    client = yard.client
    config = {"command": ["sleep", "600"], "cwd": str(yard.home), "group": "many", "at_once": 1}
    large = {**config, "env": {"LONG": "y" * 3000}}
    submits = [(config, "many-1"), config, large]
    handles = list(client.submit_many(submits))
    assert [handle.created for handle in handles] == [True] * 3
    again = list(client.submit_many([(config, "many-1")]))
    assert [(h.run_id, h.created) for h in again] == [(handles[0].run_id, False)]
    assert client.group("many").runs == 3
    assert "many" in [group.group for group in client.groups()]
    list(client.stop_group("many", now=True))
    seen = list(client.watch_group("many"))
    assert seen[-1].finished_at != ""
    assert seen[-1].cancelled == 3


def test_hold_release_pause_resume_stop_and_retry(yard: Yard) -> None:
    client = yard.client
    run = yard.submit("sleep 600", hold=True)
    assert client.get(run).state.startswith("queued")
    client.release(run, reason="go")
    with client.events(run) as events:
        for event in events:
            if event.to == "running.live":
                break
    client.pause(run)
    with client.events(run) as events:
        assert any(event.to == "running.paused.confirmed" for event in events)
    paused = client.get(run).last_seq
    client.resume(run)
    with client.events(run, from_seq=paused + 1) as events:
        assert any(event.to == "running.live" for event in events)
    client.stop(run, reason="enough", now=True)
    over = client.wait(run)
    assert (over.status, over.stop_reason) == ("cancelled", "enough")
    again = client.retry(run, changes={"command": ["true"]}).run_id
    assert client.wait(again).retry_of == run
    client.pin(again)
    assert client.get(again).pinned_at != ""
    client.pin(again, False)
    assert client.remove(again).run_id == again


def test_what_a_daemon_has_to_show(yard: Yard) -> None:
    client = yard.client
    assert client.health().home == str(yard.home)
    assert list(client.gpus()) == []
    assert client.plan({"command": ["true"], "cwd": yard.home}).verdict == "starts"
    assert "<svg" in client.chart("run").svg
    assert "TrainRunConfig" in client.schema("train-run-config.v1").json
    assert client.set_drain(True).on
    assert not client.set_drain(False).on
    assert client.put_input(b"x" * 200_000).size == 200_000
    client.export_reader("some")
    assert "some" in [reader.name for reader in client.readers()]
    assert client.revoke_reader("some").name == "some"
    assert list(client.collect_garbage(dry_run=True, max_age_s=1e9)) == []


def test_a_stream_ends_quietly_when_another_thread_cancels_it(yard: Yard) -> None:
    import threading

    run = yard.submit("sleep 600")
    stream = yard.client.events(run)
    next(stream)
    threading.Timer(0.2, stream.cancel).start()
    # It ends, which it would not by itself.
    assert all(event.run_id == run for event in stream)
    yard.client.stop(run, now=True)


def test_the_same_with_asyncio(yard: Yard) -> None:
    async def main() -> None:
        async with await runyard.aio.connect(home=yard.home, deadline_s=60) as client:
            config = {"command": ["sh", "-c", "echo a; echo b"], "cwd": yard.home, "group": "aio"}
            handles = [h async for h in client.submit_many([config, config])]
            runs = await asyncio.gather(*(client.wait(handle.run_id) for handle in handles))
            assert [run.status for run in runs] == ["completed", "completed"]
            lines = [
                line.text
                async for chunk in client.logs(handles[0].run_id, follow=True)
                for line in chunk.lines
            ]
            assert lines == ["a", "b"]
            found = [run.run_id async for run in client.list(all=True, group="aio")]
            assert sorted(found) == sorted(handle.run_id for handle in handles)
            run = (await client.submit({"command": ["sleep", "600"], "cwd": yard.home})).run_id
            stream = client.events(run)
            await stream.__anext__()
            asyncio.get_running_loop().call_later(0.2, stream.cancel)
            assert [event.run_id async for event in stream if event.run_id != run] == []
            waiting = asyncio.create_task(client.wait(run))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await client.stop(run, now=True)

    asyncio.run(main())


def test_where_a_run_goes_passes_through_and_is_checked_by_the_daemon(yard: Yard) -> None:
    config = {"command": ["true"], "cwd": yard.home}
    here = yard.client.submit({**config, "executor": "local"})
    assert yard.client.wait(here.run_id).status == "completed"
    with pytest.raises(runyard.RunyardError) as refused:
        yard.client.submit({**config, "executor": "local", "slurm": {"partition": "gpu"}})
    assert [(one.field, one.hint) for one in refused.value.violations] == [("/slurm", "executor: slurm")]
    with pytest.raises(runyard.RunyardError) as misspelt:
        yard.client.submit({**config, "executor": "slurm", "slurm": {"queue": "gpu"}})
    assert misspelt.value.code == "config_invalid"
    assert misspelt.value.violations[0].field.startswith("/slurm")
