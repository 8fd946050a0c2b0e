"""Runyard in a window of Qt: `TrainerQBridgeThread` owns all I/O with the daemon, item models show what it brings.

Needs PySide6: pip install './clients/python[qt]'. See docs/qt.md.
"""

from .bridge import TrainerQBridgeThread
from .guard import BootstrapError, BootstrapWarning, Finding
from .messages import Column, Connection, LogLines, MetricsArrived, RunEvents, RunsChange
from .requests import Request, Watch

__all__ = [
    "BootstrapError",
    "BootstrapWarning",
    "Column",
    "Connection",
    "Finding",
    "LogLines",
    "MetricsArrived",
    "Request",
    "RunEvents",
    "RunsChange",
    "TrainerQBridgeThread",
    "Watch",
]
