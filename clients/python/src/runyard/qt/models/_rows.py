"""Rows that are known by keys, and those of them that are shown, in their order. Knows nothing of Qt."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar

Row = TypeVar("Row")
LAST: Final = "last"

# More pieces than this are not told one by one: what is new goes to the end, and then all are put in order at once.
PIECES_MOST = 24
# Rows between two looks at the clock, and rows that are sorted in one go.
_STRIDE = 64
_BATCH = 1000


@dataclass(frozen=True)
class Wish:
    """What is to be shown, in which order. Without a column that is the list's, which begins with the greatest tie."""

    column: int = -1
    falls: bool = False
    words: tuple[str, ...] = ()

    @property
    def reverse(self) -> bool:
        return self.falls or self.column < 0


class Rows(Generic[Row]):
    """order_of: what a row is sorted by, for a wish."""

    def __init__(self, order_of: Callable[[Row, Wish], Any]) -> None:
        self._order_of = order_of
        self.all: dict[Hashable, Row] = {}
        # What the filter looks at, of each that is known.
        self.words: dict[Hashable, str] = {}
        # Of those that are shown: themselves, what they are known by and sorted by.
        self.shown: list[Row] = []
        self.keys: list[Hashable] = []
        self.orders: list[Any] = []
        self.wish = Wish()
        self._numbers: dict[Hashable, int] = {}
        # From here on numbers may be wrong.
        self._sure = 0

    def numbers(self) -> dict[Hashable, int]:
        """Where each is shown."""
        if self._sure < len(self.keys):
            self._numbers.update(zip(self.keys[self._sure :], range(self._sure, len(self.keys))))
            self._sure = len(self.keys)
        return self._numbers

    def row_of(self, key: Hashable) -> int:
        return self.numbers().get(key, -1)

    def shows(self, key: Hashable, wish: Wish) -> bool:
        if not wish.words:
            return True
        words = self.words[key]
        return all(word in words for word in wish.words)

    def order_of(self, key: Hashable) -> Any:
        return self._order_of(self.all[key], self.wish)

    def in_order(self) -> list[int]:
        """Numbers of what is shown, in the order in which it belongs."""
        places = range(len(self.keys))
        return sorted(places, key=self.orders.__getitem__, reverse=self.wish.reverse)

    def is_in_place(self, number: int) -> bool:
        order = self.orders[number]
        if number > 0 and self._comes_before(order, self.orders[number - 1]):
            return False
        last = number + 1 == len(self.orders)
        return last or not self._comes_before(self.orders[number + 1], order)

    def pieces_of(self, orders: Mapping[Hashable, Any]) -> list[tuple[int, list[Hashable]]]:
        """Where new rows belong, and which of them, in their order; all at the end where that would be many places."""
        rest = sorted(orders, key=orders.__getitem__, reverse=self.wish.reverse)
        if not self.keys or self._comes_before(orders[rest[-1]], self.orders[0]):
            return [(0, rest)]
        pieces: list[tuple[int, list[Hashable]]] = []
        for key in rest:
            place = self._place_for(orders[key])
            if pieces and pieces[-1][0] == place:
                pieces[-1][1].append(key)
            elif len(pieces) == PIECES_MOST:
                return [(len(self.keys), rest)]
            else:
                pieces.append((place, [key]))
        return pieces

    def set(self, key: Hashable) -> None:
        """What is known of one that is shown has changed."""
        number = self.row_of(key)
        self.shown[number] = self.all[key]
        self.orders[number] = self.order_of(key)

    def cut(self, first: int, last: int) -> None:
        for key in self.keys[first : last + 1]:
            self._numbers.pop(key, None)
        for column in (self.shown, self.keys, self.orders):
            del column[first : last + 1]
        self._sure = min(self._sure, first)

    def insert(self, place: int, keys: Sequence[Hashable], orders: Mapping[Hashable, Any]) -> None:
        self.shown[place:place] = [self.all[key] for key in keys]
        self.orders[place:place] = [orders[key] for key in keys]
        self.keys[place:place] = keys
        self._sure = min(self._sure, place)

    def permute(self, numbers: Sequence[int]) -> None:
        """Puts in place n what was in `numbers[n]`."""
        self.shown = list(map(self.shown.__getitem__, numbers))
        self.keys = list(map(self.keys.__getitem__, numbers))
        self.orders = list(map(self.orders.__getitem__, numbers))
        self._sure = 0

    def arranging(
        self, wish: Wish, touched: dict[Hashable, None]
    ) -> Iterator[Arranged | Literal["last"] | None]:
        """Works out a wish: comes back with None now and then, before what is left with LAST, then with all of it.

        touched: keys of rows that changed since it was asked last; it takes them out.
        """
        orders: dict[Hashable, Any] = {}
        todo = list(self.all)
        while todo:
            for start in range(0, len(todo), _STRIDE):
                for key in todo[start : start + _STRIDE]:
                    self._look(key, wish, orders)
                yield None
            # What changed meanwhile has to be looked at again; that is less and less.
            todo = list(touched)
            touched.clear()
        # Batches that are in order are put into one order in no time.
        keys = list(orders)
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            batch.sort(key=orders.__getitem__, reverse=wish.reverse)
            keys[start : start + _BATCH] = batch
            yield None
        # The rest is done in one go, and has a turn for itself.
        yield LAST
        for key in touched:
            self._look(key, wish, orders)
        keys = [key for key in keys if key in orders and key not in touched]
        keys += [key for key in touched if key in orders]
        keys.sort(key=orders.__getitem__, reverse=wish.reverse)
        yield Arranged(wish, keys, orders)

    def _look(self, key: Hashable, wish: Wish, orders: dict[Hashable, Any]) -> None:
        orders.pop(key, None)
        if key in self.all and self.shows(key, wish):
            orders[key] = self._order_of(self.all[key], wish)

    def _comes_before(self, one: Any, other: Any) -> bool:
        return bool(other < one if self.wish.reverse else one < other)

    def _place_for(self, order: Any) -> int:
        low, high = 0, len(self.keys)
        while low < high:
            middle = (low + high) // 2
            if self._comes_before(order, self.orders[middle]):
                high = middle
            else:
                low = middle + 1
        return low


@dataclass(frozen=True)
class Arranged:
    """Keys of all that is to be shown, in their order, and what each is sorted by."""

    wish: Wish
    keys: list[Hashable]
    orders: dict[Hashable, Any]


def pieces(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Rising numbers as ranges, first and last."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] + 1 == number:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
