"""The window with a real daemon: submit, watch, stop; failures, no daemon, a daemon that goes and comes back."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPointF, QSettings, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot
from window import PATIENCE_MS, opened, shoot, until
from yard import ROOT, Yard

from runyard.qt.app.appearance import appear
from runyard.qt.app.window import Window
from runyard.qt.widgets import look
from runyard.qt.widgets.stop import StopDialog
from runyard.qt.widgets.submit import SubmitDialog

pytest.importorskip("pyqtgraph")
from runyard.qt.widgets.curves import CurvesView  # noqa: E402

# Says a point each tenth of a second until it is stopped.
POINTS = 'i=0; while :; do i=$((i+1)); echo "step=$i loss=0.$i return=$i"; sleep 0.1; done'


def curves_of(window: Window) -> CurvesView:
    assert window.run.curves is not None
    return window.run.curves


def test_submits_from_the_dialog_watches_and_stops_with_a_reason(
    qtbot: QtBot, yard: Yard, tmp_path: Path
) -> None:
    with opened(qtbot, yard.home, tmp_path) as window:
        until(qtbot, window.actions_of_runs.submit.isEnabled)
        window.actions_of_runs.submit.trigger()
        (dialog,) = window.findChildren(SubmitDialog)
        until(qtbot, lambda: dialog.form is not None)
        assert dialog.form is not None
        fields = dialog.form.fields
        fields["/command"].text = f"sh -c '{POINTS}'"
        fields["/name"].text = "no name at all!"
        until(qtbot, lambda: fields["/name"].wrong)
        assert "must match" in fields["/name"].wrong and "1" not in fields["/command"].wrong
        assert "one field is not right" in dialog.verdict
        shoot(dialog, "submit-violation")
        fields["/name"].text = "from-the-window"
        fields["/cwd"].text = str(yard.home)
        until(qtbot, lambda: "would start" in dialog.verdict or "would wait" in dialog.verdict)
        assert fields["/name"].wrong == ""
        shoot(dialog, "submit")
        with qtbot.waitSignal(dialog.submitted, timeout=PATIENCE_MS) as handed:
            dialog.submit()
        run_id = handed.args[0].run_id

        until(qtbot, lambda: [run.run_id for run in window.runs.selected] == [run_id])
        until(qtbot, lambda: window.run.chart.active == "running.live")
        until(qtbot, lambda: len(window.run.chart.steps) >= 5)
        assert [step.end for step in window.run.chart.steps][:2] == [
            "queued",
            "allocating.preflight",
        ]
        curves = curves_of(window)
        until(qtbot, lambda: len(curves.keys) == 2)
        until(qtbot, lambda: len(curves.points_of(run_id, "loss")[0]) > 3)
        steps, values = curves.points_of(run_id, "loss")
        assert list(steps[:3]) == [1, 2, 3] and values[0] == 0.1
        until(qtbot, lambda: "step=2 loss=0.2" in window.run.logs.text)
        until(qtbot, lambda: curves._series[run_id, "loss"].raw is not None)
        shoot(window, "running")

        window.actions_of_runs.stop.trigger()
        (ask,) = window.findChildren(StopDialog)
        ask._reason.setCurrentText("seen enough")
        shoot(ask, "stop")
        ask.accept()
        until(qtbot, lambda: window.run.chart.active == "done.cancelled")
        until(qtbot, lambda: "seen enough" in window.run.why)
        assert yard.client.get(run_id).stop_reason == "seen enough"
        until(qtbot, lambda: window.actions_of_runs.retry.isEnabled())
        assert not window.actions_of_runs.stop.isEnabled()


def test_a_failed_run_is_told_with_its_reason_and_tried_again(
    qtbot: QtBot, yard: Yard, tmp_path: Path
) -> None:
    with opened(qtbot, yard.home, tmp_path) as window:
        until(qtbot, lambda: window.failures._statuses is not None)
        run_id = yard.submit("echo 'ValueError: nan in loss' >&2; exit 3", name="breaks")
        until(qtbot, lambda: window.notices.texts)
        assert window.notices.texts[0].startswith("breaks failed: exited 3")
        show, retry = window.notices.findChildren(QPushButton)
        assert window.runs.choose(run_id)
        until(qtbot, lambda: "ValueError" in window.run.logs.text)
        shoot(window, "failed")
        known = {run.run_id for run in window.runs.model.known()}
        retry.click()
        assert window.notices.texts == []
        new = lambda: {run.run_id for run in window.runs.model.known()} - known  # noqa: E731
        until(qtbot, new)
        assert yard.client.get(new().pop()).retry_of == run_id


def test_artifacts_are_listed_seen_and_saved(qtbot: QtBot, yard: Yard, tmp_path: Path) -> None:
    video = ROOT / "test/fixtures/artifacts/header-first.mp4"
    with opened(qtbot, yard.home, tmp_path) as window:
        script = f"cp {video} rl-video-episode-3.mp4"
        run_id = yard.submit(script, artifacts=["*.mp4"], isolate=True)
        yard.client.wait(run_id)
        until(qtbot, lambda: window.runs.choose(run_id))
        view = window.run.artifacts
        window.run.tabs.setCurrentWidget(view)
        until(qtbot, lambda: view.model.rowCount() == 1)
        view._table.selectRow(0)
        assert "video/mp4" in view._words.text()
        until(qtbot, view._open.isEnabled)
        if view.viewer.plays:
            until(qtbot, lambda: view.viewer.player and not view.viewer.player.image.isNull())
        shoot(window, "artifacts")
        saved: list[Path] = []
        view._fetch(view.model.at(0), tmp_path / "saved.mp4", saved.append)
        until(qtbot, lambda: saved)
        assert saved[0].read_bytes() == video.read_bytes()


def test_several_runs_have_their_curves_beside_each_other(
    qtbot: QtBot, yard: Yard, tmp_path: Path
) -> None:
    script = 'for i in 1 2 3 4; do echo "step=$i loss=$i"; done; echo "step=5 loss=nan"'
    ids = [yard.submit(script, name=f"curve-{number}", group="curves") for number in (1, 2)]
    for run_id in ids:
        yard.client.wait(run_id)
    with opened(qtbot, yard.home, tmp_path) as window:
        until(qtbot, lambda: all(window.runs.model.row_of(run_id) >= 0 for run_id in ids))
        window.runs.set_filter("group:curves")
        window.runs.table.selectAll()
        curves = curves_of(window)
        until(qtbot, lambda: curves.keys == ["loss"])
        for run_id in ids:
            until(qtbot, lambda run_id=run_id: len(curves.points_of(run_id, "loss")[0]) == 5)
        until(qtbot, lambda: all(curves._series[one, "loss"].nan is not None for one in ids))
        curves.tools.smooth.setValue(60)
        curves.tools.log.setChecked(True)
        until(qtbot, lambda: all(curves._series[one, "loss"].smooth is not None for one in ids))
        shoot(window, "curves")
        curves.choose([])
        assert curves.keys == [] and curves._watches == {}


def test_seeds_are_one_line_with_a_band_and_the_pointer_reads_all_plots(
    qtbot: QtBot, yard: Yard, tmp_path: Path
) -> None:
    script = 'for i in 1 2 3 4 5; do echo "step=$i loss=$((i * $4 + $2)) acc=0.$i"; done'
    ids = []
    for lr in (1, 3):
        for seed in (1, 2, 3):
            words = ["train", "--seed", str(seed), "--lr", str(lr)]
            config = {"command": ["sh", "-c", script, *words], "cwd": str(yard.home), "group": "seeds"}
            ids.append(yard.client.submit(config).run_id)
    for run_id in ids:
        yard.client.wait(run_id)
    with opened(qtbot, yard.home, tmp_path) as window:
        until(qtbot, lambda: all(window.runs.model.row_of(run_id) >= 0 for run_id in ids))
        window.runs.choose(ids[0])
        curves = curves_of(window)
        until(qtbot, lambda: "loss" in curves.keys)
        # One run alone has no band.
        assert not curves.tools.seeds.isVisibleTo(curves.tools)
        window.runs.set_filter("group:seeds")
        window.runs.table.selectAll()
        until(qtbot, lambda: curves.tools.seeds.isVisibleTo(curves.tools))
        curves.choose(["loss", "acc"])
        for run_id in ids:
            until(qtbot, lambda run_id=run_id: len(curves.points_of(run_id, "loss")[0]) == 5)
        curves.tools.seeds.setChecked(True)
        board = curves._board
        until(qtbot, lambda: all(board.drawn_mean("loss", f"lr {lr}") for lr in (1, 3)))
        until(qtbot, lambda: len(board.drawn_mean("loss", "lr 3")[1]) == 5)
        along, means = board.drawn_mean("loss", "lr 3")
        assert list(along) == [1, 2, 3, 4, 5] and list(means) == [5, 8, 11, 14, 17]
        low, high = (edge.getData()[1] for edge in board._means["loss", "lr 3"]._edges)
        assert list(low) == [4, 7, 10, 13, 16] and list(high) == [6, 9, 12, 15, 18]
        assert not board._means["loss", "lr 3"]._band.path().isEmpty()
        plot = board._plots["loss"]

        def points_at_step_3() -> bool:
            # The plot finds its ranges when it is drawn.
            place = plot.getViewBox().mapViewToScene(QPointF(3.2, 11))
            where = QPointF(board.viewport().mapToGlobal(place.toPoint()))
            none = (Qt.MouseButton.NoButton, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier)
            moved = QMouseEvent(QEvent.Type.MouseMove, place, where, *none)
            QApplication.sendEvent(board.viewport(), moved)
            return "at step 3" in curves.tools.legend.text()

        until(qtbot, points_at_step_3)
        legend = curves.tools.legend.text()
        assert "lr 3 <b>11</b>" in legend and "lr 1 <b>5</b>" in legend
        assert all(line.isVisible() and 3 < line.value() < 3.5 for line in board._cursors)
        assert len(board._cursors) == 2
        shoot(window, "seeds")
        curves.tools.seeds.setChecked(False)
        until(qtbot, lambda: all(curves._series[one, "loss"].raw is not None for one in ids))
        assert not board.has_means


def test_without_a_daemon_it_says_so_and_starts_nothing(qtbot: QtBot, tmp_path: Path) -> None:
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before = children.read_text() if children.exists() else ""
    with opened(qtbot, tmp_path, tmp_path) as window:
        until(qtbot, window.banner.isVisible)
        until(qtbot, lambda: window.banner.command)
        assert window.banner.command == f"RUNYARD_HOME={tmp_path} runyard up"
        assert "starts none" in window.banner._text.text()
        assert "once there is a daemon" in window.runs._empty.text()
        assert not window.actions_of_runs.submit.isEnabled()
        shoot(window, "no-daemon")
        copy = window.banner.findChild(QPushButton)
        assert copy is not None
        copy.click()
        assert QApplication.clipboard().text() == window.banner.command
    assert (children.read_text() if children.exists() else "") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["window.ini"]


def test_a_daemon_that_dies_stops_and_comes_back(
    qtbot: QtBot, own_yard: Yard, tmp_path: Path
) -> None:
    run_id = own_yard.submit(POINTS, name="goes-on")
    with opened(qtbot, own_yard.home, tmp_path, run="goes-on") as window:
        until(qtbot, lambda: window.run.chart.active == "running.live")
        until(qtbot, lambda: "step=2 " in window.run.logs.text)
        own_yard.signal(signal.SIGSTOP)
        until(qtbot, lambda: "does not answer" in window.banner._title.text())
        assert window.banner.isVisible()
        shoot(window, "unresponsive")
        own_yard.signal(signal.SIGCONT)
        until(qtbot, lambda: not window.banner.isVisible())
        own_yard.kill()
        until(qtbot, lambda: "is gone" in window.banner._title.text())
        assert not window.actions_of_runs.stop.isEnabled()
        shoot(window, "lost")
        seen = len(curves_of(window).points_of(run_id, "loss")[0])
        own_yard.up()
        until(qtbot, lambda: not window.banner.isVisible())
        until(qtbot, lambda: len(curves_of(window).points_of(run_id, "loss")[0]) > seen + 20)
        steps = list(curves_of(window).points_of(run_id, "loss")[0])
        assert steps == list(range(1, len(steps) + 1)), "none is missing, none comes twice"
        until(qtbot, window.actions_of_runs.stop.isEnabled)
        own_yard.client.stop(run_id, now=True)
        until(qtbot, lambda: window.run.chart.active == "done.cancelled")


def test_the_keyboard_is_enough(qtbot: QtBot, yard: Yard, tmp_path: Path) -> None:
    ids = [yard.submit("echo one two", name=f"key-{number}") for number in (1, 2)]
    for run_id in ids:
        yard.client.wait(run_id)
    with opened(qtbot, yard.home, tmp_path) as window:
        window.activateWindow()
        until(qtbot, window.isActiveWindow)
        until(qtbot, lambda: all(window.runs.model.row_of(run_id) >= 0 for run_id in ids))
        table = window.runs.table
        until(qtbot, lambda: QApplication.focusWidget() is table)
        qtbot.keyClicks(table, "/")
        filter_line = QApplication.focusWidget()
        assert filter_line is window.runs._filter
        qtbot.keyClicks(filter_line, "key-")
        qtbot.keyClick(filter_line, Qt.Key.Key_Return)
        assert QApplication.focusWidget() is table
        until(qtbot, lambda: window.runs.model.rowCount() == 2)
        table.selectRow(0)
        qtbot.keyClicks(table, "j")
        until(qtbot, lambda: window.runs.selected[0].name == "key-1")
        qtbot.keyClicks(table, "k")
        until(qtbot, lambda: window.runs.selected[0].name == "key-2")
        until(qtbot, lambda: "one two" in window.run.logs.text)
        qtbot.keyClick(table, Qt.Key.Key_Escape)
        assert window.runs._filter.text() == ""
        qtbot.keyClick(table, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
        (dialog,) = window.findChildren(SubmitDialog)
        until(qtbot, lambda: dialog.form is not None)
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
        assert not dialog.isVisible()


def test_it_remembers_its_layout(
    qtbot: QtBot, qapp: QApplication, yard: Yard, tmp_path: Path
) -> None:
    yard.client.wait(yard.submit("echo something to be shown"))
    try:
        with opened(qtbot, yard.home, tmp_path) as window:
            window.run.tabs.setCurrentIndex(2)
            window._gpus.show()
            window._split.setSizes([400, 900])
            sizes = window._split.sizes()
            window.runs.table.setColumnHidden(0, True)
            window._appear("dark")
            until(qtbot, lambda: look.is_dark(window.palette()))
            until(qtbot, lambda: window.runs.model.rowCount() > 0 and window.run.chart.steps)
            shoot(window, "dark")
        with opened(qtbot, yard.home, tmp_path) as window:
            assert window.run.tabs.currentIndex() == 2
            assert window._gpus.isVisible()
            assert window._split.sizes() == sizes
            assert window.runs.table.isColumnHidden(0)
            assert window._looks["dark"].isChecked()
    finally:
        appear(qapp, "system")
    kept = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    assert "window/geometry" in kept.allKeys()


def test_an_example_embeds_a_widget(
    qtbot: QtBot, yard: Yard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    example = ROOT / "examples/embed_qt.py"
    assert len(example.read_text().splitlines()) <= 40
    shutil.copy(example, tmp_path / "embed_example.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("embed_example", None)
    import embed_example

    from runyard.qt import TrainerQBridgeThread

    run_id = yard.submit('for i in 1 2 3; do echo "step=$i loss=$i"; done')
    yard.client.wait(run_id)
    bridge = TrainerQBridgeThread(home=yard.home, guard="off")
    window = embed_example.LabWindow(bridge)
    qtbot.addWidget(window)
    bridge.start()
    window.show()
    try:
        until(qtbot, lambda: len(window.curves.points_of(run_id, "loss")[0]) == 3)
        until(qtbot, lambda: window.curves._series[run_id, "loss"].raw is not None)
        assert "connected" in window.connection.text()
        shoot(window, "embedded")
    finally:
        bridge.stop()
        assert bridge.wait(5_000)
