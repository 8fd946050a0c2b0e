"""Types of the part that needs PySide6, and what the extra asks for."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
from typing import get_args

import pytest
from packaging.requirements import Requirement
from PySide6.QtCore import Signal
from yard import ROOT, Yard

import runyard.qt
import runyard.qt.guard
import runyard.qt.models
from runyard.qt._calls import BridgeCalls

HERE = ROOT / "clients/python"


def test_types_of_the_qt_part_hold_in_the_strictest_way() -> None:
    pytest.importorskip("mypy")
    files = sorted(str(file) for file in (HERE / "src/runyard/qt").rglob("*.py"))
    cache = ROOT / ".cache/python-client/mypy-qt"
    command = [sys.executable, "-m", "mypy", f"--cache-dir={cache}", "--config-file=pyproject.toml", *files]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_extra_leaves_out_what_is_broken_and_pins_nothing() -> None:
    wanted = [Requirement(line) for line in importlib.metadata.requires("runyard") or ()]
    found = [one for one in wanted if one.name.lower() == "pyside6-essentials"]
    # Of the library, of the application, which asks for the library, and of videos.
    assert len(found) == 3
    for one in found:
        releases = ("6.8.3", "6.11.3", "6.12.0", "6.12.1", "7.0.0")
        allowed = [release for release in releases if one.specifier.contains(release)]
        assert allowed == ["6.8.3", "6.11.3", "6.12.1", "7.0.0"]


def test_every_name_that_the_package_promises_is_there() -> None:
    for module in (runyard.qt, runyard.qt.models):
        assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_the_page_names_every_signal_and_finding() -> None:
    page = (ROOT / "docs/qt.md").read_text()
    bridge = runyard.qt.TrainerQBridgeThread
    signals = [name for name, value in vars(bridge).items() if isinstance(value, Signal)]
    assert len(signals) > 8
    codes = get_args(runyard.qt.guard.Code)
    states = get_args(runyard.qt.messages.ConnectionState)
    assert [name for name in (*signals, *codes, *states) if f"| `{name}`" not in page] == []
    calls = [name for name in vars(BridgeCalls) if not name.startswith("_")]
    assert [name for name in calls if f"`{name}" not in page] == []


def test_the_script_of_the_page_runs(yard: Yard) -> None:
    found = re.search(r"```python\n(.*?)```", (ROOT / "docs/qt.md").read_text(), re.DOTALL)
    assert found is not None
    loop = "while bridge.connection.state != 'connected': application.processEvents()\nprint(bridge.stop(60000))\n"
    script = found.group(1).replace("application.exec()\n", loop)
    env = {**os.environ, "RUNYARD_HOME": str(yard.home)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, env=env, timeout=120
    )
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr
