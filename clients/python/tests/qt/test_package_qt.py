"""Types of the part that needs PySide6, and what the extra asks for."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest
from packaging.requirements import Requirement
from yard import ROOT

import runyard.qt
import runyard.qt.models

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
    (qt,) = [one for one in wanted if one.name == "PySide6-Essentials"]
    allowed = [one for one in ("6.8.3", "6.11.3", "6.12.0", "6.12.1", "7.0.0") if qt.specifier.contains(one)]
    assert allowed == ["6.8.3", "6.11.3", "6.12.1", "7.0.0"]


def test_every_name_that_the_package_promises_is_there() -> None:
    for module in (runyard.qt, runyard.qt.models):
        assert [name for name in module.__all__ if not hasattr(module, name)] == []
