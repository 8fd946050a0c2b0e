"""The order of a start: processes first, threads after, and no fork from then on (docs/qt.md)."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QCoreApplication

Mode = Literal["warn", "error", "off"]
TRAINERS = ("cleanrl", "cleanrl_utils", "corl")


@dataclass(frozen=True)
class Finding:
    """Something that came in the wrong order. code: no_application, threads_first, forked, trainer_loaded."""

    code: str
    message: str
    hint: str


class BootstrapError(RuntimeError):
    """Something came in the wrong order, and guard='error'."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(f"{finding.message}; {finding.hint}")
        self.finding = finding


class BootstrapWarning(UserWarning):
    """The same with guard='warn'."""


class Guard:
    def __init__(self, mode: Mode, tell: Callable[[Finding], None]) -> None:
        self._mode = mode
        self._tell = tell

    def look(self) -> None:
        """When a bridge is made. Raises BootstrapError."""
        if self._mode == "off":
            return
        for finding in (*_application(), *_trainers()):
            if self._mode == "error":
                raise BootstrapError(finding)
            warnings.warn(f"{finding.message}; {finding.hint}", BootstrapWarning, stacklevel=4)

    def begin(self) -> None:
        """When its thread starts."""

    def end(self) -> None:
        """When it is stopped."""


def _application() -> list[Finding]:
    if QCoreApplication.instance() is not None:
        return []
    text = "the bridge was made before the application"
    return [Finding("no_application", text, "make the QApplication first: it is what brings the signals")]


def _trainers() -> list[Finding]:
    loaded = [name for name in TRAINERS if name in sys.modules]
    if not loaded:
        return []
    text = f"a trainer is loaded in this process: {', '.join(loaded)}"
    return [Finding("trainer_loaded", text, "submit it as a command instead of importing it")]
