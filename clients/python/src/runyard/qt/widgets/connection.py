"""What is wrong with the connection, and what to do about it; nothing while all is well."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from . import look

if TYPE_CHECKING:
    from ..bridge import TrainerQBridgeThread
    from ..messages import Connection

_TITLES = {
    "connecting": "Looking for the daemon …",
    "no_daemon": "No daemon is running",
    "lost": "The daemon is gone",
    "unresponsive": "The daemon does not answer",
    "closed": "Closed",
}
_TEXTS = {
    "no_daemon": "{what}. This window starts none; it goes on by itself once there is one.",
    "lost": "Since {since}, {what}. Runs go on without it, and so does this window once it is back.",
    "unresponsive": "Since {since}, {what}. What is shown is as it was then.",
}


class ConnectionBanner(QFrame):
    """Shown while there is no daemon to talk to, with the command that starts one. It starts nothing itself."""

    def __init__(self, bridge: TrainerQBridgeThread, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("connection")
        self._mark = QLabel()
        self._title = QLabel()
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        self._text = QLabel(wordWrap=True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._command = QLineEdit(readOnly=True)
        self._command.setFont(look.fixed_font())
        self._command.setAccessibleName("command that starts a daemon")
        self._copy = QPushButton("&Copy command")
        self._copy.clicked.connect(self._copied)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self._title)
        words.addWidget(self._text)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 8)
        layout.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(words, 1)
        layout.addWidget(self._command)
        layout.addWidget(self._copy)
        self.setVisible(False)
        self._coloring = False
        self._state = ""
        bridge.connection_changed.connect(self.show_connection)
        if bridge.connection is not None:
            self.show_connection(bridge.connection)

    @property
    def command(self) -> str:
        """The command that is offered, empty while none is."""
        return self._command.text()

    def show_connection(self, connection: Connection) -> None:
        self._state = connection.state
        self.setVisible(connection.state not in ("connected", "closed"))
        since = datetime.fromtimestamp(connection.since).strftime("%H:%M:%S")
        self._title.setText(_TITLES.get(connection.state, connection.state))
        # Of the sentence the first half: the other one is the command beside it.
        what = connection.message.partition(";")[0].rstrip(".")
        text = _TEXTS.get(connection.state, "{what}.").format(what=what, since=since)
        self._text.setText(text[:1].upper() + text[1:])
        self._command.setText(connection.hint)
        self._command.setCursorPosition(0)
        width = self._command.fontMetrics().horizontalAdvance(connection.hint) + 24
        self._command.setFixedWidth(min(max(width, 120), 420))
        self._command.setVisible(connection.hint != "")
        self._copy.setVisible(connection.hint != "")
        self._copy.setText("&Copy command")
        self._color()

    def _color(self) -> None:
        # A style sheet changes the palette in its turn.
        self._coloring = True
        # Not its own palette: the sheet below changes that.
        around = self.parentWidget()
        palette = QGuiApplication.palette() if around is None else around.palette()
        quiet = self._state in ("connecting", "")
        color = look.quiet_color(palette) if quiet else look.state_color("stopping", palette)
        self._mark.setText("◌" if quiet else "▲")
        self._mark.setStyleSheet(f"color: {color.name()}; font-size: 14pt")
        soft = f"rgba({color.red()}, {color.green()}, {color.blue()}, 34)"
        self.setStyleSheet(
            f"#connection {{ background: {soft}; border: none; border-bottom: 1px solid {color.name()} }}"
        )
        self._coloring = False

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and not self._coloring and self.isVisible():
            self._color()

    def _copied(self) -> None:
        QGuiApplication.clipboard().setText(self._command.text())
        self._copy.setText("Copied")
