"""The window before a real daemon, and pictures of it for people to look at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot
from yard import ROOT

from runyard.qt import TrainerQBridgeThread
from runyard.qt.app.window import Window

# The machine is shared; nothing here is about how long something takes.
PATIENCE_MS = 60_000


@contextmanager
def opened(qtbot: QtBot, home: Path, kept: Path, run: str = "") -> Iterator[Window]:
    """A window that is shown, and closed at last; `kept` is where it remembers things."""
    # The tests' own clients have threads in this process; test_app.py has the application as it is.
    bridge = TrainerQBridgeThread(home=home, guard="off")
    settings = QSettings(str(kept / "window.ini"), QSettings.Format.IniFormat)
    window = Window(bridge, settings, run=run)
    # Where there is a tray, failures are told there.
    window.failures.tray = None
    window.resize(1360, 880)
    bridge.start()
    window.show()
    try:
        yield window
    finally:
        window.close()
        assert bridge.wait(5_000), "the bridge ends with its window"
        window.deleteLater()


def until(qtbot: QtBot, look: Callable[[], object]) -> None:
    qtbot.waitUntil(lambda: bool(look()), timeout=PATIENCE_MS)


def shoot(widget: QWidget, name: str) -> None:
    """Kept in `.cache/qt-shots`, or where RUNYARD_SHOTS says, so that people can look at them."""
    widget.grab().save(str(shots() / f"qt-{name}.png"))


def shots() -> Path:
    place = Path(os.environ.get("RUNYARD_SHOTS") or ROOT / ".cache/qt-shots")
    place.mkdir(parents=True, exist_ok=True)
    return place
