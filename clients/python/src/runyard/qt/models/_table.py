"""A table of rows that have keys: sorted and filtered by itself, changed in place.

A proxy model in Python would ask for each comparison; ten thousand rows would take it half a second. What takes long
with so many is done a few milliseconds at a time, while the rows are shown as they were.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Generic

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QTimer,
    Signal,
)

from . import _rows
from ._heading import Heading
from ._rows import LAST, Arranged, Row, Rows, Wish

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
# So many rows are sorted and looked through while somebody waits; more of them, in slices of so long.
_AT_ONCE_MOST = 500
_SLICE_S = 0.004
# Two hundred cells ask for seven things each, whenever they are drawn: an enumeration of Python's takes a while.
_DISPLAY, _TIP, _ALIGNMENT = (
    int(role)
    for role in (
        Qt.ItemDataRole.DisplayRole,
        Qt.ItemDataRole.ToolTipRole,
        Qt.ItemDataRole.TextAlignmentRole,
    )
)

SortRole = Qt.ItemDataRole.UserRole + 1
"""What a column is sorted by: a number or a text."""
RowRole = Qt.ItemDataRole.UserRole + 2
"""The message of the row, the same in all columns."""
KeyRole = Qt.ItemDataRole.UserRole + 3
"""What the row is known by."""


class Table(QAbstractTableModel, Generic[Row]):
    """Subclasses say `headings`, `key_of` and, where there is one, the `tie` and the filter's `words_of`."""

    headings: Sequence[Heading[Row]]

    arranging_changed = Signal(bool)
    """See `arranging`: True when it begins, False as soon as what was asked for last is shown."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: Rows[Row] = Rows(self._order_of)
        # What was asked for last, and what leads there, with the rows that changed meanwhile.
        self._wish = Wish()
        self._work: Iterator[Arranged | str | None] | None = None
        self._touched: dict[Hashable, None] = {}
        self._slices = QTimer(self)
        self._slices.setInterval(0)
        self._slices.timeout.connect(self._slice)

    def key_of(self, row: Row) -> Hashable:
        raise NotImplementedError

    def tie_of(self, row: Row) -> Any:
        """What decides among equals, and the order when nothing was said of one."""
        return 0

    def words_of(self, row: Row) -> str:
        """What the filter looks at."""
        return ""

    # What views ask for.

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._rows.keys)

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.headings)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, heading = self._rows.shown[index.row()], self.headings[index.column()]
        if role == _DISPLAY:
            return heading.text(row)
        if role == _ALIGNMENT:
            return heading.alignment
        if role == _TIP:
            return (heading.tip or heading.text)(row) or None
        if role == SortRole:
            return heading.order(row)
        if role == RowRole:
            return row
        if role == KeyRole:
            return self.key_of(row)
        return None

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.headings):
            return None
        heading = self.headings[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return heading.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return heading.about or None
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """By a column; by none of them with -1, which is the order of the list. See `arranging`."""
        falls = order == Qt.SortOrder.DescendingOrder
        self._arrange(replace(self._wish, column=column, falls=falls))

    # What programs ask for.

    def row_of(self, key: Hashable) -> int:
        """Where it is shown; -1 when it is not."""
        return self._rows.row_of(key)

    def rows_of(self, keys: Iterable[Hashable]) -> list[int]:
        """Where those are that are shown, rising."""
        where = map(self._rows.numbers().get, keys)
        return sorted([row for row in where if row is not None])

    def get(self, key: Hashable) -> Row | None:
        """What is known of it, shown or not."""
        return self._rows.all.get(key)

    def at(self, row: int) -> Row:
        return self._rows.shown[row]

    def all_at(self, rows: Iterable[int]) -> list[Row]:
        return list(map(self._rows.shown.__getitem__, rows))

    def key_at(self, row: int) -> Hashable:
        return self._rows.keys[row]

    def known(self) -> list[Row]:
        """All rows, also those that the filter hides."""
        return list(self._rows.all.values())

    def set_filter(self, text: str) -> None:
        """Shows the rows in which each of these words is found, in any case; all when empty. See `arranging`."""
        self._arrange(replace(self._wish, words=tuple(text.lower().split())))

    @property
    def arranging(self) -> bool:
        """Whether it still sorts or looks through its rows: with more than 500 that is done beside the event loop.

        Meanwhile they are shown as before, and kept true. What is asked for meanwhile takes the place of it.
        """
        return self._work is not None

    def update_rows(self, rows: Iterable[Row], removed: Iterable[Hashable] = (), whole: bool = False) -> None:
        """Takes rows for what they are now, and drops some; with `whole`, all that are not among them."""
        mine = self._rows
        now = {self.key_of(row): row for row in rows}
        gone = [key for key in removed if key in mine.all and key not in now]
        if whole:
            gone = [key for key in mine.all if key not in now]
        self._take_out([key for key in gone if mine.row_of(key) >= 0])
        for key in gone:
            del mine.all[key]
            del mine.words[key]
        known = mine.all.get
        changed = [key for key, row in now.items() if known(key) is not row and known(key) != row]
        if self._work is not None:
            self._touched.update(dict.fromkeys((*gone, *changed)))
        new: list[Hashable] = []
        hidden: list[Hashable] = []
        touched: list[Hashable] = []
        for key in changed:
            mine.all[key] = now[key]
            # Now and not when it is asked for: then it would be for all of them at once.
            mine.words[key] = self.words_of(now[key]).lower()
            was, shows = mine.row_of(key), mine.shows(key, mine.wish)
            if was >= 0:
                (touched if shows else hidden).append(key)
            elif shows:
                new.append(key)
        self._take_out(hidden)
        self._change(touched)
        self._put_in(new)

    def tell(self, rows: Sequence[int], first: int, last: int) -> None:
        """These rows, as rising numbers, changed in the columns from `first` to `last`."""
        pieces = _rows.pieces(rows)
        if len(pieces) > _rows.PIECES_MOST:
            # A view draws those alone that are seen.
            pieces = [(rows[0], rows[-1])]
        for top, bottom in pieces:
            self.dataChanged.emit(self.index(top, first), self.index(bottom, last))

    # Another order, or other rows.

    def _order_of(self, row: Row, wish: Wish) -> Any:
        if wish.column < 0:
            return self.tie_of(row)
        return (self.headings[wish.column].order(row), self.tie_of(row))

    def _arrange(self, wish: Wish) -> None:
        if wish == self._wish:
            return
        self._wish = wish
        self._touched = {}
        self._work = self._rows.arranging(wish, self._touched)
        if len(self._rows.all) <= _AT_ONCE_MOST:
            self._go_on(float("inf"))
        elif not self._slices.isActive():
            self._slices.start()
            self.arranging_changed.emit(True)

    def _slice(self) -> None:
        self._go_on(_SLICE_S)

    def _go_on(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        for step in self._work or ():
            if isinstance(step, Arranged):
                self._show(step)
                break
            now = time.perf_counter()
            if now > end or (step == LAST and now > end - _SLICE_S / 2):
                return
        self._work = None
        if self._slices.isActive():
            self._slices.stop()
            self.arranging_changed.emit(False)

    def _show(self, what: Arranged) -> None:
        """These and no others, as they come: what goes is cut off at the end, what is new is added there."""
        mine = self._rows
        numbers = mine.numbers()
        gone: list[int] = []
        new: list[Hashable] = []
        if numbers.keys() == what.orders.keys():
            stays = list(map(numbers.__getitem__, what.keys))
        else:
            stays = [numbers[key] for key in what.keys if key in numbers]
            new = [key for key in what.keys if key not in numbers]
            gone = [number for number, key in enumerate(mine.keys) if key not in what.orders]
        mine.wish = what.wish
        mine.orders = list(map(what.orders.get, mine.keys))
        if gone or not new:
            self._lay_out([*stays, *gone])
        if gone:
            self._cut(len(stays), len(mine.keys) - 1)
        if new:
            self._insert(len(mine.keys), new, what.orders)
            numbers = mine.numbers()
            self._lay_out([numbers[key] for key in what.keys])

    # Below, keys are of rows that are shown, but for those that are put in.

    def _take_out(self, keys: Sequence[Hashable]) -> None:
        if not keys:
            return
        mine = self._rows
        pieces = _rows.pieces(self.rows_of(keys))
        if len(pieces) > _rows.PIECES_MOST:
            goes = set(keys)
            end = [key in goes for key in mine.keys]
            self._lay_out(sorted(range(len(end)), key=end.__getitem__))
            pieces = [(len(end) - len(goes), len(end) - 1)]
        for first, last in reversed(pieces):
            self._cut(first, last)

    def _cut(self, first: int, last: int) -> None:
        self.beginRemoveRows(QModelIndex(), first, last)
        self._rows.cut(first, last)
        self.endRemoveRows()

    def _put_in(self, keys: Sequence[Hashable]) -> None:
        if not keys:
            return
        orders = {key: self._rows.order_of(key) for key in keys}
        for place, some in reversed(self._rows.pieces_of(orders)):
            self._insert(place, some, orders)
        self._lay_out_where_needed(map(self._rows.row_of, keys))

    def _insert(
        self, place: int, keys: Sequence[Hashable], orders: Mapping[Hashable, Any]
    ) -> None:
        self.beginInsertRows(QModelIndex(), place, place + len(keys) - 1)
        self._rows.insert(place, keys, orders)
        self.endInsertRows()

    def _change(self, keys: Sequence[Hashable]) -> None:
        """New content of rows; those whose place is another one now are moved."""
        if not keys:
            return
        for key in keys:
            self._rows.set(key)
        rows = self.rows_of(keys)
        self.tell(rows, 0, len(self.headings) - 1)
        self._lay_out_where_needed(rows)

    def _lay_out_where_needed(self, rows: Iterable[int]) -> None:
        if not all(map(self._rows.is_in_place, rows)):
            self._lay_out(self._rows.in_order())

    def _lay_out(self, numbers: list[int]) -> None:
        """Shows in place n what was in `numbers[n]`."""
        if numbers == list(range(len(numbers))):
            return
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        self._rows.permute(numbers)
        if before:
            kept = {one.row() for one in before}
            places = {number: place for place, number in enumerate(numbers) if number in kept}
            after = [self.index(places[one.row()], one.column()) for one in before]
            self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()
