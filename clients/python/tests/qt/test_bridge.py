"""The bridge with a real daemon: what is asked, followed and told, and that it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QEventLoop, QThread
from pytestqt.qtbot import QtBot
from told import LONG_MS, Answer, Make, Told
from yard import Yard

import runyard
from runyard.qt import TrainerQBridgeThread
from runyard.qt.models import KeyRole, RunsModel

TALKING = """echo "line one"; echo '{"n": 1, "step": 7}' >> "$RUNYARD_METRICS"; echo err >&2
mkdir -p videos; echo hello > "$RUNYARD_RUN_DIR/note.txt"; until [ -e go ]; do sleep 0.05; done; echo "line two\""""


def config(yard: Yard, script: str, **more: object) -> dict[str, object]:
    return {"command": ["sh", "-c", script], "cwd": str(yard.home), **more}


def test_a_run_is_submitted_watched_and_stopped(
    yard: Yard, bridge: TrainerQBridgeThread, wait: Any, answer: Any
) -> None:
    told, model = Told(bridge), RunsModel()
    bridge.runs_changed.connect(model.apply)
    bridge.watch_runs(all=True)
    wait(lambda: told.of("runs_changed"))
    # What was otherwise for less than a moment need not be told.
    assert [state for state in told.states() if state != "connecting"] == ["connected"]
    handle = answer(bridge.submit(config(yard, "sleep 600", name="long")))
    run = handle.run_id
    events = bridge.watch_run(run)
    wait(lambda: [e for e in told.of("state_changed") for e in e if e.to == "running.live"])
    wait(lambda: model.get(run) is not None and model.get(run).status == "running")
    # What is no event comes too.
    wait(lambda: model.get(run).last_heartbeat != "")
    assert model.index(model.row_of(run), 0).data(KeyRole) == run
    stopped = answer(bridge.stop_run("long", "enough"))
    assert stopped.run_id == run
    wait(lambda: model.get(run).status == "cancelled")
    wait(lambda: told.of("run_events")[-1].events[-1].to.startswith("done"))
    assert model.get(run).stop_reason == "enough"
    seqs = [e.seq for part in told.of("run_events") for e in part.events]
    assert seqs == list(range(1, len(seqs) + 1))
    assert {part.watch for part in told.of("run_events")} == {events.id}
    mine = [e.seq for part in told.of("state_changed") for e in part if e.run_id == run]
    assert mine == seqs


def test_lines_points_and_artifacts_of_a_run(
    yard: Yard, bridge: TrainerQBridgeThread, wait: Any, answer: Any, tmp_path: Path
) -> None:
    (yard.home / "go").unlink(missing_ok=True)
    told = Told(bridge)
    script = TALKING.replace('"$RUNYARD_RUN_DIR/note.txt"', "note.txt")
    run = answer(bridge.submit(config(yard, script, artifacts=["note.txt"]))).run_id
    logs, metrics = bridge.watch_logs(run), bridge.watch_metrics(run, "n", snapshot=True)
    ended: list[object] = []
    for watch in (logs, metrics):
        watch.ended.connect(ended.append)
    texts = lambda: [line.text for part in told.of("log_lines") for line in part.lines]  # noqa: E731
    wait(lambda: {"line one", "err"} <= set(texts()))
    wait(lambda: [c for part in told.of("metrics_arrived") for c in part.columns])
    (column,) = [c for part in told.of("metrics_arrived") for c in part.columns]
    assert (column.key, list(column.steps), list(column.values)) == ("n", [7.0], [1.0])
    assert len(column.seqs) == len(column.walls) == 1
    (yard.home / "go").touch()
    wait(lambda: len(ended) == 2)
    assert ended == [None, None]
    assert "line two" in texts()
    assert [part.note for part in told.of("log_lines") if part.note] == []
    wait(lambda: yard.client.get(run).status == "completed")
    (note,) = answer(bridge.artifacts(run))
    place = answer(bridge.read_artifact(run, note.name, to=tmp_path / "saved.txt"))
    assert place.read_text() == "hello\n"
    assert [one.name for one in tmp_path.iterdir()] == ["saved.txt"]
    (key,) = [one for one in answer(bridge.metric_keys(run)) if one.key == "n"]
    assert key.last == 1


def test_every_question_is_answered(
    yard: Yard, bridge: TrainerQBridgeThread, wait: Any, answer: Any
) -> None:
    held = answer(bridge.submit(config(yard, "true", name="held", hold=True)))
    run = held.run_id
    assert answer(bridge.get(run)).status == "queued"
    assert answer(bridge.release(run, "now")).run_id == run
    wait(lambda: answer(bridge.get(run)).status == "completed")
    assert answer(bridge.details(run)).attempts[0].exit_code == 0
    assert answer(bridge.transitions(run))[-1].event.to == "done.completed"
    again = answer(bridge.retry(run, changes={"hold": True}, env={"A": "b"}))
    assert again.run_id != run
    answer(bridge.stop_run(again.run_id, now=True))
    assert answer(bridge.plan(config(yard, "true"))).verdict in ("starts", "waits")
    assert answer(bridge.chart("run")).svg.startswith("<svg")
    assert "properties" in answer(bridge.schema()).json
    assert answer(bridge.health()).home == str(yard.home)
    assert answer(bridge.gpus()) == ()
    assert answer(bridge.pin(run)).pinned_at != ""
    assert answer(bridge.pin(run, False)).pinned_at == ""
    live = answer(bridge.submit(config(yard, "sleep 600"))).run_id
    wait(lambda: answer(bridge.get(live)).state == "running.live")
    assert answer(bridge.pause(live, "look")).run_id == live
    wait(lambda: answer(bridge.get(live)).state.startswith("running.paused"))
    assert answer(bridge.resume(live)).run_id == live
    answer(bridge.stop_run(live, now=True))
    wait(lambda: answer(bridge.get(run)).status == "completed")
    assert answer(bridge.remove(run, "test")).run_id == run


def test_what_is_refused_comes_as_the_error_that_the_client_raises(
    yard: Yard, bridge: TrainerQBridgeThread, wait: Any
) -> None:
    def end() -> None: ...

    answers = [
        Answer(bridge.get("no-such-run")),
        Answer(bridge.submit({"command": [], "gpus": -1})),
        Answer(bridge.submit({"command": ["true"], "tags": [end]})),
        Answer(bridge.read_artifact("no-such-run", "a", to="/nowhere/at/all")),
        Answer(bridge.schema("no-such-schema")),
    ]
    ended: list[Any] = []
    bridge.watch_metrics("no-such-run").ended.connect(ended.append)
    wait(lambda: all(one.got for one in answers) and ended)
    assert [one.code() for one in answers[:4]] == ["run_not_found", "config_invalid", "config_invalid", "usage"]
    assert isinstance(answers[4].got[0][1], runyard.RunyardError)
    assert ended[0].code == "run_not_found"
    assert {"/gpus"} <= {one.field for one in answers[1].got[0][1].violations}


def test_all_signals_come_in_the_thread_of_the_owner_and_none_within_a_call(
    yard: Yard, bridge: TrainerQBridgeThread, wait: Any
) -> None:
    threads: list[QThread] = []
    inside = False
    broken: list[str] = []

    def note(_: object) -> None:
        threads.append(QThread.currentThread())
        if inside:
            broken.append("a signal came within a call")

    bridge.connection_changed.connect(note)
    inside = True
    requests = [bridge.health(), bridge.submit({"tags": [object()]})]
    for one in requests:
        one.done.connect(note)
        one.failed.connect(note)
    inside = False
    wait(lambda: len(threads) >= 3)
    assert broken == []
    assert set(threads) == {QThread.currentThread()}


def test_a_cancelled_request_fails_once_and_a_cancelled_watch_is_silent(
    yard: Yard, bridge: TrainerQBridgeThread, wait: Any, answer: Any
) -> None:
    request = bridge.health()
    request.cancel()
    got = Answer(request)
    wait(lambda: got.got)
    assert got.code() == "cancelled"
    request.cancel()
    run = answer(bridge.submit(config(yard, "while true; do echo x; sleep 0.01; done"))).run_id
    watch = bridge.watch_logs(run)
    lines: list[object] = []
    ended: list[object] = []
    watch.arrived.connect(lines.append)
    watch.ended.connect(ended.append)
    wait(lambda: lines)
    watch.cancel()
    assert (ended, watch.over) == ([None], True)
    count = len(lines)
    answer(bridge.stop_run(run, now=True))
    wait(lambda: answer(bridge.get(run)).status == "cancelled")
    assert (len(lines), len(ended), len(got.got)) == (count, 1, 1)


def test_what_is_told_goes_on_while_a_slot_shows_a_dialog(
    yard: Yard, bridge: TrainerQBridgeThread, wait: Any, answer: Any
) -> None:
    seen: list[str] = []

    def dialog(_: object) -> None:
        seen.append("opened")
        loop = QEventLoop()
        inner = bridge.health()
        inner.done.connect(loop.quit)
        loop.exec()
        seen.append("closed")

    bridge.health().done.connect(dialog)
    wait(lambda: "closed" in seen)
    assert seen == ["opened", "closed"]
    assert answer(bridge.health()).status != ""


def test_stopping_answers_what_is_open_and_ends_what_is_followed(
    yard: Yard, make_bridge: Make, wait: Any
) -> None:
    bridge = make_bridge(home=yard.home, deadline_s=60)
    told = Told(bridge)
    early = Answer(bridge.health())
    bridge.start()
    wait(lambda: early.got)
    assert early.value().status != ""
    run = yard.submit("sleep 600")
    watch = bridge.watch_logs(run)
    ended: list[object] = []
    watch.ended.connect(ended.append)
    open_ones = [Answer(bridge.health()) for _ in range(20)]
    assert bridge.stop(LONG_MS)
    assert all(len(one.got) == 1 for one in open_ones)
    assert {one.code() for one in open_ones if one.got[0][0] == "failed"} <= {"cancelled"}
    assert ended == [None]
    assert told.states()[-1] == "closed"
    assert bridge.connection.state == "closed"
    late = Answer(bridge.health())
    assert late.got == []
    wait(lambda: late.got)
    assert late.code() == "cancelled"
    gone: list[Any] = []
    bridge.watch_runs().ended.connect(gone.append)
    wait(lambda: gone)
    assert gone[0].code == "cancelled"
    assert bridge.stop()
    bridge.start()
    assert not bridge.isRunning()


def test_bridges_come_and_go(yard: Yard, make_bridge: Make, wait: Any) -> None:
    for _ in range(10):
        pair = [make_bridge(home=yard.home, deadline_s=60) for _ in range(2)]
        for one in pair:
            one.start()
        answers = [Answer(one.health()) for one in pair]
        wait(lambda: all(one.got for one in answers))
        assert [one.value().status != "" for one in answers] == [True, True]
        for one in pair:
            assert one.stop(LONG_MS)


def test_a_slow_owner_loses_no_point_and_is_not_buried(
    yard: Yard, bridge: TrainerQBridgeThread, wait: Any, answer: Any, qtbot: QtBot
) -> None:
    count = 40_000
    script = f"""exec python3 -c '
import json, os
with open(os.environ["RUNYARD_METRICS"], "a") as file:
    for i in range({count}): file.write(json.dumps(dict(n=i, step=i)) + chr(10))
    print(chr(10).join(f"line {{i}}" for i in range({count})))'"""
    run = answer(bridge.submit(config(yard, script))).run_id
    wait(lambda: answer(bridge.get(run)).status == "completed")
    values: list[float] = []
    most: list[int] = []
    lines: list[str] = []
    skipped: list[int] = []
    ended: list[object] = []

    def points(part: Any) -> None:
        assert part.gaps == ()
        values.extend(v for column in part.columns for v in column.values)
        most.append(sum(len(column.values) for column in part.columns))
        QThread.msleep(20)

    def output(part: Any) -> None:
        lines.extend(line.text for line in part.lines)
        skipped.append(part.skipped)
        assert (part.note != "") == (part.skipped > 0)

    metrics, logs = bridge.watch_metrics(run, "n"), bridge.watch_logs(run, tail=0)
    metrics.arrived.connect(points)
    logs.arrived.connect(output)
    for watch in (metrics, logs):
        watch.ended.connect(ended.append)
    wait(lambda: len(ended) == 2)
    assert values == [float(i) for i in range(count)]
    # A bound, and a batch that was under way when it was reached.
    assert max(most) <= 20_000
    assert len(lines) + sum(skipped) == count
    assert lines[-1] == f"line {count - 1}"
