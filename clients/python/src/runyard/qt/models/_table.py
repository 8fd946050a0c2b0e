"""A table of rows that have keys: sorted and filtered by itself, changed in place.

A proxy model in Python would ask for each comparison; ten thousand rows would take it half a second.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

Row = TypeVar("Row")
Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
# More pieces than this are not told one by one: what is new goes to the end, and then all are put in order at once.
_PIECES_MOST = 24

SortRole = Qt.ItemDataRole.UserRole + 1
"""What a column is sorted by: a number or a text."""
RowRole = Qt.ItemDataRole.UserRole + 2
"""The message of the row, the same in all columns."""
KeyRole = Qt.ItemDataRole.UserRole + 3
"""What the row is known by."""


@dataclass(frozen=True)
class Heading(Generic[Row]):
    """A column. `sort` gives numbers alone, or texts alone; without it the text is what is sorted by."""

    title: str
    text: Callable[[Row], str]
    sort: Callable[[Row], Any] | None = None
    tip: Callable[[Row], str] | None = None
    right: bool = False
    about: str = ""

    def order(self, row: Row) -> Any:
        return self.text(row) if self.sort is None else self.sort(row)


class Table(QAbstractTableModel, Generic[Row]):
    """Subclasses say `headings`, `key_of` and, where there is one, the `tie` and the filter's `words_of`."""

    headings: Sequence[Heading[Row]]

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        # All that are known, and those of them that are shown, with what they are sorted by.
        self._all: dict[Hashable, Row] = {}
        self._rows: list[Row] = []
        self._orders: list[Any] = []
        self._numbers: dict[Hashable, int] = {}
        # From here on numbers may be wrong.
        self._sure = 0
        self._column = -1
        self._falls = False
        self._filter: tuple[str, ...] = ()
        self._words: dict[Hashable, str] = {}

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
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.headings)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, heading = self._rows[index.row()], self.headings[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return heading.text(row)
        if role == Qt.ItemDataRole.ToolTipRole:
            return (heading.tip or heading.text)(row) or None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if heading.right else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
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
        """By a column; by none of them with -1, which is the order of the list."""
        self._column, self._falls = column, order == Qt.SortOrder.DescendingOrder
        self._orders = [self._order_of(row) for row in self._rows]
        self._put_in_order()

    # What programs ask for.

    def row_of(self, key: Hashable) -> int:
        """Where it is shown; -1 when it is not."""
        if self._sure < len(self._rows):
            for number in range(self._sure, len(self._rows)):
                self._numbers[self.key_of(self._rows[number])] = number
            self._sure = len(self._rows)
        return self._numbers.get(key, -1)

    def get(self, key: Hashable) -> Row | None:
        """What is known of it, shown or not."""
        return self._all.get(key)

    def at(self, row: int) -> Row:
        return self._rows[row]

    def known(self) -> list[Row]:
        """All rows, also those that the filter hides."""
        return list(self._all.values())

    def set_filter(self, text: str) -> None:
        """Shows the rows in which each of these words is found, in any case; all when empty."""
        self._filter = tuple(text.lower().split())
        gone = [key for key in map(self.key_of, self._rows) if not self._shows(key)]
        new = [key for key in self._all if self._shows(key) and self.row_of(key) < 0]
        self._take_out(gone)
        self._put_in(new)

    def update_rows(self, rows: Iterable[Row], removed: Iterable[Hashable] = (), whole: bool = False) -> None:
        """Takes rows for what they are now, and drops some; with `whole`, all that are not among them."""
        now = {self.key_of(row): row for row in rows}
        gone = [key for key in removed if key in self._all and key not in now]
        if whole:
            gone = [key for key in self._all if key not in now]
        self._take_out([key for key in gone if self.row_of(key) >= 0])
        for key in gone:
            del self._all[key]
            del self._words[key]
        changed = [
            key for key, row in now.items() if self._all.get(key) is not row and self._all.get(key) != row
        ]
        new: list[Hashable] = []
        hidden: list[Hashable] = []
        touched: list[Hashable] = []
        for key in changed:
            self._all[key] = now[key]
            # Now and not when it is asked for: then it would be for all of them at once.
            self._words[key] = self.words_of(now[key]).lower()
            was, shows = self.row_of(key), self._shows(key)
            if was >= 0:
                (touched if shows else hidden).append(key)
            elif shows:
                new.append(key)
        self._take_out(hidden)
        self._change(touched)
        self._put_in(new)

    # Below, keys are of rows that are shown, but for those that are put in.

    def _shows(self, key: Hashable) -> bool:
        if not self._filter:
            return True
        words = self._words[key]
        return all(word in words for word in self._filter)

    def _order_of(self, row: Row) -> Any:
        if self._column < 0:
            return self.tie_of(row)
        return (self.headings[self._column].order(row), self.tie_of(row))

    def _comes_before(self, one: Any, other: Any) -> bool:
        """The order of the list begins with the greatest tie; that of a column, as it was asked for."""
        falls = self._falls or self._column < 0
        return bool(other < one if falls else one < other)

    def _place_for(self, order: Any) -> int:
        low, high = 0, len(self._rows)
        while low < high:
            middle = (low + high) // 2
            if self._comes_before(order, self._orders[middle]):
                high = middle
            else:
                low = middle + 1
        return low

    def _take_out(self, keys: Sequence[Hashable]) -> None:
        if not keys:
            return
        pieces = _pieces(sorted(map(self.row_of, keys)))
        if len(pieces) > _PIECES_MOST:
            self._move_to_end(set(keys))
            pieces = [(len(self._rows) - len(keys), len(self._rows) - 1)]
        for first, last in reversed(pieces):
            self.beginRemoveRows(QModelIndex(), first, last)
            for row in self._rows[first : last + 1]:
                del self._numbers[self.key_of(row)]
            del self._rows[first : last + 1]
            del self._orders[first : last + 1]
            self._sure = min(self._sure, first)
            self.endRemoveRows()

    def _put_in(self, keys: Sequence[Hashable]) -> None:
        if not keys:
            return
        rows = [self._all[key] for key in keys]
        orders = [self._order_of(row) for row in rows]
        by_order = sorted(
            range(len(rows)), key=orders.__getitem__, reverse=self._falls or self._column < 0
        )
        pieces = self._pieces_of(by_order, orders)
        is_scattered = len(pieces) > _PIECES_MOST
        if is_scattered:
            pieces = [(len(self._rows), by_order)]
        for place, numbers in reversed(pieces):
            self.beginInsertRows(QModelIndex(), place, place + len(numbers) - 1)
            self._rows[place:place] = [rows[number] for number in numbers]
            self._orders[place:place] = [orders[number] for number in numbers]
            self._sure = min(self._sure, place)
            self.endInsertRows()
        if is_scattered:
            self._put_in_order()

    def _pieces_of(self, by_order: list[int], orders: list[Any]) -> list[tuple[int, list[int]]]:
        """Where new rows belong, and which of them, in their order; only as many as are worth to be told apart."""
        if not self._rows or self._comes_before(orders[by_order[-1]], self._orders[0]):
            return [(0, by_order)]
        pieces: list[tuple[int, list[int]]] = []
        for number in by_order:
            place = self._place_for(orders[number])
            if pieces and pieces[-1][0] == place:
                pieces[-1][1].append(number)
            else:
                pieces.append((place, [number]))
                if len(pieces) > _PIECES_MOST:
                    break
        return pieces

    def _change(self, keys: Sequence[Hashable]) -> None:
        """New content of rows; those whose place is another one now are moved."""
        touched = sorted(map(self.row_of, keys))
        for key in keys:
            number, row = self.row_of(key), self._all[key]
            self._rows[number] = row
            self._orders[number] = self._order_of(row)
        for first, last in _pieces(touched):
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(self.headings) - 1))
        if not all(map(self._is_in_place, touched)):
            self._put_in_order()

    def _is_in_place(self, number: int) -> bool:
        order = self._orders[number]
        if number > 0 and self._comes_before(order, self._orders[number - 1]):
            return False
        last = number + 1 == len(self._orders)
        return last or not self._comes_before(self._orders[number + 1], order)

    def _put_in_order(self) -> None:
        numbers = sorted(
            range(len(self._rows)),
            key=self._orders.__getitem__,
            reverse=self._falls or self._column < 0,
        )
        self._lay_out(numbers)

    def _move_to_end(self, keys: set[Hashable]) -> None:
        goes = [self.key_of(row) in keys for row in self._rows]
        self._lay_out(sorted(range(len(self._rows)), key=goes.__getitem__))

    def _lay_out(self, numbers: Sequence[int]) -> None:
        """Shows in place n what was in `numbers[n]`."""
        if all(number == place for place, number in enumerate(numbers)):
            return
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        places = {}
        if before:
            places = {number: place for place, number in enumerate(numbers)}
        self._rows = [self._rows[number] for number in numbers]
        self._orders = [self._orders[number] for number in numbers]
        self._sure = 0
        after = [self.index(places[one.row()], one.column()) for one in before]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()


def _pieces(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Rising numbers as ranges, first and last."""
    pieces: list[tuple[int, int]] = []
    for number in numbers:
        if pieces and pieces[-1][1] + 1 == number:
            pieces[-1] = (pieces[-1][0], number)
        else:
            pieces.append((number, number))
    return pieces
