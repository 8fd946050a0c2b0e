"""Parts of the window without a daemon: drawing, form, look, list, notices."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtGui import QColor, QPalette
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication, QPushButton, QSystemTrayIcon, QWidget
from pytestqt.qtbot import QtBot
from yard import ROOT

from runyard.errors import Violation
from runyard.qt import RunsChange, TrainerQBridgeThread
from runyard.qt.app.appearance import appear
from runyard.qt.app.failures import Failures, reason_of
from runyard.qt.app.icon import icon
from runyard.qt.widgets import look
from runyard.qt.widgets.drawing import DARK, LIGHT, Drawing, Step
from runyard.qt.widgets.form import Form
from runyard.qt.widgets.notice import NoticeBoard
from runyard.qt.widgets.runs import RunsView
from runyard.qt.widgets.shape import config_of, kind_of, texts_of, words_of
from runyard.qt.widgets.stop import StopDialog
from runyard.v1 import orchestrator_pb2 as pb

SCHEMA = json.loads((ROOT / "schemas/train-run-config.v1.schema.json").read_text())


@pytest.fixture
def idle(qtbot: QtBot, tmp_path: Path) -> Iterator[TrainerQBridgeThread]:
    """A bridge that was not started: what it brings is brought by the test."""
    bridge = TrainerQBridgeThread(home=tmp_path, guard="off")
    yield bridge
    assert bridge.stop()


def run(id: str, status: str = "running", **more: object) -> pb.RunSummary:
    fields = {
        "run_id": id,
        "name": f"name-{id}",
        "submitted_at": f"2026-01-01T00:00:{int(id):02}.000Z",
    }
    return pb.RunSummary(status=status, state=f"{status}.live", **{**fields, **more})  # type: ignore[arg-type]


def test_every_drawing_of_the_daemon_can_be_drawn_and_is_lit(qapp: QApplication) -> None:
    files = sorted((ROOT / "docs/charts").glob("*.svg"))
    assert len(files) >= 4
    for file in files:
        drawing = Drawing(file.read_text())
        assert len(drawing.states) > 2, file
        for place in drawing.states:
            svg = drawing.lit(LIGHT, place.state).decode()
            # What QtSvg does not know is gone.
            assert "var(" not in svg and "marker" not in svg and "<style" not in svg
            assert QSvgRenderer(svg.encode()).isValid(), place.state
            if not place.compound:
                assert svg.count(f'fill="{LIGHT.lit}"') >= 1, (file, place.state)
            middle = (place.x + place.width / 2, place.y + 3)
            found = drawing.state_at(*middle)
            assert found is not None and found.state == place.state


def test_ways_that_were_taken_are_thick_and_others_faint() -> None:
    drawing = Drawing((ROOT / "docs/charts/run-overview.svg").read_text())
    events = [group for group in drawing.svg.split("<g ") if 'data-from="queued"' in group]
    assert events
    step = Step("run.grant", "queued", "allocating.preflight")
    plain = drawing.lit(DARK, "queued").decode()
    lit = drawing.lit(DARK, "allocating.preflight", [step]).decode()
    assert 'stroke-width="2.2"' not in plain
    assert lit.count('stroke-width="2.2"') == 1
    assert 'opacity="0.3"' in lit
    # A state within one that is drawn closed is shown as that one.
    place = drawing.placed("allocating.preflight")
    assert place is not None and place.state == "allocating"


def test_the_form_has_a_field_for_everything_that_the_schema_has(qtbot: QtBot) -> None:
    form = Form(SCHEMA, SCHEMA["properties"])
    qtbot.addWidget(form)
    for name, shape in SCHEMA["properties"].items():
        if kind_of(shape) == "group":
            assert any(pointer.startswith(f"/{name}/") for pointer in form.fields), name
        else:
            assert f"/{name}" in form.fields


CONFIG = {
    "command": ["python", "train.py", "--note", "it's two words"],
    "gpus": 0.5,
    "priority": 3,
    "hold": True,
    "env": {"A": "1=2", "EMPTY": ""},
    "tags": ["a", "b c"],
    "stop": {"signal": "SIGINT", "grace_s": 2.5},
    "retry": {"max": 2, "on": ["oom", 3]},
    "data": [{"path": "x", "bytes": 4}],
}


def test_a_configuration_survives_the_form(qtbot: QtBot) -> None:
    form = Form(SCHEMA, SCHEMA["properties"])
    qtbot.addWidget(form)
    form.fill(texts_of(SCHEMA, "", CONFIG))
    assert config_of(SCHEMA, "", form.texts) == CONFIG
    form.fill({})
    assert form.texts == {} and config_of(SCHEMA, "", {}) is None


def test_what_is_wrong_is_said_below_its_field(qtbot: QtBot) -> None:
    form = Form(SCHEMA, SCHEMA["properties"])
    qtbot.addWidget(form)
    inner = Violation("/retry/max", "must be >= 0", "It is -1")
    deep = Violation("/tags/2", "must be string", "")
    other = Violation("", "must not be so", "")
    assert form.say([inner, deep, other]) == [other]
    assert form.fields["/retry/max"].wrong == "must be >= 0: It is -1"
    assert form.fields["/tags"].wrong == "must be string"
    assert form.say([]) == []
    assert all(field.wrong == "" for field in form.fields.values())


def test_words_are_taken_as_a_shell_takes_them_also_while_they_are_typed() -> None:
    assert words_of("a 'b c' \"d e\" \\\n f") == ["a", "b c", "d e", "f"]
    assert words_of("a 'b c") == ["a", "b c"]
    assert words_of('a "b') == ["a", "b"]
    assert words_of("a b\\") == ["a", "b\\"]


def test_colours_of_states_can_be_read_on_both_grounds() -> None:
    def luminance(color: QColor) -> float:
        def linear(part: float) -> float:
            return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

        return (
            0.2126 * linear(color.redF())
            + 0.7152 * linear(color.greenF())
            + 0.0722 * linear(color.blueF())
        )

    for ground in ("#ffffff", "#14181d"):
        palette = QPalette()
        palette.setColor(QPalette.ColorRole.Base, QColor(ground))
        for status in look.STATUSES:
            both = sorted((luminance(look.state_color(status, palette)), luminance(QColor(ground))))
            assert (both[1] + 0.05) / (both[0] + 0.05) >= 4.5, (status, ground)
            assert look.glyph_of(status) != "?"


def test_dark_and_light_are_had_on_every_platform(qapp: QApplication) -> None:
    appear(qapp, "dark")
    assert look.is_dark(qapp.palette())
    appear(qapp, "light")
    assert not look.is_dark(qapp.palette())
    appear(qapp, "system")


def test_the_list_puts_what_runs_first_and_is_filtered_by_field(
    qtbot: QtBot, idle: TrainerQBridgeThread
) -> None:
    view = RunsView(idle)
    qtbot.addWidget(view)
    runs = (
        run("1", group="sweep"),
        run("2", "queued"),
        run("3", "failed", tags=["best"], group="sweep"),
        run("4", "stopping"),
    )
    view._take(RunsChange(view._watch.id, runs, (), True))
    shown = lambda: [view.model.at(row).run_id for row in range(view.model.rowCount())]  # noqa: E731
    assert shown() == ["4", "1", "2", "3"]
    view.set_filter("status:failed")
    assert shown() == ["3"]
    view.set_filter("group:sweep name-1")
    assert shown() == ["1"]
    view.set_filter("tag:best")
    assert shown() == ["3"]
    view.set_filter("nothing like that")
    assert shown() == []
    assert "None of 4 runs" in view._empty.text()
    view.set_filter("")
    view._take(RunsChange(view._watch.id, (run("1", "completed", group="sweep"),), ("4",), False))
    assert shown() == ["2", "3", "1"]
    assert view._count.text() == "0 running · 1 waiting · 2 over"


def test_a_failure_is_told_once_and_only_when_it_is_new(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    board = NoticeBoard(window)
    failures = Failures(board, window)
    failures.tray = None
    failures.apply(RunsChange(1, (run("1", "failed"),), (), False))
    failures.apply(RunsChange(1, (run("1", "failed"), run("2")), (), True))
    assert board.texts == []
    reason = pb.Reason(code="x", text="exited 1: boom")
    cause = pb.Reason(code="oom", text="out of memory")
    failed = run("2", "failed", failure_reason=reason, failure_cause=cause)
    failures.apply(RunsChange(1, (failed,), (), False))
    failures.apply(RunsChange(1, (failed,), (), False))
    assert board.texts == ["name-2 failed: exited 1: boom; probably out of memory"]
    assert reason_of(failed) == "exited 1: boom; probably out of memory"
    # One that came and failed between two looks.
    failures.apply(RunsChange(1, (run("3", "lost"), run("4", "completed")), (), False))
    assert len(board.texts) == 2
    many = tuple(run(str(number), "failed") for number in range(10, 20))
    failures.apply(RunsChange(1, many, (), False))
    assert board.texts[0] == "10 runs failed"
    wanted: list[object] = []
    failures.wanted.connect(wanted.append)
    board._notices[0].findChildren(QPushButton)[0].click()
    assert wanted == [[str(number) for number in range(10, 20)]]
    board.clear()
    assert board.texts == []


def test_without_a_tray_a_failure_is_told_in_the_window(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    there = [False]
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: there[0])
    monkeypatch.setattr(QSystemTrayIcon, "supportsMessages", lambda: True)
    monkeypatch.setattr(QSystemTrayIcon, "showMessage", lambda self, title, *_: told.append(title))
    for there[0] in (False, True):
        window, board = QWidget(), NoticeBoard()
        qtbot.addWidget(window)
        failures = Failures(board, window)
        assert (failures.tray is not None) == there[0]
        failures.apply(RunsChange(1, (run("1"), run("2")), (), True))
        failures.apply(RunsChange(1, (run("1", "failed"),), (), False))
        assert (told, board.texts) == ((["name-1 failed"], []) if there[0] else ([], ["name-1 failed"]))
    # One that goes while the window is open.
    there[0] = False
    failures.apply(RunsChange(1, (run("2", "lost"),), (), False))
    assert told == ["name-1 failed"] and board.texts == ["name-2 was lost"]


def test_reasons_of_a_stop_are_offered_again(qtbot: QtBot, tmp_path: Path) -> None:
    settings = QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat)
    for reason in ("wrong lr", "no gpu", "wrong lr"):
        dialog = StopDialog([run("1")], None, settings)
        qtbot.addWidget(dialog)
        dialog._reason.setCurrentText(reason)
        dialog.accept()
        assert dialog.reason == reason and not dialog.now
    dialog = StopDialog([run("1"), run("2")], None, settings)
    qtbot.addWidget(dialog)
    assert dialog.windowTitle() == "Stop 2 runs"
    assert [dialog._reason.itemText(at) for at in range(2)] == ["wrong lr", "no gpu"]
    assert dialog.reason == ""


def test_times_and_sizes_are_short() -> None:
    assert [look.duration(s) for s in (0.012, 2.34, 41, 61, 725, 3900, 190_000)] == [
        *("12 ms", "2.3 s", "41 s", "1m01", "12m", "1h05", "2d4h"),
    ]
    assert look.bytes_text(1536) == "1.5 KiB" and look.bytes_text(12) == "12 B"
    assert look.duration(float("nan")) == "–" and look.ago("") == "–" and look.exact("") == ""


def test_the_icon_is_there_in_every_size(qapp: QApplication) -> None:
    assert not icon().pixmap(16).isNull() and not icon().pixmap(256).isNull()
