"""What happened to a run, in order: each with the state that it led to, and the small facts of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QVBoxLayout, QWidget

from ...v1 import orchestrator_pb2 as pb
from . import look

_Index = QModelIndex | QPersistentModelIndex
_INNER = ("kind", "code", "signal", "text", "name")
_HEADERS = ("time", "#", "event", "to", "what")


class EventsModel(QAbstractTableModel):
    """Events of one run; new ones are added at the end."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._events: list[pb.RunEvent] = []

    def clear(self) -> None:
        self.beginResetModel()
        self._events = []
        self.endResetModel()

    def add(self, events: Sequence[pb.RunEvent]) -> None:
        """Those that are there already are left out."""
        last = self._events[-1].seq if self._events else 0
        new = [event for event in events if event.seq > last]
        if not new:
            return
        begin = len(self._events)
        self.beginInsertRows(QModelIndex(), begin, begin + len(new) - 1)
        self._events.extend(new)
        self.endInsertRows()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._events)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(_HEADERS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return _HEADERS[section]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        event = self._events[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return _cell(event, index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return (
                f"{exact_of(event)}\n{getattr(event, 'from')} → {event.to}\n{_facts(event)}".strip()
            )
        return None


class EventsView(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = EventsModel(self)
        self._table = QTableView()
        self._table.setModel(self.model)
        self._table.setShowGrid(False)
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setTabKeyNavigation(False)
        self._table.setFrameShape(QTableView.Shape.NoFrame)
        self._table.setAccessibleName("events")
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        head = self._table.horizontalHeader()
        head.setStretchLastSection(True)
        head.setHighlightSections(False)
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        head.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for at, chars in enumerate((12, 4, 20, 24)):
            self._table.setColumnWidth(at, self.fontMetrics().averageCharWidth() * chars + 18)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)
        self.model.rowsInserted.connect(lambda *_: self._table.scrollToBottom())


def exact_of(event: pb.RunEvent) -> str:
    return look.exact(event.at)


def _cell(event: pb.RunEvent, column: int) -> str:
    if column == 0:
        return exact_of(event)[11:]
    if column == 1:
        return str(event.seq)
    if column == 2:
        return event.event
    if column == 3:
        return event.to
    return _facts(event)


def _facts(event: pb.RunEvent) -> str:
    try:
        facts = json.loads(event.detail_json or "{}")
    except ValueError:
        return event.detail_json
    return "  ".join(
        f"{name} {_fact(value)}" for name, value in facts.items() if value not in (None, "", [])
    )


def _fact(value: object) -> str:
    if isinstance(value, dict):
        # Such as an exit: what of it fits into a line.
        inner = [
            f"{name} {one}" for name, one in value.items() if name in _INNER and one is not None
        ]
        return ", ".join(inner) or json.dumps(value)
    return value if isinstance(value, str) else json.dumps(value)
