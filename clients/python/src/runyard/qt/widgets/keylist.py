"""Which metrics are plotted: each with the last value that is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QWidget

# What people look for first.
_FIRST = ("return", "reward", "score", "loss", "sps")
_NAME = Qt.ItemDataRole.UserRole


class KeyList(QListWidget):
    """Boxes to be ticked; the keyboard's space does."""

    ticked = Signal(object, object)
    """A metric's name, and whether it is to be plotted."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("metrics")
        self.setFrameShape(QListWidget.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # On the ground of the window: on a list's, the boxes of some styles are not seen in the dark.
        self.viewport().setAutoFillBackground(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._items: dict[str, QListWidgetItem] = {}
        self.itemChanged.connect(self._changed)

    def forget(self) -> None:
        self._items.clear()
        self.clear()

    def know(self, last: Mapping[str, float], chosen: Sequence[str]) -> None:
        """Adds what is new, and says the values of today."""
        self.blockSignals(True)
        new = [name for name in last if name not in self._items]
        if new:
            values = {name: item.text() for name, item in self._items.items()}
            self.clear()
            self._items.clear()
            for name in sorted({*values, *last}, key=rank):
                item = QListWidgetItem(values.get(name, name))
                item.setData(_NAME, name)
                item.setToolTip(name)
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                item.setCheckState(_state(name in chosen))
                self.addItem(item)
                self._items[name] = item
        for name, value in last.items():
            text = f"{name}  {value:.4g}"
            if self._items[name].text() != text:
                self._items[name].setText(text)
        self.blockSignals(False)

    def tick(self, chosen: Sequence[str]) -> None:
        """Ticks these, without telling."""
        self.blockSignals(True)
        for name, item in self._items.items():
            item.setCheckState(_state(name in chosen))
        self.blockSignals(False)

    def _changed(self, item: QListWidgetItem) -> None:
        self.ticked.emit(item.data(_NAME), item.checkState() == Qt.CheckState.Checked)


def rank(key: str) -> tuple[int, str]:
    found = [at for at, word in enumerate(_FIRST) if word in key.lower()]
    return (min(found, default=len(_FIRST)), key)


def _state(on: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
