"""A window under a flood of events, lines and points. RUNYARD_QT_FLOOD_S makes it longer than a few seconds."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
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

# So many times a second: lines of a trainer's output, points of a metric.
STEADY = """
import json, os, sys, time
rate, seconds, what = float(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
file = sys.stdout if what == "lines" else open(os.environ["RUNYARD_METRICS"], "a")
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

# Hands over runs and stops them, as fast as the daemon goes.
FEEDER = """
import sys, time, runyard
home, seconds = sys.argv[1], float(sys.argv[2])
end, group = time.monotonic() + seconds, 0
with runyard.connect(home=home, deadline_s=60) as client:
    while group < 2 or time.monotonic() < end:
        config = {"command": ["true"], "cwd": home, "hold": True, "group": f"g{group}"}
        list(client.submit_many([config] * 200, env={}))
        list(client.stop_group(f"g{group}", now=True))
        group += 1
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


@pytest.fixture
def fed(own_yard: Yard) -> Iterator[subprocess.Popen[bytes]]:
    feeder = subprocess.Popen([sys.executable, "-c", FEEDER, str(own_yard.home), str(SECONDS)])
    yield feeder
    feeder.kill()
    feeder.wait()


def test_a_flood_holds_up_nobody_and_loses_nothing(
    own_yard: Yard, make_bridge: Make, qtbot: QtBot, wait: Any, capsys: Any, request: Any
) -> None:
    yard, window = own_yard, Window()
    qtbot.addWidget(window)
    window.show()
    bridge = make_bridge(home=yard.home, deadline_s=60)
    positions: list[int] = []
    shown, skipped, values, ended, emitted = [0], [0], list[float](), list[object](), [0]
    times: dict[str, list[float]] = {"events": [], "lines": [], "points": []}

    def count_lines(part: LogLines) -> None:
        emitted[0] += 1
        shown[0] += len(part.lines)
        times["lines"].append(time.monotonic())
        skipped[0] += part.skipped
        window.show_lines(part)

    def count_points(part: MetricsArrived) -> None:
        emitted[0] += 1
        assert part.gaps == ()
        times["points"].append(time.monotonic())
        for column in part.columns:
            values.extend(column.values)

    def count_events(events: Any) -> None:
        emitted[0] += 1
        times["events"].append(time.monotonic())
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

    lines, points = flood(10_000, "lines"), flood(1_000, "points")
    for watch in (bridge.watch_logs(lines, tail=0), bridge.watch_metrics(points, "loss")):
        watch.ended.connect(ended.append)
    feeder = request.getfixturevalue("fed")
    begun = time.monotonic()
    with Pauses() as pauses:
        over = lambda: len(ended) == 2 and feeder.poll() is not None  # noqa: E731
        qtbot.waitUntil(over, timeout=LONG_MS + int(5000 * SECONDS))
        took = time.monotonic() - begun
    runs = {run.run_id: run.state for run in yard.client.list(all=True, limit=100_000)}
    wait(lambda: {run.run_id: run.state for run in window.model.known()} == runs)
    assert ended == [None, None]
    assert shown[0] + skipped[0] == int(10_000 * SECONDS)
    assert values == [float(i) for i in range(int(1_000 * SECONDS))]
    assert positions == sorted(set(positions))
    assert positions[-1] - positions[0] == len(positions) - 1
    counts = {"events": len(positions), "lines": shown[0] + skipped[0], "points": len(values)}
    rates = [f"{count / (times[kind][-1] - times[kind][0]):,.0f} {kind}/s" for kind, count in counts.items()]
    with capsys.disabled():
        print(
            f"\n{took:.1f} s: {', '.join(rates)}; {skipped[0]:,} lines left out; {emitted[0] / took:.0f} signals/s;"
            f" {window.model.rowCount():,} runs; longest pause {pauses}"
        )
    assert emitted[0] / took < 200
    assert pauses.longest_ms <= PAUSE_MOST_MS, str(pauses)
