"""The command `runyard-qt` as a process of its own, on a real screen where there is one; and what it says is missing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from window import shots
from yard import Yard, until

SCREENSHOT = """
import sys, time
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from runyard.qt import TrainerQBridgeThread
from runyard.qt.app.window import Window
home, kept, picture, name = sys.argv[1:]
application = QApplication(["runyard-qt"])
bridge = TrainerQBridgeThread(home=home, guard="error")
window = Window(bridge, QSettings(kept, QSettings.Format.IniFormat), run=name)
bridge.start()
window.show()

def until(look):
    # Fails by the time limit of whoever started it.
    while not look():
        QTest.qWait(20)

until(lambda: window.run.chart.active == "done.completed")
until(lambda: "on a screen" in window.run.logs.text)
until(lambda: window.run.chart._view.isVisible())
window.activateWindow()
table = window.runs.table
table.setFocus()
QTest.keyClicks(table, "/")
QTest.keyClicks(window.runs._filter, "screen")
until(lambda: window.runs.model.rowCount() == 1)
QTest.qWait(200)
assert window.screen().grabWindow(0).save(picture)
print(application.platformName(), window.screen().size().width())
window.close()
assert bridge.wait(5000)
"""


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A screen of its own."""
    server = shutil.which("Xvfb")
    if server is None:
        pytest.skip("no Xvfb is on PATH: apt-get install xvfb")
    read, write = os.pipe()
    options = ["-screen", "0", "1400x900x24", "-nolisten", "tcp", "-displayfd", str(write)]
    process = subprocess.Popen(
        [server, *options], pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(write)
    try:
        # It says its number once it serves.
        with os.fdopen(read) as told:
            number = told.readline().strip()
        if not number:
            pytest.skip("Xvfb does not start here")
        yield f":{number}"
    finally:
        process.terminate()
        process.wait()


def environment(yard: Yard | None, **more: str) -> dict[str, str]:
    home = {} if yard is None else {"RUNYARD_HOME": str(yard.home)}
    return {**os.environ, **home, **more}


def test_under_a_real_x_server(yard: Yard, display: str, tmp_path: Path) -> None:
    run_id = yard.submit("echo on a screen; echo loss=1 step=1", name="screen")
    yard.client.wait(run_id)
    picture = shots() / "qt-xvfb.png"
    arguments = [str(yard.home), str(tmp_path / "s.ini"), str(picture), "screen"]
    done = subprocess.run(
        [sys.executable, "-c", SCREENSHOT, *arguments],
        env=environment(None, QT_QPA_PLATFORM="xcb", DISPLAY=display),
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode != 0 and "Could not load the Qt platform plugin" in done.stderr:
        pytest.skip("libraries of Qt's xcb plugin are missing: see docs/qt-window.md")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["xcb", "1400"]
    assert picture.stat().st_size > 20_000


@pytest.mark.parametrize("platform", ["offscreen", "xcb"])
def test_the_command_shows_a_window_until_it_is_asked_to_end(
    yard: Yard, tmp_path: Path, platform: str, request: pytest.FixtureRequest
) -> None:
    more = {"QT_QPA_PLATFORM": platform, "XDG_CONFIG_HOME": str(tmp_path)}
    if platform == "xcb":
        more["DISPLAY"] = request.getfixturevalue("display")
    process = subprocess.Popen(
        [sys.executable, "-m", "runyard.qt.app", "--home", str(yard.home)],
        env=environment(None, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        # Its bridge looks at the daemon once it is up; each connection is a file of this process.
        place = Path(f"/proc/{process.pid}/task")
        bridge = lambda: any(  # noqa: E731
            (task / "comm").read_text().startswith("runyard bridge") for task in place.iterdir()
        )
        until(bridge, "the bridge", 60)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        assert not children.exists() or children.read_text() == ""
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0, out
        kept = tmp_path / "runyard/runyard-qt.conf"
        assert "geometry" in kept.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def python(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(None, QT_QPA_PLATFORM="offscreen"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout + done.stderr


def test_without_qt_the_command_says_what_to_install() -> None:
    said = python(
        "import sys; sys.modules['PySide6'] = None\n"
        "from runyard._window import main\n"
        "sys.exit(main())"
    )
    assert said == (
        "runyard-qt needs PySide6: pip install './clients/python[app]' of a Runyard checkout\n"
    )


def test_without_pyqtgraph_the_window_says_which_extra_is_missing(tmp_path: Path) -> None:
    said = python(
        "import sys; sys.modules['pyqtgraph'] = None\n"
        "from PySide6.QtCore import QSettings\n"
        "from PySide6.QtWidgets import QApplication, QLabel\n"
        "application = QApplication([])\n"
        "from runyard.qt import TrainerQBridgeThread\n"
        "from runyard.qt.app.window import Window\n"
        f"bridge = TrainerQBridgeThread(home={str(tmp_path)!r})\n"
        f"window = Window(bridge, QSettings({str(tmp_path / 's.ini')!r}, QSettings.Format.IniFormat))\n"
        "assert window.run.curves is None\n"
        "print([one.text() for one in window.findChildren(QLabel) if 'pyqtgraph' in one.text()])\n"
        "window.close()"
    )
    assert "curves need pyqtgraph: pip install './clients/python[app]'" in said


def test_each_widget_comes_singly() -> None:
    """None but the curves needs pyqtgraph, none but the player Qt Multimedia, and none needs the application."""
    said = python(
        "import importlib, pkgutil, sys; sys.modules['pyqtgraph'] = None\n"
        "import runyard.qt.widgets as all\n"
        "names = {one.name for one in pkgutil.iter_modules(all.__path__)} - {'curves', 'plots', 'meanline', 'player'}\n"
        "for name in names: importlib.import_module(f'runyard.qt.widgets.{name}')\n"
        "print(len(names), [name for name in sys.modules if name.startswith('runyard.qt.app')])"
    )
    count, rest = said.split(maxsplit=1)
    assert int(count) > 10 and rest == "[]\n"


def test_the_application_refuses_a_process_with_a_trainer_in_it() -> None:
    said = python(
        "import sys, types; sys.modules['cleanrl'] = types.ModuleType('cleanrl')\n"
        "from runyard.qt.app.main import main\n"
        "print(main([]))"
    )
    assert "2" in said.splitlines()
    assert "a trainer is loaded" in said and "cleanrl" in said
