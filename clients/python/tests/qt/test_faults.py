"""Whatever the daemon does: it is told, it heals by itself, the GUI's loop never stands still, and the bridge ends.

The one place with a limit in time: requirement F2. `Pauses` takes off what a busy machine took.
"""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pauses import PAUSE_MOST_MS, Pauses, Stolen
from PySide6.QtCore import QCoreApplication, QDeadlineTimer, QEventLoop
from PySide6.QtWidgets import QTableView
from pytestqt.qtbot import QtBot
from told import LONG_MS, Answer, Make, Told
from yard import Yard

from runyard.qt import TrainerQBridgeThread
from runyard.qt.models import RunsModel

# Of a stop, whatever the daemon does.
STOP_MOST_MS = 200.0

COUNTING = """i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo "line $i"
echo "{\\"n\\": $i, \\"step\\": $i}" >> "$RUNYARD_METRICS"; sleep 0.02
if [ $i = 30 ]; then until [ -e go ]; do sleep 0.02; done; fi; done"""


@pytest.fixture
def watched(qtbot: QtBot) -> Iterator[Pauses]:
    """No pause of more than 50 ms in the whole test, with a table on the screen."""
    view, model = QTableView(), RunsModel()
    view.setModel(model)
    qtbot.addWidget(view)
    view.show()
    QCoreApplication.processEvents()
    pauses = Pauses()
    pauses.model = model
    with pauses:
        yield pauses
    assert pauses.ticks > 1
    assert pauses.longest_ms <= PAUSE_MOST_MS, str(pauses)


def stops_at_once(bridge: TrainerQBridgeThread, pauses: Pauses) -> None:
    with pauses.aside():
        stolen, began = Stolen(), time.perf_counter()
        assert bridge.stop(LONG_MS)
        took = (time.perf_counter() - began) * 1000 - stolen.ms()
    assert took <= STOP_MOST_MS


@pytest.fixture
def apart() -> Callable[[Callable[[], object]], None]:
    """Does what takes long beside the event loop, which goes on meanwhile."""

    def do(what: Callable[[], object]) -> None:
        failed: list[BaseException] = []

        def run() -> None:
            try:
                what()
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        while thread.is_alive():
            QCoreApplication.processEvents(
                QEventLoop.ProcessEventsFlag.WaitForMoreEvents, QDeadlineTimer(10)
            )
        assert failed == []

    return do


def test_a_killed_daemon_is_told_and_nothing_is_lost(
    own_yard: Yard, make_bridge: Make, watched: Pauses, wait: Any, answer: Any, apart: Any
) -> None:
    yard = own_yard
    (yard.home / "go").unlink(missing_ok=True)
    bridge = make_bridge(home=yard.home, deadline_s=60)
    told = Told(bridge)
    bridge.runs_changed.connect(watched.model.apply)
    bridge.start()
    bridge.watch_runs(all=True)
    run = answer(bridge.submit({"command": ["sh", "-c", COUNTING], "cwd": yard.home})).run_id
    bridge.watch_run(run)
    bridge.watch_logs(run)
    bridge.watch_metrics(run, "n")
    wait(lambda: told.of("log_lines") and told.of("metrics_arrived") and told.of("run_events"))
    apart(yard.kill)
    wait(lambda: told.states()[-1] == "lost")
    lost = told.of("connection_changed")[-1]
    assert lost.hint == f"RUNYARD_HOME={yard.home} runyard up"
    refused = Answer(bridge.health())
    wait(lambda: refused.got)
    assert refused.code() == "daemon_not_running"
    (yard.home / "go").touch()
    apart(yard.up)
    wait(lambda: told.states()[-1] == "connected")
    wait(lambda: watched.model.get(run).status == "completed")
    lines = lambda: [line.text for part in told.of("log_lines") for line in part.lines]  # noqa: E731
    values = lambda: [  # noqa: E731
        v for part in told.of("metrics_arrived") for c in part.columns for v in c.values
    ]
    wait(lambda: len(lines()) >= 60 and len(values()) >= 60)
    assert lines() == [f"line {i}" for i in range(1, 61)]
    assert values() == list(range(1, 61))
    wait(lambda: told.of("run_events")[-1].events[-1].to == "done.completed")
    seqs = [event.seq for part in told.of("run_events") for event in part.events]
    assert seqs == list(range(1, len(seqs) + 1))
    mine = [e.seq for part in told.of("state_changed") for e in part if e.run_id == run]
    assert mine == seqs
    stops_at_once(bridge, watched)


def test_a_daemon_that_stands_still_is_told_and_heals(
    own_yard: Yard, make_bridge: Make, watched: Pauses, wait: Any, answer: Any
) -> None:
    yard = own_yard
    bridge = make_bridge(home=yard.home, deadline_s=5)
    told = Told(bridge)
    bridge.runs_changed.connect(watched.model.apply)
    bridge.start()
    bridge.watch_runs(all=True)
    wait(lambda: told.of("runs_changed"))
    yard.signal(signal.SIGSTOP)
    try:
        asked = Answer(bridge.submit({"command": ["true"], "cwd": yard.home}, key="once"))
        listed = Answer(bridge.gpus())
        wait(lambda: told.states()[-1] == "unresponsive" and asked.got and listed.got)
        assert (asked.code(), listed.code()) == ("daemon_unresponsive", "daemon_unresponsive")
        other = make_bridge(home=yard.home)
        other.start()
        open_one = Answer(other.health())
        watch = other.watch_runs(all=True)
        wait(lambda: other.connection.state == "unresponsive")
        stops_at_once(other, watched)
        assert (open_one.code(), watch.over) == ("cancelled", True)
    finally:
        yard.signal(signal.SIGCONT)
    wait(lambda: told.states()[-1] == "connected")
    handle = answer(bridge.submit({"command": ["true"], "cwd": yard.home}, key="once"))
    wait(lambda: watched.model.get(handle.run_id) is not None)
    wait(lambda: watched.model.get(handle.run_id).status == "completed")
    stops_at_once(bridge, watched)


def test_a_registry_that_was_made_anew_is_noticed(
    own_yard: Yard,
    make_bridge: Make,
    watched: Pauses,
    wait: Any,
    answer: Any,
    apart: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    yard = own_yard
    bridge = make_bridge(home=yard.home, deadline_s=60)
    told = Told(bridge)
    bridge.runs_changed.connect(watched.model.apply)
    bridge.start()
    bridge.watch_runs(all=True)
    config = {"command": ["true"], "cwd": yard.home}
    gone = [answer(bridge.submit(config)).run_id for _ in range(3)]
    wait(lambda: all(watched.model.get(id) and watched.model.get(id).status == "completed" for id in gone))
    position = told.of("state_changed")[-1][-1].pos
    apart(yard.kill)
    wait(lambda: told.states()[-1] == "lost")
    for file in yard.home.glob("registry.db*"):
        file.unlink()
    # As if nothing had ever run here.
    (yard.home / "runs").rename(yard.home / "runs.old")
    monkeypatch.setenv("RUNYARD_TEST_REBUILD", "1")
    apart(yard.up)
    wait(lambda: told.states()[-1] == "connected")
    wait(lambda: watched.model.known() == [])
    told.all.clear()
    run = answer(bridge.submit(config)).run_id
    wait(lambda: watched.model.get(run) is not None and watched.model.get(run).status == "completed")
    mine = [event for part in told.of("state_changed") for event in part if event.run_id == run]
    assert mine[0].seq == 1
    assert mine[0].pos < position
    stops_at_once(bridge, watched)


def test_without_a_daemon_it_says_so_and_finds_the_one_that_comes(
    make_bridge: Make, watched: Pauses, wait: Any, tmp_path: Path, apart: Any
) -> None:
    nobody = make_bridge(home=tmp_path)
    told = Told(nobody)
    nobody.start()
    asked = Answer(nobody.submit({"command": ["true"]}))
    wait(lambda: asked.got and told.states()[-1] == "no_daemon")
    assert asked.code() == "daemon_not_running"
    connection = told.of("connection_changed")[-1]
    assert connection.hint == f"RUNYARD_HOME={tmp_path} runyard up"
    assert str(tmp_path) in connection.message
    assert list(tmp_path.iterdir()) == []
    nobody.watch_runs(all=True)
    with_daemon: list[Yard] = []
    apart(lambda: with_daemon.append(Yard()))
    (yard,) = with_daemon
    try:
        (tmp_path / "daemon.json").write_bytes((yard.home / "daemon.json").read_bytes())
        wait(lambda: told.of("runs_changed"))
        assert [state for state in told.states() if state != "connecting"][0] == "no_daemon"
        wait(lambda: told.states()[-1] == "connected")
        stops_at_once(nobody, watched)
    finally:
        apart(lambda: yard.__exit__(None, None, None))


class Server:
    """A UNIX socket on which `serve` is done with each connection."""

    def __init__(self, place: Path, serve: Callable[[socket.socket], None]) -> None:
        self.accepted = 0
        self._serve = serve
        self._open: list[socket.socket] = []
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(place))
        self._server.listen(64)
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._server.accept()
                self._open.append(peer)
                self.accepted += 1
                self._serve(peer)
            except OSError:
                return

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for one in self._open:
            one.close()
        self._thread.join()


def silence(peer: socket.socket) -> None:
    pass


def garbage(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(range(256)) * 40)
    peer.close()


def preface_and_garbage(peer: socket.socket) -> None:
    """HTTP/2's settings, then frames that are none."""
    peer.sendall(b"\0\0\0\4\0\0\0\0\0" + bytes(range(255, 0, -1)) * 40)


@pytest.mark.parametrize("serve", [silence, garbage, preface_and_garbage])
def test_a_socket_behind_which_is_no_daemon(
    make_bridge: Make,
    watched: Pauses,
    wait: Any,
    tmp_path: Path,
    serve: Callable[[socket.socket], None],
) -> None:
    with Server(tmp_path / "s", serve) as server:
        bridge = make_bridge(socket=tmp_path / "s", deadline_s=1)
        told = Told(bridge)
        bridge.start()
        asked = [Answer(bridge.health()), Answer(bridge.gpus()), Answer(bridge.get("@last"))]
        watches = [bridge.watch_runs(all=True), bridge.watch_logs("@last"), bridge.watch_gpus()]
        wait(lambda: all(one.got for one in asked))
        assert {one.code() for one in asked} <= {"daemon_unresponsive", "daemon_not_running", "internal"}
        wait(lambda: told.states()[-1] in ("unresponsive", "no_daemon") and server.accepted > 0)
        assert "connected" not in told.states()
        assert told.of("runs_changed") == []
        still = Answer(bridge.health())
        stops_at_once(bridge, watched)
        assert len(still.got) == 1
        assert all(watch.over for watch in watches)
