"""A window under a flood of events, lines and points. RUNYARD_QT_FLOOD_S makes it longer than a few seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pauses import PAUSE_MOST_MS, Pauses
from PySide6.QtWidgets import QPlainTextEdit, QSplitter, QTableView
from pytestqt.qtbot import QtBot
from told import LONG_MS, Make
from yard import Yard

from runyard.qt import LogLines, MetricsArrived
from runyard.qt.models import RunsModel

SECONDS = float(os.environ.get("RUNYARD_QT_FLOOD_S", "4"))
# A little more than what is asked for, which is 1,000 and 10,000.
EVENTS_PER_S, LINES_PER_S, POINTS_PER_S = 1_050, 10_000, 1_000
# Runs that are held and released.
WAITING = 1_000 if SECONDS > 10 else 300

# So many times a second: lines of a trainer's output, points of a metric.
STEADY = """
import json, os, sys, time
rate, seconds, what = float(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
file = sys.stdout if what == "lines" else open(os.environ["RUNYARD_METRICS"], "a")
while not os.path.exists("go"):
    time.sleep(0.01)
begun, count = time.monotonic(), 0
while count < rate * seconds:
    due = min(int((time.monotonic() - begun) * rate), int(rate * seconds))
    for i in range(count, due):
        file.write(f"{i} a line of a trainer that has much to say about its loss\\n" if what == "lines"
                   else json.dumps({"loss": i, "step": i}) + "\\n")
    file.flush()
    count = due
    time.sleep(0.005)
"""

# So many events a second. Most are holds and releases of runs that wait: nothing is cheaper for the daemon, so that it
# and the window have the processor. Runs that come and go are among them.
FEEDER = """
import asyncio, sys, time
from runyard.aio import connect
home, seconds, rate = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
held = lambda group: {"command": ["true"], "cwd": home, "hold": True, "group": group}

async def main():
    client = await connect(home=home, deadline_s=60)
    ids = [one.run_id async for one in client.submit_many([held("waits")] * int(sys.argv[4]), env={})]
    sys.stdin.readline()
    begun, asked = time.monotonic(), 0

    async def ask(mine):
        nonlocal asked
        hold = False
        while True:
            for run_id in mine:
                now = time.monotonic() - begun
                if now > seconds:
                    return
                # When its turn has come; at once where the daemon is behind.
                await asyncio.sleep(max(0.0, asked / rate - now))
                asked += 1
                await (client.hold(run_id) if hold else client.release(run_id))
            hold = not hold

    async def come_and_go():
        number = 0
        while time.monotonic() - begun < seconds:
            group, number = f"g{number}", number + 1
            async for _ in client.submit_many([held(group)] * 10, env={}):
                pass
            async for _ in client.stop_group(group, now=True):
                pass
            await asyncio.sleep(1)

    await asyncio.gather(come_and_go(), *(ask(ids[one::100]) for one in range(100)))
    await client.close()

asyncio.run(main())
"""


class Window(QSplitter):
    """The runs in a table, and the output of one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.model = RunsModel(self)
        self.table, self.text = QTableView(), QPlainTextEdit()
        self.table.setModel(self.model)
        self.text.setReadOnly(True)
        self.text.setMaximumBlockCount(2000)
        self.addWidget(self.table)
        self.addWidget(self.text)
        self.resize(1200, 800)

    def show_lines(self, part: LogLines) -> None:
        if part.note:
            self.text.appendPlainText(part.note)
        if part.lines:
            self.text.appendPlainText("\n".join(line.text for line in part.lines))


@contextmanager
def cpu_times(yard: Yard) -> Iterator[dict[str, float]]:
    """CPU seconds of each process that takes part, and of each thread of this one; filled at the end."""
    script = Path(__file__).with_name("cputimes.py")
    command = [sys.executable, str(script), str(yard.home), str(os.getpid())]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, **pipes)  # type: ignore[call-overload]
    times: dict[str, float] = {}
    try:
        yield times
    finally:
        out, _ = process.communicate("over")
    times.update(json.loads(out))


@pytest.fixture
def fed(own_yard: Yard) -> Iterator[subprocess.Popen[str]]:
    """Asks for nothing before it gets a line."""
    # What waits is not to start when it is released.
    own_yard.client.set_drain(True, reason="only to be held and released")
    arguments = [str(own_yard.home), *map(str, (SECONDS, EVENTS_PER_S, WAITING))]
    feeder = subprocess.Popen(
        [sys.executable, "-c", FEEDER, *arguments],
        stdin=subprocess.PIPE,
        text=True,
    )
    yield feeder
    feeder.kill()
    feeder.wait()
    # In one call, and before any of them may start.
    with own_yard.client.stop_group("waits", now=True) as parts:
        list(parts)
    own_yard.client.set_drain(False)


def test_a_flood_holds_up_nobody_and_loses_nothing(
    own_yard: Yard, make_bridge: Make, qtbot: QtBot, wait: Any, capsys: Any, request: Any
) -> None:
    yard, window = own_yard, Window()
    qtbot.addWidget(window)
    window.show()
    bridge = make_bridge(home=yard.home, deadline_s=60)
    positions: list[int] = []
    shown, skipped, values, ended, emitted = [0], [0], list[float](), list[object](), [0]
    # When the last of each came.
    times: dict[str, float] = {}

    def count_lines(part: LogLines) -> None:
        emitted[0] += 1
        shown[0] += len(part.lines)
        times["lines"] = time.monotonic()
        skipped[0] += part.skipped
        window.show_lines(part)

    def count_points(part: MetricsArrived) -> None:
        emitted[0] += 1
        assert part.gaps == ()
        times["points"] = time.monotonic()
        for column in part.columns:
            values.extend(column.values)

    def count_events(events: Any) -> None:
        emitted[0] += 1
        times["events"] = time.monotonic()
        positions.extend(event.pos for event in events)

    bridge.runs_changed.connect(window.model.apply)
    bridge.log_lines.connect(count_lines)
    bridge.metrics_arrived.connect(count_points)
    bridge.state_changed.connect(count_events)
    bridge.start()
    bridge.watch_runs(all=True)
    wait(lambda: bridge.connection.state == "connected")

    def flood(rate: int, what: str) -> str:
        command = [sys.executable, "-c", STEADY, str(rate), str(SECONDS), what]
        return yard.client.submit({"command": command, "cwd": str(yard.home)}).run_id

    lines, points = flood(LINES_PER_S, "lines"), flood(POINTS_PER_S, "points")
    for watch in (bridge.watch_logs(lines, tail=0), bridge.watch_metrics(points, "loss")):
        watch.ended.connect(ended.append)
    live = lambda: all(yard.client.get(one).status == "running" for one in (lines, points))  # noqa: E731
    wait(live)
    feeder = request.getfixturevalue("fed")
    wait(lambda: window.model.rowCount() == WAITING + 2)
    early = len(positions)
    (yard.home / "go").touch()
    feeder.stdin.write("go\n")
    feeder.stdin.flush()
    begun = time.monotonic()
    with cpu_times(yard) as used, Pauses() as pauses:
        over = lambda: len(ended) == 2 and feeder.poll() is not None  # noqa: E731
        qtbot.waitUntil(over, timeout=LONG_MS + int(5000 * SECONDS))
        took = time.monotonic() - begun
    runs = {run.run_id: run.state for run in yard.client.list(all=True, limit=100_000)}
    wait(lambda: {run.run_id: run.state for run in window.model.known()} == runs)
    assert ended == [None, None]
    assert shown[0] + skipped[0] == int(LINES_PER_S * SECONDS)
    assert values == [float(i) for i in range(int(POINTS_PER_S * SECONDS))]
    assert positions == sorted(set(positions))
    assert positions[-1] - positions[0] == len(positions) - 1
    counts = {"events": len(positions) - early, "lines": shown[0] + skipped[0], "points": len(values)}
    rates = [f"{count / (times[kind] - begun):,.0f} {kind}/s" for kind, count in counts.items()]
    with capsys.disabled():
        print(
            f"\n{took:.1f} s: {', '.join(rates)}; {skipped[0]:,} lines left out; {emitted[0] / took:.0f} signals/s;"
            f" {window.model.rowCount():,} runs; longest pause {pauses}"
        )
        parts = sorted(used.items(), key=lambda one: -one[1])
        print(f"CPU {sum(used.values()):.1f} s: {', '.join(f'{name} {s:.1f}' for name, s in parts)}")
    assert emitted[0] / took < 200
    assert pauses.longest_ms <= PAUSE_MOST_MS, str(pauses)
