"""A selection of ten thousand rows that costs as much as what is seen of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QItemSelectionRange,
    QModelIndex,
    Signal,
)
from PySide6.QtWidgets import QTableView

from ..models._rows import pieces
from ..models._table import Table

_Flag = QItemSelectionModel.SelectionFlag
_PICKS = _Flag.Select | _Flag.Deselect | _Flag.Toggle
# Rows above and below those that are seen.
_MARGIN = 8


class KeySelection(QItemSelectionModel):
    """Rows are selected by their keys, and stay so wherever they are sorted to; Qt is told of those near what is seen.

    Qt keeps ranges: of rows that lie scattered as many as rows, and it looks through them for each cell that it draws
    and with each change of the table. A hidden row is not selected.
    """

    changed = Signal()
    """Other rows are selected."""

    def __init__(self, model: Table[Any], view: QTableView) -> None:
        super().__init__()
        self.setParent(view)
        self._table = model
        self._view = view
        # As Qt does: what was selected before, and what the gesture that goes on does to it.
        self._before: set[Hashable] = set()
        self._now: set[Hashable] = set()
        self._how = _Flag.Select
        self._told: list[int] = []
        # Before Qt makes a note of where each selected cell is, ours and its own.
        model.layoutAboutToBeChanged.connect(self._hide)
        self.setModel(model)
        model.rowsAboutToBeRemoved.connect(self._lose)
        for signal in (model.rowsInserted, model.rowsRemoved, model.layoutChanged):
            signal.connect(self.show_seen)
        view.verticalScrollBar().valueChanged.connect(self.show_seen)
        view.verticalScrollBar().rangeChanged.connect(self.show_seen)

    @property
    def keys(self) -> set[Hashable]:
        if not self._now:
            return self._before
        if self._how & _Flag.Toggle:
            return self._before ^ self._now
        return self._before - self._now if self._how & _Flag.Deselect else self._before | self._now

    def select(  # type: ignore[override]
        self, what: QItemSelection | QModelIndex, how: QItemSelectionModel.SelectionFlag
    ) -> None:
        """What views and programs call; whole rows always."""
        if how == _Flag.NoUpdate:
            return
        before = self.keys
        if how & _Flag.Clear:
            self._before, self._now = set(), set()
        if not how & _Flag.Current:
            self._before, self._now = self.keys, set()
        if how & _PICKS:
            self._how = how
            self._now = {self._table.key_at(row) for row in _rows_of(what)}
        self.show_seen()
        if self.keys != before:
            self.changed.emit()

    def reset(self) -> None:
        self._before, self._now, self._told = set(), set(), []
        super().reset()

    def show_seen(self, *_: object) -> None:
        """Tells Qt of the selected rows among those that can be seen."""
        keys, table = self.keys, self._table
        if not keys and not self._told:
            return
        count, view = table.rowCount(), self._view
        top, bottom = view.rowAt(0), view.rowAt(view.viewport().height() - 1)
        first = max(top, 0) - _MARGIN
        last = (bottom if bottom >= 0 else count) + _MARGIN
        seen = range(max(first, 0), min(last + 1, count))
        rows = [row for row in seen if table.key_at(row) in keys]
        if keys and not rows:
            # What Qt holds to be empty, it does not clear.
            rows = [table.row_of(next(iter(keys)))]
        self._told = rows
        told, end = QItemSelection(), table.columnCount() - 1
        for low, high in pieces(rows):
            told.append(QItemSelectionRange(table.index(low, 0), table.index(high, end)))
        super().select(told, _Flag.ClearAndSelect)

    def _hide(self, *_: object) -> None:
        if self._told:
            self._told = []
            # All is drawn anew in a moment.
            self.blockSignals(True)
            super().select(QItemSelection(), _Flag.Clear)
            self.blockSignals(False)

    def _lose(self, _: QModelIndex, first: int, last: int) -> None:
        gone = {self._table.key_at(row) for row in range(first, last + 1)}
        if gone.isdisjoint(self._before) and gone.isdisjoint(self._now):
            return
        self._before -= gone
        self._now -= gone
        self.changed.emit()


def _rows_of(what: QItemSelection | QModelIndex) -> Iterable[int]:
    if isinstance(what, QModelIndex):
        return [what.row()] if what.isValid() else []
    parts: Any = what
    # One for each column, where columns were moved.
    ranges = {(part.top(), part.bottom()) for part in parts if part.isValid()}
    return {row for top, bottom in ranges for row in range(top, bottom + 1)}
