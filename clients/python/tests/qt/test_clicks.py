"""A list of ten thousand runs in front of somebody who clicks: nothing that they do holds the window up."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pauses import PAUSE_MOST_MS, Pauses
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QTableView
from pytestqt.qtbot import QtBot
from told import LONG_MS

from runyard.qt import RunsChange, TrainerQBridgeThread
from runyard.qt.models import RunsModel, _table
from runyard.qt.widgets.runs import RunsView
from runyard.qt.widgets.selection import KeySelection
from runyard.v1 import orchestrator_pb2 as pb

COUNT = 10_000
# As the bridge hands them over.
PAGE = 500
STATUSES = ("completed", "failed", "completed", "stopped", "queued")
RISING, FALLING = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder
NAME, TOOK = 1, RunsModel.TOOK


def run(number: int, **more: object) -> pb.RunSummary:
    at = f"2026-01-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.000Z"
    status = "running" if number % 100 == 0 else STATUSES[number % len(STATUSES)]
    fields = {
        **{"run_id": f"r{number:05}", "name": f"dqn-{number * 7919 % 9973}", "status": status},
        **{"state": f"{status}.x", "submitted_at": at, "started_at": at, "user": "ada", "last_seq": 1},
        "command": f"python train.py --seed {number}",
    }
    return pb.RunSummary(**{**fields, **more})  # type: ignore[arg-type]


class Yardful:
    """A view of so many runs that is painted, and what happens to them."""

    def __init__(self, view: RunsView) -> None:
        self.view = view
        self.runs = {one.run_id: one for one in map(run, range(COUNT))}
        self._random = random.Random(7)
        runs = list(reversed(self.runs.values()))
        for start in range(0, COUNT, PAGE):
            self.take(*runs[start : start + PAGE])
        self.take(*runs, whole=True)

    def take(self, *runs: pb.RunSummary, whole: bool = False) -> None:
        self.runs.update((one.run_id, one) for one in runs)
        self.view._take(RunsChange(self.view._watch.id, runs, (), whole))

    def change(self) -> None:
        """As many as the bridge brings at once, ten times a second."""
        changed = []
        for old in self._random.sample(list(self.runs.values()), 60):
            new = pb.RunSummary()
            new.CopyFrom(old)
            new.status = self._random.choice(("running", *STATUSES))
            new.last_seq += 1
            changed.append(new)
        self.take(*changed)

    def until_arranged(self) -> None:
        deadline = time.monotonic() + LONG_MS / 1000
        while True:
            # At least one turn, in which the view is drawn.
            QTest.qWait(60)
            if not self.view.model.arranging:
                return
            assert time.monotonic() < deadline

    def shown(self) -> list[pb.RunSummary]:
        return [self.view.model.at(row) for row in range(self.view.model.rowCount())]


@pytest.fixture
def frozen() -> Iterator[None]:
    """As the application does: whatever else is in this process is not looked through for garbage meanwhile."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def yardful(qtbot: QtBot, tmp_path: Path, frozen: None) -> Iterator[Yardful]:
    bridge = TrainerQBridgeThread(home=tmp_path, guard="off")
    view = RunsView(bridge)
    qtbot.addWidget(view)
    view.resize(1200, 800)
    view.show()
    qtbot.waitExposed(view)
    yield Yardful(view)
    assert bridge.stop()


@pytest.mark.parametrize("live", [False, True], ids=["quiet", "while_runs_change"])
def test_nothing_that_one_does_to_ten_thousand_runs_is_a_pause(
    yardful: Yardful, live: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    view, table = yardful.view, yardful.view.table
    timer = QTimer(view, interval=100)
    timer.timeout.connect(yardful.change)
    if live:
        timer.start()
    gestures: list[tuple[str, Callable[[], object]]] = [
        ("sort by name", lambda: table.sortByColumn(NAME, RISING)),
        ("the other way", lambda: table.sortByColumn(NAME, FALLING)),
        ("sort by time", lambda: table.sortByColumn(TOOK, RISING)),
        ("as it was", lambda: table.sortByColumn(-1, RISING)),
        ("filter", lambda: view.set_filter("status:failed")),
        ("filter clear", lambda: view.set_filter("")),
        ("select all", lambda: QTest.keyClick(table, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)),
        ("sort what is selected", lambda: table.sortByColumn(NAME, RISING)),
        ("filter what is selected", lambda: view.set_filter("dqn-1")),
        ("clear, with some selected", lambda: view.set_filter("")),
        ("sort, with some selected", lambda: table.sortByColumn(-1, RISING)),
        ("to the end", lambda: QTest.keyClick(table, Qt.Key.Key_End)),
        ("select one", lambda: table.selectRow(COUNT // 2)),
    ]
    longest: dict[str, Pauses] = {}
    QTest.qWait(100)
    for name, do in gestures:
        with Pauses() as pauses:
            QTest.qWait(5)
            do()
            yardful.until_arranged()
        longest[name] = pauses
    timer.stop()
    with capsys.disabled():
        worst = max(longest, key=lambda name: longest[name].longest_ms)
        print(f"\nlongest pause: {longest[worst]} ({worst})")
    told = {name: str(pauses) for name, pauses in longest.items()}
    assert all(one.longest_ms <= PAUSE_MOST_MS for one in longest.values()), told
    assert len(view.selected) == 1


def test_what_changes_while_it_is_sorted_and_filtered_is_in_its_place(
    yardful: Yardful, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, model = yardful.view, yardful.view.model
    monkeypatch.setattr(_table, "_SLICE_S", 0.0)
    view.set_filter("status:failed")
    view.table.sortByColumn(NAME, RISING)
    assert model.arranging and model.rowCount() == COUNT
    # One that comes, one that goes, two that change sides, one that has another name.
    for _ in range(20):
        model._slice()
    assert model.arranging
    failed, fine = (next(r for r in yardful.runs.values() if r.status == s) for s in ("failed", "stopped"))
    named = next(r for r in yardful.runs.values() if r.status == "failed" and r is not failed)
    yardful.take(run(99_999, status="failed", name="a"), run(int(named.run_id[1:]), name="zzz"))
    yardful.take(run(int(failed.run_id[1:]), status="running"), run(int(fine.run_id[1:]), status="failed"))
    gone = next(r.run_id for r in yardful.shown() if r.status == "failed" and r.name not in ("a", "zzz"))
    view._take(RunsChange(view._watch.id, (), (gone,), False))
    del yardful.runs[gone]
    yardful.until_arranged()
    wanted = [one for one in yardful.runs.values() if one.status == "failed"]
    wanted.sort(key=lambda one: (one.name, model.tie_of(one)))
    assert yardful.shown() == wanted
    assert [model.row_of(one.run_id) for one in wanted] == list(range(len(wanted)))
    assert len(wanted) > 1000


def test_the_last_click_counts_and_a_wait_is_told(
    yardful: Yardful, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, table = yardful.view, yardful.view.table
    told: list[bool] = []
    view.model.arranging_changed.connect(told.append)
    monkeypatch.setattr(_table, "_SLICE_S", 0.0)
    monkeypatch.setattr(view._patience, "isActive", lambda: False)
    table.sortByColumn(NAME, RISING)
    view._say()
    assert view._count.text().endswith("arranging …")
    view.set_filter("dqn-1")
    table.sortByColumn(TOOK, RISING)
    view.set_filter("")
    table.sortByColumn(-1, RISING)
    assert told == [True]
    yardful.until_arranged()
    assert told == [True, False]
    assert "arranging" not in view._count.text()
    shown = yardful.shown()
    assert shown == sorted(shown, key=view.model.tie_of, reverse=True) and len(shown) == COUNT


def test_rows_stay_selected_wherever_they_go(yardful: Yardful) -> None:
    view, table = yardful.view, yardful.view.table
    view.set_filter("status:failed")
    yardful.until_arranged()
    table.selectAll()
    failed = {one.run_id for one in yardful.runs.values() if one.status == "failed"}
    assert {one.run_id for one in view.selected} == failed
    view.set_filter("")
    table.sortByColumn(NAME, RISING)
    yardful.until_arranged()
    assert {one.run_id for one in view.selected} == failed
    current, *rows = [view.model.row_of(one.run_id) for one in view.selected]
    assert rows == sorted(rows) and current == table.currentIndex().row()
    # What is seen is told to Qt, which draws it; the rest is not, since each cell would ask for all of it.
    for _ in range(3):
        seen = range(table.rowAt(0), table.rowAt(table.viewport().height() - 1) + 1)
        drawn = {row for row in seen if table.selection.isRowSelected(row)}
        assert drawn == {row for row in seen if view.model.key_at(row) in failed}
        assert table.selection.selection().count() < 100
        table.verticalScrollBar().setValue(table.verticalScrollBar().value() + 3000)
    view.set_filter("dqn-1 status:failed")
    yardful.until_arranged()
    assert {one.run_id for one in view.selected} == {
        one.run_id for one in yardful.runs.values() if one.status == "failed" and "dqn-1" in one.name
    }


def test_gestures_select_what_they_select_in_any_table(qtbot: QtBot) -> None:
    """The same mouse and keys on a selection of ours and on one of Qt's own."""
    views: list[QTableView] = []
    for own in (True, False):
        model, view = RunsModel(), QTableView()
        model.setParent(view)
        model.apply(RunsChange(1, tuple(map(run, range(120))), (), True))
        view.setModel(model)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        if own:
            view.setSelectionModel(KeySelection(model, view))
        view.horizontalHeader().setSectionsMovable(True)
        view.horizontalHeader().moveSection(0, 2)
        view.resize(900, 500)
        qtbot.addWidget(view)
        view.show()
        qtbot.waitExposed(view)
        views.append(view)
    modifiers = Qt.KeyboardModifier
    kinds = (
        modifiers.NoModifier,
        modifiers.ShiftModifier,
        modifiers.ControlModifier,
        modifiers.ControlModifier | modifiers.ShiftModifier,
    )
    keys = (Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp, Qt.Key.Key_Home)
    keys += (Qt.Key.Key_End, Qt.Key.Key_Space, Qt.Key.Key_A)
    rng = random.Random(11)
    for turn in range(400):
        modifier = rng.choice(kinds)
        what = rng.choice(("click", "click", "key", "drag", "program"))
        key, y, other = rng.choice(keys), rng.randrange(5, 440), rng.randrange(5, 440)
        row, flag = rng.randrange(120), rng.choice(list(QItemSelectionModel.SelectionFlag))
        if key == Qt.Key.Key_A:
            modifier = modifiers.ControlModifier
        for view in views:
            port = view.viewport()
            if what == "click":
                QTest.mouseClick(port, Qt.MouseButton.LeftButton, modifier, QPoint(200, y))
            elif what == "key":
                QTest.keyClick(view, key, modifier)
            elif what == "drag":
                QTest.mousePress(port, Qt.MouseButton.LeftButton, modifier, QPoint(200, y))
                QTest.mouseMove(port, QPoint(210, (y + other) // 2))
                QTest.mouseMove(port, QPoint(220, other))
                QTest.mouseRelease(port, Qt.MouseButton.LeftButton, modifier, QPoint(220, other))
            elif turn % 5 == 0:
                view.clearSelection()
            else:
                index = view.model().index(row, 0)
                rows = QItemSelectionModel.SelectionFlag.Rows
                view.selectionModel().setCurrentIndex(index, flag | rows)
        ours, theirs = views
        selection = ours.selectionModel()
        assert isinstance(selection, KeySelection)
        there = {theirs.model().key_at(index.row()) for index in theirs.selectionModel().selectedRows()}  # type: ignore[attr-defined]
        assert selection.keys == there, (turn, what, modifier, key)
        assert ours.currentIndex().row() == theirs.currentIndex().row()
