"""A sentence at the top of a window that asks for attention, with what can be done about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from . import look

_SHOWN_MOST = 3


class NoticeBoard(QWidget):
    """The latest three notices; each stays until somebody closes it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(0)
        self._notices: list[_Notice] = []
        self.setVisible(False)

    @property
    def texts(self) -> list[str]:
        """What is shown, the latest first."""
        return [notice.text for notice in self._notices]

    def add(
        self,
        status: str,
        text: str,
        acts: Sequence[tuple[str, Callable[[], object]]] = (),
    ) -> None:
        """status: gives glyph and colour. acts: words of a button, and what it does; that closes the notice, too."""
        notice = _Notice(status, text, acts, self._close)
        self._notices.insert(0, notice)
        self._rows.insertWidget(0, notice)
        for old in self._notices[_SHOWN_MOST:]:
            self._close(old)
        self.setVisible(True)

    def clear(self) -> None:
        for notice in list(self._notices):
            self._close(notice)

    def _close(self, notice: _Notice) -> None:
        if notice in self._notices:
            self._notices.remove(notice)
            self._rows.removeWidget(notice)
            notice.hide()
            notice.deleteLater()
        self.setVisible(bool(self._notices))


class _Notice(QFrame):
    def __init__(
        self,
        status: str,
        text: str,
        acts: Sequence[tuple[str, Callable[[], object]]],
        close: Callable[[_Notice], None],
    ) -> None:
        super().__init__()
        self.text = text
        color = look.state_color(status, self.palette())
        soft = f"rgba({color.red()}, {color.green()}, {color.blue()}, 30)"
        self.setObjectName("notice")
        self.setStyleSheet(
            f"#notice {{ background: {soft}; border: none; border-bottom: 1px solid {color.name()} }}"
        )
        mark = QLabel(look.glyph_of(status))
        mark.setStyleSheet(f"color: {color.name()}")
        words = QLabel(text, wordWrap=True)
        words.setTextFormat(Qt.TextFormat.PlainText)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 6, 4)
        row.addWidget(mark)
        row.addWidget(words, 1)
        for label, act in acts:
            button = QPushButton(label)
            button.clicked.connect(self._doing(act, close))
            row.addWidget(button)
        shut = QToolButton(autoRaise=True)
        shut.setText("✕")
        shut.setToolTip("Close")
        shut.setAccessibleName("close the notice")
        shut.clicked.connect(lambda: close(self))
        row.addWidget(shut)

    def _doing(
        self, act: Callable[[], object], close: Callable[[_Notice], None]
    ) -> Callable[[], None]:
        def do() -> None:
            close(self)
            act()

        return do
