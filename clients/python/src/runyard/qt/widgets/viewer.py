"""Shows one file: a video is played where Qt Multimedia is there, a picture is seen, all else has words."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImageReader, QPalette, QPixmap, QResizeEvent
from PySide6.QtWidgets import QLabel, QStackedWidget

if TYPE_CHECKING:
    from .player import Player

_INSTALL = "To see it here: pip install './clients/python[video]'"


class Viewer(QStackedWidget):
    """A video, a picture, or words."""

    def __init__(self) -> None:
        super().__init__()
        self._words = QLabel(alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        self._words.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._picture = _Picture()
        self.addWidget(self._words)
        self.addWidget(self._picture)
        # Made for the first video: what it needs is large.
        self.player: Player | None = None
        self._why_not = "" if find_spec("PySide6.QtMultimedia") else _INSTALL

    def sizeHint(self) -> QSize:
        return QSize(320, 180)

    def nothing(self, text: str) -> None:
        if self.player is not None:
            self.player.stop()
        self._words.setText(text)
        self.setCurrentWidget(self._words)

    def see(self, place: Path) -> None:
        reader = QImageReader(str(place))
        reader.setAutoTransform(True)
        # In the file, a picture may be larger than any screen.
        size = reader.size()
        if size.width() > 2000 or size.height() > 2000:
            reader.setScaledSize(size.scaled(2000, 2000, Qt.AspectRatioMode.KeepAspectRatio))
        image = reader.read()
        if image.isNull():
            self.nothing(f"It cannot be shown: {reader.errorString()}")
            return
        self._picture.show_pixmap(QPixmap.fromImage(image))
        self.setCurrentWidget(self._picture)

    @property
    def plays(self) -> bool:
        """Whether videos are worth being fetched to be played here."""
        return self._why_not == ""

    def open_outside(self) -> None:
        """Says that the video is to be played with something else, and why."""
        self.nothing(f"Open plays it with your video player. {self._why_not}".strip())

    def play(self, place: Path) -> None:
        if self.player is None and self.plays:
            self._make_player()
        if self.player is None:
            self.open_outside()
            return
        self.setCurrentWidget(self.player)
        self.player.play(place)

    def _make_player(self) -> None:
        try:
            from .player import Player

            self.player = Player()
        except (ImportError, RuntimeError) as error:
            # A library of the system is missing, or each of Qt's backends.
            self._why_not = f"Here it cannot be played: {error}"
            return
        self.player.failed.connect(self._failed)
        self.addWidget(self.player)

    def _failed(self, why: str) -> None:
        self.nothing(f"Open plays it with your video player. Here it cannot be played: {why}")


class _Picture(QLabel):
    def __init__(self) -> None:
        super().__init__(alignment=Qt.AlignmentFlag.AlignCenter)
        self.setMinimumSize(1, 1)
        self._all = QPixmap()

    def show_pixmap(self, pixmap: QPixmap) -> None:
        self._all = pixmap
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if self._all.isNull():
            return
        keep, smooth = (
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        room = self.size().boundedTo(self._all.size())
        self.setPixmap(self._all.scaled(room, keep, smooth))
