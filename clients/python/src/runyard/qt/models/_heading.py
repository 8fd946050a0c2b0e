"""A column of a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

from PySide6.QtCore import Qt

from ._rows import Row

_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True)
class Heading(Generic[Row]):
    """A column. `sort` gives numbers alone, or texts alone; without it the text is what is sorted by."""

    title: str
    text: Callable[[Row], str]
    sort: Callable[[Row], Any] | None = None
    tip: Callable[[Row], str] | None = None
    right: bool = False
    about: str = ""

    @property
    def alignment(self) -> Qt.AlignmentFlag:
        return _RIGHT if self.right else _LEFT

    def order(self, row: Row) -> Any:
        return self.text(row) if self.sort is None else self.sort(row)
