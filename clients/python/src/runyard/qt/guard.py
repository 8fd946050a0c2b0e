"""The order of a start: processes first, threads after, and no fork from then on (docs/qt.md).

A fork copies one thread and the locks of all others, as they are at that moment: the child of a process in which a
bridge runs may hang at any time. And nothing of a trainer belongs into the process of a window.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QCoreApplication, QObject, QThread, QTimer

Mode = Literal["warn", "error", "off"]
Code = Literal[
    "no_application", "wrong_thread", "threads_first", "fork_method", "forked", "trainer_loaded"
]

TRAINERS = ("cleanrl", "cleanrl_utils", "corl")
"""Modules that are to run as commands of their own. A host may name more before it makes a bridge."""

# Milliseconds between two looks at the modules of the process.
_LOOK_MS = 1000
# Guards of bridges that run. What a process forks concerns all of them.
_live: set[Guard] = set()
_fork, _forkpty = os.fork, os.forkpty


@dataclass(frozen=True)
class Finding:
    """Something that came in the wrong order: what, and what to do about it, as sentences."""

    code: Code
    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}"


class BootstrapError(RuntimeError):
    """Something came in the wrong order, and guard='error'. Also raised by os.fork while such a bridge runs."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


class BootstrapWarning(UserWarning):
    """The same with guard='warn'."""


class Guard(QObject):
    """Of one bridge. `tell` may be called in any thread."""

    def __init__(self, mode: Mode, tell: Callable[[Finding], object], parent: QObject) -> None:
        super().__init__(parent)
        if mode not in ("warn", "error", "off"):
            raise ValueError(f"guard must be 'warn', 'error' or 'off', not {mode!r}")
        self.mode = mode
        self._tell = tell
        self._told: set[str] = set()
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._look_again)

    def look(self) -> None:
        """When a bridge is made. Raises BootstrapError."""
        if self.mode == "off":
            return
        for finding in (*_application(), *_threads(), *_fork_method(), *self._trainers()):
            if self.mode == "error":
                raise BootstrapError(finding)
            warnings.warn(str(finding), BootstrapWarning, stacklevel=4)

    def begin(self) -> None:
        """When its thread starts."""
        if self.mode == "off":
            return
        _watch_forks()
        _live.add(self)
        if self.mode == "error":
            os.fork, os.forkpty = _refuse, _refuse
        self._timer.start()

    def end(self) -> None:
        """When it was stopped."""
        self._timer.stop()
        _live.discard(self)
        if not any(guard.mode == "error" for guard in _live):
            os.fork, os.forkpty = _fork, _forkpty

    def found(self, finding: Finding) -> None:
        """While the bridge runs."""
        warnings.warn(str(finding), BootstrapWarning, stacklevel=4)
        self._tell(finding)

    def _look_again(self) -> None:
        for finding in self._trainers():
            self.found(finding)

    def _trainers(self) -> list[Finding]:
        loaded = [name for name in TRAINERS if name in sys.modules and name not in self._told]
        if not loaded:
            return []
        self._told.update(loaded)
        text = f"a trainer is loaded in the window's process: {', '.join(loaded)}"
        hint = "submit it as a command, bridge.submit({'command': [...]}), instead of importing it"
        return [Finding("trainer_loaded", text, hint)]


def _application() -> list[Finding]:
    application = QCoreApplication.instance()
    if application is None:
        text = "the bridge was made before the application"
        return [Finding("no_application", text, "make the QApplication first: its loop brings the signals")]
    if QThread.currentThread() != application.thread():
        text = "the bridge was made outside of the GUI's thread"
        return [Finding("wrong_thread", text, "make it where the QApplication was made")]
    return []


def _threads() -> list[Finding]:
    names = [thread.name for thread in threading.enumerate() if _counts(thread)]
    if not names:
        return []
    text = f"threads ran before the bridge was made: {', '.join(sorted(names))}"
    hint = (
        "start processes first, then the application and its bridge, then threads;"
        " guard='off' if none of them ever forks"
    )
    return [Finding("threads_first", text, hint)]


def _counts(thread: threading.Thread) -> bool:
    if thread is threading.main_thread() or thread is threading.current_thread():
        return False
    if thread.name.startswith(BRIDGE_NAME):
        return False
    # Those that Python did not start stay in its list when they are over.
    tasks = Path("/proc/self/task")
    return not tasks.exists() or (tasks / str(thread.native_id)).exists()


BRIDGE_NAME = "runyard bridge"


def _fork_method() -> list[Finding]:
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is None or multiprocessing.get_start_method(allow_none=True) != "fork":
        return []
    text = "multiprocessing starts processes by fork, which does not go together with a bridge's thread"
    return [Finding("fork_method", text, "multiprocessing.set_start_method('spawn') first of all")]


def _forked() -> Finding:
    text = "this process forks while a bridge runs: the child may hang on a lock of a thread that it has not"
    hint = (
        "start processes before the bridge, or by multiprocessing's 'spawn', or by subprocess without preexec_fn"
    )
    return Finding("forked", text, hint)


def _refuse(*_: Any) -> Any:
    raise BootstrapError(_forked())


_is_watching = False


def _watch_forks() -> None:
    global _is_watching
    if not _is_watching:
        os.register_at_fork(before=_before_fork, after_in_child=_in_child)
        _is_watching = True


def _before_fork() -> None:
    for guard in list(_live):
        guard.found(_forked())


def _in_child() -> None:
    """There is no bridge in the child."""
    _live.clear()
    os.fork, os.forkpty = _fork, _forkpty
