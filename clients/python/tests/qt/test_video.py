"""Videos in the window, where Qt Multimedia is there, and what is said where it is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pauses import PAUSE_MOST_MS, Pauses
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot
from window import PATIENCE_MS, shoot, until
from yard import ROOT

from runyard.qt.widgets import viewer as module
from runyard.qt.widgets.viewer import Viewer

VIDEOS = ROOT / "test/fixtures/artifacts"
# Without it nothing is played, and the suite says so.
NEEDS = "Qt Multimedia is not there: pip install PySide6-Addons==6.11.3"


def words(viewer: Viewer) -> str:
    shown = viewer.currentWidget()
    return shown.text() if isinstance(shown, QLabel) else ""


@pytest.fixture
def viewer(qtbot: QtBot) -> Viewer:
    made = Viewer()
    qtbot.addWidget(made)
    made.resize(480, 400)
    made.show()
    return made


@pytest.mark.parametrize("name", ["header-first.mp4", "header-last.mp4"])
def test_a_video_plays_over_and_over_and_stops_by_a_key(
    viewer: Viewer, qtbot: QtBot, name: str
) -> None:
    pytest.importorskip("PySide6.QtMultimedia", reason=NEEDS)
    qtbot.waitExposed(viewer)
    with Pauses() as pauses:
        viewer.play(VIDEOS / name)
        player = viewer.player
        assert player is not None
        until(qtbot, lambda: player.position_ms > 0 and not player.image.isNull())
        assert (player.image.width(), player.image.height()) == (64, 48)
        colours = {player.image.pixelColor(x, 24).name() for x in range(0, 64, 4)}
        assert len(colours) > 4
        first = player.position_ms
        until(qtbot, lambda: player.position_ms > first)
    assert pauses.longest_ms <= PAUSE_MOST_MS, str(pauses)
    shoot(viewer, f"video-{name}")
    viewer.activateWindow()
    player.setFocus()
    until(qtbot, player.hasFocus)
    for plays in (False, True):
        QTest.keyClick(player, Qt.Key.Key_Space)
        until(qtbot, lambda plays=plays: player.plays is plays)
    # Two seconds long, and begun anew.
    until(qtbot, lambda: player.position_ms > 1_500)
    until(qtbot, lambda: player.position_ms < 1_000)
    viewer.nothing("something else")
    assert words(viewer) == "something else"


def test_what_is_no_video_is_left_to_another_program(
    viewer: Viewer, qtbot: QtBot, tmp_path: Path
) -> None:
    pytest.importorskip("PySide6.QtMultimedia", reason=NEEDS)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0" * 5000)
    viewer.play(broken)
    qtbot.waitUntil(lambda: "cannot be played" in words(viewer), timeout=PATIENCE_MS)
    assert words(viewer).startswith("Open plays it with your video player.")
    # The next one plays.
    viewer.play(VIDEOS / "header-first.mp4")
    until(qtbot, lambda: viewer.player is not None and not viewer.player.image.isNull())
    assert viewer.currentWidget() is viewer.player


def test_without_qt_multimedia_it_says_how_to_have_it(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PySide6.QtMultimedia", None)
    viewer = Viewer()
    qtbot.addWidget(viewer)
    assert not viewer.plays
    viewer.open_outside()
    assert words(viewer) == (
        "Open plays it with your video player. To see it here: pip install './clients/python[video]'"
    )


def test_a_library_that_is_missing_is_named(
    viewer: Viewer, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: object())
    monkeypatch.setitem(sys.modules, "runyard.qt.widgets.player", None)
    viewer = Viewer()
    qtbot.addWidget(viewer)
    assert viewer.plays
    viewer.play(VIDEOS / "header-first.mp4")
    assert "Here it cannot be played: import of runyard.qt.widgets.player halted" in words(viewer)
    assert not viewer.plays


def test_nothing_of_it_is_loaded_before_the_first_video() -> None:
    script = (
        "import sys\nfrom PySide6.QtWidgets import QApplication\napplication = QApplication([])\n"
        "from runyard.qt.app import window\nfrom runyard.qt.widgets.viewer import Viewer\nViewer()\n"
        "print([name for name in sys.modules if 'Multimedia' in name])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
